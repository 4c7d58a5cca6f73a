//! What a file's content is made of on the wire: literals and references to blocks, plain or packed.

use super::packer::Packer;

/// Most bytes of a literal without compression: what rsync sends at once.
pub(super) const MOST_LITERAL: usize = 32 * 1024;
/// Most blocks of a run where literals are packed.
const MOST_RUN: u32 = 65_536;

/// The tokens of one file after the other.
pub(super) enum Tokens {
    Plain,
    Packed(Box<Packed>),
}

/// Tokens where literals are packed: blocks in a row are told together.
pub(super) struct Packed {
    packer: Packer,
    /// First and last of the blocks that were not told yet.
    run: Option<(u32, u32)>,
    /// The last block that was told.
    told: u32,
}

impl Tokens {
    pub fn new(packer: Option<Packer>) -> Self {
        match packer {
            None => Self::Plain,
            Some(packer) => Self::Packed(Box::new(Packed { packer, run: None, told: 0 })),
        }
    }

    /// Another file begins; `store`: it is not worth packing.
    pub fn begin(&mut self, store: bool) {
        if let Self::Packed(packed) = self {
            (packed.run, packed.told) = (None, 0);
            packed.packer.begin_file(store);
        }
    }

    pub fn literal(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        match self {
            Self::Plain => {
                for piece in bytes.chunks(MOST_LITERAL) {
                    out.extend_from_slice(&(piece.len() as i32).to_le_bytes());
                    out.extend_from_slice(piece);
                }
            }
            Self::Packed(_) if bytes.is_empty() => {}
            Self::Packed(packed) => {
                packed.tell_run(out);
                packed.packer.pack(out, bytes);
            }
        }
    }

    pub fn block(&mut self, out: &mut Vec<u8>, block: u32, bytes: &[u8]) {
        match self {
            Self::Plain => out.extend_from_slice(&(-(block as i32) - 1).to_le_bytes()),
            Self::Packed(packed) => packed.block(out, block, bytes),
        }
    }

    pub fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(&[0; 4]),
            Self::Packed(packed) => {
                packed.packer.pause(out);
                packed.tell_run(out);
                out.push(0);
            }
        }
    }
}

impl Packed {
    fn block(&mut self, out: &mut Vec<u8>, block: u32, bytes: &[u8]) {
        self.packer.pause(out);
        self.packer.see(bytes);
        match &mut self.run {
            Some((first, last)) if block == *last + 1 && block - *first < MOST_RUN => *last = block,
            _ => {
                self.tell_run(out);
                self.run = Some((block, block));
            }
        }
    }

    fn tell_run(&mut self, out: &mut Vec<u8>) {
        let Some((first, last)) = self.run.take() else { return };
        let more = (last - first) as u16;
        let many = u8::from(more > 0);
        match first.checked_sub(self.told).filter(|step| *step < 64) {
            Some(step) => out.push(0x80 | many << 6 | step as u8),
            None => {
                out.push(0x20 | many);
                out.extend_from_slice(&(first as i32).to_le_bytes());
            }
        }
        if more > 0 {
            out.extend_from_slice(&more.to_le_bytes());
        }
        self.told = last;
    }
}
