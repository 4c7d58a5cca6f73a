//! Names from a list, on either side.

use std::fs;

use crate::field::{FEW, Field, Job};
use crate::tree;

/// What the client reads from standard input, or names in the module.
#[track_caller]
fn listed(options: &[&str], paths: &[&str], input: &[u8]) {
    // Outside of a chroot rsync's daemon loses directories of rules and files below a path.
    let options = [options, &["-i", "--stats", "--numeric-ids"]].concat();
    Field::in_chroot(tree::plant).turns(&FEW, &Job::rsync(&options).paths(paths).input(input));
}

const LIST: &[u8] = b"big\n\na/deep/four\r\nhollow\n/c/only\n./kind\nlinks/file\nname with spaces\n";

#[test]
fn of_the_client() {
    listed(&["-a", "--files-from=-"], &[""], LIST);
    listed(&["-a", "--files-from=-", "--no-inc-recursive"], &[""], LIST);
    listed(&["-t", "--files-from=-"], &[""], LIST);
}

#[test]
fn of_the_client_with_recursion() {
    listed(&["-a", "-r", "--files-from=-"], &[""], b"a/deep\nhollow\nrules/src/\nbig\n");
    listed(&["-a", "-r", "--files-from=-", "--no-inc-recursive"], &[""], b"rules/src\na\nrules/var/\nbig\n");
    listed(&["-a", "-r", "--files-from=-", "--delete"], &[""], b"a/\nb\n");
}

#[test]
fn of_the_client_with_nuls() {
    listed(&["-a", "-0", "--files-from=-"], &[""], b"big\0name with spaces\0\0a/deep\0no\nsuch\0");
}

#[test]
fn of_the_client_without_paths() {
    listed(&["-a", "--no-R", "--files-from=-"], &[""], LIST);
    listed(&["-a", "--no-implied-dirs", "--files-from=-"], &[""], b"a/deep/three\nrules/src/x.o\n");
}

#[test]
fn of_the_client_below_a_directory() {
    listed(&["-a", "--files-from=-"], &["a"], b"deep/three\n./one\ndeep/./four\n../big\n");
    listed(&["-a", "-r", "--files-from=-"], &["rules/"], b"src\nvar/cache/\n/objects\n");
    // What is said of it differs in a slash.
    let field = Field::new();
    field.clear();
    let job = Job::rsync(&["-a", "--files-from=-"]).paths(&["no-such-directory/"]).input(b"one\n");
    let [rsync, own] = field.run(&job);
    assert_eq!((rsync.code(), own.code()), (3, 3), "{rsync}\n{own}");
    assert!(own.stderr.contains("change_dir \"/no-such-directory\" (in tree) failed: No such file"), "{own}");
}

#[test]
fn with_what_is_missing() {
    listed(&["-a", "--files-from=-"], &[""], b"# no comment\n; neither\nbig\n*.so\n../above\n");
    listed(&["-a", "--files-from=-", "--ignore-missing-args"], &[""], b"no/such\nbig\nneither\n");
}

#[test]
fn empty() {
    listed(&["-a", "--files-from=-"], &[""], b"");
    listed(&["-a", "--files-from=-"], &[""], b"\n\n\n");
    listed(&["-a", "--files-from=-"], &[""], b"no/such\n");
}

#[test]
fn the_same_names_again() {
    listed(&["-a", "--files-from=-"], &[""], b"a/one\na/one\na\na/./one\n./a/one\na/two\n");
    listed(&["-aH", "-r", "--files-from=-"], &[""], b"hard\nhard/one\na\n");
}

#[test]
fn with_rules() {
    // rsync's daemon does not look for files of rules where it is given names; ours does, as rsync without a daemon.
    listed(
        &["-a", "-r", "--files-from=-", "--exclude=*.tmp", "--exclude=core"],
        &[""],
        b"rules\nrules/core\nrules/a.tmp\n",
    );
    listed(
        &["-a", "-m", "-r", "--files-from=-", "--exclude=*.o"],
        &[""],
        b"rules/objects\nhollow\nrules/a.o\n",
    );
}

#[test]
fn of_the_server() {
    listed(&["-a", "--files-from=:/list"], &[""], b"");
    listed(&["-a", "--files-from=:list"], &[""], b"");
    listed(&["-a", "-0", "--files-from=:/list0"], &[""], b"");
    listed(&["-a", "-r", "--files-from=:/list", "--no-inc-recursive"], &[""], b"");
    listed(&["-a", "--files-from=:/list", "--no-R"], &[""], b"");
}

#[test]
fn of_the_server_below_a_directory() {
    let field = Field::in_chroot(tree::plant);
    fs::write(field.source().join("a/names"), "one\ndeep/three\n").expect("memory is large enough");
    for (list, path) in [(":/a/names", "a/"), (":/a/names", "a"), (":a/names", "a")] {
        let option = format!("--files-from={list}");
        field.turns(&FEW, &Job::rsync(&["-a", "-i", "--stats", "--numeric-ids", &option]).paths(&[path]));
    }
}

#[test]
fn of_the_server_that_is_missing() {
    for list in ["--files-from=:/no-such-list", "--files-from=:/a", "--files-from=:/links/dangling"] {
        let field = Field::new();
        field.clear();
        let [rsync, own] = field.run(&Job::rsync(&["-a", list]));
        assert_ne!(rsync.code(), 0, "{rsync}");
        assert!(own.code() != 0 && !own.stderr.contains("unexpectedly closed"), "{list}\n{rsync}\n{own}");
    }
}

/// More than any buffer holds, before the server has said anything.
#[test]
fn long() {
    let field = Field::new();
    let mut list: String =
        (0..3000).map(|number| format!("{}/{number}\n", "no/such/directory".repeat(12))).collect();
    list.push_str("big\n");
    for protocol in ["--protocol=30", "--protocol=31", "--protocol=32"] {
        field.clear();
        let job = Job::rsync(&["-a", "-i", "--stats", "--files-from=-", "--ignore-missing-args", protocol]);
        let results = field.alike("long", &job.input(list.as_bytes()));
        assert!(field.destinations()[1].join("big").exists(), "{}", results.own);
    }
}

/// Every entry of the tree by its name, in an order of chance.
#[test]
fn of_everything_in_some_order() {
    let field = Field::new();
    let mut names = Vec::new();
    end_to_end::at::walk(&field.source(), &mut |walked| {
        names.push(walked.path);
        Ok(())
    })
    .expect("a tree can be walked");
    let mut random = end_to_end::random::Random::new(50);
    for turn in 0..3 {
        for at in (1..names.len()).rev() {
            names.swap(at, random.below(at + 1));
        }
        let mut list = names.join(&b'\n');
        list.push(b'\n');
        for options in [
            &["-aH", "--stats"][..],
            &["-a", "--stats", "--no-inc-recursive"],
            // What is named and met as well counts twice with rsync.
            &["-a", "-r"],
            &["-a", "--stats", "--no-implied-dirs"],
        ] {
            let options = [options, &["-i", "--files-from=-"]].concat();
            field.turns(&FEW[..1 + turn % 2], &Job::rsync(&options).input(&list));
        }
    }
}
