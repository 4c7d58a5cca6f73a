//! Packs literals with the compression that was agreed on. Runs of packed bytes go out as they become complete; what is
//! left comes out where the packer pauses: in front of a block, and at the end of a file.

#[cfg(feature = "zlib")]
use flate2::{Compress, Compression, FlushCompress};

use crate::compression::CompressionKind;

/// The most packed bytes of a run.
const MOST_RUN: usize = 0x3fff;
/// What stands in front of a run.
const PACKED: u8 = 0x40;
/// What a flush of deflate ends with, and is not sent.
#[cfg(feature = "zlib")]
const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];
/// How far deflate looks back.
#[cfg(feature = "zlib")]
const DEFLATE_WINDOW: usize = 32 * 1024;
/// What deflate is shown at once of a block before protocol 31.
#[cfg(feature = "zlib")]
const OLD_PART: usize = 0xffff;

/// Packs the literals of a session.
pub(super) enum Packer {
    #[cfg(feature = "lz4")]
    Lz4(Box<Lz4>),
    #[cfg(feature = "zlib")]
    Deflate(Box<Deflate>),
    #[cfg(feature = "zstd")]
    Zstd(Box<crate::compression::ZstdEncoder>),
}

impl Packer {
    /// Those that can be packed with, the preferred first.
    pub fn available() -> impl Iterator<Item = CompressionKind> {
        CompressionKind::available()
    }

    /// Nothing for what is not compiled in. Levels that an algorithm does not have are the nearest that it has.
    pub fn new(kind: CompressionKind, level: Option<i32>, protocol: u8) -> Option<Self> {
        let _ = (level, protocol);
        match kind {
            #[cfg(feature = "lz4")]
            CompressionKind::Lz4 => Some(Self::Lz4(Box::default())),
            #[cfg(feature = "zlib")]
            CompressionKind::Zlib => Some(Self::Deflate(Box::new(Deflate::new(level, Some(protocol))))),
            #[cfg(feature = "zlib")]
            CompressionKind::Zlibx => Some(Self::Deflate(Box::new(Deflate::new(level, None)))),
            #[cfg(feature = "zstd")]
            CompressionKind::Zstd => Some(Self::Zstd(Box::default())),
            #[cfg(not(all(feature = "lz4", feature = "zlib", feature = "zstd")))]
            _ => None,
        }
    }

    /// Another file begins; `store`: it is not worth packing.
    pub fn begin_file(&mut self, store: bool) {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4(lz4) => lz4.store = store,
            #[cfg(feature = "zlib")]
            Self::Deflate(deflate) => deflate.begin_file(store),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.store = store,
        }
    }

    /// Takes in literals.
    pub fn pack(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4(lz4) => lz4.pack(out, bytes),
            #[cfg(feature = "zlib")]
            Self::Deflate(deflate) => deflate.pack(out, bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => {
                zstd.pack(bytes);
                put_full_runs(out, &mut zstd.packed);
            }
        }
    }

    /// All that was taken in comes out.
    pub fn pause(&mut self, out: &mut Vec<u8>) {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4(_) => {}
            #[cfg(feature = "zlib")]
            Self::Deflate(deflate) => deflate.pause(out),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => {
                zstd.flush();
                put_runs(out, &zstd.packed);
                zstd.packed.clear();
            }
        }
    }

    /// The client has this block, and finds it by itself; old deflate may refer to it from now on.
    pub fn see(&mut self, block: &[u8]) {
        match self {
            #[cfg(feature = "zlib")]
            Self::Deflate(deflate) => deflate.see(block),
            #[cfg(any(feature = "lz4", feature = "zstd"))]
            _ => {}
        }
        let _ = block;
    }
}

/// Writes runs of packed bytes.
fn put_runs(out: &mut Vec<u8>, packed: &[u8]) {
    for run in packed.chunks(MOST_RUN) {
        put_run_header(out, run.len());
        out.extend_from_slice(run);
    }
}

fn put_run_header(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&[PACKED | (len >> 8) as u8, len as u8]);
}

/// Writes those runs that are complete; what is left stays.
#[cfg(any(feature = "zlib", feature = "zstd"))]
fn put_full_runs(out: &mut Vec<u8>, packed: &mut Vec<u8>) {
    let full = packed.len() / MOST_RUN * MOST_RUN;
    put_runs(out, &packed[..full]);
    packed.drain(..full);
}

/// LZ4: each run is a block on its own.
#[cfg(feature = "lz4")]
#[derive(Default)]
pub(super) struct Lz4 {
    store: bool,
    room: Vec<u8>,
    table: lz4_flex::block::CompressTable,
}

#[cfg(feature = "lz4")]
impl Lz4 {
    fn pack(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(MOST_RUN)];
            if self.store {
                // Half of what a run has, as rsync cuts what does not pack.
                let piece = &piece[..piece.len().min(MOST_RUN / 2)];
                put_stored(out, piece);
                rest = &rest[piece.len()..];
                continue;
            }
            let packed = self.block(piece);
            // What cannot be packed becomes a little longer than it is: then half of it fits.
            let (piece, packed) = if packed > MOST_RUN {
                let half = &piece[..piece.len() / 2];
                (half, self.block(half))
            } else {
                (piece, packed)
            };
            put_run_header(out, packed);
            out.extend_from_slice(&self.room[..packed]);
            rest = &rest[piece.len()..];
        }
    }

    fn block(&mut self, bytes: &[u8]) -> usize {
        let most = lz4_flex::block::get_maximum_output_size(bytes.len());
        if self.room.len() < most {
            self.room.resize(most, 0);
        }
        lz4_flex::block::compress_into_with_table(bytes, &mut self.room, &mut self.table)
            .expect("there is room for what does not pack")
    }
}

/// A run of one LZ4 block that has nothing but literals.
#[cfg(feature = "lz4")]
fn put_stored(out: &mut Vec<u8>, bytes: &[u8]) {
    let begin = out.len();
    put_run_header(out, 0);
    match bytes.len() {
        few @ ..15 => out.push((few << 4) as u8),
        many => {
            out.push(0xf0);
            let mut left = many - 15;
            while left >= 255 {
                out.push(255);
                left -= 255;
            }
            out.push(left as u8);
        }
    }
    out.extend_from_slice(bytes);
    let len = out.len() - begin - 2;
    out[begin] |= (len >> 8) as u8;
    out[begin + 1] = len as u8;
}

/// Deflate: a stream for each file.
#[cfg(feature = "zlib")]
pub(super) struct Deflate {
    usual: Compress,
    /// For files that are not worth packing; made when there is one.
    stored: Option<Box<Compress>>,
    store: bool,
    /// The protocol, if blocks that the client has take part in the stream.
    sees: Option<u8>,
    packed: Vec<u8>,
    /// Literals were taken in since the last pause.
    running: bool,
    /// Blocks were shown since.
    seen: bool,
}

#[cfg(feature = "zlib")]
impl Deflate {
    fn new(level: Option<i32>, sees: Option<u8>) -> Self {
        let level = match level {
            None | Some(-1) => 6,
            Some(level) => level.clamp(1, 9) as u32,
        };
        Self {
            usual: Compress::new(Compression::new(level), false),
            stored: None,
            store: false,
            sees,
            packed: Vec::new(),
            running: false,
            seen: false,
        }
    }

    fn begin_file(&mut self, store: bool) {
        self.store = store;
        if store && self.stored.is_none() {
            self.stored = Some(Box::new(Compress::new(Compression::new(0), false)));
        }
        self.stream().reset();
        self.packed.clear();
        (self.running, self.seen) = (false, false);
    }

    fn stream(&mut self) -> &mut Compress {
        match &mut self.stored {
            Some(stored) if self.store => stored,
            _ => &mut self.usual,
        }
    }

    fn pack(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if std::mem::take(&mut self.seen) {
            self.feed(&[], FlushCompress::Sync);
            self.packed.clear();
        }
        self.running = true;
        self.feed(bytes, FlushCompress::None);
        put_full_runs(out, &mut self.packed);
    }

    fn pause(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.running) {
            return;
        }
        self.feed(&[], FlushCompress::Sync);
        assert!(self.packed.ends_with(&FLUSH_END), "a flush ends with an empty block");
        put_runs(out, &self.packed[..self.packed.len() - FLUSH_END.len()]);
        self.packed.clear();
    }

    fn see(&mut self, block: &[u8]) {
        let Some(protocol) = self.sees else { return };
        self.seen = true;
        if protocol >= 31 {
            self.show(&block[block.len().saturating_sub(DEFLATE_WINDOW)..]);
            return;
        }
        // Both sides begin anew with each part.
        let mut left = block.len();
        while left > 0 {
            let part = left.min(OLD_PART);
            self.show(&block[part.saturating_sub(DEFLATE_WINDOW)..part]);
            left -= part;
        }
    }

    /// What comes of it is not sent.
    fn show(&mut self, bytes: &[u8]) {
        self.feed(bytes, FlushCompress::None);
        self.packed.clear();
    }

    fn feed(&mut self, bytes: &[u8], flush: FlushCompress) {
        let mut packed = std::mem::take(&mut self.packed);
        let stream = self.stream();
        let mut rest = bytes;
        loop {
            packed.reserve((rest.len() / 2).max(32 * 1024));
            let before = stream.total_in();
            stream.compress_vec(rest, &mut packed, flush).expect("deflate takes all bytes");
            rest = &rest[(stream.total_in() - before) as usize..];
            // With room left, there is nothing more to come.
            if rest.is_empty() && packed.len() < packed.capacity() {
                break;
            }
        }
        self.packed = packed;
    }
}
