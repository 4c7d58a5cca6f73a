//! A connection without its frames: the stream in them, and the messages between, each with its place in the stream.

use std::ops::Range;

use rsync_proto::wire::frame::{self, HEADER_LEN, Tag};

/// What was in frames.
pub struct Framed {
    pub stream: Vec<u8>,
    /// Where in the stream each message stands, in order.
    messages: Vec<(usize, Tag, Vec<u8>)>,
}

impl Framed {
    /// Takes well-formed frames apart. What is no whole frame at the end is left out.
    pub fn read(mut bytes: &[u8]) -> Self {
        let mut read = Self { stream: Vec::new(), messages: Vec::new() };
        while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
            let (tag, len) = frame::parse_header(*header).expect("an honest server sends frames");
            let Some((payload, rest)) = rest.split_at_checked(len) else { break };
            match tag {
                Tag::Data => read.stream.extend_from_slice(payload),
                _ => read.messages.push((read.stream.len(), tag, payload.to_vec())),
            }
            bytes = rest;
        }
        read
    }

    /// Parts of the stream, one behind the other, in frames of at most this size. A message between two parts comes
    /// with the second one, and what stood behind the end of the stream comes at its end.
    pub fn write_in<const N: usize>(&self, parts: &[Range<usize>; N], size: usize) -> [Vec<u8>; N] {
        let mut messages = self.messages.iter().peekable();
        let mut number = 0;
        parts.each_ref().map(|part| {
            number += 1;
            let (mut bytes, mut at) = (Vec::new(), part.start);
            while let Some((place, tag, payload)) =
                messages.next_if(|(place, ..)| *place < part.end || number == N)
            {
                let place = (*place).clamp(at, part.end);
                put_data(&mut bytes, &self.stream[at..place], size);
                at = place;
                frame::put_header(&mut bytes, *tag, payload.len());
                bytes.extend_from_slice(payload);
            }
            put_data(&mut bytes, &self.stream[at..part.end], size);
            bytes
        })
    }
}

fn put_data(bytes: &mut Vec<u8>, stream: &[u8], size: usize) {
    for piece in stream.chunks(size) {
        frame::put_data_header(bytes, piece.len());
        bytes.extend_from_slice(piece);
    }
}
