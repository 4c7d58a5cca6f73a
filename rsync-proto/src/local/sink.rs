//! The content of one file that is written: collected into large writes, verified, then put into its place.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, Stat, fstat, unlinkat};
use rustix::io::pread;

use super::basis::READ_SIZE;
use super::buffer;
use super::dir::LocalDir;
use super::direct;
use super::offer::OpenBasis;
use super::place::Places;
use super::share::Sharing;
use super::write::Writer;
use crate::checksum::{FileSum, FileSummer, StrongSum};
use crate::destination::{Failure, Received, Sink};
use crate::flist::EntryRef;

/// Literal bytes are written when so many are at hand, in bytes.
const WRITE_SIZE: usize = 512 * 1024;
/// Matched blocks are collected up to this length, in bytes.
pub(super) const MAX_RUN: u64 = 4 * 1024 * 1024;
/// Most pieces of one write: the kernel takes no more than 1,024.
const MAX_PIECES: usize = 512;

/// What a file needs to be written.
pub(super) struct Opening {
    pub(super) places: Arc<Places>,
    pub(super) dir: Arc<LocalDir>,
    /// The final name.
    pub(super) name: Box<[u8]>,
    pub(super) checksum: FileSum,
    /// The permissions that it is going to have.
    pub(super) permissions: u32,
    /// Something is there under its name.
    pub(super) replaces: bool,
    pub(super) sparse: bool,
    /// How long it is going to be, as far as is known, in bytes.
    pub(super) len: u64,
    /// Room is reserved for all of it.
    pub(super) preallocate: bool,
    /// The basis is what an interrupted transfer left.
    pub(super) from_partial: bool,
}

impl Opening {
    /// Makes the file beside its place.
    pub(super) fn beside(self, basis: Option<OpenBasis>) -> io::Result<FileSink> {
        let stage = self.places.stage_for(&self.dir, &self.name, self.permissions, self.replaces)?;
        let mut writer = Writer::new(stage.file, self.sparse, false);
        // Holes and room that was reserved are of no use in blocks that others have, too.
        let shares = basis.is_some() && !self.sparse && !self.preallocate;
        let mut sharing = if shares { Sharing::Unknown } else { Sharing::Impossible };
        if self.len >= direct::SHORTEST && !self.sparse && !sharing.is_possible(&writer.file) {
            writer.go_past_the_cache();
        }
        self.begin(Staged::Beside(stage.name), writer, basis, sharing)
    }

    /// Writes into the file that is, or was just made, at its own place.
    pub(super) fn in_place(
        self,
        file: OwnedFd,
        before: Option<Stat>,
        basis: Option<OpenBasis>,
        is_own_basis: bool,
    ) -> io::Result<FileSink> {
        let writer = Writer::new(file, self.sparse, before.is_some());
        let mut sink =
            self.begin(Staged::InPlace { before, stays: true }, writer, basis, Sharing::Impossible)?;
        sink.is_own_basis = is_own_basis;
        Ok(sink)
    }

    fn begin(
        self,
        staged: Staged,
        writer: Writer,
        basis: Option<OpenBasis>,
        sharing: Sharing,
    ) -> io::Result<FileSink> {
        let Self { places, dir, name, checksum, from_partial, len, preallocate, .. } = self;
        let state = Content::default();
        let is_own_basis = false;
        let mut sink = FileSink {
            places,
            dir,
            name,
            staged,
            writer,
            basis,
            is_own_basis,
            from_partial,
            sharing,
            checksum,
            state,
        };
        if preallocate {
            sink.writer.reserve(len)?;
        }
        Ok(sink)
    }
}

/// A file that is being written.
pub(super) struct FileSink {
    places: Arc<Places>,
    dir: Arc<LocalDir>,
    /// The final name.
    name: Box<[u8]>,
    /// Where it is until it is complete.
    staged: Staged,
    writer: Writer,
    basis: Option<OpenBasis>,
    /// The basis is the file that is written into, so that what is at its place already needs no writing.
    is_own_basis: bool,
    /// The basis is what an interrupted transfer left.
    from_partial: bool,
    /// Whether runs of the basis can become part of the file as they are.
    sharing: Sharing,
    checksum: FileSum,
    state: Content,
}

/// Where a file is until it is complete.
enum Staged {
    /// Under this temporary name; nothing if it has none, or was renamed.
    Beside(Option<Vec<u8>>),
    /// At its own place.
    InPlace {
        /// What it was before, if it was there.
        before: Option<Stat>,
        /// It is as it is wanted, or may stay as it is.
        stays: bool,
    },
}

/// The content so far.
#[derive(Default)]
struct Content {
    pieces: Vec<Bytes>,
    waiting: usize,
    /// A run of the basis: offset and length.
    run: (u64, u64),
    summer: Option<FileSummer>,
    /// Something came that was not here.
    got_literal: bool,
}

impl FileSink {
    /// The first bytes are in place: passes them over; where they take part in the sum, reads them.
    pub(super) fn keep(&mut self, kept: u64, verified: bool) -> io::Result<()> {
        if !verified {
            self.writer.pass(kept);
            return Ok(());
        }
        self.state.run = (0, kept);
        self.take_run()
    }

    fn write_pieces(&mut self) -> io::Result<()> {
        let content = &mut self.state;
        if content.waiting == 0 {
            return Ok(());
        }
        let summer = content.summer.get_or_insert_with(|| self.checksum.begin());
        content.pieces.iter().for_each(|piece| summer.update(piece));
        self.writer.pieces(&content.pieces)?;
        content.waiting = 0;
        content.pieces.clear();
        Ok(())
    }

    /// Everything that came is in the file.
    fn settle(&mut self) -> io::Result<()> {
        self.take_run()?;
        self.write_pieces()?;
        self.writer.settle()
    }

    /// Brings the run of the basis that was collected into the file.
    fn take_run(&mut self) -> io::Result<()> {
        let (mut offset, mut left) = std::mem::take(&mut self.state.run);
        let found = self.basis.as_ref().filter(|_| left > 0).and_then(|basis| basis.at(offset));
        if let Some((_, from, len)) = found
            && let Some(before) =
                self.sharing.copied_before(&self.writer.file, from, self.writer.at(), left.min(len))
        {
            self.copy(offset, before)?;
            (offset, left) = (offset + before, left - before);
            let shared = self.share(offset, left)?;
            (offset, left) = (offset + shared, left - shared);
        }
        self.copy(offset, left)
    }

    /// Shares what can be shared of a run that begins with a whole block. Its sum is taken from the file that has it now:
    /// the basis may change, and nobody else has that file.
    fn share(&mut self, offset: u64, len: u64) -> io::Result<u64> {
        let Some((basis, from, whole)) = self.basis.as_ref().and_then(|basis| basis.at(offset)) else {
            return Ok(0);
        };
        let start = self.writer.at();
        let shared = self.sharing.share(basis, from, &self.writer.file, start, len.min(whole));
        let summer = self.state.summer.get_or_insert_with(|| self.checksum.begin());
        buffer::with(READ_SIZE, |buffer| {
            let mut at = start;
            while at < start + shared {
                let most = (start + shared - at).min(READ_SIZE as u64) as usize;
                let len = pread(&self.writer.file, &mut buffer[..most], at)?;
                if len == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                }
                summer.update(&buffer[..len]);
                at += len as u64;
            }
            Ok(())
        })?;
        self.writer.pass(shared);
        Ok(shared)
    }

    fn copy(&mut self, mut offset: u64, mut left: u64) -> io::Result<()> {
        let content = &mut self.state;
        if left == 0 {
            return Ok(());
        }
        // Gone, it is like one that was cut.
        let Some(basis) = &self.basis else { return Ok(()) };
        let summer = content.summer.get_or_insert_with(|| self.checksum.begin());
        while left > 0 {
            let most = left.min(READ_SIZE as u64) as usize;
            let read = |into: &mut [u8]| {
                let len = basis.read_at(into, offset)?;
                summer.update(&into[..len]);
                Ok(len)
            };
            let len = if self.is_own_basis && offset == self.writer.at() {
                let len = buffer::with(most, read)?;
                self.writer.pass(len as u64);
                len
            } else {
                self.writer.from(most, read)?
            };
            if len == 0 {
                // It was cut meanwhile: the sum will not agree, and the file is asked for again.
                return Ok(());
            }
            offset += len as u64;
            left -= len as u64;
        }
        Ok(())
    }

    /// Writes what is left, and compares the sum. It alone decides: a file may have become longer or shorter since it
    /// was listed.
    fn complete(&mut self, expected: &StrongSum) -> io::Result<bool> {
        self.take_run()?;
        let sum = match (&self.state.summer, &self.state.pieces[..]) {
            // Most files are so small that all of them is at hand.
            (None, []) => self.checksum.of(&[]),
            (None, pieces @ [piece]) => {
                let sum = self.checksum.of(piece);
                self.writer.pieces(pieces)?;
                sum
            }
            _ => {
                self.write_pieces()?;
                self.state.summer.take().expect("it was made for the first piece").finish()
            }
        };
        self.state.pieces.clear();
        self.state.waiting = 0;
        self.writer.end()?;
        Ok(sum == *expected)
    }

    /// What an earlier try left is more than what came of this one.
    fn is_less(&self) -> bool {
        let left = self.basis.as_ref().filter(|_| self.from_partial);
        left.is_some_and(|left| fstat(left.first()).is_ok_and(|stat| stat.st_size as u64 > self.writer.at()))
    }

    /// The outer result is that of the renaming, the inner one that of the attributes.
    fn put_in_place(&mut self, entry: EntryRef<'_>) -> io::Result<io::Result<()>> {
        let attributes = match &mut self.staged {
            Staged::InPlace { before, stays } => {
                *stays = true;
                let before = before.take();
                self.places.settle(&self.dir, entry, self.writer.file.as_fd(), before.as_ref())
            }
            Staged::Beside(temporary) => {
                let temporary = temporary.take();
                let fd = self.writer.file.as_fd();
                self.places.put(&self.dir, &self.name, entry, fd, temporary.as_deref())?
            }
        };
        // Where updates wait for the end, the new file stands in the place of what was left of it.
        if self.places.delayed.is_none() {
            self.places.remove_partial(&self.dir, &self.name);
        }
        Ok(attributes)
    }
}

impl Sink for FileSink {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        self.take_run()?;
        self.state.got_literal = true;
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
        if run > 0 && start + run == offset && run < MAX_RUN {
            self.state.run.1 += len;
            return Ok(());
        }
        self.take_run()?;
        self.state.run = (offset, len);
        Ok(())
    }

    fn read_back(&mut self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        self.settle()?;
        while !into.is_empty() {
            let len = match pread(&self.writer.file, &mut *into, offset)? {
                // A hole that nothing came behind yet.
                0 if offset + into.len() as u64 <= self.writer.at() => {
                    into.fill(0);
                    into.len()
                }
                0 => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the old file was cut meanwhile",
                    ));
                }
                len => len,
            };
            into = &mut into[len..];
            offset += len as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pieces()
    }

    fn finish(mut self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure> {
        let failure = |error| Failure::new("write", entry.path(), error);
        if !self.complete(sum).map_err(failure)? {
            // What came is of no use under any name.
            self.state.got_literal = false;
            if let Staged::InPlace { before: None, stays } = &mut self.staged {
                *stays = false;
            }
            return Ok(Received::Mismatch);
        }
        if self.places.fsync {
            self.writer.sync().map_err(failure)?;
        }
        match self.put_in_place(entry) {
            Ok(Ok(())) => Ok(Received::Complete),
            Ok(Err(error)) => Ok(Received::Bare(Failure::attributes(entry.path(), error))),
            Err(error) => Err(Failure::new("put into place", entry.path(), error)),
        }
    }
}

impl Drop for FileSink {
    /// A file that was not completed leaves nothing behind, unless it is wanted as a basis for the next try.
    fn drop(&mut self) {
        let temporary = match &mut self.staged {
            Staged::Beside(temporary) => temporary.take(),
            Staged::InPlace { stays, .. } => {
                if !*stays {
                    let _ = unlinkat(self.dir.fd(), &self.name[..], AtFlags::empty());
                }
                None
            }
        };
        let Some(temporary) = temporary else { return };
        let kept = self.state.got_literal && self.places.keeps_partial;
        // After a write that failed, the file is what it is.
        if kept && (self.writer.is_broken() || self.settle().is_ok()) && !self.is_less() {
            self.places.keep_partial(&self.dir, &self.name, &self.writer.file, &temporary);
        } else {
            let _ = unlinkat(self.places.staging(&self.dir), &temporary[..], AtFlags::empty());
        }
    }
}
