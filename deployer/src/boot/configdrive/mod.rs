//! The config drive: the small partition from which cloud-init learns on the first boot what the machine is
//! to be. Whatever can fail for reasons outside the disk fails in [`load()`], before any disk is touched.

mod fat;
mod image;
mod load;
#[cfg(test)]
mod tests;
mod tree;
mod write;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::http::{Web, WebError};
use crate::model::{ConfigSource, MIB, human};

/// The most bytes of a config drive, packed or unpacked.
pub const LIMIT: u64 = 64 * MIB;
/// Bytes of the smallest sectors of the images, which may not be smaller than those of the disk.
pub const SECTOR: u64 = 512;
/// What cloud-init looks for.
pub const LABEL: &str = "config-2";

/// An image that is known to be a config drive.
pub struct ConfigDrive {
    image: Vec<u8>,
    kind: Kind,
}

/// The file system of a config drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Iso9660,
    Vfat,
}

impl Kind {
    /// Its name, as the kernel and blkid have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Iso9660 => "iso9660",
            Kind::Vfat => "vfat",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Gets the config drive from where it is: fetches, unpacks and checks an image, or makes one of a directory.
/// A directory gives the same image for the same files; owners, permissions and times are not kept.
///
/// # Errors
/// There is nothing that cloud-init would find: it cannot be fetched, read or unpacked, is too large, is no
/// ISO 9660 or vfat image, or has another label.
pub(crate) fn load(source: &ConfigSource, web: &Web) -> Result<ConfigDrive, ConfigDriveError> {
    load::load(source, web, &load::CLOCKS)
}

impl ConfigDrive {
    /// Takes an image, from `origin`.
    fn of(image: Vec<u8>, origin: &str) -> Result<Self, ConfigDriveError> {
        let kind = image::check(&image, origin)?;
        Ok(Self { image, kind })
    }

    /// Its size in bytes; at most [`LIMIT`].
    pub(crate) fn size(&self) -> u64 {
        self.image.len() as u64
    }

    /// Its file system.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Writes it to the start of a block device, clears what older file systems left around it, and compares
    /// what is on the device then.
    ///
    /// # Errors
    /// The device is too small, in which case nothing was written; it is in use or fails; or it gives back
    /// something else than was written.
    pub(crate) fn write_to(&self, device: &Path) -> Result<(), ConfigDriveError> {
        write::write(&self.image, device)
    }
}

impl ConfigDriveError {
    /// Whether it may go better another time: no answer, or an answer that the server is not well.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match self {
            ConfigDriveError::Fetch { source, .. } => source.is_worth_a_retry(),
            _ => false,
        }
    }
}

// The image holds passwords and keys.
impl fmt::Debug for ConfigDrive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigDrive").field("kind", &self.kind).field("size", &self.size()).finish()
    }
}

/// Why there is no config drive. URLs are shown without passwords and parameters.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub(crate) enum ConfigDriveError {
    /// It is no URL, or one of another scheme.
    #[error("cannot fetch the config drive from {url}: {reason}")]
    Url { url: String, reason: String },

    /// No answer, not all of it, or one that it is not to be had.
    #[error("cannot fetch the config drive from {url}: {source}")]
    Fetch { url: String, source: WebError },

    /// More than a config drive may have.
    #[error(
        "{origin} takes more than {} {stage}, the most for a config drive; take out what the first boot does \
         not need",
        human(LIMIT)
    )]
    TooLarge {
        origin: String,
        /// As it came, unpacked, or as an image.
        stage: &'static str,
    },

    /// It was said to be base64.
    #[error("{origin} is not base64: {source}; encode the image with: gzip -c IMAGE | base64")]
    Base64 { origin: String, source: base64::DecodeError },

    /// There is something else in the base64.
    #[error("{origin} is base64, but {found} instead of gzip; encode the image with: gzip -c IMAGE | base64")]
    NotPacked { origin: String, found: String },

    /// It is gzip, but damaged.
    #[error("cannot unpack {origin}: {source}; its gzip data are damaged or incomplete: make them anew")]
    Gzip { origin: String, source: io::Error },

    /// It is something else.
    #[error("{origin} is {found}; what is wanted is an ISO 9660 or vfat image with the label {LABEL}")]
    Foreign { origin: String, found: String },

    /// cloud-init would not find it.
    #[error("{origin} is a {kind} image with {found}; cloud-init looks for the label {LABEL}: give it that")]
    Label { origin: String, kind: Kind, found: String },

    /// A part of the image is missing.
    #[error(
        "{origin} is a {kind} image of which only {have} of {wanted} bytes are there; get or make it anew"
    )]
    Incomplete { origin: String, kind: Kind, have: u64, wanted: u64 },

    /// A local file or directory cannot be read.
    #[error("cannot {action} {} for the config drive: {source}", .path.display())]
    Local { action: &'static str, path: PathBuf, source: io::Error },

    /// Something that is neither a file nor a directory.
    #[error(
        "{} is {found}; a config drive is made of files and directories: put one in its place, or \
         take it out",
        .path.display()
    )]
    Special { path: PathBuf, found: &'static str },

    /// A name that FAT does not have.
    #[error("a config drive cannot hold {}: {reason}; rename it", .path.display())]
    Name { path: PathBuf, reason: String },

    /// Nothing to make a config drive of.
    #[error("there is no file in {}; name a directory with files such as openstack/latest/meta_data.json",
            .path.display())]
    Empty { path: PathBuf },

    /// Not what a config drive is made of.
    #[error("there are more than {most} files in {}; name a directory with the config drive's files only",
            .path.display())]
    Crowded { path: PathBuf, most: usize },

    /// The device does not hold it.
    #[error(
        "the config drive needs {needed} bytes, but {} has only {size}; make the partition larger, or the \
         config drive smaller",
        .device.display()
    )]
    TooSmall { device: PathBuf, size: u64, needed: u64 },

    /// The device fails.
    #[error("cannot {action} {} for the config drive: {source}", .device.display())]
    Device { action: &'static str, device: PathBuf, source: io::Error },

    /// The device does not keep what it is given.
    #[error(
        "{} gives back something else than the config drive that was written, from byte {offset} on; do not \
         trust this disk",
        .device.display()
    )]
    Differs { device: PathBuf, offset: u64 },
}
