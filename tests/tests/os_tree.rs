//! A whole operating system: pulled, pulled again, and pulled after an update.

use std::time::Duration;

use end_to_end::diff::assert_same;
use end_to_end::mutate::{self, mutate};
use end_to_end::os_tree;
use end_to_end::pair::{EQUAL_BLOCKS, Pair};
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

const OPTIONS: &[&str] = &["-aHAX", "--numeric-ids", "--stats", EQUAL_BLOCKS];

/// How far the found content may lie from what rsync finds, in hundredths.
const TOLERANCE: u64 = 5;

#[test]
fn debian_12() {
    let pair = Pair::new(os_tree::unpack);
    let pull = || {
        let [rsync, deployer] = Program::both().map(|program| {
            let run = program.pulling(OPTIONS, &pair.daemon().url("tree/"), &pair.destination(&program));
            run.limit(Duration::from_secs(600)).run().expect(0)
        });
        (rsync, deployer)
    };

    let source = Snapshot::take(&pair.source());
    assert!(
        source.entries.len() > 20_000,
        "a whole system was expected, not {} entries",
        source.entries.len()
    );
    let (rsync, deployer) = pull();
    let first = pair.pictures();
    first.assert_same("first pull");
    assert_same("first pull, against the source", &source, &first.deployer);
    assert_eq!(deployer.stats().literal(), rsync.stats().literal(), "every byte was expected to come once");

    let (_, deployer) = pull();
    let second = pair.pictures();
    assert_same("second pull, against the first", &first.deployer, &second.deployer);
    second.assert_untouched(&first, "second pull");
    assert_eq!(deployer.stats().literal(), 0, "no content was expected to come again\n{deployer}");

    let log =
        mutate(&pair.source(), &mutate::Options { times: 40, clashes: false, ..mutate::Options::all() });
    println!("{}", log.join("\n"));
    let source = Snapshot::take(&pair.source());
    let (rsync, deployer) = pull();
    let third = pair.pictures();
    third.assert_same("update");
    let found = third.deployer.clone().without_groups().restricted_to(&source);
    assert_same("update, against the source", &source.without_groups(), &found);
    let (expected, found) = (rsync.stats().matched(), deployer.stats().matched());
    assert!(
        expected > 1 << 20,
        "rsync was expected to find content in files that changed, not {expected} bytes"
    );
    assert!(
        expected.abs_diff(found) * 100 <= expected * TOLERANCE,
        "about as much content was expected to be found as with rsync: {expected} bytes, not {found}"
    );
}
