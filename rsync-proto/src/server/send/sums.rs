//! Sums of the blocks that a client has: taken off the wire as they are, and only as many as memory and file are worth.

use super::super::failure::Failure;
use super::super::talk::Line;
use super::super::voice::Voice;
use crate::checksum::ChecksumKind;
use crate::delta::BlockLayout;
use crate::wire::{Cursor, Parse};

/// The longest sum of a block that clients send, in bytes. They name it at the second try even where the checksum has
/// fewer bytes; what is behind those means nothing.
const LONGEST: usize = 16;
/// Bytes of a weak sum.
const WEAK: usize = 4;
/// Most memory for the sums of one file and the table over them, in bytes: enough for 1 TiB in blocks of 128 KiB.
const MEMORY: usize = 192 * 1024 * 1024;
/// What a block takes in the table, in bytes.
const IN_TABLE: usize = 20;
/// How many times the blocks that a file could hold are kept: blocks beyond that are not looked for.
const TIMES: u64 = 4;
/// So many blocks are always kept.
const SMALL: u64 = 4096;
/// Sums are read in parts of so many bytes.
const PART: usize = 256 * 1024;

/// How the client cut its file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout(BlockLayout);

impl Layout {
    /// Reads it in front of the sums.
    pub fn read(cursor: &mut Cursor<'_>) -> Parse<BlockLayout> {
        BlockLayout::read(cursor)
    }

    /// # Errors
    /// It contradicts itself.
    pub fn check(raw: BlockLayout, checksum: ChecksumKind) -> Result<Self, Failure> {
        let fault = |what| Err(Failure::Violation(format!("it sent {what}: {raw:?}")));
        if i32::try_from(raw.count).is_err() {
            return fault("a layout of too many blocks");
        }
        if raw.count > 0 && raw.block_len == 0 {
            return fault("a layout of empty blocks");
        }
        if raw.sum_len as usize > checksum.sum_len().max(LONGEST) {
            return fault("a layout with sums that are too long");
        }
        Ok(Self(raw))
    }

    pub fn raw(&self) -> &BlockLayout {
        &self.0
    }

    /// Bytes that all blocks have together.
    pub fn covered(&self) -> u64 {
        let last = self.0.count.checked_sub(1).and_then(|last| self.0.block(last));
        last.map_or(0, |(offset, len)| offset + u64::from(len))
    }
}

/// The sums of a file's blocks, or of the first of them.
#[derive(Debug)]
pub(super) struct Sums {
    layout: BlockLayout,
    bytes: Vec<u8>,
    stride: usize,
    kept: u32,
    strong: usize,
}

impl Sums {
    /// Reads the sums behind a layout, for a file of `size` bytes.
    ///
    /// # Errors
    /// They do not come.
    pub fn read(
        line: &mut Line,
        layout: &Layout,
        checksum: ChecksumKind,
        size: u64,
        mut bytes: Vec<u8>,
    ) -> Result<Self, Failure> {
        let raw = *layout.raw();
        let stride = WEAK + raw.sum_len as usize;
        let kept = kept(&raw, stride, size);
        bytes.clear();
        let mut left = kept as usize * stride;
        while left > 0 {
            let part = left.min(PART);
            line.read_bytes(part, &mut bytes)?;
            left -= part;
        }
        let mut left = u64::from(raw.count - kept) * stride as u64;
        let mut waste = Vec::new();
        while left > 0 {
            let part = left.min(PART as u64) as usize;
            waste.clear();
            line.read_bytes(part, &mut waste)?;
            line.breathe()?;
            left -= part as u64;
        }
        Ok(Self { layout: raw, bytes, stride, kept, strong: (raw.sum_len as usize).min(checksum.sum_len()) })
    }

    /// Over bytes as they stand on the wire.
    #[cfg(test)]
    pub fn of(layout: BlockLayout, checksum: ChecksumKind, bytes: Vec<u8>) -> Self {
        let stride = WEAK + layout.sum_len as usize;
        let kept = (bytes.len() / stride) as u32;
        Self { layout, bytes, stride, kept, strong: (layout.sum_len as usize).min(checksum.sum_len()) }
    }

    /// The memory, to be used again.
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.bytes.capacity() > 4 * PART {
            self.bytes = Vec::new();
        }
        self.bytes
    }

    pub fn len(&self) -> u32 {
        self.kept
    }

    pub fn block_len(&self) -> usize {
        self.layout.block_len as usize
    }

    /// How many blocks of the whole length there are; what is behind them is the short one.
    pub fn whole(&self) -> u32 {
        if self.short().is_some() { self.kept - 1 } else { self.kept }
    }

    /// The last block, if it is shorter than the others: its number and length.
    pub fn short(&self) -> Option<(u32, usize)> {
        let last = self.layout.count.checked_sub(1)?;
        let remainder = self.layout.remainder;
        let is_short = remainder != 0 && remainder != self.layout.block_len && last < self.kept;
        is_short.then_some((last, remainder as usize))
    }

    /// Where a block begins in the client's file.
    pub fn offset(&self, block: u32) -> u64 {
        u64::from(block) * u64::from(self.layout.block_len)
    }

    pub fn weak(&self, block: u32) -> u32 {
        let at = block as usize * self.stride;
        u32::from_le_bytes(self.bytes[at..at + WEAK].try_into().expect("four bytes"))
    }

    /// As much of the strong sum as was sent and means anything.
    pub fn strong(&self, block: u32) -> &[u8] {
        let at = block as usize * self.stride + WEAK;
        &self.bytes[at..at + self.strong]
    }
}

/// How many of the sums are worth their memory.
fn kept(layout: &BlockLayout, stride: usize, size: u64) -> u32 {
    let useful = size / u64::from(layout.block_len.max(1)) * TIMES + SMALL;
    let most = useful.min((MEMORY / (stride + IN_TABLE)) as u64);
    u64::from(layout.count).min(most) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(count: u32, block_len: u32, sum_len: u32, remainder: u32) -> BlockLayout {
        BlockLayout { count, block_len, sum_len, remainder }
    }

    #[test]
    fn layouts_that_contradict_themselves_are_refused() {
        for raw in [layout(1, 0, 2, 0), layout(1 << 31, 700, 2, 0), layout(1, 700, 17, 0)] {
            assert!(
                matches!(Layout::check(raw, ChecksumKind::Xxh128), Err(Failure::Violation(_))),
                "{raw:?}"
            );
        }
        assert!(Layout::check(layout(1, 700, 21, 0), ChecksumKind::Sha1).is_err());
        for raw in [layout(0, 0, 0, 0), layout(1, 700, 16, 0), layout(1, 700, 0, 700)] {
            assert!(Layout::check(raw, ChecksumKind::Xxh64).is_ok(), "{raw:?}");
        }
        assert!(Layout::check(layout(1, 700, 20, 0), ChecksumKind::Sha1).is_ok());
    }

    #[test]
    fn memory_is_bounded_by_what_the_file_could_hold() {
        assert_eq!(kept(&layout(100, 700, 2, 0), 6, 0), 100);
        assert_eq!(kept(&layout(i32::MAX as u32, 1, 16, 0), 20, 1000), 8096);
        let most = kept(&layout(i32::MAX as u32, 1, 16, 0), 20, 1 << 40);
        assert!(most as usize * (20 + IN_TABLE) <= MEMORY && most > 5_000_000);
    }

    #[test]
    fn what_blocks_cover_is_counted_once() {
        let covered = |raw| Layout::check(raw, ChecksumKind::Md5).unwrap().covered();
        assert_eq!(covered(layout(0, 0, 0, 0)), 0);
        assert_eq!(covered(layout(3, 700, 2, 0)), 2100);
        assert_eq!(covered(layout(3, 700, 2, 5)), 1405);
    }

    #[test]
    fn only_what_means_anything_of_a_strong_sum_is_compared() {
        let bytes = [&[1, 0, 0, 0][..], &[7; 16], &[2, 0, 0, 0], &[9; 16]].concat();
        let sums = Sums::of(layout(2, 700, 16, 5), ChecksumKind::Xxh64, bytes);
        assert_eq!((sums.len(), sums.whole(), sums.short()), (2, 1, Some((1, 5))));
        assert_eq!((sums.weak(1), sums.strong(1)), (2, &[9; 8][..]));
    }
}
