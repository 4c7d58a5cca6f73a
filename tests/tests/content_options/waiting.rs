//! Files that are not in place yet: temporary and partial directories, delayed updates.

use std::fs;
use std::path::Path;

use end_to_end::daemon::{Module, Plan};
use end_to_end::pair::{EQUAL_BLOCKS, Pair};
use end_to_end::random::Random;
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{ALL, Start, alike, pair, pulls_alike};

use super::everywhere;

#[test]
fn temporary_directory() {
    for start in ALL {
        let pair = pair(start);
        let temporary = pair.scratch().directory("temporary");
        let option = format!("--temp-dir={}", temporary.display());
        pulls_alike(&pair, &option, &["-a", &option]);
        assert_eq!(fs::read_dir(&temporary).expect("it is there").count(), 0);
    }
    let pair = pair(Start::Older);
    let [rsync, deployer] = Program::both().map(|program| {
        let options = ["-a", "-T", "missing"];
        program.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&program))
    });
    assert_eq!((rsync.code(), deployer.code()), (1, 1), "{rsync}\n{deployer}");
}

/// Another file system, out of which nothing can be renamed.
#[test]
fn temporary_directory_on_another_file_system() {
    let pair = pair(Start::Older);
    let elsewhere = end_to_end::scratch::Scratch::new();
    let place = if elsewhere.path().starts_with("/dev/shm") { "/tmp" } else { "/dev/shm" };
    let name = format!("{place}/deployer-e2e-temporary.{}", std::process::id());
    fs::create_dir_all(&name).expect("the directory can be made");
    pulls_alike(&pair, "-T", &["-a", "-T", &name]);
    let left = fs::read_dir(&name).expect("it is there").count();
    fs::remove_dir_all(&name).expect("it can be removed");
    assert_eq!(left, 0);
}

#[test]
fn delayed_updates() {
    everywhere(&["-a", "--delay-updates"]);
    alike(Start::Older, true, &["-aH", "--delay-updates", "--delete"]);
    alike(Start::Older, true, &["-a", "--delay-updates", "--delete-after"]);
    alike(Start::Older, true, &["-a", "--delay-updates", "-b"]);
    alike(Start::Older, false, &["-a", "--delay-updates", "--partial-dir=.waiting"]);
    alike(Start::Older, false, &["-a", "--delay-updates", "-n"]);
}

#[test]
fn delayed_hard_links() {
    for start in [Start::Empty, Start::Older] {
        let pair = pair(start);
        for name in ["a/deep/two", "zz", "b/two"] {
            fs::hard_link(pair.source().join("a/two"), pair.source().join(name)).expect("links can be made");
        }
        let outcomes = pair.pull(&["-aH", "--delay-updates"]);
        assert_eq!(outcomes.deployer.code(), 0);
        pair.pictures().assert_same(&format!("{start:?}"));
    }
}

#[test]
fn partial_directory() {
    for options in [&["-a", "--partial-dir=.part"][..], &["-a", "--partial"], &["-aP"]] {
        everywhere(options);
    }
    // Something is there from an earlier transfer.
    for (start, delete) in
        [(Start::Older, ""), (Start::Empty, ""), (Start::Same, "--delete"), (Start::Older, "--delete")]
    {
        let pair = pair(start);
        let big = fs::read(pair.source().join("big")).expect("it is there");
        for program in Program::both() {
            let part = pair.destination(&program).join(".part");
            fs::create_dir_all(&part).expect("memory is large enough");
            fs::write(part.join("big"), &big[..big.len() / 2]).expect("memory is large enough");
        }
        let options: Vec<&str> = ["-a", "--partial-dir=.part", EQUAL_BLOCKS, delete]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let outcomes = pulls_alike(&pair, &format!("{start:?} {options:?}"), &options);
        let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
        match start {
            // Only the part is left of an old file that is not there.
            Start::Empty => assert_eq!(rsync.literal(), deployer.literal(), "{start:?} {options:?}"),
            // The rest of it is found in the old file.
            Start::Older if delete.is_empty() => {
                assert!(deployer.literal() + (900 << 10) < rsync.literal(), "{start:?} {options:?}");
            }
            _ => assert!(deployer.literal() <= rsync.literal(), "{start:?} {options:?}"),
        }
        assert!(!pair.destination(&Program::deployer()).join(".part").exists());
    }
}

/// A transfer that is ended in the middle of a file keeps what came, and goes on from there.
#[test]
fn an_interrupted_file_goes_on() {
    for (option, kept) in [("--partial-dir=.part", ".part/big"), ("--partial", "big")] {
        let pair = Pair::new(|root| {
            fs::write(root.join("big"), Random::new(3).bytes(8 << 20)).expect("memory is large enough");
        });
        let slow = Plan::new().serve(Module::new("tree", &pair.source())).slow(2048).start();
        let program = Program::deployer();
        let destination = pair.destination(&program);
        let mut running = program.pulling(&["-a", option], &slow.url("tree/"), &destination).start();
        let has_come = |root: &Path| {
            let entries = fs::read_dir(root).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| entry.metadata().ok())
                .any(|file| file.is_file() && file.len() > 2 << 20)
        };
        running.until("some of the file", || has_come(&destination));
        running.signal(rustix::process::Signal::INT);
        let outcome = running.wait();
        assert_eq!(outcome.code(), 20, "{outcome}");
        let part = fs::metadata(destination.join(kept)).expect("what came was kept").len();
        assert!(part > 1 << 20, "{part} bytes");
        let outcome = program.pull(&["-a", option, "--stats"], &pair.daemon().url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert!(outcome.stats().matched() + (1 << 17) > part, "{outcome}");
        let names: Vec<_> = Snapshot::take(&destination).entries.into_keys().collect();
        assert_eq!(names, [b"".to_vec(), b"big".to_vec()], "nothing else is left");
        assert!(fs::read(destination.join("big")).ok() == fs::read(pair.source().join("big")).ok());
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let pair = pair(Start::Same);
    for (options, word) in [
        (&["--append", "-W"][..], "--append and --whole-file"),
        (&["--inplace", "--partial-dir=x"], "--partial-dir"),
        (&["--inplace", "--delay-updates"], "--delay-updates"),
        (&["-b", "--suffix="], "--suffix cannot be empty"),
        (&["-b", "--suffix=a/b"], "--suffix cannot contain"),
        (&["--link-dest=a", "--copy-dest=b"], "choose one"),
        (&["--delete-before", "--delete-after"], "choose one"),
        (&["--partial-dir=a/b"], "--partial-dir takes a single name"),
    ] {
        let options: Vec<&str> = ["-a"].into_iter().chain(options.iter().copied()).collect();
        let program = Program::deployer();
        let outcome = program.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&program));
        assert_eq!(outcome.code(), 1, "{outcome}");
        assert!(outcome.stderr.contains(word), "{word}: {outcome}");
    }
}
