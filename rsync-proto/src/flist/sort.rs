//! The order of the file list. Indexes follow from it, so both sides must sort alike (protocol 29 and later):
//! within a directory first everything that is not a directory, by bytes, then the directories, compared as
//! if their names ended in a slash; each directory is followed by its content.

use std::cmp::Ordering;

use super::entry::{Entry, State};
use super::name::SafePath;
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::wire::flags::mode;

/// Compares two entries of one list by their place in it.
pub(super) fn order(a: &Entry, b: &Entry, arena: &[u8], dirs: &[SafePath]) -> Ordering {
    order_keys((a.dir, Key::new(a, arena)), (b.dir, Key::new(b, arena)), dirs)
}

/// Whether there is an entry of this name in a directory.
pub(super) fn contains(segment: &Segment, directory: u32, name: &[u8]) -> bool {
    [false, true].into_iter().any(|is_dir| {
        let found = segment.entries.binary_search_by(|entry| {
            let key = Key { root: name.is_empty(), directory: is_dir, name };
            order_keys((entry.dir, Key::new(entry, &segment.arena)), (directory, key), &segment.dirs)
        });
        // What was left out because it would be empty is not in the list any more.
        found.is_ok_and(|at| segment.entries[at].state != State::Pruned)
    })
}

fn order_keys((a_dir, a_key): (u32, Key<'_>), (b_dir, b_key): (u32, Key<'_>), dirs: &[SafePath]) -> Ordering {
    if a_dir == b_dir {
        return a_key.cmp_sibling(&b_key);
    }
    let (a_dir, b_dir) = (dirs[a_dir as usize].as_bytes(), dirs[b_dir as usize].as_bytes());
    let mut a_bytes = with_slash(a_dir);
    let mut b_bytes = with_slash(b_dir);
    loop {
        match (a_bytes.next(), b_bytes.next()) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => return x.cmp(&y),
            (None, Some(y)) => return a_key.cmp_deeper(std::iter::once(y).chain(b_bytes)),
            (Some(x), None) => return b_key.cmp_deeper(std::iter::once(x).chain(a_bytes)).reverse(),
            (None, None) => return a_key.cmp_sibling(&b_key),
        }
    }
}

fn with_slash(path: &[u8]) -> impl Iterator<Item = u8> {
    path.iter().copied().chain((!path.is_empty()).then_some(b'/'))
}

struct Key<'a> {
    root: bool,
    directory: bool,
    name: &'a [u8],
}

impl<'a> Key<'a> {
    fn new(entry: &Entry, arena: &'a [u8]) -> Self {
        Self {
            // Only the root has no name.
            root: entry.name_len == 0,
            directory: u32::from(entry.mode) & mode::TYPE == mode::DIRECTORY,
            name: &arena[entry.name_at as usize..][..usize::from(entry.name_len)],
        }
    }

    fn cmp_sibling(&self, other: &Self) -> Ordering {
        other.root.cmp(&self.root).then_with(|| self.directory.cmp(&other.directory)).then_with(|| {
            if !self.directory {
                return self.name.cmp(other.name);
            }
            let shared = self.name.len().min(other.name.len());
            self.name[..shared].cmp(&other.name[..shared]).then_with(|| {
                let next = |name: &[u8]| name.get(shared).copied();
                match (next(self.name), next(other.name)) {
                    (None, None) => Ordering::Equal,
                    (a, b) => a.unwrap_or(b'/').cmp(&b.unwrap_or(b'/')),
                }
            })
        })
    }

    /// Against an entry further down, whose path goes on with `rest` below this entry's directory.
    fn cmp_deeper(&self, rest: impl Iterator<Item = u8>) -> Ordering {
        if self.root || !self.directory {
            return Ordering::Less;
        }
        self.name.iter().copied().chain(Some(b'/')).cmp(rest).then(Ordering::Less)
    }
}

/// Finds names that occur twice: of the same kind, the second takes no part; of different kinds, the list is
/// refused, unless there are `several` sources. Then a directory stays, and otherwise the first.
pub(super) fn mark_duplicates(
    entries: &mut [Entry],
    arena: &[u8],
    dirs: &[SafePath],
    several: bool,
) -> Result<()> {
    let name = |entry: &Entry| arena[entry.name_at as usize..][..usize::from(entry.name_len)].to_vec();
    let twice = |entry: &Entry| {
        let path = dirs[entry.dir as usize].join(&name(entry));
        Error::Violation(format!("it sent \"{path}\" twice, as different kinds of file"))
    };
    let kind = |entry: &Entry| u32::from(entry.mode) & mode::TYPE;
    let mut first = 0;
    for at in 1..entries.len() {
        let (before, rest) = entries.split_at_mut(at);
        let (previous, entry) = (&mut before[first], &mut rest[0]);
        if order(previous, entry, arena, dirs).is_eq() {
            if kind(previous) != kind(entry) && !several {
                return Err(twice(entry));
            }
            // Asked for once is asked for.
            if !entry.state.is_implied() {
                previous.state = State::new(
                    previous.state.is_root(),
                    !previous.state.has_content() && !entry.state.has_content(),
                    false,
                );
            }
            entry.state = State::Duplicate;
        } else {
            first = at;
        }
    }
    for at in 0..entries.len() {
        let entry = &entries[at];
        if kind(entry) != mode::DIRECTORY || !entry.state.is_named() {
            continue;
        }
        let as_file = Entry { mode: mode::REGULAR as u16, ..entry.clone() };
        let equal = |other: &Entry| order(other, &as_file, arena, dirs);
        if let Ok(found) = entries.binary_search_by(equal) {
            if !several {
                return Err(twice(entry));
            }
            let from = entries[..found].iter().rposition(|other| equal(other).is_ne()).map_or(0, |at| at + 1);
            let same = entries[from..].iter().take_while(|other| equal(other).is_eq()).count();
            entries[from..from + same].iter_mut().for_each(|other| other.state = State::Duplicate);
        }
    }
    Ok(())
}
