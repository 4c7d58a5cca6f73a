//! Files that content can be taken from: where they are looked for, their sums as a whole and block by block.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::io::{pread, read};

use super::dir::{LocalDir, is_file};
use super::tree::LocalTree;
use crate::checksum::{FileSummer, StrongSum};
use crate::delta::{BlockLayout, Offer, put_block_sums};
use crate::flist::EntryRef;

/// How much of a basis is read at once, in bytes.
const READ_SIZE: usize = 256 * 1024;

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
    fn check_stop(&self) -> io::Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// The sum that stands in the file list, in which no seed takes part.
    pub(super) fn file_sum(&self, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<StrongSum> {
        let file = self.open_content(dir, name)?;
        let mut summer = FileSummer::new(self.options.file_checksum(self.summer.kind));
        let mut buffer = vec![0; READ_SIZE];
        loop {
            self.check_stop()?;
            match read(&file, &mut buffer[..])? {
                0 => return Ok(summer.finish()),
                len => summer.update(&buffer[..len]),
            }
        }
    }

    /// Opens a file to read what is in it.
    pub(super) fn open_content(&self, dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
        open_file_unseen(dir, name, self.options.attributes.open_noatime)
    }

    /// Opens the basis of the entry `name`.
    pub(super) fn open_basis(&self, dir: &LocalDir, name: &[u8], basis: &LocalBasis) -> io::Result<OwnedFd> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        match basis {
            LocalBasis::Own => self.open_content(dir.fd(), name),
            LocalBasis::Partial => {
                self.open_content(self.places().partial_dir(dir).ok_or_else(gone)?.as_fd(), name)
            }
            LocalBasis::Alternate(place) => {
                self.open_content(dir.alternate(place.number).ok_or_else(gone)?, name)
            }
            LocalBasis::Similar { alternate: None, name } => self.open_content(dir.fd(), name),
            LocalBasis::Similar { alternate: Some(number), name } => {
                self.open_content(dir.alternate(*number).ok_or_else(gone)?, name)
            }
        }
    }

    /// What to say of a basis. What cannot be read is of no use, and the file comes whole.
    pub(super) fn offer_of(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        basis: &LocalBasis,
        again: bool,
    ) -> io::Result<Offer> {
        let file = self.open_basis(dir, self.name(entry), basis)?;
        let size = fstat(&file)?.st_size as u64;
        let sum_len = self.summer.kind.sum_len();
        let layout = match self.options.content.block_size {
            Some(length) => BlockLayout::with_blocks(length, size, again, sum_len),
            None => BlockLayout::for_basis(size, again, sum_len),
        };
        let Some(layout) = layout.filter(|layout| layout.count > 0) else { return Ok(Offer::NONE) };
        if self.options.content.append.is_some() && !again {
            // Only what is at the entry's own place can be gone on with.
            return Ok(match basis {
                LocalBasis::Own if size < entry.size() => Offer { layout, sums: Vec::new(), kept: size },
                _ => Offer::NONE,
            });
        }
        match self.block_sums(&file, size, &layout)? {
            Some(sums) => Ok(Offer { layout, sums, kept: 0 }),
            None => Ok(Offer::NONE),
        }
    }

    /// Nothing if the file became shorter while it was read: then it is of no use.
    fn block_sums(&self, file: &OwnedFd, size: u64, layout: &BlockLayout) -> io::Result<Option<Vec<u8>>> {
        let mut sums = Vec::with_capacity(layout.count as usize * (4 + layout.sum_len as usize));
        let block_len = layout.block_len as usize;
        let mut buffer = vec![0; READ_SIZE.max(block_len) / block_len * block_len];
        let mut offset = 0;
        while offset < size {
            self.check_stop()?;
            let len = (size - offset).min(buffer.len() as u64) as usize;
            if !read_exact_at(file, &mut buffer[..len], offset)? {
                return Ok(None);
            }
            for block in buffer[..len].chunks(block_len) {
                put_block_sums(&mut sums, &self.summer, layout, block);
            }
            offset += len as u64;
        }
        Ok(Some(sums))
    }
}

/// Opens a regular file, and nothing else: a device that took its place must not be touched.
pub(super) fn open_file(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    open_regular(dir, name, OFlags::RDONLY)
}

/// The same, without changing its access time if `unseen`.
pub(super) fn open_file_unseen(dir: BorrowedFd<'_>, name: &[u8], unseen: bool) -> io::Result<OwnedFd> {
    let how = if unseen { OFlags::RDONLY | OFlags::NOATIME } else { OFlags::RDONLY };
    match open_regular(dir, name, how) {
        // Only a file's owner may read it unseen; others still may read it.
        Err(error) if unseen && error.kind() == io::ErrorKind::PermissionDenied => open_file(dir, name),
        opened => opened,
    }
}

/// Opens a regular file in this way, and nothing else.
pub(super) fn open_regular(dir: BorrowedFd<'_>, name: &[u8], how: OFlags) -> io::Result<OwnedFd> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(dir.as_fd(), name, flags, Mode::from_raw_mode(0o600))?;
    if is_file(&fstat(&file)?) { Ok(file) } else { Err(io::Error::other("it is no longer a regular file")) }
}

pub(super) fn read_exact_at(file: &OwnedFd, mut buffer: &mut [u8], mut offset: u64) -> io::Result<bool> {
    while !buffer.is_empty() {
        let len = pread(file, &mut *buffer, offset)?;
        if len == 0 {
            return Ok(false);
        }
        buffer = &mut buffer[len..];
        offset += len as u64;
    }
    Ok(true)
}
