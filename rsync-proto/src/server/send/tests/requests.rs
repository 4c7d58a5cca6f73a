//! Requests off a line, honest ones and others.

use std::sync::{Arc, Mutex};

use super::super::super::talk::Line;
use super::super::request::{Next, next, xattr_numbers};
use super::super::sums::Layout;
use super::*;
use crate::wire::IndexCodec;

fn line(input: &[u8]) -> (Line, Arc<Mutex<Vec<u8>>>) {
    let output = Arc::new(Mutex::new(Vec::new()));
    (Line::over(input, &output), output)
}

/// Reads one item; what it is, and what goes back at once.
fn read(input: &[u8]) -> (Result<Next, Failure>, Vec<u8>) {
    let (mut line, output) = line(input);
    let (mut coming, mut going) = (IndexCodec::new(31), IndexCodec::new(31));
    let next = next(&mut line, &mut coming, &mut going);
    line.flush().unwrap();
    let output = output.lock().unwrap().clone();
    (next, output)
}

#[test]
fn requests_come_back_as_they_are() {
    for bytes in
        [&[3, 0, 0xa0][..], &[3, 0, 0x88, 0x83], &[3, 0, 0x90, 2, b'a', b'b'], &[3, 0, 0x98, 0x80, 0]]
    {
        let Next::File(request) = read(bytes).0.unwrap() else { panic!("{bytes:x?}") };
        assert_eq!(request.index, 2);
        assert!(request.wants_content());
        let mut out = Vec::new();
        request.echo(&mut out, &mut IndexCodec::new(31));
        assert_eq!(out, bytes);
    }
    assert_eq!(read(&[0]).0.unwrap(), Next::Done);
}

#[test]
fn the_basis_is_the_file_itself_unless_it_is_told() {
    let request = |bytes: &[u8]| match read(bytes).0.unwrap() {
        Next::File(request) => request,
        Next::Done => panic!("no request"),
    };
    assert!(request(&[1, 0, 0x80]).builds_on_itself());
    assert!(request(&[1, 0, 0x88, 0x80]).builds_on_itself());
    assert!(!request(&[1, 0, 0x88, 0x83]).builds_on_itself());
    assert!(request(&[1, 0, 0x88, 0x81]).builds_on_partial());
    let further = request(&[1, 0, 0x51, 0]);
    assert!(further.speaks_of_xattrs(false) && !further.speaks_of_xattrs(true));
}

#[test]
fn counts_of_deletions_come_back_at_once() {
    let bytes = [0xff, 2, 1, 2, 3, 4, 0x80, 0x80, 0];
    let (next, output) = read(&bytes);
    assert_eq!(next.unwrap(), Next::Done);
    assert_eq!(output, bytes[..8]);
}

#[test]
fn what_only_servers_send_is_refused() {
    for bytes in [&[0xff, 1][..], &[0xff, 100]] {
        assert!(matches!(read(bytes).0, Err(Failure::Violation(_))), "{bytes:x?}");
    }
}

#[test]
fn attributes_are_asked_for_by_their_numbers() {
    let numbers = |bytes: &[u8], count| xattr_numbers(&mut line(bytes).0, count);
    assert_eq!(numbers(&[0], 0).unwrap(), []);
    assert_eq!(numbers(&[1, 2, 0], 3).unwrap(), [1, 3]);
    // Clients have an order of their own.
    assert_eq!(numbers(&[3, 0xf0, 0xfe, 0xff, 0xff, 0xff, 0], 3).unwrap(), [3, 1]);
    for bytes in [&[1, 0][..], &[0xf0, 0xff, 0xff, 0xff, 0xff]] {
        assert!(matches!(numbers(bytes, 0), Err(Failure::Violation(_))));
    }
    assert!(matches!(numbers(&[4, 0], 3), Err(Failure::Violation(_))), "beyond the set");
    assert!(numbers(&[1, 0xf0, 0xff, 0xff, 0xff, 0xff, 0], 3).is_err(), "number 0");
    let often = [&[1][..], &[1, 0xf0, 0xff, 0xff, 0xff, 0xff].repeat(100)].concat();
    assert!(matches!(numbers(&often, 3), Err(Failure::Violation(_))), "again and again");
}

#[test]
fn sums_beyond_what_is_kept_are_read_and_left() {
    let layout = BlockLayout { count: 100_000, block_len: 1, sum_len: 2, remainder: 0 };
    let checked = Layout::check(layout, ChecksumKind::Md5).unwrap();
    let mut bytes = [1, 0, 0, 0, 2, 2].repeat(100_000);
    bytes.push(7);
    let (mut line, _) = line(&bytes);
    let sums = Sums::read(&mut line, &checked, ChecksumKind::Md5, 10, Vec::new()).unwrap();
    assert_eq!((sums.len(), sums.weak(4000), sums.strong(0)), (4136, 1, &[2, 2][..]));
    let mut rest = Vec::new();
    line.read_bytes(1, &mut rest).unwrap();
    assert_eq!(rest, [7]);
}
