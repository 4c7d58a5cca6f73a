//! Writes of large new files that go past the kernel's cache: to fill that with gigabytes that nobody reads soon takes
//! longer than to write them, and costs a small machine what it had there.
//!
//! Such writes begin and end at whole blocks, in memory as on the disk. So what comes is collected, and what is left at
//! the end goes through the cache.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstatfs};
use rustix::io::{Errno, write};

/// Shorter files go through the cache, in bytes: they may be read soon.
pub(super) const SHORTEST: u64 = 256 * 1024 * 1024;
/// Length of one write, in bytes: a disk needs about so much at once to be busy.
const SIZE: usize = 1024 * 1024;
/// No disk with these file systems has longer blocks, in bytes; where one has, the kernel says so.
const BLOCK: usize = 4096;

const EXT: u64 = 0xef53;
const XFS: u64 = 0x5846_5342;

/// What was collected for the next write.
#[derive(Debug)]
pub(super) struct Direct {
    memory: Vec<u8>,
    /// Where in memory the first whole block begins.
    start: usize,
    len: usize,
}

impl Direct {
    /// For a file that is empty. Nothing where its file system does such writes in another way, or not at all.
    pub(super) fn for_new(file: &OwnedFd) -> Option<Self> {
        let kind = fstatfs(file).map_or(0, |found| found.f_type as u64 & 0xffff_ffff);
        ([EXT, XFS].contains(&kind) && set(file, true).is_ok()).then(Self::new)
    }

    fn new() -> Self {
        let memory = vec![0; SIZE + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self { memory, start, len: 0 }
    }

    /// Where the next bytes go; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.memory[self.start + self.len..self.start + SIZE]
    }

    /// Takes some of these bytes. Returns how many.
    pub(super) fn take(&mut self, file: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        let space = self.space();
        let len = space.len().min(bytes.len());
        space[..len].copy_from_slice(&bytes[..len]);
        self.filled(file, len)?;
        Ok(len)
    }

    /// So many more bytes are there now. When a write's length is reached, they are written.
    pub(super) fn filled(&mut self, file: &OwnedFd, len: usize) -> io::Result<()> {
        self.len += len;
        if self.len < SIZE {
            return Ok(());
        }
        self.write(file)
    }

    /// Writes what is there. From now on, the file's writes go through the cache.
    pub(super) fn end(mut self, file: &OwnedFd) -> io::Result<()> {
        let whole = self.len - self.len % BLOCK;
        let rest = self.len - whole;
        self.len = whole;
        self.write(file)?;
        self.memory.copy_within(self.start + whole..self.start + whole + rest, self.start);
        self.len = rest;
        set(file, false)?;
        self.write(file)
    }

    fn write(&mut self, file: &OwnedFd) -> io::Result<()> {
        let mut bytes = &self.memory[self.start..self.start + self.len];
        while !bytes.is_empty() {
            match write(file, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                // Longer blocks than expected, or the middle of one after a short write.
                Err(Errno::INVAL) if fcntl_getfl(file)?.contains(OFlags::DIRECT) => set(file, false)?,
                Err(error) => return Err(error.into()),
            }
        }
        self.len = 0;
        Ok(())
    }
}

fn set(file: &OwnedFd, direct: bool) -> rustix::io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    fcntl_setfl(file, flags)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What is in a file after pieces of these lengths.
    fn written(lens: &[usize], mut direct: Direct) -> (Vec<u8>, Vec<u8>) {
        let mut scratch = tempfile::NamedTempFile::new().unwrap();
        let file = scratch.reopen().unwrap().into();
        // Where the file system of this test has no such writes, they are usual ones.
        let _ = set(&file, true);
        let mut expected = Vec::new();
        for (number, len) in lens.iter().enumerate() {
            let piece: Vec<u8> = (0..*len).map(|at| (at / 7 + number) as u8).collect();
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let taken = direct.take(&file, rest).unwrap();
                rest = &rest[taken..];
            }
            expected.extend(piece);
        }
        direct.end(&file).unwrap();
        assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT), "what follows goes through the cache");
        let mut found = Vec::new();
        scratch.read_to_end(&mut found).unwrap();
        (expected, found)
    }

    #[test]
    fn pieces_of_any_length_come_out_as_they_went_in() {
        for lens in [
            &[][..],
            &[1],
            &[BLOCK],
            &[BLOCK - 1, 1, 1],
            &[SIZE],
            &[SIZE + 1],
            &[3 * SIZE - 5, 7],
            &[700_001, 700_001, 700_001, 1],
        ] {
            let (expected, found) = written(lens, Direct::new());
            assert!(expected == found, "{lens:?}");
        }
    }

    #[test]
    fn what_a_disk_does_not_take_goes_through_the_cache() {
        let aligned = Direct::new();
        let odd = Direct { start: aligned.start % BLOCK + 1, ..aligned };
        let (expected, found) = written(&[SIZE, SIZE + 100], odd);
        assert!(expected == found);
    }
}
