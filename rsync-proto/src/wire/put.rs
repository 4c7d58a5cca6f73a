//! Writes the protocol's integers and byte strings: the counterpart of [`super::Cursor`].

use bytes::BufMut;

/// A 16-bit little-endian number.
pub fn u16(out: &mut impl BufMut, value: u16) {
    out.put_u16_le(value);
}

/// A 32-bit little-endian number.
pub fn u32(out: &mut impl BufMut, value: u32) {
    out.put_u32_le(value);
}

/// A 64-bit number in 4 bytes if 31 bits can say it, in 12 otherwise (protocol 29).
pub fn longint(out: &mut impl BufMut, value: i64) {
    match i32::try_from(value) {
        Ok(short @ 0..) => out.put_i32_le(short),
        _ => {
            out.put_i32_le(-1);
            out.put_i64_le(value);
        }
    }
}

/// A 32-bit number in 1 to 5 bytes.
pub fn varint(out: &mut impl BufMut, value: i32) {
    spread(out, &value.to_le_bytes(), 1);
}

/// A 64-bit number in `min` to 9 bytes.
pub fn varlong(out: &mut impl BufMut, value: i64, min: usize) {
    spread(out, &value.to_le_bytes(), min);
}

/// The high byte goes first, together with one bit for each byte beyond `min`; where it has no room for
/// those bits it gets a byte of its own.
fn spread(out: &mut impl BufMut, bytes: &[u8], min: usize) {
    let mut len = bytes.len();
    while len > min && bytes[len - 1] == 0 {
        len -= 1;
    }
    let high = bytes[len - 1];
    let extra = len - min;
    let room = 1u32 << (7 - extra.min(7));
    if extra < 7 && u32::from(high) < room {
        out.put_u8(high | ones(extra));
        out.put_slice(&bytes[..len - 1]);
    } else {
        out.put_u8(ones(extra + 1));
        out.put_slice(&bytes[..len]);
    }
}

fn ones(count: usize) -> u8 {
    !(0xffu32 >> count) as u8
}

/// A byte string with its length in front.
///
/// # Panics
/// It is longer than 32,767 bytes, which cannot be said.
pub fn vstring(out: &mut impl BufMut, bytes: &[u8]) {
    assert!(bytes.len() < 0x8000, "a string of {} bytes has no encoding", bytes.len());
    if bytes.len() > 0x7f {
        out.put_u8((bytes.len() >> 8) as u8 | 0x80);
    }
    out.put_u8(bytes.len() as u8);
    out.put_slice(bytes);
}
