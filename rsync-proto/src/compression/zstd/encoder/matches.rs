//! Finds what came before, within the window.

/// How far back a sequence may reach, as the frame's header says.
pub(super) const WINDOW: usize = 512 * 1024;
/// Bytes that are kept at most.
const KEPT: usize = 4 * WINDOW;
/// Places in the table.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 15;
/// The shortest match.
const SHORTEST: usize = 5;
/// How many bytes are looked at together: the end of a block is not searched.
const LOOK: usize = 8;

/// So many literals, then so many bytes of what lies so far back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    pub(super) len: u32,
    pub(super) distance: u32,
}

/// The window and the block at hand behind it.
#[derive(Default)]
pub(super) struct Finder {
    bytes: Vec<u8>,
    /// Where the block at hand begins.
    begin: usize,
    /// Where bytes were seen last, by their hash; counted from 1.
    places: Vec<u32>,
    pub(super) literals: Vec<u8>,
    pub(super) sequences: Vec<Sequence>,
}

impl Finder {
    pub(super) fn pending(&self) -> usize {
        self.bytes.len() - self.begin
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.begin > KEPT {
            // The rest of the window moves to the front.
            let gone = self.begin - WINDOW;
            self.bytes.drain(..gone);
            self.begin = WINDOW;
            self.places.iter_mut().for_each(|place| *place = place.saturating_sub(gone as u32));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn block(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    /// The block becomes part of the window.
    pub(super) fn pass(&mut self) {
        self.begin = self.bytes.len();
    }

    /// Cuts the block into sequences, and literals behind them.
    pub(super) fn find(&mut self) {
        if self.places.is_empty() {
            self.places = vec![0; PLACES];
        }
        let (bytes, places) = (&self.bytes[..], &mut self.places[..]);
        self.literals.clear();
        self.sequences.clear();
        let (mut start, mut at) = (self.begin, self.begin);
        let last = bytes.len().saturating_sub(LOOK);
        while at <= last && at < bytes.len() {
            let word = word(bytes, at);
            let place = &mut places[hash(word)];
            let before = (*place as usize).wrapping_sub(1);
            *place = at as u32 + 1;
            let near = before < at && at - before <= WINDOW;
            if !near || (self::word(bytes, before) ^ word) << (64 - 8 * SHORTEST) != 0 {
                // The longer nothing is found, the less is looked at.
                at += 1 + ((at - start) >> 6);
                continue;
            }
            let (mut from, mut to) = (before, at);
            while to > start && from > 0 && bytes[from - 1] == bytes[to - 1] {
                (from, to) = (from - 1, to - 1);
            }
            let end = at + same(bytes, before, at);
            self.literals.extend_from_slice(&bytes[start..to]);
            self.sequences.push(Sequence {
                literals: (to - start) as u32,
                len: (end - to) as u32,
                distance: (at - before) as u32,
            });
            (start, at) = (end, end);
            if end - 2 <= last {
                places[hash(self::word(bytes, end - 2))] = end as u32 - 1;
            }
        }
        self.literals.extend_from_slice(&bytes[start..]);
    }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + LOOK].try_into().expect("eight bytes"))
}

#[inline(always)]
fn hash(word: u64) -> usize {
    ((word << (64 - 8 * SHORTEST)).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - PLACE_BITS)) as usize
}

/// How many bytes from two places on are the same.
fn same(bytes: &[u8], before: usize, at: usize) -> usize {
    let (old, new) = (&bytes[before..bytes.len() - (at - before)], &bytes[at..]);
    let mut len = 0;
    for (old, new) in old.chunks_exact(LOOK).zip(new.chunks_exact(LOOK)) {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let differ = word(old) ^ word(new);
        if differ != 0 {
            return len + differ.trailing_zeros() as usize / 8;
        }
        len += LOOK;
    }
    len + old[len..].iter().zip(&new[len..]).take_while(|(old, new)| old == new).count()
}
