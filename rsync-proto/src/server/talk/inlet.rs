//! What came from the client: raw bytes, and the stream out of its frames. Frames are opened one at a time, so that a
//! client may stop and begin with them between two items.

use crate::error::Malformed;
use crate::wire::frame::{HEADER_LEN, Tag, parse_header};

use super::super::failure::Failure;

/// Most bytes that wait here while the client takes nothing of ours.
pub(super) const MOST_WAITING: usize = 256 * 1024;
/// Room for one read.
const READ: usize = 64 * 1024;

/// Bytes with a part in front that was used up.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    at: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn advance(&mut self, len: usize) {
        self.at += len;
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
            // A flood that is over leaves no memory behind.
            if self.bytes.capacity() > 2 * MOST_WAITING {
                self.bytes = Vec::new();
            }
        }
    }

    /// Moves what is left to the front, if that makes room for much.
    fn compact(&mut self) {
        if self.at > READ {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
    }
}

/// What the client said last, in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// There is more of the stream than before.
    More,
    /// Bytes are missing.
    Short,
    /// The client ends, with this exit code.
    Exit(u32),
}

/// The client's bytes.
#[derive(Default)]
pub(super) struct Inlet {
    raw: Buffer,
    plain: Buffer,
    framed: bool,
    /// What is left of the frame that is open.
    frame_left: usize,
}

impl Inlet {
    /// From now on, bytes are in frames, or are not.
    ///
    /// # Errors
    /// The frame before goes on.
    pub fn set_framed(&mut self, framed: bool) -> Result<(), Failure> {
        if self.frame_left > 0 || !self.plain.rest().is_empty() {
            return Err(Failure::Violation("a frame goes on where it had to end".to_owned()));
        }
        self.framed = framed;
        Ok(())
    }

    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// Where raw bytes are appended; there is room.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.raw.compact();
        self.raw.bytes.reserve(READ);
        &mut self.raw.bytes
    }

    /// Bytes that wait, of both kinds.
    pub fn waiting(&self) -> usize {
        self.raw.rest().len() + self.plain.rest().len()
    }

    /// The stream, as far as it is here.
    pub fn stream(&self) -> &[u8] {
        if self.framed { self.plain.rest() } else { self.raw.rest() }
    }

    /// Bytes of the stream were used.
    pub fn advance(&mut self, len: usize) {
        if self.framed { self.plain.advance(len) } else { self.raw.advance(len) }
    }

    /// Opens as much of a frame as is here, past messages.
    ///
    /// # Errors
    /// It is no frame, or none that a client sends.
    pub fn open(&mut self) -> Result<Opened, Failure> {
        if !self.framed {
            return Ok(Opened::Short);
        }
        loop {
            if self.frame_left > 0 {
                let len = self.frame_left.min(self.raw.rest().len());
                if len == 0 {
                    return Ok(Opened::Short);
                }
                self.plain.compact();
                let Self { raw, plain, .. } = self;
                plain.bytes.extend_from_slice(&raw.rest()[..len]);
                self.raw.advance(len);
                self.frame_left -= len;
                return Ok(Opened::More);
            }
            let Some(header) = self.raw.rest().first_chunk::<HEADER_LEN>() else { return Ok(Opened::Short) };
            let (tag, len) = parse_header(*header).map_err(by_client)?;
            match tag {
                Tag::Data => {
                    self.raw.advance(HEADER_LEN);
                    self.frame_left = len;
                }
                Tag::Deleted | Tag::NoSend => {
                    return Err(Failure::Violation(format!("a client has no message of kind {tag:?}")));
                }
                _ => {
                    let Some(payload) = self.raw.rest().get(HEADER_LEN..HEADER_LEN + len) else {
                        return Ok(Opened::Short);
                    };
                    // Without a code it answers our own end.
                    let code = payload.first_chunk().map(|code| u32::from_le_bytes(*code));
                    self.raw.advance(HEADER_LEN + len);
                    if tag == Tag::ErrorExit {
                        return Ok(Opened::Exit(code.unwrap_or(0)));
                    }
                }
            }
        }
    }
}

fn by_client(malformed: Malformed) -> Failure {
    malformed.into()
}
