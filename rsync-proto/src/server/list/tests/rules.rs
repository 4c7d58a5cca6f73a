//! Rules: what they exclude is not sent, and not walked through.

use super::{SHAPES, terms, told_with, tree};
use crate::server::failure::Failure;
use std::path::Path;

fn ask(dir: &Path, sources: &[&str], relative: bool, lines: &[&str]) -> Vec<String> {
    let mut found: Option<Vec<String>> = None;
    for shape in SHAPES {
        let mut terms = terms(shape);
        terms.request.relative = relative;
        terms.request.paths = sources.iter().map(|path| path.as_bytes().to_vec()).collect();
        let told = told_with(dir, &terms, lines, None).unwrap();
        assert_eq!(told.said, [""; 0]);
        let mut paths = told.paths();
        paths.sort();
        assert_eq!(*found.get_or_insert_with(|| paths.clone()), paths, "{shape:?}");
    }
    found.unwrap()
}

#[test]
fn what_is_excluded_does_not_come() {
    let dir = tree(&["a/x.o", "a/x.c", "b/y.o", "c"]);
    let dir = dir.path();
    assert_eq!(ask(dir, &[""], false, &["- *.o"]), ["./", "a/", "a/x.c", "b/", "c"]);
    assert_eq!(ask(dir, &[""], false, &["- a/", "- /c"]), ["./", "b/", "b/y.o"]);
    assert_eq!(ask(dir, &["a", "c"], false, &["- c"]), ["a/", "a/x.c", "a/x.o"]);
    assert_eq!(ask(dir, &["a/"], false, &["- /a", "- /x.o"]), ["./", "x.c"]);
    assert_eq!(ask(dir, &[""], false, &["+ */", "+ *.c", "- *"]), ["./", "a/", "a/x.c", "b/"]);
    assert_eq!(
        ask(dir, &["a/x.o", "a/x.c"], true, &["- /a/", "- x.c"]),
        ["a/x.o", "a="],
        "the way is not judged"
    );
}

#[test]
fn files_of_rules_count_where_they_lie() {
    let dir = tree(&["a/x.o", "a/x.c", "a/sub/x.o", "b/x.o", "x.o"]);
    std::fs::write(dir.path().join("a/.rules"), "- *.o\n").unwrap();
    let dir = dir.path();
    let lines = [": .rules", "- .rules"];
    let all = ["./", "a/", "a/sub/", "a/x.c", "b/", "b/x.o", "x.o"];
    assert_eq!(ask(dir, &[""], false, &lines), all);
    assert_eq!(ask(dir, &["a"], false, &lines), ["a/", "a/sub/", "a/x.c"]);
    assert_eq!(ask(dir, &["a/sub"], true, &lines), ["a/sub/", "a="]);
}

#[test]
fn rules_that_mean_nothing_end_the_transfer() {
    let dir = tree(&["a/file", "b/.rules/", "c/.rules -> ../../../etc/passwd"]);
    let terms = terms((32, true, true));
    let lines = [": .rules"];
    assert!(told_with(dir.path(), &terms, &lines, None).is_ok(), "what is no file has no rules");
    std::fs::write(dir.path().join("a/.rules"), "what\n").unwrap();
    assert!(matches!(told_with(dir.path(), &terms, &lines, None), Err(Failure::Refused(_))));
}
