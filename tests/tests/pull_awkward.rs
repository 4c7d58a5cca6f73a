//! The awkward tree over every protocol version, kind of file list and checksum: pulled into nothing, pulled
//! again, and pulled after an update of the server.

use end_to_end::awkward::{self, Options};
use end_to_end::diff::assert_same;
use end_to_end::disk::{Kind, LoopDisk};
use end_to_end::mutate::{self, mutate};
use end_to_end::pair::{EQUAL_BLOCKS, Pair};
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

const EVERYTHING: &[&str] = &["-aHAX", "--numeric-ids", "--stats", EQUAL_BLOCKS];

/// The three pulls. The clocks of protocol 30 know whole seconds only: then the source is not what must come
/// out.
fn three_pulls(more: &[&str], whole_seconds: bool) {
    let pair = Pair::awkward(&Options::all());
    let source = Snapshot::take(&pair.source());
    let options = [EVERYTHING, more].concat();

    let outcomes = pair.pull(&options);
    assert_eq!(outcomes.rsync.code(), 0, "the first pull was expected to succeed\n{}", outcomes.rsync);
    let first = pair.pictures();
    first.assert_same("first pull");
    if !whole_seconds {
        assert_same("first pull, against the source", &source, &first.deployer);
    }

    let outcomes = pair.pull(&options);
    assert_eq!(outcomes.rsync.code(), 0, "the second pull was expected to succeed\n{}", outcomes.rsync);
    let second = pair.pictures();
    assert_same("second pull, against the first", &first.deployer, &second.deployer);
    second.assert_untouched(&first, "second pull");
    assert_eq!(
        outcomes.deployer.stats().literal(),
        0,
        "no content was expected to come again\n{}",
        outcomes.deployer
    );

    let log = mutate(&pair.source(), &mutate::Options::all());
    // Some directories that are not empty became something else, which both have to leave and to report.
    let outcomes = pair.pull(&options);
    assert_eq!(outcomes.rsync.code(), 23, "rsync was expected to leave some directories\n{}", outcomes.rsync);
    println!("{}", log.join("\n"));
    pair.pictures().assert_same("pull after the update");
}

#[test]
fn protocol_32() {
    three_pulls(&["--protocol=32"], false);
}

#[test]
fn protocol_32_whole_list() {
    three_pulls(&["--protocol=32", "--no-inc-recursive"], false);
}

#[test]
fn protocol_31() {
    three_pulls(&["--protocol=31"], false);
}

#[test]
fn protocol_31_whole_list() {
    three_pulls(&["--protocol=31", "--no-inc-recursive"], false);
}

#[test]
fn protocol_30() {
    three_pulls(&["--protocol=30"], true);
}

#[test]
fn protocol_30_whole_list() {
    three_pulls(&["--protocol=30", "--no-inc-recursive"], true);
}

#[test]
fn checksum_xxh128() {
    three_pulls(&["--checksum-choice=xxh128"], false);
}

#[test]
fn checksum_xxh3() {
    three_pulls(&["--checksum-choice=xxh3"], false);
}

#[test]
fn checksum_xxh64() {
    three_pulls(&["--checksum-choice=xxh64"], false);
}

#[test]
fn checksum_md5() {
    three_pulls(&["--checksum-choice=md5"], false);
}

#[test]
fn checksum_sha1() {
    three_pulls(&["--checksum-choice=sha1"], false);
}

#[test]
fn checksum_md4() {
    three_pulls(&["--checksum-choice=md4"], false);
}

#[test]
fn update_without_clashes_succeeds() {
    let pair = Pair::awkward(&Options { crowd: 200, ..Options::all() });
    pair.prepare();
    let log = mutate(&pair.source(), &mutate::Options { seed: 7, clashes: false, ..mutate::Options::all() });
    println!("{}", log.join("\n"));
    let outcomes = pair.pull(EVERYTHING);
    assert_eq!(outcomes.rsync.code(), 0, "nothing was expected to stand in the way\n{}", outcomes.rsync);
    pair.pictures().assert_same("update without clashes");
    let (rsync, deployer) = (outcomes.rsync.stats(), outcomes.deployer.stats());
    assert_eq!(deployer.literal(), rsync.literal(), "as much content was expected to come as with rsync");
    assert_eq!(deployer.matched(), rsync.matched(), "as much content was expected to be found as with rsync");
}

/// Onto a real file system, first from nothing and then as an update. Each program has a disk of its own.
fn real_disk(kind: Kind) {
    // ext4 has room for a page of attributes; XFS for a target of 1,023 bytes and a minor of eighteen bits.
    let pair = Pair::awkward(&Options { wide_values: false, ..Options::all() });
    let disks = Program::both().map(|program| (program, LoopDisk::new(kind, 512)));
    for what in ["first pull", "update"] {
        let source = Snapshot::take(&pair.source());
        let [rsync, deployer] = disks.each_ref().map(|(program, disk)| {
            let destination = disk.path().join("tree");
            let _ = program.pull(EVERYTHING, &pair.daemon().url("tree/"), &destination).expect(0);
            Snapshot::take(&destination)
        });
        let (wanted, found) = (source.clone().without_groups(), deployer.clone().without_groups());
        assert_same(
            &format!("{what} on {kind:?}, against the source"),
            &wanted,
            &found.restricted_to(&source),
        );
        // XFS shows ACLs among the attributes. rsync takes those for surplus on an update, and removes ACLs
        // with them.
        if kind != Kind::Xfs {
            assert_same(&format!("{what} on {kind:?}"), &rsync, &deployer);
        }
        if what == "update" {
            break;
        }
        mutate(&pair.source(), &mutate::Options { seed: 11, clashes: false, ..mutate::Options::all() });
    }
}

#[test]
fn ext4() {
    real_disk(Kind::Ext4);
}

#[test]
fn xfs() {
    real_disk(Kind::Xfs);
}

#[test]
fn btrfs() {
    real_disk(Kind::Btrfs);
}

/// Every directory has a file whose other name lies in a directory much further on: what waits for the other
/// names must not stop the walk that finds them.
#[test]
fn links_to_many_directories_further_on() {
    let pair = Pair::new(|root| {
        for number in 0..1500 {
            let [near, far] = ["a", "b"].map(|half| root.join(half).join(format!("{number:05}")));
            for directory in [&near, &far] {
                std::fs::create_dir_all(directory).expect("a directory can be made");
            }
            std::fs::write(near.join("file"), number.to_string()).expect("a file can be made");
            std::fs::hard_link(near.join("file"), far.join("file")).expect("a link can be made");
        }
    });
    for more in [&[][..], &["--no-inc-recursive"]] {
        let outcomes = pair.pull(&[EVERYTHING, more].concat());
        assert_eq!(outcomes.deployer.code(), 0, "the pull was expected to succeed\n{}", outcomes.deployer);
        pair.pictures().assert_same("links between many directories");
    }
}

/// The trees of the other tests are small versions of this one; it has to stay what its name says.
#[test]
fn the_small_tree_has_every_kind() {
    let pair = Pair::new(|source| awkward::plant(source, &Options::small()));
    let picture = Snapshot::take(&pair.source());
    assert!(
        picture.entries.len() > 400,
        "a few hundred entries were expected, not {}",
        picture.entries.len()
    );
    assert!(picture.groups.len() > 150, "hard links were expected, not {}", picture.groups.len());
}
