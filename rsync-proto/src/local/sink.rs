//! The content of one file: collected into large writes beside its place, verified, then put there.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, fstat, renameat, unlinkat};
use rustix::io::{pread, write, writev};

use super::attributes::Policy;
use super::dir::{LocalDir, is_file};
use super::node::Node;
use crate::checksum::{FileSum, FileSummer, StrongSum};
use crate::destination::{Failure, Received, Sink};
use crate::flist::EntryRef;
use crate::report::Changes;
use crate::wire::flags::item;

/// Literal bytes are written when so many are at hand, in bytes.
const WRITE_SIZE: usize = 512 * 1024;
/// Most pieces of one write: the kernel takes no more than 1,024.
const MAX_PIECES: usize = 512;
/// Matched blocks are copied in pieces of this size, in bytes.
const COPY_SIZE: usize = 256 * 1024;

/// A file that is being received.
pub struct LocalSink {
    pub(super) policy: Arc<Policy>,
    pub(super) dir: Arc<LocalDir>,
    /// The final name.
    pub(super) name: Box<[u8]>,
    /// The name until it is complete; nothing once it was renamed.
    pub(super) temporary: Option<Vec<u8>>,
    pub(super) file: OwnedFd,
    pub(super) basis: Option<OwnedFd>,
    pub(super) checksum: FileSum,
    /// A new file inherits an access control list from its directory.
    pub(super) inherits_list: bool,
    pub(super) state: Content,
}

/// The content so far.
pub(super) struct Content {
    pieces: Vec<Bytes>,
    waiting: usize,
    /// A run of the basis: offset and length.
    run: (u64, u64),
    written: u64,
    summer: Option<FileSummer>,
    buffer: Vec<u8>,
}

impl Content {
    pub(super) fn new() -> Self {
        Self { pieces: Vec::new(), waiting: 0, run: (0, 0), written: 0, summer: None, buffer: Vec::new() }
    }
}

impl LocalSink {
    fn write_pieces(&mut self) -> io::Result<()> {
        let content = &mut self.state;
        if content.waiting == 0 {
            return Ok(());
        }
        let summer = content.summer.get_or_insert_with(|| self.checksum.begin());
        content.pieces.iter().for_each(|piece| summer.update(piece));
        write_all(&self.file, &content.pieces)?;
        content.written += content.waiting as u64;
        content.waiting = 0;
        content.pieces.clear();
        Ok(())
    }

    fn copy_run(&mut self) -> io::Result<()> {
        let content = &mut self.state;
        let (mut offset, mut left) = std::mem::take(&mut content.run);
        if left == 0 {
            return Ok(());
        }
        let basis = self.basis.as_ref().ok_or_else(|| io::Error::other("the basis is gone"))?;
        let summer = content.summer.get_or_insert_with(|| self.checksum.begin());
        content.buffer.resize(COPY_SIZE, 0);
        while left > 0 {
            let len = left.min(COPY_SIZE as u64) as usize;
            let len = pread(basis, &mut content.buffer[..len], offset)?;
            if len == 0 {
                // The basis was cut meanwhile: the size will not agree, and the file is asked for again.
                return Ok(());
            }
            let mut rest = &content.buffer[..len];
            summer.update(rest);
            while !rest.is_empty() {
                rest = &rest[write(&self.file, rest)?..];
            }
            content.written += len as u64;
            offset += len as u64;
            left -= len as u64;
        }
        Ok(())
    }

    /// Writes what is left, and compares size and sum.
    fn complete(&mut self, expected: &StrongSum) -> io::Result<bool> {
        self.copy_run()?;
        let content = &mut self.state;
        let sum = match (&content.summer, &content.pieces[..]) {
            // Most files are so small that all of them is at hand.
            (None, []) => self.checksum.of(&[]),
            (None, [piece]) => {
                let sum = self.checksum.of(piece);
                write_all(&self.file, &content.pieces)?;
                content.written += piece.len() as u64;
                sum
            }
            _ => {
                self.write_pieces()?;
                self.state.summer.take().expect("it was made for the first piece").finish()
            }
        };
        self.state.pieces.clear();
        self.state.waiting = 0;
        // The sum alone decides: a file may have become longer or shorter since it was listed.
        Ok(sum == *expected)
    }

    /// The outer result is that of the renaming, the inner one that of the attributes.
    fn put_in_place(&mut self, entry: EntryRef<'_>) -> io::Result<io::Result<()>> {
        let existing = self.dir.stat(&self.name)?.filter(is_file);
        let wish = self.policy.wish(entry, existing.as_ref());
        let mut changes = Changes(item::IS_NEW | item::TRANSFER);
        changes.set(self.inherits_list || wish.has_list(), item::REPORT_ACL);
        let set = self.policy.apply(&wish, &Node::borrowed(self.file.as_fd()), &fstat(&self.file)?, changes);
        let temporary = self.temporary.as_ref().expect("it is renamed once");
        let dir = self.dir.fd();
        renameat(dir, &temporary[..], dir, &*self.name)?;
        self.temporary = None;
        Ok(set)
    }
}

impl Sink for LocalSink {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        self.copy_run()?;
        self.state.waiting += bytes.len();
        self.state.pieces.push(bytes);
        if self.state.waiting >= WRITE_SIZE || self.state.pieces.len() >= MAX_PIECES {
            self.write_pieces()?;
        }
        Ok(())
    }

    fn matched(&mut self, offset: u64, len: u64) -> io::Result<()> {
        self.write_pieces()?;
        let (start, run) = self.state.run;
        if run > 0 && start + run == offset && run < 16 * COPY_SIZE as u64 {
            self.state.run.1 += len;
            return Ok(());
        }
        self.copy_run()?;
        self.state.run = (offset, len);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pieces()
    }

    fn finish(mut self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure> {
        let failure = |error| Failure::new("write", entry.path(), error);
        if !self.complete(sum).map_err(failure)? {
            return Ok(Received::Mismatch);
        }
        match self.put_in_place(entry) {
            Ok(Ok(())) => Ok(Received::Complete),
            Ok(Err(error)) => Ok(Received::Bare(Failure::attributes(entry.path(), error))),
            Err(error) => Err(Failure::new("put into place", entry.path(), error)),
        }
    }
}

impl Drop for LocalSink {
    /// A file that was not completed leaves nothing behind.
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = unlinkat(self.dir.fd(), &temporary[..], AtFlags::empty());
        }
    }
}

fn write_all(file: &OwnedFd, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    while rest.iter().any(|slice| !slice.is_empty()) {
        let written = match &*rest {
            [single] => write(file, single)?,
            _ => writev(file, rest)?,
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}
