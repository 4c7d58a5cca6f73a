//! Deflated data that no encoder makes (RFC 1951), written by hand.

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;

use crate::packed::packed_a;
use crate::rows::{LIMIT, PROTOCOL, Row, STREAM, Teller};

/// What is unpacked as it comes, and what is unpacked beside the file that it belongs to.
const SHAPES: &[Shape] = &[Shape::RECENT, Shape::ALL[0], Shape::ALL[1], Shape::ALL[6]];

fn teller() -> Teller {
    Teller::new(&["-z"]).with(|t| {
        t.compress(if t.shape.negotiates { CompressionKind::Zlibx } else { CompressionKind::Zlib });
    })
}

/// Bits from the lowest on: numbers with how many bits they have; codes, whose highest bit comes first, with a minus.
fn bits(numbers: &[(u32, i32)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (number, count) in numbers {
        let bit = |at: i32| number >> at & 1;
        match *count {
            ..0 => (0..-count).rev().for_each(|at| all.push(bit(at))),
            _ => (0..*count).for_each(|at| all.push(bit(at))),
        }
    }
    all.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | *bit as u8)).collect()
}

/// A block with the codes that need no table, whatever is in it; then what an interruption leaves of a block.
fn fixed(codes: &[(u32, i32)]) -> Vec<u8> {
    let header = [(0, 1), (1, 2)];
    let end = [(0, -7), (0, 3)];
    bits(&[&header, codes, &end].concat())
}

/// The code of a literal.
fn literal(byte: u8) -> (u32, i32) {
    (0x30 + u32::from(byte), -8)
}

/// Nothing packed, said to have so many bytes.
fn stored(len: u16, bytes: &[u8]) -> Vec<u8> {
    [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), bytes, &[0]].concat()
}

fn row(what: &'static str, says: &'static str, lie: fn(&mut Tale), twin: fn(&mut Tale)) -> Row {
    Row { what, lie, twin, code: STREAM, says }
}

#[test]
pub fn blocks() {
    teller().tell(
        SHAPES,
        &[
            row(
                "zlib: a block of a reserved kind",
                "deflated data",
                |t| packed_a(t, &[0b110, 0, 0], b"five\n"),
                |t| packed_a(t, &stored(5, b"five\n"), b"five\n"),
            ),
            row(
                "zlib: a length that differs from itself",
                "deflated data",
                |t| packed_a(t, b"\0\x05\0\xfb\xfffive\n\0", b"five\n"),
                |t| packed_a(t, b"\0\x04\0\xfb\xfffive\0", b"five"),
            ),
            row(
                "zlib: a header that nobody expects",
                "deflated data",
                |t| packed_a(t, &[&[0x78, 0x9c][..], &stored(5, b"five\n")].concat(), b"five\n"),
                |t| nothing(t, 1),
            ),
            Row {
                code: PROTOCOL,
                ..row(
                    "zlib: the last block",
                    "ended the deflated data",
                    |t| packed_a(t, b"\x01\x05\0\xfa\xfffive\n", b"five\n"),
                    |t| packed_a(t, &fixed(&[literal(b'f'), literal(b'i')]), b"fi"),
                )
            },
            row(
                "zlib: a block that is cut",
                "an interruption in the middle of a block",
                |t| packed_a(t, b"\0\x0a\0\xf5\xfffive\n", b"five\n"),
                |t| packed_a(t, &stored(10, b"five\nfive\n"), b"five\nfive\n"),
            ),
            row(
                "zlib: no interruption",
                "an interruption in the middle of a block",
                |t| packed_a(t, &bits(&[(0, 1), (1, 2), literal(b'f'), (1, 1)]), b"f"),
                |t| packed_a(t, &fixed(&[literal(b'f')]), b"f"),
            ),
            Row {
                code: LIMIT,
                ..row(
                    "zlib: blocks of nothing for ever",
                    "packed data that comes to nothing",
                    |t| nothing(t, 60_000),
                    |t| nothing(t, 50_000),
                )
            },
        ],
    );
}

fn nothing(tale: &mut Tale, times: usize) {
    packed_a(tale, &[[0, 0, 0, 0xff, 0xff].repeat(times), stored(5, b"five\n")].concat(), b"five\n");
}

#[test]
pub fn codes() {
    teller().tell(
        SHAPES,
        &[
            row(
                "zlib: a distance that has no meaning",
                "deflated data",
                |t| packed_a(t, &fixed(&[literal(b'f'), (1, -7), (30, -5)]), b"ffff"),
                |t| packed_a(t, &fixed(&[literal(b'f'), literal(b'i'), (1, -7), (1, -5)]), b"fifif"),
            ),
            row(
                "zlib: a length that has no meaning",
                "deflated data",
                |t| packed_a(t, &fixed(&[literal(b'f'), (0xc6, -8), (0, -5)]), b"ffff"),
                // The longest that there is.
                |t| packed_a(t, &fixed(&[literal(b'f'), (0xc5, -8), (0, -5)]), &[b'f'; 259]),
            ),
            row(
                "zlib: codes of more than there is room for",
                "deflated data",
                // Four codes of one bit each.
                |t| {
                    packed_a(
                        t,
                        &bits(&[(0, 1), (2, 2), (0, 5), (0, 5), (0, 4), (0o1111, 12), (0, 32)]),
                        b"five\n",
                    );
                },
                |t| {
                    let text = b"as an encoder packs it, with codes of its own, ".repeat(200);
                    t.contents.insert(b"a".to_vec(), text.clone());
                    t.item("a").size = text.len() as i64;
                },
            ),
            row(
                "zlib: no codes at all",
                "deflated data",
                |t| {
                    packed_a(
                        t,
                        &bits(&[(0, 1), (2, 2), (0, 5), (0, 5), (0, 4), (0, 12), (0, 32)]),
                        b"five\n",
                    );
                },
                |t| packed_a(t, &fixed(&[]), b""),
            ),
            row(
                "zlib: more codes than there are",
                "deflated data",
                |t| packed_a(t, &bits(&[(0, 1), (2, 2), (31, 5), (0, 5), (0, 4), (0, 32)]), b"five\n"),
                |t| {
                    packed_a(
                        t,
                        &[fixed(&[literal(b'f')]), vec![0, 0, 0xff, 0xff], fixed(&[literal(b'i')])].concat(),
                        b"fi",
                    );
                },
            ),
        ],
    );
}

/// What lies before the beginning is taken for zeros, which no sum agrees with.
#[test]
pub fn before_the_beginning() {
    for shape in SHAPES {
        let distance = |distance: u32| {
            move |t: &mut Tale| {
                let three = [literal(b'f'), (1, -7), (distance - 1, -5)];
                packed_a(t, &fixed(&three), b"ffff");
            }
        };
        teller().passes("a distance to the beginning", *shape, distance(1));
        teller().fails_only("a", "zlib: a distance before the beginning", *shape, distance(2));
    }
}
