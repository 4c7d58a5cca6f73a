//! Large files: they are written past the kernel's cache, and are whole all the same. Needs root.

use std::fs::{self, File};
use std::io::{IoSliceMut, Write};
use std::path::{Path, PathBuf};

use end_to_end::cut::CutLine;
use end_to_end::daemon::Daemon;
use end_to_end::disk::{Kind, LoopDisk};
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rustix::io::{ReadWriteFlags, preadv2};

const MIB: usize = 1 << 20;
/// Files from this length on go past the cache.
const LARGE: usize = 256 * MIB;

/// Content in which no block is like another.
fn content(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut content = vec![0; len];
    for word in content.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
    content
}

/// How many of a file's pages, one looked at in each mebibyte, the kernel has in its cache, and of how many.
fn cached(path: &Path) -> (usize, usize) {
    let file = File::open(path).expect("it is there");
    let mebibytes = file.metadata().expect("it is there").len() as usize / MIB;
    let is_cached = |number: &usize| {
        let mut byte = [0];
        let into = &mut [IoSliceMut::new(&mut byte)];
        preadv2(&file, into, (number * MIB) as u64, ReadWriteFlags::NOWAIT).is_ok()
    };
    ((0..mebibytes).filter(is_cached).count(), mebibytes)
}

/// A disk, and a place on it to pull to.
fn disk(kind: Kind, mebibytes: u64) -> (LoopDisk, PathBuf) {
    let disk = LoopDisk::new(kind, mebibytes);
    let destination = disk.path().join("destination");
    fs::create_dir(&destination).expect("the disk is large enough");
    (disk, destination)
}

fn pull(options: &[&str], url: &str, destination: &Path) {
    let outcome = Program::deployer().pull(options, url, destination);
    assert_eq!(outcome.code(), 0, "{options:?}: {outcome}");
}

#[test]
fn a_large_file_is_not_left_in_the_cache_and_a_smaller_one_is() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let (large, smaller) = (content(LARGE + 12_345), content(LARGE - 1));
    fs::write(source.join("large"), &large).expect("memory is large enough");
    fs::write(source.join("smaller"), &smaller).expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    for kind in [Kind::Ext4, Kind::Xfs] {
        let (_disk, destination) = disk(kind, 1200);
        pull(&["-a"], &daemon.url("tree/"), &destination);
        let (found, all) = cached(&destination.join("large"));
        assert!(found * 10 < all, "{kind:?}: {found} of {all} were not looked for on the disk");
        let (found, all) = cached(&destination.join("smaller"));
        // Where memory is short, some of it may have been given away.
        assert!(found * 2 > all, "{kind:?}: {found} of {all}");
        for (name, content) in [("large", &large), ("smaller", &smaller)] {
            assert!(fs::read(destination.join(name)).expect("it is there") == *content, "{kind:?} {name}");
        }
    }
}

#[test]
fn a_large_file_is_updated_from_what_is_there() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let old = content(LARGE + 5_000);
    let mut new = old.clone();
    new[40 * MIB..40 * MIB + 9].fill(3);
    // What follows begins in the middle of blocks.
    new.splice(100 * MIB..100 * MIB + 10, *b"something longer than it was");
    fs::write(source.join("file"), &new).expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    // The last lets what matched be read back from the file.
    for options in [&["-a"][..], &["-a", "--preallocate"], &["-a", "-z", "--old-compress"]] {
        let (_disk, destination) = disk(Kind::Ext4, 1200);
        let file = destination.join("file");
        fs::write(&file, &old).expect("the disk is large enough");
        pull(options, &daemon.url("tree/"), &destination);
        assert!(fs::read(&file).expect("it is there") == new, "{options:?}");
    }
}

#[test]
fn a_disk_that_is_too_small_is_said_to_be_full() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::write(source.join("file"), content(LARGE)).expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    let (_disk, destination) = disk(Kind::Ext4, 200);
    let outcome = Program::deployer().pull(&["-a"], &daemon.url("tree/"), &destination);
    assert_ne!(outcome.code(), 0, "{outcome}");
    assert!(outcome.stderr.contains("No space left on device"), "{outcome}");
    assert_eq!(fs::read_dir(&destination).expect("it is there").count(), 0, "nothing is left of it");
}

#[test]
fn what_came_of_a_large_file_is_kept_to_go_on_from() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let content = content(LARGE + 77);
    let mut file = File::create(source.join("file")).expect("memory is large enough");
    file.write_all(&content).expect("memory is large enough");
    drop(file);
    let daemon = Daemon::serving(&source);
    let cut = 3 * MIB + MIB / 3;
    let line = CutLine::to(daemon.address(), &[cut]);
    let (_disk, destination) = disk(Kind::Ext4, 1200);
    let url = line.url("tree/");
    let outcome = Program::deployer().pull(&["-a", "--partial", "--retries=0"], &url, &destination);
    assert_ne!(outcome.code(), 0, "the line was cut: {outcome}");
    let kept = fs::read(destination.join("file")).expect("what came is kept");
    assert!(kept.len() > cut - MIB && kept.len() <= cut, "{} bytes of {cut} are there", kept.len());
    assert!(content.starts_with(&kept), "it is the beginning of the file");
    pull(&["-a", "--partial"], &daemon.url("tree/"), &destination);
    assert!(fs::read(destination.join("file")).expect("it is there") == content);
}
