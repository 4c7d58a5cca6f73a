//! The arguments of a client: the command line of the server that it would like to have.
//!
//! 1. `table`: what each option does, or why it does nothing, or is refused.
//! 2. `values`: what options say behind their names.
//! 3. here: clusters of letters, long options, and the paths behind the dot.

mod table;
#[cfg(test)]
mod tests;
mod values;

use self::table::{Act, LETTERS, LONG, Letter};
use super::super::request::{CompressionWish, Names, Request};
use crate::checksum::ChecksumKind;
use crate::compression::CompressionKind;
use crate::error::printable;

/// What the arguments come to.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// What was understood, also where something is refused: the handshake goes on until the client can be told.
    pub request: Request,
    /// Why the client does not get it.
    pub refused: Option<String>,
    /// Further arguments follow (`--secluded-args`).
    pub secluded: bool,
    /// There is something of `--checksum-choice`, so that checksums are not negotiated.
    pub names_checksum: bool,
}

/// What the options say that is put together at the end.
#[derive(Debug, Default)]
struct Draft {
    request: Request,
    sender: bool,
    secluded: bool,
    relative: Option<bool>,
    /// `z`, counted.
    compress: u8,
    choice: Option<Choice>,
    names_checksum: bool,
    checksums: Option<(ChecksumKind, ChecksumKind)>,
}

/// `--compress-choice` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Auto,
    Nothing,
    Kind(CompressionKind),
}

/// Reads arguments. Paths are relative to the module of this name. `complete` tells that no more can follow.
pub(super) fn parse(arguments: &[Vec<u8>], module: &str, complete: bool) -> Wish {
    let mut draft = Draft::default();
    let mut refused = None;
    let mut rest = arguments.iter().map(Vec::as_slice);
    let mut has_dot = false;
    while let Some(argument) = rest.next() {
        if argument == b"." {
            has_dot = true;
            break;
        }
        let read = match argument {
            [b'-', b'-', long @ ..] => draft.long(long, &mut rest),
            [b'-', letters @ ..] if !letters.is_empty() => draft.letters(letters, &mut rest),
            _ => Err(format!("the argument \"{}\" means nothing here", printable(argument))),
        };
        if let Err(text) = read {
            refused.get_or_insert(text);
        }
    }
    draft.request.paths = rest.flat_map(|argument| paths(argument, module)).collect();
    draft.secluded &= !complete;
    if !draft.secluded && !draft.sender {
        refused = Some("module is read only: this server sends files, and takes none".to_owned());
    } else if !draft.secluded && !has_dot {
        refused.get_or_insert("no path follows the options".to_owned());
    }
    draft.finish(refused)
}

impl Draft {
    fn long<'a>(&mut self, long: &[u8], rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<(), String> {
        let equals = long.iter().position(|byte| *byte == b'=');
        let (name, attached) = match equals {
            Some(at) => (&long[..at], Some(&long[at + 1..])),
            None => (long, None),
        };
        let Some((_, act)) = LONG.iter().find(|(known, _)| known.as_bytes() == name) else {
            return Err(format!("the option --{} is not known to this server", printable(name)));
        };
        let refuse = |why: &str| Err(format!("--{} is refused: {why}", printable(name)));
        let mut value = || {
            let value = attached.or_else(|| rest.next());
            value.ok_or_else(|| format!("nothing stands behind --{}", printable(name)))
        };
        match act {
            Act::Value(set) => {
                let value = value()?;
                set(self, value).map_err(|why| format!("--{}={}: {why}", printable(name), printable(value)))
            }
            Act::DropValue => value().map(drop),
            Act::RefuseValue(why) => {
                value()?;
                refuse(why)
            }
            _ if attached.is_some() => Err(format!("--{} takes no value", printable(name))),
            Act::Flag(set) => {
                set(self);
                Ok(())
            }
            Act::Drop => Ok(()),
            Act::Refuse(why) => refuse(why),
        }
    }

    fn letters<'a>(
        &mut self,
        letters: &'a [u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), String> {
        let mut outcome = Ok(());
        for (at, letter) in letters.iter().enumerate() {
            let shown = char::from(*letter).escape_default();
            let Some((_, act)) = LETTERS.iter().find(|(known, _)| *known == *letter) else {
                outcome = outcome.and(Err(format!("the option -{shown} is not known to this server")));
                continue;
            };
            match act {
                Letter::Flag(set) => set(self),
                Letter::Drop => {}
                Letter::Refuse(why) => outcome = outcome.and(Err(format!("-{shown} is refused: {why}"))),
                Letter::Value(set) => {
                    let attached = &letters[at + 1..];
                    let attached = attached.strip_prefix(b"=").unwrap_or(attached);
                    let value = if attached.is_empty() { rest.next() } else { Some(attached) };
                    let set = value
                        .ok_or_else(|| format!("nothing stands behind -{shown}"))
                        .and_then(|value| set(self, value).map_err(|why| format!("-{shown}: {why}")));
                    return outcome.and(set);
                }
            }
        }
        outcome
    }

    fn finish(self, refused: Option<String>) -> Wish {
        let mut request = self.request;
        let has_names = request.names != Names::None;
        request.relative = self.relative.unwrap_or(has_names);
        request.no_implied_dirs &= request.relative;
        request.dirs |= (has_names || request.list_only) && !request.recursive;
        request.compression = match self.choice {
            Some(Choice::Kind(kind)) => CompressionWish::Fixed(kind),
            Some(Choice::Nothing) => CompressionWish::Off,
            _ if self.compress > 1 => CompressionWish::Fixed(CompressionKind::Zlibx),
            _ if self.compress > 0 || request.compression_level.is_some() => CompressionWish::Negotiated,
            _ => CompressionWish::Off,
        };
        request.checksum_choice = self.checksums;
        if request.paths.is_empty() && refused.is_none() && !self.secluded {
            // Nothing was asked for: the module itself is.
            request.paths.push(Vec::new());
        }
        Wish { request, refused, secluded: self.secluded, names_checksum: self.names_checksum }
    }
}

/// The paths in an argument behind the dot: the module's name is cut off, and where it stands behind a blank again, another
/// path begins.
fn paths(argument: &[u8], module: &str) -> Vec<Vec<u8>> {
    let separator = [b" ", module.as_bytes(), b"/"].concat();
    let mut rest = match argument.strip_prefix(module.as_bytes()) {
        Some(behind) if behind.is_empty() || behind.starts_with(b"/") => behind,
        _ => argument,
    };
    let mut paths = Vec::new();
    loop {
        let end = rest.windows(separator.len()).position(|part| part == separator);
        let path = &rest[..end.unwrap_or(rest.len())];
        let from = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
        paths.push(path[from..].to_vec());
        match end {
            Some(end) => rest = &rest[end + separator.len()..],
            None => return paths,
        }
    }
}
