//! Zstandard (RFC 8878) as a stream that never ends.

/// What a frame begins with, a descriptor without anything, and a window of 512 KiB.
const FRAME: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48];

/// One stream.
#[derive(Default)]
pub(super) struct Encoder {
    pub store: bool,
    pub packed: Vec<u8>,
    begun: bool,
}

impl Encoder {
    pub fn pack(&mut self, bytes: &[u8]) {
        if !self.begun {
            self.begun = true;
            self.packed.extend_from_slice(&FRAME);
        }
        for block in bytes.chunks(128 * 1024) {
            let header = (block.len() as u32) << 3;
            self.packed.extend_from_slice(&header.to_le_bytes()[..3]);
            self.packed.extend_from_slice(block);
        }
    }

    pub fn flush(&mut self) {}
}
