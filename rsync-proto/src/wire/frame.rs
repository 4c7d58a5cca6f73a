//! Frames: once the handshake is over, both directions travel in pieces with a header of four bytes: the
//! length in the low 24 bits (little-endian), a tag plus 7 in the high 8. Tag 0 is data, the stream that
//! everything else is read from; the others are messages that may stand between any two bytes of it.

use bytes::BufMut;

use crate::error::Malformed;
use crate::limits;

/// Offset of tags on the wire.
const TAG_BASE: u8 = 7;

/// The size of a frame's header, in bytes.
pub const HEADER_LEN: usize = 4;

/// The longest piece of data that one frame can carry, in bytes.
pub const MAX_DATA: usize = 0xff_ffff;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Part of the stream.
    Data,
    /// Text: an error that makes the transfer partial.
    ErrorTransfer,
    /// Text: information.
    Info,
    /// Text: an error.
    Error,
    /// Text: a warning.
    Warning,
    /// Text: an error in UTF-8.
    ErrorUtf8,
    /// The server's I/O error bits (4 bytes; since protocol 30).
    IoError,
    /// The server's own timeout in seconds (4 bytes; of servers since protocol 31, taken since 30).
    IoTimeout,
    /// Nothing: keeps the connection alive (since protocol 30).
    Noop,
    /// The server ends with this exit code (4 bytes, or none; of servers since protocol 31, taken since 30).
    ErrorExit,
    /// Text: an entry was deleted (a receiving server only).
    Deleted,
    /// A file that was asked for will not come (4 bytes: its index; since protocol 30).
    NoSend,
}

impl Tag {
    const ALL: [(u8, Tag); 12] = [
        (0, Tag::Data),
        (1, Tag::ErrorTransfer),
        (2, Tag::Info),
        (3, Tag::Error),
        (4, Tag::Warning),
        (8, Tag::ErrorUtf8),
        (22, Tag::IoError),
        (33, Tag::IoTimeout),
        (42, Tag::Noop),
        (86, Tag::ErrorExit),
        (101, Tag::Deleted),
        (102, Tag::NoSend),
    ];

    /// Whether a payload of `len` bytes can belong to this tag.
    fn fits(self, len: usize) -> bool {
        match self {
            Tag::Data => true,
            Tag::ErrorTransfer | Tag::Info | Tag::Error | Tag::Warning | Tag::ErrorUtf8 | Tag::Deleted => {
                len <= limits::MAX_MESSAGE
            }
            Tag::IoError | Tag::IoTimeout | Tag::NoSend => len == 4,
            Tag::Noop => len == 0,
            Tag::ErrorExit => len == 0 || len == 4,
        }
    }
}

/// Reads a header: the tag, and the length in bytes of what follows.
///
/// # Errors
/// The tag is unknown, or the length does not fit it.
pub fn parse_header(bytes: [u8; HEADER_LEN]) -> Result<(Tag, usize), Malformed> {
    let word = u32::from_le_bytes(bytes);
    let (number, len) = ((word >> 24) as u8, (word & 0xff_ffff) as usize);
    let tag = number
        .checked_sub(TAG_BASE)
        .and_then(|n| Tag::ALL.iter().find(|(value, _)| *value == n))
        .map(|(_, tag)| *tag)
        .ok_or_else(|| Malformed::new("a frame header", format!("the unknown tag {number}")))?;
    if !tag.fits(len) {
        return Err(Malformed::new("a frame header", format!("{len} bytes for a frame of kind {tag:?}")));
    }
    Ok((tag, len))
}

/// Writes the header of a data frame of `len` bytes.
pub fn put_data_header(out: &mut impl BufMut, len: usize) {
    debug_assert!(len <= MAX_DATA);
    out.put_u32_le(u32::from(TAG_BASE) << 24 | len as u32);
}

/// Writes the header of a frame of any kind, as a server does.
#[cfg(any(test, feature = "scripted", feature = "server"))]
pub fn put_header(out: &mut impl BufMut, tag: Tag, len: usize) {
    let number = Tag::ALL.iter().find(|(_, t)| *t == tag).expect("every tag has a number").0;
    out.put_u32_le(u32::from(number + TAG_BASE) << 24 | len as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for (_, tag) in Tag::ALL {
            for len in [0, 4, 100] {
                let mut bytes = Vec::new();
                put_header(&mut bytes, tag, len);
                let parsed = parse_header(bytes.try_into().unwrap());
                if tag.fits(len) {
                    assert_eq!(parsed.unwrap(), (tag, len));
                } else {
                    assert!(parsed.is_err(), "{tag:?} of {len} bytes");
                }
            }
        }
    }

    #[test]
    fn unknown_tags_and_long_messages_are_refused() {
        assert!(parse_header([0, 0, 0, 6]).is_err());
        assert!(parse_header([0, 0, 0, 7 + 9]).is_err());
        assert!(parse_header([0xff, 0xff, 0xff, 7 + 2]).is_err());
    }
}
