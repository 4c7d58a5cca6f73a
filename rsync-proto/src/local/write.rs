//! Writes the content of one file: in large pieces, with holes where that was asked for, and past what is in place
//! already.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fsync, ftruncate, seek};
use rustix::io::{Errno, write, writev};

use super::basis::READ_SIZE;
use super::buffer;
use super::direct::Direct;

/// Runs of zeros become holes in pieces of this size, in bytes: that of a page and of most file systems' blocks.
const HOLE: u64 = 4096;

/// A file that is being written from its beginning to its end.
pub(super) struct Writer {
    pub(super) file: OwnedFd,
    /// Where the next byte goes.
    at: u64,
    /// Where the file's own position is; behind [`Self::at`] after something was passed over.
    position: u64,
    sparse: bool,
    /// The file had content of its own, or room was reserved for it: what is passed over has to be emptied.
    used: bool,
    /// Where its writes go past the cache. Then nothing is passed over.
    direct: Option<Direct>,
    /// A write failed.
    is_broken: bool,
}

impl Writer {
    /// A writer of a new file, or of one that is `used`.
    pub(super) fn new(file: OwnedFd, sparse: bool, used: bool) -> Self {
        Self { file, at: 0, position: 0, sparse, used, direct: None, is_broken: false }
    }

    /// For a new file that is going to be large: writes past the kernel's cache where that can be.
    pub(super) fn go_past_the_cache(&mut self) {
        self.direct = Direct::for_new(&self.file);
    }

    /// Everything so far is in the file, and what follows goes through the cache.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let settled = self.direct.take().map_or(Ok(()), |direct| direct.end(&self.file));
        self.noting(settled)
    }

    /// Whether a write failed. What is in the file is its beginning, and nothing more can come behind it.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn noting<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.is_broken |= result.is_err();
        result
    }

    /// Writes what `read` puts into memory that it is given: at most `most` bytes, and no more than one read is worth.
    /// Returns how many.
    pub(super) fn from(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let most = most.min(READ_SIZE);
        if let Some(direct) = &mut self.direct {
            let space = direct.space();
            let most = most.min(space.len());
            let len = read(&mut space[..most])?;
            let filled = direct.filled(&self.file, len);
            self.noting(filled)?;
            self.advance(len);
            return Ok(len);
        }
        buffer::with(READ_SIZE, |buffer| {
            let len = read(&mut buffer[..most])?;
            self.bytes(&buffer[..len])?;
            Ok(len)
        })
    }

    /// Reserves room for so many bytes. A file system that cannot does without.
    pub(super) fn reserve(&mut self, size: u64) -> io::Result<()> {
        if size == 0 {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, size) {
            Ok(()) => self.used = true,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Bytes that were written or passed over.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Writes pieces one behind the other.
    pub(super) fn pieces(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        let written = self.put(pieces);
        self.noting(written)
    }

    fn put(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        if self.sparse {
            return pieces.iter().try_for_each(|piece| self.with_holes(piece));
        }
        if self.direct.is_some() {
            return pieces.iter().try_for_each(|piece| self.plain(piece));
        }
        self.catch_up()?;
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = &mut slices[..];
        while rest.iter().any(|slice| !slice.is_empty()) {
            let written = match &*rest {
                [single] => write(&self.file, single)?,
                _ => writev(&self.file, rest)?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(())
    }

    /// Writes bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.sparse { self.with_holes(bytes) } else { self.plain(bytes) };
        self.noting(written)
    }

    /// The next bytes are in place already.
    pub(super) fn pass(&mut self, len: u64) {
        self.at += len;
    }

    /// The file ends here.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.settle()?;
        if self.used || self.position != self.at {
            ftruncate(&self.file, self.at)?;
        }
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.file)?)
    }

    fn advance(&mut self, len: usize) {
        self.at += len as u64;
        self.position = self.at;
    }

    fn catch_up(&mut self) -> io::Result<()> {
        if self.position != self.at {
            seek(&self.file, SeekFrom::Start(self.at))?;
            self.position = self.at;
        }
        Ok(())
    }

    fn plain(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.catch_up()?;
        while !bytes.is_empty() {
            if let Some(direct) = &mut self.direct {
                let taken = direct.take(&self.file, bytes)?;
                self.advance(taken);
                bytes = &bytes[taken..];
                continue;
            }
            let written = write(&self.file, bytes)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn with_holes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let empty = self.run(rest, true);
            if empty > 0 {
                self.hole(empty as u64)?;
                rest = &rest[empty..];
            }
            let full = self.run(rest, false);
            if full > 0 {
                self.plain(&rest[..full])?;
                rest = &rest[full..];
            }
        }
        Ok(())
    }

    /// How many bytes at the beginning are parts of blocks that are empty, or that are not.
    fn run(&self, bytes: &[u8], empty: bool) -> usize {
        let mut len = 0;
        while len < bytes.len() {
            let to_border = (HOLE - (self.at + len as u64) % HOLE) as usize;
            let block = &bytes[len..bytes.len().min(len + to_border)];
            if is_zero(block) != empty {
                break;
            }
            len += block.len();
        }
        len
    }

    fn hole(&mut self, len: u64) -> io::Result<()> {
        if self.used {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(&self.file, flags, self.at, len) {
                Ok(()) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return self.zeros(len),
                Err(error) => return Err(error.into()),
            }
        }
        self.at += len;
        Ok(())
    }

    fn zeros(&mut self, mut len: u64) -> io::Result<()> {
        let zeros = [0; HOLE as usize];
        while len > 0 {
            let piece = len.min(HOLE) as usize;
            self.plain(&zeros[..piece])?;
            len -= piece as u64;
        }
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    // Chunks of fixed length become vector code.
    let mut chunks = bytes.chunks_exact(64);
    chunks.all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
        && bytes.chunks_exact(64).remainder().iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &[u8], cut: usize, sparse: bool, before: Option<&[u8]>) -> (Vec<u8>, u64) {
        use std::os::unix::fs::MetadataExt;
        let scratch = tempfile::NamedTempFile::new().unwrap();
        if let Some(before) = before {
            std::fs::write(scratch.path(), before).unwrap();
        }
        let file = scratch.reopen().unwrap();
        let mut writer = Writer::new(file.into(), sparse, before.is_some());
        for (number, piece) in content.chunks(cut).enumerate() {
            match number % 2 {
                0 => writer.bytes(piece).unwrap(),
                _ => writer.pieces(&[Bytes::copy_from_slice(piece)]).unwrap(),
            }
        }
        writer.end().unwrap();
        let blocks = scratch.as_file().metadata().unwrap().blocks();
        (std::fs::read(scratch.path()).unwrap(), blocks)
    }

    #[test]
    fn holes_read_as_zeros_however_the_content_is_cut() {
        let mut content = vec![0; 100_000];
        content[5] = 1;
        content[40_000..41_000].fill(7);
        content[90_001] = 9;
        for cut in [1, 63, 1000, 4096, 5000, 100_000] {
            for before in [None, Some(&[0xff; 150_000][..])] {
                for sparse in [false, true] {
                    assert_eq!(written(&content, cut, sparse, before).0, content, "{cut} {sparse}");
                }
            }
        }
        assert_eq!(written(&[0; 10_000], 512, true, None).0, [0; 10_000]);
        assert!(written(&content, 8192, true, None).1 < written(&content, 8192, false, None).1);
    }
}
