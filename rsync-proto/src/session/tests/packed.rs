//! Sessions whose literals are packed: they come to the same as those whose literals are not.

use super::Story;
use super::player::{Line, Played, Want, layout};
use crate::compression::CompressionKind;
use crate::error::Error;
use crate::limits;
use crate::scripted::{Item, Part, Script, agreed, plain_options};

const KINDS: [CompressionKind; 3] = [CompressionKind::Zstd, CompressionKind::Lz4, CompressionKind::Zlibx];

fn basis() -> Vec<u8> {
    (0..7_100u32).map(|n| (n * n % 251) as u8).collect()
}

/// A session with two files: one built on a basis of eleven blocks, one that is new.
fn story(kind: CompressionKind, protocol: u8, flags: &[u8]) -> Story {
    let mut agreed = agreed(plain_options(protocol, true, false));
    agreed.compression = Some(kind);
    let basis = basis();
    let wants = vec![Want::delta("f", &basis), Want::content("g")];
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 5_000), Item::file("g", 6)], 0);
    script.answer("f", wants[0].flags()).layout(layout(&basis, &agreed));
    script.part(Part::Literal(b"hello, hello")).data(flags).part(Part::Literal(b"hello again"));
    script.end_of_file(&[b"hello, hello", &basis[700..2_800], &basis[7_000..], b"hello again"].concat());
    script.answer("g", wants[1].flags()).layout(layout(b"", &agreed));
    script.part(Part::Literal(b"hello!")).end_of_file(b"hello!");
    script.done(3).goodbye(protocol);
    Story { agreed, wants, script }
}

/// Blocks 1 to 3, then 10.
const FLAGS: [u8; 4] = [0xc1, 2, 0, 0x87];

fn literals(played: &Played) -> usize {
    let len = |line: &Line| if let Line::Literal(bytes) = line { bytes.len() } else { 0 };
    played.log.iter().map(len).sum()
}

#[test]
fn every_algorithm_comes_to_the_same() {
    for protocol in 30..=32 {
        for kind in KINDS {
            let story = story(kind, protocol, &FLAGS);
            let whole = story.play_whole();
            whole.result.as_ref().unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            let text = whole.text();
            let expected = "begins f\nliteral hello, hello\nmatched 700 + 2100\nmatched 7000 + 100\nliteral hello again\n";
            assert!(text.contains(expected), "{kind:?}: {text}");
            assert!(text.contains("begins g\nliteral hello!\nends g"), "{kind:?}: {text}");
            let bytes = story.script.bytes();
            for size in [1, 2, 7] {
                assert_eq!(story.play(bytes.chunks(size)).without_messages(), whole.without_messages());
            }
            let small = story.script.framed(3, &[]);
            assert_eq!(story.play([&small[..]]).without_messages(), whole.without_messages());
        }
    }
}

#[test]
fn forms_of_references_are_equal() {
    let forms: [&[u8]; 3] = [
        &[0x81, 0x81, 0x81, 0x87],
        &[0x21, 1, 0, 0, 0, 2, 0, 0x20, 10, 0, 0, 0],
        &[0x20, 1, 0, 0, 0, 0xc1, 1, 0, 0x20, 10, 0, 0, 0],
    ];
    for flags in forms {
        let played = story(CompressionKind::Zstd, 32, flags).play_whole();
        played.result.as_ref().unwrap_or_else(|error| panic!("{flags:x?}: {error}"));
        assert!(played.text().contains("matched 7000 + 100\nliteral hello again"), "{}", played.text());
    }
}

#[test]
fn zlib_is_handed_out_packed() {
    let played = story(CompressionKind::Zlib, 31, &FLAGS).play_whole();
    played.result.as_ref().unwrap();
    assert!(played.text().contains("matched 700 + 2100\nmatched 7000 + 100\ndeflated"), "{}", played.text());
    // Before protocol 31 it matters where each block ends.
    let played = story(CompressionKind::Zlib, 30, &FLAGS).play_whole();
    played.result.as_ref().unwrap();
    assert!(played.text().contains("matched 700 + 700\nmatched 1400 + 700\nmatched 2100 + 700\n"));
}

#[test]
fn references_that_cannot_be() {
    for flags in [&[0x8b][..], &[0xc1, 10, 0], &[0x20, 11, 0, 0, 0], &[0x21, 0, 0, 0, 0, 0xff, 0xff]] {
        let result = story(CompressionKind::Lz4, 32, flags).play_whole().result;
        assert!(matches!(&result, Err(Error::Violation(rule)) if rule.contains("of 11")), "{result:?}");
    }
}

#[test]
fn few_bytes_do_not_become_too_many() {
    for kind in KINDS {
        let mut agreed = agreed(plain_options(32, true, false));
        agreed.compression = Some(kind);
        agreed.list.limits.growth = 10;
        let wants = vec![Want::content("f")];
        let mut script = Script::new(&agreed);
        script.list(&[Item::dir("."), Item::file("f", 20_000)], 0);
        script.answer("f", wants[0].flags()).layout(layout(b"", &agreed));
        script.part(Part::Literal(&[7; 45_000]));
        let played = Story { agreed, wants, script }.play_whole();
        assert!(matches!(&played.result, Err(Error::Violation(rule)) if rule.contains("can be missing")));
        assert!(literals(&played) <= 20_010, "{kind:?}: {}", literals(&played));
    }
}

#[test]
fn ends_and_damage_at_any_place_are_survived() {
    for kind in KINDS {
        let story = story(kind, 32, &FLAGS);
        let bytes = story.script.bytes();
        for cut in 0..bytes.len() {
            assert!(story.play([&bytes[..cut]]).result.is_err(), "{kind:?}: an end at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let played = story.play([&damaged[..]]);
            assert!(literals(&played) < 1 << 20, "{kind:?}: bit {bit}");
        }
    }
}

/// What each compression makes of nothing, for ever: no file ends, and the connection looks busy.
#[test]
fn nothing_for_ever_is_bounded() {
    let empty: [(CompressionKind, &[u8]); 7] = [
        (CompressionKind::Zstd, &[]),
        (CompressionKind::Zstd, &[0, 0, 0]),
        (CompressionKind::Lz4, &[]),
        (CompressionKind::Lz4, &[0]),
        (CompressionKind::Zlibx, &[]),
        (CompressionKind::Zlibx, &[0, 0, 0xff, 0xff, 0]),
        (CompressionKind::Zlib, &[]),
    ];
    for (kind, nothing) in empty {
        let mut agreed = agreed(plain_options(32, true, false));
        agreed.compression = Some(kind);
        let wants = vec![Want::content("f")];
        let told = |times: usize| {
            let mut script = Script::new(&agreed);
            script.list(&[Item::dir("."), Item::file("f", 5)], 0);
            script.answer("f", wants[0].flags()).layout(layout(b"", &agreed));
            // The beginning of a stream comes to nothing, too.
            script.part(Part::Literal(b"five"));
            let run = nothing.repeat(if kind == CompressionKind::Lz4 { 1 } else { 1000 });
            let times = times / (2 + run.len());
            (0..times).for_each(|_| {
                script.run(&run);
            });
            script
        };
        let limit = limits::MAX_PACKED_WITHOUT_OUTPUT as usize;
        let enough = Story { agreed: agreed.clone(), wants: wants.clone(), script: told(limit) };
        let played = enough.play_whole();
        assert!(matches!(&played.result, Err(Error::Gone(_))), "{kind:?}: {:?}", played.result);
        let many = Story { agreed: agreed.clone(), wants: wants.clone(), script: told(limit + 20_000) };
        let played = many.play_whole();
        assert!(matches!(&played.result, Err(Error::Limit { .. })), "{kind:?}: {:?}", played.result);
    }
}

/// Where it is unpacked, nobody may be left who counts what comes of it.
#[test]
fn deflated_data_that_is_handed_out_is_bounded() {
    for (runs, is_honest) in [(8, true), (9, false)] {
        let mut agreed = agreed(plain_options(32, true, false));
        agreed.compression = Some(CompressionKind::Zlib);
        let wants = vec![Want::content("f")];
        let mut script = Script::new(&agreed);
        script.list(&[Item::dir("."), Item::file("f", 10_000)], 0);
        script.answer("f", wants[0].flags()).layout(layout(b"", &agreed));
        (0..runs).for_each(|_| {
            script.run(&[7; 10_000]);
        });
        let played = Story { agreed, wants, script }.play_whole();
        let ends = if is_honest { "closed the connection" } else { "can be missing of a file" };
        let error = played.result.as_ref().unwrap_err().to_string();
        assert!(error.contains(ends), "{runs}: {error}");
    }
}
