//! What goes wrong on the way, and what is left then: the exit code is rsync's, no partial file stands under
//! a final name, and no temporary file stays.

use std::fs::{self, Permissions};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::{Aspect, summary};
use end_to_end::diff::{assert_same, diff_except};
use end_to_end::random::Random;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::{Kind, Snapshot};
use rustix::process::Signal;

/// rsync's exit codes, with its own names for them.
const SYNTAX: i32 = 1;
const UNSUPPORTED: i32 = 4;
const START_CLIENT: i32 = 5;
const SOCKET_IO: i32 = 10;
const FILE_IO: i32 = 11;
const SIGNAL: i32 = 20;
const PARTIAL: i32 = 23;
const VANISHED: i32 = 24;

const ARCHIVE: &[&str] = &["-aHAX", "--numeric-ids"];
const MEBIBYTE: usize = 1 << 20;

/// A source with a large file between small ones.
fn source(mebibytes: usize) -> Scratch {
    let scratch = Scratch::new();
    let mut random = Random::new(5);
    for name in ["a-small", "z-small"] {
        let _ = scratch.file(name, "small\n", 0o644);
    }
    fs::write(scratch.join("large"), random.bytes(mebibytes * MEBIBYTE)).expect("memory is large enough");
    scratch
}

/// Everything at the destination stands in the source under the same name, and files have all of their
/// content.
fn assert_only_whole_files(source: &Path, destination: &Path, outcome: &Outcome) {
    let (source, found) = (Snapshot::take(source), Snapshot::take(destination));
    for (path, entry) in &found.entries {
        let expected = source.entries.get(path);
        let name = path.escape_ascii();
        assert!(expected.is_some(), "{name} was expected not to be left behind\n{outcome}");
        if matches!(entry.kind, Kind::File { .. }) {
            assert_eq!(
                expected.map(|it| &it.kind),
                Some(&entry.kind),
                "{name} was expected to be whole\n{outcome}"
            );
        }
    }
}

#[test]
fn nobody_listens() {
    let scratch = Scratch::new();
    // Loopback is a whole network, and on this address of it nothing is bound.
    for program in Program::both() {
        let _ = program.pull(ARCHIVE, "rsync://127.213.7.9:9/tree/", &scratch.join("new")).expect(SOCKET_IO);
        assert!(!scratch.join("new").exists(), "{} was expected to make no destination", program.name());
    }
}

#[test]
fn host_that_has_no_address() {
    let scratch = Scratch::new();
    for program in Program::both() {
        let _ = program
            .pull(ARCHIVE, "rsync://no-such-host.invalid/tree/", &scratch.join("new"))
            .expect(SOCKET_IO);
    }
}

/// A server that hangs up at once, before its greeting. It takes what it is told until the end: whoever closes a
/// connection with something unread resets it, and what a client sees of that is a matter of luck.
#[test]
fn server_that_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let scratch = Scratch::new();
    let served = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.expect("a client connects");
            stream.shutdown(Shutdown::Write).expect("a connection can be closed");
            std::io::copy(&mut stream, &mut std::io::sink()).expect("the client ends in order");
        }
    });
    let [rsync, deployer] = Program::both().map(|program| {
        program.pull(ARCHIVE, &format!("rsync://{address}/tree/"), &scratch.join(program.name()))
    });
    served.join().expect("both are expected to connect");
    assert_ne!(rsync.code(), 0, "rsync was expected to fail\n{rsync}");
    assert_eq!(deployer.code(), rsync.code(), "the exit code was expected to be rsync's\n{deployer}");
}

#[test]
fn unknown_module() {
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    for program in Program::both() {
        let _ =
            program.pull(ARCHIVE, &daemon.url("no-such-module/"), &scratch.join("new")).expect(START_CLIENT);
        assert!(!scratch.join("new").exists(), "{} was expected to make no destination", program.name());
    }
}

#[test]
fn wrong_options() {
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    for (option, code) in [
        ("--no-such-option", SYNTAX),
        ("-?", SYNTAX),
        ("--timeout=x", SYNTAX),
        ("--block-size=1m", SYNTAX),
        ("--block-size=x", SYNTAX),
        ("--checksum-choice=none-such", UNSUPPORTED),
        ("--checksum-choice=md5,none-such", UNSUPPORTED),
    ] {
        for program in Program::both() {
            let _ = program.pull(&["-a", option], &daemon.url("tree/"), &scratch.join("new")).expect(code);
            assert!(!scratch.join("new").exists(), "{} was expected to make no destination", program.name());
        }
    }
}

#[test]
fn temporary_directory_that_is_not_there() {
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    for program in Program::both() {
        let options = ["-a", "--temp-dir=/nonexistent"];
        let outcome = program.pull(&options, &daemon.url("tree/"), &scratch.join("new")).expect(SYNTAX);
        assert!(outcome.stderr.contains("/nonexistent"), "{outcome}");
    }
}

#[test]
fn read_only_destination() {
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    for name in [".", "new"] {
        let [rsync, deployer] = Program::both().map(|program| {
            let scratch = Scratch::new();
            scratch.make_read_only();
            program.pulling(ARCHIVE, &daemon.url("tree/"), Path::new(name)).within(scratch.path()).run()
        });
        assert_ne!(rsync.code(), 0, "rsync was expected to fail on a read-only destination\n{rsync}");
        // rsync fails with every entry anew; one failure is enough to tell.
        assert_eq!(deployer.code(), FILE_IO, "{name}: one clear end was expected\n{deployer}");
    }
}

#[test]
fn full_file_system() {
    let source = source(8);
    let daemon = Daemon::serving(source.path());
    for program in Program::both() {
        let scratch = Scratch::with_size(4096);
        let outcome = program.pull(ARCHIVE, &daemon.url("tree/"), &scratch.join("new")).expect(FILE_IO);
        assert_only_whole_files(source.path(), &scratch.join("new"), &outcome);
    }
}

/// The old file stays as it was when its update does not fit beside it.
#[test]
fn full_file_system_on_an_update() {
    let source = source(3);
    let daemon = Daemon::serving(source.path());
    for program in Program::both() {
        let scratch = Scratch::with_size(4096);
        let old = scratch.directory("new");
        fs::write(old.join("large"), vec![7; 2 * MEBIBYTE]).expect("the old file fits");
        let _ = program.pull(ARCHIVE, &daemon.url("tree/"), &old).expect(FILE_IO);
        let content = fs::read(old.join("large")).expect("the old file was expected to stay");
        assert!(content == vec![7; 2 * MEBIBYTE], "the old file was expected to stay as it was");
        let surplus = Snapshot::take(&old)
            .entries
            .keys()
            .any(|it| ![&b""[..], b"large", b"a-small", b"z-small"].contains(&&it[..]));
        assert!(!surplus, "{} was expected to leave no temporary file", program.name());
    }
}

/// The daemon runs as nobody, and some of the tree is not for nobody.
#[test]
fn unreadable_on_the_server() {
    let since = SystemTime::now();
    let source = source(1);
    let closed = source.directory("closed");
    fs::write(closed.join("file"), "unseen").expect("a file can be made");
    for path in [source.join("z-small"), closed] {
        fs::set_permissions(path, Permissions::from_mode(0o000)).expect("a mode can be set");
    }
    let module = Module::new("tree", source.path()).with("uid = nobody").with("gid = nogroup");
    let daemon = Plan::new().serve(module).start();
    let [rsync, deployer] = Program::both().map(|program| {
        let scratch = Scratch::new();
        let old = scratch.directory("new");
        let _ = program.pull(&["-a"], &daemon.url("tree/"), &old).expect(PARTIAL);
        Snapshot::take_since(&old, since)
    });
    assert!(rsync.entries.contains_key(b"large".as_slice()), "what can be read was expected to come");
    assert_same("what an unreadable source leaves", &rsync, &deployer);
}

/// A file is announced and then gone. The daemon is slow, so that there is time between the two.
#[test]
fn vanished_on_the_server() {
    for program in Program::both() {
        let source = source(10);
        let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(4096).start();
        let scratch = Scratch::new();
        let mut run = program.pulling(ARCHIVE, &daemon.url("tree/"), &scratch.join("new")).start();
        // What is announced after the large file is opened on the server after the large file was sent.
        run.until("the large file is on its way", || scratch.used() > (MEBIBYTE as u64));
        fs::remove_file(source.join("z-small")).expect("a file can be removed");
        let _ = run.wait().expect(VANISHED);
        let (expected, found) = (Snapshot::take(source.path()), Snapshot::take(&scratch.join("new")));
        let lines = diff_except(&[Aspect::DirectoryTimes], &expected, &found);
        assert!(lines.is_empty(), "everything else was expected to come\n{}", summary(&lines));
    }
}

/// Files that change between the list and their turn: what comes is whole as it is then, and nothing fails.
#[test]
fn files_that_grow_and_shrink_on_the_server() {
    for program in Program::both() {
        let source = source(10);
        fs::write(source.join("z-log"), "begun\n".repeat(1000)).expect("a file can be made");
        let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(4096).start();
        let scratch = Scratch::new();
        let mut run = program.pulling(ARCHIVE, &daemon.url("tree/"), &scratch.join("new")).start();
        run.until("the large file is on its way", || scratch.used() > (MEBIBYTE as u64));
        let (grown, shrunk) = ("small\n".repeat(10_000), "begun\n");
        fs::write(source.join("z-small"), &grown).expect("a file can be written");
        fs::write(source.join("z-log"), shrunk).expect("a file can be written");
        let _ = run.wait().expect(0);
        let read = |name: &str| fs::read_to_string(scratch.join("new").join(name)).expect("it was expected");
        assert!(read("z-small") == grown, "{}: the grown file was expected as it is now", program.name());
        assert_eq!(read("z-log"), shrunk, "{}: the cut file was expected as it is now", program.name());
    }
}

/// The server goes away in the middle of a file.
#[test]
fn server_dies() {
    let source = source(64);
    let [rsync, deployer] = Program::both().map(|program| {
        let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(4096).start();
        let scratch = Scratch::new();
        let mut run = program.pulling(ARCHIVE, &daemon.url("tree/"), &scratch.join("new")).start();
        run.until("the large file is on its way", || scratch.used() > (MEBIBYTE as u64));
        drop(daemon);
        let outcome = run.wait();
        assert_only_whole_files(source.path(), &scratch.join("new"), &outcome);
        outcome
    });
    assert_ne!(rsync.code(), 0, "rsync was expected to fail\n{rsync}");
    assert_eq!(deployer.code(), rsync.code(), "the exit code was expected to be rsync's\n{deployer}");
}

fn interrupted(signal: Signal) {
    let source = source(64);
    let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(4096).start();
    for program in Program::both() {
        for update in [false, true] {
            let scratch = Scratch::new();
            let new = scratch.directory("new");
            if update {
                fs::write(new.join("z-small"), "older").expect("a file can be made");
            }
            let mut run = program.pulling(ARCHIVE, &daemon.url("tree/"), &new).start();
            run.until("the large file is on its way", || scratch.used() > (MEBIBYTE as u64));
            run.signal(signal);
            let outcome = run.wait().expect(SIGNAL);
            if update {
                let content = fs::read(new.join("z-small")).expect("the old file was expected to stay");
                assert!(content == b"older" || content == b"small\n", "a file was expected to be old or new");
                fs::remove_file(new.join("z-small")).expect("a file can be removed");
            }
            assert_only_whole_files(source.path(), &new, &outcome);
        }
    }
}

#[test]
fn interrupt_signal() {
    interrupted(Signal::INT);
}

#[test]
fn terminate_signal() {
    interrupted(Signal::TERM);
}

#[test]
fn hangup_signal() {
    interrupted(Signal::HUP);
}

#[test]
fn destination_that_is_a_file() {
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    let [rsync, deployer] = Program::both().map(|program| {
        let scratch = Scratch::new();
        let file = scratch.file("file", "this stays", 0o640);
        let outcome = program.pull(ARCHIVE, &daemon.url("tree/"), &file);
        assert_eq!(fs::read_to_string(&file).expect("it was expected to stay"), "this stays", "{outcome}");
        outcome
    });
    assert_ne!(rsync.code(), 0, "rsync was expected to refuse\n{rsync}");
    assert_eq!(deployer.code(), rsync.code(), "the exit code was expected to be rsync's\n{deployer}");
}

/// A symbolic link as the destination itself is the caller's own, and is followed.
#[test]
fn destination_that_is_a_symlink() {
    let since = SystemTime::now();
    let source = source(1);
    let daemon = Daemon::serving(source.path());
    let [rsync, deployer] = Program::both().map(|program| {
        let scratch = Scratch::new();
        let _ = scratch.directory("real");
        std::os::unix::fs::symlink("real", scratch.join("link")).expect("a symlink can be made");
        let _ = program.pull(ARCHIVE, &daemon.url("tree/"), &scratch.join("link")).expect(0);
        Snapshot::take_since(&scratch.join("real"), since)
    });
    assert_same("through the caller's own link", &rsync, &deployer);
}

/// Beneath the destination no symbolic link is followed, whatever it points to.
#[test]
fn symlink_beneath_the_destination_is_not_followed() {
    let source = source(1);
    let inner = source.directory("inner");
    fs::write(inner.join("file"), "new").expect("a file can be made");
    let daemon = Daemon::serving(source.path());
    for program in Program::both() {
        let scratch = Scratch::new();
        let new = scratch.directory("new");
        let outside = scratch.directory("outside");
        std::os::unix::fs::symlink("../outside", new.join("inner")).expect("a symlink can be made");
        let _ = program.pull(ARCHIVE, &daemon.url("tree/"), &new).expect(0);
        assert!(
            fs::read_dir(&outside).expect("it is there").next().is_none(),
            "nothing was expected outside"
        );
        assert!(new.join("inner/file").is_file(), "a directory was expected in the place of the link");
    }
}

/// More connections than a module admits.
#[test]
fn module_that_is_busy() {
    let source = source(64);
    let module = Module::new("tree", source.path()).with("max connections = 1");
    let lock = Scratch::new();
    let module = module.with(&format!("lock file = {}", lock.join("lock").display()));
    let daemon = Plan::new().serve(module).slow(4096).start();
    let scratch = Scratch::new();
    let first = scratch.directory("first");
    let mut run = Program::rsync().pulling(ARCHIVE, &daemon.url("tree/"), &first).start();
    run.until("the module is in use", || scratch.used() > (MEBIBYTE as u64));
    for program in Program::both() {
        let _ = program.pull(ARCHIVE, &daemon.url("tree/"), &scratch.join("second")).expect(START_CLIENT);
    }
    // Whoever has patience waits until there is room.
    let events = scratch.join("events");
    let told = format!("--events={}", events.display());
    let options = ["-an", "--retries=20", &told];
    let mut waits =
        Program::deployer().pulling(&options, &daemon.url("tree/"), &scratch.join("third")).start();
    let has_tried = || fs::read_to_string(&events).is_ok_and(|text| text.contains("trying again"));
    waits.until("it has tried once", has_tried);
    drop(run);
    let _ = waits.wait().expect(0);
}
