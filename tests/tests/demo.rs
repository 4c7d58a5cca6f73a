//! `deployer demo`: both kinds of it, told to the end, and stopped in the middle; nothing is left behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use rustix::process::Signal;

/// A place for temporary files, which a demonstration has for itself.
fn place() -> Scratch {
    let scratch = Scratch::new();
    let temporary = scratch.directory("tmp");
    rustix::fs::chmod(&temporary, 0o1777.into()).expect("a new directory's mode can be set");
    scratch
}

/// The row of the table that begins so: the first run, and the second.
fn row(outcome: &Outcome, what: &str) -> [String; 2] {
    let line = outcome.stdout.lines().find(|line| line.starts_with(what));
    let line = line.unwrap_or_else(|| panic!("no row \"{what}\"\n{outcome}"));
    let mut cells = line[what.len()..].split_whitespace().map(str::to_owned);
    [(); 2].map(|()| cells.next().unwrap_or_else(|| panic!("two figures were expected: {line}")))
}

fn assert_told(outcome: &Outcome) {
    assert_eq!(row(outcome, "files whose content came"), ["723", "3"], "{outcome}");
    let [first, again] = row(outcome, "  found on the disk");
    assert_eq!(first, "0", "{outcome}");
    assert_eq!(again, "16.00M", "all but the change was there: {outcome}");
    let [first, again] = row(outcome, "received, with the list");
    assert!(first.ends_with('M') && again.ends_with('K'), "{outcome}");
}

fn assert_nothing_left(temporary: &Path) {
    let left: Vec<_> = fs::read_dir(temporary).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let devices = fs::read_dir("/sys/block").expect("there are disks").flatten();
    let backing =
        devices.filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok());
    let ours: Vec<_> =
        backing.filter(|file| file.contains(temporary.to_str().expect("ours is text"))).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn for_root_on_a_disk() {
    let place = place();
    let temporary = place.join("tmp");
    let demo = Program::deployer().invoke("demo", &[]).env("TMPDIR", temporary.to_str().unwrap());
    let outcome = demo.run().expect(0);
    assert!(outcome.stdout.contains("is a disk in a file"), "{outcome}");
    assert_told(&outcome);
    assert_nothing_left(&temporary);
}

#[test]
fn for_others_into_directories() {
    let place = place();
    let temporary = place.join("tmp");
    let nobody = Program::deployer().for_nobody(place.path());
    let outcome = nobody.invoke("demo", &[]).env("TMPDIR", temporary.to_str().unwrap()).run().expect(0);
    assert!(outcome.stdout.contains("root can have a disk in a file"), "{outcome}");
    assert_told(&outcome);
    assert_nothing_left(&temporary);
}

#[test]
fn stopped_it_cleans_up() {
    let place = place();
    let temporary = place.join("tmp");
    let demo = Program::deployer().invoke("demo", &[]).env("TMPDIR", temporary.to_str().unwrap());
    let mut running = demo.limit(Duration::from_secs(60)).start();
    let has_disk = || {
        let room = fs::read_dir(&temporary).ok().and_then(|mut rooms| rooms.next()?.ok());
        room.is_some_and(|room| room.path().join("receipt.json").exists())
    };
    running.until("it deploys", has_disk);
    running.signal(Signal::TERM);
    let _ = running.wait().expect(20);
    assert_nothing_left(&temporary);
}
