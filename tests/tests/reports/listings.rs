//! Listings: what a pull without a destination says.

use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;

use super::{fill, lines};

fn listed_alike(options: &[&str]) {
    let pair = Pair::new(fill);
    let [expected, found] = Program::both().map(|program| {
        let outcome = program.invoke("pull", options).arg(pair.daemon().url("tree/")).run().expect(0);
        lines(&outcome, &program)
    });
    assert!(!expected.is_empty() || options.contains(&"-q"), "{options:?} was expected to list something");
    assert_same_lines(&format!("listing with {options:?}"), &expected, &found);
}

#[test]
fn without_a_destination() {
    listed_alike(&[]);
    listed_alike(&["-r"]);
    listed_alike(&["-a"]);
    listed_alike(&["-rc", "-i"]);
    listed_alike(&["-r", "-q"]);
}

#[test]
fn with_numbers() {
    listed_alike(&["-a", "-h"]);
    listed_alike(&["-a", "-hh"]);
    listed_alike(&["-a", "--no-h"]);
}

#[test]
fn with_more() {
    listed_alike(&["-av"]);
    listed_alike(&["-rv", "--no-i-r"]);
    listed_alike(&["-r", "--stats"]);
    listed_alike(&["-r", "--out-format=%n", "--info=flist"]);
}

#[test]
fn leave_a_destination_alone() {
    let pair = Pair::new(fill);
    for program in Program::both() {
        let destination = pair.destination(&program);
        let outcome =
            program.pull(&["-a", "--list-only"], &pair.daemon().url("tree/"), &destination).expect(0);
        assert!(outcome.stdout.contains("link -> a"), "{outcome}");
        assert!(!destination.exists(), "{outcome}");
    }
}
