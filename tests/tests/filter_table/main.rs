//! Patterns against names: every pattern is tried on every name of a tree, and rsync is asked what it does.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use rsync_proto::filter::{Filters, Verdict};
use table::{NAMES, PATTERNS};

fn plant(root: &Path) {
    for name in NAMES {
        let path = root.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).expect("a directory can be made");
        } else {
            fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("a directory can be made");
            fs::write(path, "").expect("a file can be written");
        }
    }
}

/// What rsync would take, with these rules.
fn taken(source: &Path, rules: &[String]) -> BTreeSet<String> {
    let options = ["-r", "-n", "-8", "--out-format=%n"].map(str::to_owned);
    let rules = rules.iter().flat_map(|rule| ["-f".to_owned(), rule.clone()]);
    let options: Vec<String> = options.into_iter().chain(rules).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let outcome = Program::rsync()
        .invoke("", &options)
        .arg(format!("{}/", source.display()))
        .arg(source.with_file_name("nothing"))
        .run()
        .expect(0);
    let mut names: BTreeSet<String> = outcome.stdout.lines().map(str::to_owned).collect();
    names.retain(|name| NAMES.contains(&name.as_str()));
    names
}

fn verdict(filters: &Filters, name: &str) -> Verdict {
    let (path, is_dir) = name.strip_suffix('/').map_or((name, false), |path| (path, true));
    let verdict = filters.receiver(b"/", false).verdict(path.as_bytes(), is_dir, false);
    let hidden = filters.offer_check().hides(path.as_bytes(), is_dir);
    assert_eq!(hidden, verdict == Verdict::Excluded, "both sides judge {name} alike");
    verdict
}

fn list(rules: &[String]) -> Filters {
    let mut filters = Filters::default();
    for rule in rules {
        filters.add(rule.as_bytes(), &mut |_| unreachable!("no rule names a file")).expect("a rule");
    }
    filters
}

/// Walks the names as a sender does, which does not look into directories that are excluded.
fn walked(rules: &[String]) -> BTreeSet<String> {
    let filters = list(rules);
    let shown = |name: &str| verdict(&filters, name) != Verdict::Excluded;
    let above = |name: &str| -> Vec<String> {
        let inner = name.trim_end_matches('/');
        inner.match_indices('/').map(|(at, _)| inner[..=at].to_owned()).collect()
    };
    let kept = NAMES.iter().filter(|name| shown(name) && above(name).iter().all(|dir| shown(dir)));
    kept.map(|name| (*name).to_owned()).collect()
}

/// Tries every pattern in these rules.
fn try_all(rules: impl Fn(&str) -> Vec<String>) {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    plant(&source);
    let mut differ = Vec::new();
    for pattern in PATTERNS {
        let rules = rules(pattern);
        let (rsync, ours) = (taken(&source, &rules), walked(&rules));
        let names = rsync.symmetric_difference(&ours);
        differ.extend(
            names.map(|name| format!("{rules:?} {name:?}: rsync takes it: {}", rsync.contains(name))),
        );
    }
    let cases = PATTERNS.len() * NAMES.len();
    assert!(cases > 10_000, "many cases were expected, not {cases}");
    assert!(differ.is_empty(), "of {cases} cases, {} differ:\n{}", differ.len(), differ.join("\n"));
}

/// Each file by itself, because all directories are there.
#[test]
fn every_pattern_matches_the_files_that_it_matches_in_rsync() {
    try_all(|pattern| vec![format!("+ {pattern}"), "+ */".to_owned(), "- *".to_owned()]);
}

#[test]
fn every_pattern_matches_the_directories_that_it_matches_in_rsync() {
    try_all(|pattern| vec![format!("- {pattern}")]);
}

/// A directory that does not match is not looked into, so that this tells little of what is below.
#[test]
fn every_pattern_can_be_negated_as_in_rsync() {
    try_all(|pattern| vec![format!("+! {pattern}"), format!("- {pattern}")]);
}
