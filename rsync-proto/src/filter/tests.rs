//! Lists of rules and scopes, with files that are made up.

use std::collections::HashMap;
use std::io;

use super::*;

fn no_files(_: &[u8]) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

fn filters(rules: &[&str]) -> Filters {
    let mut filters = Filters::default();
    for rule in rules {
        filters.add(rule.as_bytes(), &mut no_files).unwrap();
    }
    filters
}

fn sent(filters: &Filters, protocol: u8, delete_excluded: bool) -> Vec<String> {
    let mut bytes = &filters.on_wire(protocol, delete_excluded)[..];
    let mut rules = Vec::new();
    loop {
        let (len, rest) = bytes.split_first_chunk::<4>().unwrap();
        let (rule, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        if rule.is_empty() {
            assert!(rest.is_empty());
            return rules;
        }
        rules.push(String::from_utf8(rule.to_vec()).unwrap());
        bytes = rest;
    }
}

/// Merge files by the directory or path that they lie at.
struct Files(HashMap<&'static str, &'static str>);

impl Files {
    fn new(files: &[(&'static str, &'static str)]) -> Self {
        Self(files.iter().copied().collect())
    }

    /// The scope inside of a directory, entered from the root.
    fn enter(&self, filters: &Filters, delete_excluded: bool, path: &str) -> Result<Scope, FilterError> {
        let mut scope = filters.receiver(b"/mnt/to", delete_excluded);
        let mut at = String::new();
        for name in [""].into_iter().chain(path.split('/').filter(|name| !name.is_empty())) {
            if !name.is_empty() {
                at += name;
                at.push('/');
            }
            scope = scope.enter(name.as_bytes(), &mut |file| {
                let path = match file {
                    MergeFile::Here(name) => format!("{at}{}", String::from_utf8_lossy(name)),
                    MergeFile::At(path) => String::from_utf8_lossy(path).into_owned(),
                };
                Ok(self.0.get(&*path).map(|text| text.as_bytes().to_vec()))
            })?;
        }
        Ok(scope)
    }
}

fn protected(scope: &Scope, path: &str) -> bool {
    let (path, is_dir) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
    scope.protects(path.as_bytes(), is_dir, false)
}

#[test]
fn the_first_rule_that_matches_counts() {
    let scope = filters(&["+ a.o", "- *.o", "-! */", "R x/"]).receiver(b"/mnt", false);
    assert!(!protected(&scope, "a.o") && protected(&scope, "d/b.o") && protected(&scope, "file"));
    assert_eq!(scope.verdict(b"x", true, false), Verdict::Included);
    assert_eq!(scope.verdict(b"y", true, false), Verdict::Unmatched);
    assert!(filters(&[]).receiver(b"/mnt", false).is_empty());
}

#[test]
fn each_side_has_its_rules() {
    let list = filters(&["H h", "P p", "- b", "-sr both", "-x user.*"]);
    assert_eq!(sent(&list, 31, false), ["-s h", "- b", "-sr both", "-x user.*"]);
    let scope = list.receiver(b"/mnt", false);
    assert_eq!(["h", "p", "b", "both"].map(|name| protected(&scope, name)), [false, true, true, true]);
    let check = list.offer_check();
    assert_eq!(
        ["h", "p", "b", "both"].map(|name| check.hides(name.as_bytes(), false)),
        [true, false, true, true]
    );

    let scope = list.receiver(b"/mnt", true);
    assert_eq!(["h", "p", "b", "both"].map(|name| protected(&scope, name)), [false, true, false, true]);
    assert_eq!(sent(&list, 31, true), ["-s h", "-s b", "-sr both", "-xs user.*"]);
}

#[test]
fn rules_are_worded_for_the_server() {
    let list = filters(&["exclude,!/p a b/", "dir-merge,n-es .f", ":w+ .g", ":C", "-C", "merge_rules"][..5]);
    assert_eq!(sent(&list, 32, false), ["-/!p a b/", "- .f", ":n-s .f", ":w+ .g", ":C .cvsignore", "-C "]);
    assert_eq!(sent(&list, 29, false)[0], "-/! a b/");
    let mut list = filters(&["- a"]);
    list.hide_partial_dir(b".partial");
    list.protect_backups(b"~");
    assert_eq!(sent(&list, 32, false), ["- a", "-p .partial/"]);
    assert!(protected(&list.receiver(b"/", false), "x~"));
    let mut list = filters(&["- a"]);
    list.set_cvs_exclude(true);
    assert_eq!(sent(&list, 32, false), ["- a"]);
}

#[test]
fn perishable_rules_do_not_hold_a_directory() {
    let mut list = filters(&["-p a"]);
    list.set_cvs_exclude(true);
    list.set_cvs_ignored(b"own".to_vec(), Vec::new());
    let scope = list.receiver(b"/mnt", false);
    for (name, doomed) in [("a", false), ("x.o", false), ("own", true)] {
        assert!(scope.protects(name.as_bytes(), false, false), "{name}");
        assert_eq!(scope.protects(name.as_bytes(), false, true), doomed, "{name}");
    }
}

#[test]
fn files_are_read_where_they_are_named() {
    let mut list = Filters::default();
    let mut read = |name: &[u8]| match name {
        b"outer" => Ok(b"- a\n. inner\n- z\n".to_vec()),
        b"inner" => Ok(b"+ b\n:e .more\n".to_vec()),
        b"again" => Ok(b". again\n".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    list.add(b"- first", &mut read).unwrap();
    list.add(b"merge,p outer", &mut read).unwrap();
    assert_eq!(sent(&list, 32, false), ["- first", "-p a", "+p b", "- .more", ":p .more", "-p z"]);
    list.add_file(b"list", b"one\n+ two\n- three\n!\nfour\n", true).unwrap();
    assert_eq!(sent(&list, 32, false), ["+ four"]);
    for (rule, part) in [("merge gone", "gone cannot be read"), (". again", "without end")] {
        let message = list.add(rule.as_bytes(), &mut read).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn merge_files_count_below_their_directory() {
    let files = Files::new(&[
        (".f", "- everywhere\n- /top\n"),
        ("a/.f", "+ everywhere\n- /here\n- x/y\n"),
        ("b/.f", "!\n- only\n"),
    ]);
    let list = filters(&[": .f", "- last"]);
    let at = |path: &str| files.enter(&list, false, path).unwrap();
    assert!(protected(&at(""), "everywhere") && protected(&at(""), "top") && protected(&at(""), "last"));
    assert!(!protected(&at("a"), "a/everywhere") && protected(&at("a"), "a/here"));
    assert!(protected(&at("a/b"), "a/b/x/y") && !protected(&at("a/b"), "a/b/here"));
    assert!(!protected(&at("a/b"), "a/b/top"));
    assert!(!protected(&at("b"), "b/everywhere") && protected(&at("b"), "b/only"));
    assert!(protected(&at("c"), "c/everywhere"));
}

#[test]
fn merge_files_have_modifiers() {
    let files = Files::new(&[
        (".n", "- n\n"),
        (".w", "a b\n#c"),
        (".s", "- s\n"),
        (".cvsignore", "one two\n"),
        ("d/.cvsignore", "lost ! three\n"),
        (".nest", ":e .inner\n"),
        ("d/.inner", "- inner\n"),
    ]);
    let list = filters(&[":n .n", ":ew- .w", ":s .s", ":C", ": .nest"]);
    let root = files.enter(&list, false, "").unwrap();
    let below = files.enter(&list, false, "d").unwrap();
    let scopes = |path: &str| [&root, &below].map(|scope| protected(scope, path));
    assert_eq!(scopes("n"), [true, false]);
    assert_eq!(scopes("#c"), [true, true]);
    assert_eq!(scopes(".w"), [true, true]);
    assert_eq!(scopes("s"), [false, false]);
    assert_eq!(scopes("two"), [true, false]);
    assert_eq!(scopes("three"), [false, true]);
    assert_eq!(scopes("lost"), [false, false]);
    assert_eq!(scopes("inner"), [false, true]);
    assert_eq!(scopes(".inner"), [true, true]);
}

#[test]
fn merge_files_are_looked_for_above() {
    let files = Files::new(&[
        ("/.f", "- /mnt/to/abs\n- everywhere\n"),
        ("/mnt/.f", "- /to/sub\n- to/late\n. more\n"),
        ("/mnt/more", "- more\n"),
        (".f", "+ late\n"),
    ]);
    let list = filters(&[": /.f"]);
    let scope = files.enter(&list, false, "").unwrap();
    let all = ["abs", "everywhere", "sub", "more", "x/sub"].map(|path| protected(&scope, path));
    assert_eq!(all, [true, true, true, true, false]);
    let scope = files.enter(&filters(&[": ../.f"]), false, "d").unwrap();
    assert!(!protected(&scope, "sub"));
    let scope = files.enter(&filters(&[": /mnt/./x/../.f"]), false, "d").unwrap();
    assert!(!protected(&scope, "d/everywhere") && protected(&scope, "sub"));
    let scope = files.enter(&filters(&[":n /.f"]), false, "").unwrap();
    assert!(!protected(&scope, "everywhere"));
}

#[test]
fn a_merge_file_that_cannot_be_used_is_an_error() {
    let list = filters(&[": .f"]);
    let scope = list.receiver(b"/mnt", false);
    let error = scope.enter(b"", &mut |_| Err(io::ErrorKind::PermissionDenied.into())).unwrap_err();
    assert!(error.to_string().contains(".f"), "{error}");
    let error = Files::new(&[("d/.f", "fine\n")]).enter(&list, false, "d").unwrap_err();
    assert!(error.to_string().contains("\"fine\" in d/.f, line 1,"), "{error}");
    let error = Files::new(&[(".f", "H x\n")]).enter(&filters(&[":s .f"]), false, "");
    assert!(error.is_ok(), "what counts on the server only is not read");
}

#[test]
fn what_is_not_known_counts_for_the_server() {
    let hides = |rules: &[&str], path: &str| filters(rules).offer_check().hides(path.as_bytes(), false);
    assert!(hides(&["- a"], "x/a") && !hides(&["+ a", "- *"], "a") && hides(&["+ a", "- *"], "b"));
    assert!(!hides(&[": .f", "- a"], "a") && hides(&["- a", ": .f"], "a") && hides(&[":- .f", "- a"], "a"));
    assert!(hides(&["-/ /x/a", "- a"], "a") && !hides(&["+/ /x/a", "- a"], "a"));
    assert!(hides(&["-C", "- a"], "a") && !hides(&["-C", "- a"], "x.o"));
    assert!(filters(&["+ a"]).offer_check().is_empty() && filters(&["P a"]).offer_check().is_empty());
}

#[test]
fn the_sending_side_has_its_own_rules() {
    let list = filters(&["H h", "P p", "- b", "-sr both", "-x user.*", "-/ /mod/sub/abs", "dir-merge .f"]);
    let scope = list.sender(b"");
    assert!(protected(&scope, "h") && protected(&scope, "b") && protected(&scope, "both"));
    assert!(!protected(&scope, "p") && !protected(&scope, "user.a"));
    assert!(!protected(&scope, "abs") && protected(&scope.with_root(b"/mod/sub/"), "abs"));
    let inside = scope.enter(b"", &mut |_| Ok(Some(b"P kept\nH hidden\n- out\n".to_vec()))).unwrap();
    assert!(!protected(&inside, "kept") && protected(&inside, "hidden") && protected(&inside, "out"));
}
