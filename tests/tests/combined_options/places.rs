//! Backups, alternates and waiting rooms that meet the destination, or are not there.

use std::fs;

use end_to_end::daemon::Daemon;
use end_to_end::diff::assert_same;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{Start, pair, pulls_alike};

#[test]
fn backups_in_the_destination_itself() {
    let pair = pair(Start::Older);
    let deployer = Program::deployer();
    let destination = pair.destination(&deployer);
    let before = Snapshot::take(&destination);
    let absolute = format!("--backup-dir={}", destination.display());
    for directory in ["--backup-dir=a/..", &absolute] {
        let outcome = deployer.pull(&["-a", "-b", directory], &pair.daemon().url("tree/"), &destination);
        assert_eq!(outcome.code(), 1, "{outcome}");
        assert!(outcome.stderr.contains("is the destination itself"), "{outcome}");
        assert_same(directory, &before, &Snapshot::take(&destination));
    }
    let options = ["-a", "-b", &absolute, "--suffix=.before"];
    let outcome = deployer.pull(&options, &pair.daemon().url("tree/"), &destination);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert!(destination.join("big.before").exists());
    assert_eq!(fs::read(destination.join("big")).ok(), fs::read(pair.source().join("big")).ok());
}

#[test]
fn updates_do_not_wait_in_one_directory() {
    let pair = pair(Start::Older);
    let partial = format!("--partial-dir={}", pair.scratch().join("partial").display());
    let deployer = Program::deployer();
    let options = ["-a", "--delay-updates", &partial];
    let outcome = deployer.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&deployer));
    assert_eq!(outcome.code(), 1, "{outcome}");
    assert!(outcome.stderr.contains("files of the same name"), "{outcome}");
}

/// rsync deletes them, and moves backups into a directory of the same name within.
#[test]
fn directories_in_use_are_not_deleted() {
    let program = Program::deployer();
    for when in ["--delete", "--delete-before", "--delete-delay", "--delete-after"] {
        let pair = pair(Start::Older);
        let destination = pair.destination(&program);
        let temporary = destination.join("temporary");
        // The server has such a directory as well.
        fs::create_dir_all(pair.source().join("previous/sub")).expect("memory is large enough");
        fs::create_dir_all(&temporary).expect("memory is large enough");
        fs::write(destination.join("foreign"), "not on the server").expect("memory is large enough");
        let old = fs::read(destination.join("big")).expect("it is there");
        let kept = [destination.join("backups/old/big"), destination.join("backups/old/foreign")];
        let options =
            ["-a", when, "-b", "--backup-dir=backups/old", "-T", "temporary", "--link-dest=previous"];
        for more in ["-t", "-I", "-n"] {
            let options: Vec<&str> = options.iter().copied().chain([more]).collect();
            fs::create_dir_all(destination.join("previous/more")).expect("memory is large enough");
            fs::create_dir_all(destination.join("previous/sub/own")).expect("memory is large enough");
            let outcome = program.pull(&options, &pair.daemon().url("tree/"), &destination);
            assert_eq!(outcome.code(), 0, "{outcome}");
            assert!(temporary.is_dir() && destination.join("previous/more").is_dir(), "{outcome}");
            assert!(destination.join("previous/sub/own").is_dir(), "{outcome}");
            assert!(kept.iter().all(|path| path.exists()), "{options:?}: {outcome}");
            assert!(!destination.join("foreign").exists(), "{outcome}");
        }
        // Only what is replaced for a second time makes way for its successor.
        assert!(fs::read(&kept[0]).ok() != Some(old.clone()), "-I replaced it again");
    }
}

#[test]
fn few_descriptors_and_many_alternates() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    for number in 0..700 {
        let directory = source.join(format!("w{number}"));
        fs::create_dir(&directory).expect("memory is large enough");
        fs::write(directory.join("file"), "content").expect("memory is large enough");
    }
    // Deeper than there are descriptors for others.
    fs::create_dir_all(source.join(vec!["deep"; 60].join("/"))).expect("memory is large enough");
    let alternates = ["a1", "a2", "a3", "a4"].map(|name| {
        for number in 0..700 {
            fs::create_dir_all(scratch.join(name).join(format!("w{number}")))
                .expect("memory is large enough");
        }
        format!("--link-dest=../{name}")
    });
    let daemon = Daemon::serving(&source);
    for (files, more) in [(1024, &alternates[..]), (256, &[])] {
        for form in ["--inc-recursive", "--no-inc-recursive"] {
            let destination = scratch.join("destination");
            let options: Vec<&str> =
                ["-a", form].into_iter().chain(more.iter().map(String::as_str)).collect();
            let program = Program::deployer().with_open_files(files);
            let outcome = program.pull(&options, &daemon.url("tree/"), &destination);
            assert_eq!(outcome.code(), 0, "{files}: {outcome}");
            assert!(destination.join("w699/file").exists(), "{files}: {outcome}");
            fs::remove_dir_all(&destination).expect("it is there");
        }
    }
}

#[test]
fn directories_are_made_only_for_what_goes_there() {
    for option in ["--backup-dir=../kept", "--backup-dir=kept"] {
        for start in [Start::Same, Start::Older] {
            let pair = pair(start);
            pulls_alike(&pair, &format!("{start:?} {option}"), &["-a", "-b", option]);
            let made = pair.scratch().join("kept").exists();
            assert_eq!(made, start == Start::Older && option.contains(".."), "{start:?} {option}");
            let _ = fs::remove_dir_all(pair.scratch().join("kept"));
        }
    }
    let pair = pair(Start::Older);
    let partial = pair.scratch().join("partial");
    pulls_alike(&pair, "partial", &["-a", &format!("--partial-dir={}", partial.display())]);
    assert!(!partial.exists());
    for program in Program::both() {
        let options = ["-a", "-b", "--backup-dir=."];
        let outcome = program.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&program));
        assert_eq!(outcome.code(), 1, "{outcome}");
    }
}
