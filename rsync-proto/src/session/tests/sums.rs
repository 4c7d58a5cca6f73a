//! Sums that follow their request stay together with it, whatever else is said meanwhile.

use super::{Script, agreed};
use crate::delta::{BlockLayout, Offer};
use crate::scripted::{Item, plain_options};
use crate::session::{Command, Event, Request, Session, Wanted};

/// A session with one list of two files, nothing said yet.
fn two_files(protocol: u8) -> Session<&'static str> {
    let agreed = agreed(plain_options(protocol, protocol > 30, false));
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 3000), Item::file("g", 1)], 0);
    let mut session = Session::new(&agreed);
    session.feed(script.bytes().into());
    assert!(matches!(session.poll().unwrap(), Some(Event::Segment(_))));
    session.take_output();
    session
}

fn request(index: u32, offer: Offer) -> Command<&'static str> {
    let wanted = Wanted::Content { offer, size: 3000 };
    Command::Ask(Request { index, changes: 0, wanted, xattrs: None, ticket: "f" })
}

fn layout() -> BlockLayout {
    BlockLayout { count: 3, block_len: 1000, sum_len: 2, remainder: 0 }
}

/// The data of frames; before protocol 30 there are none.
fn unframed(protocol: u8, mut bytes: &[u8]) -> Vec<u8> {
    if protocol < 30 {
        return bytes.to_vec();
    }
    let mut data = Vec::new();
    while let [a, b, c, 7, rest @ ..] = bytes {
        let len = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        data.extend_from_slice(&rest[..len]);
        bytes = &rest[len..];
    }
    assert!(bytes.is_empty());
    data
}

/// All that goes out for two files, with the sums of the first in so many pieces and something said between them.
fn sent(protocol: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let mut session = two_files(protocol);
    let [first, rest @ ..] = pieces else { panic!("at least one") };
    let more = rest.iter().map(|piece| piece.len() as u64).sum();
    session.command(request(1, Offer { layout: layout(), sums: first.to_vec(), more, kept: 0 }));
    let mut out = session.take_output().to_vec();
    let mut others = [request(2, Offer::NONE), Command::Scanned(0)].into_iter();
    for piece in rest {
        // Before the last piece, everything else was said.
        session.command(others.next().unwrap_or(Command::Hold(1)));
        assert!(session.take_output().is_empty(), "{protocol}: nothing comes between sums");
        assert!(!session.is_waiting(), "{protocol}: it is the server that waits");
        if protocol < 30 {
            assert!(session.keep_alive().is_empty(), "not even a sign of life that stands in the stream");
        }
        session.command(Command::Sums(piece.to_vec().into()));
        out.extend(session.take_output());
    }
    others.for_each(|other| session.command(other));
    assert!(session.is_waiting(), "{protocol}: now it is the server's turn");
    loop {
        let taken = session.take_output();
        if taken.is_empty() {
            return unframed(protocol, &out);
        }
        out.extend(taken);
    }
}

#[test]
fn pieces_are_what_the_whole_is() {
    let sums: Vec<u8> = (1..=18).collect();
    for protocol in [30, 31, 32] {
        let whole = sent(protocol, &[&sums]);
        assert_eq!(sent(protocol, &[&sums[..6], &sums[6..]]), whole);
        assert_eq!(sent(protocol, &[&sums[..6], &sums[6..7], &sums[7..17], &sums[17..]]), whole);
        assert_eq!(sent(protocol, &[&[], &sums]), whole);
    }
    // Here a marker stands behind the requests that went out together.
    let sums_stand = |out: &[u8]| out.windows(18).filter(|window| *window == sums).count();
    assert_eq!(sums_stand(&sent(29, &[&sums[..6], &sums[6..12], &sums[12..]])), 1);
}

#[test]
fn more_than_was_announced_is_left_out() {
    let mut session = two_files(31);
    session.command(request(1, Offer { layout: layout(), sums: vec![9; 12], more: 6, kept: 0 }));
    session.take_output();
    session.command(Command::Sums(vec![8; 20].into()));
    assert_eq!(session.take_output()[4..], [8; 6]);
}
