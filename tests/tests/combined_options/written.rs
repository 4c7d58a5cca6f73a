//! What is written into while it is another file's basis, what stands in the way of it, and what is left of it.

use std::fs;
use std::os::unix::fs::symlink;

use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::starts::{Start, pair, pulls_alike};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{assert_content, with_another};

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
