//! Packs literals as a server does, with encoders that are not of this library.

use std::io::Write;

#[cfg(feature = "zlib")]
use flate2::{Compress, Compression, FlushCompress};
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
    zstd: Encoder<'static, Vec<u8>>,
    #[cfg(feature = "zlib")]
    deflate: Compress,
}

impl Packer {
    pub fn new(kind: CompressionKind, protocol: u8) -> Self {
        let zstd = Encoder::new(Vec::new(), 3).expect("zstd has level 3");
        Self {
            kind,
            protocol,
            zstd,
            #[cfg(feature = "zlib")]
            deflate: Compress::new(Compression::new(6), false),
        }
    }

    /// Packs the literals up to the next matched block, or the end of the file: one run or several, without their
    /// headers. A server flushes deflate nowhere else.
    pub fn pack(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let packed = match self.kind {
            CompressionKind::Zstd => {
                self.zstd.write_all(bytes).and_then(|()| self.zstd.flush()).expect("memory is large enough");
                std::mem::take(self.zstd.get_mut())
            }
            #[cfg(feature = "lz4")]
            CompressionKind::Lz4 => {
                return bytes.chunks(LZ4_BLOCK).map(lz4_flex::block::compress).collect();
            }
            #[cfg(feature = "zlib")]
            CompressionKind::Zlibx | CompressionKind::Zlib => {
                let mut packed = self.flush(bytes);
                packed.truncate(packed.len() - FLUSH_END.len());
                packed
            }
            #[cfg(not(all(feature = "lz4", feature = "zlib")))]
            kind => panic!("{kind:?} is not compiled in"),
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
        self.deflate.reset();
    }

    #[cfg(not(feature = "zlib"))]
    fn flush(&mut self, _: &[u8]) {}

    #[cfg(feature = "zlib")]
    fn flush(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 1000);
        self.deflate.compress_vec(bytes, &mut out, FlushCompress::Sync).expect("deflate takes all bytes");
        assert!(out.ends_with(&FLUSH_END), "there was room for all of it");
        out
    }
}
