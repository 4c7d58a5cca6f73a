//! Streams of the reference encoder, in blocks and pieces of many lengths, whole and damaged.

use std::io::Write;

use zstd::stream::write::Encoder;

use super::*;
use crate::compression::tests::{Dice, content};

/// A stream that is flushed after each of these parts, and where in it that was.
fn packed(level: i32, parts: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut encoder = Encoder::new(Vec::new(), level).unwrap();
    let mut ends = Vec::new();
    for part in parts {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
        ends.push(encoder.get_ref().len());
    }
    (std::mem::take(encoder.get_mut()), ends)
}

fn unpack(decoder: &mut Decoder, mut input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    while let Some(block) = decoder.next(&mut input)? {
        assert!(block.len() <= MAX_BLOCK, "a block is bounded");
        out.extend_from_slice(block);
    }
    assert!(input.is_empty());
    Ok(())
}

#[test]
fn every_flush_brings_all_that_was_written() {
    let mut dice = Dice::new(1);
    for level in [-5, 1, 2, 3, 5, 7, 9, 13, 19] {
        let data = content(&mut dice, 1_500_000);
        let mut parts = Vec::new();
        let mut rest = &data[..];
        while !rest.is_empty() {
            let most = [10, 300, 5_000, 400_000][dice.roll(4)];
            let (part, after) = rest.split_at(rest.len().min(1 + dice.roll(most)));
            parts.push(part);
            rest = after;
        }
        let (stream, ends) = packed(level, &parts);
        let (mut decoder, mut out, mut at, mut expected) = (Decoder::new(), Vec::new(), 0, 0);
        for (part, end) in parts.iter().zip(ends) {
            unpack(&mut decoder, &stream[at..end], &mut out).unwrap();
            expected += part.len();
            assert_eq!(out.len(), expected, "level {level}");
            at = end;
        }
        assert!(out == data, "level {level}");
    }
}

#[test]
fn the_highest_level_looks_back_far() {
    let mut dice = Dice::new(2);
    let head = content(&mut dice, 300_000);
    let data = [&head[..], &vec![7; 6_000_000], &head].concat();
    let (stream, _) = packed(22, &[&data]);
    let mut out = Vec::new();
    unpack(&mut Decoder::new(), &stream, &mut out).unwrap();
    assert!(out == data);
}

#[test]
fn windows_slide_over_long_streams() {
    let mut dice = Dice::new(3);
    let data = content(&mut dice, 12_000_000);
    let (stream, _) = packed(1, &[&data]);
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    stream.chunks(16_383).for_each(|piece| unpack(&mut decoder, piece, &mut out).unwrap());
    assert!(out == data);
}

#[test]
fn cuts_make_no_difference() {
    let mut dice = Dice::new(4);
    let data = content(&mut dice, 20_000);
    let (stream, _) = packed(3, &[&data[..7], &data[7..9_000], &data[9_000..]]);
    for size in [1, 2, 3, 5, 64, 1000] {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        stream.chunks(size).for_each(|piece| unpack(&mut decoder, piece, &mut out).unwrap());
        assert!(out == data, "pieces of {size}");
    }
    for cut in 0..stream.len() {
        let mut out = Vec::new();
        unpack(&mut Decoder::new(), &stream[..cut], &mut out).unwrap();
        assert!(data.starts_with(&out) && out.len() < data.len() || cut == stream.len());
    }
}

#[test]
fn damage_is_survived() {
    let mut dice = Dice::new(5);
    for level in [1, 3, 12] {
        let data = content(&mut dice, 6_000);
        let (stream, _) = packed(level, &[&data[..3_000], &data[3_000..]]);
        for bit in 0..stream.len() * 8 {
            let mut damaged = stream.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut out = Vec::new();
            let _ = unpack(&mut Decoder::new(), &damaged, &mut out);
            assert!(out.len() <= 4 * MAX_BLOCK, "bit {bit}");
        }
        for _ in 0..3_000 {
            let mut damaged = stream.clone();
            for _ in 0..1 + dice.roll(6) {
                let at = 6 + dice.roll(stream.len() - 6);
                damaged[at] = dice.roll(256) as u8;
            }
            let _ = unpack(&mut Decoder::new(), &damaged, &mut Vec::new());
        }
    }
}

#[test]
fn the_first_byte_that_is_wrong_is_refused() {
    let refused = |bytes: &[u8], words: &str| {
        let error = unpack(&mut Decoder::new(), bytes, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(b"no", "something else than a frame");
    let frame = |descriptor: u8, window: u8| [&MAGIC[..], &[descriptor, window]].concat();
    // 2^27 and an eighth.
    refused(&frame(0, 17 << 3 | 1), "window");
    unpack(&mut Decoder::new(), &frame(0, 17 << 3), &mut Vec::new()).unwrap();
    refused(&frame(8, 0), "unknown kind");
    refused(&[&frame(1, 0)[..], &[1]].concat(), "dictionary");
    refused(&frame(0x20, 9), "fixed size");
    let block = |header: [u8; 3], body: &[u8]| [&frame(0, 0)[..], &header, body].concat();
    refused(&block([1, 0, 0], b""), "ended the zstd stream");
    refused(&block([6, 0, 0], b""), "unknown kind");
    refused(&block([4, 0, 0], b""), "a packed block of no bytes");
    // Their bytes are not waited for.
    refused(&block([0xef, 0x0f, 0], b""), "ended the zstd stream");
    refused(&block([0xee, 0x0f, 0], b""), "unknown kind");
    // The window of 1 KiB bounds a block: 1,025 bytes.
    refused(&block([0b1010, 0x20, 0], b"a"), "too many bytes");
    let mut out = Vec::new();
    unpack(&mut Decoder::new(), &block([0b0010, 0x20, 0], b"a"), &mut out).unwrap();
    assert_eq!(out, [b'a'; 1024]);
}
