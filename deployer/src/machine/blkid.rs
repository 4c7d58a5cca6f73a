//! What is on a device: signatures of file systems, arrays and groups, by `blkid`.

use std::path::Path;

use crate::command::{Command, CommandError};
use crate::stop::Stop;

/// Exit codes of `blkid`: nothing was found; several things that exclude each other were found.
const NOTHING: i32 = 2;
const AMBIGUOUS: i32 = 8;

/// What was found on a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// `ext4`, `swap`, `LVM2_member`, `linux_raid_member`, …; nothing if nothing is known there.
    pub(crate) kind: Option<String>,
    /// Its label.
    pub(crate) label: Option<String>,
    /// Its UUID, in the spelling that fstab takes.
    pub(crate) uuid: Option<String>,
}

/// Looks at the device itself, past every cache.
pub(crate) fn probe(device: &Path, stop: &Stop) -> Result<Content, CommandError> {
    look(&command().arg(device), stop)
}

/// Looks at a part of a device; start and length in bytes.
pub(crate) fn probe_part(
    device: &Path,
    start: u64,
    length: u64,
    stop: &Stop,
) -> Result<Content, CommandError> {
    let place = [format!("--offset={start}"), format!("--size={length}")];
    look(&command().args(place).arg(device), stop)
}

fn look(command: &Command, stop: &Stop) -> Result<Content, CommandError> {
    let (code, output) = command.run_accepting(stop, &[NOTHING, AMBIGUOUS])?;
    Ok(match code {
        AMBIGUOUS => Content { kind: Some("several signatures".to_owned()), ..Content::default() },
        _ => parse(&output),
    })
}

fn command() -> Command {
    Command::new("blkid").args(["--probe", "--output", "udev"])
}

/// The form for device managers has labels as they are, but for bytes that it writes as `\x20`.
fn parse(output: &str) -> Content {
    let value = |wanted: &str| {
        let mut pairs = output.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| *key == wanted).map(|(_, value)| unescape(value))
    };
    Content { kind: value("ID_FS_TYPE"), label: value("ID_FS_LABEL_ENC"), uuid: value("ID_FS_UUID_ENC") }
}

fn unescape(value: &str) -> String {
    let mut plain = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digits = others.strip_prefix(b"x").and_then(|others| str::from_utf8(others.get(..2)?).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                plain.push(byte);
                rest = &others[3..];
            }
            None => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exported_form_is_understood() {
        let output = "ID_FS_LABEL=a_label\nID_FS_LABEL_ENC=a\\x20é\\x5cx\nID_FS_UUID=3f2-11\n\
                      ID_FS_UUID_ENC=3f2-11\nID_FS_VERSION=1.0\nID_FS_TYPE=ext4\nID_FS_USAGE=filesystem\n";
        let content = parse(output);
        assert_eq!(content.label.as_deref(), Some("a é\\x"));
        assert_eq!((content.uuid.as_deref(), content.kind.as_deref()), (Some("3f2-11"), Some("ext4")));
        assert_eq!(parse(""), Content::default());
    }
}
