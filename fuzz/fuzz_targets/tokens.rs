//! What files are rebuilt from. Every compression: what a server's encoder makes is unpacked to what went in, however
//! it is cut; any other bytes are unpacked to what a reference makes of them, or refused where that refuses. And the
//! tokens between, plain and packed.
//!
//! The references are C's decoder for zstd, and for LZ4 and deflate one of a few lines. They may differ so:
//! C does not look whether the bits of four streams of literals were used up, and takes a packed block of no bytes for an
//! empty one; a frame of zstd that ends, has a dictionary or says its size is none of a session, and is refused; deflated data that
//! refers to what was before its beginning finds zeros or what was there, and the sum over the file tells.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rsync_proto::compression::{CompressionKind, Inflate};
use rsync_proto::delta::{PackedToken, Token};
use rsync_proto::error::Result;
use rsync_proto::limits::MAX_LZ4_BLOCK;
use rsync_proto::scripted::{Packer, Unpack};
use rsync_proto::wire::{Cursor, Stop};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::damage::damage;
use rsync_proto_fuzz::naive;
use rsync_proto_fuzz::packer::packer;
use rsync_proto_fuzz::player::pattern;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Few bytes can become many: so many are enough.
const ENOUGH: usize = 2 << 20;
/// Where C is not strict; of bytes that no encoder makes, it takes some.
const STRICT: [&str; 3] = [
    "a stream of bits of another length than its symbols",
    // Its fast way through Huffman streams on machines of 64 bits alone takes it.
    "a stream of bits without its closing mark",
    "a packed block of no bytes",
];
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    match choices.below(8) {
        0 => zstd_like_reference(&mut choices, input.len()),
        1 => {
            // Blocks in a frame of a small window.
            let header = [&MAGIC[..], &[0, choices.u8() & 0x7f]].concat();
            zstd_stream(&[&header[..], choices.rest()].concat(), 7);
        }
        2 => {
            // What the encoder made, with some damage behind the header.
            let level = choices.u8();
            let content = content(&mut choices);
            let stream = packer(CompressionKind::Zstd, 32, level).pack(&content).concat();
            let (header, blocks) = stream.split_at(stream.len().min(6));
            let mut blocks = blocks.to_vec();
            damage(&mut blocks, &mut choices);
            zstd_stream(&[header, &blocks].concat(), 1 + choices.below(50));
        }
        3 => lz4(choices.rest()),
        4 => deflate(choices.rest()),
        5 => tokens(choices.rest()),
        _ => comes_back(&mut choices),
    }
});

/// Unpacks one run that comes in pieces; what came of it, and whether it is as it should be.
fn unpack(unpack: &mut Unpack, run: &[u8], step: usize, out: &mut Vec<u8>) -> Result<()> {
    let count = run.len().div_ceil(step);
    for (at, piece) in run.chunks(step).enumerate() {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(unpacked) = unpack.next(&mut piece, at + 1 == count)? {
            assert!((1..=128 * 1024).contains(&unpacked.len()), "a piece of {} bytes", unpacked.len());
            out.extend_from_slice(&unpacked);
            if out.len() > ENOUGH {
                return Ok(());
            }
        }
        assert!(piece.is_empty(), "bytes are left");
    }
    Ok(())
}

fn new(kind: CompressionKind) -> Unpack {
    Unpack::new(kind).expect("it is compiled in, and the bytes are enough for it")
}

fn zstd_like_reference(choices: &mut Choices<'_>, seed: usize) {
    zstd_stream(choices.rest(), 1 + seed % 9);
}

fn zstd_stream(bytes: &[u8], step: usize) {
    // Whatever it ends with; what of a block that is cut short is handed out is up to the decoder.
    let _ = unpack(&mut new(CompressionKind::Zstd), bytes, step, &mut Vec::new());
    let bytes = &bytes[..whole_blocks(bytes)];
    let mut own = Vec::new();
    let result = unpack(&mut new(CompressionKind::Zstd), bytes, bytes.len().max(1), &mut own);
    let mut parts = Vec::new();
    let cut = unpack(&mut new(CompressionKind::Zstd), bytes, step, &mut parts);
    if own.len() > ENOUGH {
        return;
    }
    assert!(own == parts, "it depends on the cut: {} bytes, {}", own.len(), parts.len());
    assert_eq!(format!("{result:?}"), format!("{cut:?}"), "it depends on the cut");
    let descriptor = bytes.get(4).copied().unwrap_or(0);
    if bytes.len() < 6 || bytes[..4] != MAGIC || descriptor & !0b1_0100 != 0 {
        // Not a frame of a session.
        assert!(own.is_empty());
        return;
    }
    let (reference, fine) = reference(bytes);
    let message = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    if STRICT.iter().any(|strict| message.contains(strict)) {
        assert!(reference.starts_with(&own), "another content");
        return;
    }
    assert!(own == reference, "{} bytes, {} of the reference ({result:?})", own.len(), reference.len());
    assert_eq!(result.is_ok(), fine, "{result:?} after {} bytes: {bytes:02x?}", own.len());
}

/// How long the header and the whole blocks are, up to one that says it is the last: no session has one.
fn whole_blocks(bytes: &[u8]) -> usize {
    let mut at = 6.min(bytes.len());
    while let Some(header) = bytes.get(at..at + 3) {
        let word = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let end = at + 3 + if word >> 1 & 3 == 1 { 1 } else { (word >> 3) as usize };
        if word & 1 == 1 || end > bytes.len() {
            break;
        }
        at = end;
    }
    at
}

/// What C's decoder makes of it, byte by byte, and whether it goes on.
fn reference(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut decoder = Decoder::new().expect("memory is large enough");
    decoder.set_parameter(DParameter::WindowLogMax(27)).expect("it has the parameter");
    let mut out = Vec::new();
    let mut room = [0; 8 * 1024];
    for byte in bytes {
        let one = [*byte];
        let mut input = InBuffer::around(&one);
        loop {
            let mut output = OutBuffer::around(&mut room[..]);
            if decoder.run(&mut input, &mut output).is_err() {
                return (out, false);
            }
            let len = output.pos();
            out.extend_from_slice(&room[..len]);
            if input.pos() == 1 && len < room.len() {
                break;
            }
        }
        if out.len() > ENOUGH {
            break;
        }
    }
    (out, true)
}

fn lz4(block: &[u8]) {
    if block.is_empty() || block.len() > 0x3fff {
        return;
    }
    let reference = naive::lz4(block, MAX_LZ4_BLOCK);
    for step in [block.len(), 3] {
        let mut own = Vec::new();
        let result = unpack(&mut new(CompressionKind::Lz4), block, step, &mut own);
        assert_eq!(result.is_ok(), reference.is_some(), "{result:?}");
        assert!(reference.as_ref().is_none_or(|reference| *reference == own), "another content");
    }
}

fn deflate(bytes: &[u8]) {
    let (reference, stop) = naive::deflate(bytes, ENOUGH);
    for step in [bytes.len().max(1), 5] {
        let mut own = Vec::new();
        let result = unpack(&mut new(CompressionKind::Zlibx), bytes, step, &mut own);
        match stop {
            naive::Stop::Unknown | naive::Stop::Enough => continue,
            naive::Stop::Bad | naive::Stop::End => assert!(result.is_err(), "{stop:?} was not seen"),
            naive::Stop::Short => {
                assert!(result.is_ok(), "{result:?}");
                assert_eq!(own.len(), reference.len());
            }
        }
        assert!(reference.starts_with(&own), "another content");
    }
}

/// Content of some kinds that compress differently.
fn content(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    for _ in 0..choices.below(8) {
        let len = 1 + choices.below(255);
        match choices.below(6) {
            0 => content.extend_from_slice(choices.bytes(len)),
            1 => content.resize(content.len() + len * 40, choices.u8()),
            2 => content.extend(pattern(len * 20)),
            3 => {
                // Digits of a counter.
                let from = choices.u16();
                (0..len).for_each(|n| {
                    content.extend_from_slice(format!("{} ", usize::from(from) + n).as_bytes())
                });
            }
            _ => {
                let from = choices.below(content.len().clamp(1, 0xffff));
                let again = content[from.min(content.len())..].iter().take(len * 8).copied();
                content.extend(again.collect::<Vec<u8>>());
            }
        }
    }
    content
}

/// Files through an encoder and back.
fn comes_back(choices: &mut Choices<'_>) {
    let kind = choices.of(&CompressionKind::ALL);
    let (mut packer, step) = (packer(kind, 32, choices.u8()), 1 + choices.below(600));
    if kind == CompressionKind::Zlib {
        return with_matched_blocks(choices, &mut packer, step);
    }
    let mut receiver = new(kind);
    for _ in 0..1 + choices.below(3) {
        packer.next_file();
        receiver.begin_file();
        for _ in 0..1 + choices.below(3) {
            let content = content(choices);
            if content.is_empty() {
                continue;
            }
            let mut out = Vec::new();
            for run in packer.pack(&content) {
                unpack(&mut receiver, &run, step, &mut out).expect("an encoder made it");
            }
            receiver.pause().expect("the encoder flushed");
            assert!(out == content || out.len() > ENOUGH, "another content");
        }
    }
}

/// The old deflate, which goes on over blocks that are not sent.
fn with_matched_blocks(choices: &mut Choices<'_>, packer: &mut Packer, step: usize) {
    let mut receiver = Inflate::default();
    for _ in 0..1 + choices.below(3) {
        packer.next_file();
        receiver.reset();
        for _ in 0..1 + choices.below(6) {
            let content = content(choices);
            if content.is_empty() {
                continue;
            }
            if choices.flag() {
                packer.see(&content);
                receiver.remember(&content).expect("the stream is interrupted");
                continue;
            }
            let mut out = Vec::new();
            for piece in packer.pack(&content).concat().chunks(step) {
                let mut piece = Bytes::copy_from_slice(piece);
                while let Some(unpacked) = receiver.next(&mut piece).expect("an encoder made it") {
                    out.extend_from_slice(&unpacked);
                }
            }
            receiver.pause().expect("the encoder flushed");
            assert!(out == content, "another content");
        }
    }
}

/// Tokens, and each cut short.
fn tokens(bytes: &[u8]) {
    let word = |at: usize| Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let plain = Token::read(&mut Cursor::new(bytes));
    match word(0) {
        None => assert!(matches!(plain, Err(Stop::Short(_)))),
        Some(0) => assert!(matches!(plain, Ok(Token::End))),
        Some(i32::MIN) => assert!(matches!(plain, Err(Stop::Bad(_)))),
        Some(len @ 1..) => assert!(matches!(plain, Ok(Token::Literal(read)) if read as i32 == len)),
        Some(block) => {
            assert!(matches!(plain, Ok(Token::Block(read)) if i64::from(read) == -1 - i64::from(block)))
        }
    }
    let (mut at, mut before) = (0, 0);
    while let Some(flag) = bytes.get(at).copied() {
        let number = |at: usize| Some(u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
        // What it is and how long it is, as a table would say it; nothing where it is cut short.
        let expected = match flag {
            0 => Some((Some(PackedToken::End), 1)),
            0x40..=0x7f => bytes
                .get(at + 1)
                .map(|low| (Some(PackedToken::Packed(u16::from(flag & 0x3f) << 8 | u16::from(*low))), 2)),
            0x80..=0xbf => Some((blocks(i64::from(before) + i64::from(flag & 0x3f), 0), 1)),
            0xc0..=0xff => number(at + 1).map(|more| {
                (
                    Some(more)
                        .filter(|more| *more > 0)
                        .and_then(|more| blocks(i64::from(before) + i64::from(flag & 0x3f), more)),
                    3,
                )
            }),
            0x20 => word(at + 1).map(|first| (blocks(first.into(), 0), 5)),
            0x21 => word(at + 1).zip(number(at + 5)).map(|(first, more)| {
                (Some(more).filter(|more| *more > 0).and_then(|more| blocks(first.into(), more)), 7)
            }),
            _ => Some((None, 1)),
        };
        let mut cursor = Cursor::new(&bytes[at..]);
        let read = PackedToken::read(&mut cursor, before);
        match (expected, read) {
            (None, Err(Stop::Short(_) | Stop::Bad(_)))
            | (Some((None, _)), Err(Stop::Bad(_) | Stop::Short(_))) => return,
            (Some((Some(expected), len)), Ok(read)) => {
                assert_eq!((read, cursor.position()), (expected, len));
                if let PackedToken::Blocks { last, .. } = read {
                    before = last;
                }
                at += len;
            }
            (expected, read) => panic!("{expected:?}, and not {read:?}"),
        }
    }
}

fn blocks(first: i64, more: u64) -> Option<PackedToken> {
    let first = u32::try_from(first).ok()?;
    let last = u32::try_from(u64::from(first) + more).ok()?;
    Some(PackedToken::Blocks { first, last })
}
