//! Filter rules and the list: what the server may not offer, and directories that would be empty.

use super::{decode, decode_segments, shapes};
use crate::error::Error;
use crate::filter::{Filters, ListFilter};
use crate::flist::ListOptions;
use crate::scripted::{Item, plain_options};

fn filters(rules: &[&str]) -> Filters {
    let mut filters = Filters::default();
    for rule in rules {
        filters.add(rule.as_bytes(), &mut |_| unreachable!("no rule names a file")).unwrap();
    }
    filters
}

#[test]
fn names_that_the_rules_exclude() {
    let tree = [Item::dir("."), Item::file("a", 0), Item::dir("d"), Item::file("d/x.o", 0)];
    for (protocol, varint, inc) in shapes() {
        for (rules, refused) in [
            (&["- a"][..], true),
            (&["- d/"], true),
            (&["- /d/*.o"], true),
            (&["- *"], true),
            (&["- a/"], false),
            (&["P *"], false),
            (&["+ *", "- *"], false),
            (&[": .rules", "- *"], false),
        ] {
            let filter = ListFilter { offer: filters(rules).offer_check(), prune: None };
            let options = ListOptions { filter, ..plain_options(protocol, varint, inc) };
            let result = if inc {
                decode_segments(&options, &tree).map(|_| ())
            } else {
                decode(&options, &tree).map(|_| ())
            };
            match result {
                Ok(()) => assert!(!refused, "{rules:?} were expected to refuse it"),
                Err(Error::Violation(rule)) => {
                    assert!(refused && rule.contains("filter rules"), "{rules:?}: {rule}");
                }
                Err(other) => panic!("{rules:?}: {other}"),
            }
        }
    }
}

#[test]
fn directories_that_would_be_empty() {
    let names =
        ["full", "full/empty", "full/deep", "full/deep/er", "none", "none/a", "none/b", "kept", "kept/in"];
    let mut tree: Vec<Item> =
        [".".to_owned()].into_iter().chain(names.map(str::to_owned)).map(|name| Item::dir(&name)).collect();
    tree.push(Item::symlink("full/deep/er/link", "x"));
    for (protocol, varint, _) in shapes() {
        let scope = filters(&["P /kept/in", "H full"]).receiver(b"", false);
        let filter = ListFilter { prune: Some(scope), ..ListFilter::default() };
        let options = ListOptions { filter, ..plain_options(protocol, varint, false) };
        let segment = decode(&options, &tree).unwrap();
        let left: Vec<String> = segment
            .iter()
            .filter(|entry| !entry.is_left_out())
            .map(|entry| entry.path().to_string())
            .collect();
        assert_eq!(left, [".", "full", "full/deep", "full/deep/er", "full/deep/er/link", "kept", "kept/in"]);
        assert_eq!(segment.len(), tree.len(), "indexes stay");
    }
}
