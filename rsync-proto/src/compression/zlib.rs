//! Deflate: one stream a file, without a header and without an end. Where it is interrupted, the sender flushed
//! it, and left out the four bytes that every such flush ends with.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::outlet::Outlet;
use crate::error::{Error, Malformed, Result};

/// What an unpacked piece has at most, in bytes.
const PIECE: usize = 64 * 1024;
/// The end of a flush.
const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];
/// The longest block without compression, in bytes.
const MAX_STORED: usize = 0xffff;

/// The stream of one file after the other.
pub struct Inflate {
    stream: Decompress,
    outlet: Outlet,
    /// Bytes came since the last interruption.
    running: bool,
    /// There may be output of what was taken: there was no room for it, here or in the decoder itself.
    more: bool,
    /// Where output goes that nobody wants.
    waste: Vec<u8>,
}

impl Default for Inflate {
    fn default() -> Self {
        Self {
            stream: Decompress::new(false),
            outlet: Outlet::default(),
            running: false,
            more: false,
            waste: Vec::new(),
        }
    }
}

impl Inflate {
    /// How far the stream can look back, in bytes.
    pub const WINDOW: usize = 32 * 1024;

    /// Another file begins.
    pub fn reset(&mut self) {
        self.stream.reset(false);
        (self.running, self.more) = (false, false);
    }

    /// Takes packed bytes off the front of `input` until something came of them. Nothing once all are taken.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are not deflated data, [`Error::Violation`] if they end the stream.
    pub fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>> {
        if input.is_empty() && !self.more {
            return Ok(None);
        }
        self.running = true;
        loop {
            let mut taken = 0;
            let stream = &mut self.stream;
            let piece = self.outlet.write(PIECE, |room| {
                let (used, written) = step(stream, input, room)?;
                taken = used;
                Ok::<_, Error>(written)
            })?;
            input.advance(taken);
            self.more = !piece.is_empty();
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            if input.is_empty() {
                return Ok(None);
            }
            if taken == 0 {
                return Err(Malformed::new("deflated data", "bytes that lead nowhere".to_owned()).into());
            }
        }
    }

    /// The stream is interrupted: the sender flushed it.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it did not.
    pub fn pause(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.running) {
            return Ok(());
        }
        let mut room = [0; 1];
        match step(&mut self.stream, &FLUSH_END, &mut room)? {
            (4, 0) => Ok(()),
            _ => {
                Err(Malformed::new("deflated data", "an interruption in the middle of a block".to_owned())
                    .into())
            }
        }
    }

    /// Bytes that the stream can refer to from now on, although they were no part of it: a matched block. The
    /// stream must be interrupted.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn remember(&mut self, bytes: &[u8]) -> Result<()> {
        let mut waste = std::mem::take(&mut self.waste);
        waste.resize(PIECE, 0);
        for stored in bytes.chunks(MAX_STORED) {
            let len = (stored.len() as u16).to_le_bytes();
            let header = [0, len[0], len[1], !len[0], !len[1]];
            for mut rest in [&header[..], stored] {
                loop {
                    let (used, written) = step(&mut self.stream, rest, &mut waste)?;
                    rest = &rest[used..];
                    // Output that is left would pass for content.
                    if rest.is_empty() && written == 0 {
                        break;
                    }
                }
            }
        }
        self.waste = waste;
        Ok(())
    }
}

impl Inflate {
    /// Whether [`Self::remember_block`] differs from [`Self::remember`] for a block of this length.
    pub fn is_repeated(len: u64) -> bool {
        len > MAX_STORED as u64
    }

    /// Remembers a block as both sides do before protocol 31: in parts, each of which has the bytes that the block
    /// begins with.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn remember_block(&mut self, block: &[u8]) -> Result<()> {
        let mut left = block.len();
        while left > 0 {
            let part = left.min(MAX_STORED);
            self.remember(&block[..part])?;
            left -= part;
        }
        Ok(())
    }
}

/// Unpacks as much as there is or fits: bytes taken and bytes written.
fn step(stream: &mut Decompress, input: &[u8], room: &mut [u8]) -> Result<(usize, usize)> {
    let (taken, written) = (stream.total_in(), stream.total_out());
    let status = stream
        .decompress(input, room, FlushDecompress::Sync)
        .map_err(|error| Malformed::new("deflated data", error.to_string()))?;
    if status == Status::StreamEnd {
        return Err(Error::Violation("it ended the deflated data of a file".to_owned()));
    }
    Ok(((stream.total_in() - taken) as usize, (stream.total_out() - written) as usize))
}
