//! Numbers of any number of bits: read forwards, as in table descriptions, and backwards from a closing mark,
//! as in streams of symbols.

use super::{Fault, fault};

/// Reads from the first bit on.
pub(super) struct Forward<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `count` bits, at most 16, without taking them; beyond the end there are zeros.
    pub(super) fn peek(&self, count: u32) -> u32 {
        let byte = |n: usize| u32::from(self.data.get(self.at / 8 + n).copied().unwrap_or(0));
        let word = byte(0) | byte(1) << 8 | byte(2) << 16;
        word >> (self.at % 8) & ((1 << count) - 1)
    }

    pub(super) fn skip(&mut self, count: u32) {
        self.at += count as usize;
    }

    /// Bytes that were touched.
    pub(super) fn bytes(&self) -> Result<usize, Fault> {
        let bytes = self.at.div_ceil(8);
        if bytes > self.data.len() { Err(fault("a table that ends early")) } else { Ok(bytes) }
    }
}

/// Reads from the last bit on: a bit that is set in the last byte marks the end of what was written, which is
/// where reading begins.
pub(super) struct Backward<'a> {
    data: &'a [u8],
    /// Bits that are left; negative once more were read than there are.
    left: isize,
}

impl<'a> Backward<'a> {
    pub(super) fn new(data: &'a [u8]) -> Result<Self, Fault> {
        match data.last() {
            Some(last) if *last != 0 => {
                let left = data.len() as isize * 8 - 1 - last.leading_zeros() as isize;
                Ok(Self { data, left })
            }
            _ => Err(fault("a stream of bits without its closing mark")),
        }
    }

    /// The next bits, at least 57 of them, from the top of the word downwards; beyond the end there are zeros.
    #[inline(always)]
    pub(super) fn word(&self) -> u64 {
        let first = self.left + 7;
        if first >= 64 {
            let at = (first as usize) / 8 - 8;
            if let Some(bytes) = self.data.get(at..at + 8) {
                let word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                return word << (64 - (self.left as usize - at * 8));
            }
        }
        self.last_word()
    }

    #[cold]
    fn last_word(&self) -> u64 {
        if self.left <= 0 {
            return 0;
        }
        let left = self.left as usize;
        let bytes = self.data[..left.div_ceil(8)].iter().rev().take(8);
        let word = bytes.fold((0u64, 0), |(word, count), byte| (word << 8 | u64::from(*byte), count + 8));
        let (word, count) = word;
        // The top byte may hold bits that were read already.
        let stale = left.div_ceil(8) * 8 - left;
        (word << (64 - count)) << stale
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.left -= count as isize;
    }

    /// The next `count` bits, at most 32.
    #[inline(always)]
    pub(super) fn read(&mut self, count: u32) -> u32 {
        let value = (self.word() >> 32) >> (32 - count);
        self.skip(count);
        value as u32
    }

    pub(super) fn left(&self) -> isize {
        self.left
    }

    /// Everything must have been read, and no more.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.left == 0 {
            Ok(())
        } else {
            Err(fault("a stream of bits of another length than its symbols"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backwards_bits_come_in_every_width() {
        let data: Vec<u8> = (0..40u32).map(|n| (n * 37 + 11) as u8).chain([0b0000_0101]).collect();
        // The same bits, one by one.
        let bits: Vec<u32> = (0..data.len() * 8).map(|n| u32::from(data[n / 8] >> (n % 8) & 1)).collect();
        let bits = &bits[..data.len() * 8 - 6];
        for width in 0..=32u32 {
            let mut reader = Backward::new(&data).unwrap();
            let mut end = bits.len();
            while end >= width as usize && width > 0 || width == 0 && end == bits.len() {
                let expected =
                    bits[end - width as usize..end].iter().rev().fold(0u64, |v, b| v << 1 | u64::from(*b));
                assert_eq!(u64::from(reader.read(width)), expected, "width {width} at {end}");
                end -= width as usize;
                if width == 0 {
                    break;
                }
            }
            assert_eq!(reader.left(), end as isize);
        }
        assert!(Backward::new(&[]).is_err() && Backward::new(&[1, 0]).is_err());
    }
}
