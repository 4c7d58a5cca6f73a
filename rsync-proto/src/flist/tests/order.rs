//! Order, numbers of directories, and parents: against a naive sort, with names that are made to confuse.

use super::{decode, decode_segments, shapes};
use crate::flist::{Kind, Segment};
use crate::scripted::{Item, plain_options, segments, sorted};

/// A small generator of numbers with a fixed seed, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A tree of a few hundred names out of few letters around the slash, parents before children.
fn confusing_tree(seed: u64) -> Vec<Item> {
    const LETTERS: &[u8] = b"a.-0/b\x01\xff";
    let mut numbers = Numbers(seed);
    let mut items = vec![Item::dir(".")];
    let mut dirs = vec![Vec::new()];
    for _ in 0..400 {
        let mut path: Vec<u8> = dirs[numbers.below(dirs.len())].clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        let start = path.len();
        for _ in 0..=numbers.below(4) {
            path.extend(Some(LETTERS[numbers.below(LETTERS.len())]).filter(|letter| *letter != b'/'));
        }
        let name = &path[start..];
        if [&b""[..], b".", b".."].contains(&name) || items.iter().any(|item| item.path == path) {
            continue;
        }
        match numbers.below(4) {
            0 => {
                dirs.push(path.clone());
                items.push(Item::dir(path));
            }
            1 => items.push(Item::symlink(path, "x")),
            _ => items.push(Item::file(path, 1)),
        }
    }
    items
}

fn paths(segment: &Segment) -> Vec<Vec<u8>> {
    segment.iter().map(|entry| entry.path().as_bytes().to_vec()).collect()
}

fn path_of(item: &Item) -> Vec<u8> {
    if item.path == b"." { Vec::new() } else { item.path.clone() }
}

#[test]
fn whole_lists_are_sorted_like_the_naive_sort() {
    for seed in 0..12 {
        let items = confusing_tree(seed);
        assert!(items.len() > 100, "seed {seed} makes a tree worth sorting");
        let segment = decode(&plain_options(31, seed % 2 == 0, false), &items).unwrap();
        let wanted: Vec<Vec<u8>> = sorted(&items, b"").iter().map(path_of).collect();
        assert_eq!(paths(&segment), wanted, "seed {seed}");
    }
}

#[test]
fn segments_are_sorted_like_the_naive_sort() {
    for seed in 20..28 {
        let items = confusing_tree(seed);
        let found = decode_segments(&plain_options(31, true, true), &items).unwrap();
        for (segment, (_, inside)) in found.iter().zip(segments(&items)) {
            let dir = inside.first().map_or(Vec::new(), |item| item.split().0.to_vec());
            let wanted: Vec<Vec<u8>> = sorted(&inside, &dir).iter().map(path_of).collect();
            assert_eq!(paths(segment), wanted, "seed {seed}");
        }
    }
}

#[test]
fn an_order_worked_out_by_hand() {
    let items: Vec<Item> = ["b", "b/c", "b/d", "b.d", "b.d/z", "b-", "b-/y"]
        .iter()
        .map(|path| if path.len() > 2 && path.contains('/') { Item::file(path, 0) } else { Item::dir(path) })
        .chain([Item::file("zz", 0), Item::dir("."), Item::file("b0", 0)])
        .collect();
    let segment = decode(&plain_options(30, true, false), &items).unwrap();
    let text: Vec<String> = segment.iter().map(|entry| entry.path().to_string()).collect();
    assert_eq!(text, [".", "b0", "zz", "b-", "b-/y", "b.d", "b.d/z", "b", "b/c", "b/d"]);
}

#[test]
fn directories_of_segments_are_numbered_in_sorted_order() {
    for (protocol, varint, _) in shapes() {
        let items = confusing_tree(u64::from(protocol));
        let found = decode_segments(&plain_options(protocol, varint, true), &items).unwrap();
        let mut number = 0..;
        let mut announced = vec![];
        for segment in &found {
            match segment.directory() {
                None => assert!(segment.entry(0).is_root(), "the first segment shows the root"),
                Some(directory) => {
                    let path: &Vec<u8> = &announced[directory as usize];
                    let inside = segment.iter().all(|entry| entry.parent().as_bytes() == *path);
                    assert!(inside, "entries lie in the directory that the segment belongs to");
                }
            }
            for entry in segment.iter() {
                let expected = (entry.kind() == Kind::Directory).then(|| number.next().unwrap());
                assert_eq!(entry.announced_number(), expected, "{}", entry.path());
                announced.extend(expected.map(|_| entry.path().as_bytes().to_vec()));
            }
        }
    }
}

#[test]
fn indexes_leave_one_out_between_segments() {
    let items = [Item::dir("."), Item::dir("a"), Item::dir("b"), Item::file("b/f", 1)];
    let found = decode_segments(&plain_options(32, true, true), &items).unwrap();
    let shape: Vec<_> = found.iter().map(|s| (s.first_index(), s.len(), s.directory())).collect();
    assert_eq!(shape, [(1, 3, None), (5, 0, Some(1)), (6, 1, Some(2))]);
    assert_eq!(found[2].entry(0).index(), 6);
}

#[test]
fn entries_of_a_whole_list_know_their_directory_by_number() {
    let items = confusing_tree(99);
    let segment = decode(&plain_options(31, true, false), &items).unwrap();
    for dir in segment.iter().filter(|entry| entry.kind() == Kind::Directory) {
        for entry in segment.iter().filter(|entry| !entry.is_root()) {
            let inside = entry.parent() == &dir.path();
            let same_number = entry.parent_number() == dir.own_number();
            assert_eq!(inside, same_number, "{} in {}", entry.path(), dir.path());
        }
        assert_eq!(dir.announced_number(), None, "numbers are announced with incremental recursion only");
    }
}

#[test]
fn second_entries_of_the_same_name_and_kind_take_no_part() {
    let twice = [
        Item::dir("."),
        Item::file("f", 1),
        Item::dir("d"),
        Item::file("f", 2),
        Item::dir("d"),
        Item::symlink("l", "1"),
        Item::symlink("l", "2"),
    ];
    for (protocol, varint, inc) in shapes() {
        let segment = decode(&plain_options(protocol, varint, inc), &twice).unwrap();
        let marks: Vec<(String, bool)> =
            segment.iter().map(|e| (e.path().to_string(), e.is_duplicate())).collect();
        let wanted =
            [(".", false), ("f", false), ("f", true), ("l", false), ("l", true), ("d", false), ("d", true)];
        assert_eq!(marks, wanted.map(|(name, twice)| (name.to_owned(), twice)));
        assert_eq!(segment.entry(1).size(), 1, "the first that came takes part");
    }
}

#[test]
fn content_of_a_directory_that_came_twice_lies_in_the_one_that_takes_part() {
    let twice = [Item::dir("."), Item::dir("d"), Item::dir("d"), Item::file("d/f", 1)];
    let segment = decode(&plain_options(31, true, false), &twice).unwrap();
    let active = segment.iter().find(|entry| entry.name() == b"d" && !entry.is_duplicate()).unwrap();
    let file = segment.iter().find(|entry| entry.name() == b"f").unwrap();
    assert_eq!(
        file.parent_number(),
        active.own_number(),
        "the walk finds the file's directory by its number"
    );
}
