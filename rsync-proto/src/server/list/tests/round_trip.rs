//! Trees of every kind of file, in every shape of a list, against a walk that looks at each file by itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};

use super::{SHAPES, Told, terms, told};
use crate::checksum::FileSummer;
use crate::flist::Kind;

/// The next of a row of numbers that is the same each time.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Names whose order is not that of plain strings.
const NAMES: [&str; 12] =
    ["b", "b-", "b.d", "b0", "zz", "\u{fc}ber", ".hidden", "a b", "B", "b!", "0123456789abcdef", "b\u{1}"];

fn grow(dir: &Path, depth: usize, seed: &mut u64, files: &mut Vec<std::path::PathBuf>) {
    for name in NAMES {
        let path = dir.join(name);
        match next(seed) % 12 {
            0..3 if depth > 0 => {
                fs::create_dir(&path).unwrap();
                grow(&path, depth - 1, seed, files);
            }
            0..4 => fs::write(&path, name.repeat((next(seed) % 50) as usize)).unwrap(),
            4 => symlink("somewhere/else", &path).unwrap(),
            5 if !files.is_empty() => {
                let other = &files[next(seed) as usize % files.len()];
                fs::hard_link(other, &path).unwrap();
            }
            6 => mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
            7 if rustix::process::geteuid().is_root() => {
                let device = makedev(8 + (next(seed) % 3) as u32, (next(seed) % 400) as u32);
                let made = mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), device);
                // Not every root may.
                made.or_else(|_| fs::write(&path, "").map_err(|_| rustix::io::Errno::IO)).unwrap();
            }
            _ => continue,
        }
        let attributes: &[u8] = if next(seed).is_multiple_of(2) { b"short" } else { &[7; 40] };
        // Temporary directories may lie on file systems without attributes.
        let _ = setxattr(&path, c"user.some", attributes, XattrFlags::empty());
        if fs::symlink_metadata(&path).unwrap().is_file() {
            files.push(path);
        }
    }
}

/// What there is to know of every file.
fn walked(root: &Path, dir: &Path, found: &mut BTreeMap<Vec<u8>, String>) {
    let path = dir.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
    let stat = fs::symlink_metadata(dir).unwrap();
    found.insert(path, described(dir, &stat));
    if stat.is_dir() {
        for entry in fs::read_dir(dir).unwrap() {
            walked(root, &entry.unwrap().path(), found);
        }
    }
}

fn described(path: &Path, stat: &fs::Metadata) -> String {
    let kind = Kind::from_mode(stat.mode()).unwrap();
    let size = if kind == Kind::File { stat.size() } else { 0 };
    let target = fs::read_link(path).map_or(String::new(), |target| target.display().to_string());
    let device = if kind.is_device() { stat.rdev() } else { 0 };
    let sum = if kind == Kind::File {
        format!(
            "{:?}",
            FileSummer::of(crate::checksum::ChecksumKind::Md5, &fs::read(path).unwrap()).as_bytes()
        )
    } else {
        "[]".to_owned()
    };
    let time = (stat.mtime(), stat.mtime_nsec());
    format!(
        "{:o} {size} {time:?} {} {} {target} {device} {} {sum}",
        stat.mode(),
        stat.uid(),
        stat.gid(),
        stat.nlink() > 1 && kind != Kind::Directory
    )
}

fn seen(told: &Told, protocol: u8) -> BTreeMap<Vec<u8>, String> {
    let mut found = BTreeMap::new();
    for entry in told.entries() {
        assert!(!entry.is_duplicate());
        let (major, minor) = entry.device();
        let device = if entry.kind().is_device() { makedev(major, minor) } else { 0 };
        let (seconds, nanoseconds) = entry.mtime();
        let known = if protocol >= 31 { i64::from(nanoseconds) } else { -1 };
        let text = format!(
            "{:o} {} {:?} {} {} {} {device} {} {:?}",
            entry.mode(),
            entry.size(),
            (seconds, known),
            entry.uid(),
            entry.gid(),
            String::from_utf8_lossy(entry.link_target()),
            entry.hard_link().is_some(),
            entry.checksum(),
        );
        found.insert(entry.path().as_bytes().to_vec(), text);
    }
    found
}

/// Without nanoseconds, which some versions do not tell.
fn without_nanoseconds(found: &BTreeMap<Vec<u8>, String>) -> BTreeMap<Vec<u8>, String> {
    let cut = |text: &String| {
        let (head, rest) = text.split_once(", ").unwrap();
        let (_, tail) = rest.split_once(')').unwrap();
        format!("{head}, -1){tail}")
    };
    found.iter().map(|(path, text)| (path.clone(), cut(text))).collect()
}

#[test]
fn what_is_there_is_told() {
    for mut seed in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        grow(dir.path(), 3, &mut seed, &mut files);
        let mut there = BTreeMap::new();
        walked(dir.path(), dir.path(), &mut there);
        for shape in SHAPES {
            let mut terms = terms(shape);
            terms.request.checksum = true;
            terms.request.xattrs = 1;
            terms.request.acls = true;
            terms.request.access_times = next(&mut seed).is_multiple_of(2);
            let told = told(dir.path(), &terms);
            assert_eq!((told.io_error, &told.said[..]), (0, &[][..]));
            let expected = if shape.0 >= 31 { there.clone() } else { without_nanoseconds(&there) };
            assert_eq!(seen(&told, shape.0), expected, "{shape:?}");
            told.paths();
            values(&told, dir.path());
            groups(&told, dir.path());
        }
    }
}

/// Names of one file are one group, and no others are.
fn groups(told: &Told, root: &Path) {
    let mut by_inode = BTreeMap::new();
    for entry in told.entries() {
        let Some(link) = entry.hard_link() else { continue };
        let path = root.join(std::ffi::OsStr::from_bytes(entry.path().as_bytes()));
        let inode = fs::symlink_metadata(path).unwrap().ino();
        assert_eq!(*by_inode.entry(inode).or_insert(link.group), link.group);
    }
    let mut groups: Vec<u32> = by_inode.values().copied().collect();
    groups.dedup();
    assert_eq!(groups.len(), by_inode.len());
}

/// Attributes can be asked for by their numbers.
fn values(told: &Told, root: &Path) {
    for entry in told.entries() {
        let Some(set) = entry.xattrs() else { continue };
        let listed = told.list.entry(entry.index()).unwrap();
        assert_eq!(listed.xattr_names(), set.items.len());
        let path = root.join(std::ffi::OsStr::from_bytes(entry.path().as_bytes()));
        for (at, item) in set.items.iter().enumerate() {
            let value = listed.xattr_value(at as u32 + 1).unwrap();
            assert!(item.matches(&value), "{}", path.display());
        }
        assert_eq!(listed.xattr_value(0), None);
        assert_eq!(listed.xattr_value(set.items.len() as u32 + 1), None);
        if entry.kind() == Kind::File {
            let (_, size) = listed.open().unwrap();
            assert_eq!(size, entry.size());
        } else {
            assert!(listed.open().is_err(), "{}", path.display());
        }
    }
}

#[test]
fn segments_are_let_go() {
    let dir = super::tree(&["a/x", "b/y", "c"]);
    let mut told = told(dir.path(), &terms((32, true, true)));
    let first: Vec<u32> = told.segments.iter().map(crate::flist::Segment::first_index).collect();
    assert_eq!(first, [1, 6, 8]);
    let path =
        |told: &Told, index| told.list.entry(index).map(|entry| String::from_utf8(entry.path()).unwrap());
    let found: Vec<_> = (0..10).map(|index| path(&told, index).unwrap_or_default()).collect();
    assert_eq!(found, [".", ".", "c", "a", "b", "a", "a/x", "b", "b/y", ""]);
    assert_eq!(told.list.waiting(), 6);
    assert!(!told.list.let_go().unwrap());
    assert_eq!((path(&told, 2), path(&told, 5).as_deref()), (None, Some("a")));
    assert!(!told.list.let_go().unwrap() && told.list.let_go().unwrap());
    assert_eq!(told.list.waiting(), 0);
    assert!(told.list.let_go().unwrap(), "a further phase");
    let mut whole = super::told(dir.path(), &terms((32, true, false)));
    assert!(whole.list.let_go().unwrap() && whole.list.entry(1).is_some());
}
