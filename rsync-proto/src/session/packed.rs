//! The content of a file whose literals are packed.

use super::events::Event;
use super::input::Step;
use super::receive::{Read, no_such_block, too_long};
use super::{Session, State};
use crate::compression::check_output;
use crate::delta::{BlockLayout, PackedToken};
use crate::error::Result;

/// Blocks in a row are handed out in pieces of about this length, in bytes, as a worker likes them.
const MAX_RUN: u32 = 4 * 1024 * 1024;

/// Packed, a literal of one byte has no more than these, with the end of a flush; longer ones grow less.
const MAX_GROWTH: u64 = 8;

impl<T> Session<T> {
    pub(super) fn read_packed_token(&mut self, layout: BlockLayout, missing: u64, before: u32) -> Read<T> {
        let token = match self.input.item(|cursor| PackedToken::read(cursor, before))? {
            Step::Item(token) => token,
            other => return Ok(other.map(|_| None)),
        };
        if let PackedToken::Packed(left) = token {
            check_output(self.input.data_bytes() - self.last_output_at)?;
            self.state = State::Packed { layout, missing, before, left: left.into() };
            return Ok(Step::Item(None));
        }
        if let Some(unpacker) = &mut self.unpacker {
            unpacker.pause()?;
        }
        self.state = match token {
            PackedToken::Blocks { last, .. } if last >= layout.count => {
                return Err(no_such_block(last, layout));
            }
            PackedToken::Blocks { first, last } => State::Blocks { layout, missing, next: first, last },
            PackedToken::Packed(_) | PackedToken::End => State::Sum,
        };
        Ok(Step::Item(None))
    }

    /// Hands out the next blocks of a row.
    pub(super) fn refer(
        &mut self,
        layout: BlockLayout,
        missing: u64,
        next: u32,
        last: u32,
    ) -> Result<Event<T>> {
        let together = if self.names_single_blocks() { 1 } else { (MAX_RUN / layout.block_len).max(1) };
        let end = last.min(next.saturating_add(together - 1));
        let block = |number| layout.block(number).ok_or_else(|| no_such_block(number, layout));
        let ((offset, _), (tail, len)) = (block(next)?, block(end)?);
        let len = tail + u64::from(len) - offset;
        let missing = missing.checked_sub(len).ok_or_else(|| too_long(len, missing))?;
        self.last_output_at = self.input.data_bytes();
        self.state = if end == last {
            State::PackedToken { layout, missing, before: last }
        } else {
            State::Blocks { layout, missing, next: end + 1, last }
        };
        Ok(Event::Matched { offset, len: len as u32 })
    }

    /// Whether it matters where a block ends: see [`crate::compression::Inflate::remember_block`].
    fn names_single_blocks(&self) -> bool {
        self.protocol < 31 && self.unpacker.is_none()
    }

    /// Unpacks what is at hand, then takes more.
    pub(super) fn read_packed(
        &mut self,
        layout: BlockLayout,
        missing: u64,
        before: u32,
        left: usize,
    ) -> Read<T> {
        if let Some(unpacker) = &mut self.unpacker
            && let Some(piece) = unpacker.next(&mut self.packed, left == 0)?
        {
            let len = piece.len() as u64;
            let missing = missing.checked_sub(len).ok_or_else(|| too_long(len, missing))?;
            self.last_output_at = self.input.data_bytes();
            self.state = State::Packed { layout, missing, before, left };
            return Ok(Step::Item(Some(Event::Literal(piece))));
        }
        if left == 0 {
            self.state = State::PackedToken { layout, missing, before };
            return Ok(Step::Item(None));
        }
        let piece = match self.input.literal(left)? {
            Step::Item(piece) => piece,
            other => return Ok(other.map(|_| None)),
        };
        self.state = State::Packed { layout, missing, before, left: left - piece.len() };
        if self.unpacker.is_some() {
            self.packed = piece;
            return Ok(Step::Item(None));
        }
        // What comes of it shows where it is unpacked; not if the file could not be made there, so there is a bound
        // here, too.
        self.deflated += piece.len() as u64;
        if self.deflated / MAX_GROWTH > missing {
            return Err(too_long(self.deflated / MAX_GROWTH, missing));
        }
        self.last_output_at = self.input.data_bytes();
        Ok(Step::Item(deflated(piece)))
    }
}

#[cfg(feature = "zlib")]
fn deflated<T>(piece: bytes::Bytes) -> Option<Event<T>> {
    Some(Event::Deflated(piece))
}

/// The handshake agrees on nothing that is not compiled in.
#[cfg(not(feature = "zlib"))]
fn deflated<T>(_: bytes::Bytes) -> Option<Event<T>> {
    None
}
