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
    Command::new("blkid").args(["--probe", "--output", "export"])
}

fn parse(output: &str) -> Content {
    let value = |wanted: &str| {
        let mut pairs = output.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| *key == wanted).map(|(_, value)| unescape(value))
    };
    Content { kind: value("TYPE"), label: value("LABEL"), uuid: value("UUID") }
}

/// The format escapes what a shell would take for itself.
fn unescape(value: &str) -> String {
    let mut plain = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exported_form_is_understood() {
        let output =
            "DEVNAME=/dev/sda1\nLABEL=a\\ label\nUUID=3f2-11\nVERSION=1.0\nBLOCK_SIZE=4096\nTYPE=ext4\n";
        let content = parse(output);
        assert_eq!(content.label.as_deref(), Some("a label"));
        assert_eq!((content.uuid.as_deref(), content.kind.as_deref()), (Some("3f2-11"), Some("ext4")));
        assert_eq!(parse(""), Content::default());
    }
}
