//! What was unpacked last: where sequences look back, and where the output is taken from.

use super::{Fault, MAX_BLOCK, OVERRUN, fault};

/// Copies go in steps of this many bytes; what goes too far is overwritten by the next.
const STEP: usize = 16;
/// What a window has at first, in bytes: most sessions never need a whole one.
const FIRST: usize = 256 * 1024;
/// At least so much comes before old bytes are cut off, in bytes.
const MIN_SPARE: usize = 1 << 20;

/// The last bytes, at least as many as the stream may refer to, and room for the next block.
pub(super) struct Window {
    bytes: Vec<u8>,
    end: usize,
    /// Where the block at hand began, and where it must end.
    begin: usize,
    limit: usize,
    size: usize,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self { bytes: Vec::new(), end: 0, begin: 0, limit: 0, size }
    }

    /// The longest block, packed or not.
    pub(super) fn block(&self) -> usize {
        self.size.min(MAX_BLOCK)
    }

    /// Makes room for a block.
    pub(super) fn begin_block(&mut self) {
        let needed = self.block() + OVERRUN;
        let most = self.size + (self.size / 2).max(MIN_SPARE) + needed;
        if self.bytes.len() - self.end < needed && self.bytes.len() < most {
            let len = (self.bytes.len() * 2).max(self.end + needed).max(FIRST).min(most);
            self.bytes.reserve_exact(len - self.bytes.len());
            self.bytes.resize(len, 0);
        }
        if self.bytes.len() - self.end < needed {
            self.bytes.copy_within(self.end - self.size..self.end, 0);
            self.end = self.size;
        }
        self.begin = self.end;
        self.limit = self.end + self.block();
    }

    /// What the block came to.
    pub(super) fn output(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    /// Adds bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.fits(bytes.len())?;
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        Ok(())
    }

    /// Adds one byte many times.
    pub(super) fn fill(&mut self, byte: u8, len: usize) -> Result<(), Fault> {
        self.fits(len)?;
        self.bytes[self.end..self.end + len].fill(byte);
        self.end += len;
        Ok(())
    }

    /// Adds literals, behind which there is room in `source`.
    #[inline(always)]
    pub(super) fn literals(&mut self, source: &[u8], at: usize, len: usize) -> Result<(), Fault> {
        self.fits(len)?;
        if len <= STEP {
            let step: [u8; STEP] = source[at..at + STEP].try_into().expect("a step");
            self.bytes[self.end..self.end + STEP].copy_from_slice(&step);
        } else {
            self.bytes[self.end..self.end + len].copy_from_slice(&source[at..at + len]);
        }
        self.end += len;
        Ok(())
    }

    /// Adds what came before, at this distance.
    #[inline(always)]
    pub(super) fn again(&mut self, distance: usize, len: usize) -> Result<(), Fault> {
        self.fits(len)?;
        if distance > self.end {
            return Err(fault("a distance beyond all that came"));
        }
        let (mut from, mut to) = (self.end - distance, self.end);
        self.end += len;
        if distance >= STEP && len <= 4 * STEP {
            while to < self.end {
                let step: [u8; STEP] = self.bytes[from..from + STEP].try_into().expect("a step");
                self.bytes[to..to + STEP].copy_from_slice(&step);
                (from, to) = (from + STEP, to + STEP);
            }
        } else if distance >= len {
            self.bytes.copy_within(from..from + len, to);
        } else {
            // The pattern repeats itself, so twice as much of it is there after each copy.
            while to < self.end {
                let len = (to - from).min(self.end - to);
                self.bytes.copy_within(from..from + len, to);
                to += len;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn fits(&self, len: usize) -> Result<(), Fault> {
        if len > self.limit - self.end { Err(fault("a block of too many bytes")) } else { Ok(()) }
    }
}
