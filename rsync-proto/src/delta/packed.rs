//! The stream that makes up a file's content where literals are compressed: runs of packed bytes, and references to
//! blocks, one or many in a row.

use crate::error::Malformed;
use crate::wire::{Cursor, Parse};

/// The length of a run of packed bytes fits into 14 bits.
const PACKED: u8 = 0x40;
/// A reference in 6 bits, from where the last one led.
const NEAR: u8 = 0x80;
/// A reference in 32 bits.
const FAR: u8 = 0x20;

/// One step in rebuilding a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedToken {
    /// This many packed bytes follow; may be 0.
    Packed(u16),
    /// Blocks of the basis in a row, at least one.
    Blocks {
        /// The number of the first.
        first: u32,
        /// The number of the last.
        last: u32,
    },
    /// Nothing more; the whole-file sum follows.
    End,
}

impl PackedToken {
    /// Reads what a step begins with. `before` is the last block that was referred to in this file, or 0.
    pub fn read(cursor: &mut Cursor<'_>, before: u32) -> Parse<Self> {
        let flag = cursor.u8()?;
        let malformed = |found: String| Malformed::new("a packed token", found);
        let (first, many) = match flag {
            0 => return Ok(Self::End),
            _ if flag & 0xc0 == PACKED => {
                let low = cursor.u8()?;
                return Ok(Self::Packed(u16::from(flag & 0x3f) << 8 | u16::from(low)));
            }
            _ if flag & NEAR != 0 => (before.checked_add(u32::from(flag & 0x3f)), flag & 0x40 != 0),
            _ if flag & !1 == FAR => (u32::try_from(cursor.i32()?).ok(), flag & 1 == 1),
            _ => return Err(malformed(format!("the flag {flag:#04x}")).into()),
        };
        let more = if many { cursor.u16()? } else { 0 };
        if many && more == 0 {
            return Err(malformed("a run of no blocks".to_owned()).into());
        }
        let end = first.and_then(|first| Some((first, first.checked_add(u32::from(more))?)));
        let (first, last) = end.ok_or_else(|| malformed("a reference beyond all numbers".to_owned()))?;
        Ok(Self::Blocks { first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Stop;

    fn read(bytes: &[u8], before: u32) -> Parse<PackedToken> {
        for cut in 0..bytes.len() {
            assert!(matches!(
                PackedToken::read(&mut Cursor::new(&bytes[..cut]), before),
                Err(Stop::Short(_))
            ));
        }
        let mut cursor = Cursor::new(bytes);
        let token = PackedToken::read(&mut cursor, before)?;
        assert_eq!(cursor.position(), bytes.len());
        Ok(token)
    }

    #[test]
    fn every_form_is_read() {
        let blocks = |first, last| PackedToken::Blocks { first, last };
        assert_eq!(read(&[0], 9).unwrap(), PackedToken::End);
        assert_eq!(read(&[0x40, 0], 9).unwrap(), PackedToken::Packed(0));
        assert_eq!(read(&[0x7f, 0xff], 9).unwrap(), PackedToken::Packed(16_383));
        assert_eq!(read(&[0x80], 0).unwrap(), blocks(0, 0));
        assert_eq!(read(&[0xbf], 100).unwrap(), blocks(163, 163));
        assert_eq!(read(&[0xc1, 0x02, 0x01], 4).unwrap(), blocks(5, 5 + 258));
        assert_eq!(read(&[0x20, 1, 0, 1, 0], 4).unwrap(), blocks(65_537, 65_537));
        assert_eq!(read(&[0x21, 3, 0, 0, 0, 0xff, 0xff], 4).unwrap(), blocks(3, 3 + 65_535));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bytes in [&[0x01u8][..], &[0x1f], &[0x22], &[0x3f]] {
            assert!(matches!(read(bytes, 0), Err(Stop::Bad(_))), "{bytes:x?}");
        }
        assert!(matches!(read(&[0xc0, 0, 0], 5), Err(Stop::Bad(_))), "a run of nothing");
        assert!(matches!(read(&[0x20, 0, 0, 0, 0x80], 5), Err(Stop::Bad(_))), "a negative number");
        assert!(matches!(read(&[0xbf], u32::MAX), Err(Stop::Bad(_))), "past the last number");
        assert!(matches!(read(&[0xc1, 1, 0], u32::MAX - 1), Err(Stop::Bad(_))), "past it by a run");
    }
}
