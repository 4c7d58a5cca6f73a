//! The order of the list, from which indexes follow. Within a directory, what is no directory comes first; directories
//! are sorted as if their names ended in a slash, and each is followed by what lies in it.

use std::cmp::Ordering;

use super::segment::{Dir, Entry, ROOT};

/// What decides about the place of an entry. The first bytes of the name mostly do.
struct Key {
    /// The place of the directory: its own, or the one that something lies in.
    rank: u32,
    class: Class,
    head: u64,
    at: u32,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Class {
    /// The root, or a directory before all that lies in it.
    Itself,
    File,
    Directory,
}

/// Sorts the entries of a segment. Those of one place stay in the order in which they were sent.
pub(super) fn sort(entries: &mut Vec<Entry>, arena: &[u8], dirs: &[Dir]) {
    let flat = dirs.windows(2).all(|pair| pair[0].path == pair[1].path);
    let mut keys = if flat { flat_keys(entries, arena) } else { ranked_keys(entries, arena, dirs) };
    keys.sort_unstable_by(|a, b| {
        (a.rank, a.class, a.head).cmp(&(b.rank, b.class, b.head)).then_with(|| {
            let name = |key: &Key| entries[key.at as usize].name(arena);
            match a.class {
                Class::Itself => Ordering::Equal,
                Class::File => name(a).cmp(name(b)),
                Class::Directory => as_directory(name(a)).cmp(as_directory(name(b))),
            }
            .then(a.at.cmp(&b.at))
        })
    });
    *entries = keys.into_iter().map(|key| entries[key.at as usize]).collect();
}

fn as_directory(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().copied().chain([b'/'])
}

/// The first eight bytes, so that numbers compare as the names do.
fn head(name: &[u8], end: Option<u8>) -> u64 {
    if let Some(bytes) = name.first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..name.len()].copy_from_slice(name);
    if let Some(end) = end {
        bytes[name.len()] = end;
    }
    u64::from_be_bytes(bytes)
}

/// Of entries in one directory.
fn flat_keys(entries: &[Entry], arena: &[u8]) -> Vec<Key> {
    let key = |(at, entry): (usize, &Entry)| {
        let name = entry.name(arena);
        let (class, head) = match entry.is_directory() {
            true if name == ROOT => (Class::Itself, 0),
            true => (Class::Directory, head(name, Some(b'/'))),
            false => (Class::File, head(name, None)),
        };
        Key { rank: 0, class, head, at: at as u32 }
    };
    entries.iter().enumerate().map(key).collect()
}

/// Of entries in any. Paths with a slash at their end have the order that directories have.
fn ranked_keys(entries: &[Entry], arena: &[u8], dirs: &[Dir]) -> Vec<Key> {
    enum Place {
        Parent(usize),
        Own(usize),
    }
    let with_slash = |path: &[u8]| if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
    let own = |entry: &Entry| match (&*dirs[entry.dir as usize].path, entry.name(arena)) {
        (_, ROOT) => Vec::new(),
        (b"", name) => [name, b"/"].concat(),
        (dir, name) => [dir, b"/", name, b"/"].concat(),
    };
    let parents = dirs.iter().enumerate().map(|(at, dir)| (with_slash(&dir.path), Place::Parent(at)));
    let owns = entries.iter().enumerate().filter(|(_, entry)| entry.is_directory());
    let mut places: Vec<(Vec<u8>, Place)> =
        parents.chain(owns.map(|(at, entry)| (own(entry), Place::Own(at)))).collect();
    places.sort_unstable_by(|a, b| a.0.cmp(&b.0));

    let mut parent_ranks = vec![0; dirs.len()];
    let mut keys = Vec::with_capacity(entries.len());
    let mut rank = 0;
    for (number, (path, place)) in places.iter().enumerate() {
        if number > 0 && *path != places[number - 1].0 {
            rank += 1;
        }
        match place {
            Place::Parent(at) => parent_ranks[*at] = rank,
            Place::Own(at) => keys.push(Key { rank, class: Class::Itself, head: 0, at: *at as u32 }),
        }
    }
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_directory()) {
        let rank = parent_ranks[entry.dir as usize];
        keys.push(Key { rank, class: Class::File, head: head(entry.name(arena), None), at: at as u32 });
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::server::list::segment::Segment;
    use crate::wire::flags::mode;

    /// Sorted paths; a slash at the end makes a directory.
    fn sorted(paths: &[&str]) -> Vec<String> {
        let mut segment = Segment::new(0, None);
        for path in paths {
            let (whole, kind) =
                path.strip_suffix('/').map_or((*path, mode::REGULAR), |dir| (dir, mode::DIRECTORY));
            let (dir, name) = whole.rsplit_once('/').unwrap_or(("", whole));
            let entry = Entry {
                size: 0,
                name_at: 0,
                dir: segment.dir(0, &Arc::from(dir.as_bytes())),
                xattrs: 0,
                mode: kind as u16,
                name_len: 0,
                followed: false,
            };
            segment.add(name.as_bytes(), entry);
        }
        let Segment { entries, arena, dirs, .. } = &mut segment;
        sort(entries, arena, dirs);
        let path = |entry: &Entry| {
            let dir = String::from_utf8_lossy(&dirs[entry.dir as usize].path).into_owned();
            let name = String::from_utf8_lossy(entry.name(arena)).into_owned();
            let end = if entry.is_directory() { "/" } else { "" };
            if dir.is_empty() { format!("{name}{end}") } else { format!("{dir}/{name}{end}") }
        };
        entries.iter().map(path).collect()
    }

    #[test]
    fn directories_follow_files_and_content_its_directory() {
        let list = ["./", "b0", "zz", "b-/", "b-/y", "b.d/", "b.d/z", "b/", "b/c", "b/d"];
        let mut other = list;
        other.reverse();
        assert_eq!(sorted(&other), list);
        assert_eq!(sorted(&list), list);
    }

    #[test]
    fn one_directory() {
        let list =
            ["./", "a", "aaaaaaaa", "aaaaaaaab", "a\u{7f}", "b0", "aaaaaaaa-/", "aaaaaaaa/", "b-/", "b/"];
        let mut other = list;
        other.reverse();
        assert_eq!(sorted(&other), list);
    }

    #[test]
    fn what_has_one_name_stays_in_order() {
        assert_eq!(
            sorted(&["x/", "b", "x/b", "x/", "b", "x/c/", "x/a"]),
            ["b", "b", "x/", "x/", "x/a", "x/b", "x/c/"]
        );
    }
}
