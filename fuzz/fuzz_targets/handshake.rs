//! Whatever a server sends in the handshake: no panic, and the same outcome however the bytes are cut.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use rsync_proto::handshake::{Credentials, Handshake};
use rsync_proto::{Location, Options};

fn outcome(bytes: &[u8], step: usize) -> String {
    let location = Location::parse("rsync://user@host/module/path/").expect("a good URL");
    let credentials = Credentials::new("user", *b"secret");
    let mut handshake = Handshake::new(location, Options::archive(), Some(credentials), false);
    let mut input = BytesMut::new();
    for chunk in bytes.chunks(step) {
        input.extend_from_slice(chunk);
        match handshake.advance(&mut input) {
            Ok(None) => {}
            done => return format!("{done:?} {}", said(&mut handshake)),
        }
    }
    said(&mut handshake)
}

fn said(handshake: &mut Handshake) -> String {
    let lines = handshake.take_lines();
    format!("{:?} {lines:?}", handshake.output())
}

fuzz_target!(|bytes: &[u8]| {
    let whole = outcome(bytes, bytes.len().max(1));
    assert_eq!(whole, outcome(bytes, 1), "the outcome depends on how the bytes are cut");
});
