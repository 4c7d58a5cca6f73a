//! What may come for what was asked for: each lie beside the honest list that it resembles.

use super::{decode, decode_segments, shapes};
use crate::error::Error;
use crate::flist::{Asked, ListOptions, Segment};
use crate::scripted::{Item, asked, plain_options};

fn refused(result: Result<Segment, Error>, what: &str) {
    assert!(matches!(result, Err(Error::Violation(_))), "{what} must be refused: {:?}", result.err());
}

fn passes(result: Result<Segment, Error>, what: &str) -> Segment {
    result.unwrap_or_else(|error| panic!("{what}: the honest twin must pass: {error}"))
}

fn whole(asked: Asked, recursive: bool) -> impl Iterator<Item = ListOptions> {
    shapes().map(move |(protocol, varint, inc)| ListOptions {
        asked: asked.clone(),
        recursive,
        ..plain_options(protocol, varint, inc && recursive)
    })
}

#[test]
fn one_name() {
    for one in whole(asked(true, false, &["x/img"]), true) {
        passes(decode(&one, &[Item::dir("img")]), "what was asked for");
        refused(decode(&one, &[Item::dir("etc")]), "another name");
        refused(decode(&one, &[Item::dir("img"), Item::file("img2", 0)]), "one name more");
        refused(decode(&one, &[Item::dir(".")]), "a root in place of a name");
    }
    let tree = [Item::dir("img"), Item::dir("img/etc"), Item::file("img/etc/x", 0)];
    let one = ListOptions { asked: asked(true, false, &["img"]), ..plain_options(31, true, true) };
    decode_segments(&one, &tree).expect("names below what was asked for pass");
}

#[test]
fn whole_paths_and_the_way_to_them() {
    let implied = |path: &str| Item { implied: true, ..Item::dir(path) };
    for options in whole(asked(false, true, &["a/b/f"]), false) {
        let way = [implied("a"), implied("a/b")];
        let list = |last: Item| [way[0].clone(), way[1].clone(), last];
        let segment = passes(decode(&options, &list(Item::file("a/b/f", 1))), "what was asked for");
        assert!(segment.iter().take(2).all(|entry| entry.is_implied()) && !segment.entry(2).is_implied());
        refused(decode(&options, &list(Item::file("a/b/g", 1))), "a file beside it");
        refused(decode(&options, &list(implied("c"))), "a directory that leads nowhere");
        refused(decode(&options, &list(Item::dir("a/b/c"))), "a directory beside it");
        refused(decode(&options, &[Item::file("a", 1)]), "a file in place of a directory on the way");
        refused(decode(&options, &[Item::symlink("a", "/etc")]), "a link in place of a directory on the way");
        refused(decode(&options, &[Item::dir(".")]), "a root");
    }
    for options in whole(asked(false, true, &["./a"]), false) {
        passes(decode(&options, &[implied("."), Item::file("a", 1)]), "a root that was written");
    }
}

#[test]
fn whole_paths_from_the_root_of_the_server() {
    let implied = |path: &str| Item { implied: true, ..Item::dir(path) };
    for options in whole(asked(false, true, &["/a/b/f"]), false) {
        let list = |last: Item| [implied("/a"), implied("/a/b"), last];
        let segment = passes(decode(&options, &list(Item::file("/a/b/f", 1))), "what was asked for");
        let names: Vec<String> = segment.iter().map(|entry| entry.path().to_string()).collect();
        assert_eq!(names, ["a", "a/b", "a/b/f"]);
        refused(decode(&options, &list(Item::file("/a/b/g", 1))), "a file beside it");
    }
    for options in whole(asked(false, true, &["a/b/f"]), false) {
        let list = [implied("/a"), implied("/a/b"), Item::file("/a/b/f", 1)];
        assert!(decode(&options, &list).is_err(), "absolute names, and none were asked for");
    }
}

#[test]
fn only_what_leads_to_it_is_on_the_way() {
    let implied = |path: &str| Item { implied: true, ..Item::dir(path) };
    let whole = whole(asked(true, true, &["a/b", "c*/d/e"]), true);
    for options in whole.filter(|options| !options.inc_recurse) {
        let list = ["a", "a/b", "a/b/c", "c1", "c1/d"].map(implied);
        let segment = passes(decode(&options, &list), "what was asked for");
        let found: Vec<bool> = segment.iter().map(|entry| entry.is_implied()).collect();
        // Whatever the server says of them: rules count for what was asked for, and below it.
        assert_eq!(found, [true, false, false, true, true]);
    }
}

#[test]
fn several_sources_may_have_the_same() {
    let list = [Item::file("x", 1), Item::file("y", 1), Item::dir("x")];
    let twice = [Item::dir("."), Item::dir("."), Item::file("x", 1)];
    for one in whole(asked(true, false, &["p/"]), true) {
        refused(decode(&one, &twice), "two roots of one source");
        refused(decode(&one, &list), "a name for two kinds in one source");
    }
    for two in whole(asked(true, false, &["p/", "q/"]), true) {
        let segment = passes(decode(&two, &twice), "two roots of two sources");
        assert_eq!(segment.iter().filter(|entry| entry.is_root()).count(), 1);
        let segment = passes(decode(&two, &list), "a name for two kinds in two sources");
        let left: Vec<_> = segment.iter().filter(|entry| !entry.is_duplicate()).map(|it| it.path()).collect();
        assert_eq!(left.len(), 2, "the directory stays: {left:?}");
    }
}

#[test]
fn links_can_be_made_to_lead_nowhere() {
    for options in whole(asked(true, false, &[""]), true) {
        let options = ListOptions { munge_links: true, ..options };
        let segment = passes(decode(&options, &[Item::symlink("l", "../../etc")]), "a link");
        assert_eq!(segment.entry(0).link_target(), b"/rsyncd-munged/../../etc");
    }
}
