//! `--fuzzy=tree`: what is missing is made of files that are anywhere at the destination.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::pair::Pair;
use end_to_end::random::Random;
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;

const SIZE: usize = 300_000;

fn write(path: &Path, content: &[u8], seconds: u64) {
    fs::create_dir_all(path.parent().expect("paths have parents")).expect("memory is large enough");
    fs::write(path, content).expect("memory is large enough");
    let file = fs::File::options().append(true).open(path).expect("it was just made");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("times can be set");
}

/// A content that the tests know by its number, and that differs in a few bytes from version to version.
fn content(number: u64, version: u8) -> Vec<u8> {
    let mut content = Random::new(number).bytes(SIZE);
    for at in [1, SIZE / 3, SIZE / 2, SIZE - 1] {
        content[at] = version;
    }
    content
}

const OLD: [(&str, u64); 4] = [
    ("lib/modules/6.1.0-9-amd64/kernel/fs/ext4.ko", 1),
    ("usr/share/moved/data", 2),
    ("var/renamed.old", 3),
    ("opt/plain-1.2/table", 4),
];

/// A pair whose destinations hold the files that were there before, and nothing of what the source has now, which
/// differs from them or not.
fn after_an_update(version: u8) -> Pair {
    let pair = Pair::new(|root| {
        for (path, number) in OLD {
            write(&root.join(path), &content(number, 0), 1_500_000_000 + number);
        }
        write(&root.join("stays"), b"here\n", 1_500_000_000);
    });
    pair.prepare();
    let source = pair.source();
    for top in ["lib", "usr", "var", "opt"] {
        fs::remove_dir_all(source.join(top)).expect("it was made");
    }
    let new = [
        ("lib/modules/6.1.0-11-amd64/kernel/fs/ext4.ko", 1),
        ("usr/lib/moved/data", 2),
        ("srv/renamed", 3),
        ("opt/plain-1.10.3/table", 4),
    ];
    for (path, number) in new {
        let seconds = if version == 0 { 1_500_000_000 } else { 1_600_000_000 };
        write(&source.join(path), &content(number, version), seconds + number);
    }
    pair
}

fn pull(pair: &Pair, program: &Program, options: &[&str]) -> Outcome {
    let url = pair.daemon().url("tree/");
    program.pull(&[&["-a", "--stats"], options].concat(), &url, &pair.destination(program)).expect(0)
}

/// Both update, only one with the option. Returns what came in full.
fn update(pair: &Pair, options: &[&str]) -> u64 {
    let rsync = pull(pair, &Program::rsync(), &["--delete"]);
    assert_eq!(rsync.stats().literal(), 4 * SIZE as u64, "rsync finds nothing\n{rsync}");
    let deployer = pull(pair, &Program::deployer(), &[&["--delete"], options].concat());
    pair.pictures().assert_same(&format!("{options:?}"));
    deployer.stats().literal()
}

#[test]
fn what_was_moved_does_not_come_again() {
    assert_eq!(update(&after_an_update(0), &["--fuzzy=tree"]), 0);
    assert_eq!(update(&after_an_update(0), &["-y", "--fuzzy=tree"]), 0);
}

#[test]
fn what_changed_comes_in_part() {
    let literal = update(&after_an_update(9), &["--fuzzy=tree"]);
    // The one that was renamed has another time now.
    let renamed = SIZE as u64;
    assert!((renamed..renamed + 3 * 4 * 512).contains(&literal), "{literal} bytes came");
}

#[test]
fn without_it_nothing_is_found() {
    for options in
        [&["--fuzzy"][..], &["--fuzzy=tree", "--no-fuzzy"], &["--fuzzy=tree", "--fuzzy=directory", "-W"]]
    {
        assert_eq!(update(&after_an_update(0), options), 4 * SIZE as u64, "{options:?}");
    }
}

#[test]
fn what_is_deleted_first_is_of_no_use() {
    let pair = after_an_update(0);
    let outcome = pull(&pair, &Program::deployer(), &["--delete-before", "--fuzzy=tree"]);
    assert_eq!(outcome.stats().literal(), 4 * SIZE as u64, "{outcome}");
    let pair = after_an_update(0);
    let outcome = pull(&pair, &Program::deployer(), &["--delete-after", "--fuzzy=tree"]);
    assert_eq!(outcome.stats().literal(), 0, "{outcome}");
}

/// Another name of the same file is no basis: it is linked to.
#[test]
fn hard_links_stay_links() {
    let pair = Pair::new(|root| {
        write(&root.join("d/b"), &content(1, 0), 1_500_000_000);
    });
    pair.prepare();
    let inode = |name: &str| {
        fs::metadata(pair.destination(&Program::deployer()).join(name)).expect("it is there").ino()
    };
    let before = inode("d/b");
    fs::hard_link(pair.source().join("d/b"), pair.source().join("d/a"))
        .expect("it is on the same file system");
    let outcome = pull(&pair, &Program::deployer(), &["-H", "--fuzzy=tree"]);
    assert_eq!((outcome.stats().literal(), outcome.stats().matched()), (0, 0), "{outcome}");
    assert_eq!((inode("d/a"), inode("d/b")), (before, before));
}

#[test]
fn what_not_everybody_may_read_is_no_basis() {
    let pair = after_an_update(0);
    for program in Program::both() {
        let file = pair.destination(&program).join(OLD[0].0);
        fs::set_permissions(file, fs::Permissions::from_mode(0o640)).expect("a mode can be set");
    }
    assert_eq!(update(&pair, &["--fuzzy=tree"]), SIZE as u64);
}

#[test]
fn a_dry_run_leaves_all_as_it_was() {
    let pair = after_an_update(0);
    let before = pair.pictures().deployer;
    let _ = pull(&pair, &Program::deployer(), &["-n", "--delete", "--fuzzy=tree"]);
    end_to_end::diff::assert_same("a dry run", &before, &pair.pictures().deployer);
}

#[test]
fn with_other_ways_of_writing() {
    for options in [
        &["--fuzzy=tree", "--inplace"][..],
        &["--fuzzy=tree", "--delay-updates"],
        &["--fuzzy=tree", "--partial-dir=.part", "-S"],
        &["--fuzzy=tree", "-z"],
        &["--fuzzy=tree", "--old-compress"],
        &["--fuzzy=tree", "--protocol=29", "--no-sandbox"],
    ] {
        let literal = update(&after_an_update(0), options);
        assert_eq!(literal, 0, "{options:?}");
    }
}

/// What a part of the file and a file elsewhere have in common with it is taken from both.
#[test]
fn what_was_left_of_a_file_and_an_old_one_serve_together() {
    let pair = after_an_update(9);
    let wanted = content(1, 9);
    let part =
        pair.destination(&Program::deployer()).join("lib/modules/6.1.0-11-amd64/kernel/fs/.part/ext4.ko");
    write(&part, &wanted[..SIZE / 2 + 1000], 1_600_000_000);
    let outcome = pull(
        &pair,
        &Program::deployer(),
        &["--partial-dir=.part", "--fuzzy=tree", "--include=/lib/***", "--exclude=*"],
    );
    // The change at the end is in neither.
    assert!((1..=2 * 512).contains(&outcome.stats().literal()), "{outcome}");
    let made = pair.destination(&Program::deployer()).join("lib/modules/6.1.0-11-amd64/kernel/fs/ext4.ko");
    assert!(fs::read(made).is_ok_and(|made| made == wanted));
    assert!(!part.exists());
}
