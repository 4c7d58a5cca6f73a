//! A lie and its honest twin, told to a real client.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use end_to_end::random::Random;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::scripted::{ScriptedServer, Shape, Tale};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

use crate::count;

// Exit codes, by which a caller tells errors apart.

/// It has what this client lacks, or names that no file can have.
pub const UNSUPPORTED: i32 = 4;
/// The server broke a rule of the protocol.
pub const PROTOCOL: i32 = 2;
/// The server refused.
pub const REFUSED: i32 = 5;
/// The data makes no sense, or ends early.
pub const STREAM: i32 = 12;
/// More than a limit allows.
pub const LIMIT: i32 = 22;
/// The server was too slow.
pub const TIMEOUT: i32 = 30;
/// Some entries could not be transferred.
pub const PARTIAL: i32 = 23;

/// No session of these tests has a reason to last.
const AT_MOST: Duration = Duration::from_secs(40);

/// A change of a tale.
pub type Change = fn(&mut Tale);

/// A lie, and what is told of it.
pub struct Row {
    pub what: &'static str,
    pub lie: Change,
    /// The same as far as it is no lie.
    pub twin: Change,
    pub code: i32,
    /// Part of the message.
    pub says: &'static str,
}

/// Tells one lie after the other, each to a client of its own.
pub struct Teller {
    options: Vec<&'static str>,
    path: &'static str,
    /// What all tales have in common.
    set: Change,
}

impl Teller {
    /// To clients with these options, besides those that pull a tree.
    pub fn new(options: &[&'static str]) -> Self {
        // What is tried holds without the walls of the kernel.
        let common =
            ["-a", "--numeric-ids", "--delete-delay", "--timeout=20", "--block-size=700", "--no-sandbox"];
        Self { options: common.iter().chain(options).copied().collect(), path: "", set: |_| {} }
    }

    /// To clients that ask for this path.
    pub fn asking_for(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// With a server that knows what the options ask for.
    pub fn with(mut self, set: Change) -> Self {
        self.set = set;
        self
    }

    /// Each lie in these shapes, and its twin.
    ///
    /// # Panics
    /// If one of them goes wrong, after all were told.
    pub fn tell(&self, shapes: &[Shape], rows: &[Row]) {
        let mut wrong = Vec::new();
        for row in rows {
            for shape in shapes {
                let both = || {
                    self.passes(&format!("the twin of {}", row.what), *shape, row.twin);
                    self.fails(row.what, *shape, row.lie, row.code, row.says);
                };
                if catch_unwind(AssertUnwindSafe(both)).is_err() {
                    wrong.push(format!("{} ({shape:?})", row.what));
                }
            }
        }
        assert!(wrong.is_empty(), "see above for what went wrong with: {wrong:#?}");
    }

    /// The pull succeeds, and the tree is that of the tale.
    pub fn passes(&self, what: &str, shape: Shape, twin: impl Fn(&mut Tale)) {
        if count::twin(what, &self.options, || self.tale(Shape::RECENT, &twin)) {
            return;
        }
        let tale = self.tale(shape, twin);
        let model = tale.contents.clone();
        let what = format!("{what} ({shape:?})");
        let (outcome, place) = self.pull(tale);
        assert_eq!(outcome.code(), 0, "{what}\n{outcome}");
        place.assert_canary(&what, &outcome);
        place.assert_holds(&model, &what, &outcome);
        let deletes = self.path.is_empty();
        assert_ne!(
            place.destination.join("old").exists(),
            deletes,
            "{what}: what the server does not have goes\n{outcome}"
        );
    }

    /// The pull fails with this code and message, and does no harm.
    pub fn fails(&self, what: &str, shape: Shape, lie: impl Fn(&mut Tale), code: i32, says: &str) {
        assert!(!says.is_empty(), "{what}: an error says what it is");
        let Some((outcome, what)) = self.does_no_harm(what, shape, lie) else { return };
        assert_eq!(outcome.code(), code, "{what}\n{outcome}");
        assert!(outcome.stderr.contains(says), "{what}: \"{says}\" was expected\n{outcome}");
    }

    /// The pull ends with one of these codes, and does no harm: nothing is deleted, and nothing is half there.
    pub fn fails_somehow(&self, what: &str, shape: Shape, lie: impl Fn(&mut Tale), codes: &[i32]) {
        let Some((outcome, what)) = self.does_no_harm(what, shape, lie) else { return };
        assert!(codes.contains(&outcome.code()), "{what}\n{outcome}");
    }

    /// Only this file does not come.
    pub fn fails_only(&self, path: &str, what: &str, shape: Shape, lie: impl Fn(&mut Tale)) {
        let tale = self.tale(shape, lie);
        if count::lie(what, &self.options, &tale) {
            return;
        }
        let mut model = tale.contents.clone();
        model.remove(path.as_bytes());
        let what = format!("{what} ({shape:?})");
        let (outcome, place) = self.pull(tale);
        assert_eq!(outcome.code(), PARTIAL, "{what}\n{outcome}");
        assert!(outcome.stderr.contains(path), "{what}: it is named\n{outcome}");
        place.assert_canary(&what, &outcome);
        place.assert_holds(&model, &what, &outcome);
        let now = fs::read(place.destination.join(path)).ok();
        assert_eq!(now.as_ref(), place.files.get(path), "{what}: \"{path}\" came\n{outcome}");
    }

    fn does_no_harm(&self, what: &str, shape: Shape, lie: impl Fn(&mut Tale)) -> Option<(Outcome, String)> {
        let tale = self.tale(shape, lie);
        if count::lie(what, &self.options, &tale) {
            return None;
        }
        let model = tale.contents.clone();
        let what = format!("{what} ({shape:?})");
        let (outcome, place) = self.pull(tale);
        place.assert_canary(&what, &outcome);
        place.assert_whole(&model, &what, &outcome);
        Some((outcome, what))
    }

    fn tale(&self, shape: Shape, change: impl Fn(&mut Tale)) -> Tale {
        let mut tale = Tale::honest(shape);
        (self.set)(&mut tale);
        change(&mut tale);
        tale
    }

    fn pull(&self, tale: Tale) -> (Outcome, Place) {
        let place = Place::new();
        let server = ScriptedServer::telling(tale);
        let destination = &place.destination;
        let pull = Program::deployer().pulling(
            &self.options,
            &server.url(&format!("module/{}", self.path)),
            destination,
        );
        (pull.limit(AT_MOST).run(), place)
    }
}

/// What lies at the destination under the name `m`: nothing in it can be packed, and no part occurs twice.
pub fn basis() -> Vec<u8> {
    let mut random = Random::new(1);
    (0..25_100).flat_map(|_| random.number().to_le_bytes()).collect()
}

/// A destination in which something stands already, and what lies beyond it.
pub struct Place {
    pub destination: PathBuf,
    /// What stands there.
    files: BTreeMap<&'static str, Vec<u8>>,
    scratch: Scratch,
    /// All that is beside the destination.
    before: Snapshot,
}

impl Place {
    fn new() -> Self {
        let scratch = Scratch::with_size(16 * 1024);
        let (destination, canary) = (scratch.directory("destination"), scratch.directory("canary"));
        fs::write(canary.join("file"), "stays").expect("memory is large enough");
        let files = BTreeMap::from([
            ("a", b"older than what comes".to_vec()),
            ("d/kept", b"not on the server either".to_vec()),
            ("m", basis()),
            ("old", b"not on the server".to_vec()),
        ]);
        fs::create_dir(destination.join("d")).expect("memory is large enough");
        for (name, content) in &files {
            fs::write(destination.join(name), content).expect("memory is large enough");
        }
        // What a link within leads to is beyond.
        symlink(&canary, destination.join("link")).expect("links can be made");
        let before = beyond(&scratch);
        Self { destination, files, scratch, before }
    }

    fn found(&self) -> Snapshot {
        Snapshot::take(&self.destination)
    }

    fn assert_holds(&self, model: &BTreeMap<Vec<u8>, Vec<u8>>, what: &str, outcome: &Outcome) {
        for (path, content) in model {
            let file = self.destination.join(std::str::from_utf8(path).expect("honest names are plain"));
            assert!(
                fs::read(&file).ok().as_ref() == Some(content),
                "{what}: {} differs\n{outcome}",
                file.display()
            );
        }
    }

    fn assert_canary(&self, what: &str, outcome: &Outcome) {
        let now = beyond(&self.scratch);
        assert!(
            now.entries == self.before.entries,
            "{what}: beyond the destination something changed\n{outcome}"
        );
    }

    /// After a lie nothing is deleted, files are old or new, and no temporary ones are left.
    fn assert_whole(&self, model: &BTreeMap<Vec<u8>, Vec<u8>>, what: &str, outcome: &Outcome) {
        for (name, old) in &self.files {
            let now = fs::read(self.destination.join(name));
            let now = now.unwrap_or_else(|error| panic!("{what}: \"{name}\": {error}\n{outcome}"));
            assert!(
                now == *old || Some(&now) == model.get(name.as_bytes()),
                "{what}: \"{name}\" is neither the old file nor the new one\n{outcome}"
            );
        }
        for path in self.found().entries.keys() {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            assert!(!name.starts_with(b"."), "{what}: \"{}\" is left\n{outcome}", path.escape_ascii());
        }
    }
}

/// What is in it, but for the destination.
pub fn beyond(scratch: &Scratch) -> Snapshot {
    let mut all = Snapshot::take(scratch.path());
    all.entries.retain(|path, _| !path.starts_with(b"destination"));
    all
}
