//! Sessions driven with bytes alone: a scripted server on one side, a player in the place of generator and
//! workers on the other.

mod documented;
mod honest;
mod let_go;
mod lies;
mod old;
#[cfg(all(feature = "lz4", feature = "zlib", feature = "zstd"))]
mod packed;
mod player;
mod sums;
mod sweep;

use player::{Played, Player, Want, layout};

use crate::flist::ListOptions;
use crate::handshake::Agreed;
use crate::scripted::{Item, Part, Script, agreed, plain_options};
use crate::wire::flags::io_error;

/// A whole session: what was agreed on, what the player asks for, and what the server says.
struct Story {
    agreed: Agreed,
    wants: Vec<Want>,
    script: Script,
}

impl Story {
    fn play<'b>(&self, chunks: impl IntoIterator<Item = &'b [u8]>) -> Played {
        Player::new(&self.agreed, &self.wants).play(chunks)
    }

    fn play_whole(&self) -> Played {
        self.play([&self.script.bytes()[..]])
    }
}

const LONG_VALUE: [u8; 50] = [b'v'; 50];

fn options_with_xattrs(protocol: u8, varint: bool, inc: bool) -> ListOptions {
    ListOptions { xattrs: protocol >= 30, ..plain_options(protocol, varint, inc) }
}

/// An honest session with everything: content with and without a basis, attributes, refusals that overtake
/// and that do not, empty directories, I/O errors. Protocol 29 has no attributes, and files are passed over in
/// place of refusals.
fn full_story(protocol: u8, varint: bool, inc: bool) -> Story {
    let agreed = agreed(options_with_xattrs(protocol, varint, inc));
    let basis: Vec<u8> = (0..1500u32).map(|n| (n * n % 251) as u8).collect();
    let delta = Want::delta("b", &basis);
    let new = protocol >= 30;
    let both = Want { xattrs: new, ..Want::content("a") };
    let attrs_only = Want::xattrs("attrs");
    let content = Want::content("").flags();
    let wants: Vec<Want> =
        [Some(both.clone()), Some(attrs_only.clone()).filter(|_| new), Some(delta.clone())]
            .into_iter()
            .flatten()
            .chain(["empty", "gone", "gone2", "d/e"].map(Want::content))
            .collect();
    let xattr = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
    let a = vec![xattr(b"user.short\0", b"s"), xattr(b"user.long\0", &LONG_VALUE)];
    let attrs = vec![xattr(b"user.one\0", &[b'1'; 33]), xattr(b"user.two\0", &[b'2'; 34])];
    let top = [
        Item::dir("."),
        Item { xattrs: a, ..Item::file("a", 5) },
        Item { xattrs: attrs, ..Item::file("attrs", 0) },
        Item::file("b", 803),
        Item::file("empty", 0),
        Item::file("gone", 9),
        Item::file("gone2", 9),
        Item::dir("d"),
    ];
    let in_d = [Item::file("d/e", 3), Item::dir("d/sub")];
    let mut script = Script::new(&agreed);
    let s = &mut script;
    if inc {
        s.list(&top, io_error::VANISHED);
    } else {
        s.list(&[&top[..], &in_d].concat(), io_error::VANISHED);
    }
    let gone2 = s.place("gone2");
    s.answer("a", both.flags());
    if new {
        s.xattr_values(&[(2, &LONG_VALUE)]);
    }
    s.layout(layout(b"", &agreed));
    s.part(Part::Literal(b"hel")).no_send(gone2).part(Part::Literal(b"lo")).end_of_file(b"hello");
    if new {
        s.answer("attrs", attrs_only.flags()).xattr_values(&[(1, &[b'1'; 33]), (2, &[b'2'; 34])]);
    }
    s.answer("b", delta.flags()).layout(layout(&basis, &agreed));
    s.part(Part::Block(0)).part(Part::Literal(b"xyz")).part(Part::Block(2));
    s.end_of_file(&[&basis[..700], b"xyz", &basis[1400..]].concat());
    s.answer("empty", content).layout(layout(b"", &agreed)).end_of_file(b"");
    let gone = s.place("gone");
    s.no_send(gone);
    if inc {
        s.segment(1, &in_d).segment(2, &[]);
    }
    s.answer("d/e", content).layout(layout(b"", &agreed));
    s.part(Part::Literal(b"eee")).end_of_file(b"eee").marker("d/e");
    s.list_end().done(if inc { 2 + 3 } else { 3 }).goodbye(protocol);
    Story { agreed, wants, script }
}

/// The beginning of a session in which one file is wanted: its content of five bytes. Lies follow.
fn opening(protocol: u8, inc: bool) -> Story {
    let agreed = agreed(plain_options(protocol, protocol >= 30, inc));
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 5), Item::file("other", 5), Item::dir("z")], 0);
    Story { wants: vec![Want::content("f")], script, agreed }
}

/// All shapes that a session can have.
fn shapes() -> impl Iterator<Item = (u8, bool, bool)> {
    let newer = (30..=32).flat_map(|protocol| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(v, i)| (protocol, v, i))
    });
    std::iter::once((29, false, false)).chain(newer)
}
