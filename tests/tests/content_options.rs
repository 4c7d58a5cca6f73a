//! How content comes and where it is put: rsync says what the result has to be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use end_to_end::daemon::{Module, Plan};
use end_to_end::pair::{Both, Pair};
use end_to_end::random::Random;
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{ALL, Start, alike, pair, plant_foreign, pulls_alike};

/// From every start.
fn everywhere(options: &[&str]) {
    for start in ALL {
        alike(start, false, options);
    }
}

/// As [`everywhere`], and as much has to come from what is there as rsync takes from it.
fn with_the_same_bytes(options: &[&str]) {
    for start in ALL {
        let (_, outcomes) = alike(start, false, options);
        let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
        assert_eq!(
            (rsync.literal(), rsync.matched()),
            (deployer.literal(), deployer.matched()),
            "{start:?} {options:?}"
        );
    }
}

#[test]
fn inplace() {
    with_the_same_bytes(&["-a", "--inplace"]);
    alike(Start::Older, true, &["-a", "--inplace", "--delete"]);
    alike(Start::Older, false, &["-a", "--inplace", "-W"]);
    alike(Start::Older, false, &["-a", "--inplace", "-c"]);
}

#[test]
fn inplace_keeps_what_else_a_file_is() {
    for options in [&["-a", "--inplace"][..], &["-a", "--inplace", "--no-W"], &["-rt", "--inplace"]] {
        let pair = pair(Start::Older);
        let inodes = Program::both().map(|program| {
            let root = pair.destination(&program);
            fs::hard_link(root.join("big"), root.join("other name")).expect("links can be made");
            fs::metadata(root.join("big")).expect("it is there").ino()
        });
        pulls_alike(&pair, &format!("{options:?}"), options);
        for (program, inode) in Program::both().iter().zip(inodes) {
            let root = pair.destination(program);
            assert_eq!(fs::metadata(root.join("big")).expect("it is there").ino(), inode);
            assert_eq!(fs::read(root.join("other name")).ok(), fs::read(pair.source().join("big")).ok());
        }
    }
}

/// The same files have to be named, if not as often.
fn assert_named_once(outcomes: &Both<Outcome>) {
    let names = |outcome: &Outcome| -> BTreeSet<String> {
        outcome.itemized().iter().map(|line| line[12..].to_owned()).collect()
    };
    assert_eq!(names(&outcomes.rsync), names(&outcomes.deployer));
    assert_eq!(names(&outcomes.deployer).len(), outcomes.deployer.itemized().len());
}

#[test]
fn inplace_with_backups() {
    alike(Start::Older, false, &["-a", "--inplace", "-b"]);
    alike(Start::Older, false, &["-a", "--inplace", "-b", "-W"]);
    for start in [Start::Older, Start::Cut] {
        let pair = pair(start);
        let outcomes = pair.pull(&["-a", "-i", "--inplace", "--backup-dir=../kept"]);
        // In another directory rsync does not find its backups as a basis at first, and files come twice.
        assert_named_once(&outcomes);
        pair.pictures().assert_same(&format!("{start:?}"));
    }
}

#[test]
fn append() {
    with_the_same_bytes(&["-a", "--append"]);
    alike(Start::Cut, true, &["-a", "--append", "--delete"]);
    alike(Start::Cut, false, &["-a", "--append", "-b"]);
}

#[test]
fn append_verify() {
    with_the_same_bytes(&["-a", "--append-verify"]);
}

/// What is here is not the beginning of what comes: the sum tells, and the file comes again.
#[test]
fn append_to_something_else() {
    let pair = pair(Start::Cut);
    for program in Program::both() {
        let path = pair.destination(&program).join("a/two");
        let length = fs::metadata(&path).expect("it is there").len();
        let length = usize::try_from(length).expect("it is small");
        fs::write(&path, Random::new(9).bytes(length)).expect("memory is large enough");
    }
    let outcomes = pair.pull(&["-a", "--append-verify", "-i"]);
    // rsync names it twice, because it came twice.
    assert_named_once(&outcomes);
    pair.pictures().assert_same("--append-verify");
    let source = fs::read(pair.source().join("a/two")).expect("it is there");
    assert!(fs::read(pair.destination(&Program::deployer()).join("a/two")).expect("it is there") == source);
}

fn blocks(root: &Path, path: &str) -> u64 {
    fs::metadata(root.join(path)).expect("it is there").blocks()
}

#[test]
fn sparse() {
    for options in
        [&["-a", "-S"][..], &["-a", "-S", "--inplace"], &["-a", "-S", "-W"], &["-a", "-S", "--preallocate"]]
    {
        for start in ALL {
            let (pair, _) = alike(start, false, options);
            let [rsync, deployer] =
                Program::both().map(|program| blocks(&pair.destination(&program), "b/holes"));
            let whole = blocks(&pair.source(), "b/holes");
            assert!(deployer <= rsync, "{start:?} {options:?}: {deployer} blocks, rsync has {rsync}");
            if start == Start::Empty {
                assert!(deployer < whole / 10, "{options:?}: {deployer} blocks of {whole}");
            }
        }
    }
}

#[test]
fn preallocate() {
    everywhere(&["-a", "--preallocate"]);
    alike(Start::Older, false, &["-a", "--preallocate", "--inplace"]);
}

#[test]
fn backup() {
    everywhere(&["-a", "-b"]);
    everywhere(&["-a", "--backup-dir=../kept"]);
    alike(Start::Older, true, &["-a", "-b", "--suffix=.old"]);
    alike(Start::Older, true, &["-a", "--backup-dir=.kept", "--suffix=.old"]);
    alike(Start::Older, true, &["-aH", "-b", "--force"]);
    alike(Start::Older, false, &["-a", "-b", "-n"]);
    // Twice: the backups of the first time are replaced.
    let (pair, _) = alike(Start::Older, false, &["-a", "-b"]);
    fs::write(pair.source().join("a/two"), b"another\n").expect("memory is large enough");
    pulls_alike(&pair, "twice", &["-a", "-b"]);
}

#[test]
fn backups_of_everything_that_is_replaced() {
    let (pair, _) = alike(Start::Older, true, &["-a", "--backup-dir=../kept", "--delete"]);
    let [rsync, _] = Program::both();
    // Both put them into the same place beside their destinations, one after the other.
    assert!(pair.destination(&rsync).join("../kept/a/two").exists());
    for options in
        [&["-a", "--backup-dir=kept", "--delete", "--exclude=/kept"][..], &["-a", "-b", "--delete"]]
    {
        alike(Start::Older, true, options);
        alike(Start::Same, true, options);
    }
}

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
    assert!(rsync.code() != 0 && deployer.code() == 11, "{rsync}\n{deployer}");
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
fn fsync() {
    everywhere(&["-a", "--fsync"]);
}

#[test]
fn block_size() {
    for size in ["1000", "4096", "64K", "131072"] {
        with_the_same_bytes(&["-a", "-B", size]);
    }
    let pair = pair(Start::Older);
    let outcome = Program::deployer().pull(
        &["-a", "-B", "1M"],
        &pair.daemon().url("tree/"),
        &pair.destination(&Program::deployer()),
    );
    assert_eq!(outcome.code(), 1, "{outcome}");
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
        let options: Vec<&str> =
            ["-a", "--partial-dir=.part", delete].into_iter().filter(|it| !it.is_empty()).collect();
        let outcomes = pulls_alike(&pair, &format!("{start:?} {options:?}"), &options);
        let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
        assert_eq!(rsync.literal(), deployer.literal(), "{start:?} {options:?}");
        assert!(!pair.destination(&Program::deployer()).join(".part").exists());
    }
}

#[test]
fn fuzzy() {
    for options in [&["-a", "-y"][..], &["-a", "--fuzzy", "--delete-after"]] {
        for start in [Start::Empty, Start::Older, Start::Same] {
            let pair = pair(start);
            for program in Program::both() {
                let root = pair.destination(&program);
                plant_foreign(&root);
                let _ = fs::remove_dir_all(root.join("kind"));
                let _ = fs::remove_dir_all(root.join("b/link"));
                let _ = fs::rename(root.join("b/lib-1.2.so"), root.join("b/lib-1.1.so"));
                let _ = fs::rename(root.join("big"), root.join("large"));
            }
            let outcomes = pulls_alike(&pair, &format!("{start:?} {options:?}"), options);
            let [rsync, deployer] = [outcomes.rsync.stats(), outcomes.deployer.stats()];
            assert_eq!(rsync.literal(), deployer.literal(), "{start:?} {options:?}");
        }
    }
}

/// Another directory beside the destination that holds part of the tree, and part of it otherwise.
fn with_another(start: Start, change: impl Fn(&Path)) -> Pair {
    let pair = pair(start);
    let other = pair.scratch().join("other");
    let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &other);
    assert_eq!(outcome.code(), 0);
    change(&other);
    pair
}

fn partly(other: &Path) {
    fs::remove_file(other.join("a/one")).expect("it is there");
    fs::write(other.join("a/deep/three"), b"another\n").expect("memory is large enough");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(other.join("b/lib-1.2.so"), mode).expect("modes can be set");
    fs::remove_file(other.join("b/link")).expect("it is there");
    std::os::unix::fs::symlink("elsewhere", other.join("b/link")).expect("links can be made");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(other.join("c"), mode).expect("modes can be set");
    fs::remove_dir(other.join("hollow")).expect("it is empty");
}

fn alternates(option: &str) {
    for start in ALL {
        for options in [
            &["-a"][..],
            &["-a", "-n"],
            &["-aH"],
            &["-rl"],
            &["-a", "-c"],
            &["-a", "-y"],
            &["-a", "--delete"],
        ] {
            let pair = with_another(start, partly);
            let options: Vec<&str> = options.iter().copied().chain([option]).collect();
            pulls_alike(&pair, &format!("{start:?} {options:?}"), &options);
        }
    }
    let pair = with_another(Start::Empty, |_| {});
    pulls_alike(&pair, option, &["-a", option]);
}

#[test]
fn compare_dest() {
    alternates("--compare-dest=../other");
}

#[test]
fn copy_dest() {
    alternates("--copy-dest=../other");
}

#[test]
fn link_dest() {
    alternates("--link-dest=../other");
    let pair = with_another(Start::Empty, partly);
    pulls_alike(&pair, "links", &["-a", "--link-dest=../other"]);
    let [rsync, deployer] = Program::both().map(|program| {
        let inode = |path: &Path| fs::metadata(path).expect("it is there").ino();
        let other = pair.scratch().join("other");
        ["big", "a/two", "kind"]
            .map(|name| inode(&pair.destination(&program).join(name)) == inode(&other.join(name)))
    });
    assert_eq!((rsync, deployer), ([true; 3], [true; 3]));
}

#[test]
fn several_alternates() {
    for kind in ["compare", "copy", "link"] {
        let pair = with_another(Start::Empty, partly);
        let third = pair.scratch().join("third");
        let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &third);
        assert_eq!(outcome.code(), 0);
        fs::remove_file(third.join("big")).expect("it is there");
        let options = ["../other", "../third", "../missing"].map(|dir| format!("--{kind}-dest={dir}"));
        let options: Vec<&str> = ["-a"].into_iter().chain(options.iter().map(String::as_str)).collect();
        pulls_alike(&pair, &format!("{options:?}"), &options);
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
