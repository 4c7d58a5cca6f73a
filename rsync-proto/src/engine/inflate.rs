//! Content that no session can unpack: deflated data that refers to matched blocks, which lie in the destination.

use std::io;

use bytes::Bytes;

use crate::compression::{Inflate, check_output};
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
    /// Packed bytes since they last came to something.
    without_output: u64,
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
        (self.at, self.unseen, self.missing, self.without_output) = (0, 0, missing, 0);
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
        let len = packed.len() as u64;
        while let Some(piece) = self.inflate.next(&mut packed)? {
            self.pass(piece.len() as u64)?;
            sink.literal(piece)?;
        }
        self.without_output = if self.at == before { self.without_output + len } else { 0 };
        check_output(self.without_output)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::StrongSum;
    use crate::destination::{Failure, Received};
    use crate::flist::EntryRef;
    use crate::limits::MAX_PACKED_WITHOUT_OUTPUT;

    struct Nowhere;

    impl Sink for Nowhere {
        fn literal(&mut self, _: Bytes) -> io::Result<()> {
            Ok(())
        }

        fn matched(&mut self, _: u64, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn finish(self, _: &StrongSum, _: EntryRef<'_>) -> Result<Received, Failure> {
            Ok(Received::Complete)
        }
    }

    #[test]
    fn data_that_comes_to_nothing_is_bounded() {
        let mut inflating = Inflating::new(false);
        inflating.begin(1);
        let nothing = Bytes::from([0, 0, 0, 0xff, 0xff].repeat(1000));
        let times = MAX_PACKED_WITHOUT_OUTPUT as usize / nothing.len();
        for _ in 0..times {
            assert!(matches!(inflating.unpack(nothing.clone(), &mut Nowhere), Ok(0)));
        }
        let Err(Trouble::Server(error)) = inflating.unpack(nothing.clone(), &mut Nowhere) else { panic!() };
        assert!(error.to_string().contains("comes to nothing"), "{error}");
        // Something in between begins the count anew.
        inflating.begin(1);
        for _ in 0..times {
            assert!(inflating.unpack(nothing.clone(), &mut Nowhere).is_ok());
        }
        let one = Bytes::from_static(&[0, 1, 0, 0xfe, 0xff, b'x']);
        assert!(matches!(inflating.unpack(one, &mut Nowhere), Ok(1)));
        assert!(matches!(inflating.unpack(nothing, &mut Nowhere), Ok(0)));
    }
}
