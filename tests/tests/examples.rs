//! The examples of the library, run as a reader would run them, against a real daemon.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::assert_same;
use end_to_end::run::{Invocation, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::process::Signal;

/// More than a buffer holds.
const LARGE: usize = 300_000;

/// A tree with something of each kind that an example tells apart.
fn tree() -> Scratch {
    let source = Scratch::new();
    let inner = source.directory("a");
    fs::write(inner.join("b"), "content").expect("a file can be made");
    fs::hard_link(inner.join("b"), source.join("c")).expect("a link can be made");
    symlink("a/b", source.join("link")).expect("a link can be made");
    fs::write(source.join("empty"), "").expect("a file can be made");
    let line = "one of many lines\n";
    fs::write(source.join("large"), line.repeat(LARGE / line.len())).expect("a file can be made");
    source
}

fn example(name: &'static str, url: &str) -> Invocation {
    Program::example(name).invoke("", &[url])
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn modules_lists_modules_and_entries() {
    let source = tree();
    let daemon = Daemon::serving(source.path());
    let outcome = example("modules", &daemon.url("")).run().expect(0);
    assert!(outcome.stdout.lines().any(|line| line.starts_with("tree ")), "{outcome}");
    let outcome = example("modules", &daemon.url("tree/")).run().expect(0);
    assert!(outcome.stdout.contains(" link\n") && outcome.stdout.contains("6 entries"), "{outcome}");
}

#[test]
fn pull_makes_a_copy_and_keeps_it_up() {
    let source = tree();
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let to = scratch.directory("copy");
    let pull = || example("pull", &daemon.url("tree/")).arg(&to).run().expect(0);
    let outcome = pull();
    assert!(outcome.stdout.contains("3 of 4 files came"), "{outcome}");
    assert_same("the copy", &Snapshot::take(source.path()), &Snapshot::take(&to));
    fs::write(to.join("further"), "not on the server").expect("a file can be made");
    let outcome = pull();
    assert!(outcome.stdout.contains("0 of 4 files came, 1 entries deleted"), "{outcome}");
    assert!(!to.join("further").exists());
}

#[test]
fn progress_names_files_and_ends_with_all() {
    let source = tree();
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let outcome = example("progress", &daemon.url("tree/")).arg(scratch.join("copy")).run().expect(0);
    let size = fs::metadata(source.join("large")).expect("it is there").len();
    assert!(outcome.stdout.contains(&format!("large: {size} bytes came, 0 were here\n")), "{outcome}");
    // The two names of one file have their size each, as the list has it.
    let all = size + 2 * 7;
    let line = format!("{all} of {all} bytes, 7 of 7 entries\n");
    assert!(outcome.stdout.contains(&line), "{line} was expected: {outcome}");
}

#[test]
fn memory_holds_what_the_server_has() {
    let source = tree();
    let daemon = Daemon::serving(source.path());
    let memory = |name: &str| example("memory", &daemon.url("tree/")).arg(name).run().expect(0);
    for name in ["a/b", "c", "empty", "large"] {
        let content = fs::read_to_string(source.join(name)).expect("it is there");
        assert!(memory(name).stdout == content, "{name} was expected as on the server");
    }
    let outcome = example("memory", &daemon.url("tree/")).run().expect(0);
    for line in ["./", "a/", "a/b 7 bytes, 2 names", "c 7 bytes, 2 names", "link -> a/b"] {
        assert!(outcome.stdout.lines().any(|it| it == line), "{line} was expected: {outcome}");
    }
    let held = fs::metadata(source.join("large")).expect("it is there").len() + 7;
    assert!(outcome.stdout.ends_with(&format!("{held} bytes in memory\n")), "{outcome}");
}

#[test]
fn memory_ends_when_it_is_full() {
    let source = Scratch::new();
    for name in ["a", "b"] {
        let file = fs::File::create(source.join(name)).expect("a file can be made");
        file.set_len(40 << 20).expect("a file can have holes");
    }
    let too_large = fs::File::create(source.join("0")).expect("a file can be made");
    too_large.set_len(65 << 20).expect("a file can have holes");
    let daemon = Daemon::serving(source.path());
    let outcome = example("memory", &daemon.url("tree/")).run().expect(1);
    assert!(outcome.stderr.contains("no memory for \"0\""), "{outcome}");
    assert!(!outcome.stdout.contains("bytes in memory"), "{outcome}");
}

/// A daemon that needs eight seconds for the one file of its tree.
fn slow() -> (Scratch, Daemon) {
    let source = Scratch::new();
    fs::write(source.join("large"), vec![7; 64 << 20]).expect("a file can be made");
    let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(8192).start();
    (source, daemon)
}

#[test]
fn cancel_leaves_nothing_of_a_file_that_replaces_another() {
    let (_source, daemon) = slow();
    let scratch = Scratch::new();
    let to = scratch.directory("copy");
    fs::write(to.join("large"), "old").expect("a file can be made");
    let mut running = example("cancel", &daemon.url("tree/")).arg(&to).arg("600").start();
    running.until("the file is under way", || names(&to).iter().any(|name| name.starts_with(".large.")));
    running.signal(Signal::INT);
    let outcome = running.wait().expect(0);
    assert_eq!(outcome.stdout, "stopped: Ctrl-C\n");
    assert_eq!(names(&to), ["large"]);
    assert_eq!(fs::read_to_string(to.join("large")).expect("it is there"), "old");
}

#[test]
fn cancel_leaves_nothing_of_a_new_file() {
    let (_source, daemon) = slow();
    let scratch = Scratch::new();
    let to = scratch.directory("copy");
    let mut running = example("cancel", &daemon.url("tree/")).arg(&to).arg("600").start();
    let under_way = running.reaches("the file is under way", |process| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let mut files = descriptors.filter_map(|one| fs::read_link(one.path()).ok());
        files.any(|file| file.parent() == Some(&to) && file.to_string_lossy().ends_with(" (deleted)"))
    });
    assert!(under_way, "the pull was expected to take longer");
    running.signal(Signal::INT);
    assert_eq!(running.wait().expect(0).stdout, "stopped: Ctrl-C\n");
    assert_eq!(names(&to), Vec::<String>::new());
}

#[test]
fn cancel_ends_when_the_time_is_up() {
    let (_source, daemon) = slow();
    let scratch = Scratch::new();
    let to = scratch.directory("copy");
    let outcome = example("cancel", &daemon.url("tree/")).arg(&to).arg("1").run().expect(0);
    assert_eq!(outcome.stdout, "stopped: the time is up\n");
    assert_eq!(names(&to), Vec::<String>::new());
}
