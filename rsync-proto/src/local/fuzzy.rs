//! Finds a file that may be similar to one that is missing, by its size and time or by its name.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, statat};

use super::basis::LocalBasis;
use super::dir::{LocalDir, is_file};

/// One step of an edit distance; the rest of a number tells how far bytes are from each other.
const STEP: u32 = 1 << 16;
/// Names that are further apart are not similar.
const MAX_DISTANCE: u32 = 25 * STEP;
/// Longer than any distance that counts.
const TOO_FAR: u32 = 0xffff * STEP + 1;
/// How much more the end of a name counts.
const SUFFIX_WEIGHT: u32 = 10;

/// A file that may serve as a basis.
#[derive(Debug)]
pub(super) struct Candidate {
    alternate: Option<usize>,
    name: Arc<[u8]>,
    size: u64,
    mtime: i64,
}

/// The files that may serve as a basis in a directory, and where `alternates` is set, in its alternates.
pub(super) fn candidates(dir: &LocalDir, alternates: bool) -> io::Result<Vec<Candidate>> {
    let mut found = Vec::new();
    if dir.fd.is_some() {
        collect(dir.fd(), None, &mut found)?;
    }
    let others = dir.alternates.iter().enumerate().filter(|_| alternates);
    for (number, fd) in others.filter_map(|(number, fd)| Some((number, fd.as_ref()?))) {
        collect(fd.as_fd(), Some(number), &mut found)?;
    }
    Ok(found)
}

fn collect(dir: BorrowedFd<'_>, alternate: Option<usize>, found: &mut Vec<Candidate>) -> io::Result<()> {
    let first = found.len();
    let again = openat(dir, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = vec![std::mem::MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(again, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if super::handle::is_temporary_name(name) {
            continue;
        }
        let Ok(stat) = statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if is_file(&stat) && stat.st_size > 0 {
            let (size, mtime) = (stat.st_size as u64, stat.st_mtime);
            found.push(Candidate { alternate, name: name.into(), size, mtime });
        }
    }
    found[first..].sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// The candidate that fits best: one of the same size and time, or else the one with the closest name.
pub(super) fn find(candidates: &[Candidate], name: &[u8], size: u64, mtime: i64) -> Option<LocalBasis> {
    let usable = || candidates.iter().filter(|candidate| *candidate.name != *name);
    let same = usable().find(|candidate| candidate.size == size && candidate.mtime == mtime);
    let best = same.or_else(|| {
        let mut lowest = MAX_DISTANCE;
        let mut best = None;
        for candidate in usable() {
            let mut apart = distance(&candidate.name, name, lowest);
            if apart < TOO_FAR {
                let ends = distance(suffix(&candidate.name), suffix(name), u32::MAX);
                apart = apart.saturating_add(ends.saturating_mul(SUFFIX_WEIGHT));
            }
            if apart <= lowest {
                lowest = apart;
                best = Some(candidate);
            }
        }
        best
    })?;
    Some(LocalBasis::Similar { alternate: best.alternate, name: Arc::clone(&best.name) })
}

/// The part of a name that tells what is in the file: from the last dot on that does not begin a version, a number or
/// the mark of a backup.
fn suffix(name: &[u8]) -> &[u8] {
    let start = name.iter().position(|byte| *byte != b'.').unwrap_or(name.len());
    let name = &name[start..];
    let (mut rest, tilde) = match name {
        [kept @ .., b'~'] if !kept.is_empty() => (kept, true),
        _ => (name, false),
    };
    let mut found: &[u8] = b"";
    while let Some(dot) = rest.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0) {
        let part = &rest[dot..];
        rest = &rest[..dot];
        let backup = matches!(part, b".bak" | b".old" | b".orig");
        let numbered = tilde && part.len() > 2 && part[1] == b'~' && part[2].is_ascii_digit();
        if backup || numbered {
            continue;
        }
        found = part;
        if part.len() == 1 || !part[1..].iter().all(u8::is_ascii_digit) {
            break;
        }
    }
    found
}

/// How many bytes have to be inserted, removed or changed to make one name of the other, each weighted with how far
/// the bytes are apart. Above `limit` any number above it may be returned.
fn distance(a: &[u8], b: &[u8], limit: u32) -> u32 {
    if (a.len().abs_diff(b.len()) as u64) * u64::from(STEP) > u64::from(limit) {
        return TOO_FAR;
    }
    if a.is_empty() || b.is_empty() {
        let rest = if a.is_empty() { b } else { a };
        return rest.iter().map(|byte| STEP + u32::from(*byte)).sum();
    }
    let mut row: Vec<u32> = (1..=b.len() as u32).map(|column| column * STEP).collect();
    for (line, x) in a.iter().enumerate() {
        let mut diagonal = line as u32 * STEP;
        let mut left = (line as u32 + 1) * STEP;
        for (cell, y) in row.iter_mut().zip(b) {
            let above = *cell;
            let changed = if x == y { 0 } else { STEP + u32::from(x.abs_diff(*y)) };
            let least =
                (diagonal + changed).min(above + STEP + u32::from(*y)).min(left + STEP + u32::from(*x));
            diagonal = above;
            left = least;
            *cell = least;
        }
    }
    row[b.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, size: u64, mtime: i64) -> Candidate {
        Candidate { alternate: None, name: name.as_bytes().into(), size, mtime }
    }

    fn found(candidates: &[Candidate], name: &str, size: u64, mtime: i64) -> Option<String> {
        match find(candidates, name.as_bytes(), size, mtime)? {
            LocalBasis::Similar { name, .. } => Some(String::from_utf8(name.to_vec()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_size_and_time_count_more_than_any_name() {
        let all = [candidate("image-1.2.raw", 10, 1), candidate("something", 99, 7)];
        assert_eq!(found(&all, "image-1.3.raw", 99, 7).as_deref(), Some("something"));
        assert_eq!(found(&all, "image-1.3.raw", 99, 8).as_deref(), Some("image-1.2.raw"));
        assert_eq!(found(&all, "a name that is like none of these at all", 99, 8), None);
        assert_eq!(found(&[], "a", 1, 1), None);
    }

    #[test]
    fn suffixes_say_what_is_in_a_file() {
        for (name, expected) in [
            ("a.tar", ".tar"),
            ("lib.so.1", ".so"),
            ("a.c.bak", ".c"),
            ("a.c~", ".c"),
            (".hidden", ""),
            ("plain", ""),
            ("a.", "."),
        ] {
            assert_eq!(suffix(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }

    #[test]
    fn distances_grow_with_what_differs() {
        assert_eq!(distance(b"same", b"same", u32::MAX), 0);
        assert!(distance(b"file-1", b"file-2", u32::MAX) < distance(b"file-1", b"file-9", u32::MAX));
        assert!(distance(b"file", b"files", u32::MAX) > STEP);
        assert_eq!(distance(b"", b"ab", u32::MAX), 2 * STEP + u32::from(b'a') + u32::from(b'b'));
    }
}
