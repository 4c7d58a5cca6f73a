//! Zstandard (RFC 8878) as a stream that never ends: one frame, whose blocks come in pieces of any length, and
//! which hands out every block as soon as it is complete. Crates for whole files hold back as much as a window.

mod bits;
#[cfg(feature = "server")]
mod encoder;
mod fse;
mod huffman;
mod literals;
mod sequences;
#[cfg(test)]
mod tests;
mod window;

#[cfg(feature = "server")]
pub(crate) use encoder::Encoder;

use crate::error::{Error, Malformed, Result};
use crate::limits::MAX_ZSTD_WINDOW;
use literals::Literals;
use sequences::Sequences;
use window::Window;

/// The longest block, in bytes, packed or not.
const MAX_BLOCK: usize = 128 * 1024;
/// Room behind buffers, so that short copies need not be exact, in bytes.
const OVERRUN: usize = 64;
/// What a frame begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_HEADER: usize = 3;

/// What is wrong with the bytes of a stream.
type Fault = Malformed;

#[cold]
fn fault(found: &str) -> Fault {
    Malformed::new("a zstd stream", found.to_owned())
}

/// One stream.
pub(super) struct Decoder {
    /// What was taken of a header or block that is not complete.
    pending: Vec<u8>,
    frame: Option<Frame>,
}

struct Frame {
    window: Window,
    literals: Literals,
    sequences: Sequences,
    /// The last block came to something that was not handed out.
    news: bool,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { pending: Vec::new(), frame: None }
    }

    /// Takes bytes off the front of `input` until a block with output is complete; returns that. Nothing once all
    /// bytes are taken.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>> {
        loop {
            let known = if self.pending.is_empty() { *input } else { &self.pending };
            let whole = match &self.frame {
                None => frame_header_len(known)?,
                Some(frame) => BLOCK_HEADER + block_len(known, frame.window.block())?,
            };
            if known.len() < whole {
                if input.is_empty() {
                    return Ok(None);
                }
                let (part, rest) = input.split_at(input.len().min(whole - self.pending.len()));
                self.pending.extend_from_slice(part);
                *input = rest;
            } else if self.pending.is_empty() {
                let (unit, rest) = input.split_at(whole);
                *input = rest;
                self.unpack(unit)?;
            } else {
                let mut unit = std::mem::take(&mut self.pending);
                self.unpack(&unit)?;
                unit.clear();
                self.pending = unit;
            }
            if self.frame.as_mut().is_some_and(Frame::has_news) {
                return Ok(self.frame.as_ref().map(|frame| frame.window.output()));
            }
        }
    }

    /// Unpacks a block, or takes in the header of the frame.
    fn unpack(&mut self, unit: &[u8]) -> Result<()> {
        match &mut self.frame {
            Some(frame) => frame.unpack(unit),
            None => {
                self.frame = Some(Frame {
                    window: Window::new(window_size(unit)?),
                    literals: Literals::new(),
                    sequences: Sequences::new(),
                    news: false,
                });
                Ok(())
            }
        }
    }
}

impl Frame {
    fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    fn unpack(&mut self, unit: &[u8]) -> Result<()> {
        let (header, body) = unit.split_at(BLOCK_HEADER);
        let Header { kind, size } = Header::read(header)?;
        self.window.begin_block();
        match kind {
            Kind::Raw => self.window.raw(body)?,
            Kind::Repeated => self.window.fill(body[0], size)?,
            Kind::Packed => {
                let used = self.literals.read(body)?;
                self.sequences.run(&body[used..], &self.literals, &mut self.window)?;
            }
        }
        self.news = !self.window.output().is_empty();
        Ok(())
    }
}

enum Kind {
    Raw,
    Repeated,
    Packed,
}

/// The header of a block.
struct Header {
    kind: Kind,
    size: usize,
}

impl Header {
    /// Refuses at once what no block of a session has, rather than wait for the bytes that it announces.
    fn read(bytes: &[u8]) -> Result<Self> {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
        if word & 1 == 1 {
            return Err(Error::Violation("it ended the zstd stream of the session".to_owned()));
        }
        let kind = match word >> 1 & 3 {
            0 => Kind::Raw,
            1 => Kind::Repeated,
            2 if word >> 3 == 0 => return Err(fault("a packed block of no bytes").into()),
            2 => Kind::Packed,
            _ => return Err(fault("a block of an unknown kind").into()),
        };
        Ok(Self { kind, size: (word >> 3) as usize })
    }
}

/// How many bytes follow the header of a block, as far as it is known; none of them may be at hand.
fn block_len(known: &[u8], most: usize) -> Result<usize> {
    if known.len() < BLOCK_HEADER {
        return Ok(0);
    }
    let Header { kind, size } = Header::read(known)?;
    if size > most {
        return Err(fault("a block of too many bytes").into());
    }
    Ok(if matches!(kind, Kind::Repeated) { 1 } else { size })
}

/// How long a frame's header is, as far as it is known.
fn frame_header_len(known: &[u8]) -> Result<usize> {
    let len = known.len().min(MAGIC.len());
    if known[..len] != MAGIC[..len] {
        return Err(fault("something else than a frame").into());
    }
    let Some(descriptor) = known.get(MAGIC.len()) else { return Ok(MAGIC.len() + 1) };
    let single = descriptor >> 5 & 1 == 1;
    if descriptor & 8 != 0 {
        return Err(fault("a frame of an unknown kind").into());
    }
    let content_size = match descriptor >> 6 {
        0 => usize::from(single),
        size => 1 << size,
    };
    Ok(MAGIC.len() + 1 + usize::from(!single) + [0, 1, 2, 4][usize::from(descriptor & 3)] + content_size)
}

/// The size of the window, in bytes. Nobody agreed on a dictionary, and a size of all content cannot be known.
fn window_size(header: &[u8]) -> Result<usize> {
    let descriptor = header[MAGIC.len()];
    if descriptor & 3 != 0 || descriptor >> 5 != 0 {
        return Err(fault("a frame with a dictionary or of a fixed size").into());
    }
    let window = header[MAGIC.len() + 1];
    let base = 1u64 << (10 + (window >> 3));
    let size = base + base / 8 * u64::from(window & 7);
    if size > MAX_ZSTD_WINDOW {
        return Err(Error::Limit { what: "the window of a zstd stream, in bytes,", limit: MAX_ZSTD_WINDOW });
    }
    Ok(size as usize)
}
