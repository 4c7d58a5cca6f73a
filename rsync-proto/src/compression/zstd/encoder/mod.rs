//! Packs a stream that never ends: one frame, of which everything so far comes out whenever it is flushed. Fast rather
//! than thorough: the first place where the same bytes were seen is taken, and tables are those that need no description.

mod bits;
mod huffman;
mod literals;
mod matches;
mod sequences;
#[cfg(test)]
mod tests;

use literals::Coder;
use matches::Finder;
use sequences::Tables;

use super::MAX_BLOCK;

/// What a frame begins with: neither size, dictionary nor sum; a window of [`matches::WINDOW`].
const FRAME: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48];
/// Shorter blocks are not worth packing.
const SHORTEST: usize = 24;

const RAW: u32 = 0;
const REPEATED: u32 = 1;
const PACKED: u32 = 2;

/// One stream.
#[derive(Default)]
pub(crate) struct Encoder {
    /// What comes in from now on is not worth packing.
    pub(crate) store: bool,
    /// What came out.
    pub(crate) packed: Vec<u8>,
    begun: bool,
    finder: Finder,
    literals: Coder,
    tables: Tables,
    block: Vec<u8>,
}

impl Encoder {
    /// Takes bytes in. Some of them may stay until [`Self::flush`].
    pub(crate) fn pack(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(MAX_BLOCK - self.finder.pending()));
            self.finder.add(now);
            bytes = later;
            if self.finder.pending() == MAX_BLOCK {
                self.flush();
            }
        }
    }

    /// All that was taken in comes out.
    pub(crate) fn flush(&mut self) {
        if self.finder.pending() == 0 {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.packed.extend_from_slice(&FRAME);
        }
        let bytes = self.finder.block();
        let (len, first) = (bytes.len(), bytes[0]);
        if len > 4 && bytes[1..] == bytes[..len - 1] {
            put_header(&mut self.packed, REPEATED, len);
            self.packed.push(first);
            self.finder.pass();
            return;
        }
        self.block.clear();
        if !self.store && len >= SHORTEST {
            self.finder.find();
            self.literals.put(&mut self.block, &self.finder.literals);
            self.tables.put(&mut self.block, &self.finder.sequences);
        }
        if self.block.is_empty() || self.block.len() >= len {
            put_header(&mut self.packed, RAW, len);
            self.packed.extend_from_slice(self.finder.block());
        } else {
            put_header(&mut self.packed, PACKED, self.block.len());
            self.packed.extend_from_slice(&self.block);
        }
        self.finder.pass();
    }
}

fn put_header(out: &mut Vec<u8>, kind: u32, size: usize) {
    let word = kind << 1 | (size as u32) << 3;
    out.extend_from_slice(&word.to_le_bytes()[..3]);
}
