//! A small tree, and the states in which a pull of it may find its destination: nothing there, an older one, the same,
//! a newer one, one whose files were cut short; with or without entries that the server does not have.
//!
//! Not for what is awkward about single entries: see [`crate::awkward`].

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::pair::{Both, Pair};
use crate::random::Random;
use crate::run::{Outcome, Program};

/// The state of a destination before a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It does not exist.
    Empty,
    /// Some files are missing, others have older content; some attributes differ.
    Older,
    /// It is as the server has it.
    Same,
    /// Some files were changed after the server's.
    Newer,
    /// Some files end early.
    Cut,
}

/// All of them.
pub const ALL: [Start; 5] = [Start::Empty, Start::Older, Start::Same, Start::Newer, Start::Cut];

/// Files of the tree that are changed.
const CHANGED: [&str; 5] = ["a/two", "a/deep/three", "b/lib-1.2.so", "big", "name with spaces"];
/// The moment from which the times of the tree are counted.
const EPOCH: u64 = 1_500_000_000;

fn write(root: &Path, path: &str, content: &[u8], seconds: u64) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("paths have parents")).expect("memory is large enough");
    fs::write(&path, content).expect("memory is large enough");
    set_time(&path, seconds);
}

fn set_time(path: &Path, seconds: u64) {
    let file = fs::File::open(path).expect("it was just made");
    file.set_modified(moment(seconds)).expect("times can be set");
}

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(EPOCH + seconds)
}

/// Fills the source.
///
/// # Panics
/// If memory is too small.
pub fn plant(root: &Path) {
    let mut random = Random::new(41);
    write(root, "a/one", &random.bytes(10_000), 1);
    write(root, "a/two", &random.bytes(200_000), 2);
    write(root, "a/deep/three", &random.text(30_000), 3);
    write(root, "a/deep/four", b"four\n", 4);
    write(root, "b/lib-1.2.so", &random.bytes(150_000), 5);
    write(root, "b/empty", b"", 6);
    let mut holes = vec![0; 1 << 20];
    holes[..5000].copy_from_slice(&random.bytes(5000));
    holes[700_000..700_100].fill(7);
    write(root, "b/holes", &holes, 7);
    write(root, "big", &random.bytes(2 << 20), 8);
    write(root, "kind", b"a file\n", 9);
    write(root, "name with spaces", &random.text(5000), 10);
    write(root, "c/only", b"only\n", 11);
    symlink("../a/one", root.join("b/link")).expect("links can be made");
    symlink("/nowhere", root.join("stray")).expect("links can be made");
    fs::create_dir(root.join("hollow")).expect("memory is large enough");
    let dirs = ["a/deep", "a", "b", "c", "hollow", ""];
    (20..).zip(dirs).for_each(|(seconds, dir)| set_time(&root.join(dir), seconds));
}

/// A pair whose destinations are in this state.
///
/// # Panics
/// As its parts.
#[must_use]
pub fn pair(start: Start) -> Pair {
    let pair = Pair::new(plant);
    if start != Start::Empty {
        pair.prepare();
        for program in Program::both() {
            change(&pair.destination(&program), start);
        }
    }
    pair
}

/// Brings a copy of the tree into this state.
///
/// # Panics
/// If it is no copy of the tree.
pub fn change(root: &Path, start: Start) {
    let dirs = ["a/deep", "a", "b", ""].map(|dir| root.join(dir));
    let before =
        dirs.clone().map(|dir| fs::metadata(dir).expect("it is there").modified().expect("it has a time"));
    let mut random = Random::new(42);
    match start {
        Start::Empty | Start::Same => {}
        Start::Older | Start::Newer => {
            let seconds = if start == Start::Older { 0 } else { 1000 };
            for path in CHANGED {
                let file = fs::OpenOptions::new().write(true).open(root.join(path)).expect("it is there");
                file.write_all_at(&random.bytes(1000), 2000).expect("memory is large enough");
                set_time(&root.join(path), seconds);
            }
            fs::remove_file(root.join("a/one")).expect("it is there");
            fs::remove_file(root.join("c/only")).expect("it is there");
            fs::remove_dir(root.join("c")).expect("it is empty");
        }
        Start::Cut => {
            for path in CHANGED {
                let file = fs::OpenOptions::new().write(true).open(root.join(path)).expect("it is there");
                let length = file.metadata().expect("it is open").len();
                file.set_len(length * 6 / 10).expect("files can be cut");
                set_time(&root.join(path), 0);
            }
        }
    }
    for (dir, time) in dirs.iter().zip(before) {
        fs::File::open(dir).and_then(|dir| dir.set_modified(time)).expect("times can be set");
    }
}

/// Puts entries into a destination that the server does not have, some of them where it has others.
///
/// # Panics
/// If memory is too small.
pub fn plant_foreign(root: &Path) {
    let mut random = Random::new(43);
    write(root, "a/extra", b"extra\n", 1);
    write(root, "a/deep/extra dir/inner/file", b"inner\n", 1);
    write(root, "a/deep/extra dir/keep.me", b"kept\n", 1);
    write(root, "a/one~", b"a backup\n", 1);
    let mut similar = fs::read(root.join("b/lib-1.2.so")).unwrap_or_default();
    if similar.len() > 1000 {
        similar[500..1000].copy_from_slice(&random.bytes(500));
    }
    similar.extend(random.bytes(3000));
    write(root, "b/lib-1.1.so", &similar, 1);
    write(root, "foreign/1/2/3/file", b"deep\n", 1);
    write(root, "foreign/keep.me", b"kept\n", 1);
    fs::create_dir_all(root.join("foreign/hollow")).expect("memory is large enough");
    symlink("/etc", root.join("foreign/link")).expect("links can be made");
    symlink("nothing", root.join("b/foreign link")).expect("links can be made");
    fs::remove_file(root.join("kind")).unwrap_or_default();
    write(root, "kind/of/a directory", b"in the way\n", 1);
    write(root, "keep.me", b"kept\n", 1);
    fs::remove_file(root.join("b/link")).unwrap_or_default();
    fs::create_dir_all(root.join("b/link")).expect("memory is large enough");
}

/// Both pull from this state with these options and `-i`: the trees, the exit codes and the itemized lines have to be
/// the same. Returns what they came to.
///
/// # Panics
/// If something differs.
#[track_caller]
pub fn alike(start: Start, foreign: bool, options: &[&str]) -> (Pair, Both<Outcome>) {
    let pair = pair(start);
    if foreign {
        for program in Program::both() {
            plant_foreign(&pair.destination(&program));
        }
    }
    let outcomes = pulls_alike(&pair, &format!("{start:?} {options:?}"), options);
    (pair, outcomes)
}

/// The same for a pair that is ready.
///
/// # Panics
/// If something differs.
#[track_caller]
pub fn pulls_alike(pair: &Pair, what: &str, options: &[&str]) -> Both<Outcome> {
    let options: Vec<&str> = options.iter().copied().chain(["-i", "--stats"]).collect();
    let outcomes = pair.pull(&options);
    crate::diff::assert_same_lines(what, &outcomes.rsync.itemized(), &outcomes.deployer.itemized());
    for program in Program::both() {
        // A dry run makes nothing.
        let _ = fs::create_dir(pair.destination(&program));
    }
    pair.pictures().assert_same(what);
    outcomes
}
