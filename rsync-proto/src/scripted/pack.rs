//! Packs literals as a server does, with encoders that are not of this library.

use std::io::Write;

#[cfg(feature = "zlib")]
use flate2::{Compress, Compression, FlushCompress};
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

use crate::compression::CompressionKind;

/// The most packed bytes of a run.
pub const MAX_RUN: usize = 0x3fff;
/// What a flush ends with, and a server leaves out.
const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];
/// What a server packs at once as an LZ4 block: it fits into a run even if nothing is gained.
const LZ4_BLOCK: usize = 16_000;
/// What a server before protocol 31 has deflate look at in one go.
const MAX_LOOK: usize = 0xffff;

/// Of one session.
pub struct Packer {
    kind: CompressionKind,
    protocol: u8,
    stream: Stream,
}

/// Encoders take much memory, so there is only the one that is needed.
enum Stream {
    Zstd(Encoder<'static, Vec<u8>>),
    #[cfg(feature = "lz4")]
    Lz4,
    #[cfg(feature = "zlib")]
    Deflate(Compress),
}

impl Packer {
    /// At the level that servers choose.
    pub fn new(kind: CompressionKind, protocol: u8) -> Self {
        Self::at_level(kind, protocol, if kind == CompressionKind::Zstd { 3 } else { 6 })
    }

    /// At a level that the algorithm has: -7 to 22 for zstd, 0 to 9 for deflate; LZ4 has none.
    pub fn at_level(kind: CompressionKind, protocol: u8, level: i32) -> Self {
        let stream = match kind {
            CompressionKind::Zstd => {
                let mut zstd = Encoder::new(Vec::new(), level).expect("zstd has that level");
                // Tables as large as those of higher levels take more time to clear than all else takes in a test.
                for small in [CParameter::WindowLog(17), CParameter::HashLog(12), CParameter::ChainLog(12)] {
                    zstd.set_parameter(small).expect("zstd has that size");
                }
                Stream::Zstd(zstd)
            }
            #[cfg(feature = "lz4")]
            CompressionKind::Lz4 => Stream::Lz4,
            #[cfg(feature = "zlib")]
            CompressionKind::Zlibx | CompressionKind::Zlib => {
                let level = Compression::new(level.try_into().expect("deflate has that level"));
                Stream::Deflate(Compress::new(level, false))
            }
            #[cfg(not(all(feature = "lz4", feature = "zlib")))]
            kind => panic!("{kind:?} is not compiled in"),
        };
        Self { kind, protocol, stream }
    }

    /// Packs the literals up to the next matched block, or the end of the file: one run or several, without their
    /// headers. A server flushes deflate nowhere else.
    pub fn pack(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let packed = match &mut self.stream {
            Stream::Zstd(zstd) => {
                zstd.write_all(bytes).and_then(|()| zstd.flush()).expect("memory is large enough");
                std::mem::take(zstd.get_mut())
            }
            #[cfg(feature = "lz4")]
            Stream::Lz4 => return bytes.chunks(LZ4_BLOCK).map(lz4_flex::block::compress).collect(),
            #[cfg(feature = "zlib")]
            Stream::Deflate(_) => {
                let mut packed = self.flush(bytes);
                packed.truncate(packed.len() - FLUSH_END.len());
                packed
            }
        };
        packed.chunks(MAX_RUN).map(<[u8]>::to_vec).collect()
    }

    /// What matched is skipped, but old deflate may refer to it from now on.
    pub fn see(&mut self, block: &[u8]) {
        if self.kind != CompressionKind::Zlib {
            return;
        }
        if self.protocol >= 31 {
            self.flush(block);
            return;
        }
        // Such servers begin anew with each part.
        let mut left = block.len();
        while left > 0 {
            let part = left.min(MAX_LOOK);
            self.flush(&block[..part]);
            left -= part;
        }
    }

    pub fn next_file(&mut self) {
        #[cfg(feature = "zlib")]
        if let Stream::Deflate(deflate) = &mut self.stream {
            deflate.reset();
        }
    }

    /// Only deflate is flushed so.
    fn flush(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 1000);
        #[cfg(feature = "zlib")]
        if let Stream::Deflate(deflate) = &mut self.stream {
            deflate.compress_vec(bytes, &mut out, FlushCompress::Sync).expect("deflate takes all bytes");
            assert!(out.ends_with(&FLUSH_END), "there was room for all of it");
        }
        out
    }
}
