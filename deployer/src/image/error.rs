//! What is wrong with an image, or with the device that it goes to.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::packing::Packing;
use crate::exit::Exit;
use crate::http::WebError;
use crate::model::{FsKind, SumKind, human};

/// An image does not get onto its device.
#[derive(Debug, Error)]
#[error("the image {address}: {trouble}")]
pub(crate) struct ImageError {
    /// Where the image is, as others may see it.
    pub(crate) address: String,
    pub(crate) trouble: Trouble,
}

/// Why.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Web(#[from] WebError),
    #[error("cannot read {}: {source}", .path.display())]
    Local { path: PathBuf, source: io::Error },
    #[error(
        "cannot unpack it: {source}; its {packing} data are damaged or incomplete, or packed so that more than 128 MiB of \
         memory would be needed: pack it anew"
    )]
    Packing { packing: Packing, source: io::Error },
    #[error("it is {found}; what is wanted is an image of one ext2, ext3, ext4, XFS or Btrfs")]
    Foreign { found: String },
    #[error("it is {found}, and {expected} is described: set \"file_system\" to {found}", found = .found.name(), expected = .expected.name())]
    OtherKind { found: FsKind, expected: FsKind },
    #[error("it needs {needed}, and {} has {has}: make that larger", .node.display(), needed = human(*.needed), has = human(*.has))]
    TooLarge { needed: u64, node: PathBuf, has: u64 },
    #[error("it is longer than its file system and than {}, which has {has} bytes", .node.display())]
    Longer { node: PathBuf, has: u64 },
    #[error(
        "it ends after {found} bytes, and its file system has {expected}: it is incomplete on the server"
    )]
    Cut { found: u64, expected: u64 },
    #[error("it has {found} bytes, and {expected} are described: it is another one, or incomplete")]
    OtherLength { found: u64, expected: u64 },
    #[error("its {kind} is {found}, and {expected} is described: it is damaged, or another one")]
    OtherSum { kind: SumKind, found: String, expected: String },
    #[error("cannot {action} {}: {source}", .node.display())]
    Device { action: &'static str, node: PathBuf, source: io::Error },
    #[error("stopped by a signal")]
    Stopped,
}

impl Trouble {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Trouble::Web(WebError::Certificates { .. } | WebError::NoCertificates | WebError::Proxy(_)) => {
                Exit::Refused
            }
            Trouble::Web(error) if error.is_about_access() => Exit::Authentication,
            Trouble::Web(WebError::Untrusted(_)) => Exit::Authentication,
            Trouble::Web(error) if error.is_worth_a_retry() => Exit::Network,
            Trouble::Web(WebError::NoWay(_) | WebError::Unsure(_)) => Exit::Network,
            Trouble::TooLarge { .. } => Exit::Refused,
            Trouble::Cut { .. }
            | Trouble::Longer { .. }
            | Trouble::OtherLength { .. }
            | Trouble::OtherSum { .. }
            | Trouble::Packing { .. } => Exit::Damaged,
            Trouble::Web(_) | Trouble::Local { .. } | Trouble::Foreign { .. } | Trouble::OtherKind { .. } => {
                Exit::Image
            }
            Trouble::Device { .. } => Exit::Disk,
            Trouble::Stopped => Exit::Stopped,
        }
    }
}
