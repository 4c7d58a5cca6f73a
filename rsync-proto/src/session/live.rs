//! The segments that both sides still hold. The server lets go of the oldest one, and sends on, when it is
//! told that nothing more of it will be asked for.

use std::collections::VecDeque;

/// Segments from the oldest to the newest.
#[derive(Debug, Default)]
pub(super) struct LiveSegments {
    segments: VecDeque<Live>,
}

#[derive(Debug)]
struct Live {
    first_index: u32,
    end: u32,
    memory: u64,
    /// All entries have been looked at.
    scanned: bool,
    /// Entries that are asked for or may still be. Holds and releases come from several threads, so a
    /// release can overtake its hold; at the time that `scanned` is told, all holds have arrived.
    held: i64,
}

impl LiveSegments {
    /// Adds the newest segment. With incremental recursion, the index before its first entry stands for
    /// the directory that it shows.
    pub fn add(&mut self, first_index: u32, len: usize, memory: u64) {
        let end = first_index + len as u32;
        self.segments.push_back(Live { first_index, end, memory, scanned: false, held: 0 });
    }

    fn find(&mut self, index: u32) -> Option<&mut Live> {
        let before = self.segments.partition_point(|segment| segment.end <= index);
        self.segments.get_mut(before).filter(|segment| segment.first_index <= index + 1)
    }

    pub fn hold(&mut self, index: u32) {
        self.find(index).expect("only files of live segments are held").held += 1;
    }

    pub fn release(&mut self, index: u32) {
        self.find(index).expect("a held file keeps its segment alive").held -= 1;
    }

    /// All entries of the segment that begins at this index have been looked at.
    pub fn scanned(&mut self, first_index: u32) {
        let at = self.segments.iter_mut().find(|segment| segment.first_index == first_index);
        at.expect("a segment is scanned while it is alive").scanned = true;
    }

    /// Lets go of the oldest segment if it is finished and not the last. Returns the memory that it took.
    pub fn pop_finished(&mut self) -> Option<u64> {
        let front = self.segments.front()?;
        if self.segments.len() < 2 || !front.is_finished() {
            return None;
        }
        self.segments.pop_front().map(|segment| segment.memory)
    }

    /// Whether all entries of all segments have been looked at.
    pub fn all_scanned(&self) -> bool {
        self.segments.iter().all(|segment| segment.scanned)
    }

    /// Whether nothing is left to do in any segment.
    pub fn all_finished(&self) -> bool {
        self.segments.iter().all(Live::is_finished)
    }
}

impl Live {
    fn is_finished(&self) -> bool {
        self.scanned && self.held == 0
    }
}
