//! Block sums: how a basis is cut into blocks, and what of each block is sent, so that the server can find
//! the blocks in its own file and refer to them by number.

use bytes::BufMut;

use crate::checksum::{BlockSummer, weak_sum};
use crate::error::Malformed;
use crate::limits;
use crate::wire::{Cursor, Parse};

/// The shortest block of an older state of a file, in bytes: it may change in a few places.
pub const SHORT_BLOCK: u32 = 512;
/// The shortest block of a file that is not an older state but has something in common, in bytes: such a file may differ
/// in many places, between which little lies.
pub const SHORTEST_BLOCK: u32 = 256;
/// The square root of a basis's size over the length of its blocks.
const PARTS_OF_ROOT: u64 = 8;
/// The length of a strong sum sent for the first try. Collisions are found by the whole-file sum, and the
/// second try sends the sums in full.
const SHORT_SUM: u32 = 2;
/// The longest strong sum for a block, in bytes.
const FULL_SUM: u32 = 16;
/// How many bits a strong sum has beyond those that the sizes of file and block demand, so that a false
/// match is unlikely over a whole transfer.
const BIAS_BITS: i32 = 10;

/// How a basis is cut: the header in front of block sums, and of the answer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockLayout {
    /// Number of blocks.
    pub count: u32,
    /// Length of each block but the last, in bytes.
    pub block_len: u32,
    /// Bytes sent of each strong sum.
    pub sum_len: u32,
    /// Length of the last block if it is a shorter one, else 0.
    pub remainder: u32,
}

impl BlockLayout {
    /// No basis: the file comes whole.
    pub const NONE: BlockLayout = BlockLayout { count: 0, block_len: 0, sum_len: 0, remainder: 0 };

    /// The layout for a basis of `size` bytes that is cut into blocks of `block_len` bytes; [`block_len`] finds a good
    /// length. `full` asks for whole strong sums (the second try), of which `max_sum` bytes exist. Nothing for sizes
    /// that no index can express.
    pub fn with_blocks(block_len: u32, size: u64, full: bool, max_sum: usize) -> Option<Self> {
        let count =
            u32::try_from(size.div_ceil(u64::from(block_len))).ok().filter(|n| *n < i32::MAX as u32)?;
        let longest = FULL_SUM.min(max_sum as u32);
        let sum_len = if full { longest } else { sum_len(size, block_len).min(longest) };
        Some(Self { count, block_len, sum_len, remainder: (size % u64::from(block_len)) as u32 })
    }

    /// Where block `index` lies in the basis: offset and length in bytes. Nothing for one that is not there.
    pub fn block(&self, index: u32) -> Option<(u64, u32)> {
        if index >= self.count {
            return None;
        }
        let last = index == self.count - 1 && self.remainder != 0;
        let len = if last { self.remainder } else { self.block_len };
        Some((u64::from(index) * u64::from(self.block_len), len))
    }

    /// Writes the header.
    pub fn put(&self, out: &mut impl BufMut) {
        for value in [self.count, self.block_len, self.sum_len, self.remainder] {
            out.put_u32_le(value);
        }
    }

    /// Reads the header that a server sends in front of an answer.
    pub fn read(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let layout = Self {
            count: cursor.u32()?,
            block_len: cursor.u32()?,
            sum_len: cursor.u32()?,
            remainder: cursor.u32()?,
        };
        if layout.block_len > limits::MAX_BLOCK || layout.remainder > layout.block_len {
            return Err(Malformed::new("a block layout", format!("{layout:?}")).into());
        }
        Ok(layout)
    }
}

/// What a request for content says of the basis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// How the basis was cut; [`BlockLayout::NONE`] without one.
    pub layout: BlockLayout,
    /// The sums of its blocks, as they go out: all of them, or the first.
    pub sums: Vec<u8>,
    /// Bytes of further sums, which follow the request.
    pub more: u64,
    /// So many bytes are the beginning of the file already, and are not sent (`--append`): all that the layout
    /// covers, or none. They have no sums.
    pub kept: u64,
}

impl Offer {
    /// No basis: the file comes whole.
    pub const NONE: Offer = Offer { layout: BlockLayout::NONE, sums: Vec::new(), more: 0, kept: 0 };
}

/// The length of blocks that a basis of `size` bytes is cut into, in bytes: an eighth of the square root of the size,
/// rounded down to a power of two, between `shortest` and 131,072. Clients choose it.
///
/// The reference takes the root itself, and 700 at least. With shorter blocks more is found again, which is worth far
/// more bytes than the sums take, and the server has less to search through around what changed. Images, databases and
/// the like change by whole pages, which lie in as few blocks as can be if their length is a power of two.
///
/// # Panics
/// If `shortest` is 0 or above [`limits::MAX_BLOCK`].
pub fn block_len(size: u64, shortest: u32) -> u32 {
    let root = size.isqrt() / PARTS_OF_ROOT;
    let root = root.clamp(shortest.into(), limits::MAX_BLOCK.into()) as u32;
    1 << root.ilog2()
}

/// Enough bytes that a block is not mistaken for another: two bits for every doubling of the size, less one
/// for every doubling of the block, less the weak sum's 32.
fn sum_len(size: u64, block_len: u32) -> u32 {
    let bits = BIAS_BITS + 2 * size.checked_ilog2().unwrap_or(0) as i32;
    let bits = (bits - block_len.ilog2() as i32).max(0);
    ((bits + 1 - 32 + 7) / 8).max(SHORT_SUM as i32) as u32
}

/// Appends the sums of one block.
pub fn put_block_sums(out: &mut impl BufMut, summer: &BlockSummer, layout: &BlockLayout, block: &[u8]) {
    out.put_u32_le(weak_sum(block));
    out.put_slice(&summer.sum(block).as_bytes()[..layout.sum_len as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_blocks_and_sums_follow_from_the_size() {
        // Worked out by hand from the two rules: an eighth of the root down to a power of two, and
        // 10 + 2 log2(size) - log2(block) - 32 bits up to whole bytes.
        for (size, expected, sum_len) in [
            (1u64, 512, 2),
            (512, 512, 2),
            (1 << 24, 512, 3),
            ((1 << 26) - 1, 512, 3),
            (1 << 26, 1024, 3),
            ((1 << 26) + 12_345, 1024, 3),
            (1 << 30, 4096, 4),
            (1 << 31, 4096, 4),
            (1 << 40, 131_072, 6),
        ] {
            let layout = BlockLayout::with_blocks(block_len(size, SHORT_BLOCK), size, false, 16).unwrap();
            assert_eq!((layout.block_len, layout.sum_len), (expected, sum_len), "size {size}");
            assert_eq!(u64::from(layout.remainder), size % u64::from(layout.block_len));
            let (offset, len) = layout.block(layout.count - 1).unwrap();
            assert_eq!(offset + u64::from(len), size);
            assert_eq!(layout.block(layout.count), None);
        }
    }

    #[test]
    fn a_second_try_sends_whole_sums() {
        assert_eq!(BlockLayout::with_blocks(700, 5000, true, 20).unwrap().sum_len, 16);
        assert_eq!(BlockLayout::with_blocks(700, 5000, true, 8).unwrap().sum_len, 8);
    }

    #[test]
    fn sizes_without_an_index_have_no_layout() {
        assert_eq!(BlockLayout::with_blocks(limits::MAX_BLOCK, 1 << 60, false, 16), None);
    }
}
