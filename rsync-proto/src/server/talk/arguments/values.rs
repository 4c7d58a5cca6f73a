//! What stands behind the names of options.

use super::super::super::request::Abilities;
use super::table::{NO_CONVERSION, names_from};
use super::{Choice, Draft};
use crate::checksum::ChecksumKind;
use crate::compression::CompressionKind;

type Read = Result<(), String>;

/// Most suffixes that a list of them comes to.
const MOST_SUFFIXES: usize = 1024;

fn number<T: std::str::FromStr>(value: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "no number that is possible here".to_owned())
}

/// What a client can, behind `e.`; letters that are not known count for nothing.
pub(super) fn abilities(draft: &mut Draft, value: &[u8]) -> Read {
    // A version may stand in front of the dot.
    let Some(dot) = value.iter().position(|byte| *byte == b'.') else { return Ok(()) };
    let has = |letter: u8| value[dot..].contains(&letter);
    draft.request.can = Abilities {
        inc_recurse: has(b'i'),
        safe_flist: has(b'f'),
        avoid_xattr_optimisation: has(b'x'),
        checksum_seed_fix: has(b'C'),
        inplace_partial: has(b'I'),
        varint_flags: has(b'v'),
        id0_names: has(b'u'),
    };
    Ok(())
}

pub(super) fn files_from(draft: &mut Draft, value: &[u8]) -> Read {
    if value.is_empty() {
        return Err("it names no file".to_owned());
    }
    draft.request.names = names_from(value);
    Ok(())
}

pub(super) fn compress_choice(draft: &mut Draft, value: &[u8]) -> Read {
    draft.choice = Some(match value {
        b"none" => Choice::Nothing,
        b"auto" => Choice::Auto,
        name => {
            let kind = CompressionKind::from_name(name).filter(|kind| kind.is_available());
            Choice::Kind(kind.ok_or("this server does not have that compression")?)
        }
    });
    // Nothing but the choice says which one, but any choice asks for one.
    draft.compress = draft.compress.max(u8::from(draft.choice == Some(Choice::Auto)));
    Ok(())
}

pub(super) fn compress_level(draft: &mut Draft, value: &[u8]) -> Read {
    draft.request.compression_level = Some(number(value)?);
    Ok(())
}

pub(super) fn checksum_choice(draft: &mut Draft, value: &[u8]) -> Read {
    if value == b"auto" {
        return Ok(());
    }
    draft.names_checksum = true;
    let kind = |name| {
        ChecksumKind::from_name(name).ok_or_else(|| "this server does not have that checksum".to_owned())
    };
    let mut names = value.splitn(2, |byte| *byte == b',');
    let transfer = kind(names.next().unwrap_or_default())?;
    draft.checksums = Some((transfer, names.next().map_or(Ok(transfer), kind)?));
    Ok(())
}

pub(super) fn checksum_seed(draft: &mut Draft, value: &[u8]) -> Read {
    draft.request.checksum_seed = number(value)?;
    Ok(())
}

pub(super) fn timeout(draft: &mut Draft, value: &[u8]) -> Read {
    draft.request.timeout = number(value)?;
    Ok(())
}

/// Clients reckon what was typed into KiB.
pub(super) fn bwlimit(draft: &mut Draft, value: &[u8]) -> Read {
    draft.request.bandwidth = number::<u32>(value).map(u64::from)? * 1024;
    Ok(())
}

/// Even where no name would change: a client that converts numbers the entries in the order in which they come, not in that
/// of their names.
pub(super) fn iconv(_: &mut Draft, value: &[u8]) -> Read {
    if value == b"-" { Ok(()) } else { Err(NO_CONVERSION.to_owned()) }
}

/// Suffixes with slashes between them, in which brackets hold letters to choose from.
pub(super) fn skip_compress(draft: &mut Draft, value: &[u8]) -> Read {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for suffix in value.to_ascii_lowercase().split(|byte| *byte == b'/').filter(|it| !it.is_empty()) {
        let mut made = vec![Vec::new()];
        let mut rest = suffix;
        while let [first, tail @ ..] = rest {
            let end = tail.iter().position(|byte| *byte == b']').filter(|end| *first == b'[' && *end > 0);
            let (choices, after) = match end {
                Some(end) => (class(&tail[..end]), &tail[end + 1..]),
                None => (vec![*first], tail),
            };
            if made.len() * choices.len() > MOST_SUFFIXES {
                return Err("it comes to more suffixes than anybody has".to_owned());
            }
            made =
                made.iter().flat_map(|it| choices.iter().map(|last| [it, &[*last][..]].concat())).collect();
            rest = after;
        }
        all.extend(made);
        if all.len() > MOST_SUFFIXES {
            return Err("it comes to more suffixes than anybody has".to_owned());
        }
    }
    draft.request.skip_compress = Some(all);
    Ok(())
}

/// The bytes of a class, ranges among them.
fn class(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match tail {
            [b'-', last, after @ ..] => {
                bytes.extend(*first..=*last);
                after
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    bytes
}
