//! Lists without an end: the limits hold, and so does the memory that they stand for.

use std::fs;
use std::time::Duration;

use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::scripted::{Point, ScriptedServer, Shape, Tale};
use end_to_end::server::Server;
use rsync_proto::scripted::{Item, ListEncoder, Script, agreed};

use crate::count;
use crate::rows::{LIMIT, beyond};

/// What the limit for file lists is, in KiB.
const LIST: u64 = 512 * 1024;
/// What a list takes while it grows, beside what it is, in KiB: room that is about to be used.
const SLACK: u64 = 200 * 1024;

/// A pull to where this lies under the name `a`, and the most memory that it had, in KiB.
pub fn pull(options: &[&str], basis: &[u8], tale: Tale) -> (Outcome, u64) {
    let scratch = Scratch::new();
    fs::write(scratch.directory("destination").join("a"), basis).expect("memory is large enough");
    let before = beyond(&scratch);
    let server = ScriptedServer::telling(tale);
    let pull = Program::deployer().pulling(options, &server.url("module/"), &scratch.join("destination"));
    let mut running = pull.limit(Duration::from_secs(110)).start();
    let mut peak = 0;
    let ended = !running.reaches("its end", |id| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        // The last one counts: until the program begins, the memory is that of the test.
        peak = size.unwrap_or(peak);
        false
    });
    assert!(ended);
    let outcome = running.wait();
    assert!(
        beyond(&scratch).entries == before.entries,
        "beyond the destination something changed\n{outcome}"
    );
    if outcome.code() != 0 {
        let a = fs::read(scratch.join("destination/a")).expect("it was there");
        assert!(a == basis, "what was there is gone\n{outcome}");
    }
    (outcome, peak)
}

/// The same entry for ever; each takes a few bytes on the way, and its whole name here.
fn endless(shape: Shape, name_len: usize) -> Tale {
    let mut tale = Tale::honest(shape);
    let item = Item::file("n".repeat(name_len), 1);
    let mut encoder = ListEncoder::new(&tale.list);
    encoder.entry(&item, 0);
    let first = encoder.raw().clone();
    encoder.entry(&item, 0);
    let again = encoder.raw()[first.len()..].to_vec();
    let mut script = Script::new(&agreed(tale.list.clone()));
    tale.flood = script.data(&again.repeat(4000 / again.len())).bytes();
    tale.floods_list = true;
    tale.then(Point::BeforeList, move |s| {
        s.data(&first);
    });
    tale
}

/// A list that is long, and ends.
fn many(tale: &mut Tale, name_len: usize) {
    for number in 0..2000 {
        tale.symlink(&format!("{number:0>name_len$}"), "a");
    }
}

#[test]
pub fn of_the_same_entry() {
    for shape in [Shape::WHOLE, Shape::RECENT] {
        for (name_len, what, says) in [
            (4, "entries for ever", "the number of files"),
            (250, "long names for ever", "the memory for the file list"),
        ] {
            let options = ["-a", "--numeric-ids"];
            let twin = || {
                let mut tale = Tale::honest(shape);
                many(&mut tale, name_len);
                tale
            };
            let lie = endless(shape, name_len);
            if count::twin(what, &options, twin) | count::lie(what, &options, &lie) {
                continue;
            }
            let (honest, usual) = pull(&options, b"", twin());
            assert_eq!(honest.code(), 0, "{honest}");
            let (outcome, peak) = pull(&options, b"", lie);
            assert_eq!(outcome.code(), LIMIT, "{outcome}");
            assert!(outcome.stderr.contains(says), "{outcome}");
            assert!(peak < usual + LIST + SLACK, "{peak} KiB, where an honest server needs {usual}");
        }
    }
}
