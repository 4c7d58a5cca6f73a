//! File lists of every shape: an honest one comes back entry by entry; one lie makes an error of the server's of it;
//! and whatever bytes stand there, it makes no difference how they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::scripted::{Item, segments};
use rsync_proto::wire::flags::mode;
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::items::tree;
use rsync_proto_fuzz::lists::{assert_comes_back, decode, encode, read_any, read_whole};
use rsync_proto_fuzz::shape;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let mut asked = shape::read(&mut choices).list;
    match choices.below(3) {
        0 => {
            let bytes = choices.rest();
            let whole = read_any(&asked, bytes, bytes.len().max(1));
            assert_eq!(whole, read_any(&asked, bytes, 1), "it depends on how the bytes are cut");
        }
        1 => {
            asked.access_times = false;
            let items = tree(&mut choices, &asked, 24);
            assert_comes_back(&asked, &items);
        }
        _ => {
            asked.access_times = false;
            let mut items = tree(&mut choices, &asked, 12);
            let Some(lie) = tell_lie(&mut choices, &mut items, asked.protocol, asked.links) else { return };
            let mut cut = if asked.inc_recurse { segments(&items) } else { vec![(None, items.clone())] };
            // What lies in no directory of the tree stands in no segment.
            if !cut.iter().any(|(_, items)| items.iter().any(|item| item.path == lie.1)) {
                cut[0].1.extend(items.pop());
            }
            let lie = lie.0;
            let error = decode(&asked, &encode(&asked, &cut)).expect_err(lie);
            read_whole(&error);
        }
    }
});

/// Puts something into the list that cannot be: what it is, and its path. Nothing if this list has no place for it.
fn tell_lie(
    choices: &mut Choices<'_>,
    items: &mut Vec<Item>,
    protocol: u8,
    links: bool,
) -> Option<(&'static str, Vec<u8>)> {
    let kind = choices.below(12);
    let new = |path: &[u8]| Item::file(path, 1);
    let lie = match kind {
        0 => (new(&[&[b'a'; 255][..], b"b"].concat()), "a name of 256 bytes"),
        1 => (new(choices.of(&[&b".."[..], b"/etc", b"a//b", b"x/", b"", b"./a"])), "an impossible name"),
        2 => (new(b"a\0b"), "a NUL in a name"),
        3 => (new(b"no such directory/file"), "a file in no directory"),
        4 => (Item { size: -1 - i64::from(choices.u32()), ..new(b"lie") }, "a negative size"),
        5 => (Item { mode: choices.of(&[0u32, 0o030_000, 0o110_000]) | 0o644, ..new(b"lie") }, "no kind"),
        6 => (Item { mode: mode::REGULAR | 0x1_0000, ..new(b"lie") }, "a mode of more than 16 bits"),
        7 if protocol >= 30 => {
            (Item { mtime: i64::MAX - i64::from(choices.u32()), ..new(b"lie") }, "a time beyond all")
        }
        8 if protocol >= 31 => (Item { nanoseconds: 1_000_000_000, ..new(b"lie") }, "a second too many"),
        9 if links => (Item::symlink("lie", b"a\0b"), "a NUL in a target"),
        10 if links => (Item::symlink("lie", b""), "an empty target"),
        11 => (Item::new("..", mode::DIRECTORY | 0o755), "the directory above"),
        _ => return None,
    };
    let path = lie.0.path.clone();
    items.push(lie.0);
    Some((lie.1, path))
}
