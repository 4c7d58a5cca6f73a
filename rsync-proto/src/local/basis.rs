//! Files that content can be taken from: where they are, opening them, and their sums as a whole.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::io::{Errno, read};

use super::buffer;
use super::dir::is_file;
use super::tree::LocalTree;
use crate::checksum::{FileSummer, StrongSum};
use crate::flist::SafePath;

/// How much is read of a file at once, in bytes: as much as is still in the cache when it was summed. Four times as much
/// takes half as long again.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// A file that content can be taken from, by where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalBasis {
    /// What stands at the entry's own place.
    Own,
    /// What an interrupted transfer left in the directory for partial files.
    Partial,
    /// The file of the same path in the alternate directory of this number.
    Alternate(Alternate),
    /// A file of a similar name in the same directory, or in that of an alternate.
    Similar {
        /// The number of the alternate.
        alternate: Option<usize>,
        /// Its name.
        name: Arc<[u8]>,
    },
    /// A file anywhere at the destination.
    Elsewhere {
        /// Its directory.
        directory: SafePath,
        /// Its name.
        name: Arc<[u8]>,
    },
    /// Several of these, one behind the other.
    Several(Arc<[LocalBasis]>),
}

impl LocalBasis {
    /// The first of several, or the only one.
    pub(super) fn first(&self) -> &Self {
        match self {
            Self::Several(several) => &several[0],
            single => single,
        }
    }

    /// Whether it is, or has in it, another file than an older state of the wanted one.
    pub(super) fn is_another(&self) -> bool {
        match self {
            Self::Several(several) => several.iter().any(Self::is_another),
            single => matches!(single, Self::Similar { .. } | Self::Elsewhere { .. }),
        }
    }
}

/// A file in an alternate directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alternate {
    pub(super) number: usize,
    /// Its attributes are those of the entry, too.
    pub(super) exact: bool,
}

impl LocalTree {
    /// Ends long work when the transfer was stopped.
    pub(super) fn check_stop(&self) -> io::Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// The sum that stands in the file list, in which no seed takes part, of a file that has just been opened and has so
    /// many bytes. One that was cut meanwhile has the sum of what is left.
    pub(super) fn file_sum(&self, file: &OwnedFd, size: u64) -> io::Result<StrongSum> {
        let kind = self.options.file_checksum(self.summer.kind);
        buffer::with(READ_SIZE, |buffer| {
            let mut len = read(file, &mut *buffer)?;
            if len as u64 == size {
                return Ok(FileSummer::of(kind, &buffer[..len]));
            }
            let mut summer = FileSummer::new(kind);
            let mut left = size;
            while len > 0 {
                summer.update(&buffer[..len]);
                left = left.saturating_sub(len as u64);
                if left == 0 {
                    break;
                }
                self.check_stop()?;
                len = read(file, &mut *buffer)?;
            }
            Ok(summer.finish())
        })
    }

    /// Opens a file to read what is in it.
    pub(super) fn open_content(&self, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
        open_file(dir, name)
    }
}

/// Opens a regular file to read it, and nothing else: a device that took its place must not be touched. Its access time
/// stays, wherever that is allowed: nobody used the file, and to write down that somebody did takes longer than to read
/// most of them.
pub(super) fn open_file(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    match open_regular(dir, name, OFlags::RDONLY | OFlags::NOATIME) {
        // Only a file's owner may read it unseen; others still may read it.
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            open_regular(dir, name, OFlags::RDONLY)
        }
        opened => opened,
    }
}

/// Opens a regular file in this way, and nothing else.
pub(super) fn open_regular(dir: BorrowedFd<'_>, name: &[u8], how: OFlags) -> io::Result<OwnedFd> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(dir.as_fd(), name, flags, Mode::from_raw_mode(0o600))?;
    if is_file(&fstat(&file)?) { Ok(file) } else { Err(io::Error::other("it is no longer a regular file")) }
}
