//! Few bytes that become many: 1 GiB more than the file was said to have, and the memory that they take meanwhile.

use end_to_end::scripted::{Request, Shape, Tale};
use rsync_proto::compression::CompressionKind;
use rsync_proto::scripted::Script;

use crate::count;
use crate::floods::pull;
use crate::lz4;
use crate::rows::PROTOCOL;
use crate::zstd;

/// Zeros take no room at the destination.
const OPTIONS: &[&str] = &["-a", "--numeric-ids", "-z", "-S", "--block-size=1448"];
/// So much longer than announced a file may become, in bytes.
const GROWTH: usize = 1 << 30;
/// What an honest file of zeros has, in bytes.
const HONEST: usize = 64 << 20;
/// What a pull may take beyond that of such a file, in KiB: buffers, and queues of small steps, that happen to be full.
const SLACK: u64 = 48 * 1024;

/// At least so many zeros in few bytes.
fn zeros(script: &mut Script, kind: CompressionKind, len: usize) -> Vec<Vec<u8>> {
    match kind {
        CompressionKind::Zstd => {
            let blocks = vec![zstd::block(zstd::REPEATED, 1 << 17, b"\0"); len >> 17];
            zstd::frame(&[0, 7 << 3], &blocks).chunks(0x3fff).map(<[u8]>::to_vec).collect()
        }
        CompressionKind::Lz4 => vec![lz4::block_of(0, 1 << 15); len >> 15],
        CompressionKind::Zlibx | CompressionKind::Zlib => {
            // An interruption makes them independent of where they stand.
            let once = [script.pack(&vec![0; 1 << 24]).concat(), vec![0, 0, 0xff, 0xff]].concat();
            let mut all = once.repeat(len >> 24);
            all.truncate(all.len() - 4);
            all.chunks(0x3fff).map(<[u8]>::to_vec).collect()
        }
    }
}

/// A server that has one file, which is said to have so many bytes and has `len` zeros.
fn bomb(shape: Shape, kind: CompressionKind, announced: usize, len: usize) -> Tale {
    let mut tale = Tale::honest(shape);
    tale.compress(kind);
    tale.retain(|path| [&b"."[..], b"a"].contains(&path));
    tale.item("a").size = announced as i64;
    let content = if len == announced { vec![0; len] } else { Vec::new() };
    tale.answers("a", move |s, request: &Request| {
        s.begin_answer(request.index, request.flags).layout(request.layout);
        let runs = zeros(s, kind, len);
        runs.iter().fold(s, |s, run| s.run(run)).end_of_file(&content);
    });
    tale
}

/// A lie and its twin.
fn fails(what: &str, basis: &[u8], lie: Tale, twin: impl Fn() -> Tale) {
    if count::twin(what, OPTIONS, &twin) | count::lie(what, OPTIONS, &lie) {
        return;
    }
    let (honest, usual) = pull(OPTIONS, basis, twin());
    assert_eq!(honest.code(), 0, "{honest}");
    let (outcome, peak) = pull(OPTIONS, basis, lie);
    assert_eq!(outcome.code(), PROTOCOL, "{what}\n{outcome}");
    assert!(outcome.stderr.contains("can be missing of a file"), "{what}\n{outcome}");
    assert!(peak < usual + SLACK, "{what}: {peak} KiB, where an honest server needs {usual}");
}

#[test]
pub fn of_zeros() {
    for (shape, kind, what) in [
        (Shape::RECENT, CompressionKind::Zstd, "zstd: 1 GiB of zeros"),
        (Shape::RECENT, CompressionKind::Lz4, "lz4: 1 GiB of zeros"),
        (Shape::RECENT, CompressionKind::Zlibx, "zlibx: 1 GiB of zeros"),
        (Shape::ALL[0], CompressionKind::Zlib, "zlib: 1 GiB of zeros"),
    ] {
        let lie = bomb(shape, kind, 5, GROWTH + (1 << 24));
        fails(what, b"", lie, || bomb(shape, kind, HONEST, HONEST));
    }
}

/// A basis of 2 MiB, told again and again: 1,449 blocks in seven bytes.
fn blocks(shape: Shape, announced: usize, times: usize) -> Tale {
    let mut tale = Tale::honest(shape);
    tale.compress(if shape.negotiates { CompressionKind::Lz4 } else { CompressionKind::Zlib });
    tale.retain(|path| [&b"."[..], b"a"].contains(&path));
    tale.item("a").size = announced as i64;
    let content = vec![0; announced];
    tale.answers("a", move |s, request: &Request| {
        s.begin_answer(request.index, request.flags).layout(request.layout);
        (0..times).fold(s, |s, _| s.refer(0, 1449)).end_of_file(&content);
    });
    tale
}

#[test]
pub fn of_blocks() {
    for shape in [Shape::RECENT, Shape::ALL[0]] {
        let lie = blocks(shape, 5, 1 + (GROWTH >> 21));
        fails("1 GiB of blocks", &[0; 2 << 20], lie, || blocks(shape, HONEST, HONEST >> 21));
    }
}
