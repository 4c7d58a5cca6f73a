//! Whatever a server sends after the handshake, to a client that asks for every file: no panic, a bounded
//! number of events, and the same events however the bytes are cut.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rsync_proto::checksum::{BlockSummer, ChecksumKind};
use rsync_proto::chmod::ModeChanges;
use rsync_proto::delta::Offer;
use rsync_proto::filter::ListFilter;
use rsync_proto::flist::{Asked, Kind, ListOptions};
use rsync_proto::handshake::Agreed;
use rsync_proto::limits::Limits;
use rsync_proto::session::{Command, Event, Request, Session, Wanted};

/// What was agreed on, out of two bytes.
fn agreed(bits: u16) -> Agreed {
    let bit = |number: u32| bits >> number & 1 == 1;
    let protocol = 29 + (bits >> 14) as u8;
    let new = protocol >= 30;
    Agreed {
        protocol,
        list: ListOptions {
            protocol,
            recursive: true,
            dirs: false,
            varint_flags: new && bit(0),
            inc_recurse: new && bit(1),
            safe_flist: protocol >= 31 || new && bit(2),
            id0_names: new && bit(3),
            owner: bit(4),
            group: bit(5),
            numeric_ids: bit(6),
            links: bit(7),
            devices: bit(8),
            specials: bit(9),
            hard_links: bit(10),
            acls: new && bit(11),
            xattrs: new && bit(12),
            // No bit is left: without links, access times come.
            access_times: new && !bit(7),
            sum_len: if bit(13) { 16 } else { 0 },
            filter: ListFilter::default(),
            chmod: ModeChanges::default(),
            munge_links: false,
            asked: Asked::anything(),
            limits: Limits::default(),
        },
        rules: Bytes::from_static(&[0; 4]),
        summer: BlockSummer { kind: ChecksumKind::Xxh128, seed: 1, seed_first: true, seeds_files: !new },
        file_checksum: ChecksumKind::Xxh128,
        negotiates: new && bit(0),
        compression: None,
        names: None,
    }
}

fn outcome(bits: u16, bytes: &[u8], step: usize) -> String {
    let mut session: Session<u32> = Session::new(&agreed(bits));
    let mut log = String::new();
    let mut literal = 0;
    for chunk in bytes.chunks(step) {
        session.feed(Bytes::copy_from_slice(chunk));
        loop {
            let event = match session.poll() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return format!("{log} {literal} {error}"),
            };
            match event {
                // Pieces of a literal depend on the cut; their sum does not.
                Event::Literal(piece) => literal += piece.len(),
                Event::Segment(segment) => {
                    for entry in segment.iter().filter(|entry| entry.kind() == Kind::File) {
                        log.push_str(&format!("{:?} {:?};", entry.path(), entry.mtime()));
                        let wanted =
                            Wanted::Content { offer: Offer::NONE, size: entry.size() };
                        let xattrs = entry.xattrs().filter(|set| !set.is_complete()).cloned();
                        let index = entry.index();
                        session.command(Command::Ask(Request { index, changes: 0, wanted, xattrs, ticket: index }));
                    }
                    session.command(Command::Scanned(segment.first_index()));
                }
                Event::FileEnds { sum, .. } => log.push_str(&format!("{literal} {sum:?};")),
                Event::NotSent(index) => session.command(Command::Release(index)),
                other => log.push_str(&format!("{other:?};")),
            }
        }
    }
    format!("{log} {literal} {:?}", session.end_of_input().is_ok())
}

fuzz_target!(|input: (u16, &[u8])| {
    let (bits, bytes) = input;
    let whole = outcome(bits, bytes, bytes.len().max(1));
    for step in [1, 7] {
        assert_eq!(whole, outcome(bits, bytes, step), "the outcome depends on how the bytes are cut");
    }
});
