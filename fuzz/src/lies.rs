//! What no honest server lists.

use rsync_proto::flist::ListOptions;
use rsync_proto::scripted::Item;
use rsync_proto::wire::flags::mode;

use crate::allowed::{asked_for, excluding};
use crate::choices::Choices;

/// Puts something into the list that cannot be, for what is asked for then: what it is, and its path. Nothing if this list has no place for it.
pub fn tell_lie(
    choices: &mut Choices<'_>,
    items: &mut Vec<Item>,
    asked: &mut ListOptions,
) -> Option<(&'static str, Vec<u8>)> {
    let (protocol, links) = (asked.protocol, asked.links);
    let kind = choices.below(14);
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
        12 => {
            // All that was there lies in what is asked for now; it has no root.
            asked.asked = asked_for(2);
            for item in items.iter_mut() {
                let root = item.path == b".";
                item.path = if root { b"a".to_vec() } else { [b"a/", &item.path[..]].concat() };
            }
            (new(choices.of(&[&b"b"[..], b"ab", b"A", b"."])), "an entry nobody asked for")
        }
        13 => {
            asked.filter = excluding(1);
            (new(choices.of(&[&b"lie.o"[..], b".o", b"a.c.o"])), "an excluded entry")
        }
        _ => return None,
    };
    let path = lie.0.path.clone();
    items.push(lie.0);
    Some((lie.1, path))
}
