//! What both sides can, and the terms that follow from it.

use super::super::failure::Failure;
use super::super::request::{CompressionWish, Request};
use super::super::send;
use super::super::terms::Terms;
use super::arguments::Wish;
use super::auth;
use super::line::Line;
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::compression::CompressionKind;
use crate::error::printable;
use crate::limits::MAX_ALGORITHMS;
use crate::wire::flags::compat;
use crate::wire::put;

/// Agrees with a client on how to go on; behind that, both sides send frames. What is refused does not hinder it: the client
/// can be told in a frame only.
///
/// # Errors
/// There is nothing in common, or the client broke the protocol.
pub(super) fn terms(line: &mut Line, wish: &Wish, protocol: u8) -> Result<Terms, Failure> {
    let request = &wish.request;
    let flags = flags(request);
    let negotiates = flags & compat::VARINT_FLAGS != 0;
    put::varint(line.out(), flags as i32);

    let compression = match request.compression {
        CompressionWish::Negotiated if !negotiates => CompressionWish::Fixed(CompressionKind::Zlib),
        wish => wish,
    };
    let asks_checksum = negotiates && !wish.names_checksum;
    let asks_compression = compression == CompressionWish::Negotiated;
    if asks_checksum {
        offer(line, ChecksumKind::ALL.iter().map(|kind| kind.name()));
    }
    if asks_compression {
        offer(line, send::compressions().map(CompressionKind::name));
    }
    let (checksum, file_checksum) = match request.checksum_choice {
        Some(both) => both,
        None if asks_checksum => {
            let names = names(line, "the list of checksums")?;
            let kind = first(&names, ChecksumKind::from_name);
            let kind = kind.ok_or_else(|| nothing_common("checksum", &names))?;
            (kind, kind)
        }
        None => (ChecksumKind::Md5, ChecksumKind::Md5),
    };
    let compression = match compression {
        CompressionWish::Off => None,
        CompressionWish::Fixed(kind) if send::compressions().any(|ours| ours == kind) => Some(kind),
        CompressionWish::Fixed(kind) => return Err(nothing_common("compression", kind.name().as_bytes())),
        CompressionWish::Negotiated => {
            let names = names(line, "the list of compressions")?;
            let ours = |name: &[u8]| {
                send::compressions().find(|kind| CompressionKind::from_name(name) == Some(*kind))
            };
            Some(first(&names, ours).ok_or_else(|| nothing_common("compression", &names))?)
        }
    };
    let seed = match request.checksum_seed {
        0 => i32::from_le_bytes(auth::random()?),
        seed => seed,
    };
    line.out().extend_from_slice(&seed.to_le_bytes());
    line.begin_frames_out();
    line.set_frames_in(true)?;

    Ok(Terms {
        protocol,
        request: request.clone(),
        varint_flags: negotiates,
        inc_recurse: flags & compat::INC_RECURSE != 0,
        safe_flist: flags & compat::SAFE_FLIST != 0 || protocol >= 31,
        id0_names: flags & compat::ID0_NAMES != 0,
        xattr_optimisation: protocol >= 31 && flags & compat::AVOID_XATTR_OPTIMISATION == 0,
        summer: BlockSummer {
            kind: checksum,
            seed,
            seed_first: flags & compat::CHECKSUM_SEED_FIX != 0,
            seeds_files: false,
        },
        file_checksum,
        compression: compression.filter(|kind| !is_off(*kind, request.compression_level)),
        xattr_rules: None,
    })
}

/// With level 0, zlib does not compress, and content is sent as without it.
fn is_off(kind: CompressionKind, level: Option<i32>) -> bool {
    level == Some(0) && matches!(kind, CompressionKind::Zlib | CompressionKind::Zlibx)
}

/// What the server says of itself, and what it switches on because the client named it.
fn flags(request: &Request) -> u32 {
    let can = request.can;
    let mut flags = compat::SYMLINK_TIMES | compat::SYMLINK_ICONV;
    for (on, bit) in [
        (request.recursive && can.inc_recurse, compat::INC_RECURSE),
        (can.safe_flist, compat::SAFE_FLIST),
        (can.avoid_xattr_optimisation, compat::AVOID_XATTR_OPTIMISATION),
        (can.checksum_seed_fix, compat::CHECKSUM_SEED_FIX),
        (can.inplace_partial, compat::INPLACE_PARTIAL),
        (can.varint_flags, compat::VARINT_FLAGS),
        (can.id0_names, compat::ID0_NAMES),
    ] {
        if on {
            flags |= bit;
        }
    }
    flags
}

fn offer(line: &mut Line, names: impl Iterator<Item = &'static str>) {
    put::vstring(line.out(), names.collect::<Vec<_>>().join(" ").as_bytes());
}

fn names(line: &mut Line, what: &'static str) -> Result<Vec<u8>, Failure> {
    line.read(|cursor| cursor.vstring(what, MAX_ALGORITHMS).map(<[u8]>::to_vec))
}

/// The first of the client's names that means something here.
fn first<T>(names: &[u8], known: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    names.split(|byte| *byte == b' ').find_map(known)
}

fn nothing_common(what: &str, names: &[u8]) -> Failure {
    Failure::Refused(format!("no {what} in common: the client has \"{}\"", printable(names)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::super::request::Abilities;
    use super::*;

    fn agreed(wish: &Wish, input: &[u8], protocol: u8) -> (Result<Terms, Failure>, Vec<u8>) {
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut line = Line::over(input, &output);
        let terms = terms(&mut line, wish, protocol);
        let _ = line.flush();
        drop(line);
        (terms, Arc::try_unwrap(output).unwrap().into_inner().unwrap())
    }

    fn recent() -> Wish {
        let can = Abilities {
            inc_recurse: true,
            safe_flist: true,
            avoid_xattr_optimisation: true,
            checksum_seed_fix: true,
            inplace_partial: true,
            varint_flags: true,
            id0_names: true,
        };
        let request = Request { can, recursive: true, checksum_seed: 7, ..Request::default() };
        Wish { request, ..Wish::default() }
    }

    fn said(names: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        names.iter().for_each(|names| put::vstring(&mut bytes, names.as_bytes()));
        bytes
    }

    #[test]
    fn a_recent_client_agrees_on_all_of_it() {
        let (terms, sent) = agreed(&recent(), &said(&["crc xxh3 md5"]), 32);
        let terms = terms.unwrap();
        assert!(terms.inc_recurse && terms.varint_flags && terms.safe_flist && terms.id0_names);
        assert!(!terms.xattr_optimisation && terms.summer.seed_first && terms.summer.seed == 7);
        assert_eq!((terms.summer.kind, terms.file_checksum), (ChecksumKind::Xxh3, ChecksumKind::Xxh3));
        assert_eq!(terms.compression, None);
        let names = said(&["xxh128 xxh3 xxh64 md5 md4 sha1"]);
        assert_eq!(sent, [&[0x81, 0xff][..], &names, &[7, 0, 0, 0]].concat());
    }

    #[test]
    fn an_old_client_gets_what_there_was_in_its_time() {
        let mut wish = recent();
        wish.request.can = Abilities { safe_flist: true, ..Abilities::default() };
        wish.request.compression = CompressionWish::Negotiated;
        let (terms, sent) = agreed(&wish, &[], 31);
        let terms = terms.unwrap();
        assert!(!terms.inc_recurse && !terms.varint_flags && terms.xattr_optimisation);
        assert_eq!((terms.summer.kind, terms.compression), (ChecksumKind::Md5, Some(CompressionKind::Zlib)));
        assert_eq!(sent, [0x0e, 7, 0, 0, 0]);
    }

    #[test]
    fn compressions_are_negotiated_if_asked_for() {
        let mut wish = recent();
        wish.request.compression = CompressionWish::Negotiated;
        let (terms, _) = agreed(&wish, &said(&["md5", "snappy lz4 zstd"]), 32);
        let has_lz4 = send::compressions().any(|kind| kind == CompressionKind::Lz4);
        assert_eq!(terms.unwrap().compression == Some(CompressionKind::Lz4), has_lz4);
        wish.request.compression = CompressionWish::Fixed(CompressionKind::Zlibx);
        wish.request.compression_level = Some(0);
        assert_eq!(agreed(&wish, &said(&["md5"]), 32).0.unwrap().compression, None);
    }

    #[test]
    fn nothing_in_common_is_a_refusal() {
        let (terms, _) = agreed(&recent(), &said(&["crc none"]), 32);
        assert!(matches!(terms, Err(Failure::Refused(why)) if why.contains("\"crc none\"")));
        assert!(matches!(agreed(&recent(), &[], 32).0, Err(Failure::HungUp)));
        assert!(matches!(agreed(&recent(), b"\xff\xff", 32).0, Err(Failure::Violation(_))));
    }
}
