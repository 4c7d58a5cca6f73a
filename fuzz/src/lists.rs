//! File lists on their own: written by the scripted server, read by the decoder.

use std::fmt::Write as _;

use rsync_proto::error::Error;
use rsync_proto::flist::{ListDecoder, ListOptions, Segment};
use rsync_proto::scripted::{Item, ListEncoder, segments, sorted};
use rsync_proto::wire::{Cursor, Stop};

use crate::allowed::assert_allowed;
use crate::describe::{describe, expected, link_groups};

/// A list in segments: the number of each directory, and what lies in it.
pub type Cut = Vec<(Option<u32>, Vec<Item>)>;

/// The bytes of each segment.
pub fn encode(asked: &ListOptions, cut: &Cut) -> Vec<(Option<u32>, Vec<u8>)> {
    let mut encoder = ListEncoder::new(asked);
    cut.iter().map(|(number, items)| (*number, encoder.entries(items).end(0))).collect()
}

/// Reads whole segments.
///
/// # Errors
/// The decoder's, or [`Error::Gone`] where bytes are missing.
pub fn decode(asked: &ListOptions, segments: &[(Option<u32>, Vec<u8>)]) -> Result<Vec<Segment>, Error> {
    let mut decoder = ListDecoder::new(asked.clone());
    let mut read = Vec::new();
    for (number, bytes) in segments {
        match number {
            None => decoder.begin(),
            Some(number) => decoder.begin_directory(*number)?,
        }
        let mut cursor = Cursor::new(bytes);
        let segment = loop {
            match decoder.read(&mut cursor) {
                Ok(None) => {}
                Ok(Some((segment, _))) => break segment,
                Err(Stop::Bad(error)) => return Err(*error),
                Err(Stop::Short(_)) => return Err(Error::Gone("more of the list")),
            }
        };
        if cursor.position() != bytes.len() {
            return Err(Error::Gone("nothing more"));
        }
        read.push(segment);
    }
    Ok(read)
}

/// Asserts that a list of these items is read as what they are.
pub fn assert_comes_back(asked: &ListOptions, items: &[Item]) -> Vec<Segment> {
    let cut = if asked.inc_recurse { segments(items) } else { vec![(None, items.to_vec())] };
    let groups = link_groups(&cut, asked.inc_recurse);
    let read = decode(asked, &encode(asked, &cut));
    let read = read.unwrap_or_else(|error| panic!("an honest list: {error}\n{asked:?}\n{items:?}"));
    for (segment, (number, items)) in read.iter().zip(&cut) {
        assert_eq!(segment.directory(), *number);
        assert_eq!(segment.len(), items.len());
        let dir = items.first().map_or(&b""[..], |item| item.split().0);
        for (entry, item) in segment.iter().zip(sorted(items, dir)) {
            let group = groups.iter().find(|(path, _)| *path == item.path).map(|(_, group)| *group);
            assert_eq!(describe(entry), expected(&item, group, asked), "{asked:?}");
        }
    }
    read
}

/// What comes of any bytes that come in pieces of this size: all segments, one after the other, then the error.
pub fn read_any(asked: &ListOptions, bytes: &[u8], step: usize) -> String {
    let mut decoder = ListDecoder::new(asked.clone());
    decoder.begin();
    let mut course = String::new();
    // As a session reads: an item begins anew when more bytes are here.
    let (mut begin, mut end, mut next) = (0, 0, 0);
    loop {
        let mut cursor = Cursor::new(&bytes[begin..end]);
        match decoder.read(&mut cursor) {
            Ok(complete) => {
                begin += cursor.position();
                let Some((segment, error)) = complete else { continue };
                write!(course, "{error} {:?} {:?};", segment.users(), segment.groups()).expect("memory");
                for entry in segment.iter() {
                    if !entry.is_left_out() {
                        assert_allowed(asked, entry);
                    }
                    course += &describe(entry);
                }
                while decoder.begin_directory(next).is_err() {
                    if next as usize > bytes.len() {
                        return course;
                    }
                    next += 1;
                }
            }
            Err(Stop::Bad(error)) => {
                read_whole(&error);
                return format!("{course} {error}");
            }
            Err(Stop::Short(lacking)) => {
                if lacking.get() > bytes.len() - end {
                    return course + " more";
                }
                // So much belongs to the item at least.
                end += lacking.get().max(step.min(bytes.len() - end));
            }
        }
    }
}

/// What a server sends is its own fault.
pub fn read_whole(error: &Error) {
    let server = matches!(
        error,
        Error::Malformed(_) | Error::Violation(_) | Error::Limit { .. } | Error::Name { .. } | Error::Gone(_)
    );
    assert!(server, "{error:?}");
}
