//! Looks for the client's blocks at every place of a file. All work is bounded by the length of the file, whatever sums
//! the client sends: blocks that are not found for that are sent as literals.

use super::super::failure::Failure;
use super::sums::Sums;
use super::table::{Look, Table};
use super::window::Window;
use crate::checksum::{BlockSummer, weak_sum};

/// Most steps along a chain at one place.
const STEPS: u32 = 256;
/// The same, once they were many more than places.
const FEW_STEPS: u32 = 4;
/// Strong sums may be taken over so many times the bytes that were passed, and never matched.
const TIMES: u64 = 4;
/// And over so many bytes besides.
const FREE: u64 = 64 * 1024 * 1024;

/// Where a file goes piece by piece, in its order.
pub(super) trait Pieces {
    /// Bytes that the client lacks.
    fn literal(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    /// A block that the client has, and what is in it.
    fn block(&mut self, block: u32, bytes: &[u8]) -> Result<(), Failure>;
}

/// A search at work.
struct Search<'a> {
    sums: &'a Sums,
    summer: &'a BlockSummer,
    table: Table,
    /// The client writes over its blocks as it goes.
    in_place: bool,
    /// In place: blocks that are the same at their own place, so that they stay.
    stay: Vec<u64>,
    /// The block behind the last one that was found.
    expected: u32,
    /// Steps along chains, and bytes of strong sums, that led to nothing.
    steps: u64,
    summed: u64,
}

/// Cuts a file into blocks of the client and what lies between them.
///
/// # Errors
/// Those of `pieces`.
pub(super) fn search(
    window: &mut Window<'_>,
    sums: &Sums,
    summer: &BlockSummer,
    in_place: bool,
    factor: u32,
    pieces: &mut impl Pieces,
) -> Result<(), Failure> {
    let stay = if in_place { vec![0; (sums.len() as usize).div_ceil(64)] } else { Vec::new() };
    let table = Table::new(sums, in_place, factor);
    let mut search = Search { sums, summer, table, in_place, stay, expected: 0, steps: 0, summed: 0 };
    let len = sums.block_len();
    // The first byte that was not sent, and the place that is looked at.
    let (mut start, mut at) = (0, 0);
    let mut weak = None;
    window.move_on(0);
    loop {
        if window.bytes().len() <= at + len {
            pieces.literal(&window.bytes()[start..at])?;
            window.move_on(at);
            (start, at) = (0, 0);
        }
        let bytes = window.bytes();
        let Some(block) = bytes.get(at..at + len) else { break };
        let sum = weak.unwrap_or_else(|| weak_sum(block));
        if search.table.may_have(sum)
            && let Some(found) = search.find(sum, block, window.place(at))
        {
            pieces.literal(&bytes[start..at])?;
            pieces.block(found, block)?;
            at += len;
            start = at;
            weak = None;
            continue;
        }
        let last = bytes.len() - len;
        if at == last {
            break;
        }
        weak = Some(roll(bytes, &mut at, last, len, sum, &search.table));
    }
    let bytes = window.bytes();
    if let Some((block, len)) = sums.short()
        && let Some(at) = bytes.len().checked_sub(len).filter(|at| *at >= start)
        && search.is_last(block, &bytes[at..], window.place(at))
    {
        pieces.literal(&bytes[start..at])?;
        return pieces.block(block, &bytes[at..]);
    }
    pieces.literal(&bytes[start..])
}

/// Moves on from `at`, by one byte at least and up to `last`, to the next place where there may be a block. Its weak sum.
fn roll(bytes: &[u8], at: &mut usize, last: usize, len: usize, sum: u32, table: &Table) -> u32 {
    let leaving = &bytes[*at..last];
    let coming = &bytes[*at + len..last + len];
    let (mut a, mut b) = (sum & 0xffff, sum >> 16);
    let mut weak = sum;
    let times = len as u32;
    for (leaving, coming) in leaving.iter().zip(coming) {
        let leaving = *leaving as i8 as u32;
        a = a.wrapping_add((*coming as i8 as u32).wrapping_sub(leaving));
        b = b.wrapping_add(a).wrapping_sub(times.wrapping_mul(leaving));
        weak = a & 0xffff | b << 16;
        *at += 1;
        if table.may_have(weak) {
            break;
        }
    }
    weak
}

impl Search<'_> {
    /// The block that these bytes are, which lie at `place` of the file.
    fn find(&mut self, weak: u32, bytes: &[u8], place: u64) -> Option<u32> {
        if self.summed > place.saturating_mul(TIMES) + FREE {
            return None;
        }
        let (sums, summer) = (self.sums, self.summer);
        let mut strong = None;
        let mut is = |block: u32| {
            let strong = strong.get_or_insert_with(|| summer.sum(bytes));
            strong.as_bytes().starts_with(sums.strong(block))
        };
        // In place, a block that is where it was need not be written.
        let own = if self.in_place { u32::try_from(place / bytes.len() as u64).ok() } else { None };
        let own = own.filter(|own| *own < sums.whole() && sums.offset(*own) == place);
        let mut found = None;
        for likely in own.into_iter().chain(Some(self.expected).filter(|next| *next < sums.whole())) {
            if sums.weak(likely) == weak && self.is_there(likely, place) && is(likely) {
                found = Some(likely);
                break;
            }
        }
        if found.is_none() {
            let most = if self.steps > place + FREE { FEW_STEPS } else { STEPS };
            let mut steps = 0;
            let (in_place, stay) = (self.in_place, &self.stay);
            found = self.table.search(weak, |block| {
                if in_place && !is_there(sums, stay, block, place) {
                    return Look::Forget;
                }
                steps += 1;
                match sums.weak(block) == weak && is(block) {
                    true => Look::Found,
                    false if steps >= most => Look::Stop,
                    false => Look::On,
                }
            });
            self.steps += u64::from(steps);
        }
        match found {
            Some(block) => {
                if own == Some(block) {
                    self.stay[block as usize / 64] |= 1 << (block % 64);
                }
                self.expected = block + 1;
            }
            None if strong.is_some() => self.summed += bytes.len() as u64,
            None => {}
        }
        found
    }

    /// Whether these last bytes of the file, at `place`, are the client's last block.
    fn is_last(&self, block: u32, bytes: &[u8], place: u64) -> bool {
        weak_sum(bytes) == self.sums.weak(block)
            && self.is_there(block, place)
            && self.summer.sum(bytes).as_bytes().starts_with(self.sums.strong(block))
    }

    fn is_there(&self, block: u32, place: u64) -> bool {
        !self.in_place || is_there(self.sums, &self.stay, block, place)
    }
}

/// Whether a client that writes in place still has a block when it has come to `place`.
fn is_there(sums: &Sums, stay: &[u64], block: u32, place: u64) -> bool {
    sums.offset(block) >= place || stay[block as usize / 64] >> (block % 64) & 1 != 0
}
