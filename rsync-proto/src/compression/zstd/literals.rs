//! The literals of a block: bytes as they are, one byte many times, or symbols of a Huffman tree.

use super::huffman::Tree;
use super::{Fault, MAX_BLOCK, OVERRUN, fault};

/// The literals of the block at hand, and the tree of the last block that had one.
pub(super) struct Literals {
    /// Always as long as literals can be, and room for copies that go on a bit too far.
    bytes: Box<[u8]>,
    pub(super) len: usize,
    tree: Option<Tree>,
}

impl Literals {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; MAX_BLOCK + OVERRUN].into(), len: 0, tree: None }
    }

    /// The bytes, and more that mean nothing.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads them off the front of a block. Returns the bytes that they took.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<usize, Fault> {
        let early = || fault("literals that end early");
        let mut head = [0; 8];
        let known = block.len().min(5);
        head[..known].copy_from_slice(&block[..known]);
        let head = u64::from_le_bytes(head);
        let (kind, format) = (head & 3, head >> 2 & 3);
        let part = |from: u32, bits: u32| (head >> from & ((1 << bits) - 1)) as usize;
        if kind < 2 {
            let (used, len) = match format {
                0 | 2 => (1, part(3, 5)),
                1 => (2, part(4, 12)),
                _ => (3, part(4, 20)),
            };
            self.set_len(len)?;
            let rest = block.get(used..).ok_or_else(early)?;
            if kind == 1 {
                self.bytes[..len].fill(*rest.first().ok_or_else(early)?);
                return Ok(used + 1);
            }
            self.bytes[..len].copy_from_slice(rest.get(..len).ok_or_else(early)?);
            return Ok(used + len);
        }
        let (used, bits) = match format {
            0 | 1 => (3, 10),
            2 => (4, 14),
            _ => (5, 18),
        };
        let (len, packed) = (part(4, bits), part(4 + bits, bits));
        self.set_len(len)?;
        let mut rest = block.get(used..used + packed).ok_or_else(early)?;
        if kind == 2 {
            let (tree, taken) = Tree::describe(rest)?;
            rest = &rest[taken..];
            self.tree = Some(tree);
        }
        let tree = self.tree.as_ref().ok_or_else(|| fault("literals of a tree that never came"))?;
        let out = &mut self.bytes[..len];
        if format == 0 {
            tree.read(rest, out)?;
        } else {
            let (jumps, rest) = rest.split_at_checked(6).ok_or_else(early)?;
            let jump = |n: usize| usize::from(u16::from_le_bytes([jumps[2 * n], jumps[2 * n + 1]]));
            let (first, rest) = rest.split_at_checked(jump(0)).ok_or_else(early)?;
            let (second, rest) = rest.split_at_checked(jump(1)).ok_or_else(early)?;
            let (third, fourth) = rest.split_at_checked(jump(2)).ok_or_else(early)?;
            tree.read_four([first, second, third, fourth], out)?;
        }
        Ok(used + packed)
    }

    fn set_len(&mut self, len: usize) -> Result<(), Fault> {
        if len > MAX_BLOCK {
            return Err(fault("more literals than a block can have"));
        }
        self.len = len;
        Ok(())
    }
}
