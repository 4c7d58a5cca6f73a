//! Content on a line: what goes out, byte by byte.

use std::sync::{Arc, Mutex};

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::super::super::talk::Line;
use super::super::content::{Basis, Content, Outcome};
use super::super::tokens::Tokens;
use super::*;

/// What a file of these bytes comes to, of which `size` were there when it was opened.
fn sent(content: &[u8], size: u64, basis: Basis<'_>) -> (Vec<u8>, Outcome) {
    let output = Arc::new(Mutex::new(Vec::new()));
    let mut line = Line::over(&[], &output);
    let file = OwnedFd::from(file_of(content));
    let mut sender = Content::new(summer(ChecksumKind::Md5), Tokens::Plain, 1);
    let outcome = sender.send(&mut line, &file, size, basis, false).unwrap();
    line.flush().unwrap();
    let bytes = output.lock().unwrap().clone();
    (bytes, outcome)
}

fn sum(bytes: &[u8]) -> Vec<u8> {
    summer(ChecksumKind::Md5).file_sum().of(bytes).as_bytes().to_vec()
}

#[test]
fn a_whole_file_is_cut_as_rsync_cuts_it() {
    let content: Vec<u8> = (0..70_000u32).map(|number| number as u8).collect();
    let (bytes, outcome) = sent(&content, 70_000, Basis::None);
    let mut expected = Vec::new();
    for piece in content.chunks(32_768) {
        expected.extend((piece.len() as u32).to_le_bytes());
        expected.extend(piece);
    }
    expected.extend([0; 4]);
    expected.extend(sum(&content));
    assert!(bytes == expected);
    assert_eq!((outcome.literal, outcome.matched, outcome.fault), (70_000, 0, None));
}

#[test]
fn a_file_that_grew_ends_where_it_ended_when_it_was_opened() {
    let (bytes, outcome) = sent(b"12345", 3, Basis::None);
    assert_eq!(bytes, [&[3, 0, 0, 0][..], b"123", &[0; 4], &sum(b"123")].concat());
    assert_eq!(outcome.fault, None);
}

#[test]
fn a_file_that_shrank_has_a_sum_that_is_wrong() {
    let (bytes, outcome) = sent(b"123", 5, Basis::None);
    let wrong: Vec<u8> = sum(b"123").iter().map(|byte| !byte).collect();
    assert_eq!(bytes, [&[3, 0, 0, 0][..], b"123", &[0; 4], &wrong].concat());
    assert_eq!(outcome.fault, Some(Errno::NODATA));
    let (bytes, outcome) = sent(b"", 5, Basis::None);
    assert_eq!(bytes.len(), 4 + 16);
    assert_eq!(outcome.fault, Some(Errno::NODATA));
}

#[test]
fn an_empty_file_is_an_end_and_a_sum() {
    assert_eq!(sent(b"", 0, Basis::None).0, [&[0; 4][..], &sum(b"")].concat());
}

#[test]
fn what_is_appended_follows_what_the_client_has() {
    let tail = [&[2, 0, 0, 0][..], b"cd", &[0; 4]].concat();
    let (bytes, outcome) = sent(b"abcd", 4, Basis::Beginning { len: 2, summed: false });
    assert_eq!(bytes, [&tail[..], &sum(b"cd")].concat());
    assert_eq!((outcome.literal, outcome.matched), (2, 0));
    let (bytes, _) = sent(b"abcd", 4, Basis::Beginning { len: 2, summed: true });
    assert_eq!(bytes, [&tail[..], &sum(b"abcd")].concat());
    let (bytes, _) = sent(b"ab", 2, Basis::Beginning { len: 9, summed: true });
    assert_eq!(bytes, [&[0; 4][..], &sum(b"ab")].concat(), "a client that claims more than there is");
}

#[test]
fn blocks_and_literals_follow_each_other() {
    let summer = summer(ChecksumKind::Md5);
    let sums = sums(b"aaaabbbbcc", 4, &summer);
    let (bytes, outcome) = sent(b"bbbb!aaaacc", 11, Basis::Blocks { sums: &sums, in_place: false });
    let tokens = [&[0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0, b'!'][..], &[0xff; 4], &[0xfd, 0xff, 0xff, 0xff]];
    assert_eq!(bytes, [&tokens.concat()[..], &[0; 4], &sum(b"bbbb!aaaacc")].concat());
    assert_eq!((outcome.literal, outcome.matched), (1, 10));
}
