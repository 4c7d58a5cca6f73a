//! A part of the list as it is remembered while the client may ask about it: 24 bytes for an entry, and its name.

use std::sync::Arc;

use crate::wire::flags::mode;

/// The name of the root of the transfer.
pub(super) const ROOT: &[u8] = b".";

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Of a regular file: its size. Of a directory in a segment that is not sorted yet: which visit is about it.
    pub size: u64,
    pub name_at: u32,
    /// The directory that it lies in.
    pub dir: u32,
    /// The number of its set of extended attributes, or 0.
    pub xattrs: u32,
    pub mode: u16,
    pub name_len: u8,
    /// A symlink was followed to it.
    pub followed: bool,
}

impl Entry {
    pub fn is_directory(&self) -> bool {
        u32::from(self.mode) & mode::TYPE == mode::DIRECTORY
    }

    pub fn name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.name_at as usize..][..usize::from(self.name_len)]
    }
}

/// A directory that entries lie in.
#[derive(Debug, Clone)]
pub(super) struct Dir {
    /// The number of the place where its transfer has its root.
    pub base: u32,
    /// Its path from there.
    pub path: Arc<[u8]>,
}

/// The directory that a segment shows. Its own entry may have been let go.
#[derive(Debug)]
pub(super) struct Own {
    pub dir: Dir,
    pub mode: u16,
    pub xattrs: u32,
}

/// A part of the list: what lies in one directory, or all.
#[derive(Debug)]
pub(super) struct Segment {
    pub first_index: u32,
    pub own: Option<Own>,
    pub entries: Vec<Entry>,
    pub arena: Vec<u8>,
    pub dirs: Vec<Dir>,
}

impl Segment {
    pub fn new(first_index: u32, own: Option<Own>) -> Self {
        Self { first_index, own, entries: Vec::new(), arena: Vec::new(), dirs: Vec::new() }
    }

    /// The index of the next entry, as long as entries are not sorted.
    pub fn next_index(&self) -> u32 {
        self.first_index + self.entries.len() as u32
    }

    /// The number of a directory, which mostly is the one that was asked for last.
    pub fn dir(&mut self, base: u32, path: &Arc<[u8]>) -> u32 {
        let same = |dir: &Dir| dir.base == base && (Arc::ptr_eq(&dir.path, path) || dir.path == *path);
        if !self.dirs.last().is_some_and(same) {
            self.dirs.push(Dir { base, path: Arc::clone(path) });
        }
        self.dirs.len() as u32 - 1
    }

    pub fn add(&mut self, name: &[u8], entry: Entry) {
        let name_at = self.arena.len() as u32;
        self.arena.extend_from_slice(name);
        self.entries.push(Entry { name_at, name_len: name.len() as u8, ..entry });
    }

    /// Gives back memory that a complete segment does not need.
    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.arena.shrink_to_fit();
        self.dirs.shrink_to_fit();
    }
}
