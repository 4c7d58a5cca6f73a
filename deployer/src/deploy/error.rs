//! What ends a deployment, by what a caller can do about it.

use std::io;
use std::path::PathBuf;

use rsync_proto::error::Refused;
use thiserror::Error;

use crate::boot::grub::GrubError;
use crate::command::CommandError;
use crate::data::Complaint;
use crate::disk::DiskError;
use crate::exit::{Exit, Problem};
use crate::mount::MountError;
use crate::plan::{NoPlan, Problems};

/// A deployment did not get to its end.
#[derive(Debug, Error)]
pub(crate) enum DeployError {
    /// The description is wrong.
    #[error("the description is wrong; nothing was changed\n{}", lines(.0))]
    Description(Vec<Complaint>),
    /// It could not be read.
    #[error("cannot read the description from {place}: {source}")]
    Unreadable { place: String, source: io::Error },
    /// There is no plan.
    #[error("{0}")]
    NoPlan(#[from] NoPlan),
    /// Before the first change something was missing.
    #[error("not ready; nothing was changed\n{0}")]
    NotReady(Problems),
    /// An image could not be looked at or pulled.
    #[error("the image {url}: {source}")]
    Image { url: String, source: rsync_proto::Error },
    /// Some of an image did not arrive.
    #[error("the image {url} is incomplete: {failed} entries failed; see the messages above")]
    Incomplete { url: String, failed: u64 },
    /// No password, or an unreadable one.
    #[error("the image {url}: {message}")]
    Password { url: String, message: String },
    /// The config drive.
    #[error("the config drive: {0}")]
    ConfigDrive(String),
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
    /// The boot loader was not installed.
    #[error("the boot loader: {0}")]
    BootLoader(#[from] GrubError),
    /// The machine does not start again.
    #[error("cannot restart the machine: {0}")]
    Reboot(io::Error),
    /// A signal came.
    #[error("stopped by a signal")]
    Stopped,
}

fn lines(complaints: &[Complaint]) -> String {
    let lines: Vec<String> = complaints.iter().map(|complaint| format!("  {complaint}")).collect();
    lines.join("\n")
}

impl DeployError {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        use rsync_proto::Error;
        match self {
            DeployError::Description(_) | DeployError::Unreadable { .. } => Exit::Description,
            DeployError::NoPlan(NoPlan::Differs(_)) => Exit::Differs,
            DeployError::NoPlan(NoPlan::Refused(_)) | DeployError::NotReady(_) => Exit::Refused,
            DeployError::Image { source, .. } => match source {
                Error::Network { .. } | Error::Timeout { .. } | Error::Gone(_) => Exit::Network,
                Error::Refused { kind: Refused::Authentication | Refused::Credentials, .. } => {
                    Exit::Authentication
                }
                Error::Local { .. } | Error::Destination { .. } => Exit::Disk,
                Error::Cancelled => Exit::Stopped,
                _ => Exit::Image,
            },
            DeployError::Incomplete { .. } | DeployError::ConfigDrive(_) => Exit::Image,
            DeployError::Password { .. } => Exit::Authentication,
            DeployError::Tool(CommandError::Stopped) | DeployError::Stopped => Exit::Stopped,
            DeployError::BootLoader(GrubError::Tool(CommandError::Stopped)) => Exit::Stopped,
            DeployError::Tool(_) => Exit::Tool,
            DeployError::BootLoader(_) => Exit::BootLoader,
            DeployError::Disk(_)
            | DeployError::NoRoom(_)
            | DeployError::Mount(_)
            | DeployError::Tree { .. }
            | DeployError::NoUuid(_)
            | DeployError::Reboot(_) => Exit::Disk,
        }
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        Self { message: error.to_string(), exit: error.exit() }
    }
}
