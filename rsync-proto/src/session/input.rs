//! Turns chunks of the connection into items: takes the frames apart and lets decoders read across their
//! borders. Only an item that lies across a border is copied, and literals never are.

use std::num::NonZeroUsize;

use bytes::{Buf, Bytes};

use crate::error::Result;
use crate::wire::frame::{self, HEADER_LEN, Tag};
use crate::wire::{Cursor, Parse, Stop};

/// What reading an item came to.
#[derive(Debug)]
pub(super) enum Step<R> {
    /// The item.
    Item(R),
    /// A message stood in the way; read again.
    Message(Tag, Bytes),
    /// The chunk is used up.
    Starved,
}

/// The receiving direction after the handshake.
#[derive(Default)]
pub(super) struct Input {
    chunk: Bytes,
    frame: Frame,
    /// The beginning of an item whose end has not come.
    carry: Vec<u8>,
    /// Bytes that the item lacks at least.
    lacking: usize,
    data_bytes: u64,
}

enum Frame {
    Header { bytes: [u8; HEADER_LEN], filled: usize },
    Data { left: usize },
    Message { tag: Tag, left: usize, bytes: Vec<u8> },
}

impl Default for Frame {
    fn default() -> Self {
        Frame::Header { bytes: [0; HEADER_LEN], filled: 0 }
    }
}

impl Input {
    /// Takes the next chunk of the connection; the one before must be used up.
    pub fn feed(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the last chunk is not used up");
        self.chunk = chunk;
    }

    /// Bytes of the stream so far, without frame headers and messages.
    pub fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// Bytes of the stream that belong to an item whose end has not come.
    pub fn carried(&self) -> u64 {
        self.carry.len() as u64
    }

    /// Whether the stream stops between two frames and two items.
    pub fn at_border(&self) -> bool {
        self.carry.is_empty() && matches!(self.frame, Frame::Header { filled: 0, .. })
    }

    /// Whether bytes of the stream are at hand. Like the others it may meet a message.
    pub fn has_data(&mut self) -> Result<Step<()>> {
        self.data(|_| ())
    }

    /// Reads one item. `read` may run several times for it, so it must change nothing before it has it all.
    pub fn item<R>(&mut self, mut read: impl FnMut(&mut Cursor<'_>) -> Parse<R>) -> Result<Step<R>> {
        loop {
            let available = match self.data(|len| len)? {
                Step::Item(len) => len,
                Step::Message(tag, bytes) => return Ok(Step::Message(tag, bytes)),
                Step::Starved => return Ok(Step::Starved),
            };
            if self.carry.is_empty() {
                let mut cursor = Cursor::new(&self.chunk[..available]);
                match read(&mut cursor) {
                    Ok(item) => {
                        let used = cursor.position();
                        self.consume(used);
                        return Ok(Step::Item(item));
                    }
                    Err(Stop::Short(lacking)) => self.carry_over(available, lacking),
                    Err(Stop::Bad(error)) => return Err(*error),
                }
                continue;
            }
            // Only what is certain to belong to the item is taken, so that nothing is left in the carry.
            let more = self.lacking.min(available);
            self.carry_over(more, NonZeroUsize::MIN);
            self.lacking -= more;
            if self.lacking > 0 {
                continue;
            }
            let mut cursor = Cursor::new(&self.carry);
            match read(&mut cursor) {
                Ok(item) => {
                    debug_assert_eq!(cursor.position(), self.carry.len(), "an item ends where it says");
                    self.carry.clear();
                    return Ok(Step::Item(item));
                }
                Err(Stop::Short(lacking)) => self.lacking = lacking.get(),
                Err(Stop::Bad(error)) => return Err(*error),
            }
        }
    }

    /// Takes up to `limit` bytes as they are, at least one.
    pub fn literal(&mut self, limit: usize) -> Result<Step<Bytes>> {
        debug_assert!(self.carry.is_empty());
        Ok(match self.data(|len| len)? {
            Step::Item(available) => {
                let len = available.min(limit);
                let piece = self.chunk.slice(..len);
                self.consume(len);
                Step::Item(piece)
            }
            Step::Message(tag, bytes) => Step::Message(tag, bytes),
            Step::Starved => Step::Starved,
        })
    }

    fn carry_over(&mut self, len: usize, lacking: NonZeroUsize) {
        self.carry.extend_from_slice(&self.chunk[..len]);
        self.consume(len);
        if self.lacking == 0 {
            self.lacking = lacking.get();
        }
    }

    fn consume(&mut self, len: usize) {
        self.chunk.advance(len);
        self.data_bytes += len as u64;
        match &mut self.frame {
            Frame::Data { left } if *left == len => self.frame = Frame::default(),
            Frame::Data { left } => *left -= len,
            _ => unreachable!("only data is consumed"),
        }
    }

    /// Walks over frame headers to the next bytes of the stream, and tells their number.
    fn data<R>(&mut self, found: impl FnOnce(usize) -> R) -> Result<Step<R>> {
        loop {
            if self.chunk.is_empty() {
                return Ok(Step::Starved);
            }
            match &mut self.frame {
                Frame::Header { bytes, filled } => {
                    let len = (HEADER_LEN - *filled).min(self.chunk.len());
                    bytes[*filled..*filled + len].copy_from_slice(&self.chunk[..len]);
                    self.chunk.advance(len);
                    *filled += len;
                    if *filled == HEADER_LEN {
                        match frame::parse_header(*bytes)? {
                            (Tag::Data, 0) => self.frame = Frame::default(),
                            (Tag::Data, left) => self.frame = Frame::Data { left },
                            (tag, 0) => {
                                self.frame = Frame::default();
                                return Ok(Step::Message(tag, Bytes::new()));
                            }
                            (tag, left) => {
                                self.frame = Frame::Message { tag, left, bytes: Vec::with_capacity(left) };
                            }
                        }
                    }
                }
                Frame::Data { left } => return Ok(Step::Item(found((*left).min(self.chunk.len())))),
                Frame::Message { tag, left, bytes } => {
                    let len = (*left).min(self.chunk.len());
                    bytes.extend_from_slice(&self.chunk[..len]);
                    self.chunk.advance(len);
                    *left -= len;
                    if *left == 0 {
                        let message = Step::Message(*tag, std::mem::take(bytes).into());
                        self.frame = Frame::default();
                        return Ok(message);
                    }
                }
            }
        }
    }
}

impl<R> Step<R> {
    pub(super) fn map<U>(self, with: impl FnOnce(R) -> U) -> Step<U> {
        match self {
            Step::Item(item) => Step::Item(with(item)),
            Step::Message(tag, bytes) => Step::Message(tag, bytes),
            Step::Starved => Step::Starved,
        }
    }
}
