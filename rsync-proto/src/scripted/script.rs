//! What a server says: collected piece by piece, and then put into frames of any size, with messages between them. It
//! keeps its own indexes.

use bytes::BufMut;

use super::item::{Item, sorted};
use super::list::ListEncoder;
use super::pack::Packer;
use crate::checksum::FileSum;
use crate::delta::BlockLayout;
use crate::handshake::Agreed;
use crate::wire::frame::{self, Tag};
use crate::wire::{Index, IndexCodec, put};

/// Part of a file's content.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Literal(&'a [u8]),
    Block(u32),
}

enum Piece {
    Data(Vec<u8>),
    Message(Tag, Vec<u8>),
    /// Bytes that stand outside of all frames.
    Raw(Vec<u8>),
}

/// What the server says.
pub struct Script {
    pieces: Vec<Piece>,
    index: IndexCodec,
    list: ListEncoder,
    inc_recurse: bool,
    file_sum: FileSum,
    protocol: u8,
    places: Vec<(Vec<u8>, u32)>,
    packer: Option<Packer>,
    /// The last block of the file at hand that was referred to.
    block: u32,
}

impl Script {
    pub fn new(agreed: &Agreed) -> Self {
        Self {
            pieces: Vec::new(),
            index: IndexCodec::new(agreed.protocol),
            list: ListEncoder::new(&agreed.list),
            inc_recurse: agreed.list.inc_recurse,
            file_sum: agreed.summer.file_sum(),
            protocol: agreed.protocol,
            places: Vec::new(),
            packer: agreed.compression.map(|kind| Packer::new(kind, agreed.protocol)),
            block: 0,
        }
    }

    /// From now on literals are packed by this, in place of what a server would choose.
    pub fn pack_with(&mut self, packer: Packer) -> &mut Self {
        self.packer = Some(packer);
        self
    }

    /// Bytes of the stream as they are.
    pub fn data(&mut self, bytes: &[u8]) -> &mut Self {
        match self.pieces.last_mut() {
            Some(Piece::Data(data)) => data.extend(bytes),
            _ => self.pieces.push(Piece::Data(bytes.to_vec())),
        }
        self
    }

    /// Bytes outside of all frames, such as headers that no honest server writes.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.pieces.push(Piece::Raw(bytes.to_vec()));
        self
    }

    /// What writes the list, to tell it lies.
    pub fn encoder(&mut self) -> &mut ListEncoder {
        &mut self.list
    }

    pub fn message(&mut self, tag: Tag, payload: impl AsRef<[u8]>) -> &mut Self {
        self.pieces.push(Piece::Message(tag, payload.as_ref().to_vec()));
        self
    }

    /// A refusal; a server of protocol 29 keeps it to itself.
    pub fn no_send(&mut self, index: u32) -> &mut Self {
        if self.protocol < 30 { self } else { self.message(Tag::NoSend, index.to_le_bytes()) }
    }

    /// The marker behind the requests up to the one for this path comes back (protocol 29).
    pub fn marker(&mut self, path: &str) -> &mut Self {
        if self.protocol < 30 { self.answer(path, 0) } else { self }
    }

    pub fn index(&mut self, index: Index) -> &mut Self {
        let mut bytes = Vec::new();
        self.index.write(&mut bytes, index);
        self.data(&bytes)
    }

    /// The first segment, or the whole list.
    pub fn list(&mut self, items: &[Item], io_error: u32) -> &mut Self {
        let dir = items.first().map_or(&b""[..], |item| item.split().0);
        let places = (self.list.first_index()..).zip(sorted(items, dir));
        self.places.extend(places.map(|(index, item)| (item.path, index)));
        let bytes = self.list.entries(items).end(io_error);
        self.data(&bytes)
    }

    /// The segment of the directory with this number.
    pub fn segment(&mut self, directory: u32, items: &[Item]) -> &mut Self {
        self.index(Index::Segment(directory)).list(items, 0)
    }

    /// The end of the list, where it comes in segments.
    pub fn list_end(&mut self) -> &mut Self {
        if self.inc_recurse { self.index(Index::ListEnd) } else { self }
    }

    /// The index of what was listed under this path.
    pub fn place(&self, path: &str) -> u32 {
        let found = self.places.iter().find(|(listed, _)| listed == path.as_bytes());
        found.unwrap_or_else(|| panic!("\"{path}\" was not listed")).1
    }

    /// What was listed under this index.
    pub fn path(&self, index: u32) -> Option<Vec<u8>> {
        self.places.iter().find(|(_, place)| *place == index).map(|(path, _)| path.clone())
    }

    /// The beginning of an answer.
    pub fn answer(&mut self, path: &str, flags: u16) -> &mut Self {
        self.begin_answer(self.place(path), flags)
    }

    /// The same, by its index.
    pub fn begin_answer(&mut self, index: u32, flags: u16) -> &mut Self {
        self.index(Index::File(index)).data(&flags.to_le_bytes())
    }

    /// Values of extended attributes, by their number from 1.
    pub fn xattr_values(&mut self, values: &[(i32, &[u8])]) -> &mut Self {
        let (mut bytes, mut last) = (Vec::new(), 0);
        for (number, value) in values {
            put::varint(&mut bytes, number - last);
            put::varint(&mut bytes, value.len() as i32);
            bytes.extend(*value);
            last = *number;
        }
        bytes.push(0);
        self.data(&bytes)
    }

    /// What an answer's content begins with.
    pub fn layout(&mut self, layout: BlockLayout) -> &mut Self {
        self.block = 0;
        self.packer.iter_mut().for_each(Packer::next_file);
        let mut bytes = Vec::new();
        layout.put(&mut bytes);
        self.data(&bytes)
    }

    /// Packed, if that was agreed on: then literals do not follow each other.
    pub fn part(&mut self, part: Part<'_>) -> &mut Self {
        match part {
            Part::Literal(bytes) if self.packer.is_some() => {
                let runs = self.pack(bytes);
                runs.iter().fold(self, |script, run| script.run(run))
            }
            Part::Literal(bytes) => self.data(&(bytes.len() as i32).to_le_bytes()).data(bytes),
            Part::Block(number) if self.packer.is_some() => self.refer(number, 1),
            Part::Block(number) => self.data(&(-(number as i32) - 1).to_le_bytes()),
        }
    }

    /// Blocks in a row that were found in the basis, and what is in each of them.
    pub fn matched(&mut self, first: u32, blocks: &[&[u8]]) -> &mut Self {
        let Some(packer) = &mut self.packer else {
            return (first..).zip(blocks).fold(self, |script, (number, _)| script.part(Part::Block(number)));
        };
        blocks.iter().for_each(|block| packer.see(block));
        self.refer(first, blocks.len() as u32)
    }

    /// What these bytes come to, without saying it.
    ///
    /// # Panics
    /// If no compression was agreed on.
    pub fn pack(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.packer.as_mut().expect("a compression was agreed on").pack(bytes)
    }

    /// A run of bytes that are said to be packed; at most 16,383.
    pub fn run(&mut self, packed: &[u8]) -> &mut Self {
        self.data(&[0x40 | (packed.len() >> 8) as u8, packed.len() as u8]).data(packed)
    }

    /// A reference to blocks in a row where literals are packed: relative to the last one where it is near behind
    /// that.
    pub fn refer(&mut self, first: u32, count: u32) -> &mut Self {
        let many = u8::from(count > 1);
        match first.checked_sub(self.block).filter(|step| *step < 64) {
            Some(step) => self.data(&[0x80 | many << 6 | step as u8]),
            None => self.data(&[0x20 | many]).data(&first.to_le_bytes()),
        };
        self.block = first.wrapping_add(count).wrapping_sub(1);
        if count > 1 { self.data(&(count as u16 - 1).to_le_bytes()) } else { self }
    }

    /// The end of a file's content, and the sum over what is said to be its content.
    pub fn end_of_file(&mut self, content: &[u8]) -> &mut Self {
        let sum = self.file_sum.of(content);
        let end = if self.packer.is_some() { &[0][..] } else { &[0; 4] };
        self.data(end).data(sum.as_bytes())
    }

    pub fn done(&mut self, times: usize) -> &mut Self {
        (0..times).fold(self, |script, _| script.index(Index::Done))
    }

    /// Statistics, and from protocol 31 on the answer to the goodbye.
    pub fn goodbye(&mut self, protocol: u8) -> &mut Self {
        let mut bytes = Vec::new();
        for number in 1..=5 {
            match protocol {
                ..30 => put::longint(&mut bytes, number * 1000),
                _ => put::varlong(&mut bytes, number * 1000, 3),
            }
        }
        self.data(&bytes).done(usize::from(protocol >= 31))
    }

    /// Everything in frames as large as they can be.
    pub fn bytes(&self) -> Vec<u8> {
        self.framed(frame::MAX_DATA, &[])
    }

    /// What was not taken yet, in frames of this size.
    pub fn take_framed(&mut self, size: usize) -> Vec<u8> {
        let bytes = self.framed(size, &[]);
        self.pieces.clear();
        bytes
    }

    /// Everything in frames of this size, with these messages in turn between them.
    pub fn framed(&self, size: usize, between: &[(Tag, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut between = between.iter().cycle();
        for piece in &self.pieces {
            match piece {
                Piece::Message(tag, payload) => put_frame(&mut out, *tag, payload),
                Piece::Raw(bytes) => out.extend(bytes),
                Piece::Data(data) => {
                    for part in data.chunks(size) {
                        put_frame(&mut out, Tag::Data, part);
                        between.next().iter().for_each(|(tag, payload)| put_frame(&mut out, *tag, payload));
                    }
                }
            }
        }
        out
    }
}

fn put_frame(out: &mut Vec<u8>, tag: Tag, payload: &[u8]) {
    frame::put_header(out, tag, payload.len());
    out.put_slice(payload);
}
