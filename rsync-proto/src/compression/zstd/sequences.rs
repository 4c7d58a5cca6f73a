//! The sequences of a block: so many literals, then so many bytes again that came before, at a distance.

use super::bits::Backward;
use super::fse::{State, Table};
use super::literals::Literals;
use super::window::Window;
use super::{Fault, fault};

/// Codes of literal lengths: the smallest length, and how many bits are added to it.
pub(super) const LITERAL_LENGTHS: [(u32, u8); 36] = with_base(0, {
    let mut bits = [0; 36];
    let more = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let mut at = 0;
    while at < more.len() {
        bits[16 + at] = more[at];
        at += 1;
    }
    bits
});

/// Codes of match lengths, likewise.
pub(super) const MATCH_LENGTHS: [(u32, u8); 53] = with_base(3, {
    let mut bits = [0; 53];
    let more = [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let mut at = 0;
    while at < more.len() {
        bits[32 + at] = more[at];
        at += 1;
    }
    bits
});

/// Each code begins where the one before ends.
const fn with_base<const N: usize>(first: u32, bits: [u8; N]) -> [(u32, u8); N] {
    let mut codes = [(0, 0); N];
    let (mut base, mut at) = (first, 0);
    while at < N {
        codes[at] = (base, bits[at]);
        base += 1 << bits[at];
        at += 1;
    }
    codes
}

/// Shares of the codes in the tables that need no description: literal lengths, distances, match lengths.
pub(super) const LITERAL_SHARES: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
];
pub(super) const DISTANCE_SHARES: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
pub(super) const MATCH_SHARES: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];

/// The largest code of a distance: the distance itself is bounded by what is at hand.
const MAX_DISTANCE_CODE: usize = 31;

/// What is carried from block to block: the tables, and the last distances.
pub(super) struct Sequences {
    literals: Option<Table>,
    distances: Option<Table>,
    matches: Option<Table>,
    recent: [u32; 3],
}

impl Sequences {
    pub(super) fn new() -> Self {
        Self { literals: None, distances: None, matches: None, recent: [1, 4, 8] }
    }

    /// Carries out the sequences in the rest of a block.
    pub(super) fn run(&mut self, data: &[u8], literals: &Literals, window: &mut Window) -> Result<(), Fault> {
        let early = || fault("sequences that end early");
        let mut head = [0u8; 3];
        let known = data.len().min(3);
        head[..known].copy_from_slice(&data[..known]);
        let [first, second, third] = head.map(u32::from);
        let (count, used) = match first {
            0..128 => (first, 1),
            128..255 => (((first - 128) << 8) + second, 2),
            _ => (second + (third << 8) + 0x7f00, 3),
        };
        let mut rest = data.get(used..).ok_or_else(early)?;
        if count == 0 {
            if !rest.is_empty() {
                return Err(fault("bytes behind a block without sequences"));
            }
            return window.literals(literals.bytes(), 0, literals.len);
        }
        let (modes, tables) = rest.split_first().ok_or_else(early)?;
        if modes & 3 != 0 {
            return Err(fault("sequences of an unknown kind"));
        }
        rest = tables;
        let mut table =
            |slot: &mut Option<Table>, shift: u8, shares: &[i16], log, max_log, symbols: usize| {
                match modes >> shift & 3 {
                    0 => *slot = Some(Table::new(shares, log)),
                    1 => {
                        let (symbol, after) = rest.split_first().ok_or_else(early)?;
                        if usize::from(*symbol) >= symbols {
                            return Err(fault("an unknown code of a sequence"));
                        }
                        rest = after;
                        *slot = Some(Table::single(*symbol));
                    }
                    2 => {
                        let (described, taken) = Table::describe(rest, max_log, symbols)?;
                        rest = &rest[taken..];
                        *slot = Some(described);
                    }
                    _ if slot.is_none() => return Err(fault("a table to use again that never came")),
                    _ => {}
                }
                Ok(())
            };
        table(&mut self.literals, 6, &LITERAL_SHARES, 6, 9, LITERAL_LENGTHS.len())?;
        table(&mut self.distances, 4, &DISTANCE_SHARES, 5, 8, MAX_DISTANCE_CODE + 1)?;
        table(&mut self.matches, 2, &MATCH_SHARES, 6, 9, MATCH_LENGTHS.len())?;
        let (Some(lengths), Some(distances), Some(matches)) =
            (&self.literals, &self.distances, &self.matches)
        else {
            unreachable!("each slot was filled, or the block refused");
        };
        let mut bits = Backward::new(rest)?;
        let bits = &mut bits;
        let mut length = State::new(lengths, bits);
        let mut distance = State::new(distances, bits);
        let mut again = State::new(matches, bits);
        let mut at = 0;
        for left in (0..count).rev() {
            let code = u32::from(distance.symbol());
            let value = (1u32 << code) + bits.read(code);
            let (base, more) = MATCH_LENGTHS[usize::from(again.symbol())];
            let match_len = (base + bits.read(u32::from(more))) as usize;
            let (base, more) = LITERAL_LENGTHS[usize::from(length.symbol())];
            let literal_len = (base + bits.read(u32::from(more))) as usize;
            if left > 0 {
                length.step(bits);
                again.step(bits);
                distance.step(bits);
            }
            if bits.left() < 0 {
                return Err(early());
            }
            let distance = recall(&mut self.recent, value, literal_len == 0)?;
            if literal_len > literals.len - at {
                return Err(fault("a sequence of more literals than there are"));
            }
            window.literals(literals.bytes(), at, literal_len)?;
            window.again(distance as usize, match_len)?;
            at += literal_len;
        }
        bits.finish()?;
        window.literals(literals.bytes(), at, literals.len - at)
    }
}

/// The distance that a value stands for: the first three stand for recent ones, of which the very last is no
/// news where no literals came between.
#[inline(always)]
fn recall(recent: &mut [u32; 3], value: u32, no_literals: bool) -> Result<u32, Fault> {
    let [first, second, third] = *recent;
    let distance = match value.wrapping_add(u32::from(no_literals && value <= 3)) {
        _ if value > 3 => value - 3,
        1 => return Ok(first),
        2 => {
            *recent = [second, first, third];
            return Ok(second);
        }
        3 => third,
        _ => first.checked_sub(1).filter(|it| *it > 0).ok_or_else(|| fault("the distance 0"))?,
    };
    *recent = [distance, first, second];
    Ok(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_end_where_the_format_says() {
        assert_eq!(LITERAL_LENGTHS[16], (16, 1));
        assert_eq!(LITERAL_LENGTHS[35], (65_536, 16));
        assert_eq!(MATCH_LENGTHS[32], (35, 1));
        assert_eq!(MATCH_LENGTHS[52], (65_539, 16));
    }

    #[test]
    fn shares_make_up_a_whole() {
        let sum = |shares: &[i16]| shares.iter().map(|share| share.unsigned_abs()).sum::<u16>();
        assert_eq!((sum(&LITERAL_SHARES), sum(&DISTANCE_SHARES), sum(&MATCH_SHARES)), (64, 32, 64));
    }

    #[test]
    fn recent_distances_change_places() {
        let mut recent = [10, 20, 30];
        let mut is = |value, none, distance, after: [u32; 3]| {
            assert_eq!((recall(&mut recent, value, none).unwrap(), recent), (distance, after));
        };
        is(1, false, 10, [10, 20, 30]);
        is(2, false, 20, [20, 10, 30]);
        is(3, false, 30, [30, 20, 10]);
        is(1, true, 20, [20, 30, 10]);
        is(2, true, 10, [10, 20, 30]);
        is(3, true, 9, [9, 10, 20]);
        is(1003, true, 1000, [1000, 9, 10]);
        assert!(recall(&mut [1, 2, 3], 3, true).is_err());
    }
}
