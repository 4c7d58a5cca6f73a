//! What goes to the client: pieces, each with the header of its frame in front, until the socket takes them.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::wire::frame::{HEADER_LEN, MAX_DATA, Tag, put_header};

/// Most pieces in one system call.
const MOST_PIECES: usize = 32;
/// A buffer that grew beyond this is not kept.
const KEPT: usize = 512 * 1024;

/// A header, of which there may be nothing, and what follows it.
struct Piece {
    head: [u8; HEADER_LEN],
    head_at: usize,
    body: Vec<u8>,
    at: usize,
}

/// Pieces in their order.
#[derive(Default)]
pub(super) struct Outlet {
    /// What is appended to the stream, and not in a frame yet.
    pub open: Vec<u8>,
    pieces: VecDeque<Piece>,
    /// Bytes of the pieces.
    queued: usize,
    framed: bool,
    spare: Vec<Vec<u8>>,
}

impl Outlet {
    /// From now on, bytes are in frames.
    pub fn set_framed(&mut self) {
        self.seal();
        self.framed = true;
    }

    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.queued + self.open.len()
    }

    /// Makes a frame of what is open. Only what is longer than any frame is copied.
    pub fn seal(&mut self) {
        while self.framed && self.open.len() > MAX_DATA {
            let rest = self.open.split_off(MAX_DATA);
            let body = std::mem::replace(&mut self.open, rest);
            self.enqueue(Tag::Data, body);
        }
        if !self.open.is_empty() {
            let next = self.spare.pop().unwrap_or_default();
            let body = std::mem::replace(&mut self.open, next);
            self.enqueue(Tag::Data, body);
        }
    }

    /// A message, behind what is in the stream so far. Its payload is short.
    pub fn message(&mut self, tag: Tag, payload: Vec<u8>) {
        self.seal();
        self.enqueue(tag, payload);
    }

    fn enqueue(&mut self, tag: Tag, body: Vec<u8>) {
        let mut head = [0; HEADER_LEN];
        let mut head_at = HEADER_LEN;
        if self.framed {
            put_header(&mut &mut head[..], tag, body.len());
            head_at = 0;
        }
        self.queued += body.len() + HEADER_LEN - head_at;
        self.pieces.push_back(Piece { head, head_at, body, at: 0 });
    }

    /// Hands the next pieces to `write`, up to so many bytes.
    pub fn with_slices<T>(&self, most: usize, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut left = most.max(1);
        let mut slices = [IoSlice::new(&[]); 2 * MOST_PIECES];
        let mut count = 0;
        for piece in self.pieces.iter().take(MOST_PIECES) {
            for part in [&piece.head[piece.head_at..], &piece.body[piece.at..]] {
                let part = &part[..part.len().min(left)];
                if !part.is_empty() {
                    slices[count] = IoSlice::new(part);
                    count += 1;
                    left -= part.len();
                }
            }
            if left == 0 {
                break;
            }
        }
        write(&slices[..count])
    }

    /// So many bytes were sent.
    pub fn sent(&mut self, mut len: usize) {
        self.queued -= len;
        while let Some(piece) = self.pieces.front_mut() {
            let head = len.min(HEADER_LEN - piece.head_at);
            piece.head_at += head;
            let body = (len - head).min(piece.body.len() - piece.at);
            piece.at += body;
            len -= head + body;
            if piece.head_at < HEADER_LEN || piece.at < piece.body.len() {
                break;
            }
            let mut body = self.pieces.pop_front().expect("it was there").body;
            if self.spare.len() < 2 && body.capacity() <= KEPT {
                body.clear();
                self.spare.push(body);
            }
        }
    }

    /// Bytes in pieces.
    pub fn queued(&self) -> usize {
        self.queued
    }
}
