//! File-list indexes (ndx) as they travel: differences from the index sent before, so that asking for files
//! in order costs a byte each. Both directions keep their own previous values. Before protocol 30 an index is
//! a number of 32 bits.

use bytes::BufMut;

use super::{Cursor, Parse};
use crate::error::Malformed;

/// What stands where an index is read: a file, or one of the negative values that mean something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// An entry of the file list.
    File(u32),
    /// The end of a phase, or of a segment's life (-1).
    Done,
    /// No further segment of the file list comes (-2).
    ListEnd,
    /// Counts of deleted entries follow (-3).
    DeleteStats,
    /// The segment of the directory with this number follows (-101 and below).
    Segment(u32),
}

const DONE: i32 = -1;
const LIST_END: i32 = -2;
const DELETE_STATS: i32 = -3;
const SEGMENT_BASE: i32 = -101;

/// The previous values of one direction.
#[derive(Debug, Clone)]
pub struct IndexCodec {
    file: i32,
    special: i32,
    plain: bool,
}

impl Default for IndexCodec {
    fn default() -> Self {
        Self { file: -1, special: 1, plain: false }
    }
}

impl IndexCodec {
    /// The codec of this protocol version.
    pub fn new(protocol: u8) -> Self {
        Self { plain: protocol < 30, ..Self::default() }
    }

    /// Reads one index. The state changes only when the whole index was there.
    pub fn read(&mut self, cursor: &mut Cursor<'_>) -> Parse<Index> {
        if self.plain {
            return read_plain(cursor);
        }
        let first = cursor.u8()?;
        if first == 0 {
            return Ok(Index::Done);
        }
        let (negative, lead) = if first == 0xff { (true, cursor.u8()?) } else { (false, first) };
        let previous = if negative { self.special } else { self.file };
        let value = if lead == 0xfe {
            let pair = cursor.take(2)?;
            if pair[0] & 0x80 != 0 {
                let low = cursor.take(2)?;
                i32::from_le_bytes([pair[1], low[0], low[1], pair[0] & 0x7f])
            } else {
                previous.wrapping_add(i32::from(u16::from_be_bytes([pair[0], pair[1]])))
            }
        } else {
            previous.wrapping_add(i32::from(lead))
        };
        if value < 0 {
            return Err(Malformed::new("a file index", "a number above 2,147,483,647".to_owned()).into());
        }
        if !negative {
            self.file = value;
            return Ok(Index::File(value as u32));
        }
        self.special = value;
        match -value {
            DONE => Ok(Index::Done),
            LIST_END => Ok(Index::ListEnd),
            DELETE_STATS => Ok(Index::DeleteStats),
            other if other <= SEGMENT_BASE => Ok(Index::Segment((SEGMENT_BASE - other) as u32)),
            other => Err(Malformed::new("a file index", format!("the undefined value {other}")).into()),
        }
    }

    /// Writes one index.
    pub fn write(&mut self, out: &mut impl BufMut, index: Index) {
        if self.plain {
            return out.put_i32_le(number(index));
        }
        let (value, previous) = match index {
            Index::Done => {
                out.put_u8(0);
                return;
            }
            Index::File(ndx) => (ndx as i32, &mut self.file),
            special => {
                out.put_u8(0xff);
                (-number(special), &mut self.special)
            }
        };
        let step = value.wrapping_sub(*previous);
        *previous = value;
        match step {
            1..=0xfd => out.put_u8(step as u8),
            0 | 0xfe..=0x7fff => {
                out.put_u8(0xfe);
                out.put_u16(step as u16);
            }
            _ => {
                let [b0, b1, b2, b3] = value.to_le_bytes();
                out.put_slice(&[0xfe, b3 | 0x80, b0, b1, b2]);
            }
        }
    }
}

/// The number behind an index.
fn number(index: Index) -> i32 {
    match index {
        Index::File(ndx) => ndx as i32,
        Index::Done => DONE,
        Index::ListEnd => LIST_END,
        Index::DeleteStats => DELETE_STATS,
        Index::Segment(dir) => SEGMENT_BASE - dir as i32,
    }
}

/// Protocol 29 knows files and the ends of phases only.
fn read_plain(cursor: &mut Cursor<'_>) -> Parse<Index> {
    match cursor.i32()? {
        DONE => Ok(Index::Done),
        file @ 0.. => Ok(Index::File(file as u32)),
        other => Err(Malformed::new("a file index", format!("the undefined value {other}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_comes_back() {
        let steps = [0, 1, 2, 255, 256, 509, 510, 33_277, 33_278, 33_278, 5, 1 << 30, i32::MAX as u32, 0]
            .map(Index::File);
        let specials = [Index::ListEnd, Index::Segment(0), Index::Segment(70_000), Index::DeleteStats];
        let mut writer = IndexCodec::default();
        let mut bytes = Vec::new();
        let all: Vec<Index> = steps.into_iter().chain([Index::Done]).chain(specials).collect();
        for index in &all {
            writer.write(&mut bytes, *index);
        }
        let mut reader = IndexCodec::default();
        let mut cursor = Cursor::new(&bytes);
        for index in &all {
            assert_eq!(reader.read(&mut cursor).unwrap(), *index);
        }
        assert_eq!(cursor.position(), bytes.len());
    }

    #[test]
    fn consecutive_files_take_a_byte_each() {
        let mut writer = IndexCodec::default();
        let mut bytes = Vec::new();
        (0..100).for_each(|ndx| writer.write(&mut bytes, Index::File(ndx)));
        assert_eq!(bytes, [1; 100]);
    }

    #[test]
    fn an_undefined_value_is_refused() {
        let mut bytes = vec![0xff];
        bytes.push(50 - 1);
        assert!(IndexCodec::default().read(&mut Cursor::new(&bytes)).is_err());
    }

    #[test]
    fn indexes_of_protocol_29_are_whole_numbers() {
        let mut codec = IndexCodec::new(29);
        let mut bytes = Vec::new();
        for index in [Index::File(0), Index::File(0x0102_0304), Index::Done] {
            codec.write(&mut bytes, index);
        }
        assert_eq!(bytes, [0, 0, 0, 0, 4, 3, 2, 1, 0xff, 0xff, 0xff, 0xff]);
        let mut cursor = Cursor::new(&bytes);
        for index in [Index::File(0), Index::File(0x0102_0304), Index::Done] {
            assert_eq!(codec.read(&mut cursor).unwrap(), index);
        }
        for undefined in [-2, -3, -101, i32::MIN] {
            assert!(codec.read(&mut Cursor::new(&undefined.to_le_bytes())).is_err(), "{undefined}");
        }
    }
}
