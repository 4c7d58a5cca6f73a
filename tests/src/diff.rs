//! How two pictures of trees differ, one line for each difference.
//!
//! The first tree is called expected, the second found. Identities are never compared here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::at::Time;
use crate::snapshot::{Entry, Kind, MOMENT, Snapshot};

/// How many differences a failing test prints.
const SHOWN: usize = 40;

/// An aspect that a comparison may leave out, because the options under test do not keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// The twelve bits.
    Modes,
    /// User and group.
    Owners,
    /// Times of everything.
    Times,
    /// Times of directories only.
    DirectoryTimes,
    /// Times of symbolic links only.
    SymlinkTimes,
    /// Extended attributes except ACLs.
    Xattrs,
    /// ACLs.
    Acls,
    /// Which names share an inode.
    HardLinks,
    /// What files hold.
    Contents,
}

/// All differences.
#[must_use]
pub fn diff(expected: &Snapshot, found: &Snapshot) -> Vec<String> {
    diff_except(&[], expected, found)
}

/// All differences in aspects that are not left out.
#[must_use]
pub fn diff_except(left_out: &[Aspect], expected: &Snapshot, found: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let paths: BTreeSet<&Vec<u8>> = expected.entries.keys().chain(found.entries.keys()).collect();
    for path in paths {
        let name = shown(path);
        match (expected.entries.get(path), found.entries.get(path)) {
            (Some(a), Some(b)) => {
                for difference in differences(left_out, a, b) {
                    lines.push(format!("{name}: {difference}"));
                }
            }
            (Some(a), None) => lines.push(format!("{name}: missing, expected {}", shown_kind(&a.kind))),
            (None, Some(b)) => lines.push(format!("{name}: not expected, found {}", shown_kind(&b.kind))),
            (None, None) => {}
        }
    }
    if !left_out.contains(&Aspect::HardLinks) {
        lines.extend(link_differences(expected, found));
    }
    lines
}

/// Fails unless both programs printed the same lines, in whatever order.
///
/// # Panics
/// With the lines that only one of them printed.
pub fn assert_same_lines<S: AsRef<str>>(what: &str, rsync: &[S], deployer: &[S]) {
    let only = |these: &[S], those: &[S], name: &str| {
        let mut those: Vec<&str> = those.iter().map(AsRef::as_ref).collect();
        let mut lines = Vec::new();
        for line in these.iter().map(AsRef::as_ref) {
            match those.iter().position(|other| *other == line) {
                Some(at) => {
                    those.swap_remove(at);
                }
                None => lines.push(format!("only {name}: {line}")),
            }
        }
        lines
    };
    let lines = [only(rsync, deployer, "rsync"), only(deployer, rsync, "deployer")].concat();
    assert!(lines.is_empty(), "{what}: the lines were expected to be rsync's\n{}", summary(&lines));
}

/// Fails unless both pictures show the same.
///
/// # Panics
/// With the first differences.
pub fn assert_same(what: &str, expected: &Snapshot, found: &Snapshot) {
    assert_same_except(&[], what, expected, found);
}

/// Fails the test unless the trees are the same but for what is left out.
///
/// # Panics
/// With the first differences.
pub fn assert_same_except(left_out: &[Aspect], what: &str, expected: &Snapshot, found: &Snapshot) {
    let lines = diff_except(left_out, expected, found);
    assert!(lines.is_empty(), "{what}: the trees were expected to be the same\n{}", summary(&lines));
}

/// The first lines, and how many more there are.
#[must_use]
pub fn summary(lines: &[String]) -> String {
    let mut text = lines[..lines.len().min(SHOWN)].join("\n");
    if lines.len() > SHOWN {
        let _ = write!(text, "\n… and {} more", lines.len() - SHOWN);
    }
    text
}

fn differences(left_out: &[Aspect], expected: &Entry, found: &Entry) -> Vec<String> {
    let wanted = |aspect| !left_out.contains(&aspect);
    let mut lines = Vec::new();
    let mut compare = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
        lines.push(format!("{what} expected {a}, found {b}"));
    };
    if std::mem::discriminant(&expected.kind) != std::mem::discriminant(&found.kind) {
        compare("kind", &shown_kind(&expected.kind), &shown_kind(&found.kind));
        return lines;
    }
    let is_file = matches!(expected.kind, Kind::File { .. });
    if expected.kind != found.kind && (!is_file || wanted(Aspect::Contents)) {
        compare("it is", &shown_kind(&expected.kind), &shown_kind(&found.kind));
    }
    if expected.mode != found.mode && wanted(Aspect::Modes) {
        compare("mode", &format!("{:04o}", expected.mode), &format!("{:04o}", found.mode));
    }
    if wanted(Aspect::Owners) {
        if expected.user != found.user {
            compare("user", &expected.user, &found.user);
        }
        if expected.group != found.group {
            compare("group", &expected.group, &found.group);
        }
    }
    let time_wanted = wanted(Aspect::Times)
        && match expected.kind {
            Kind::Directory => wanted(Aspect::DirectoryTimes),
            Kind::Symlink(_) => wanted(Aspect::SymlinkTimes),
            _ => true,
        };
    if expected.time != found.time && time_wanted {
        let shown = |time: Time| match time {
            MOMENT => "that of the test".to_owned(),
            (seconds, nanoseconds) => format!("{seconds} s {nanoseconds} ns"),
        };
        compare("time", &shown(expected.time), &shown(found.time));
    }
    let names: BTreeSet<&Vec<u8>> = expected.xattrs.keys().chain(found.xattrs.keys()).collect();
    for name in names {
        let is_acl = name.starts_with(b"system.posix_acl_");
        let (a, b) = (expected.xattrs.get(name), found.xattrs.get(name));
        if a != b && wanted(if is_acl { Aspect::Acls } else { Aspect::Xattrs }) {
            compare(&format!("xattr {}", name.escape_ascii()), &shown_value(a), &shown_value(b));
        }
    }
    lines
}

/// One line for each group that is not the same, under the group's first name.
fn link_differences(expected: &Snapshot, found: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let paths: BTreeSet<&Vec<u8>> = expected.groups.keys().chain(found.groups.keys()).collect();
    let mut reported: BTreeSet<&Vec<u8>> = BTreeSet::new();
    for path in paths {
        let (a, b) = (expected.groups.get(path), found.groups.get(path));
        if a == b || reported.contains(path) {
            continue;
        }
        reported.extend(a.into_iter().chain(b).flatten());
        let names = |group: Option<&BTreeSet<Vec<u8>>>| match group {
            None => "nothing".to_owned(),
            Some(group) => {
                group.iter().filter(|it| *it != path).map(|it| shown(it)).collect::<Vec<_>>().join(", ")
            }
        };
        lines.push(format!("{}: hard link expected to {}, found to {}", shown(path), names(a), names(b)));
    }
    lines
}

/// Long paths are shortened in the middle: the ends tell which one it is.
fn shown(path: &[u8]) -> String {
    match path.len() {
        0 => ".".to_owned(),
        1..=300 => path.escape_ascii().to_string(),
        length => {
            let (start, end) = (&path[..100], &path[length - 100..]);
            format!("{}…({length} bytes)…{}", start.escape_ascii(), end.escape_ascii())
        }
    }
}

fn shown_kind(kind: &Kind) -> String {
    match kind {
        Kind::Directory => "a directory".to_owned(),
        Kind::File { size, hash } => format!("a file of {size} bytes, hash {hash:032x}"),
        Kind::Symlink(target) => format!("a symlink to {}", shown(target)),
        Kind::Character(device) => format!("character device {}", shown_device(*device)),
        Kind::Block(device) => format!("block device {}", shown_device(*device)),
        Kind::Fifo => "a FIFO".to_owned(),
        Kind::Socket => "a socket".to_owned(),
    }
}

fn shown_device(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

fn shown_value(value: Option<&Vec<u8>>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) if value.len() <= 80 => format!("\"{}\"", value.escape_ascii()),
        Some(value) => format!("\"{}…\" ({} bytes)", value[..40].escape_ascii(), value.len()),
    }
}

/// Lines of `-i`, in which a file of `source` that has several names comes once, whatever happened to which of them: the one
/// that is transferred, and to which the others are linked, is the last that is known by then, for rsync's client too.
///
/// # Panics
/// If the source cannot be read.
#[must_use]
pub fn files_once(lines: Vec<String>, source: &Path) -> Vec<String> {
    let files = names_of_linked(source);
    // Names may be relative to a directory within.
    let file_of = |name: &str| {
        let within =
            |(path, file): (&String, &String)| path.ends_with(&format!("/{name}")).then(|| file.clone());
        files.get(name).cloned().or_else(|| files.iter().find_map(within))
    };
    let mut once = BTreeSet::new();
    let mut kept = Vec::new();
    for line in lines {
        let itemized = line.split_at_checked(11).filter(|(code, name)| {
            code.starts_with(['>', 'c', 'h', '.']) && !code[1..].starts_with('d') && name.starts_with(' ')
        });
        let name = itemized.map(|(_, name)| name[1..].split(" => ").next().unwrap_or_default());
        let name = name.map(|name| name.split(" -> ").next().unwrap_or_default());
        match name.and_then(file_of) {
            Some(file) => drop(once.insert(format!("a file with several names: {file}"))),
            None => kept.push(line),
        }
    }
    kept.extend(once);
    kept
}

/// Names of files that have several, each with the least name of its file.
fn names_of_linked(source: &Path) -> BTreeMap<String, String> {
    let (mut groups, mut open) = (BTreeMap::<_, BTreeSet<String>>::new(), vec![source.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("the source can be read").flatten() {
            let meta = entry.metadata().expect("it is there");
            if meta.is_dir() {
                open.push(entry.path());
            } else if meta.nlink() > 1 {
                let path = entry.path();
                let name = path.strip_prefix(source).expect("it is within").to_string_lossy().into_owned();
                groups.entry((meta.dev(), meta.ino())).or_default().insert(name);
            }
        }
    }
    let least = |names: &BTreeSet<String>| names.first().expect("it has one").clone();
    groups.values().flat_map(|names| names.iter().map(|name| (name.clone(), least(names)))).collect()
}
