//! Frames: headers mean what the protocol says; and however the stream of a session is put into frames, with whatever
//! messages between them, and however the bytes are cut, it comes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::EntryRef;
use rsync_proto::wire::frame::{self, HEADER_LEN, Tag};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::player::{Played, Player, everything};
use rsync_proto_fuzz::shape;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let agreed = shape::read(&mut choices);
    let with_basis = choices.flag();
    let how = [choices.u8(), choices.u8(), choices.u8(), choices.u8()];
    let bytes = choices.rest();
    for header in bytes.windows(HEADER_LEN).take(64) {
        check_header(header.try_into().expect("a window of this length"));
    }
    let wants = |entry: EntryRef<'_>| everything(entry, with_basis);
    let play = |chunks: Vec<&[u8]>| Player::new(&agreed, &wants).play(chunks);
    // The bytes as a stream, in one frame each time more or less.
    let whole = play(vec![&framed(bytes, &[0xff; 4], &mut |_| ())]);
    let mut stamp = 0u8;
    let other = framed(bytes, &how, &mut |out| {
        stamp = stamp.wrapping_add(how[0] | 1);
        put_message(out, stamp, agreed.protocol);
    });
    let parts = cut(&other, &how);
    let parts = play(parts);
    if whole.left || parts.left {
        return;
    }
    assert_eq!(ended(&whole), ended(&parts), "frames make a difference");
    assert!(whole.messages.is_empty());
});

/// All but messages.
fn ended(played: &Played) -> (&str, bool, &[rsync_proto_fuzz::player::File]) {
    (&played.course, played.result.is_ok(), &played.files)
}

/// Header by header what the protocol knows.
fn check_header(header: [u8; HEADER_LEN]) {
    let [low, middle, high, number] = header.map(usize::from);
    let len = low | middle << 8 | high << 16;
    let legal = match number {
        7 => true,
        8 | 9 | 10 | 11 | 15 | 108 => len <= 10 * 1024,
        29 | 40 | 109 => len == 4,
        49 => len == 0,
        93 => len == 0 || len == 4,
        _ => false,
    };
    let parsed = frame::parse_header(header);
    assert_eq!(parsed.is_ok(), legal, "{header:x?}");
    if let Ok((tag, parsed)) = parsed {
        assert_eq!(parsed, len);
        let mut again = Vec::new();
        frame::put_header(&mut again, tag, len);
        assert_eq!(again, header);
    }
}

/// Puts a stream into frames of these sizes in turn, with something between them.
fn framed(mut stream: &[u8], sizes: &[u8; 4], between: &mut dyn FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = stream.split_at(usize::from(*size).min(stream.len()));
        frame::put_data_header(&mut out, piece.len());
        out.extend_from_slice(piece);
        stream = rest;
        between(&mut out);
        if stream.is_empty() || sizes == &[0; 4] {
            break;
        }
    }
    if !stream.is_empty() {
        frame::put_data_header(&mut out, stream.len());
        out.extend_from_slice(stream);
    }
    out
}

/// A message that changes nothing.
fn put_message(out: &mut Vec<u8>, kind: u8, protocol: u8) {
    let (tag, text): (Tag, &[u8]) = match kind % 8 {
        0 => (Tag::Info, b"text\n"),
        1 => (Tag::Warning, b"\xff\x1b[0m"),
        2 => (Tag::Error, b""),
        3 => (Tag::ErrorTransfer, b"a\nb"),
        4 if protocol >= 30 => (Tag::Noop, b""),
        5 if protocol >= 30 => (Tag::IoError, &[1, 0, 0, 0]),
        6 if protocol >= 30 => (Tag::IoTimeout, &[60, 0, 0, 0]),
        _ => return,
    };
    frame::put_header(out, tag, text.len());
    out.extend_from_slice(text);
}

/// Chunks of these lengths in turn.
fn cut<'a>(mut bytes: &'a [u8], lengths: &[u8; 4]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for len in lengths.iter().rev().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at(bytes.len().min(1 + usize::from(*len)));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}
