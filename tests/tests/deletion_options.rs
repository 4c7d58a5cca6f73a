//! What is deleted, when, and what is not: rsync says what the result has to be, but where something is mounted.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::daemon::{Module, Plan};
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{ALL, Start, alike, pair, plant_foreign, pulls_alike};

/// From every start, with foreign entries and without.
fn everywhere(options: &[&str]) {
    for start in ALL {
        alike(start, true, options);
    }
    alike(Start::Older, false, options);
}

#[test]
fn delete() {
    everywhere(&["-a", "--delete"]);
}

#[test]
fn delete_before() {
    everywhere(&["-a", "--delete-before"]);
}

#[test]
fn delete_during() {
    everywhere(&["-a", "--delete-during"]);
}

#[test]
fn delete_by_its_short_name() {
    alike(Start::Older, true, &["-a", "--del"]);
}

#[test]
fn delete_delay() {
    everywhere(&["-a", "--delete-delay"]);
}

#[test]
fn delete_after() {
    everywhere(&["-a", "--delete-after"]);
}

#[test]
fn delete_without_segments() {
    for when in ["--delete", "--delete-delay", "--delete-after"] {
        alike(Start::Older, true, &["-a", when, "--no-inc-recursive"]);
    }
}

#[test]
fn delete_in_a_dry_run() {
    for when in ["--delete", "--delete-before", "--delete-delay", "--delete-after"] {
        alike(Start::Older, true, &["-a", "-n", when]);
    }
    alike(Start::Empty, false, &["-a", "-n", "--delete"]);
}

#[test]
fn delete_without_times() {
    for when in ["--delete", "--delete-after"] {
        alike(Start::Older, true, &["-rlp", when]);
        alike(Start::Older, true, &["-a", "-O", when]);
    }
}

#[test]
fn delete_in_one_directory() {
    alike(Start::Older, true, &["-lptd", "--delete"]);
    alike(Start::Same, true, &["-lptd", "--delete-after"]);
}

#[test]
fn at_most_so_many() {
    // How many are left, and which directories stay with what is in them. Of what stays for another reason rsync tells
    // twice.
    let told = |outcome: &Outcome| -> BTreeSet<String> {
        let lines = outcome.stdout.lines().chain(outcome.stderr.lines());
        let lines = lines.map(|line| line.trim_start_matches("deployer: "));
        let told =
            lines.filter(|line| line.starts_with("cannot delete") || line.starts_with("Deletions stopped"));
        told.map(str::to_owned).collect()
    };
    for most in ["0", "1", "3", "7", "100", "-1"] {
        for when in ["--delete", "--delete-after", "--delete-delay"] {
            let most = format!("--max-delete={most}");
            for options in [&["-a", when, &most][..], &["-a", when, &most, "--filter=P *.me"]] {
                let (_, both) = alike(Start::Older, true, options);
                assert_eq!(told(&both.rsync), told(&both.deployer), "{options:?}");
            }
        }
    }
}

#[test]
fn protected_by_rules() {
    for when in ["--delete", "--delete-before", "--delete-delay", "--delete-after"] {
        alike(Start::Older, true, &["-a", when, "--exclude=keep.me"]);
        alike(Start::Same, true, &["-a", when, "--filter=P *.me", "--filter=P /foreign/1"]);
        alike(Start::Same, true, &["-a", when, "--filter=H keep.me"]);
        alike(Start::Same, true, &["-a", when, "--exclude=keep.me", "--delete-excluded"]);
        alike(Start::Same, true, &["-a", when, "--include=*/", "--exclude=/foreign/**", "--exclude=a/*~"]);
    }
    alike(Start::Same, true, &["-a", "--delete-excluded", "--exclude=a/deep", "--filter=P extra"]);
}

#[test]
fn protected_by_files_of_rules() {
    for options in [
        ["-F", "--delete"],
        ["--filter=: .rules", "--delete-after"],
        ["-FF", "--delete"],
        ["-FF", "--delete-before"],
    ] {
        let pair = pair(Start::Same);
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let set_time = |path: &Path| {
            let file = fs::File::open(path).expect("it is there");
            file.set_modified(long_ago).expect("times can be set");
        };
        let write_rules = |root: &Path| {
            for name in [".rsync-filter", ".rules"] {
                let path = root.join("a").join(name);
                fs::write(&path, "P extra\n- *.me\n").expect("memory is large enough");
                set_time(&path);
            }
        };
        for program in Program::both() {
            let root = pair.destination(&program);
            plant_foreign(&root);
            write_rules(&root);
        }
        write_rules(&pair.source());
        // No time of a moment in which something was deleted is the same as this.
        set_time(&pair.source().join("a"));
        pulls_alike(&pair, &format!("{options:?}"), &["-a", options[0], options[1]]);
    }
}

/// rsync has forgotten the rules of a directory by the time at which it deletes what it found there.
#[test]
fn files_of_rules_count_at_the_end_too() {
    let pair = pair(Start::Same);
    let program = Program::deployer();
    let root = pair.destination(&program);
    plant_foreign(&root);
    fs::write(root.join("a/.rules"), "- *.me\n").expect("memory is large enough");
    fs::write(pair.source().join("a/.rules"), "- *.me\n").expect("memory is large enough");
    let options = ["-a", "-i", "--filter=: .rules", "--delete-delay"];
    let outcome = program.pull(&options, &pair.daemon().url("tree/"), &root);
    assert_eq!(outcome.code(), 0, "{outcome}");
    assert!(root.join("a/deep/extra dir/keep.me").exists() && !root.join("a/extra").exists(), "{outcome}");
    assert!(!root.join("keep.me").exists(), "the rules are those of one directory\n{outcome}");
}

#[test]
fn backups_are_kept_from_deletion() {
    for when in ["--delete", "--delete-after", "--delete-delay"] {
        alike(Start::Older, true, &["-a", when, "-b"]);
        alike(Start::Older, true, &["-a", when, "-b", "--suffix=.old"]);
        alike(Start::Older, true, &["-a", when, "--backup-dir=../kept"]);
        alike(Start::Older, true, &["-a", when, "--backup-dir=.kept", "--exclude=/.kept"]);
        alike(Start::Older, true, &["-a", "--delete-excluded", "-b", "--exclude=extra"]);
    }
}

#[test]
fn something_else_stands_there() {
    // Without any of these, what is not empty stays.
    alike(Start::Same, true, &["-a"]);
    alike(Start::Same, true, &["-a", "--force"]);
    alike(Start::Same, true, &["-a", "--force", "-n"]);
    alike(Start::Same, true, &["-a", "--delete", "--exclude=a directory"]);
    alike(Start::Older, true, &["-aH", "--force"]);
}

#[test]
fn where_directories_are_needed() {
    let pair = pair(Start::Same);
    let [rsync, deployer] = Program::both().map(|program| {
        program.pull(&["--delete", "-lpt"], &pair.daemon().url("tree/"), &pair.destination(&program))
    });
    assert_eq!((rsync.code(), deployer.code()), (1, 1), "{rsync}\n{deployer}");
    assert!(deployer.stderr.contains("add -r or -d"), "{deployer}");
}

/// Nothing is deleted where the server's list may lack something: a directory that it cannot read.
#[test]
fn after_an_error_of_the_server() {
    for when in ["--delete", "--delete-before", "--delete-delay", "--delete-after"] {
        for ignore in [&[][..], &["--ignore-errors"]] {
            let pair = pair(Start::Same);
            for program in Program::both() {
                plant_foreign(&pair.destination(&program));
            }
            let locked = pair.source().join("a");
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).expect("it is root's");
            let module = Module::new("tree", &pair.source()).with("uid = 65534").with("gid = 65534");
            let daemon = Plan::new().serve(module).start();
            let options = [&["-a", "-i", when], ignore].concat();
            let [rsync, deployer] = Program::both()
                .map(|program| program.pull(&options, &daemon.url("tree/"), &pair.destination(&program)));
            assert_eq!((rsync.code(), deployer.code()), (23, 23), "{rsync}\n{deployer}");
            let there = pair.destination(&Program::deployer());
            assert!(there.join("a/extra").exists() == ignore.is_empty(), "{options:?}\n{deployer}");
            // rsync deletes at the end what it found before the error; here, an error is one wherever it comes.
            if !ignore.is_empty() || when == "--delete-before" || when == "--delete-after" {
                pair.pictures().assert_same(&format!("{options:?}"));
            }
        }
    }
}

/// What is mounted in the destination is another's, unless the list has it.
#[test]
fn mounts_are_not_emptied() {
    for when in ["--delete", "--delete-before", "--delete-delay", "--delete-after"] {
        let pair = pair(Start::Same);
        let program = Program::deployer().in_own_mounts(&format!(
            "mount -t tmpfs none {0}/foreign/1 && echo kept > {0}/foreign/1/file && \
             mount -t tmpfs none {0}/b && cp -a {0}/a/one {0}/b/extra && mkdir -p {1} && \
             mount --bind {0} {1}",
            pair.destination(&Program::deployer()).display(),
            pair.scratch().join("seen").display(),
        ));
        let destination = pair.destination(&Program::deployer());
        plant_foreign(&destination);
        let outcome = program.pull(&["-a", "-i", when], &pair.daemon().url("tree/"), &destination);
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert!(outcome.stdout.contains("cannot delete mount point: foreign/1"), "{outcome}");
        let lines = outcome.itemized();
        assert!(lines.iter().any(|line| line.ends_with(" b/extra")), "{outcome}");
        assert!(lines.iter().any(|line| line.ends_with(" foreign/keep.me")), "{outcome}");
        assert!(!lines.iter().any(|line| line.ends_with(" foreign/1/file")), "{outcome}");
        assert!(destination.join("foreign/1").is_dir() && !destination.join("foreign/keep.me").exists());
    }
}

#[test]
fn a_directory_of_somebody_else_cannot_be_deleted() {
    let pair = pair(Start::Same);
    let destinations = Program::both().map(|program| pair.destination(&program));
    for destination in &destinations {
        plant_foreign(destination);
        let chown =
            |path: &str| Command::new("chown").args(["-R", "65534"]).arg(destination.join(path)).status();
        assert!(chown("").expect("chown is there").success());
        let root = Command::new("chown").args(["-R", "0"]).arg(destination.join("foreign")).status();
        assert!(root.expect("chown is there").success());
    }
    let programs = pair.scratch().directory("programs");
    let outcomes = Program::both().map(|program| {
        let destination = pair.destination(&program);
        program.for_nobody(&programs).pull(
            &["-rlpt", "-i", "--delete"],
            &pair.daemon().url("tree/"),
            &destination,
        )
    });
    let [rsync, deployer] = &outcomes;
    assert_eq!((rsync.code(), deployer.code()), (23, 23), "{rsync}\n{deployer}");
    end_to_end::diff::assert_same_lines("another's", &rsync.itemized(), &deployer.itemized());
    let [rsync, deployer] = destinations.map(|destination| Snapshot::take(&destination));
    end_to_end::diff::assert_same_except(&[end_to_end::diff::Aspect::Times], "another's", &rsync, &deployer);
}
