//! Errors, by who is at fault and what can be done about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes that cannot be what the protocol says stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("while reading {reading}: found {found}")]
pub struct Malformed {
    reading: &'static str,
    found: String,
}

impl Malformed {
    pub(crate) fn new(reading: &'static str, found: String) -> Self {
        Self { reading, found }
    }
}

/// What the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server did not accept user and password.
    Authentication,
    /// The server wants user and password, and there are none.
    Credentials,
    /// As many are connected as the server takes: worth another try.
    Busy,
    /// The server said `@ERROR` during the handshake: no such module, no access.
    Startup,
    /// The server closed the connection early in the handshake, without a word: it may turn this client away, or be
    /// about to end itself.
    Silent,
    /// The server ended a running transfer with this exit code.
    Transfer(i32),
}

/// Which clock ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// No connection was made in time.
    Connect,
    /// The connection stands, but the server did not get through the handshake in time.
    Handshake,
    /// The program that leads to the server started, and nothing came through it.
    FirstByte,
    /// Nothing useful came for this long.
    Idle,
    /// Next to nothing came in this time.
    Pace,
}

/// What is wrong with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server's certificate is of an authority that is not trusted here.
    UnknownIssuer,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is not valid yet.
    NotYetValid,
    /// The server's certificate is of another name.
    WrongName,
    /// The server's certificate cannot be used for another reason.
    Certificate,
    /// The server wants a certificate of the client, and there is none.
    ClientCertificateWanted,
    /// The server does not accept the client's certificate.
    ClientCertificateRefused,
    /// What answers does not speak TLS, or none of the versions 1.2 and 1.3.
    NotTls,
    /// The connection was disturbed.
    Broken,
    /// The own certificates or keys cannot be used.
    Setup,
}

/// How a program ended that leads to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramEnd {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It does not end, although it has nothing more to say.
    Running,
}

/// Everything that can end a transfer early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server sent bytes that have no meaning where they stand.
    #[error("the server sent malformed data {0}")]
    Malformed(#[from] Malformed),

    /// The server broke a rule of the protocol: well-formed, but not what it may say at this point.
    #[error("the server broke the protocol: {0}")]
    Violation(String),

    /// The server exceeded a limit of this client.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The limit, in the unit of `what`.
        limit: u64,
    },

    /// The server sent a name that no file may have.
    #[error("the server sent the impossible name \"{name}\": {reason}")]
    Name {
        /// The name, escaped.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The server refused, in its own words.
    #[error("{}", refusal(*.kind, .message))]
    Refused {
        /// What was refused.
        kind: Refused,
        /// The server's text, escaped.
        message: String,
    },

    /// The server and this client have nothing in common.
    #[error("{0}")]
    Unsupported(String),

    /// The connection ended while something was still expected.
    #[error("the server closed the connection while {0} was expected")]
    Gone(&'static str),

    /// No connection could be made, or it broke.
    #[error("{action} {address}: {source}")]
    Network {
        /// What was being done.
        action: &'static str,
        /// The server's address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },

    /// Who answers is not known to be the server, or the server does not know who asks.
    #[error("{}", tls(.address, *.fault, .detail))]
    Tls {
        /// The server's address as it was given.
        address: String,
        /// What is wrong.
        fault: TlsFault,
        /// More of it, in the words of whoever found it.
        detail: String,
    },

    /// The proxy does not lead to the server.
    #[error("the proxy {proxy} does not lead to {address}: {}", proxy_answer(*.status, .answer))]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// The server's address as it was given.
        address: String,
        /// The status that it answered with, if it is HTTP.
        status: Option<u16>,
        /// What it said, escaped.
        answer: String,
    },

    /// The program that leads to the server ended before the transfer did.
    #[error("{}", program_ended(.program, *.remote_shell, *.end, .cause))]
    Program {
        /// The program, as it was started.
        program: String,
        /// Whether it is a remote shell, so that exit codes are of it or of what it runs on the server.
        remote_shell: bool,
        /// How it ended.
        end: ProgramEnd,
        /// What was noticed of it.
        cause: Box<Error>,
    },

    /// The program that leads to the server could not be started.
    #[error("cannot start {program}: {source}; {hint}", hint = not_started(.source))]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },

    /// The server took too long.
    #[error("{}", timeout(*.clock, *.after))]
    Timeout {
        /// Which clock ran out.
        clock: Clock,
        /// The time that it allowed.
        after: Duration,
    },

    /// The local side failed in a way that makes going on pointless (disk full, read-only file system).
    #[error("cannot {action} {}: {source}", .path.display())]
    Local {
        /// What was being done.
        action: &'static str,
        /// The path, as a person would name it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The destination as a whole is not what it would have to be.
    #[error("cannot {action} {}: {source}", .path.display())]
    Destination {
        /// What was being done.
        action: &'static str,
        /// The destination, or the directory that it would lie in.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Misuse(String),

    /// A fault of this crate; its message went to the panic handler.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),

    /// The caller stopped the transfer.
    #[error("stopped on request")]
    Cancelled,
}

fn refusal(kind: Refused, message: &str) -> String {
    match kind {
        Refused::Authentication => {
            format!(
                "the server did not accept user and password: {message}; check the user in the URL and the password"
            )
        }
        Refused::Credentials => format!("the server wants a user and a password: {message}"),
        Refused::Busy => format!("the server is busy: {message}"),
        Refused::Startup | Refused::Silent => format!("the server refused: {message}"),
        Refused::Transfer(code) if message.is_empty() => format!("the server gave up with exit code {code}"),
        Refused::Transfer(code) => format!("the server gave up with exit code {code}: {message}"),
    }
}

fn tls(address: &str, fault: TlsFault, detail: &str) -> String {
    let (what, hint) = match fault {
        TlsFault::UnknownIssuer => (
            "is not trusted: its certificate is of an unknown authority",
            "name the certificate of its authority with --tls-ca",
        ),
        TlsFault::Expired => (
            "is not trusted: its certificate has expired",
            "renew it there, or see whether the clock of this machine is right",
        ),
        TlsFault::NotYetValid => (
            "is not trusted: its certificate is not valid yet",
            "see whether the clock of this machine is right",
        ),
        TlsFault::WrongName => (
            "is not trusted: its certificate is of another name",
            "use the name in the URL that the certificate has",
        ),
        TlsFault::Certificate => {
            ("is not trusted: its certificate cannot be used", "see to the certificate there")
        }
        TlsFault::ClientCertificateWanted => {
            ("wants a certificate of the client", "give one with --tls-cert and --tls-key")
        }
        TlsFault::ClientCertificateRefused => (
            "does not accept the certificate of the client",
            "see that --tls-cert is of an authority that it knows, and valid",
        ),
        TlsFault::NotTls => (
            "does not speak TLS 1.2 or 1.3",
            "see whether the port is right; rsync:// has none, and port 873",
        ),
        TlsFault::Broken => {
            ("and this client lost each other in TLS", "see whether something stands in between")
        }
        TlsFault::Setup => {
            return format!("TLS cannot be used with what was given for it: {detail}");
        }
    };
    format!("the server {address} {what} ({detail}); {hint}")
}

fn proxy_answer(status: Option<u16>, answer: &str) -> String {
    let hint = match status {
        None => "see whether an HTTP proxy listens there",
        Some(403) => "it does not let this machine connect there",
        // Some proxies have the wrong number for it.
        Some(401 | 407) => "it wants a user and a password: RSYNC_PROXY=user:password@host:port",
        Some(502..=504) => "it does not reach the server",
        Some(_) => "see that it allows CONNECT to that port",
    };
    format!("it answered \"{answer}\"; {hint}")
}

fn program_ended(program: &str, remote_shell: bool, end: ProgramEnd, cause: &Error) -> String {
    let (how, hint) = match (end, remote_shell) {
        (ProgramEnd::Exited(255), true) => (
            "exit code 255".to_owned(),
            "it could not connect or log in; its own messages say why, and running it by hand shows the same",
        ),
        (ProgramEnd::Exited(127), true) => (
            "exit code 127".to_owned(),
            "there is no rsync on the server, or the program itself is missing; --rsync-path says where rsync is there",
        ),
        (ProgramEnd::Exited(126), true) => (
            "exit code 126".to_owned(),
            "rsync cannot be run on the server; --rsync-path says where it is there",
        ),
        (ProgramEnd::Exited(code), true) => {
            (format!("exit code {code}"), "its messages, or those of rsync on the server, say why")
        }
        (ProgramEnd::Exited(code), false) => (format!("exit code {code}"), "its messages say why"),
        (ProgramEnd::Signalled(signal), _) => (format!("signal {signal}"), "something ended it"),
        (ProgramEnd::Running, _) => return format!("{program} fell silent without an end: {cause}"),
    };
    format!("{program} ended with {how}: {cause}; {hint}")
}

fn not_started(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "install it, or name another with -e or RSYNC_RSH",
        io::ErrorKind::PermissionDenied => "see that it may be run",
        _ => "see whether the machine has room for more programs",
    }
}

fn timeout(clock: Clock, after: Duration) -> String {
    let seconds = after.as_secs();
    match clock {
        Clock::Connect => format!("no connection within {seconds} s; --contimeout sets the limit"),
        Clock::Handshake => format!("the server did not finish the handshake within {seconds} s"),
        Clock::FirstByte => format!("nothing came from the server within {seconds} s"),
        Clock::Pace => format!("the server sent next to nothing for {seconds} s; --timeout sets the limit"),
        Clock::Idle => format!("the server sent nothing useful for {seconds} s; --timeout sets the limit"),
    }
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes from the network made fit for a terminal or a log: control characters (C0, C1, DEL), characters
/// that change the direction of text, and what is not UTF-8 are shown as `\\#` and three octal digits. So is a
/// backslash that would otherwise look like the beginning of such an escape.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8(escaped(bytes, false)).expect("what is not UTF-8 is escaped")
}

/// As [`printable`], but with what is not UTF-8 left as it is: for terminals with another encoding.
pub fn printable_8_bit(bytes: &[u8]) -> Vec<u8> {
    escaped(bytes, true)
}

fn escaped(bytes: &[u8], eight_bit: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(5).position(is_escape) {
        push_printable(&mut text, &bytes[at..at + found], eight_bit);
        push_escape(&mut text, b'\\');
        at += found + 1;
    }
    push_printable(&mut text, &bytes[at..], eight_bit);
    text
}

fn is_escape(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\\#") && bytes[2..].iter().all(u8::is_ascii_digit)
}

fn push_printable(text: &mut Vec<u8>, bytes: &[u8], eight_bit: bool) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            if c != '\t' && (c.is_control() || is_direction_mark(c)) {
                bytes.for_each(|byte| push_escape(text, byte));
            } else {
                text.extend(bytes);
            }
        }
        if eight_bit {
            text.extend_from_slice(chunk.invalid());
        } else {
            chunk.invalid().iter().for_each(|byte| push_escape(text, *byte));
        }
    }
}

fn push_escape(text: &mut Vec<u8>, byte: u8) {
    text.extend_from_slice(format!("\\#{byte:03o}").as_bytes());
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Error {
    /// Whether the connection was lost or could not be made, or the server had no room or hung up without a word, as what
    /// stands before a server does that is away: another try may succeed. Not if the server refused for a reason.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Error::Network { .. } | Error::Timeout { .. } | Error::Gone(_) => true,
            Error::Refused { kind, .. } => matches!(kind, Refused::Busy | Refused::Silent),
            Error::Tls { fault, .. } => *fault == TlsFault::Broken,
            Error::Proxy { status, .. } => status.is_some_and(|status| matches!(status, 408 | 429 | 500..)),
            Error::Program { end, remote_shell, .. } => match end {
                // There is no such program; that does not change.
                ProgramEnd::Exited(126 | 127) => false,
                ProgramEnd::Exited(code) => {
                    // Of rsync on the server: those that are about the connection.
                    !remote_shell || matches!(code, 0 | 10 | 12 | 30 | 35 | 255)
                }
                ProgramEnd::Signalled(_) | ProgramEnd::Running => true,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_fool_a_terminal_is_escaped() {
        assert_eq!(printable(b"plain text"), "plain text");
        assert_eq!(printable("grün".as_bytes()), "grün");
        assert_eq!(printable(b"\x1b[2J\r\n\x7f"), "\\#033[2J\\#015\\#012\\#177");
        assert_eq!(printable("\u{9b}31m".as_bytes()), "\\#302\\#23331m");
        assert_eq!(printable("a\u{202e}b".as_bytes()), "a\\#342\\#200\\#256b");
        assert_eq!(printable(b"\xff\xfe"), "\\#377\\#376");
        assert_eq!(printable(b"\\#012 \\#1"), "\\#134#012 \\#1");
    }

    #[test]
    fn what_a_program_ended_with_says_what_to_do() {
        let ended = |end, remote_shell| {
            let cause = Box::new(Error::Gone("a test"));
            Error::Program { program: "ssh h".to_owned(), remote_shell, end, cause }
        };
        for (code, hint, lost) in [
            (255, "could not connect", true),
            (127, "--rsync-path", false),
            (126, "--rsync-path", false),
            (12, "messages", true),
            (1, "messages", false),
        ] {
            let error = ended(ProgramEnd::Exited(code), true);
            assert!(error.to_string().contains(hint), "{error}");
            assert_eq!(error.is_worth_another_try(), lost, "{code}");
        }
        for (kind, again) in [(Refused::Busy, true), (Refused::Silent, true), (Refused::Startup, false)] {
            let error = Error::Refused { kind, message: String::new() };
            assert_eq!(error.is_worth_another_try(), again, "{error}");
        }
        assert!(ended(ProgramEnd::Exited(1), false).is_worth_another_try(), "nobody listened");
        assert!(ended(ProgramEnd::Signalled(9), true).to_string().contains("signal 9"));
    }

    #[test]
    fn eight_bits_pass_but_control_characters_do_not() {
        assert_eq!(printable_8_bit(b"gr\xfcn \x1b[2J"), b"gr\xfcn \\#033[2J");
        assert_eq!(printable_8_bit("\u{9b}31m".as_bytes()), b"\\#302\\#23331m");
    }
}
