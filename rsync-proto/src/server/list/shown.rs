//! What is said about a file: its name as the client knows the module, and why something failed.

use std::io;

use rustix::io::Errno;

use super::tree::{Place, Tree};
use crate::server::voice::Voice;
use crate::wire::flags::io_error;
use crate::wire::frame::Tag;

/// `"/path" (in module)`.
pub(super) fn full_name(tree: &Tree, place: Place<'_>) -> Vec<u8> {
    let module: &[&[u8]] = if tree.name().is_empty() { &[] } else { &[b" (in ", tree.name(), b")"] };
    [&[b"\"/", &place.whole()[..], b"\""][..], module].concat().concat()
}

/// The words of the system for an error, and its number.
fn reason(error: Errno) -> String {
    let number = error.raw_os_error();
    let words = io::Error::from(error).to_string();
    let words = words.strip_suffix(&format!(" (os error {number})")).unwrap_or(&words);
    format!("{words} ({number})")
}

/// Who says so, as users of rsync know it.
const SENDER: &[u8] = b"rsync: [sender] ";

/// Says that a call about a file failed: `link_stat "/a" (in module) failed: Permission denied (13)`, with the sender in
/// front.
pub(super) fn failed(voice: &mut dyn Voice, tree: &Tree, call: &str, place: Place<'_>, error: Errno) {
    // One call is told of as if it were a line of a program.
    let (open, close) = if call == "readlink_stat" { ("(", ")") } else { (" ", "") };
    let (name, reason) = (full_name(tree, place), reason(error));
    let failed = format!("{close} failed: {reason}");
    let line = [SENDER, call.as_bytes(), open.as_bytes(), &name, failed.as_bytes()].concat();
    voice.say(Tag::ErrorTransfer, &line);
}

/// Says something about a file: `words "/a" (in module)`.
pub(super) fn about(voice: &mut dyn Voice, tag: Tag, tree: &Tree, words: &str, place: Place<'_>) {
    voice.say(tag, &[words.as_bytes(), b" ", &full_name(tree, place)].concat());
}

/// Says that a file, or a directory, could not be looked at. Returns what kind of I/O error that is.
pub(super) fn unseen(
    voice: &mut dyn Voice,
    tree: &Tree,
    what: &str,
    call: &str,
    place: Place<'_>,
    error: Errno,
) -> u32 {
    if error == Errno::NOENT {
        about(voice, Tag::Warning, tree, &format!("{what} has vanished:"), place);
        io_error::VANISHED
    } else {
        failed(voice, tree, call, place, error);
        io_error::GENERAL
    }
}
