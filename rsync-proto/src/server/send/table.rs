//! Finds the blocks with a weak sum: a filter of bits that turns away nearly all places of a file, and chains of blocks
//! behind it.

use super::sums::Sums;

/// No block.
const NONE: u32 = u32::MAX;
/// Bits of the filter for each block: what it lets through for nothing costs more than the memory that it takes.
const BITS: usize = 32;
/// Most bits of the filter.
const MOST_BITS: usize = 1 << 28;
/// How far a chain is searched for the same block when one is added.
const DEPTH: usize = 16;

/// The blocks of whole length.
pub(super) struct Table {
    filter: Vec<u64>,
    filter_shift: u32,
    heads: Vec<u32>,
    shift: u32,
    next: Vec<u32>,
    /// Makes the places of weak sums unforeseeable, so that no client can choose sums that share one.
    factor: u32,
}

impl Table {
    /// `in_place`: blocks are used up as the file is written, so that each of several equal ones counts.
    pub fn new(sums: &Sums, in_place: bool, factor: u32) -> Self {
        let count = sums.whole();
        let bits = (count.max(512) as usize).next_power_of_two().ilog2();
        let filter_bits = (count.max(1024) as usize * BITS).next_power_of_two().min(MOST_BITS).ilog2();
        let mut table = Self {
            filter: vec![0; 1 << (filter_bits - 6)],
            filter_shift: 32 - filter_bits,
            heads: vec![NONE; 1 << bits],
            shift: 32 - bits,
            next: vec![NONE; count as usize],
            factor: factor | 1,
        };
        // The first block is to head its chain.
        for block in (0..count).rev() {
            table.add(sums, block, in_place);
        }
        table
    }

    fn add(&mut self, sums: &Sums, block: u32, in_place: bool) {
        let weak = sums.weak(block);
        let bit = self.spread(weak) >> self.filter_shift;
        self.filter[bit as usize >> 6] |= 1 << (bit & 63);
        let place = (self.spread(weak) >> self.shift) as usize;
        let head = self.heads[place];
        if !in_place {
            // A block that is like another one is never needed: take its place.
            let (mut before, mut other) = (NONE, head);
            for _ in 0..DEPTH {
                if other == NONE {
                    break;
                }
                if sums.weak(other) == weak && sums.strong(other) == sums.strong(block) {
                    self.next[block as usize] = self.next[other as usize];
                    match before {
                        NONE => self.heads[place] = block,
                        before => self.next[before as usize] = block,
                    }
                    return;
                }
                (before, other) = (other, self.next[other as usize]);
            }
        }
        self.next[block as usize] = head;
        self.heads[place] = block;
    }

    #[inline(always)]
    fn spread(&self, weak: u32) -> u32 {
        // The lower half is the sum of bytes, which has little in its high bits; folded, all bits reach the top.
        (weak ^ weak >> 15).wrapping_mul(self.factor)
    }

    /// Whether there may be a block with this weak sum.
    #[inline(always)]
    pub fn may_have(&self, weak: u32) -> bool {
        let bit = self.spread(weak) >> self.filter_shift;
        self.filter[bit as usize >> 6] >> (bit & 63) & 1 != 0
    }

    /// Goes through the blocks that may have this weak sum, as `look` says.
    pub fn search(&mut self, weak: u32, mut look: impl FnMut(u32) -> Look) -> Option<u32> {
        let place = (self.spread(weak) >> self.shift) as usize;
        let (mut before, mut block) = (NONE, self.heads[place]);
        while block != NONE {
            let next = self.next[block as usize];
            match look(block) {
                Look::Found => return Some(block),
                Look::On => before = block,
                Look::Stop => return None,
                Look::Forget => match before {
                    NONE => self.heads[place] = next,
                    before => self.next[before as usize] = next,
                },
            }
            block = next;
        }
        None
    }
}

/// What to do about a block.
pub(super) enum Look {
    Found,
    On,
    Stop,
    /// It is of no use any longer.
    Forget,
}
