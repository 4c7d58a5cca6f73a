//! The sessions that `docs/protocol.md` shows: what its server says is played, and this client has to say what is shown of
//! the client.

use bytes::{Bytes, BytesMut};

use crate::delta::{BlockLayout, Offer, SHORT_BLOCK, block_len, put_block_sums};
use crate::flist::Segment;
use crate::handshake::{Agreed, Handshake, Outcome};
use crate::location::Location;
use crate::options::Options;
use crate::session::{Command, Event, Request, Session, Wanted};
use crate::wire::flags::item;
use crate::wire::frame;

const TEXT: &str = include_str!("../../../../docs/protocol.md");
/// What the client has of `d/g`.
const BASIS: &[u8] = b"basis";

/// What both sides say in the first block of a chapter: the server, the client.
fn shown(chapter: &str) -> (Vec<u8>, Vec<u8>) {
    let (_, chapter) = TEXT.split_once(&format!("\n## {chapter}. ")).expect("there is such a chapter");
    let block = chapter.split("```").nth(1).expect("it shows a session");
    let (mut server, mut client, mut by_server) = (Vec::new(), Vec::new(), true);
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let (side, said) = line.split_at(3);
        by_server = match side {
            "S  " => true,
            "C  " => false,
            _ => by_server,
        };
        let to = if by_server { &mut server } else { &mut client };
        match said.trim_start().strip_prefix('"') {
            Some(text) => {
                let text = text.rsplit_once('"').expect("a quotation mark ends it").0;
                to.extend(text.replace("\\n", "\n").replace("\\0", "\0").bytes());
            }
            None => {
                let bytes = said.trim_start().split("  ").next().expect("something stands there");
                to.extend(
                    bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("bytes are in hex")),
                );
            }
        }
    }
    (server, client)
}

/// The payloads of frames, without their borders.
fn payloads(mut framed: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((header, rest)) = framed.split_first_chunk() {
        let (_, len) = frame::parse_header(*header).expect("the client sends frames");
        let (payload, rest) = rest.split_at(len);
        stream.extend(payload);
        framed = rest;
    }
    stream
}

fn shake_hands(options: Options, input: &mut BytesMut) -> (Agreed, Vec<u8>) {
    let location = Location::parse("h::m/").expect("it is a location");
    let mut handshake = Handshake::new(location, options, None, false);
    let agreed = match handshake.advance(input) {
        Ok(Some(Outcome::Agreed(agreed))) => *agreed,
        other => panic!("the documented handshake was expected to come to an end: {other:?}"),
    };
    (agreed, handshake.output().split().to_vec())
}

/// Asks for what the client lacks.
fn ask(session: &mut Session<u32>, segment: &Segment, agreed: &Agreed) {
    for entry in segment.iter() {
        let (changes, offer) = match entry.path().as_bytes() {
            b"f" => (item::IS_NEW, Offer::NONE),
            b"d/g" => {
                let len = block_len(BASIS.len() as u64, SHORT_BLOCK);
                let layout =
                    BlockLayout::with_blocks(len, BASIS.len() as u64, false, agreed.summer.kind.sum_len());
                let (layout, mut sums) = (layout.expect("it is small"), Vec::new());
                put_block_sums(&mut sums, &agreed.summer, &layout, BASIS);
                (item::REPORT_TIME, Offer { layout, sums, ..Offer::NONE })
            }
            _ => continue,
        };
        session.command(Command::Ask(Request {
            index: entry.index(),
            changes,
            wanted: Wanted::Content { offer, size: entry.size() },
            xattrs: None,
            ticket: entry.index(),
        }));
    }
    session.command(Command::Scanned(segment.first_index()));
}

fn plays(chapter: &str, protocol: u8) {
    let (server, client) = shown(chapter);
    let mut options = Options::default();
    (options.recursive, options.times) = (true, true);
    let mut input = BytesMut::from(&server[..]);
    let (agreed, said) = shake_hands(options, &mut input);
    assert_eq!(agreed.protocol, protocol);
    let (begins, rest) = client.split_at(said.len());
    assert_eq!(begins.escape_ascii().to_string(), said.escape_ascii().to_string());

    let mut session = Session::new(&agreed);
    let (mut said, mut files, mut current) = (session.take_output().to_vec(), Vec::new(), 0);
    session.feed(Bytes::from(input));
    while let Some(event) = session.poll().expect("the documented server keeps to the protocol") {
        match event {
            Event::Segment(segment) => ask(&mut session, &segment, &agreed),
            Event::FileBegins(index) => {
                current = index;
                files.push(Vec::new());
            }
            Event::Literal(bytes) => files.last_mut().expect("a file has begun").extend(&bytes),
            Event::Matched { offset, len } => {
                let basis = &BASIS[offset as usize..][..len as usize];
                files.last_mut().expect("a file has begun").extend(basis);
            }
            Event::FileEnds { sum, .. } => {
                let file = files.last().expect("a file has begun");
                assert_eq!(agreed.summer.file_sum().of(file), sum, "{}", file.escape_ascii());
                session.command(Command::Release(current));
            }
            Event::ListEnd => {}
            Event::Finished(stats) => {
                let stats = stats.expect("there are statistics");
                assert_eq!((stats.total_size, stats.list_build_ms), (7, 1));
            }
            other => panic!("nothing else was expected: {other:?}"),
        }
        said.extend(session.take_output());
    }
    session.end_of_input().expect("the documented session is complete");
    assert_eq!(files, [b"1\n".to_vec(), BASIS.to_vec()]);
    let unframed = |bytes: &[u8]| if protocol >= 30 { payloads(bytes) } else { bytes.to_vec() };
    assert_eq!(unframed(rest).escape_ascii().to_string(), unframed(&said).escape_ascii().to_string());
}

#[test]
fn of_protocol_32() {
    plays("15", 32);
}

#[test]
fn of_protocol_29() {
    plays("16", 29);
}
