//! Damage, the same in every run: each bit of a session flipped once, each byte replaced, dropped or
//! doubled. Whatever comes of it, it is no panic and takes no more steps than there are bytes.

use super::{Played, Story, full_story, opening};
use crate::error::Error;
use crate::wire::frame::Tag;

/// Each poll but the last of a chunk hands out an event, and each event takes a byte at least; the messages
/// that a damaged length lets come to light are counted by the same measure.
fn assert_bounded(played: &Played, bytes: &[u8], chunks: usize, what: &str) {
    let most = bytes.len() + chunks + 1;
    assert!(played.polls <= most, "{what}: {} polls for {} bytes", played.polls, bytes.len());
    if let Err(Error::Misuse(text)) = &played.result {
        panic!("{what}: what a server sends is no misuse of ours: {text}");
    }
}

fn flip_every_bit(story: &Story, bytes: &[u8]) -> usize {
    let mut failed = 0;
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.to_vec();
        damaged[at / 8] ^= 1 << (at % 8);
        let played = story.play([&damaged[..]]);
        assert_bounded(&played, bytes, 1, &format!("bit {at}"));
        failed += usize::from(played.result.is_err());
    }
    failed
}

#[test]
fn every_bit_of_a_small_session_flipped() {
    for (protocol, inc) in [(29, false), (30, false), (31, true), (32, false)] {
        let mut story = opening(protocol, inc);
        story.script.message(Tag::Info, b"hello\n").no_send(1 + u32::from(inc)).marker("f");
        if inc {
            story.script.segment(1, &[]).list_end().done(1);
        }
        story.script.done(3).goodbye(protocol);
        let bytes = story.script.bytes();
        story.play([&bytes[..]]).result.expect("undamaged, it passes");
        let failed = flip_every_bit(&story, &bytes);
        assert!(failed > bytes.len(), "most damage to headers and indexes is noticed, not {failed} times");
    }
}

#[test]
fn every_bit_of_a_session_with_everything_flipped() {
    for (protocol, varint, inc) in
        [(29, false, false), (30, false, false), (31, true, true), (32, true, false), (31, false, true)]
    {
        let story = full_story(protocol, varint, inc);
        let messages: [(Tag, &[u8]); 2] = [(Tag::Info, b"note\n"), (Tag::IoError, &[1, 0, 0, 0])];
        let known = if protocol < 30 { 1 } else { 2 };
        let bytes = story.script.framed(40, &messages[..known]);
        flip_every_bit(&story, &bytes);
    }
}

#[test]
fn flipped_bits_fail_alike_however_the_bytes_are_cut() {
    for story in [full_story(31, true, true), full_story(29, false, false)] {
        let bytes = story.script.bytes();
        for at in (0..bytes.len() * 8).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let whole = story.play([&damaged[..]]);
            let cut = story.play(damaged.chunks(1));
            assert_bounded(&cut, &bytes, bytes.len(), &format!("bit {at}"));
            assert_eq!(
                format!("{:?}", whole.result),
                format!("{:?}", cut.result),
                "bit {at}: the same error"
            );
            assert_eq!((whole.text(), whole.sent), (cut.text(), cut.sent), "bit {at}: the same course");
        }
    }
}

#[test]
fn every_byte_replaced_dropped_or_doubled() {
    for story in [full_story(32, true, true), full_story(29, false, false)] {
        replace_drop_and_double_every_byte(&story);
    }
}

fn replace_drop_and_double_every_byte(story: &Story) {
    let bytes = story.script.bytes();
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xfe, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            assert_bounded(&story.play([&damaged[..]]), &bytes, 1, &format!("byte {at} as {value}"));
        }
        let dropped = [&bytes[..at], &bytes[at + 1..]].concat();
        assert_bounded(&story.play([&dropped[..]]), &bytes, 1, &format!("byte {at} dropped"));
        let doubled = [&bytes[..=at], &bytes[at..]].concat();
        assert_bounded(&story.play([&doubled[..]]), &doubled, 1, &format!("byte {at} doubled"));
    }
}
