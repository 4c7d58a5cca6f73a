//! Content that no session can unpack: deflated data that refers to matched blocks, which lie in the destination.

use std::io;

use bytes::Bytes;

use crate::compression::Inflate;
use crate::destination::Sink;
use crate::error::{Error, Result};

/// The stream of the file that a worker has open.
#[derive(Default)]
pub(super) struct Inflating {
    inflate: Inflate,
    /// See [`Inflate::remember_block`].
    repeats: bool,
    /// Where the next bytes go in the file.
    at: u64,
    /// Matched bytes before that, which the stream does not know yet.
    unseen: u64,
    /// What the file can still have.
    missing: u64,
    buffer: Vec<u8>,
}

/// Why content cannot be stored.
pub(super) enum Trouble {
    /// The server's fault.
    Server(Error),
    /// The destination's.
    Sink(io::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Sink(error)
    }
}

impl Inflating {
    /// `repeats` tells what [`Inflate::remember_block`] is asked to do.
    pub(super) fn new(repeats: bool) -> Self {
        Self { repeats, ..Self::default() }
    }

    /// A file begins that has at most `missing` bytes.
    pub(super) fn begin(&mut self, missing: u64) {
        self.inflate.reset();
        (self.at, self.unseen, self.missing) = (0, 0, missing);
    }

    /// Unpacks and stores. Returns how many bytes came of it.
    pub(super) fn unpack(&mut self, mut packed: Bytes, sink: &mut impl Sink) -> Result<u64, Trouble> {
        if self.unseen > 0 {
            let len = self.unseen.min(Inflate::WINDOW as u64);
            self.read_back(len, sink)?;
            self.inflate.remember(&self.buffer)?;
            self.unseen = 0;
        }
        let before = self.at;
        while let Some(piece) = self.inflate.next(&mut packed)? {
            self.pass(piece.len() as u64)?;
            sink.literal(piece)?;
        }
        Ok(self.at - before)
    }

    /// A matched part of the file was stored.
    pub(super) fn matched(&mut self, len: u64, sink: &mut impl Sink) -> Result<(), Trouble> {
        self.inflate.pause()?;
        self.pass(len)?;
        if self.repeats && Inflate::is_repeated(len) {
            self.read_back(len, sink)?;
            self.inflate.remember_block(&self.buffer)?;
            self.unseen = 0;
        } else {
            self.unseen += len;
        }
        Ok(())
    }

    /// The file ends.
    pub(super) fn end(&mut self) -> Result<()> {
        self.inflate.pause()
    }

    fn pass(&mut self, len: u64) -> Result<()> {
        let rest = self.missing.checked_sub(len);
        self.missing = rest.ok_or_else(|| {
            let missing = self.missing;
            Error::Violation(format!("it sent {len} bytes where at most {missing} can be missing of a file"))
        })?;
        self.at += len;
        Ok(())
    }

    /// Reads the last `len` bytes.
    fn read_back(&mut self, len: u64, sink: &mut impl Sink) -> io::Result<()> {
        self.buffer.resize(len as usize, 0);
        sink.read_back(self.at - len, &mut self.buffer)
    }
}
