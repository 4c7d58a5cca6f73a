//! What the server may not read, and what changes while it is read.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::field::{FEW, Field, Job};

const NOBODY: u32 = 65_534;

/// A tree in which nobody may read everything.
fn plant(root: &Path) {
    crate::tree::plant(root);
    for (name, mode) in [
        ("a/two", 0o600),
        ("a/deep", 0o700),
        ("b", 0o744),
        ("rules/src/.rsync-filter", 0o600),
        ("crowd/03-3", 0o711),
        ("c/only", 0o000),
        ("list0", 0o640),
    ] {
        fs::set_permissions(root.join(name), Permissions::from_mode(mode)).expect("a mode can be set");
    }
    chown(root.join("c/only"), Some(NOBODY), Some(NOBODY)).expect("an owner can be set");
}

/// Both daemons run by nobody.
fn field() -> Field {
    Field::of(
        plant,
        |module| module.with("uid = 65534").with("gid = 65534").with("numeric ids = no"),
        |plan, scratch| plan.run_as(|program| program.for_nobody(scratch.path())),
    )
}

#[test]
fn files_and_directories() {
    let field = field();
    for options in [
        &["-a"][..],
        &["-aHAX", "--numeric-ids"],
        &["-ac"],
        &["-a", "--delete-after"],
        &["-a", "--delete", "--no-inc-recursive"],
        &["-a", "--delete", "--ignore-errors"],
        &["-az"],
        &["-an"],
        &["-rlt", "--no-inc-recursive"],
    ] {
        let options = [options, &["-i", "--stats"]].concat();
        field.turns(&FEW, &Job::rsync(&options));
    }
}

#[test]
fn what_was_asked_for() {
    let field = field();
    for paths in [&["a/deep/"][..], &["a/deep/three", "big"], &["b/*", "a/two"], &["a/*"], &["kind"]] {
        field.turns(&FEW, &Job::rsync(&["-a", "-i", "--stats"]).paths(paths));
        field.turns(&FEW, &Job::rsync(&["-aR", "-i", "--stats"]).paths(paths));
    }
    let job = Job::rsync(&["-a", "-i", "--files-from=-"]).input(b"a/two\na/deep/three\nbig\nb/empty\n");
    field.turns(&FEW, &job);
    field.clear();
    let [rsync, own] = field.run(&Job::rsync(&["-a", "-0", "--files-from=:/list0"]));
    // rsync's daemon hangs up.
    assert_eq!((rsync.code(), own.code()), (10, 4), "{rsync}\n{own}");
    assert!(own.stderr.contains("/list0: Permission denied"), "{own}");
}

/// A file of rules that cannot be read is told of: what it hides comes.
#[test]
fn files_of_rules() {
    let field = field();
    field.clear();
    let [rsync, own] = field.run(&Job::rsync(&["-aF"]));
    assert_eq!((rsync.code(), own.code()), (23, 23), "{rsync}\n{own}");
    assert!(
        own.stderr.contains("open \"/rules/src/.rsync-filter\" (in tree) failed: Permission denied"),
        "{own}"
    );
}

/// Our client says the same of both. What was deleted before an error is known is luck, so it is done afterwards.
#[test]
fn by_our_client() {
    let field = field();
    for options in [&["-a"][..], &["-aHAX", "--numeric-ids", "--delete-after"], &["-ac"]] {
        let options = [options, &["-i"]].concat();
        field.turns(&FEW, &Job::deployer(&options));
    }
}

/// Files that go away or change between the list and their content: what stays comes, and nothing hangs.
#[test]
fn changing_meanwhile() {
    let field = Field::with(|root| {
        for number in 0..400 {
            let name = root.join(format!("dir-{}/file-{number}", number % 20));
            fs::create_dir_all(name.parent().expect("it lies in the tree")).expect("memory is large enough");
            fs::write(name, vec![7; 20_000]).expect("memory is large enough");
        }
        fs::write(root.join("stays"), "stays").expect("memory is large enough");
    });
    let source = field.source();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let changer = std::thread::spawn(move || {
        let mut turn = 0_usize;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let name = source.join(format!("dir-{}/file-{}", turn % 20, turn % 400));
            match turn / 400 % 4 {
                0 => drop(fs::remove_file(name)),
                1 => drop(fs::write(name, vec![8; turn % 50_000])),
                2 => drop(fs::rename(&name, name.with_extension("moved"))),
                _ => drop(fs::create_dir(name)),
            }
            turn += 1;
            if turn.is_multiple_of(1600) {
                for number in 0..400 {
                    let name = source.join(format!("dir-{}/file-{number}", number % 20));
                    drop(fs::remove_dir(&name));
                    drop(fs::write(name, vec![7; 20_000]));
                }
            }
        }
    });
    for turn in 0..8 {
        field.clear();
        let program = [Job::rsync(&["-ac"]), Job::deployer(&["-a"]), Job::rsync(&["-az"])][turn % 3].clone();
        let [_, own] = field.run(&program);
        assert!([0, 23, 24].contains(&own.code()), "{own}\n{}", field.own.said());
        assert!(field.destinations()[1].join("stays").exists(), "{own}");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    changer.join().expect("changes fail without harm");
}
