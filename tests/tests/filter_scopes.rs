//! What rules protect here when the server has nothing: the deletions of rsync, and those that our scopes allow.

use std::fs;
use std::path::Path;

use end_to_end::daemon::Daemon;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rsync_proto::filter::{Filters, MergeFile, Scope};

/// Files of the destination, and what is in those that hold rules.
const FILES: &[(&str, &str)] = &[
    ("../.rules", "- /to/above\n- to/above2\n- everywhere\n"),
    (".rules", "- /anchored\n- inherited\n- s/t\n+ kept.o\n"),
    (".more", "- more\n"),
    (".words", "w1 w2\n#w3\tw4"),
    (".cvsignore", "ignored\n"),
    (".nested", ":e .inner\n- nested\n"),
    (".sided", "- sided\n"),
    (".merging", ". .merged\n"),
    (".merged", "- /anchored\n- merged\n"),
    (".zero", "- one\0- two\0"),
    (".perish", "-p perishable\n"),
    ("plain", ""),
    ("anchored", ""),
    ("inherited", ""),
    ("above", ""),
    ("above2", ""),
    ("everywhere", ""),
    ("kept.o", ""),
    ("gone.o", ""),
    ("more", ""),
    ("w1", ""),
    ("w2", ""),
    ("#w3", ""),
    ("w4", ""),
    ("ignored", ""),
    ("nested", ""),
    ("sided", ""),
    ("merged", ""),
    ("one", ""),
    ("two", ""),
    ("perishable", ""),
    ("core", ""),
    ("d/.rules", "!\n- only\n+ inherited\n"),
    ("d/.inner", "- in-d\n- /rooted\n"),
    ("d/.cvsignore", "d-ignored\n"),
    ("d/only", ""),
    ("d/anchored", ""),
    ("d/inherited", ""),
    ("d/ignored", ""),
    ("d/d-ignored", ""),
    ("d/in-d", ""),
    ("d/rooted", ""),
    ("d/kept.o", ""),
    ("d/perishable", ""),
    ("d/sub/rooted", ""),
    ("d/sub/in-d", ""),
    ("d/sub/only", ""),
    ("e/.rules", "- /anchored\n- last/\n- *.o\n+ kept.o\n"),
    ("e/anchored", ""),
    ("e/inherited", ""),
    ("e/gone.o", ""),
    ("e/kept.o", ""),
    ("e/last/x", ""),
    ("e/s/t", ""),
    ("e/w1", ""),
    ("e/nested", ""),
    ("e/everywhere", ""),
    ("only-perishable/perishable", ""),
    ("only-perishable/core", ""),
    ("cvs/CVS/Root", ""),
    ("cvs/ignored", ""),
];

fn plant(to: &Path) {
    for (name, text) in FILES {
        let path = to.join(name);
        fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written");
    }
}

/// Finds what a receiver deletes to which the server sent an empty tree.
struct Deletion<'a> {
    root: &'a Path,
    deleted: Vec<String>,
}

impl Deletion<'_> {
    /// Whether nothing is left in the directory.
    fn run(&mut self, scope: &Scope, path: &str, name: &str, doomed: bool) -> bool {
        let dir = self.root.join(path);
        let scope = scope
            .enter(name.as_bytes(), &mut |file| {
                let file = match file {
                    MergeFile::Here(name) => dir.join(std::str::from_utf8(name).expect("names are text")),
                    MergeFile::At(path) => {
                        Path::new(std::str::from_utf8(path).expect("names are text")).to_owned()
                    }
                };
                Ok(fs::read(file).ok())
            })
            .expect("the rules are well-formed");
        let mut empty = true;
        for entry in fs::read_dir(&dir).expect("a directory can be read") {
            let entry = entry.expect("a directory can be read");
            let name = entry.file_name().into_string().expect("names are text");
            let is_dir = entry.file_type().expect("it has a type").is_dir();
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let gone = !scope.protects(path.as_bytes(), is_dir, doomed)
                && (!is_dir || self.run(&scope, &path, &name, true));
            if gone {
                self.deleted.push(if is_dir { format!("{path}/") } else { path });
            }
            empty &= gone;
        }
        empty
    }
}

fn filters(options: &[&str], home: &Path) -> Filters {
    let mut filters = Filters::default();
    for option in options {
        let mut read = |name: &[u8]| fs::read(home.join(std::str::from_utf8(name).expect("names are text")));
        match *option {
            "-0" => filters.set_from0(true),
            "-C" => filters.set_cvs_exclude(true),
            "--delete-excluded" => {}
            "-F" => filters.add(b": /.rsync-filter", &mut read).expect("a rule"),
            rule => filters.add(rule.as_bytes(), &mut read).expect("a rule"),
        }
    }
    let own = fs::read(home.join(".cvsignore")).expect("it was written");
    filters.set_cvs_ignored(own, b"from-variable".to_vec());
    filters
}

/// Rules, and options, which begin with a dash and a letter.
const SETS: &[&[&str]] = &[
    &[],
    &["- *.o"],
    &["P *.o", "H plain"],
    &["R kept.o", "- *.o"],
    &["-! */"],
    &["-p core", "-p perishable"],
    &["- core"],
    &["- d/", "- e/last"],
    &["- /d/sub/***"],
    &[": .rules"],
    &[": .rules", "- *.o"],
    &["- kept.o", ": .rules"],
    &[":n .rules"],
    &[":e .rules", ":e .more"],
    &[":p .rules"],
    &[":s .rules", ":r .sided"],
    &[":sr .sided"],
    &[": .rules", "-C"],
    &[": ../.rules"],
    &[": /.rules"],
    &["-F", ": /.rules", ":n ../.rules"],
    &[": .more"],
    &[":w- .words"],
    &[":nw- .words"],
    &[":- .cvsignore"],
    &[":C"],
    &[":C", "-C"],
    &["-C"],
    &["-sC"],
    &["+ core", "-C"],
    &[": .nested"],
    &[": .nested", ": .inner"],
    &[": .merging"],
    &["-0", ": .zero"],
    &[": .perish"],
    &["-/ /nowhere/plain", "-/ to/plain", "-/ to/d/only"],
    &["--delete-excluded", "- *.o", "P core", "-sr plain"],
    &["--delete-excluded", ": .rules", "P kept.o"],
    &["--delete-excluded", ":r- .more", ":- .cvsignore"],
    &["--delete-excluded", "-C"],
    &["--delete-excluded", "-C", ":C"],
];

#[test]
fn what_rsync_deletes_is_what_is_not_protected() {
    let scratch = Scratch::new();
    let (to, home) = (scratch.directory("to"), scratch.directory("home"));
    fs::write(home.join(".cvsignore"), "from-home\nw1").expect("a file can be written");
    let daemon = Daemon::serving(&scratch.directory("source"));
    let mut differ = Vec::new();
    let mut protected = 0;
    for set in SETS {
        plant(&to);
        let mut options = vec!["-r", "--delete", "--out-format=%n"];
        for option in *set {
            match *option {
                "-0" | "-C" | "-F" | "--delete-excluded" => options.push(option),
                rule => options.extend(["-f", rule]),
            }
        }
        let mut deletion = Deletion { root: &to, deleted: Vec::new() };
        let scope = filters(set, &home)
            .receiver(to.to_str().expect("a path of text").as_bytes(), set.contains(&"--delete-excluded"));
        deletion.run(&scope, "", "", false);
        let outcome = Program::rsync()
            .invoke("pull", &options)
            .arg(daemon.url("tree/"))
            .arg(&to)
            .env("HOME", &home.display().to_string())
            .env("CVSIGNORE", "from-variable")
            .run()
            .expect(0);
        let mut expected: Vec<String> = outcome
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("deleting "))
            .map(str::to_owned)
            .collect();
        expected.sort_unstable();
        deletion.deleted.sort_unstable();
        protected += FILES.len().saturating_sub(expected.len());
        let missing: Vec<_> = expected.iter().filter(|name| !deletion.deleted.contains(name)).collect();
        let more: Vec<_> = deletion.deleted.iter().filter(|name| !expected.contains(name)).collect();
        if !missing.is_empty() || !more.is_empty() {
            differ.push(format!("{set:?}: rsync alone deletes {missing:?}, we alone {more:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(protected > 100, "rules were expected to protect more than {protected} names");
}
