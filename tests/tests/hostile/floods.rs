//! Lists without an end: the limits hold, and so does the memory that they stand for.

use std::fs;
use std::time::Duration;

use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::scripted::{Point, ScriptedServer, Shape, Tale};
use end_to_end::server::Server;
use rsync_proto::scripted::{Item, ListEncoder, Script, agreed};

use crate::count;
use crate::rows::LIMIT;

/// What the limit for file lists is, in KiB.
const LIST: u64 = 512 * 1024;
/// What a list takes while it grows, beside what it is, in KiB: room that is about to be used.
const SLACK: u64 = 200 * 1024;

/// A pull to where this lies under the name `a`, and the most memory that it had, in KiB.
pub fn pull(options: &[&str], basis: &[u8], tale: Tale) -> (Outcome, u64) {
    let scratch = Scratch::new();
    fs::write(scratch.directory("destination").join("a"), basis).expect("memory is large enough");
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
    (running.wait(), peak)
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

#[test]
pub fn of_the_same_entry() {
    for shape in [Shape::WHOLE, Shape::RECENT] {
        let options = ["-a", "--numeric-ids"];
        if count::lie("the same entry for ever", &options, &endless(shape, 1)) {
            continue;
        }
        let (honest, usual) = pull(&options, b"", Tale::honest(shape));
        assert_eq!(honest.code(), 0, "{honest}");
        for name_len in [1, 250] {
            let (outcome, peak) = pull(&options, b"", endless(shape, name_len));
            assert_eq!(outcome.code(), LIMIT, "{outcome}");
            assert!(outcome.stderr.contains("exceeds the limit"), "{outcome}");
            assert!(peak < usual + LIST + SLACK, "{peak} KiB, where an honest server needs {usual}");
        }
    }
}
