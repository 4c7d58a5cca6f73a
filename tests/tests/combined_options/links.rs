//! Hard links with what is passed over, added to, delayed or elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use end_to_end::daemon::Daemon;
use end_to_end::pair::Pair;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::pulls_alike;

use crate::dated;

#[test]
fn hard_links_of_what_is_passed_over() {
    let fill = |root: &Path| {
        for name in ["one", "two", "three"] {
            fs::write(root.join(format!("{name}-a")), name).expect("memory is large enough");
            for other in ["b", "c"] {
                let link = root.join(format!("{name}-{other}"));
                fs::hard_link(root.join(format!("{name}-a")), link).expect("links can be made");
            }
        }
    };
    for options in [
        &["-aH", "--ignore-existing"][..],
        &["-aH", "--existing"],
        &["-aH", "--existing", "--ignore-existing"],
    ] {
        let pair = Pair::new(fill);
        for program in Program::both() {
            let root = pair.destination(&program);
            fs::create_dir(&root).expect("memory is large enough");
            for name in ["one-b", "two-a", "three-a", "three-c"] {
                fs::write(root.join(name), "somebody's").expect("memory is large enough");
            }
        }
        let _ = pair.pull(options);
        pair.pictures().assert_same(&format!("{options:?}"));
        if options.contains(&"--ignore-existing") {
            for program in Program::both() {
                let root = pair.destination(&program);
                for name in ["one-b", "two-a", "three-a", "three-c"] {
                    assert_eq!(fs::read(root.join(name)).ok().as_deref(), Some(&b"somebody's"[..]), "{name}");
                }
            }
        }
    }
}

#[test]
fn hard_links_with_another_directory() {
    let pull = |kind: &str, other: &str, more: &[&str]| {
        let pair = Pair::new(|root| {
            fs::create_dir(root.join("d")).expect("memory is large enough");
            fs::write(root.join("one"), "several names").expect("memory is large enough");
            fs::write(root.join("four"), "one name").expect("memory is large enough");
            for name in ["d/two", "three"] {
                fs::hard_link(root.join("one"), root.join(name)).expect("it is on the same file system");
            }
        });
        let alternate = pair.scratch().join("other");
        let options = ["-aH", "--numeric-ids"];
        assert_eq!(Program::rsync().pull(&options, &pair.daemon().url("tree/"), &alternate).code(), 0);
        let three = alternate.join("three");
        match other {
            "same" => {}
            "not all" => fs::remove_file(&three).expect("it is there"),
            "split" => {
                let content = fs::read(&three).expect("it is there");
                let time = fs::metadata(&three).and_then(|meta| meta.modified()).expect("it is there");
                fs::remove_file(&three).expect("it is there");
                fs::write(&three, content).expect("memory is large enough");
                let file = fs::File::options().write(true).open(&three).expect("it is there");
                file.set_modified(time).expect("times can be set");
            }
            _ => {
                fs::remove_file(alternate.join("one")).expect("it is there");
                fs::write(alternate.join("one"), "another").expect("memory is large enough");
            }
        }
        let option = format!("--{kind}-dest=../other");
        let options: Vec<&str> =
            options.iter().copied().chain([&option[..]]).chain(more.iter().copied()).collect();
        if other == "not all" && kind == "compare" {
            // rsync waits for itself. Names are left out as long as all are elsewhere.
            let program = Program::deployer();
            let outcome = program.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&program));
            assert_eq!(outcome.code(), 0, "{outcome}");
            let found = Snapshot::take(&pair.destination(&program)).entries.into_keys();
            assert_eq!(found.collect::<Vec<_>>(), [&b""[..], b"d", b"d/two", b"three"], "{outcome}");
        } else if other == "first differs" && kind != "link" {
            // What rsync tells of the other names depends on whether the content of the first has come by then.
            let _ = pair.pull(&options);
            pair.pictures().assert_same(&format!("{other} {options:?}"));
        } else {
            pulls_alike(&pair, &format!("{other} {options:?}"), &options);
        }
    };
    for kind in ["link", "copy", "compare"] {
        pull(kind, "same", &["-n"]);
        for other in ["same", "not all", "split", "first differs"] {
            for more in [&[][..], &["-i"]] {
                pull(kind, other, more);
            }
        }
    }
}

/// A small tree with hard links, and one in both destinations.
fn with_links(fill: impl Fn(&Path)) -> Pair {
    let pair = Pair::new(|root| {
        fs::create_dir(root.join("a")).expect("memory is large enough");
        dated(&root.join("a/f"), "1", 1_000_000_000);
        fs::hard_link(root.join("a/f"), root.join("a/g")).expect("it is on the same file system");
        symlink("a/f", root.join("l")).expect("links can be made");
        fs::hard_link(root.join("l"), root.join("l2")).expect("it is on the same file system");
    });
    for program in Program::both() {
        let root = pair.destination(&program);
        fs::create_dir_all(root.join("a")).expect("memory is large enough");
        fill(&root);
    }
    pair
}

#[test]
fn what_is_only_added_to_is_no_leader() {
    for option in ["--append", "--append-verify"] {
        let pair = with_links(|root| {
            dated(&root.join("a/f"), "X", 900_000_000);
            dated(&root.join("a/g"), "1", 1_000_000_000);
        });
        pulls_alike(&pair, option, &["-aH", option]);
    }
}

#[test]
fn other_names_are_told_of_by_what_was_there() {
    for options in [
        &["-aH", "--delay-updates"][..],
        &["-aH"],
        &["-rlH"],
        &["-rlH", "-n"],
        &["-rlHc"],
        &["-rlH", "--size-only"],
        &["-rlH", "--delay-updates"],
    ] {
        for size in ["X", "longer"] {
            let pair = with_links(|root| {
                dated(&root.join("a/f"), size, 900_000_000);
                dated(&root.join("a/g"), size, 900_000_000);
                symlink("elsewhere", root.join("l2")).expect("links can be made");
            });
            let both = pulls_alike(&pair, &format!("{options:?}"), options);
            let created = |outcome: &Outcome| outcome.stats().get("Number of created files");
            assert_eq!(created(&both.rsync), created(&both.deployer), "{options:?}");
        }
    }
}

/// A file of a lower layer with several names becomes another one when it gets one more.
#[test]
fn hard_links_on_layers() {
    let scratch = Scratch::new();
    let [source, lower, upper, work, merged] =
        ["source", "lower", "upper", "work", "merged"].map(|name| scratch.directory(name));
    for (root, others) in [(&source, &["b", "c"][..]), (&lower, &["b"])] {
        dated(&root.join("a"), "the same", 1_000_000_000);
        for other in others {
            fs::hard_link(root.join("a"), root.join(other)).expect("links can be made");
        }
    }
    let [lower, upper_dir, work, merged_dir] = [&lower, &upper, &work, &merged].map(|path| path.display());
    let program = Program::deployer().in_own_mounts(&format!(
        "mount -t overlay overlay -o lowerdir={lower},upperdir={upper_dir},workdir={work},index=off {merged_dir}"
    ));
    let daemon = Daemon::serving(&source);
    let outcome = program.pull(&["-aH"], &daemon.url("tree/"), &merged);
    assert_eq!(outcome.code(), 0, "{outcome}");
    let new = fs::read_to_string(upper.join("c")).expect("it was linked in the upper layer");
    assert_eq!(new, "the same", "{outcome}");
}
