//! How content comes and where it is put: rsync says what the result has to be.
//!
//! Here: what several kinds of options have in common, and those that concern the writing alone.

mod alternates;
mod backups;
mod fuzzy_tree;
mod inplace;
mod waiting;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use end_to_end::pair::{Both, EQUAL_BLOCKS};
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::starts::{ALL, Start, alike, pair};

/// From every start.
fn everywhere(options: &[&str]) {
    for start in ALL {
        alike(start, false, options);
    }
}

/// As [`everywhere`], and as much has to come from what is there as rsync takes from it.
fn with_the_same_bytes(options: &[&str]) {
    for start in ALL {
        let (_, outcomes) = alike(start, false, &[&[EQUAL_BLOCKS], options].concat());
        let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
        assert_eq!(
            (rsync.literal(), rsync.matched()),
            (deployer.literal(), deployer.matched()),
            "{start:?} {options:?}"
        );
    }
}

/// The same files have to be named, if not as often.
fn assert_named_once(outcomes: &Both<Outcome>) {
    let names = |outcome: &Outcome| -> BTreeSet<String> {
        outcome.itemized().iter().map(|line| line[12..].to_owned()).collect()
    };
    assert_eq!(names(&outcomes.rsync), names(&outcomes.deployer));
    assert_eq!(names(&outcomes.deployer).len(), outcomes.deployer.itemized().len());
}

fn blocks(root: &Path, path: &str) -> u64 {
    fs::metadata(root.join(path)).expect("it is there").blocks()
}

#[test]
fn sparse() {
    for options in
        [&["-a", "-S"][..], &["-a", "-S", "--inplace"], &["-a", "-S", "-W"], &["-a", "-S", "--preallocate"]]
    {
        for start in ALL {
            let (pair, _) = alike(start, false, options);
            let [rsync, deployer] =
                Program::both().map(|program| blocks(&pair.destination(&program), "b/holes"));
            let whole = blocks(&pair.source(), "b/holes");
            assert!(deployer <= rsync, "{start:?} {options:?}: {deployer} blocks, rsync has {rsync}");
            if start == Start::Empty {
                assert!(deployer < whole / 10, "{options:?}: {deployer} blocks of {whole}");
            }
        }
    }
}

#[test]
fn preallocate() {
    everywhere(&["-a", "--preallocate"]);
    alike(Start::Older, false, &["-a", "--preallocate", "--inplace"]);
}

#[test]
fn fsync() {
    everywhere(&["-a", "--fsync"]);
}

#[test]
fn block_size() {
    for size in ["1000", "4096", "64K", "131072"] {
        with_the_same_bytes(&["-a", "-B", size]);
    }
    let pair = pair(Start::Older);
    let outcome = Program::deployer().pull(
        &["-a", "-B", "1M"],
        &pair.daemon().url("tree/"),
        &pair.destination(&Program::deployer()),
    );
    assert_eq!(outcome.code(), 1, "{outcome}");
}
