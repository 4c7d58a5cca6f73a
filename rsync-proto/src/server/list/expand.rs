//! Patterns of shells in the paths of sources. What they match is looked up in the module; one that matches nothing is
//! taken for a name.

use rustix::fs::{RawDir, fstat};
use rustix::io::Errno;

use super::source::clean;
use super::tree::{DIRECTORY, HELD, Place, Tree};
use crate::filter::NamePattern;
use crate::limits::MAX_PATH;
use crate::server::failure::Failure;
use crate::server::voice::Voice;
use crate::wire::flags::mode;

/// How much of a directory is read at once, in bytes.
const BATCH: usize = 32 * 1024;
/// Most bytes of what patterns match, together.
const MAX_FOUND: usize = 64 * 1024 * 1024;
/// How many names are compared between two signs of life.
const NAMES: u64 = 1024;

/// Resolves the patterns of paths, with a bound on how many names are looked at.
pub(super) struct Expansion<'a> {
    pub tree: &'a Tree,
    pub voice: &'a mut dyn Voice,
    pub looked: u64,
    pub found: usize,
    pub limit: u64,
}

impl Expansion<'_> {
    /// Adds what a path stands for.
    pub fn expand(&mut self, path: &[u8], found: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        let path = clean(path);
        if !is_pattern(&path) {
            found.push(path);
            return Ok(());
        }
        let mut heads = vec![Vec::new()];
        let mut names = path.split(|byte| *byte == b'/').peekable();
        while let Some(name) = names.next() {
            let is_last = names.peek().is_none();
            let mut next = Vec::new();
            for head in heads {
                if is_pattern(name) {
                    self.matches(&head, name, is_last, &mut next)?;
                } else if is_last || self.is_there(&joined(&head, name), true)? {
                    next.push(joined(&head, name));
                }
            }
            heads = next;
        }
        heads.sort_unstable();
        if heads.is_empty() {
            heads.push(path);
        }
        found.append(&mut heads);
        Ok(())
    }

    fn matches(
        &mut self,
        head: &[u8],
        pattern: &[u8],
        is_last: bool,
        next: &mut Vec<Vec<u8>>,
    ) -> Result<(), Failure> {
        let pattern = NamePattern::new(pattern);
        let Ok(dir) = self.tree.at(Place { base: b"", path: head, follow: true }, DIRECTORY) else {
            return Ok(());
        };
        let mut batch = Vec::with_capacity(BATCH);
        let mut entries = RawDir::new(&dir, batch.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            self.count()?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && pattern.matches(name) {
                let path = joined(head, name);
                if self.is_there(&path, !is_last)? {
                    self.found += path.len() + size_of::<Vec<u8>>();
                    if self.found > MAX_FOUND {
                        let limit = MAX_FOUND as u64;
                        return Err(Failure::Limit { what: "what patterns match, in bytes,", limit });
                    }
                    next.push(path);
                }
            }
        }
        Ok(())
    }

    /// Whether there is something at a path, or a directory.
    fn is_there(&mut self, path: &[u8], directory: bool) -> Result<bool, Failure> {
        self.count()?;
        let place = Place { base: b"", path, follow: true };
        let held = match self.tree.at(place, HELD) {
            Ok(held) => held,
            // What leads out of the module is something all the same, to those who keep symlinks.
            Err(Errno::XDEV) if !directory => return Ok(true),
            Err(_) => return Ok(false),
        };
        let is_directory = || fstat(&held).is_ok_and(|stat| stat.st_mode & mode::TYPE == mode::DIRECTORY);
        Ok(path.len() <= MAX_PATH && (!directory || is_directory()))
    }

    fn count(&mut self) -> Result<(), Failure> {
        self.looked += 1;
        if self.looked > self.limit {
            return Err(Failure::Limit { what: "names that patterns are compared with", limit: self.limit });
        }
        if self.looked.is_multiple_of(NAMES) { self.voice.breathe() } else { Ok(()) }
    }
}

/// A path that begins with nothing has no slash in front; one that ends in nothing has one at its end.
fn joined(head: &[u8], name: &[u8]) -> Vec<u8> {
    if head.is_empty() { name.to_vec() } else { [head, b"/", name].concat() }
}

fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}
