//! Exit codes, and what leads to them. Those of a transfer are rsync's; those of a deployment follow from 40 on.

use std::process::ExitCode;

use rsync_proto::error::{Clock, ProgramEnd, Refused, TlsFault};
use rsync_proto::report::Summary;
use rsync_proto::wire::flags::io_error;
use rsync_proto::{Error, session};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Usage,
    Protocol,
    Files,
    Unsupported,
    Startup,
    Connection,
    LocalFiles,
    Stream,
    Program,
    Stopped,
    Limit,
    Partial,
    Vanished,
    DeleteLimit,
    Timeout,
    ConnectTimeout,
    NotRun,
    NotFound,
    Description,
    Refused,
    Differs,
    Tool,
    Disk,
    Network,
    Authentication,
    Image,
    BootLoader,
    Reboot,
    Damaged,
    /// The server's own.
    Server(u8),
}

/// The codes with their meaning, for `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
   0  everything is in place
   1  usage: an option or argument that makes no sense
   2  the server broke the protocol, or speaks none that is known here
   3  the destination is not what it would have to be
   4  the server, or the kernel here (--sandbox), cannot do what was asked for
   5  the server refused: no such module, no access, wrong password
  10  no connection, or it broke
  11  local files: disk full, read-only, no such directory
  12  the data stream is malformed or ended early
  14  a program that leads to the server (-e) could not be started
  20  stopped by a signal
  22  a limit was exceeded
  23  some entries could not be transferred; they are named above
  24  some files vanished on the server
  25  --max-delete kept some entries from being deleted
  30  the server fell silent
  35  no connection in time
 126  a remote shell cannot run rsync on the server
 127  a remote shell finds no rsync on the server";

/// The codes of a deployment, for `--help`.
pub(crate) const DEPLOY_TABLE: &str = "\
Exit codes:
   0  everything is in place
   1  usage: an option or argument that makes no sense
  20  stopped by a signal
  40  the description is wrong; nothing was changed
  41  refused before the first change: a disk in use, a missing tool, too little room
  42  verification: what is on the disks is not what is described; nothing was changed
  43  a tool failed
  44  a disk or file system failed
  45  network: no connection, or it broke; worth another try
  46  authentication: wrong password, or none; a server that does not give the image away, or is not trusted
  47  an image is incomplete, or its server refused or broke the protocol
  48  the boot loader was not installed
  49  everything is in place, but the machine did not restart
  50  an image is damaged: its checksum or length is wrong, or it cannot be unpacked";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

impl Exit {
    /// Its number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Usage => 1,
            Exit::Protocol => 2,
            Exit::Files => 3,
            Exit::Unsupported => 4,
            Exit::Startup => 5,
            Exit::Connection => 10,
            Exit::LocalFiles => 11,
            Exit::Stream => 12,
            Exit::Program => 14,
            Exit::Stopped => 20,
            Exit::Limit => 22,
            Exit::Partial => 23,
            Exit::Vanished => 24,
            Exit::DeleteLimit => 25,
            Exit::Timeout => 30,
            Exit::ConnectTimeout => 35,
            Exit::NotRun => 126,
            Exit::NotFound => 127,
            Exit::Description => 40,
            Exit::Refused => 41,
            Exit::Differs => 42,
            Exit::Tool => 43,
            Exit::Disk => 44,
            Exit::Network => 45,
            Exit::Authentication => 46,
            Exit::Image => 47,
            Exit::BootLoader => 48,
            Exit::Reboot => 49,
            Exit::Damaged => 50,
            Exit::Server(code) => code,
        }
    }

    /// How a transfer ended that went through to its end.
    pub(crate) fn of(summary: &Summary) -> Self {
        let errors = summary.server_errors;
        // What was not sent is explained by the server's own errors; without them it is a failure.
        let unexplained = summary.not_sent > 0 && errors == 0;
        if unexplained || summary.failed > 0 || summary.server_failed || errors & !io_error::VANISHED != 0 {
            Exit::Partial
        } else if errors != 0 {
            Exit::Vanished
        } else if summary.deletions_skipped > 0 {
            Exit::DeleteLimit
        } else {
            Exit::Success
        }
    }
}

/// Something that ends a run, in the words for the user.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Usage }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { message: error.to_string(), exit: Exit::of_error(&error) }
    }
}

impl Exit {
    fn of_error(error: &Error) -> Self {
        match error {
            Error::Malformed(_) | Error::Gone(_) => Exit::Stream,
            Error::Violation(_) => Exit::Protocol,
            Error::Limit { .. } => Exit::Limit,
            Error::Name { .. } | Error::Unsupported(_) => Exit::Unsupported,
            Error::Refused { kind: Refused::Transfer(code), .. } => match u8::try_from(*code) {
                Ok(code) if code != 0 => Exit::Server(code),
                _ => Exit::Stream,
            },
            Error::Refused { .. } => Exit::Startup,
            Error::Tls { fault: TlsFault::Setup, .. } => Exit::Usage,
            Error::Tls {
                fault: TlsFault::ClientCertificateWanted | TlsFault::ClientCertificateRefused,
                ..
            } => Exit::Startup,
            Error::Tls { .. } | Error::Proxy { .. } => Exit::Connection,
            Error::Start { .. } => Exit::Program,
            Error::Program { end: ProgramEnd::Exited(126), remote_shell: true, .. } => Exit::NotRun,
            Error::Program { end: ProgramEnd::Exited(127), remote_shell: true, .. } => Exit::NotFound,
            Error::Program { cause, .. } => Self::of_error(cause),
            Error::Network { .. } => Exit::Connection,
            Error::Timeout { clock: Clock::Connect, .. } => Exit::ConnectTimeout,
            Error::Timeout { .. } => Exit::Timeout,
            Error::Destination { .. } => Exit::Files,
            Error::Local { .. } => Exit::LocalFiles,
            Error::Misuse(_) => Exit::Usage,
            Error::Cancelled => Exit::Stopped,
            _ => Exit::Stream,
        }
    }
}

/// How a message of the server is introduced.
pub(crate) fn severity_word(severity: session::Severity) -> &'static str {
    match severity {
        session::Severity::Info => "",
        session::Severity::Warning => "server warning: ",
        session::Severity::Error | session::Severity::Partial => "server error: ",
    }
}
