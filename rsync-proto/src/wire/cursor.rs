//! Reads the protocol's integers and byte strings out of a slice.
//!
//! A cursor never blocks and never copies. When the slice ends too early it says how many bytes more are
//! needed at least; the caller collects them and decodes again from the start of the item, so every decoder
//! on top of it must change no state before it has read the whole item.

use std::num::NonZeroUsize;

use crate::error::{Error, Malformed};

/// Why an item could not be decoded.
#[derive(Debug)]
pub enum Stop {
    /// The item goes on beyond the bytes at hand: at least this many more are needed.
    Short(NonZeroUsize),
    /// The bytes cannot be what the protocol says stands here, or break a rule or a limit.
    Bad(Box<Error>),
}

impl From<Malformed> for Stop {
    fn from(fault: Malformed) -> Self {
        Stop::Bad(Box::new(fault.into()))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Bad(Box::new(error))
    }
}

/// The result of decoding one item.
pub type Parse<T> = Result<T, Stop>;

/// A position in a slice of received bytes. What is read stops with [`Stop::Short`] where the slice ends too early, and with
/// [`Stop::Bad`] where no such value can stand.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Parse<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        match rest.get(..len) {
            Some(found) => {
                self.at += len;
                Ok(found)
            }
            None => {
                Err(Stop::Short(NonZeroUsize::new(len - rest.len()).expect("a short slice lacks a byte")))
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Parse<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("take returns the length asked for"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Parse<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A 16-bit little-endian number.
    pub fn u16(&mut self) -> Parse<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A 32-bit little-endian number.
    pub fn u32(&mut self) -> Parse<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A 32-bit little-endian number with a sign.
    pub fn i32(&mut self) -> Parse<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// A 64-bit number of 4 or 12 bytes (protocol 29): one that 31 bits cannot say follows 32 one-bits.
    pub fn longint(&mut self) -> Parse<i64> {
        match self.i32()? {
            -1 => Ok(i64::from_le_bytes(self.array()?)),
            short => Ok(short.into()),
        }
    }

    /// A number of 1 to 5 bytes (protocol 30 and later). The leading one-bits of the first byte tell how
    /// many bytes follow; they are the low ones, little-endian, and the rest of the first byte is the high one.
    pub fn varint(&mut self) -> Parse<i32> {
        let first = self.u8()?;
        let extra = first.leading_ones() as usize;
        if extra > 4 {
            return Err(
                Malformed::new("a variable-length integer", format!("first byte {first:#04x}")).into()
            );
        }
        let mut value = [0u8; 5];
        value[..extra].copy_from_slice(self.take(extra)?);
        value[extra] = first & (0x7f >> extra);
        if extra == 4 && value[4] != 0 {
            return Err(Malformed::new("a variable-length integer", "more than 32 bits".to_owned()).into());
        }
        Ok(i32::from_le_bytes([value[0], value[1], value[2], value[3]]))
    }

    /// A [`Self::varint`] that counts or measures something: never negative.
    pub fn varint_len(&mut self, what: &'static str) -> Parse<usize> {
        let value = self.varint()?;
        usize::try_from(value)
            .map_err(|_| Malformed::new(what, format!("the negative length {value}")).into())
    }

    /// A number of `min` to 9 bytes (protocol 30 and later): as [`Self::varint`], with `min - 1` bytes that
    /// always follow the first.
    pub fn varlong(&mut self, min: usize) -> Parse<i64> {
        let head = self.take(min)?;
        let first = head[0];
        let extra = first.leading_ones() as usize;
        if min + extra > 9 {
            return Err(Malformed::new("a variable-length long", format!("first byte {first:#04x}")).into());
        }
        let mut value = [0u8; 9];
        value[..min - 1].copy_from_slice(&head[1..]);
        value[min - 1..min - 1 + extra].copy_from_slice(self.take(extra)?);
        value[min - 1 + extra] = if extra == 8 { 0 } else { first & (0x7f >> extra) };
        if value[8] != 0 {
            return Err(Malformed::new("a variable-length long", "more than 64 bits".to_owned()).into());
        }
        Ok(i64::from_le_bytes(value[..8].try_into().expect("eight bytes")))
    }

    /// A byte string with its length in front, in one byte or, above 127, in two (big-endian, top bit set).
    /// At most `limit` bytes.
    pub fn vstring(&mut self, what: &'static str, limit: usize) -> Parse<&'a [u8]> {
        let first = usize::from(self.u8()?);
        let len = if first & 0x80 == 0 { first } else { (first & 0x7f) << 8 | usize::from(self.u8()?) };
        if len > limit {
            return Err(Malformed::new(what, format!("{len} bytes, where at most {limit} may stand")).into());
        }
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put;

    #[test]
    fn varints_of_every_width_come_back() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0x0fff_ffff, 0x1000_0000]
            .into_iter()
            .chain([i32::MAX, -1, i32::MIN])
        {
            let mut bytes = Vec::new();
            put::varint(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.varint().unwrap(), value);
            assert_eq!(cursor.position(), bytes.len());
        }
    }

    #[test]
    fn varlongs_of_every_width_come_back() {
        for min in [3, 4] {
            for shift in 0..63 {
                for value in [1i64 << shift, (1 << shift) - 1, (1 << shift) + 1] {
                    let mut bytes = Vec::new();
                    put::varlong(&mut bytes, value, min);
                    assert_eq!(Cursor::new(&bytes).varlong(min).unwrap(), value, "{bytes:x?}");
                }
            }
            for value in [-1, i64::MIN, i64::MAX] {
                let mut bytes = Vec::new();
                put::varlong(&mut bytes, value, min);
                assert_eq!(Cursor::new(&bytes).varlong(min).unwrap(), value, "{bytes:x?}");
            }
        }
    }

    #[test]
    fn longints_of_both_widths_come_back() {
        for (value, len) in [(0, 4), (1, 4), (0x7fff_ffff, 4), (0x8000_0000, 12), (-1, 12), (i64::MAX, 12)] {
            let mut bytes = Vec::new();
            put::longint(&mut bytes, value);
            assert_eq!(bytes.len(), len, "{value}");
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.longint().unwrap(), value);
            assert_eq!(cursor.position(), len);
            assert!(matches!(Cursor::new(&bytes[..len - 1]).longint(), Err(Stop::Short(n)) if n.get() == 1));
        }
        assert_eq!(Cursor::new(&[0, 0, 0, 0x80]).longint().unwrap(), i64::from(i32::MIN));
    }

    #[test]
    fn an_early_end_says_how_much_is_missing() {
        let mut cursor = Cursor::new(&[0xc1, 0]);
        assert!(matches!(cursor.varint(), Err(Stop::Short(n)) if n.get() == 1));
        assert!(matches!(Cursor::new(&[1, 2]).u32(), Err(Stop::Short(n)) if n.get() == 2));
    }

    #[test]
    fn too_wide_numbers_are_refused() {
        assert!(matches!(Cursor::new(&[0xf8; 9]).varint(), Err(Stop::Bad(_))));
        assert!(matches!(Cursor::new(&[0xff; 12]).varlong(3), Err(Stop::Bad(_))));
    }

    #[test]
    fn strings_are_bounded() {
        assert_eq!(Cursor::new(b"\x03abcd").vstring("a name", 10).unwrap(), b"abc");
        assert!(matches!(Cursor::new(b"\x81\x00").vstring("a name", 10), Err(Stop::Bad(_))));
    }
}
