//! The file that is there as the basis of a new one: its sums, as a whole and block by block.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::io::{Errno, pread, read};

use super::dir::{LocalDir, is_file};
use super::tree::LocalTree;
use crate::checksum::{FileSummer, StrongSum};
use crate::delta::{BlockLayout, put_block_sums};
use crate::flist::EntryRef;

/// How much of a basis is read at once, in bytes.
const READ_SIZE: usize = 256 * 1024;

impl LocalTree {
    /// Ends long work when the transfer was stopped.
    fn check_stop(&self) -> io::Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    pub(super) fn file_sum(&self, dir: &LocalDir, name: &[u8]) -> io::Result<StrongSum> {
        let file = open_file(dir, name)?;
        let mut summer = FileSummer::new(self.summer.kind);
        let mut buffer = vec![0; READ_SIZE];
        loop {
            self.check_stop()?;
            match read(&file, &mut buffer[..])? {
                0 => return Ok(summer.finish()),
                len => summer.update(&buffer[..len]),
            }
        }
    }

    pub(super) fn sums(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        full: bool,
    ) -> io::Result<(BlockLayout, Vec<u8>)> {
        let file = open_file(dir, self.name(entry))?;
        let size = fstat(&file)?.st_size as u64;
        let Some(layout) = BlockLayout::for_basis(size, full, self.summer.kind.sum_len()) else {
            return Ok((BlockLayout::NONE, Vec::new()));
        };
        if layout.count == 0 {
            return Ok((BlockLayout::NONE, Vec::new()));
        }
        let mut sums = Vec::with_capacity(layout.count as usize * (4 + layout.sum_len as usize));
        let block_len = layout.block_len as usize;
        let mut buffer = vec![0; READ_SIZE.max(block_len) / block_len * block_len];
        let mut offset = 0;
        while offset < size {
            self.check_stop()?;
            let len = (size - offset).min(buffer.len() as u64) as usize;
            if !read_exact_at(&file, &mut buffer[..len], offset)? {
                // Cut while it was read: of no use as a basis.
                return Ok((BlockLayout::NONE, Vec::new()));
            }
            for block in buffer[..len].chunks(block_len) {
                put_block_sums(&mut sums, &self.summer, &layout, block);
            }
            offset += len as u64;
        }
        Ok((layout, sums))
    }
}

/// Opens a regular file, and nothing else: a device that took its place must not be touched.
pub(super) fn open_file(dir: &LocalDir, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |more: OFlags| openat(dir.fd(), name, flags | more, Mode::empty());
    let file = match open(if dir.manner.open_noatime { OFlags::NOATIME } else { OFlags::empty() }) {
        // Only a file's owner may read it unseen; others still may read it.
        Err(Errno::PERM) if dir.manner.open_noatime => open(OFlags::empty())?,
        opened => opened?,
    };
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
