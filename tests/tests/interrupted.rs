//! Pulls that end early: killed at any moment, they leave every file whole; cut off, they connect again, and what came
//! is not transferred twice.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use end_to_end::cut::CutLine;
use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::snapshot::{Kind, Snapshot};
use rustix::process::Signal;

/// How often an update is killed.
const KILLS: usize = 50;
/// Files of the tree that is updated.
const FILES: usize = 60;

/// `since_epoch`: when its files were changed, so that those of two trees are told apart by more than a moment.
fn plant(root: &Path, random: &mut Random, shared: &[Vec<u8>], since_epoch: Duration) {
    for (number, head) in shared.iter().enumerate() {
        let directory = root.join(format!("d{}", number % 7));
        fs::create_dir_all(&directory).expect("memory is large enough");
        let mut content = head.clone();
        content.extend(random.bytes(500 + number * 900));
        let mut file =
            fs::File::create(directory.join(format!("file-{number}"))).expect("memory is large enough");
        file.write_all(&content).expect("memory is large enough");
        file.set_modified(UNIX_EPOCH + since_epoch).expect("times can be set");
    }
}

/// A server with the new state of a tree, and the old one.
struct Update {
    scratch: Scratch,
    old: Snapshot,
    new: Snapshot,
}

impl Update {
    fn new() -> Self {
        let scratch = Scratch::new();
        let mut random = Random::new(77);
        let heads: Vec<Vec<u8>> = (0..FILES).map(|number| random.bytes(number * 700)).collect();
        plant(&scratch.directory("old"), &mut random, &heads, Duration::from_secs(1_000_000_000));
        plant(&scratch.directory("new"), &mut random, &heads, Duration::from_secs(1_000_000_100));
        fs::write(scratch.join("old/d1/gone"), b"gone\n").expect("memory is large enough");
        fs::write(scratch.join("new/d2/come"), random.bytes(50_000)).expect("memory is large enough");
        let [old, new] = ["old", "new"].map(|name| Snapshot::take(&scratch.join(name)));
        Self { scratch, old, new }
    }

    fn begin(&self, destination: &Path) {
        let _ = fs::remove_dir_all(destination);
        let copied = Command::new("cp").arg("-a").arg(self.scratch.join("old")).arg(destination).status();
        assert!(copied.expect("cp is there").success());
    }

    /// Every file under a name that the tree has is whole: as it was before, or as the server has it.
    fn assert_whole(&self, destination: &Path, what: &str) {
        let found = Snapshot::take(destination);
        for (path, entry) in &found.entries {
            let known = |tree: &Snapshot| tree.entries.get(path).map(|entry| entry.kind.clone());
            let states = [known(&self.old), known(&self.new)];
            let shown = path.escape_ascii();
            if states.iter().flatten().next().is_some() {
                let whole = states.iter().flatten().any(|kind| *kind == entry.kind);
                assert!(whole, "{what}: {shown} is neither old nor new: {:?}", entry.kind);
                continue;
            }
            // Names of its own are hidden, or end as backups do.
            let components = path.split(|byte| *byte == b'/');
            let own = components.clone().any(|name| name.starts_with(b".")) || path.ends_with(b"~");
            assert!(own, "{what}: {shown} is of nobody");
        }
        for path in self.new.entries.keys().filter(|path| self.old.entries.contains_key(*path)) {
            assert!(found.entries.contains_key(path), "{what}: {} is gone", path.escape_ascii());
        }
    }
}

/// Without what a killed pull left under names of its own, and without backups.
fn tidy(snapshot: Snapshot) -> BTreeMap<Vec<u8>, Kind> {
    let own = |path: &[u8]| {
        path.split(|byte| *byte == b'/').any(|name| name.starts_with(b".")) || path.ends_with(b"~")
    };
    let kinds = snapshot.entries.into_iter().map(|(path, entry)| (path, entry.kind));
    kinds.filter(|(path, _)| !own(path)).collect()
}

#[test]
fn killed_at_any_moment_it_leaves_whole_files() {
    let update = Update::new();
    let slow = Plan::new().serve(Module::new("tree", &update.scratch.join("new"))).slow(6 * 1024).start();
    let fast = Daemon::serving(&update.scratch.join("new"));
    let program = Program::deployer();
    let destination = update.scratch.join("destination");
    let ways: [&[&str]; 8] = [
        &["-a"],
        &["-a", "--delete"],
        &["-aH", "--delete-delay"],
        &["-a", "--delay-updates"],
        &["-a", "-z"],
        &["-a", "--partial-dir=.part"],
        &["-a", "-b", "--delete-after"],
        &["-a", "-S", "--fsync", "--protocol=29"],
    ];
    // How long an update takes from which moments are taken.
    update.begin(&destination);
    let begun = Instant::now();
    let _ = program.pull(ways[0], &slow.url("tree/"), &destination).expect(0);
    let whole = begun.elapsed();

    let seed = u64::from(std::process::id());
    let mut random = Random::new(seed);
    let mut killed = 0;
    for round in 0.. {
        let options = ways[round % ways.len()];
        let moment = whole.mul_f64(random.below(1000) as f64 / 1000.0);
        let what = format!("seed {seed}: {options:?} killed after {moment:?} of {whole:?}");
        update.begin(&destination);
        let running = program.pulling(options, &slow.url("tree/"), &destination).start();
        thread::sleep(moment);
        running.signal(Signal::KILL);
        killed += usize::from(running.wait().signal() == Some(Signal::KILL.as_raw()));
        update.assert_whole(&destination, &what);
        let outcome = program.pull(options, &fast.url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{what}: the next run\n{outcome}");
        let mut found = tidy(Snapshot::take(&destination));
        if !options.iter().any(|option| option.starts_with("--delete")) {
            found.remove(&b"d1/gone"[..]);
        }
        let wanted = tidy(update.new.clone());
        let odd: Vec<String> = (found.keys().chain(wanted.keys()))
            .filter(|path| found.get(*path) != wanted.get(*path))
            .map(|path| path.escape_ascii().to_string())
            .collect();
        assert!(odd.is_empty(), "{what}: the next run did not complete: {odd:?}\n{outcome}");
        if killed == KILLS {
            break;
        }
        assert!(round < 3 * KILLS, "most runs were over before they could be killed: {killed} of {round}");
    }
}

#[test]
fn a_lost_connection_is_made_again() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let mut random = Random::new(5);
    fs::write(source.join("big"), random.bytes(4 << 20)).expect("memory is large enough");
    for number in 0..20 {
        fs::write(source.join(format!("a-{number}")), random.bytes(40_000)).expect("memory is large enough");
    }
    let daemon = Daemon::serving(&source);
    // Among the small files, in the middle of the large one, and again.
    let line = CutLine::to(daemon.address(), &[300_000, 2_500_000, 1_500_000]);
    let destination = scratch.join("destination");
    let outcome =
        Program::deployer().pull(&["-a", "--retries=5", "--stats"], &line.url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert_eq!(line.connections(), 4, "{outcome}");
    for word in
        ["trying again in 1 s (1 of 5)", "trying again in 2 s (2 of 5)", "trying again in 4 s (3 of 5)"]
    {
        assert!(outcome.stderr.contains(word), "{outcome}");
    }
    assert_same("retried", &Snapshot::take(&source), &Snapshot::take(&destination));
    // All tries are counted, and what came before is the basis of what comes now: but for what was on its way, or is
    // less than a block, each byte comes once.
    let size = (4 << 20) + 20 * 40_000;
    let literal = outcome.stats().literal();
    assert!((size - 300_000..size + 300_000).contains(&literal), "{literal} of {size}\n{outcome}");
    assert_eq!(outcome.stats().get("Number of regular files transferred"), 21, "{outcome}");
}

#[test]
fn a_connection_that_is_lost_too_often_ends_it() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::write(source.join("big"), Random::new(5).bytes(1 << 20)).expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    let line = CutLine::to(daemon.address(), &[200_000; 9]);
    let destination = scratch.join("destination");
    let outcome = Program::deployer().pull(&["-a", "--retries=1"], &line.url("tree/"), &destination);
    assert!(matches!(outcome.code(), 10 | 12), "{outcome}");
    assert_eq!(line.connections(), 2, "{outcome}");
    assert!(!destination.join("big").exists(), "what is not complete has no final name");
    // It goes on from there even then.
    let outcome =
        Program::deployer().pull(&["-a", "--retries=1", "--stats"], &daemon.url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert!(outcome.stats().matched() > 100_000, "{outcome}");
    assert_same("gone on", &Snapshot::take(&source), &Snapshot::take(&destination));
}

#[test]
fn a_refusal_is_final() {
    let scratch = Scratch::new();
    let daemon = Daemon::serving(&scratch.directory("source"));
    let line = CutLine::to(daemon.address(), &[]);
    let begun = Instant::now();
    let outcome =
        Program::deployer().pull(&["-a", "--retries=5"], &line.url("nothing/"), &scratch.join("destination"));
    assert_eq!(outcome.code(), 5, "{outcome}");
    assert_eq!(line.connections(), 1, "{outcome}");
    assert!(!outcome.stderr.contains("trying again"), "{outcome}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}
