//! The walls that the kernel puts around a transfer: they are there unless they are not wanted, they hold where a pull would
//! do what it was led to, and where the kernel has none that is said.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use end_to_end::bare::BareDisk;
use end_to_end::daemon::Daemon;
use end_to_end::deploy::{Desk, System, assert_deployed, description, disk, exit, volume, with};
use end_to_end::diff::assert_same;
use end_to_end::refusal::Refusal;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::scripted::{Point, ScriptedServer, Shape, Tale};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use serde_json::json;

/// The numbers of Landlock's three calls, which are the same on all architectures.
const LANDLOCK: &[u32] = &[444, 445, 446];
const NONE: &str = "there is no sandbox around this transfer: this kernel has no Landlock";

/// A client or a test that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What each thread of a process is called, and what stands in its status.
fn threads(process: u32) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs").flatten();
    // One that ends meanwhile is no more.
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let named = |status: String| {
        let name = status.lines().find_map(|line| line.strip_prefix("Name:\t")).map(str::to_owned)?;
        Some((name, status))
    };
    statuses.filter_map(named).collect()
}

/// The deployer among the children of a process, or theirs.
fn deployer_below(process: u32) -> u32 {
    let file = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    if file("comm").trim() == "deployer" {
        return process;
    }
    let children = file(&format!("task/{process}/children"));
    let child = children.split_whitespace().next().expect("it started something");
    deployer_below(child.parse().expect("processes have numbers"))
}

/// A server that says nothing behind its list until it is told to, and what tells it.
fn waiting(
    also: impl Fn() + Send + Sync + 'static,
) -> (ScriptedServer, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let mut tale = Tale::honest(Shape::RECENT);
    let ((asked, is_asked), (go, told)) = (mpsc::channel(), mpsc::channel());
    let ways = Mutex::new((asked, told));
    tale.then(Point::BeforeAnswers, move |_| {
        let (asked, told) = &*ways.lock().expect("no test panics here");
        asked.send(()).expect("the test waits");
        let _ = told.recv_timeout(PATIENCE);
        also();
    });
    (ScriptedServer::telling(tale), is_asked, go)
}

#[test]
fn every_thread_of_a_transfer_is_within() {
    let common = ["-a", "--numeric-ids"];
    for (options, within) in [(&common[..], true), (&[&common[..], &["--no-sandbox"]].concat(), false)] {
        let scratch = Scratch::new();
        let destination = scratch.directory("destination");
        let (server, asked, go) = waiting(|| ());
        let mut running = Program::deployer().pulling(options, &server.url("module/"), &destination).start();
        let id = running.id();
        asked.recv_timeout(PATIENCE).expect("the client asks");
        // All that the server says is read in the first of these, and files are written in the other.
        let expected = if within { &["sandbox", "disk"][..] } else { &["disk"] };
        // A thread gives itself its name: until then it is called as what started it.
        let mut found = Vec::new();
        running.until("all of its threads have names", || {
            found = threads(id);
            let called = |wanted: &str| found.iter().filter(|(name, _)| name.trim() == wanted).count();
            called("deployer") == 1 && expected.iter().all(|name| called(name) > 0)
        });
        // The first one waits, and these do what is done outside.
        let outside = ["deployer", "signals", "outside"];
        for (name, status) in &found {
            let walls = status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n");
            assert_eq!(walls, within && !outside.contains(&name.trim()), "{name} {options:?}: {status}");
        }
        go.send(()).expect("the server waits");
        let outcome = running.wait();
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert!(!outcome.stderr.contains("sandbox"), "{outcome}");
    }
}

/// The directory of backups is the caller's, and is reached by its path: whoever may exchange it leads a pull elsewhere.
#[test]
fn a_path_of_the_caller_that_is_moved_leads_nowhere() {
    for walls in [true, false] {
        let scratch = Scratch::new();
        let names = ["destination", "backups", "beyond"];
        let [destination, backups, beyond] = names.map(|name| scratch.directory(name));
        fs::write(destination.join("a"), "older").expect("memory is large enough");
        let (moved, to) = (backups.clone(), beyond.clone());
        let (server, asked, go) = waiting(move || {
            fs::remove_dir(&moved).expect("nothing was kept yet");
            symlink(&to, &moved).expect("links can be made");
        });
        let kept = format!("--backup-dir={}/of/today", backups.display());
        let mut options = vec!["-a", "--numeric-ids", &kept];
        options.extend((!walls).then_some("--no-sandbox"));
        let running = Program::deployer().pulling(&options, &server.url("module/"), &destination).start();
        asked.recv_timeout(PATIENCE).expect("the client asks");
        go.send(()).expect("the server waits");
        let outcome = running.wait();
        let written = beyond.join("of/today/a").exists();
        assert_eq!((outcome.code(), written), if walls { (23, false) } else { (0, true) }, "{outcome}");
        if walls {
            let a = fs::read_to_string(destination.join("a")).expect("it is there");
            assert_eq!(a, "older", "what cannot be kept is not replaced");
        }
    }
}

/// A file of rules in the destination, which others may have written, names files anywhere.
#[test]
fn rules_from_beyond_are_not_read() {
    for walls in [true, false] {
        let scratch = Scratch::new();
        let names = ["source", "destination", "beyond"];
        let [source, destination, beyond] = names.map(|name| scratch.directory(name));
        fs::write(source.join("new"), "").expect("memory is large enough");
        fs::write(destination.join("kept"), "").expect("memory is large enough");
        fs::write(beyond.join("rules"), "- kept\n").expect("memory is large enough");
        let text = format!(". {}\n- .rules\n", beyond.join("rules").display());
        fs::write(destination.join(".rules"), text).expect("memory is large enough");
        let daemon = Daemon::serving(&source);
        let mut options = vec!["-a", "--delete", "--filter=: .rules"];
        options.extend((!walls).then_some("--no-sandbox"));
        let outcome = Program::deployer().pull(&options, &daemon.url("tree/"), &destination);
        assert!(destination.join("kept").exists(), "{outcome}");
        if walls {
            assert_ne!(outcome.code(), 0, "{outcome}");
            assert!(outcome.stderr.contains("Permission denied"), "{outcome}");
        } else {
            assert_eq!(outcome.code(), 0, "{outcome}");
        }
    }
}

/// What is not there yet is made; what options name is reached.
#[test]
fn whatever_a_pull_has_to_do_with_it_reaches() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::create_dir_all(source.join("a/b")).expect("memory is large enough");
    fs::write(source.join("a/b/file"), "content").expect("memory is large enough");
    fs::write(source.join("single"), "more").expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    let pull = |options: &[&str], path: &str, destination: &Path| {
        let all: Vec<&str> = ["-aH", "--sandbox"].iter().chain(options).copied().collect();
        let outcome = Program::deployer().pull(&all, &daemon.url(path), destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
    };
    let made = scratch.join("made");
    pull(&[], "tree/", &made);
    assert_same("a directory that is made", &Snapshot::take(&source), &Snapshot::take(&made));
    pull(&["--mkpath"], "tree/", &scratch.join("far/away"));
    pull(&[], "tree/single", &scratch.join("renamed"));
    pull(&["-I"], "tree/single", &scratch.join("renamed"));
    assert_eq!(fs::read(scratch.join("renamed")).expect("it came"), b"more");
    let temporary = scratch.directory("temporary");
    let there = ["--temp-dir", temporary.to_str().expect("names are plain")];
    pull(&[&there[..], &["-I", "--delete", "--backup-dir=../kept/of/today"]].concat(), "tree/", &made);
    assert!(scratch.join("kept/of/today/a/b/file").exists());
    pull(&["--link-dest=../made"], "tree/", &scratch.join("linked"));
    let inode = |path: &str| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(scratch.join(path)).expect("it is there").ino()
    };
    assert_eq!(inode("made/a/b/file"), inode("linked/a/b/file"));
    pull(&["--copy-dest=../made"], "tree/", &scratch.join("copied"));
    // From where the destination is going to be.
    fs::create_dir_all(scratch.join("one/two")).expect("memory is large enough");
    let there = ["--link-dest=../../../made", "--temp-dir=../../../temporary"];
    pull(&there, "tree/", &scratch.join("one/two/three"));
    assert_eq!(inode("made/a/b/file"), inode("one/two/three/a/b/file"));
    pull(&[&there[..], &["--mkpath"]].concat(), "tree/", &scratch.join("one/2/3"));
    assert_eq!(inode("made/a/b/file"), inode("one/2/3/a/b/file"));
    pull(&["-I", "--backup-dir=../../../elsewhere/of/today"], "tree/", &scratch.join("one/two/three"));
    assert!(scratch.join("elsewhere/of/today/a/b/file").exists());
}

#[test]
fn where_the_kernel_has_none() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::write(source.join("file"), "content").expect("memory is large enough");
    let daemon = Daemon::serving(&source);
    let program = Program::deployer().without_calls(LANDLOCK, &scratch);
    let destination = scratch.join("destination");
    // What is left of the walls is there all the same.
    let (server, asked, go) = waiting(|| ());
    let there = scratch.directory("there");
    let running = program.pulling(&["-a", "--numeric-ids"], &server.url("module/"), &there).start();
    asked.recv_timeout(PATIENCE).expect("the client asks");
    let found = threads(deployer_below(running.id()));
    let disk: Vec<_> = found.iter().filter(|(name, _)| name.trim() == "disk").collect();
    // One of these filters stands for the kernel without Landlock.
    assert!(
        !disk.is_empty() && disk.iter().all(|(_, status)| status.contains("Seccomp_filters:\t2\n")),
        "{found:#?}"
    );
    go.send(()).expect("the server waits");
    let outcome = running.wait();
    assert_eq!(outcome.code(), 0, "{outcome}");
    let refused = program.pull(&["-a", "--sandbox"], &daemon.url("tree/"), &destination);
    assert_eq!(refused.code(), 4, "{refused}");
    assert!(refused.stderr.contains("this kernel has no Landlock"), "{refused}");
    assert!(!destination.exists(), "nothing was done\n{refused}");
    for (option, says) in [(&["-a"][..], true), (&["-a", "--sandbox", "--no-sandbox"], false)] {
        let outcome = program.pull(option, &daemon.url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert_eq!(outcome.stderr.contains(NONE), says, "{outcome}");
        assert_same("it came all the same", &Snapshot::take(&source), &Snapshot::take(&destination));
    }
}

#[test]
fn deployments_say_once_that_there_is_none_and_refuse_where_it_is_demanded() {
    let (system, bare, scratch) = (System::new(), BareDisk::new(300), Scratch::new());
    let desk = Desk::of(Program::deployer().without_calls(LANDLOCK, &scratch));
    let partitions = [disk(&bare, &[volume("/", "ext4", "remaining")])];
    let described = description("clean", &[system.image()], &partitions);
    let demanded = with(described.clone(), "image_deploy_flags", json!({"rsync_flags": "-aAX --sandbox"}));
    let words = ["this kernel has no Landlock", "--sandbox"];
    Refusal::of(&desk, &[&bare]).expect(&demanded, exit::REFUSED, &words);
    let ended = desk.provision(&described, &["--no-boot-loader"]).expect(0);
    let said = ended.outcome.stderr.matches(NONE).count();
    assert_eq!(said, 1, "{}", ended.outcome);
    assert_deployed(&system.source(), &bare.mount(2));
}
