//! Zstandard streams that no encoder makes: frames, blocks, literals and sequences (RFC 8878), written by hand.

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;

use crate::packed::packed_a;
use crate::rows::{LIMIT, PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::RECENT, Shape::WHOLE];
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A window of 1 MiB.
const WINDOW: u8 = 10 << 3;
const RAW: u8 = 0;
pub const REPEATED: u8 = 1;
const PACKED: u8 = 2;
const RESERVED: u8 = 3;
/// In packed blocks: five literals as they are, and their number.
const FIVE: &[u8] = b"\x28five\n";
/// Each of the three tables has one symbol.
const SINGLE: u8 = 0b0101_0100;

/// A stream of the session has one frame: nothing but `a` comes, so that nothing follows.
fn teller() -> Teller {
    Teller::new(&["-z"]).with(|t| {
        t.retain(|path| [&b"."[..], b"a"].contains(&path));
        t.compress(CompressionKind::Zstd);
    })
}

/// A block of this kind, that is said to have so many bytes.
pub fn block(kind: u8, size: u32, bytes: &[u8]) -> Vec<u8> {
    [&(size << 3 | u32::from(kind) << 1).to_le_bytes()[..3], bytes].concat()
}

/// A frame whose header goes on like this behind the magic number.
pub fn frame(header: &[u8], blocks: &[Vec<u8>]) -> Vec<u8> {
    [&MAGIC[..], header, &blocks.concat()].concat()
}

/// In a frame: content as it is.
fn told(tale: &mut Tale, header: &[u8]) {
    packed_a(tale, &frame(header, &[block(RAW, 5, b"five\n")]), b"five\n");
}

/// In a frame as they should be: these blocks.
fn blocks(tale: &mut Tale, blocks: &[Vec<u8>], content: &[u8]) {
    packed_a(tale, &frame(&[0, WINDOW], blocks), content);
}

/// One packed block, of literals and of sequences.
fn packed(tale: &mut Tale, literals: &[u8], sequences: &[u8], content: &[u8]) {
    let both = [literals, sequences].concat();
    blocks(tale, &[block(PACKED, both.len() as u32, &both)], content);
}

fn row(what: &'static str, says: &'static str, lie: fn(&mut Tale), twin: fn(&mut Tale)) -> Row {
    Row { what, lie, twin, code: STREAM, says }
}

#[test]
pub fn frames() {
    teller().tell(
        SHAPES,
        &[
            Row {
                code: LIMIT,
                ..row(
                    "zstd: a window of 256 MiB",
                    "the window of a zstd stream",
                    |t| told(t, &[0, 18 << 3]),
                    |t| told(t, &[0, 17 << 3]),
                )
            },
            Row {
                code: LIMIT,
                ..row(
                    "zstd: the greatest window",
                    "the window of a zstd stream",
                    |t| told(t, &[0, 0xff]),
                    |t| told(t, &[0, 0]),
                )
            },
            row(
                "zstd: a dictionary",
                "a frame with a dictionary",
                |t| told(t, &[1, WINDOW, 1]),
                // A sum would stand at the end, which never comes.
                |t| told(t, &[4, WINDOW]),
            ),
            row(
                "zstd: a frame of a fixed size",
                "of a fixed size",
                |t| told(t, &[0x20, 5]),
                // This bit means nothing.
                |t| told(t, &[0x10, WINDOW]),
            ),
            row(
                "zstd: a frame of a kind to come",
                "a frame of an unknown kind",
                |t| told(t, &[8, WINDOW]),
                |t| told(t, &[0, WINDOW]),
            ),
            row(
                "zstd: something else than a frame",
                "something else than a frame",
                |t| packed_a(t, b"\x50\x2a\x4d\x18\x05\0\0\0five\n", b"five\n"),
                |t| blocks(t, &[block(RAW, 0, b""), block(RAW, 5, b"five\n")], b"five\n"),
            ),
        ],
    );
}

#[test]
pub fn blocks_of_frames() {
    teller().tell(
        SHAPES,
        &[
            row(
                "zstd: a second frame",
                "a block of too many bytes",
                |t| {
                    blocks(
                        t,
                        &[block(RAW, 2, b"fi"), frame(&[0, WINDOW], &[block(RAW, 3, b"ve\n")])],
                        b"five\n",
                    );
                },
                |t| blocks(t, &[block(RAW, 2, b"fi"), block(RAW, 3, b"ve\n")], b"five\n"),
            ),
            Row {
                code: PROTOCOL,
                ..row(
                    "zstd: the last block",
                    "ended the zstd stream",
                    |t| {
                        blocks(
                            t,
                            &[block(REPEATED, 5, b"x")
                                .iter()
                                .zip([1, 0, 0, 0])
                                .map(|(a, b)| a | b)
                                .collect()],
                            b"xxxxx",
                        );
                    },
                    |t| blocks(t, &[block(REPEATED, 5, b"x")], b"xxxxx"),
                )
            },
            row(
                "zstd: a block of a reserved kind",
                "a block of an unknown kind",
                |t| blocks(t, &[block(RESERVED, 5, b"five\n")], b"five\n"),
                |t| blocks(t, &[block(PACKED, 7, b"\x28five\n\0")], b"five\n"),
            ),
            row(
                "zstd: a block of 128 KiB and one byte",
                "a block of too many bytes",
                |t| blocks(t, &[block(REPEATED, 131_073, b"x")], &[b'x'; 131_073]),
                |t| blocks(t, &[block(REPEATED, 131_072, b"x")], &[b'x'; 131_072]),
            ),
            row(
                "zstd: a block beyond its window",
                "a block of too many bytes",
                |t| packed_a(t, &frame(&[0, 0], &[block(REPEATED, 1025, b"x")]), &[b'x'; 1025]),
                |t| packed_a(t, &frame(&[0, 0], &[block(REPEATED, 1024, b"x")]), &[b'x'; 1024]),
            ),
            Row {
                code: LIMIT,
                ..row(
                    "zstd: blocks of nothing for ever",
                    "packed data that comes to nothing",
                    |t| nothing(t, 90_000),
                    |t| nothing(t, 80_000),
                )
            },
        ],
    );
}

fn nothing(tale: &mut Tale, times: usize) {
    let mut all = vec![block(RAW, 0, b""); times];
    all.push(block(RAW, 5, b"five\n"));
    blocks(tale, &all, b"five\n");
}

#[test]
pub fn literals() {
    teller().tell(
        SHAPES,
        &[
            row(
                "zstd: the code of a block before the first",
                "a zstd stream",
                |t| packed(t, &[0x53, 0x40, 0, 0xff], &[0], b"five\n"),
                |t| packed(t, FIVE, &[0], b"five\n"),
            ),
            row(
                "zstd: a code without weights",
                "a zstd stream",
                |t| packed(t, &[0x52, 0x80, 0, 0x00, 0xff], &[0], b"five\n"),
                // Two symbols, 0 and 1, of one bit each; then the bits, and the mark of their end.
                |t| packed(t, &[0x52, 0xc0, 0, 0x80, 0x10, 0b10_1010], &[0], &[0, 1, 0, 1, 0]),
            ),
            row(
                "zstd: a code whose weights make up no whole",
                "a zstd stream",
                |t| packed(t, &[0x52, 0x00, 1, 0x82, 0xbb, 0xb0, 0xff], &[0], b"five\n"),
                |t| packed(t, &[0x05 << 3 | 1, b'x'], &[0], b"xxxxx"),
            ),
            row(
                "zstd: literals beyond their block",
                "a zstd stream",
                |t| packed(t, b"\x38five\n", &[0], b"five\n\0\0"),
                |t| packed(t, b"\x38fivefiv", &[0], b"fivefiv"),
            ),
            row(
                "zstd: more literals than a block has",
                "a zstd stream",
                // 200,000 times the same.
                |t| packed(t, &[0x0d, 0xd4, 0x30, b'x'], &[0], &[b'x'; 200_000]),
                // 131,072 times.
                |t| packed(t, &[0x0d, 0x00, 0x20, b'x'], &[0], &[b'x'; 131_072]),
            ),
        ],
    );
}

#[test]
pub fn sequences() {
    teller().tell(
        SHAPES,
        &[
            row(
                "zstd: a distance before the beginning",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE, 5, 5, 0, 0b11_1111], b"five\nfiv"),
                // The distance 4: code 2, and 7 less 3.
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 0, 0b111], b"five\nive"),
            ),
            row(
                "zstd: the tables of a block before the first",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, 0b1111_1100, 0b111], b"five\nive"),
                // The distance 1.
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 0, 0b100], b"five\n\n\n\n"),
            ),
            row(
                "zstd: modes that mean nothing",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE | 1, 5, 2, 0, 0b111], b"five\nive"),
                // The distance 2.
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 0, 0b101], b"five\ne\ne"),
            ),
            row(
                "zstd: a table of too many states",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, 0b1001_0100, 0x0f, 0xff, 2, 0, 0b111], b"five\nive"),
                // A match of four.
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 1, 0b110], b"five\nve\nv"),
            ),
            row(
                "zstd: a symbol that is none",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE, 36, 2, 0, 0b111], b"five\nive"),
                // Two literals in front of the match, three behind it.
                |t| packed(t, FIVE, &[1, SINGLE, 2, 2, 0, 0b101], b"fififve\n"),
            ),
            row(
                "zstd: more literals than there are",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE, 6, 2, 0, 0b111], b"five\nive"),
                |t| packed(t, FIVE, &[1, SINGLE, 4, 2, 0, 0b111], b"fivefiv\n"),
            ),
            row(
                "zstd: bits without an end",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 0, 0], b"five\nive"),
                |t| packed(t, FIVE, &[1, SINGLE, 5, 0, 0, 1], b"five\n\n\n\n"),
            ),
            row(
                "zstd: bits that are left",
                "a zstd stream",
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 0, 0b1111], b"five\nive"),
                |t| packed(t, FIVE, &[1, SINGLE, 5, 2, 2, 0b111], b"five\nive\ni"),
            ),
            row(
                "zstd: sequences that are missing",
                "a zstd stream",
                |t| packed(t, FIVE, &[2, SINGLE, 5, 2, 0, 0b111], b"five\nive"),
                |t| packed(t, FIVE, &[2, SINGLE, 2, 2, 0, 0b1_0101], b"fififvevev\n"),
            ),
        ],
    );
}

#[test]
pub fn that_are_cut() {
    for shape in SHAPES {
        let cut = |len: u32| {
            move |t: &mut Tale| {
                blocks(t, &[block(RAW, len, b"five\n")], b"five\n");
            }
        };
        teller().passes("a whole block", *shape, cut(5));
        // What is missing comes with the second try: the head of a frame, which reads like that of a last block.
        teller().fails("zstd: a block that is cut", *shape, cut(6), PROTOCOL, "ended the zstd stream");
    }
}
