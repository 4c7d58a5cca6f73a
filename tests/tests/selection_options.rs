//! Which entries are taken: every option onto five starts, with the tree, the exit code and the lines of `-i` as
//! rsync has them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// When the source was made, in seconds since 1970.
const MADE: u64 = 1_600_000_000;

/// What the destination is like before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    Nothing,
    Older,
    Same,
    Newer,
    Foreign,
}

const STARTS: [Start; 5] = [Start::Nothing, Start::Older, Start::Same, Start::Newer, Start::Foreign];

fn write(path: &Path, size: usize, letter: u8) {
    fs::write(path, vec![letter; size]).expect("a file can be written");
}

/// Gives everything below `top` the same time.
fn set_times(top: &Path, seconds: u64) {
    for entry in fs::read_dir(top).expect("a directory can be read").flatten() {
        let kind = entry.file_type().expect("an entry has a kind");
        if kind.is_dir() {
            set_times(&entry.path(), seconds);
        } else {
            set_time(&entry.path(), seconds);
        }
    }
    set_time(top, seconds);
}

fn set_time(path: &Path, seconds: u64) {
    let time = Timespec { tv_sec: i64::try_from(seconds).expect("it is not far away"), tv_nsec: 123_000_000 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("times can be set");
}

fn fill(source: &Path) {
    for dir in ["a/b/c", "d/e", "links", "empty/inside"] {
        fs::create_dir_all(source.join(dir)).expect("a directory can be made");
    }
    for (name, size) in [
        ("top.txt", 100),
        ("large.bin", 5000),
        ("kibi", 1024),
        ("one", 1),
        ("none", 0),
        ("a/f", 10),
        ("a/b/g.txt", 2000),
        ("a/b/c/h", 20),
        ("d/e/i.txt", 30),
        ("d/j", 40),
        ("# hash", 5),
    ] {
        write(&source.join(name), size, b's');
    }
    for (target, name) in [
        ("../top.txt", "links/inside"),
        ("../../outside", "links/outside"),
        ("../a", "links/directory"),
        ("/nonexistent/../etc/hostname", "links/absolute"),
    ] {
        symlink(target, source.join(name)).expect("a link can be made");
    }
    write(&source.join("../outside"), 3, b'o');
    fs::create_dir_all(source.join("../elsewhere/inner")).expect("a directory can be made");
    set_times(source, MADE);
}

fn pair(start: Start) -> Pair {
    begun(Pair::new(fill), start)
}

fn begun(pair: Pair, start: Start) -> Pair {
    if start == Start::Nothing {
        return pair;
    }
    if start != Start::Foreign {
        pair.prepare();
    }
    if start == Start::Older {
        for (name, size) in [("top.txt", 150), ("a/b/g.txt", 2100), ("d/new", 7), ("kibi", 1025)] {
            write(&pair.source().join(name), size, b'n');
            set_time(&pair.source().join(name), MADE + 100);
        }
        set_times(&pair.source().join("d"), MADE + 2);
    }
    for program in Program::both() {
        let here = pair.destination(&program);
        if start == Start::Newer {
            write(&here.join("top.txt"), 100, b'h');
            write(&here.join("a/b/g.txt"), 17, b'h');
            set_times(&here, MADE + 1);
            set_time(&here.join("a/b/g.txt"), MADE + 1000);
            set_time(&here.join("large.bin"), MADE + 1000);
        }
        if start == Start::Foreign {
            fs::create_dir_all(here.join("stranger/deep")).expect("a directory can be made");
            fs::create_dir_all(here.join("real/e")).expect("a directory can be made");
            fs::create_dir_all(here.join("a")).expect("a directory can be made");
            symlink("real", here.join("d")).expect("a link can be made");
            symlink("one", here.join("kibi")).expect("a link can be made");
            write(&here.join("a/b"), 4, b'f');
            write(&here.join("a/f"), 10, b'f');
            write(&here.join("one"), 1, b'f');
            set_times(&here, MADE - 50);
        }
    }
    pair
}

/// Both programs pull the same; `input` is what they read from standard input.
fn alike(pair: &Pair, options: &[&str], paths: &[&str], input: &[u8], what: &str) {
    let list = pair.scratch().file("input", std::str::from_utf8(input).expect("a list is text"), 0o644);
    let options = [options, &["-i"]].concat();
    let [rsync, deployer] = Program::both().map(|program| -> Outcome {
        let mut run = program.invoke("pull", &options).input(File::open(&list).expect("it was written"));
        for path in paths {
            run = run.arg(pair.daemon().url(&format!("tree/{path}")));
        }
        // With a slash at its end, it is a directory whatever comes.
        run.arg(pair.destination(&program).join("")).run()
    });
    let what = format!("{what}: {options:?} {paths:?}");
    assert_eq!(deployer.code(), rsync.code(), "{what}: the exit code is rsync's\n{rsync}\n{deployer}");
    assert_same_lines(&what, &rsync.itemized(), &deployer.itemized());
    for program in Program::both() {
        let _ = fs::create_dir(pair.destination(&program));
    }
    pair.pictures().assert_same(&what);
}

/// Onto every start.
fn everywhere(options: &[&str], paths: &[&str]) {
    everywhere_with(options, paths, b"");
}

fn everywhere_with(options: &[&str], paths: &[&str], input: &[u8]) {
    for start in STARTS {
        alike(&pair(start), options, paths, input, &format!("{start:?}"));
    }
}

#[test]
fn update() {
    for start in [Start::Nothing, Start::Older, Start::Same, Start::Newer] {
        alike(&pair(start), &["-au"], &[""], b"", "update");
    }
}

#[test]
fn existing() {
    everywhere(&["-a", "--existing"], &[""]);
}

#[test]
fn ignore_existing() {
    for start in [Start::Nothing, Start::Older, Start::Same, Start::Newer] {
        alike(&pair(start), &["-a", "--ignore-existing"], &[""], b"", "ignore existing");
    }
}

#[test]
fn neither_new_nor_existing() {
    for start in [Start::Nothing, Start::Older, Start::Newer] {
        alike(&pair(start), &["-a", "--existing", "--ignore-existing"], &[""], b"", "neither");
    }
}

#[test]
fn largest_size() {
    everywhere(&["-a", "--max-size=1k"], &[""]);
    everywhere(&["-a", "--max-size=1KB"], &[""]);
}

#[test]
fn smallest_size() {
    everywhere(&["-a", "--min-size=1k-1"], &[""]);
    everywhere(&["-a", "--min-size", "1k+1"], &[""]);
}

#[test]
fn window_of_times() {
    everywhere(&["-a", "-@1"], &[""]);
    everywhere(&["-a", "--modify-window=-1"], &[""]);
}

#[test]
fn links_to_what_they_lead_to() {
    let followed = |start: Start, options: &[&str], paths: &[&str]| {
        alike(&begun(Pair::in_chroot(fill), start), options, paths, b"", &format!("{start:?}"));
    };
    for start in STARTS {
        followed(start, &["-aL"], &["links/", "a"]);
        followed(start, &["-ak"], &[""]);
    }
    for start in [Start::Nothing, Start::Foreign] {
        followed(start, &["-a", "--copy-unsafe-links"], &["links"]);
    }
}

#[test]
fn links_that_are_passed_over() {
    everywhere(&["-a", "--safe-links"], &[""]);
}

#[test]
fn links_that_lead_nowhere() {
    everywhere(&["-a", "--munge-links"], &["links"]);
    let pair = pair(Start::Nothing);
    alike(&pair, &["-a", "--munge-links"], &["links"], b"", "first");
    alike(&pair, &["-a", "--munge-links"], &["links"], b"", "again");
}

#[test]
fn links_here_that_stand_for_directories() {
    // rsync sets the time of the link, not of the directory.
    everywhere(&["-aKO"], &[""]);
    everywhere(&["-aKO", "--no-inc-recursive"], &["d"]);
}

/// rsync follows it; this is where the two differ.
#[test]
fn links_here_that_lead_out_are_not_followed() {
    let pair = Pair::new(fill);
    let here = pair.destination(&Program::deployer());
    fs::create_dir(&here).expect("a directory can be made");
    let elsewhere = pair.scratch().join("elsewhere");
    for target in ["../elsewhere", elsewhere.to_str().expect("a scratch path is text")] {
        let _ = fs::remove_file(here.join("d"));
        symlink(target, here.join("d")).expect("a link can be made");
        let outcome = Program::deployer().pull(&["-aK"], &pair.daemon().url("tree/"), &here).expect(23);
        assert!(outcome.stderr.contains("is not followed"), "{outcome}");
        assert!(!elsewhere.join("j").exists() && here.join("a/f").exists(), "{outcome}");
        assert!(fs::symlink_metadata(here.join("d")).expect("it is still there").is_symlink());
    }
}

#[test]
fn one_file_system() {
    everywhere(&["-ax"], &[""]);
    everywhere(&["-axx"], &["a/"]);
}

#[test]
fn directories_without_their_content() {
    everywhere(&["-d"], &["a"]);
    everywhere(&["-d"], &["a", "d"]);
    everywhere(&["-dlt"], &[""]);
    everywhere(&["-ltd", "--no-dirs"], &["a/"]);
}

#[test]
fn whole_paths() {
    everywhere(&["-aR"], &["a/b/g.txt"]);
    everywhere(&["-aR"], &["a/b/"]);
    everywhere(&["-aR", "--no-inc-recursive"], &["a/b"]);
}

#[test]
fn whole_paths_from_a_dot_on() {
    everywhere(&["-aR"], &["a/./b/c"]);
    everywhere(&["-aR"], &["./a/b/c/h"]);
    everywhere(&["-lptR"], &["d/e/i.txt"]);
}

#[test]
fn directories_on_the_way() {
    everywhere(&["-aR", "--no-implied-dirs"], &["a/f"]);
    everywhere(&["-aR", "--no-implied-dirs"], &["d/e/i.txt"]);
}

#[test]
fn several_sources() {
    everywhere(&["-a"], &["a", "d"]);
    everywhere(&["-a"], &["a/", "d/"]);
    everywhere(&["-a", "--no-inc-recursive"], &["a/", "d/", "top.txt"]);
    everywhere(&["-aR"], &["a/b/c/", "d/e", "one"]);
}

#[test]
fn patterns_of_sources() {
    everywhere(&["-a"], &["*.txt"]);
    everywhere(&["-aR"], &["*/*/*.txt"]);
    everywhere(&["-a"], &["[ad]"]);
}

#[test]
fn sources_that_are_missing() {
    everywhere(&["-a"], &["a", "missing"]);
    everywhere(&["-a", "--ignore-missing-args"], &["a", "missing"]);
}

const LIST: &[u8] = b"top.txt\n\na/b/g.txt\r\nempty\n/d/j\n./one\nlinks/inside\n";

#[test]
fn a_list_of_files() {
    everywhere_with(&["-a", "--files-from=-"], &[""], LIST);
    everywhere_with(&["-a", "--files-from=-", "--protocol=30"], &[""], LIST);
    everywhere_with(&["-a", "-r", "--files-from=-"], &[""], b"a/b\nempty\n");
}

#[test]
fn a_list_of_files_without_paths() {
    everywhere_with(&["-a", "--files-from=-", "--no-R"], &[""], LIST);
    everywhere_with(&["-a", "--files-from=-", "--no-implied-dirs"], &[""], b"a/b/c/h\nd/e/i.txt\n");
}

#[test]
fn a_list_of_files_below_a_directory() {
    everywhere_with(&["-a", "--files-from=-"], &["a"], b"b/g.txt\nb/./c/h\nb/c/\n../top.txt\n");
    everywhere_with(&["-t", "--files-from=-"], &["a/"], b"b/\nf\n");
}

#[test]
fn lists_with_what_is_missing() {
    everywhere_with(&["-a", "--files-from=-"], &[""], b"# hash\n; no comment\ntop.txt\n*.txt\n");
    everywhere_with(&["-a", "--files-from=-", "--ignore-missing-args"], &[""], b"no/such\ntop.txt\n");
    alike(&pair(Start::Nothing), &["-a", "--files-from=-"], &[""], b"\n\n", "an empty list");
}

#[test]
fn lists_with_nuls() {
    everywhere_with(&["-a", "-0", "--files-from=-"], &[""], b"top.txt\0# hash\0\0a/b\0");
}

#[test]
fn lists_on_the_server() {
    for start in STARTS {
        let pair = pair(start);
        fs::write(pair.source().join("list"), "# a comment\ntop.txt\n; another\na/b/c\n")
            .expect("it can be written");
        fs::write(pair.source().join("list0"), "top.txt\0# hash\0").expect("it can be written");
        alike(&pair, &["-a", "--files-from=:/list"], &[""], b"", "on the server");
        alike(&pair, &["-a", "-0", "--files-from=:/list0"], &[""], b"", "on the server, with NULs");
    }
}

/// More than the buffers of a connection hold.
#[test]
fn long_lists() {
    let pair = Pair::new(fill);
    let many: String =
        (0..1500).map(|number| format!("{}/{number}\n", "no/such/directory".repeat(12))).collect();
    let list = many + "top.txt\n";
    let options = ["-a", "--files-from=-", "--ignore-missing-args"];
    for protocol in ["--protocol=30", "--protocol=32"] {
        alike(&pair, &[&options[..], &[protocol]].concat(), &[""], list.as_bytes(), "a long list");
    }
}

#[test]
fn the_way_to_the_destination() {
    let pair = pair(Start::Nothing);
    for (path, to) in [("a/", "x/y"), ("a", "x/z/"), ("top.txt", "p/q"), ("top.txt", "r/s/")] {
        let [rsync, deployer] = Program::both().map(|program| {
            let to = format!("{}/{to}", pair.destination(&program).display());
            program.pull(
                &["-a", "-i", "--mkpath"],
                &pair.daemon().url(&format!("tree/{path}")),
                Path::new(&to),
            )
        });
        assert_eq!(deployer.code(), rsync.code(), "{path} {to}\n{rsync}\n{deployer}");
        assert_same_lines(to, &rsync.itemized(), &deployer.itemized());
    }
    pair.pictures().assert_same("with all directories on the way");
}

#[test]
fn what_is_refused_says_so() {
    let pair = pair(Start::Nothing);
    let url = pair.daemon().url("tree/");
    let here = pair.destination(&Program::deployer());
    let run = |options: &[&str], urls: &[&str]| {
        let run = Program::deployer().invoke("pull", options);
        urls.iter().fold(run, |run, url| run.arg(url)).arg(&here).run().expect(1).stderr
    };
    assert!(run(&["-a"], &[&url, "rsync://other.example/tree/"]).contains("of the same server"));
    assert!(run(&["-a"], &[&url, "::other/"]).contains("the same module"));
    assert!(run(&["-a", "--files-from=-"], &[&url, "::tree/a"]).contains("one source"));
    assert!(run(&["-a", "--delete-missing-args"], &[&url]).contains("--ignore-missing-args"));
    assert!(run(&["-a", "--max-size=much"], &[&url]).contains("--max-size=much"));
    let outcome =
        Program::deployer().invoke("pull", &["-a"]).arg(pair.daemon().url("tree/a")).arg("::tree/d");
    let _ = outcome.arg(&here).run().expect(0);
    assert!(here.join("a/f").exists() && here.join("d/j").exists());
}
