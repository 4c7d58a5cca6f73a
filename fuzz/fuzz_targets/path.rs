//! Names: a path is taken if, and only if, the rule in its plainest words takes it, alone and as a part of a file list;
//! taking it apart and putting it together again changes nothing. And URLs: whatever is read comes back when it is
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::SafePath;
use rsync_proto::scripted::{Item, plain_options};
use rsync_proto::{Location, Scheme};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::lists::{decode, encode};
use rsync_proto_fuzz::names::is_safe;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    match choices.below(3) {
        0 => path(choices.rest()),
        1 => {
            // Long and deep ones out of few bytes.
            let (times, unit) = (1 + choices.below(600), choices.below(40));
            let (unit, rest) = (choices.bytes(unit), choices.clone().rest());
            path(&[&unit.repeat(times)[..], rest].concat());
        }
        _ => location(&String::from_utf8_lossy(choices.rest())),
    }
});

fn path(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(6_000)];
    let path = SafePath::new(bytes);
    assert_eq!(path.is_ok(), is_safe(bytes), "{}", bytes.escape_ascii());
    if let Ok(path) = &path {
        assert_eq!(path.as_bytes(), bytes);
        assert_eq!(path.components().collect::<Vec<_>>().join(&b'/'), bytes);
        let (directory, name) = path.split_last();
        assert_eq!(directory.components().count() + usize::from(!name.is_empty()), path.components().count());
        let again =
            if directory.is_root() { name.to_vec() } else { [directory.as_bytes(), name].join(&b'/') };
        assert_eq!(again, bytes);
        assert_eq!(path.is_root(), bytes.is_empty());
        assert!(!path.to_string().chars().any(|c| c.is_control() && c != '\t'));
    }
    // In a list, every directory on the way stands before it; that takes its time, so of deep ones only those near the
    // bound are tried.
    let depth = bytes.iter().filter(|byte| **byte == b'/').count();
    if bytes.is_empty() || bytes == b"." || (12..254).contains(&depth) || depth > 257 {
        return;
    }
    let protocol = if bytes.len().is_multiple_of(2) { 29 } else { 31 };
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let mut items: Vec<Item> = slashes.map(|at| Item::dir(&bytes[..at])).collect();
    items.push(Item::file(bytes, 0));
    let asked = plain_options(protocol, false, false);
    let read = decode(&asked, &encode(&asked, &vec![(None, items)]));
    assert_eq!(read.is_ok(), path.is_ok(), "{}: {:?}", bytes.escape_ascii(), read.err());
    if let Ok(read) = read {
        assert!(read[0].iter().any(|entry| entry.path().as_bytes() == bytes));
    }
}

fn location(text: &str) {
    let Ok(location) = Location::parse(text) else { return };
    assert!(!location.host.is_empty());
    assert!(!location.host.starts_with('-'));
    if location.scheme == Scheme::Shell {
        assert!(location.module.is_empty() && location.port.is_none() && !text.contains('\0'), "{text:?}");
        return;
    }
    assert!(!location.module.contains('/') && !location.module.starts_with('-'));
    assert!(!location.path.starts_with('/'));
    for part in location.paths().chain([&*location.host, &*location.module]) {
        assert!(!part.contains(['\0', '\n', '\r']), "{text:?}");
    }
    let user = location.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
    // In brackets stands an address, or whatever else cannot stand without.
    let plain = !location.host.contains([':', '/', '[']) && !location.host.contains(char::is_whitespace);
    let host = if plain { location.host.clone() } else { format!("[{}]", location.host) };
    let port = location.port.map_or(String::new(), |port| format!(":{port}"));
    // An empty module with a path behind it has no other form than the one that was read.
    if location.module.is_empty() {
        return;
    }
    let s = if location.scheme == Scheme::Rsyncs { "s" } else { "" };
    let written = format!("rsync{s}://{user}{host}{port}/{}/{}", location.module, location.path);
    match Location::parse(&written) {
        Ok(again) => assert_eq!(again, location, "{text:?} and {written:?}"),
        Err(error) => panic!("{text:?} is read, but not {written:?}: {error}"),
    }
}
