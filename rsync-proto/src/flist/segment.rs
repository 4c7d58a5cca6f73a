//! A segment: the part of the file list that comes in one piece. With incremental recursion that is the
//! content of one directory, otherwise it is everything. Segments are shared by those who work on their
//! entries and vanish with the last of them.

use std::sync::Arc;

use super::entry::{Entry, EntryRef, Extras};
use super::name::SafePath;
use super::sort;
use crate::chmod::ModeChanges;

/// Names of users and groups that came with a segment: number on the server, name.
pub type IdNames = Vec<(u32, Box<[u8]>)>;

/// Part of the file list, sorted as the protocol wants it: an entry's position gives its index.
#[derive(Debug)]
pub struct Segment {
    pub(super) first_index: u32,
    pub(super) directory: Option<u32>,
    pub(super) incremental: bool,
    pub(super) dirs: Vec<SafePath>,
    pub(super) entries: Vec<Entry>,
    pub(super) arena: Vec<u8>,
    pub(super) extras: Vec<Extras>,
    pub(super) sum_len: usize,
    pub(super) has_access_times: bool,
    pub(super) names_zero: bool,
    pub(super) chmod: ModeChanges,
    pub(super) users: IdNames,
    pub(super) groups: IdNames,
}

impl Segment {
    /// The index of the first entry. The index before it stands for the directory that the segment shows.
    pub fn first_index(&self) -> u32 {
        self.first_index
    }

    /// The number of the directory whose content this is (incremental recursion, all but the first segment).
    pub fn directory(&self) -> Option<u32> {
        self.directory
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at `position`.
    ///
    /// # Panics
    /// There is none.
    pub fn entry(&self, position: usize) -> EntryRef<'_> {
        assert!(position < self.entries.len(), "no entry {position} in a segment of {}", self.len());
        EntryRef { segment: self, position }
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EntryRef<'_>> + ExactSizeIterator {
        (0..self.entries.len()).map(|position| EntryRef { segment: self, position })
    }

    /// Whether there is an entry of this name in the directory of this number: the segment's own has 0.
    pub fn lists(&self, directory: u32, name: &[u8]) -> bool {
        sort::contains(self, directory, name)
    }

    /// Names of users that entries of this segment are the first to mention.
    pub fn users(&self) -> &IdNames {
        &self.users
    }

    /// Names of groups that entries of this segment are the first to mention.
    pub fn groups(&self) -> &IdNames {
        &self.groups
    }

    /// Whether the server tells the names of number 0. Older ones do not: theirs is taken to be `root`.
    pub fn names_number_zero(&self) -> bool {
        self.names_zero
    }

    /// Memory that the segment takes, in bytes, without attributes shared between segments.
    pub fn memory(&self) -> u64 {
        let bytes = self.entries.len() * size_of::<Entry>()
            + self.arena.len()
            + self.extras.len() * size_of::<Extras>()
            + self.dirs.iter().map(|dir| dir.as_bytes().len() + 32).sum::<usize>();
        bytes as u64
    }
}

/// An entry that keeps its segment alive.
#[derive(Debug, Clone)]
pub struct EntryHandle {
    segment: Arc<Segment>,
    position: u32,
}

impl EntryHandle {
    /// A handle on the entry at `position`.
    pub fn new(segment: &Arc<Segment>, position: usize) -> Self {
        Self { segment: Arc::clone(segment), position: position as u32 }
    }

    /// The segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The entry.
    pub fn get(&self) -> EntryRef<'_> {
        self.segment.entry(self.position as usize)
    }
}
