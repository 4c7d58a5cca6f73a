//! Rules of each kind, which the server applies.

use std::fs::File;

use end_to_end::run::Outcome;
use end_to_end::server::Server;
use end_to_end::starts::Start;

use crate::field::{FEW, Field, Job, TURNS, everywhere};
use crate::masks;

everywhere! {
    patterns: "-a", "--exclude=*.o", "--exclude=/rules/var/", "--exclude=patterns/**/one.*";
    stars: "-a", "--exclude=**/deep/***", "--exclude=[ab].[!c]*", "--exclude=p*s/s?ar*";
    only_some: "-a", "--include=*/", "--include=*.c", "--exclude=*";
    only_one_path: "-a", "--include=/rules/", "--include=/rules/src/***", "--exclude=*";
    the_order: "-a", "--include=a.o", "--exclude=*.o", "--exclude=!", "--exclude=*.c";
    classes_of_letters: "-a", "--exclude=[[:digit:]]*-*", "--exclude=[^[:alpha:].]*";
    names_with_backslashes: "-a", "--exclude=star\\*", "--exclude=back\\\\slash", "--exclude=\\[b*";
    anchored: "-a", "--exclude=/a", "--exclude=/rules/*.c", "--exclude=src/secret";
    directories_only: "-a", "--exclude=deep/", "--exclude=one/", "--exclude=a.c/";
    what_does_not_match: "-a", "-f", "-! */", "-f", "+ x";
    all_but_some: "-a", "-f", "-! *.c", "-f", "- */";
    from_the_root: "-a", "-f", "-/ /rules/src";
    hidden: "-a", "-f", "H *.o", "-f", "S *.log", "-f", "P *.c", "-f", "R *";
    of_the_sender: "-a", "-f", "-s *.o", "-f", "+s *.log", "-f", "-r *.c", "-f", "-p core";
    in_each_directory: "-aF";
    in_each_directory_and_not_themselves: "-aFF";
    in_each_directory_after_others: "-aF", "--include=*.tmp";
    in_one_directory_only: "-a", "-f", ":n .rsync-filter";
    in_each_directory_for_the_sender: "-a", "-f", ":s .rsync-filter";
    in_each_directory_without_kinds: "-a", "-f", ":- .cvsignore";
    in_each_directory_excluded_themselves: "-a", "-f", ":e .rsync-filter";
    in_each_directory_as_words: "-a", "-f", ":w- .words";
    in_each_directory_words_that_include: "-a", "-f", ":w+ .words", "-f", "- *.o";
    of_directories_above: "-a", "-f", ": /rules/.rsync-filter";
    of_cvs: "-aC";
    of_cvs_with_others: "-aC", "--include=core", "--exclude=*.c";
    of_cvs_in_each_directory: "-a", "-f", ":C";
    of_cvs_alone: "-a", "-f", "-C", "-f", "- owned";
    of_cvs_without_segments: "-aC", "--no-inc-recursive";
    empty_directories: "-am";
    empty_directories_by_rules: "-am", "--exclude=*.o", "--exclude=secret";
    empty_directories_of_all_kinds: "-am", "--include=*/", "--include=*.o", "--exclude=*";
    empty_directories_at_once: "-am", "--exclude=*.o", "--no-inc-recursive";
}

/// Rules from files of the client.
#[test]
fn from_files() {
    let field = Field::new();
    let rules = field.scratch.file("rules", "# what is not wanted\n*.o\n+ /rules/core\n\n/crowd/*\n", 0o644);
    let merged = field.scratch.file("merged", "- *.tmp\n: .rsync-filter\n+ */\n- *.so\n", 0o644);
    let zeros = field.scratch.file("zeros", "*.o\0*.log\0name with spaces\0", 0o644);
    for options in [
        [format!("--exclude-from={}", rules.display()), "--exclude=core".into()],
        [format!("--filter=merge {}", merged.display()), "--exclude=a.c".into()],
        ["--from0".into(), format!("--exclude-from={}", zeros.display())],
        [format!("--include-from={}", rules.display()), "--exclude=rules/*".into()],
    ] {
        let options = ["-a", "-i", "--stats", &options[0], &options[1]];
        field.turns(&FEW, &Job::rsync(&options));
    }
}

/// Rules count from the root of the transfer, wherever that is in the module.
#[test]
fn below_the_module() {
    let field = Field::new();
    for path in ["rules", "rules/", "rules/src/", "rules/./src"] {
        for options in [
            &["-a", "--exclude=/src/secret", "--exclude=/secret"][..],
            &["-a", "--exclude=/rules/src/x.o"],
            &["-aF"],
            &["-aR", "--exclude=/rules/core", "-F"],
            &["-aC"],
            &["-a", "-f", ": /.rsync-filter"],
        ] {
            let options = [options, &["-i", "--stats"]].concat();
            field.turns(&FEW, &Job::rsync(&options).paths(&[path]));
        }
    }
}

/// More rules than a frame holds, and rules as long as lines may be.
#[test]
fn many_and_long() {
    let field = Field::new();
    let many: String = (0..5000).map(|number| format!("- no-such-name-{number}\n")).collect();
    let long = format!("- {}\n- */{}/*\n- **/*.o\n", "n".repeat(3000), "[!x]?*".repeat(150));
    let rules = field.scratch.file("rules", &(many + &long), 0o644);
    let option = format!("--filter=merge {}", rules.display());
    for (_, _, protocol) in TURNS {
        field.begin(Start::Empty, false);
        let version = format!("--protocol={protocol}");
        let results = field.alike("many", &Job::rsync(&["-a", "-i", "--stats", &option, &version]));
        let tree = &results.tree.entries;
        assert!(tree.contains_key(&b"rules/a.c"[..]) && !tree.contains_key(&b"rules/a.o"[..]));
    }
}

/// A rule that no server can make sense of.
#[test]
fn in_a_directory_and_wrong() {
    let field = Field::with(|root| {
        std::fs::create_dir(root.join("a")).expect("memory is large enough");
        for (name, text) in
            [(".rsync-filter", "- x\n"), ("a/.rsync-filter", "nonsense *.o\n"), ("a/x", ""), ("a/y", "")]
        {
            std::fs::write(root.join(name), text).expect("memory is large enough");
        }
    });
    field.clear();
    let input = field.scratch.file("nothing", "", 0o644);
    let [rsync, own]: [Outcome; 2] = [&field.rsync as &dyn Server, &field.own].map(|server| {
        let run = end_to_end::run::Program::rsync().pulling(
            &["-aF", "-i"],
            &server.url("tree/"),
            &field.destinations()[0],
        );
        run.input(File::open(&input).expect("it was written")).run()
    });
    assert_ne!(rsync.code(), 0, "{rsync}");
    assert_ne!(own.code(), 0, "{own}");
    assert!(masks::errors(&own).iter().any(|line| line.contains("nonsense")), "{own}");
}
