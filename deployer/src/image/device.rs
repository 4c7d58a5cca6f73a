//! Puts an image onto a device: in large pieces past the kernel's cache, while the next one comes. Pieces of zeros are left
//! to the device, where it can make them by itself.
//!
//! Its beginning comes last, when all else is on the device and was found to be what it should be, and of that the block by
//! which a file system is known. Until then there is none that could be mounted.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use rustix::fs::{FallocateFlags, OFlags, fallocate, fcntl_getfl, fcntl_setfl};

use super::{ImageError, ImageStream, Trouble};
use crate::model::FsKind;
use crate::stop::Stop;

/// How much is written at once, in bytes. The first such piece holds every superblock.
const PIECE: usize = 1024 * 1024;
/// Writes past the cache begin and end at multiples of this, in bytes, on the device and in memory.
const BLOCK: usize = 4096;
/// Pieces that are on their way.
const PIECES: usize = 3;

/// A part of an image, in memory that begins at a whole block.
struct Piece {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Piece {
    fn new() -> Self {
        let memory = vec![0; PIECE + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self { memory, start, len: 0 }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + PIECE]
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

/// Writes an image to a device that nobody else uses. `written` counts the bytes of it that are there.
///
/// # Errors
/// The image is not what it should be, or the device fails. Then there is no file system on the device.
pub(crate) fn write(stream: &mut ImageStream, node: &Path, written: &AtomicU64) -> Result<(), ImageError> {
    put(stream, node, written).map_err(|trouble| stream.error(trouble))
}

fn put(stream: &mut ImageStream, node: &Path, written: &AtomicU64) -> Result<(), Trouble> {
    let mut device = Device::open(node, stream.stop())?;
    if stream.len() > device.len {
        return Err(Trouble::TooLarge { needed: stream.len(), node: node.to_owned(), has: device.len });
    }
    device.clear()?;
    let (full, to_write) = sync_channel::<Piece>(PIECES);
    let (empty, to_fill) = channel::<Piece>();
    (0..PIECES).for_each(|_| empty.send(Piece::new()).expect("its end is here"));
    let (read, written) = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for piece in to_write {
                device.put(&piece)?;
                written.fetch_add(piece.len as u64, Ordering::Relaxed);
                // At the end of the image nobody wants it any more.
                let _ = empty.send(piece);
            }
            Ok::<_, Trouble>(device)
        });
        let read = read_all(stream, &to_fill, &full);
        drop(full);
        (read, writer.join().expect("writing does not panic"))
    });
    // Where both failed, the device is what everything else depends on.
    let mut device = written?;
    read?;
    device.settle()?;
    stream.check()?;
    device.write_head(superblock(stream.content().kind))
}

/// Fills pieces until the image ends, or the writer does because it failed.
fn read_all(
    stream: &mut ImageStream,
    to_fill: &Receiver<Piece>,
    full: &SyncSender<Piece>,
) -> Result<(), Trouble> {
    while let Ok(mut piece) = to_fill.recv() {
        piece.len = stream.fill(piece.space())?;
        let is_last = piece.len < PIECE;
        if piece.len > 0 && full.send(piece).is_err() || is_last {
            break;
        }
    }
    Ok(())
}

/// Where the block is by which a file system is known, in bytes.
fn superblock(kind: FsKind) -> usize {
    if kind == FsKind::Btrfs { 64 * 1024 } else { 0 }
}

/// A device that is being written from its beginning to the end of the image.
struct Device {
    file: File,
    node: PathBuf,
    len: u64,
    /// Where the next piece goes.
    at: u64,
    /// The first piece, for later.
    head: Option<Piece>,
    /// Zeros that were not written yet begin here and end where the next piece goes.
    hole: Option<u64>,
    /// Whether the device can make zeros by itself.
    has_holes: bool,
    stop: Stop,
}

impl Device {
    fn open(node: &Path, stop: &Stop) -> Result<Self, Trouble> {
        let failed = |action| move |source| Trouble::Device { action, node: node.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        // With this flag, a device that is mounted or part of something is busy.
        let mut file =
            options.custom_flags(OFlags::EXCL.bits().cast_signed()).open(node).map_err(failed("open"))?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed("find the size of"))?;
        // Where that is not to be had, writes go through the cache.
        let _ = set_direct(&file, true);
        let (node, stop) = (node.to_owned(), stop.clone());
        Ok(Self { file, node, len, at: 0, head: None, hole: None, has_holes: true, stop })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Trouble + use<> {
        let node = self.node.clone();
        move |source| Trouble::Device { action, node, source }
    }

    /// Nothing is left by which a file system or a member of an array would be known: such marks are at the beginning and
    /// at the end.
    fn clear(&mut self) -> Result<(), Trouble> {
        let mut zeros = Piece::new();
        zeros.len = PIECE.min(usize::try_from(self.len).unwrap_or(PIECE));
        self.write_at(zeros.bytes(), 0)?;
        let tail = self.len.saturating_sub(PIECE as u64).next_multiple_of(BLOCK as u64);
        let len = self.len.saturating_sub(tail) as usize / BLOCK * BLOCK;
        self.write_at(&zeros.bytes()[..len.min(zeros.len)], tail)?;
        self.file.sync_all().map_err(self.failed("write to"))
    }

    fn put(&mut self, piece: &Piece) -> Result<(), Trouble> {
        let end = self.at + piece.len as u64;
        if end > self.len {
            return Err(Trouble::Longer { node: self.node.clone(), has: self.len });
        }
        if self.at == 0 {
            let mut head = Piece::new();
            head.space()[..piece.len].copy_from_slice(piece.bytes());
            head.len = piece.len;
            self.head = Some(head);
        } else if is_zero(piece.bytes()) {
            self.hole.get_or_insert(self.at);
        } else {
            self.settle()?;
            self.write_at(piece.bytes(), self.at)?;
        }
        self.at = end;
        Ok(())
    }

    /// Brings zeros onto the device that have come and were not written.
    fn settle(&mut self) -> Result<(), Trouble> {
        let Some(from) = self.hole.take() else { return Ok(()) };
        // Whole blocks only; what is left over is written.
        let whole = (self.at - from) / BLOCK as u64 * BLOCK as u64;
        let mut at = from;
        if self.has_holes && whole > 0 {
            // A device that cannot says so.
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(&self.file, flags, from, whole) {
                Ok(()) => at = from + whole,
                Err(_) => self.has_holes = false,
            }
        }
        if at == self.at {
            return Ok(());
        }
        let zeros = Piece::new();
        while at < self.at {
            if self.stop.is_wanted() {
                return Err(Trouble::Stopped);
            }
            let most = PIECE.min(usize::try_from(self.at - at).unwrap_or(PIECE));
            self.write_at(&zeros.memory[zeros.start..zeros.start + most], at)?;
            at += most as u64;
        }
        Ok(())
    }

    /// Everything else is there and is right: now what makes a file system of it, the block at `superblock` last of all.
    fn write_head(&mut self, superblock: usize) -> Result<(), Trouble> {
        let sync = |device: &Self| device.file.sync_all().map_err(device.failed("write to"));
        if let Some(head) = self.head.take() {
            let bytes = head.bytes();
            let from = superblock.min(bytes.len());
            let to = (superblock + BLOCK).min(bytes.len());
            self.write_at(&bytes[..from], 0)?;
            self.write_at(&bytes[to..], to as u64)?;
            sync(self)?;
            self.write_at(&bytes[from..to], from as u64)?;
        }
        sync(self)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> Result<(), Trouble> {
        let whole = bytes.len() / BLOCK * BLOCK;
        let (whole, rest) = bytes.split_at(whole);
        let result = self.file.write_all_at(whole, at).or_else(|error| {
            if error.raw_os_error() != Some(rustix::io::Errno::INVAL.raw_os_error()) {
                return Err(error);
            }
            // Its blocks are longer.
            set_direct(&self.file, false)?;
            self.file.write_all_at(whole, at)
        });
        let result = result.and_then(|()| {
            if rest.is_empty() {
                return Ok(());
            }
            // Only the end of an image is no whole block.
            set_direct(&self.file, false)?;
            self.file.write_all_at(rest, at + whole.len() as u64)
        });
        result.map_err(self.failed("write to"))
    }
}

fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

fn is_zero(bytes: &[u8]) -> bool {
    // Chunks of fixed length become vector code.
    let chunks = bytes.chunks_exact(64);
    let rest = chunks.remainder();
    let mut chunks = chunks;
    chunks.all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
        && rest.iter().all(|byte| *byte == 0)
}
