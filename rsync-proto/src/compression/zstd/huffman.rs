//! Huffman codes of literals: how a tree is described, and streams of its symbols.

use super::bits::Backward;
use super::fse::{State, Table as FseTable};
use super::{Fault, fault};

/// The longest code, in bits.
const MAX_BITS: u32 = 11;
/// The most states of the table that weights are packed with, as a power of two.
const MAX_WEIGHT_LOG: u32 = 6;
/// So many codes fit into one word of a stream.
const GROUP: usize = 5;

/// What the next bits of a stream mean, whatever follows the code in them.
#[derive(Debug, Clone, Copy, Default)]
struct Code {
    symbol: u8,
    bits: u8,
}

/// A tree, as a table over all that the next bits can be.
#[derive(Debug)]
pub(super) struct Tree {
    codes: Vec<Code>,
    bits: u32,
}

impl Tree {
    /// Reads a description. Returns the bytes that it took.
    pub(super) fn describe(data: &[u8]) -> Result<(Self, usize), Fault> {
        let (head, rest) = data.split_first().ok_or_else(|| fault("a tree that ends early"))?;
        let head = usize::from(*head);
        let mut weights = [0u8; 256];
        let (count, used) = if head >= 128 {
            let count = head - 127;
            let packed = rest.get(..count.div_ceil(2)).ok_or_else(|| fault("a tree that ends early"))?;
            for (at, byte) in packed.iter().enumerate() {
                weights[2 * at] = byte >> 4;
                weights[2 * at + 1] = byte & 15;
            }
            (count, packed.len())
        } else {
            let packed = rest.get(..head).ok_or_else(|| fault("a tree that ends early"))?;
            (unpack_weights(packed, &mut weights)?, head)
        };
        Ok((Self::new(&mut weights, count)?, 1 + used))
    }

    /// The tree of these weights; the last symbol's weight is what is missing to a power of two.
    fn new(weights: &mut [u8; 256], count: usize) -> Result<Self, Fault> {
        if weights[..count].iter().any(|weight| u32::from(*weight) > MAX_BITS) {
            return Err(fault("a code of too many bits"));
        }
        let sum: u32 = weights[..count].iter().map(|weight| (1u32 << weight) >> 1).sum();
        let bits = sum.checked_ilog2().map_or(0, |log| log + 1);
        if bits == 0 || bits > MAX_BITS {
            return Err(fault("a tree that is empty or too deep"));
        }
        let missing = (1u32 << bits) - sum;
        if !missing.is_power_of_two() {
            return Err(fault("a tree that is not full"));
        }
        weights[count] = missing.ilog2() as u8 + 1;
        let mut codes = vec![Code::default(); 1 << bits];
        let mut at = 0;
        for weight in 1..=bits {
            for (symbol, _) in
                weights[..=count].iter().enumerate().filter(|(_, own)| u32::from(**own) == weight)
            {
                let len = 1usize << (weight - 1);
                let code = Code { symbol: symbol as u8, bits: (bits + 1 - weight) as u8 };
                codes[at..at + len].fill(code);
                at += len;
            }
        }
        Ok(Self { codes, bits })
    }

    #[inline(always)]
    fn look(&self, word: u64) -> Code {
        self.codes[(word >> (64 - self.bits)) as usize]
    }

    /// Reads `out.len()` symbols that make up a whole stream.
    pub(super) fn read(&self, data: &[u8], out: &mut [u8]) -> Result<(), Fault> {
        let mut bits = Backward::new(data)?;
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        for group in groups {
            self.read_group(&mut bits, group);
        }
        self.read_rest(bits, rest)
    }

    /// Reads four streams at once, each of which fills its part of `out`.
    pub(super) fn read_four(&self, streams: [&[u8]; 4], out: &mut [u8]) -> Result<(), Fault> {
        let part = out.len().div_ceil(4);
        if part * 3 > out.len() {
            return Err(fault("four streams for too few symbols"));
        }
        let (first, rest) = out.split_at_mut(part);
        let (second, rest) = rest.split_at_mut(part);
        let (third, fourth) = rest.split_at_mut(part);
        let [mut a, mut b, mut c, mut d] = [
            Backward::new(streams[0])?,
            Backward::new(streams[1])?,
            Backward::new(streams[2])?,
            Backward::new(streams[3])?,
        ];
        // The last part is the shortest.
        let together = fourth.len() / GROUP;
        let (group_a, first) = first.split_at_mut(together * GROUP);
        let (group_b, second) = second.split_at_mut(together * GROUP);
        let (group_c, third) = third.split_at_mut(together * GROUP);
        let (group_d, fourth) = fourth.split_at_mut(together * GROUP);
        let groups = (group_a.as_chunks_mut::<GROUP>().0.iter_mut())
            .zip(group_b.as_chunks_mut::<GROUP>().0)
            .zip(group_c.as_chunks_mut::<GROUP>().0)
            .zip(group_d.as_chunks_mut::<GROUP>().0);
        for (((to_a, to_b), to_c), to_d) in groups {
            self.read_group(&mut a, to_a);
            self.read_group(&mut b, to_b);
            self.read_group(&mut c, to_c);
            self.read_group(&mut d, to_d);
        }
        self.read_rest(a, first)?;
        self.read_rest(b, second)?;
        self.read_rest(c, third)?;
        self.read_rest(d, fourth)
    }

    #[inline(always)]
    fn read_group(&self, bits: &mut Backward<'_>, group: &mut [u8; GROUP]) {
        let mut word = bits.word();
        let mut used = 0;
        for to in group {
            let code = self.look(word);
            *to = code.symbol;
            word <<= code.bits;
            used += u32::from(code.bits);
        }
        bits.skip(used);
    }

    fn read_rest(&self, mut bits: Backward<'_>, rest: &mut [u8]) -> Result<(), Fault> {
        for to in rest {
            let code = self.look(bits.word());
            *to = code.symbol;
            bits.skip(u32::from(code.bits));
        }
        bits.finish()
    }
}

/// Weights that are packed themselves: two walks through one table take turns until the bits are used up.
fn unpack_weights(packed: &[u8], weights: &mut [u8; 256]) -> Result<usize, Fault> {
    let (table, used) = FseTable::describe(packed, MAX_WEIGHT_LOG, usize::from(u8::MAX) + 1)?;
    let mut bits = Backward::new(&packed[used..])?;
    let mut states = [State::new(&table, &mut bits), State::new(&table, &mut bits)];
    if bits.left() < 0 {
        return Err(fault("weights that end early"));
    }
    let mut count = 0;
    // One weight more than these follows from the others.
    let mut push = |weight: u8| {
        if count >= usize::from(u8::MAX) {
            return Err(fault("too many weights"));
        }
        weights[count] = weight;
        count += 1;
        Ok(())
    };
    let mut turn = 0;
    loop {
        push(states[turn].symbol())?;
        states[turn].step(&mut bits);
        turn = 1 - turn;
        if bits.left() < 0 {
            push(states[turn].symbol())?;
            return Ok(count);
        }
    }
}
