//! Where a file system lets files share blocks, what matched is not written again. Needs root.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use end_to_end::daemon::Daemon;
use end_to_end::disk::{Kind, LoopDisk};
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;

const SIZE: usize = 48 << 20;

/// Content in which no block is like another.
fn content() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..SIZE / 8).flat_map(|_| next().to_le_bytes()).collect()
}

fn used(disk: &Path) -> u64 {
    rustix::fs::sync();
    let found = rustix::fs::statvfs(disk).expect("it is mounted");
    (found.f_blocks - found.f_bfree) * found.f_frsize
}

/// Pulls a file onto its older state, which is kept, and returns how much more of the disk is used by that.
fn grown(kind: Kind, options: &[&str], change: impl Fn(&mut Vec<u8>)) -> u64 {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let mut content = content();
    let disk = LoopDisk::new(kind, 512);
    let destination = disk.path().join("destination");
    fs::create_dir(&destination).expect("the disk is large enough");
    let mut old = File::create(destination.join("image")).expect("the disk is large enough");
    old.write_all(&content).expect("the disk is large enough");
    change(&mut content);
    fs::write(source.join("image"), &content).expect("memory is large enough");
    let before = used(disk.path());
    let daemon = Daemon::serving(&source);
    let options = [&["-aI", "--backup"], options].concat();
    let outcome = Program::deployer().pull(&options, &daemon.url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    let grown = used(disk.path()) - before;
    assert!(fs::read(destination.join("image")).expect("it is there") == content, "{kind:?} {options:?}");
    let mut first = [0; 8];
    let kept = File::open(destination.join("image~")).expect("it is kept");
    kept.read_exact_at(&mut first, 0).expect("it is as long as it was");
    assert_eq!(first, content_begins(), "what is kept is what it was");
    grown
}

fn content_begins() -> [u8; 8] {
    content()[..8].try_into().expect("it is longer")
}

/// A page in each mebibyte.
fn change_pages(content: &mut [u8]) {
    for start in (4096..SIZE).step_by(1 << 20) {
        content[start..start + 4096].fill(7);
    }
}

#[test]
fn what_matched_is_shared() {
    for kind in [Kind::Xfs, Kind::Btrfs] {
        let grown = grown(kind, &[], |content| change_pages(content));
        assert!(grown < 8 << 20, "{kind:?} wrote {grown} bytes");
    }
}

#[test]
fn what_cannot_be_shared_is_copied() {
    let pages = |content: &mut Vec<u8>| change_pages(content);
    let moved = |content: &mut Vec<u8>| content.insert(0, 1);
    for (kind, options, change) in [
        (Kind::Ext4, &[][..], &pages as &dyn Fn(&mut Vec<u8>)),
        (Kind::Xfs, &[], &moved),
        (Kind::Btrfs, &[], &moved),
        (Kind::Xfs, &["--sparse"], &pages),
        (Kind::Xfs, &["--preallocate"], &pages),
    ] {
        let grown = grown(kind, options, change);
        assert!(grown > 40 << 20, "{kind:?} {options:?} wrote {grown} bytes");
    }
}

/// A beginning that is not a whole number of pages, moved by whole pages.
#[test]
fn runs_that_begin_within_a_page_are_shared_behind_it() {
    let shifted = |content: &mut Vec<u8>| {
        content.splice(0..100, std::iter::repeat_n(3, 8292));
    };
    let grown = grown(Kind::Xfs, &["--block-size=1000"], shifted);
    assert!(grown < 8 << 20, "wrote {grown} bytes");
}
