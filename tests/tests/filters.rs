//! Pulls with filter rules: what comes, and in which words it is told, as with rsync.

use std::fs;
use std::path::Path;

use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;

const FILES: &[(&str, &str)] = &[
    (".rsync-filter", "- *.tmp\n+ keep.log\n- *.log\n"),
    (".cvsignore", "cvs-*\n"),
    ("a.c", "1"),
    ("a.o", "2"),
    ("a.tmp", "3"),
    ("keep.log", "4"),
    ("other.log", "5"),
    ("core", "6"),
    ("cvs-1", "7"),
    ("src/a.c", "8"),
    ("src/a.o", "9"),
    ("src/.rsync-filter", "+ b.tmp\n- /secret\n"),
    ("src/b.tmp", "10"),
    ("src/c.tmp", "11"),
    ("src/secret", "12"),
    ("src/deep/secret", "13"),
    ("src/deep/cvs-2", "14"),
    ("src/deep/only.o", "15"),
    ("objects/x.o", "16"),
    ("objects/deeper/y.o", "17"),
    ("var/cache/big", "18"),
    ("var/cache/.keep", "19"),
    ("var/log/keep.log", "20"),
    ("var/log/other.log", "21"),
    ("etc/passwd", "22"),
    ("etc/passwd~", "23"),
];

const RULES: &[(&str, &str)] = &[
    ("excludes", "# what is not wanted\n*.o\n+ etc/passwd~\n*~\n\n/var/cache/*\n"),
    ("includes", "*.c\n*/\n- *.tmp\n"),
    ("zeros", "*.o\0*.log\0"),
    ("merged", "- *.tmp\n. nested\n+ */\n"),
    ("nested", "- secret\n: .rsync-filter\n"),
];

fn fill(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written");
    }
    for empty in ["empty/one", "empty/two/three"] {
        fs::create_dir_all(root.join(empty)).expect("a directory can be made");
    }
}

/// With and without incremental recursion.
fn pulls_alike(options: &[&str]) {
    let pair = Pair::new(|source| fill(source, FILES));
    let rules = pair.scratch().directory("rules");
    RULES.iter().for_each(|(name, text)| fs::write(rules.join(name), text).expect("a file can be written"));
    for more in [None, Some("--no-inc-recursive")] {
        let options: Vec<&str> =
            ["-a", "-i"].into_iter().chain(more).chain(options.iter().copied()).collect();
        let [rsync, deployer] = Program::both().map(|program| {
            let destination = pair.destination(&program);
            let _ = fs::remove_dir_all(&destination);
            let run = program.invoke("pull", &options).arg(pair.daemon().url("tree/")).arg(&destination);
            // As a rule, rsync refuses what its own user ignores and the server therefore sends.
            let ignored = if options.contains(&"-f") { "" } else { "*.log" };
            run.within(&rules).env("CVSIGNORE", ignored).run().expect(0)
        });
        assert!(!rsync.itemized().is_empty(), "rsync was expected to do something\n{rsync}");
        assert_same_lines(&format!("{options:?}: -i"), &rsync.itemized(), &deployer.itemized());
        pair.pictures().assert_same(&format!("{options:?}"));
    }
}

#[test]
fn patterns_of_each_kind() {
    pulls_alike(&["--exclude=*.o", "--exclude=/etc/", "--exclude=var/**/other.*"]);
    pulls_alike(&["--exclude=**/deep/***", "--exclude=[ab].[!c]*"]);
    pulls_alike(&["--include=*/", "--include=*.c", "--exclude=*"]);
    pulls_alike(&["-f", "-! */", "-f", "+ x"]);
}

#[test]
fn the_order_counts() {
    pulls_alike(&["--include=a.o", "--exclude=*.o"]);
    pulls_alike(&["--exclude=*.o", "--include=a.o"]);
    pulls_alike(&["--exclude=*.o", "--exclude=!", "--exclude=*.c"]);
    pulls_alike(&["-f", "- *.o", "-f", "clear", "-f", "- *.c"]);
}

#[test]
fn rules_of_each_side() {
    pulls_alike(&["-f", "H *.o", "-f", "P *.c", "-f", "S *.log", "-f", "R *"]);
    pulls_alike(&["-f", "-s *.o", "-f", "-r *.c", "-f", "-p core", "-f", "-sr *.log"]);
}

#[test]
fn files_of_rules() {
    pulls_alike(&["--exclude-from=excludes"]);
    pulls_alike(&["--include=a.o", "--exclude-from=excludes", "--exclude=core"]);
    pulls_alike(&["--include-from=includes", "--exclude=*"]);
    pulls_alike(&["-0", "--exclude-from=zeros", "--no-from0", "--exclude-from=excludes"]);
    pulls_alike(&["-f", "merge merged"]);
    pulls_alike(&["-f", ".s merged", "-f", "- core"]);
}

#[test]
fn files_of_rules_in_each_directory() {
    pulls_alike(&["-F"]);
    pulls_alike(&["-FF"]);
    pulls_alike(&["-F", "--exclude=b.tmp"]);
    pulls_alike(&["--include=c.tmp", "-f", ":n .rsync-filter"]);
    pulls_alike(&["-f", ":e- .cvsignore"]);
}

#[test]
fn what_cvs_ignores() {
    pulls_alike(&["-C"]);
    pulls_alike(&["-C", "--include=core"]);
    pulls_alike(&["-f", ":C"]);
    pulls_alike(&["-f", "-C", "-f", "- etc"]);
}

#[test]
fn empty_directories_are_left_out() {
    pulls_alike(&["-m"]);
    pulls_alike(&["-m", "--exclude=*.o"]);
    pulls_alike(&["-m", "--include=*/", "--include=*.o", "--exclude=*"]);
    pulls_alike(&["-m", "-f", "P empty/one"]);
    pulls_alike(&["-m", "-f", "P two/", "-C", "--exclude=keep.log"]);
    pulls_alike(&["--prune-empty-dirs", "--no-m"]);
}

/// What stands in standard input, or in no file at all.
#[test]
fn rules_from_standard_input() {
    let pair = Pair::new(|source| fill(source, FILES));
    let list = pair.scratch().file("list", "*.o\n*.log\n", 0o600);
    for option in ["--exclude-from=-", "--filter=merge,- -"] {
        for program in Program::both() {
            let input = fs::File::open(&list).expect("it was written");
            let destination = pair.destination(&program);
            let _ = fs::remove_dir_all(&destination);
            let url = pair.daemon().url("tree/");
            let _ = program
                .invoke("pull", &["-a", option])
                .arg(url)
                .arg(destination)
                .input(input)
                .run()
                .expect(0);
        }
        let pictures = pair.pictures();
        pictures.assert_same(option);
        assert!(
            !pictures.deployer.entries.contains_key(b"a.o".as_slice()),
            "{option} was expected to be heard"
        );
    }
    let outcomes = pair.pull(&["-a", "--exclude-from=/nowhere/at/all"]);
    assert_eq!(outcomes.deployer.code(), 11);
}

#[test]
fn listings_have_rules() {
    let pair = Pair::new(|source| fill(source, FILES));
    let [rsync, deployer] = Program::both().map(|program| {
        let options: &[&str] = if program.name() == "rsync" { &["--list-only"] } else { &[] };
        let options = [options, &["-r", "--exclude=*.o", "-F", "-m"]].concat();
        let outcome = program.list(&options, &pair.daemon().url("tree/")).expect(0);
        let names = outcome.stdout.lines().filter_map(|line| line.split(' ').next_back().map(str::to_owned));
        names.collect::<Vec<String>>()
    });
    assert_eq!(deployer, rsync);
    assert!(
        !rsync.iter().any(|name| name.ends_with(".o")) && !rsync.iter().any(|name| name.contains("empty"))
    );
}
