//! Writes the literals of a block.

use super::bits::Writer;
use super::huffman::Codes;

/// Fewer literals are not worth codes.
const FEW: usize = 64;
/// More of them are cut into four streams.
const ONE_STREAM: usize = 1023;
/// How many bytes of the four streams' lengths there are.
const JUMPS: usize = 6;

const RAW: u32 = 0;
const REPEATED: u32 = 1;
const PACKED: u32 = 2;

/// Memory for what is written.
#[derive(Default)]
pub(super) struct Coder {
    streams: Vec<u8>,
}

impl Coder {
    pub(super) fn put(&mut self, out: &mut Vec<u8>, literals: &[u8]) {
        let len = literals.len();
        if len > 4 && literals[1..] == literals[..len - 1] {
            put_header(out, REPEATED, len);
            return out.push(literals[0]);
        }
        if len < FEW || !self.pack(literals) || self.streams.len() + 2 >= len {
            put_header(out, RAW, len);
            return out.extend_from_slice(literals);
        }
        // The widths of both sizes follow from the larger one.
        let (format, width) = match len {
            ..1024 => (0, 10),
            1024..0x4000 => (2, 14),
            _ => (3, 18),
        };
        let sizes = (len as u64) | (self.streams.len() as u64) << width;
        let word = u64::from(PACKED) | format << 2 | sizes << 4;
        out.extend_from_slice(&word.to_le_bytes()[..(4 + 2 * width as usize) / 8]);
        out.extend_from_slice(&self.streams);
    }

    /// Packs them. Whether there are codes for them.
    fn pack(&mut self, literals: &[u8]) -> bool {
        let mut counts = [0; 256];
        for byte in literals {
            counts[usize::from(*byte)] += 1;
        }
        let Some(codes) = Codes::new(&counts) else { return false };
        self.streams.clear();
        self.streams.extend_from_slice(&codes.described);
        if literals.len() <= ONE_STREAM {
            self.stream(literals, &codes);
            return true;
        }
        let jumps = self.streams.len();
        self.streams.extend_from_slice(&[0; JUMPS]);
        let mut begin = self.streams.len();
        for (number, part) in literals.chunks(literals.len().div_ceil(4)).enumerate() {
            self.stream(part, &codes);
            let end = self.streams.len();
            if number < 3 {
                let len = ((end - begin) as u16).to_le_bytes();
                self.streams[jumps + 2 * number..][..2].copy_from_slice(&len);
            }
            begin = end;
        }
        true
    }

    /// They are read from the end.
    fn stream(&mut self, literals: &[u8], codes: &Codes) {
        let mut bits = Writer::new(&mut self.streams);
        for byte in literals.iter().rev() {
            let (code, len) = codes.codes[usize::from(*byte)];
            bits.put(code.into(), len.into());
        }
        bits.end();
    }
}

/// Of literals that are not packed.
fn put_header(out: &mut Vec<u8>, kind: u32, len: usize) {
    let len = len as u32;
    match len {
        ..32 => out.push((kind | len << 3) as u8),
        32..4096 => out.extend_from_slice(&(kind | 1 << 2 | len << 4).to_le_bytes()[..2]),
        _ => out.extend_from_slice(&(kind | 3 << 2 | len << 4).to_le_bytes()[..3]),
    }
}
