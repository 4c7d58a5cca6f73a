//! Writes the sequences of a block, with the tables that need no description.

use super::super::fse::Table;
use super::super::sequences::{
    DISTANCE_SHARES, LITERAL_LENGTHS, LITERAL_SHARES, MATCH_LENGTHS, MATCH_SHARES,
};
use super::bits::Writer;
use super::matches::Sequence;

/// A table the other way round: from a symbol, and the state that follows, to the state that leads there.
struct Reverse {
    table: Table,
    log: u32,
    before: Vec<u8>,
}

impl Reverse {
    fn new(shares: &[i16], log: u32) -> Self {
        let table = Table::new(shares, log);
        let size = 1usize << log;
        let mut before = vec![0; shares.len() * size];
        for (at, cell) in table.cells.iter().enumerate() {
            let begin = usize::from(cell.symbol) * size + usize::from(cell.base);
            before[begin..begin + (1 << cell.bits)].fill(at as u8);
        }
        Self { table, log, before }
    }

    /// A state that stands for the symbol, from which nothing follows.
    fn last(&self, symbol: usize) -> usize {
        usize::from(self.before[symbol << self.log])
    }

    /// The state for a symbol that leads on to `next`, and how it says so.
    #[inline(always)]
    fn before(&self, symbol: usize, next: usize, bits: &mut Writer<'_>) -> usize {
        let state = usize::from(self.before[(symbol << self.log) + next]);
        let cell = self.table.cells[state];
        bits.put(next as u32 - u32::from(cell.base), cell.bits.into());
        state
    }
}

/// The tables, and the codes of short lengths.
pub(super) struct Tables {
    literals: Reverse,
    distances: Reverse,
    matches: Reverse,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            literals: Reverse::new(&LITERAL_SHARES, 6),
            distances: Reverse::new(&DISTANCE_SHARES, 5),
            matches: Reverse::new(&MATCH_SHARES, 6),
        }
    }
}

/// The codes of a sequence, and the bits that are added to them.
struct Codes {
    literals: (usize, u32, u32),
    distance: (usize, u32, u32),
    len: (usize, u32, u32),
}

impl Codes {
    fn of(sequence: &Sequence) -> Self {
        // The three lowest values stand for distances that came before.
        let distance = sequence.distance + 3;
        let log = distance.ilog2();
        Self {
            literals: code(&LITERAL_LENGTHS, sequence.literals, 16, 25, 6),
            distance: (log as usize, distance - (1 << log), log),
            len: code(&MATCH_LENGTHS, sequence.len, 35, 43, 7),
        }
    }
}

/// The code of a length. From `short` on codes are searched for; from the one with the number `even` on, each has one bit
/// more than the one before, which is `bits` at first.
#[inline(always)]
fn code(table: &[(u32, u8)], len: u32, short: u32, even: usize, bits: u32) -> (usize, u32, u32) {
    let first = table[0].0;
    if len < short {
        return ((len - first) as usize, 0, 0);
    }
    let above = len - first.min(len);
    let at = if len >= table[even].0 {
        even + (above.max(1).ilog2() - bits) as usize
    } else {
        table[..even].partition_point(|(base, _)| *base <= len) - 1
    };
    let (base, more) = table[at];
    (at, len - base, more.into())
}

impl Tables {
    pub(super) fn put(&self, out: &mut Vec<u8>, sequences: &[Sequence]) {
        match sequences.len() {
            0 => return out.push(0),
            few @ ..128 => out.push(few as u8),
            many @ ..0x7f00 => out.extend_from_slice(&[(many >> 8) as u8 + 128, many as u8]),
            most => {
                out.push(255);
                out.extend_from_slice(&((most - 0x7f00) as u16).to_le_bytes());
            }
        }
        // None of the three tables is described.
        out.push(0);
        let mut bits = Writer::new(out);
        let (mut literals, mut distance, mut len) = (0, 0, 0);
        for (number, sequence) in sequences.iter().rev().enumerate() {
            let codes = Codes::of(sequence);
            if number == 0 {
                literals = self.literals.last(codes.literals.0);
                distance = self.distances.last(codes.distance.0);
                len = self.matches.last(codes.len.0);
            } else {
                distance = self.distances.before(codes.distance.0, distance, &mut bits);
                len = self.matches.before(codes.len.0, len, &mut bits);
                literals = self.literals.before(codes.literals.0, literals, &mut bits);
            }
            bits.put(codes.literals.1, codes.literals.2);
            bits.put(codes.len.1, codes.len.2);
            bits.put(codes.distance.1, codes.distance.2);
        }
        bits.put(len as u32, self.matches.log);
        bits.put(distance as u32, self.distances.log);
        bits.put(literals as u32, self.literals.log);
        bits.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_the_code_that_it_lies_in() {
        for len in (0..3000).chain([8191, 8192, 65_535, 65_536, 131_071]) {
            let (at, more, bits) = code(&LITERAL_LENGTHS, len, 16, 25, 6);
            assert_eq!((LITERAL_LENGTHS[at].0 + more, u32::from(LITERAL_LENGTHS[at].1)), (len, bits));
            assert!(more < 1 << bits, "{len}");
        }
        for len in (3..3000).chain([8194, 8195, 65_538, 65_539, 131_074]) {
            let (at, more, bits) = code(&MATCH_LENGTHS, len, 35, 43, 7);
            assert_eq!((MATCH_LENGTHS[at].0 + more, u32::from(MATCH_LENGTHS[at].1)), (len, bits));
            assert!(more < 1 << bits, "{len}");
        }
    }
}
