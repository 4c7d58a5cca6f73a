//! The directories of a transfer: which were announced, and which of them still wait for their content.
//! An entry is accepted only in a directory that stands here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::name::SafePath;
use crate::error::{Error, Result, printable};

/// Directories by the number that the server gives them (incremental recursion), each until its segment comes.
#[derive(Debug, Default)]
pub(super) struct Announced {
    paths: Vec<Option<SafePath>>,
    open: usize,
}

impl Announced {
    /// Announces a directory; without a path where its content may not come. Returns its number.
    pub fn add(&mut self, path: Option<SafePath>) -> u32 {
        self.open += usize::from(path.is_some());
        self.paths.push(path);
        (self.paths.len() - 1) as u32
    }

    /// The path of the directory whose segment begins. It can begin only once.
    pub fn take(&mut self, number: u32) -> Result<SafePath> {
        let slot = self.paths.get_mut(number as usize).ok_or_else(|| {
            Error::Violation(format!("it sent the content of directory {number}, which it never announced"))
        })?;
        let path = slot.take().ok_or_else(|| {
            Error::Violation(format!("it sent the content of directory {number} twice or for a duplicate"))
        })?;
        self.open -= 1;
        Ok(path)
    }

    /// Directories whose content has not come.
    pub fn open(&self) -> usize {
        self.open
    }
}

/// Directories of one segment by path, to find the one that an entry lies in.
#[derive(Debug)]
pub(super) struct Parents {
    dirs: Vec<SafePath>,
    /// Only lists without incremental recursion have entries in more than one directory.
    by_path: HashMap<SafePathKey, u32>,
    last: u32,
}

type SafePathKey = Box<[u8]>;

impl Parents {
    /// A segment that shows `dir`.
    pub fn new(dir: SafePath) -> Self {
        Self { dirs: vec![dir], by_path: HashMap::new(), last: 0 }
    }

    /// Adds a directory that entries may lie in. Returns its number.
    /// A directory that is sent twice keeps its number.
    pub fn add(&mut self, path: SafePath) -> u32 {
        let next = self.dirs.len() as u32;
        match self.by_path.entry(path.as_bytes().into()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(slot) => {
                slot.insert(next);
                self.dirs.push(path);
                next
            }
        }
    }

    /// The number of the directory with this path. Mostly it is that of the entry before.
    pub fn find(&mut self, path: &[u8]) -> Result<u32> {
        if self.dirs[self.last as usize].as_bytes() == path {
            return Ok(self.last);
        }
        let found = if self.dirs[0].as_bytes() == path { Some(0) } else { self.by_path.get(path).copied() };
        self.last = found.ok_or_else(|| {
            let name = printable(&path[..path.len().min(300)]);
            Error::Violation(format!("it sent an entry in \"{name}\", which is no directory of this list"))
        })?;
        Ok(self.last)
    }

    pub fn get(&self, number: u32) -> &SafePath {
        &self.dirs[number as usize]
    }

    pub fn into_dirs(self) -> Vec<SafePath> {
        self.dirs
    }
}
