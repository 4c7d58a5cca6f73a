//! A file that comes may turn out to be what is there already, but for its attributes: images that are built anew have many
//! such. Nothing is written before something is different.

use std::io;
use std::os::fd::AsFd;

use bytes::Bytes;
use rustix::fs::{Stat, fstat, fsync};

use super::basis::READ_SIZE;
use super::buffer;
use super::offer::OpenBasis;
use super::sink::{FileSink, MAX_RUN, Opening};
use crate::checksum::{FileSummer, StrongSum};
use crate::destination::{Failure, Received, Sink};
use crate::flist::EntryRef;

/// A file that is being received.
pub struct LocalSink(State);

enum State {
    /// So far, it is what is there.
    Same(Box<Same>),
    Written(Box<FileSink>),
    /// It could not be made.
    Lost,
}

struct Same {
    opening: Opening,
    /// What is there.
    basis: OpenBasis,
    /// Its status before it was read.
    before: Stat,
    /// So much of its beginning came.
    len: u64,
    /// So much of that was read for the sum.
    summed: u64,
    summer: FileSummer,
}

impl From<FileSink> for LocalSink {
    fn from(sink: FileSink) -> Self {
        Self(State::Written(Box::new(sink)))
    }
}

impl LocalSink {
    /// A file that may be what is there.
    pub(super) fn same(opening: Opening, basis: OpenBasis, before: Stat) -> Self {
        let summer = opening.checksum.begin();
        Self(State::Same(Box::new(Same { opening, basis, before, len: 0, summed: 0, summer })))
    }

    /// The file, now that it has to be written: with what was passed over so far.
    fn written(&mut self) -> io::Result<&mut FileSink> {
        if let State::Same(_) = &self.0
            && let State::Same(same) = std::mem::replace(&mut self.0, State::Lost)
        {
            let Same { opening, basis, len, .. } = *same;
            let mut sink = opening.beside(Some(basis))?;
            if len > 0 {
                // It is summed once more, as it goes into a file that nobody else has.
                sink.matched(0, len)?;
            }
            self.0 = State::Written(Box::new(sink));
        }
        match &mut self.0 {
            State::Written(sink) => Ok(sink),
            State::Same(_) | State::Lost => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Same {
    /// Reads on for the sum. False if the file was cut meanwhile.
    fn sum_up(&mut self) -> io::Result<bool> {
        buffer::with(READ_SIZE, |buffer| {
            while self.summed < self.len {
                let most = (self.len - self.summed).min(READ_SIZE as u64) as usize;
                let len = self.basis.read_at(&mut buffer[..most], self.summed)?;
                if len == 0 {
                    return Ok(false);
                }
                self.summer.update(&buffer[..len]);
                self.summed += len as u64;
            }
            Ok(true)
        })
    }

    /// Whether all of what is there came, and nothing else.
    fn is_complete(&mut self) -> io::Result<bool> {
        Ok(self.len == self.basis.len() && self.sum_up()?)
    }

    /// Gives what is there its attributes; nothing if it may be something else by now than what was summed, or go by another
    /// name. The outer result is about the file, the inner one about the attributes.
    fn keep(&self, entry: EntryRef<'_>) -> io::Result<Option<io::Result<()>>> {
        let Opening { places, dir, name, .. } = &self.opening;
        let file = self.basis.first();
        let (own, there) = (fstat(file)?, dir.stat(name)?);
        let is_there = there.is_some_and(|there| (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino));
        // Whatever is done to a file changes one of these.
        let state = |stat: &Stat| {
            let times = (stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec);
            (stat.st_size, stat.st_nlink, times)
        };
        if !is_there || state(&own) != state(&self.before) {
            return Ok(None);
        }
        if places.fsync {
            fsync(file)?;
        }
        // The time of a directory tells that a file in it came anew.
        dir.disturb();
        let attributes = places.keep(entry, file.as_fd(), &own);
        places.remove_partial(dir, name);
        Ok(Some(attributes))
    }
}

impl Sink for LocalSink {
    fn literal(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written()?.literal(bytes)
    }

    fn matched(&mut self, offset: u64, len: u64) -> io::Result<()> {
        if let State::Same(same) = &mut self.0
            && offset == same.len
        {
            same.len += len;
            if same.len - same.summed < MAX_RUN || same.sum_up()? {
                return Ok(());
            }
            same.len -= len;
        }
        self.written()?.matched(offset, len)
    }

    fn read_back(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.written()?.read_back(offset, into)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            State::Written(sink) => sink.flush(),
            // It holds nothing that others wait for.
            State::Same(_) | State::Lost => Ok(()),
        }
    }

    fn finish(mut self, sum: &StrongSum, entry: EntryRef<'_>) -> Result<Received, Failure> {
        let failure = |error| Failure::new("write", entry.path(), error);
        if let State::Same(same) = &mut self.0
            && same.is_complete().map_err(failure)?
        {
            let summer = std::mem::replace(&mut same.summer, same.opening.checksum.begin());
            if summer.finish() != *sum {
                return Ok(Received::Mismatch);
            }
            match same.keep(entry).map_err(failure)? {
                Some(Ok(())) => return Ok(Received::Complete),
                Some(Err(error)) => return Ok(Received::Bare(Failure::attributes(entry.path(), error))),
                None => {}
            }
        }
        self.written().map_err(failure)?;
        match self.0 {
            State::Written(sink) => sink.finish(sum, entry),
            State::Same(_) | State::Lost => Err(failure(io::ErrorKind::NotFound.into())),
        }
    }
}
