//! The sending direction after the handshake: the stream is collected here and framed when it is taken. Before
//! protocol 30 a client's stream has no frames.

use bytes::{Bytes, BytesMut};

use crate::wire::frame::{self, HEADER_LEN};
use crate::wire::{Index, IndexCodec};

/// Bytes for the server, not yet framed, behind room for a frame's header.
pub(super) struct Output {
    /// What goes out before everything else, and needs no frames any more.
    first: Bytes,
    stream: BytesMut,
    index: IndexCodec,
    header_len: usize,
}

impl Output {
    pub fn new(protocol: u8) -> Self {
        let header_len = if protocol >= 30 { HEADER_LEN } else { 0 };
        let index = IndexCodec::new(protocol);
        let mut output = Self { first: Bytes::new(), stream: BytesMut::new(), index, header_len };
        output.reserve_header();
        output
    }

    fn reserve_header(&mut self) {
        self.stream.extend_from_slice(&[0; HEADER_LEN][..self.header_len]);
    }

    /// The stream, to append to.
    pub fn stream(&mut self) -> &mut BytesMut {
        &mut self.stream
    }

    /// The names that the server shall read, and an empty one at their end.
    pub fn put_names(&mut self, names: &[u8], framed: bool) {
        self.first = self.take();
        if framed {
            self.stream.extend_from_slice(names);
            self.stream.extend_from_slice(&[0]);
        } else {
            self.first = [&self.first, names, &[0]].concat().into();
        }
    }

    pub fn put_index(&mut self, index: Index) {
        self.index.write(&mut self.stream, index);
    }

    /// Bytes of the stream that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.first.len() + self.stream.len() - self.header_len
    }

    /// Everything that waits, framed. Empty if nothing does.
    pub fn take(&mut self) -> Bytes {
        if !self.first.is_empty() {
            return std::mem::take(&mut self.first);
        }
        if self.waiting() == 0 {
            return Bytes::new();
        }
        if self.header_len == 0 {
            return self.stream.split().freeze();
        }
        if self.waiting() <= frame::MAX_DATA {
            let len = self.waiting();
            frame::put_data_header(&mut &mut self.stream[..HEADER_LEN], len);
            let framed = self.stream.split().freeze();
            self.reserve_header();
            return framed;
        }
        let stream = self.stream.split();
        let mut framed = BytesMut::with_capacity(stream.len() + 64);
        for piece in stream[HEADER_LEN..].chunks(frame::MAX_DATA) {
            frame::put_data_header(&mut framed, piece.len());
            framed.extend_from_slice(piece);
        }
        self.reserve_header();
        framed.freeze()
    }

    /// An empty frame, which tells the server that we are still here.
    pub fn keep_alive(&mut self) -> Bytes {
        let mut framed = BytesMut::with_capacity(HEADER_LEN);
        frame::put_data_header(&mut framed, 0);
        framed.freeze()
    }
}
