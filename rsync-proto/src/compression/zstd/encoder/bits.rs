//! Bits that are read from their end.

/// Writes them, the first ones lowest.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    word: u64,
    count: u32,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, word: 0, count: 0 }
    }

    /// Up to 32 bits; those above `count` are 0.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.word |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.word as u32).to_le_bytes());
            self.word >>= 32;
            self.count -= 32;
        }
    }

    /// A one marks the end.
    pub(super) fn end(mut self) {
        self.put(1, 1);
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
    }
}
