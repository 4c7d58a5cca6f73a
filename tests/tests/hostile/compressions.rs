//! Compressions that were not agreed on.

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;

use crate::rows::{PROTOCOL, Row, STREAM, Teller, UNSUPPORTED};

fn names(tale: &mut Tale, kind: CompressionKind, names: &[u8]) {
    tale.compression = Some(kind);
    tale.compressions = Some(names.to_vec());
}

#[test]
pub fn names_of_compressions() {
    use CompressionKind::{Lz4, Zlib, Zstd};
    Teller::new(&["-z"]).tell(
        &[Shape::RECENT, Shape::WHOLE],
        &[
            Row {
                what: "compressions that nobody offered",
                lie: |t| names(t, Zstd, b"brotli snappy none"),
                twin: |t| names(t, Zstd, b"brotli zstd snappy none"),
                code: UNSUPPORTED,
                says: "no common compression",
            },
            Row {
                what: "no compressions at all",
                lie: |t| names(t, Zstd, b""),
                twin: |t| names(t, Zlib, b"zlib"),
                code: UNSUPPORTED,
                says: "no common compression",
            },
            Row {
                what: "a list of compressions of 257 bytes",
                lie: |t| names(t, Zstd, &[&b"x".repeat(252)[..], b" zstd"].concat()),
                twin: |t| names(t, Zstd, &[&b"x".repeat(251)[..], b" zstd"].concat()),
                code: STREAM,
                says: "the list of compressions",
            },
            Row {
                what: "no list of compressions",
                lie: |t| t.compression = Some(Zstd),
                twin: |t| names(t, Lz4, b"none lz4"),
                code: UNSUPPORTED,
                says: "no common compression",
            },
            Row {
                what: "another compression than that which was agreed on",
                lie: |t| names(t, Lz4, b"zstd lz4"),
                twin: |t| names(t, Zstd, b"zstd lz4"),
                code: STREAM,
                says: "a zstd stream",
            },
            Row {
                what: "plain content where packed content was agreed on",
                lie: |t| t.compressions = Some(b"zstd".to_vec()),
                twin: |t| names(t, Zstd, b"zstd"),
                code: STREAM,
                says: "a packed token",
            },
        ],
    );
}

#[test]
pub fn not_asked_for() {
    use CompressionKind::Zlibx;
    Teller::new(&[]).tell(
        &[Shape::RECENT, Shape::WHOLE],
        &[
            Row {
                what: "packed content that nobody asked for",
                lie: |t| t.compression = Some(Zlibx),
                twin: |_| {},
                code: PROTOCOL,
                says: "it referred to block",
            },
            Row {
                what: "a list of compressions that nobody asked for",
                lie: |t| t.compressions = Some(b"zstd".to_vec()),
                twin: |t| t.checksums = b"zstd xxh3".to_vec(),
                code: STREAM,
                says: "unknown tag",
            },
        ],
    );
}
