//! What a recorded session has for targets that are about a part of one: the stream without its frames, the file list,
//! attributes, and the content of files.

use rsync_proto::compression::CompressionKind;
use rsync_proto::delta::PackedToken;
use rsync_proto::flist::{EntryRef, ListDecoder, ListOptions};
use rsync_proto::handshake::Agreed;
use rsync_proto::wire::Cursor;
use rsync_proto::wire::frame;
use rsync_proto_fuzz::framed::Framed;
use rsync_proto_fuzz::player::{Player, everything};
use rsync_proto_fuzz::shape;

use crate::Seeds;

/// The end of a flush, which is not sent.
const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];

pub fn write(seeds: &Seeds, name: &str, agreed: &Agreed, with_basis: bool, bytes: &[u8]) {
    let stream = Framed::read(bytes).stream;
    let shape = shape::write(agreed);
    let (list_len, contents) = places(agreed, with_basis, &stream);
    seeds.write("frames", name, &[&shape, &[u8::from(with_basis)], &[40, 3, 200, 1], &stream]);
    let list = &stream[..list_len];
    seeds.write("flist", name, &[&shape, &[0], list]);
    if agreed.list.acls || agreed.list.xattrs {
        let plain = ListOptions { acls: false, xattrs: false, ..agreed.list.clone() };
        let mut decoder = ListDecoder::new(plain);
        decoder.begin();
        let mut cursor = Cursor::new(list);
        assert!(decoder.read(&mut cursor).is_ok_and(|segment| segment.is_none()), "the root comes first");
        seeds.write("metadata", name, &[&shape, &[0, 1], &list[cursor.position()..]]);
    }
    let Some(kind) = agreed.compression else { return };
    let mut all = Vec::new();
    for (number, begin) in (0..).zip(contents) {
        let (tokens, runs) = content(&stream[begin..]);
        all.extend_from_slice(&runs.concat());
        let numbered = format!("{name}-{number}");
        if number < 2 {
            seeds.write("tokens", &format!("{numbered}-tokens"), &[&[5], tokens]);
        }
        match kind {
            CompressionKind::Zlib | CompressionKind::Zlibx if number < 2 && !runs.is_empty() => {
                seeds.write("tokens", &numbered, &[&[4], &runs.join(&FLUSH_END[..])]);
            }
            CompressionKind::Lz4 => {
                for run in runs.iter().take(1) {
                    seeds.write("tokens", &numbered, &[&[3], run]);
                }
            }
            _ => {}
        }
    }
    if kind == CompressionKind::Zstd {
        seeds.write("tokens", name, &[&[0], &all]);
    }
}

/// How long the first segment of the list is in the stream, and where the content of each file begins.
fn places(agreed: &Agreed, with_basis: bool, stream: &[u8]) -> (usize, Vec<usize>) {
    let wants = |entry: EntryRef<'_>| everything(entry, with_basis);
    let mut player = Player::new(agreed, &wants);
    let (mut list_len, mut contents) = (0, Vec::new());
    let mut known = 0;
    for (at, byte) in stream.iter().enumerate() {
        let mut bytes = Vec::new();
        frame::put_data_header(&mut bytes, 1);
        bytes.push(*byte);
        player.feed(&bytes, &mut |_| ()).expect("it is a recording");
        if list_len == 0 {
            list_len = player.session.list_bytes() as usize;
        }
        if player.begun() > known {
            known = player.begun();
            contents.push(at + 1);
        }
    }
    (list_len, contents)
}

/// The tokens of a file's content with all between them, and its runs.
fn content(stream: &[u8]) -> (&[u8], Vec<Vec<u8>>) {
    let (mut at, mut before, mut runs, mut joins) = (0, 0, Vec::<Vec<u8>>::new(), false);
    loop {
        let mut cursor = Cursor::new(&stream[at..]);
        let token =
            PackedToken::read(&mut cursor, before).unwrap_or_else(|_| panic!("a token stands at {at}"));
        at += cursor.position();
        match token {
            PackedToken::Packed(len) => {
                let run = &stream[at..at + usize::from(len)];
                at += run.len();
                match runs.last_mut().filter(|_| joins) {
                    Some(last) => last.extend_from_slice(run),
                    None => runs.push(run.to_vec()),
                }
                joins = true;
            }
            PackedToken::Blocks { last, .. } => (before, joins) = (last, false),
            PackedToken::End => return (&stream[..at], runs),
        }
    }
}
