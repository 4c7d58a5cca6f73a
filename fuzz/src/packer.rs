//! Packs literals as a server does, with the encoders that servers have.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress};
use rsync_proto::compression::CompressionKind;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

/// The longest run of packed bytes.
const MAX_RUN: usize = 0x3fff;
/// What is packed into one block of LZ4 at most, so that it fits into a run whatever it is.
const LZ4_PIECE: usize = 15_000;

/// The packing side of one session.
pub struct Packer {
    kind: CompressionKind,
    stream: Stream,
}

/// Encoders take much memory, so there is only the one that is needed.
enum Stream {
    Zstd(Encoder<'static, Vec<u8>>),
    Lz4,
    Deflate(Compress),
}

impl Packer {
    /// `level` is anything; each algorithm takes of it what it has.
    pub fn new(kind: CompressionKind, level: u8) -> Self {
        let stream = match kind {
            CompressionKind::Zstd => {
                let encoder = Encoder::new(Vec::new(), i32::from(level % 16) - 3);
                let mut encoder = encoder.expect("every level is one");
                // The tables of higher levels take more time to clear than all else takes.
                for small in [CParameter::WindowLog(17), CParameter::HashLog(12), CParameter::ChainLog(12)] {
                    encoder.set_parameter(small).expect("that size is one");
                }
                Stream::Zstd(encoder)
            }
            CompressionKind::Lz4 => Stream::Lz4,
            CompressionKind::Zlibx | CompressionKind::Zlib => {
                Stream::Deflate(Compress::new(Compression::new(u32::from(level % 10)), false))
            }
        };
        Self { kind, stream }
    }

    pub fn kind(&self) -> CompressionKind {
        self.kind
    }

    /// Another file begins.
    pub fn begin_file(&mut self) {
        if let Stream::Deflate(deflate) = &mut self.stream {
            deflate.reset();
        }
    }

    /// Packs literals up to the next interruption, in runs.
    pub fn literal(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let packed = match &mut self.stream {
            Stream::Lz4 => return bytes.chunks(LZ4_PIECE).map(lz4_flex::block::compress).collect(),
            Stream::Zstd(encoder) => {
                encoder.write_all(bytes).expect("memory takes all");
                encoder.flush().expect("memory takes all");
                std::mem::take(encoder.get_mut())
            }
            Stream::Deflate(deflate) => {
                let mut flushed = flush(deflate, bytes);
                // The end of a flush is not sent.
                assert_eq!(flushed.split_off(flushed.len() - 4), [0, 0, 0xff, 0xff]);
                flushed
            }
        };
        packed.chunks(MAX_RUN).map(<[u8]>::to_vec).collect()
    }

    /// A block that the other side has: the old deflate remembers it.
    pub fn matched(&mut self, bytes: &[u8]) {
        if let (CompressionKind::Zlib, Stream::Deflate(deflate)) = (self.kind, &mut self.stream) {
            flush(deflate, bytes);
        }
    }
}

fn flush(deflate: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 1000);
    deflate.compress_vec(bytes, &mut out, FlushCompress::Sync).expect("there is room");
    out
}

/// A run as it stands in the stream.
pub fn put_run(out: &mut Vec<u8>, run: &[u8]) {
    out.extend([0x40 | (run.len() >> 8) as u8, run.len() as u8]);
    out.extend(run);
}

/// A reference to blocks in a row, in one of its forms. `before` is the last block that was referred to.
pub fn put_blocks(out: &mut Vec<u8>, first: u32, last: u32, before: u32, far: bool) {
    let many = last > first;
    match first.checked_sub(before).filter(|step| *step < 64 && !far) {
        Some(step) => out.push(0x80 | u8::from(many) << 6 | step as u8),
        None => {
            out.push(0x20 | u8::from(many));
            out.extend(first.to_le_bytes());
        }
    }
    if many {
        out.extend(((last - first) as u16).to_le_bytes());
    }
}
