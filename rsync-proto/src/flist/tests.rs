//! The file list, driven with bytes that a test encoder writes: honest lists come back as they were, and
//! every lie that the decoder claims to see is told once, beside an honest twin.

mod asked;
mod bounds;
mod filter;
mod lies;
mod old;
mod order;
mod round_trip;

use super::{ListDecoder, ListOptions, Segment};
use crate::error::Error;
use crate::scripted::{Item, ListEncoder, segments};
use crate::wire::{Cursor, Stop};

/// Reads one segment, which must take all of the bytes.
fn read_segment(decoder: &mut ListDecoder, bytes: &[u8]) -> Result<(Segment, u32), Error> {
    let mut cursor = Cursor::new(bytes);
    loop {
        match decoder.read(&mut cursor) {
            Ok(None) => {}
            Ok(Some(complete)) => {
                assert_eq!(cursor.position(), bytes.len(), "a list takes all its bytes");
                return Ok(complete);
            }
            Err(Stop::Bad(error)) => return Err(*error),
            Err(Stop::Short(lacking)) => {
                return Err(Error::Gone(if lacking.get() > 0 { "more" } else { "" }));
            }
        }
    }
}

/// Reads one segment and tries every beginning of every item first: each must be too short, say so without
/// asking for more than there is, and leave nothing behind.
fn read_haltingly(decoder: &mut ListDecoder, bytes: &[u8]) -> (Segment, u32) {
    let mut at = 0;
    loop {
        let mut end = at;
        loop {
            let mut cursor = Cursor::new(&bytes[at..end]);
            match decoder.read(&mut cursor) {
                Err(Stop::Short(lacking)) => {
                    end += 1;
                    assert!(end - 1 + lacking.get() <= bytes.len(), "{lacking} bytes more than there are");
                }
                Err(Stop::Bad(error)) => panic!("an honest list was refused at byte {end}: {error}"),
                Ok(None) => {
                    assert_eq!(cursor.position(), end - at, "an item ends with the byte that completes it");
                    break;
                }
                Ok(Some(complete)) => {
                    assert_eq!(end, bytes.len(), "a list takes all its bytes");
                    return complete;
                }
            }
        }
        at = end;
    }
}

/// Encodes items as one whole list, or as the first segment, and decodes it.
fn decode(options: &ListOptions, items: &[Item]) -> Result<Segment, Error> {
    let bytes = ListEncoder::new(options).entries(items).end(0);
    decode_bytes(options, &bytes)
}

fn decode_bytes(options: &ListOptions, bytes: &[u8]) -> Result<Segment, Error> {
    let mut decoder = ListDecoder::new(options.clone());
    decoder.begin();
    Ok(read_segment(&mut decoder, bytes)?.0)
}

/// Encodes a tree in segments and decodes them, as long as they pass.
fn decode_segments(options: &ListOptions, items: &[Item]) -> Result<Vec<Segment>, Error> {
    let mut decoder = ListDecoder::new(options.clone());
    let mut encoder = ListEncoder::new(options);
    let mut read = |(number, items): (Option<u32>, Vec<Item>)| {
        match number {
            None => decoder.begin(),
            Some(number) => decoder.begin_directory(number)?,
        }
        Ok(read_segment(&mut decoder, &encoder.entries(&items).end(0))?.0)
    };
    segments(items).into_iter().map(&mut read).collect()
}

/// All shapes that a list can have.
fn shapes() -> impl Iterator<Item = (u8, bool, bool)> {
    std::iter::once((29, false, false)).chain(newer_shapes())
}

/// Those of protocol 30 and later.
fn newer_shapes() -> impl Iterator<Item = (u8, bool, bool)> {
    (30..=32).flat_map(|protocol| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(v, i)| (protocol, v, i))
    })
}
