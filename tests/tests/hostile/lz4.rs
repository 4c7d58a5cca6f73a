//! LZ4 blocks that no encoder makes.

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;
use rsync_proto::limits::MAX_LZ4_BLOCK;

use crate::packed::packed_a;
use crate::rows::{LIMIT, Row, STREAM, Teller};

/// One byte so many times.
pub fn block_of(byte: u8, len: usize) -> Vec<u8> {
    // A literal, and a match at distance 1 whose length has 19 bytes in front of what is added here; no literals behind.
    let more = len - 1 - 19;
    let lengths = [vec![255; more / 255], vec![(more % 255) as u8]].concat();
    [&[0x1f, byte, 1, 0][..], &lengths, &[0]].concat()
}

#[test]
pub fn blocks() {
    let row = |what, says, lie, twin| Row { what, lie, twin, code: STREAM, says };
    Teller::new(&["-z"]).with(|t| t.compress(CompressionKind::Lz4)).tell(
        &[Shape::RECENT, Shape::WHOLE],
        &[
            row(
                "lz4: the distance 0",
                "an lz4 block",
                |t| packed_a(t, &[0x10, b'f', 0, 0, 0x50, b'f', b'i', b'v', b'e', b'!'], b"ffffffive!"),
                |t| packed_a(t, &[0x10, b'f', 1, 0, 0x50, b'f', b'i', b'v', b'e', b'!'], b"ffffffive!"),
            ),
            row(
                "lz4: a distance before the beginning",
                "an lz4 block",
                |t| {
                    packed_a(
                        t,
                        &[0x20, b'f', b'i', 3, 0, 0x50, b'f', b'i', b'v', b'e', b'!'],
                        b"fifififive!",
                    );
                },
                |t| {
                    packed_a(
                        t,
                        &[0x20, b'f', b'i', 2, 0, 0x50, b'f', b'i', b'v', b'e', b'!'],
                        b"fifififive!",
                    );
                },
            ),
            row(
                "lz4: literals beyond the block",
                "an lz4 block",
                |t| packed_a(t, &[0x60, b'f', b'i', b'v', b'e', b'!'], b"five!"),
                |t| packed_a(t, &[0x50, b'f', b'i', b'v', b'e', b'!'], b"five!"),
            ),
            row(
                "lz4: a length without an end",
                "an lz4 block",
                |t| packed_a(t, &[&[0xf0][..], &[0xff; 9_000]].concat(), b"five!"),
                |t| packed_a(t, &[&[0xf0, 5][..], &[b'x'; 20]].concat(), &[b'x'; 20]),
            ),
            row(
                "lz4: a block that is longer than any",
                "an lz4 block",
                |t| packed_a(t, &block_of(b'x', MAX_LZ4_BLOCK + 1), &[b'x'; MAX_LZ4_BLOCK + 1]),
                |t| packed_a(t, &block_of(b'x', MAX_LZ4_BLOCK), &[b'x'; MAX_LZ4_BLOCK]),
            ),
            Row {
                code: LIMIT,
                ..row(
                    "lz4: blocks of nothing for ever",
                    "packed data that comes to nothing",
                    |t| nothing(t, 90_000),
                    |t| nothing(t, 80_000),
                )
            },
        ],
    );
}

fn nothing(tale: &mut Tale, times: usize) {
    packed_a(tale, b"", b"something");
    tale.answers("a", move |s, request| {
        s.begin_answer(request.index, request.flags).layout(request.layout);
        (0..times).fold(s, |s, _| s.run(&[0])).run(b"\x90something").end_of_file(b"something");
    });
}
