//! Options that meet, where one changes what another may do: what is written into while it is another file's basis,
//! what stands in the way of it, backups in the destination itself, and hard links of what is passed over.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::daemon::Daemon;
use end_to_end::diff::assert_same;
use end_to_end::pair::Pair;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::{Start, alike, pair, pulls_alike};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// A pair with another directory beside it, in which some files are as on the server and others begin like them.
fn with_another(start: Start) -> Pair {
    let pair = pair(start);
    let other = pair.scratch().join("other");
    let outcome = Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &other);
    assert_eq!(outcome.code(), 0);
    for name in ["big", "a/two", "b/lib-1.2.so"] {
        let mut content = fs::read(other.join(name)).expect("it is there");
        let middle = content.len() / 2;
        content[middle..middle + 3000].fill(1);
        content.extend([2; 9000]);
        fs::write(other.join(name), content).expect("memory is large enough");
    }
    for name in ["a/one", "a/deep/three"] {
        let content = fs::read(other.join(name)).expect("it is there");
        fs::write(other.join(name), &content[..content.len() / 2]).expect("memory is large enough");
    }
    pair
}

/// The content of both destinations is the server's, byte by byte.
fn assert_content(pair: &Pair, what: &str, programs: &[Program]) {
    let kinds = |root: &Path| -> Vec<_> {
        Snapshot::take(root).entries.into_iter().map(|(path, entry)| (path, entry.kind)).collect()
    };
    let source = kinds(&pair.source());
    for program in programs {
        assert!(
            kinds(&pair.destination(program)) == source,
            "{what}: {} has another content",
            program.name()
        );
    }
}

#[test]
fn written_in_place_from_another_basis() {
    for start in [Start::Empty, Start::Older] {
        for more in ["--copy-dest=../other", "--link-dest=../other", "-y", "-yy"] {
            for way in ["--inplace", "--append", "--append-verify"] {
                if way != "--inplace" && start != Start::Empty {
                    // Files that were changed at their beginning stay so, in both.
                    continue;
                }
                let pair = with_another(start);
                // Something similar to a file that is missing.
                for program in Program::both() {
                    let root = pair.destination(&program);
                    if start == Start::Older {
                        fs::rename(root.join("big"), root.join("big.old")).expect("it is there");
                    }
                }
                let what = format!("{start:?} {way} {more}");
                let _ = pair.pull(&["-a", "-I", "--no-W", way, more]);
                for program in Program::both() {
                    let root = pair.destination(&program);
                    let _ = fs::remove_file(root.join("big.old"));
                }
                // Not for rsync: it goes on with files of which it has nothing.
                assert_content(&pair, &what, &[Program::deployer()]);
            }
        }
    }
}

#[test]
fn written_in_place_of_something_else() {
    for options in [&["-a", "--inplace"][..], &["-a", "--append"], &["-a", "--append-verify"], &["-a"]] {
        let pair = pair(Start::Same);
        for program in Program::both() {
            let root = pair.destination(&program);
            for name in ["a/one", "kind", "big"] {
                fs::remove_file(root.join(name)).expect("it is there");
            }
            symlink("nowhere", root.join("a/one")).expect("links can be made");
            symlink("a/two", root.join("kind")).expect("links can be made");
            mknodat(CWD, root.join("big"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("root may");
        }
        pulls_alike(&pair, &format!("{options:?}"), options);
        assert_content(&pair, &format!("{options:?}"), &Program::both());
    }
}

#[test]
fn a_similar_file_that_becomes_a_directory() {
    let pair = Pair::new(|root| {
        fs::create_dir_all(root.join("d/name")).expect("memory is large enough");
        fs::write(root.join("d/name1"), [5; 20_000]).expect("memory is large enough");
        fs::write(root.join("d/name2"), [6; 20_000]).expect("memory is large enough");
    });
    for program in Program::both() {
        let root = pair.destination(&program);
        fs::create_dir_all(root.join("d")).expect("memory is large enough");
        fs::write(root.join("d/name"), [5; 19_000]).expect("memory is large enough");
    }
    let _ = pair.pull(&["-a", "-y"]);
    assert_content(&pair, "fuzzy", &Program::both());
}

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
fn nothing_stays_where_there_is_no_room() {
    let pair = Pair::new(|root| {
        let file = fs::File::create(root.join("huge")).expect("memory is large enough");
        file.set_len(1 << 50).or_else(|_| file.set_len(1 << 42)).expect("holes are free");
    });
    let deployer = Program::deployer();
    let destination = pair.destination(&deployer);
    let outcome = deployer.pull(&["-a", "--preallocate"], &pair.daemon().url("tree/"), &destination);
    assert_ne!(outcome.code(), 0, "{outcome}");
    assert_eq!(fs::read_dir(&destination).map_or(0, Iterator::count), 0, "{outcome}");
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

#[test]
fn a_checksum_each_for_what_is_compared_and_transferred() {
    for choice in ["md5,xxh64", "xxh128,md5", "sha1,md4"] {
        alike(Start::Older, false, &["-ac", "-B", "1.5k", &format!("--checksum-choice={choice}")]);
        alike(Start::Same, false, &["-ac", "-B0", &format!("--cc={choice}")]);
    }
}

#[test]
fn what_stands_in_place_of_a_directory() {
    let starts = [
        (&["-a", "--ignore-existing"][..], 23),
        (&["-a", "--existing", "--ignore-existing"], 23),
        (&["-a", "--ignore-existing", "--no-r", "-d"], 0),
        (&["-a"], 0),
    ];
    for (options, code) in starts {
        let pair = Pair::new(|root| {
            fs::create_dir_all(root.join("d/below")).expect("memory is large enough");
            fs::write(root.join("d/below/file"), "new").expect("memory is large enough");
            fs::write(root.join("e"), "new").expect("memory is large enough");
        });
        for program in Program::both() {
            let root = pair.destination(&program);
            fs::create_dir(&root).expect("memory is large enough");
            fs::write(root.join("d"), "somebody's").expect("memory is large enough");
        }
        let both = pair.pull(options);
        // The lines are not compared: rsync has one for `d/below/`, which it could not make.
        assert_eq!(both.rsync.code(), code, "{options:?}: {}", both.rsync);
        pair.pictures().assert_same(&format!("{options:?}"));
    }
}

#[test]
fn what_is_left_of_a_file_goes_when_it_is_complete() {
    for (start, more) in [
        (Start::Older, "-W"),
        (Start::Empty, "-W"),
        (Start::Same, "-t"),
        (Start::Empty, "--copy-dest=../other"),
        (Start::Empty, "--link-dest=../other"),
    ] {
        let pair = pair(start);
        // One that is exact: from a similar file in it rsync makes a wrong one first, when there is a partial file.
        let outcome =
            Program::rsync().pull(&["-a"], &pair.daemon().url("tree/"), &pair.scratch().join("other"));
        assert_eq!(outcome.code(), 0);
        for program in Program::both() {
            let root = pair.destination(&program);
            for name in ["big", "a/two", "a/deep/four"] {
                let content = fs::read(pair.source().join(name)).expect("it is there");
                let place = root.join(name);
                let room = place.parent().expect("it is below the root").join(".part");
                fs::create_dir_all(&room).expect("memory is large enough");
                fs::write(
                    room.join(place.file_name().expect("it has a name")),
                    &content[..content.len() / 3],
                )
                .expect("memory is large enough");
            }
        }
        let options = ["-a", "--partial-dir=.part", more];
        if more.starts_with("--") {
            // rsync leaves what is left of a file that it takes from elsewhere.
            let _ = pair.pull(&options);
        } else {
            pulls_alike(&pair, &format!("{start:?} {more}"), &options);
        }
        assert_content(&pair, &format!("{start:?} {more}"), &[Program::deployer()]);
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

fn dated(path: &Path, content: &str, seconds: u64) {
    fs::write(path, content).expect("memory is large enough");
    let file = fs::File::options().write(true).open(path).expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("times can be set");
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
fn deletion_with_a_list_of_names() {
    for options in [&["-a", "--delete"][..], &["-a", "-r", "--delete"], &["-a", "--delete-after"]] {
        let pair = Pair::new(|root| {
            fs::create_dir_all(root.join("d/e")).expect("memory is large enough");
            dated(&root.join("d/f"), "1", 1_000_000_000);
        });
        for program in Program::both() {
            let root = pair.destination(&program);
            fs::create_dir_all(root.join("d/e")).expect("memory is large enough");
            for name in ["g", "d/g", "d/e/g"] {
                fs::write(root.join(name), "foreign").expect("memory is large enough");
            }
        }
        let names = pair.scratch().join("names");
        for text in ["d/\n", "d\n", "d/f\n", "d/e/\nd/\n"] {
            fs::write(&names, text).expect("memory is large enough");
            let from = format!("--files-from={}", names.display());
            let options: Vec<&str> = options.iter().copied().chain([&from[..]]).collect();
            pulls_alike(&pair, &format!("{text:?} {options:?}"), &options);
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
