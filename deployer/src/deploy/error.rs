//! What ends a deployment, by what a caller can do about it.

use std::io;
use std::path::PathBuf;

use rsync_proto::error::{ProgramEnd, Refused, TlsFault};
use thiserror::Error;

use crate::boot::configdrive::ConfigDriveError;
use crate::boot::grub::GrubError;
use crate::command::CommandError;
use crate::data::Complaint;
use crate::disk::DiskError;
use crate::disk::mkfs::MkfsError;
use crate::exit::{Exit, Failure};
use crate::image::ImageError;
use crate::mount::MountError;
use crate::plan::{NoPlan, Problem, Problems};
use crate::sandbox::SandboxError;

/// A deployment did not get to its end.
#[derive(Debug, Error)]
pub(crate) enum DeployError {
    /// The description is wrong.
    #[error("the description is wrong\n{}", lines(.0))]
    Description(Vec<Complaint>),
    /// It could not be read.
    #[error("cannot read the description from {place}: {source}")]
    Unreadable { place: String, source: io::Error },
    /// There is no plan.
    #[error("{0}")]
    NoPlan(#[from] NoPlan),
    /// Before the first change something was missing.
    #[error("not ready\n{0}")]
    NotReady(Problems),
    /// An image could not be looked at or pulled.
    #[error("the image {url}: {source}{}", hint(source))]
    Image { url: String, source: rsync_proto::Error },
    /// An image that is a file could not be looked at or written.
    #[error("{0}")]
    ImageFile(#[from] ImageError),
    /// Some of an image is out of its server's reach.
    #[error("the image {url}: its server cannot read all of it; look at its log{}", indented(.said))]
    OutOfReach { url: String, said: Vec<String> },
    /// Several images could not be looked at.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Images(Vec<DeployError>),
    /// Some of an image did not arrive.
    #[error("the image {url} is incomplete: {failed} entries failed; see the messages above")]
    Incomplete { url: String, failed: u64 },
    /// No password, or an unreadable one.
    #[error("the image {url}: {message}")]
    Password { url: String, message: String },
    /// Certificates for TLS that cannot be used.
    #[error("the image {url}: {message}")]
    Certificates { url: String, message: String },
    /// The config drive.
    #[error("{0}")]
    ConfigDrive(#[from] ConfigDriveError),
    /// A file system holds less than it should.
    #[error("there is too little room\n{0}")]
    NoRoom(Problems),
    /// A tool failed.
    #[error("{0}")]
    Tool(#[from] CommandError),
    /// A disk failed.
    #[error("{0}")]
    Disk(#[from] DiskError),
    /// A mount failed.
    #[error("{0}")]
    Mount(#[from] MountError),
    /// A file in the tree could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Tree { action: &'static str, path: PathBuf, source: io::Error },
    /// A file system has no UUID.
    #[error("{0} has no UUID, by which it would be mounted")]
    NoUuid(PathBuf),
    /// A system whose images are not in place.
    #[error(
        "{0}: its images are not in place, because copying them was cut off; run `deployer copyimage` first"
    )]
    LacksImages(String),
    /// The boot loader was not installed.
    #[error("the boot loader: {0}")]
    BootLoader(#[from] GrubError),
    /// The machine does not start again.
    #[error("cannot restart the machine: {0}")]
    Reboot(io::Error),
    /// There are no walls around a transfer, and they are demanded.
    #[error("{0}; options stand in image_deploy_flags.rsync_flags of the description")]
    Sandbox(#[from] SandboxError),
    /// A signal came.
    #[error("stopped by a signal")]
    Stopped,
}

/// Where the options are that the library speaks of.
fn hint(error: &rsync_proto::Error) -> &'static str {
    use rsync_proto::Error;
    match error {
        Error::Refused { kind: Refused::Startup, .. } => "; `deployer list rsync://HOST` shows its modules",
        Error::Refused { kind: Refused::Authentication | Refused::Credentials, .. }
        | Error::Timeout { .. } => "; options stand in image_deploy_flags.rsync_flags of the description",
        _ => "",
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

fn lines(complaints: &[Complaint]) -> String {
    let lines: Vec<String> = complaints.iter().map(|complaint| format!("  {complaint}")).collect();
    lines.join("\n")
}

impl DeployError {
    /// Whether it came up before its step changed anything.
    pub(crate) fn is_before_any_change(&self) -> bool {
        matches!(
            self,
            DeployError::LacksImages(_)
                | DeployError::BootLoader(GrubError::NoTools { .. } | GrubError::NoKernel)
        )
    }

    /// What it consists of.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        match self {
            DeployError::Description(complaints) => {
                complaints.iter().map(|it| Problem::new(&it.path, &it.message)).collect()
            }
            DeployError::NoPlan(NoPlan::Differs(problems) | NoPlan::Refused(problems))
            | DeployError::NotReady(problems)
            | DeployError::NoRoom(problems) => problems.0.clone(),
            _ => Vec::new(),
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        use rsync_proto::Error;
        match self {
            DeployError::Description(_) | DeployError::Unreadable { .. } => Exit::Description,
            DeployError::NoPlan(NoPlan::Differs(_)) => Exit::Differs,
            DeployError::NoPlan(NoPlan::Refused(_))
            | DeployError::NotReady(_)
            | DeployError::LacksImages(_)
            | DeployError::Sandbox(_) => Exit::Refused,
            DeployError::Image { source, .. } => match source {
                Error::Network { .. } | Error::Timeout { .. } | Error::Gone(_) => Exit::Network,
                Error::Refused { kind: Refused::Busy | Refused::Silent, .. } => Exit::Network,
                // The server itself lost the connection, was stopped or waited too long.
                Error::Refused { kind: Refused::Transfer(10 | 12 | 20 | 30 | 35), .. } => Exit::Network,
                Error::Refused { kind: Refused::Authentication | Refused::Credentials, .. } => {
                    Exit::Authentication
                }
                Error::Proxy { status: Some(401 | 403 | 407), .. } => Exit::Authentication,
                Error::Start { .. } | Error::Program { end: ProgramEnd::Exited(126 | 127), .. } => Exit::Tool,
                Error::Tls { fault: TlsFault::Broken, .. } | Error::Proxy { .. } | Error::Program { .. } => {
                    Exit::Network
                }
                Error::Tls { .. } => Exit::Authentication,
                Error::Local { .. } | Error::Destination { .. } => Exit::Disk,
                Error::Cancelled => Exit::Stopped,
                _ => Exit::Image,
            },
            DeployError::ImageFile(error) => error.trouble.exit(),
            DeployError::Images(errors) => errors.first().map_or(Exit::Image, DeployError::exit),
            DeployError::OutOfReach { .. } | DeployError::Incomplete { .. } => Exit::Image,
            DeployError::ConfigDrive(error) if error.is_worth_a_retry() => Exit::Network,
            // Only the device is left to fail once it is loaded.
            DeployError::ConfigDrive(_) => Exit::Disk,
            DeployError::Password { .. } | DeployError::Certificates { .. } => Exit::Authentication,
            DeployError::Tool(CommandError::Stopped) | DeployError::Stopped => Exit::Stopped,
            DeployError::BootLoader(GrubError::Tool(CommandError::Stopped)) => Exit::Stopped,
            DeployError::Tool(_) => Exit::Tool,
            DeployError::BootLoader(_) => Exit::BootLoader,
            DeployError::Disk(_)
            | DeployError::NoRoom(_)
            | DeployError::Mount(_)
            | DeployError::Tree { .. }
            | DeployError::NoUuid(_) => Exit::Disk,
            DeployError::Reboot(_) => Exit::Reboot,
        }
    }
}

impl From<MkfsError> for DeployError {
    fn from(error: MkfsError) -> Self {
        match error {
            MkfsError::Tool(error) => error.into(),
            MkfsError::Disk(error) => error.into(),
        }
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Self { message: error.to_string(), exit: error.exit() }
    }
}
