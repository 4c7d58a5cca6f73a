//! What each option does here. Those that count on the receiving side only, and those that are about what is shown to
//! people, are dropped; those that would change what is sent, or need what this server does not do, are refused.

use super::super::super::request::Names;
use super::values;
use super::{Choice, Draft};
use crate::compression::CompressionKind;

/// What becomes of a long option.
pub(super) enum Act {
    Flag(fn(&mut Draft)),
    Value(fn(&mut Draft, &[u8]) -> Result<(), String>),
    Drop,
    DropValue,
    Refuse(&'static str),
    RefuseValue(&'static str),
}

/// What becomes of a letter.
pub(super) enum Letter {
    Flag(fn(&mut Draft)),
    /// What follows it in its cluster, or the next argument, is its value.
    Value(fn(&mut Draft, &[u8]) -> Result<(), String>),
    Drop,
    Refuse(&'static str),
}

const WRITES: &str = "it would change files of the server, which only reads";
const CONTENT: &str = "this server does not send what devices hold";
const RULES: &str = "rules come behind the arguments";
const OTHER_USER: &str = "this server does nothing as another user";
const WIRE: &str = "this server does not send that";
const NAMES: &str = "this server does not convert names; leave it out";
const DAEMON: &str = "it is not for clients to say";

fn archive(draft: &mut Draft) {
    let request = &mut draft.request;
    (request.recursive, request.links, request.owner, request.group) = (true, true, true, true);
    (request.devices, request.specials) = (true, true);
}

fn devices(draft: &mut Draft, on: bool) {
    (draft.request.devices, draft.request.specials) = (on, on);
}

fn append(draft: &mut Draft) {
    draft.request.append = (draft.request.append + 1).min(2);
}

/// Letters, in the order of the manual.
pub(super) const LETTERS: &[(u8, Letter)] = &[
    (b'r', Letter::Flag(|draft| draft.request.recursive = true)),
    (b'd', Letter::Flag(|draft| draft.request.dirs = true)),
    (b'R', Letter::Flag(|draft| draft.relative = Some(true))),
    (b'x', Letter::Flag(|draft| draft.request.one_file_system = (draft.request.one_file_system + 1).min(2))),
    (b'l', Letter::Flag(|draft| draft.request.links = true)),
    (b'L', Letter::Flag(|draft| draft.request.copy_links = true)),
    (b'k', Letter::Flag(|draft| draft.request.copy_dirlinks = true)),
    (b'H', Letter::Flag(|draft| draft.request.hard_links = true)),
    (b'o', Letter::Flag(|draft| draft.request.owner = true)),
    (b'g', Letter::Flag(|draft| draft.request.group = true)),
    (b'D', Letter::Flag(|draft| devices(draft, true))),
    (b'A', Letter::Flag(|draft| draft.request.acls = true)),
    (b'X', Letter::Flag(|draft| draft.request.xattrs = (draft.request.xattrs + 1).min(2))),
    (b'U', Letter::Flag(|draft| draft.request.access_times = true)),
    (b'c', Letter::Flag(|draft| draft.request.checksum = true)),
    (b'C', Letter::Flag(|draft| draft.request.cvs_exclude = true)),
    (b'n', Letter::Flag(|draft| draft.request.dry_run = true)),
    (b'z', Letter::Flag(|draft| draft.compress = draft.compress.saturating_add(1))),
    (b'a', Letter::Flag(archive)),
    (b's', Letter::Flag(|draft| draft.secluded = true)),
    (b'0', Letter::Flag(|draft| draft.request.from0 = true)),
    (b'e', Letter::Value(values::abilities)),
    // How much is said, and how.
    (b'v', Letter::Drop),
    (b'q', Letter::Drop),
    (b'h', Letter::Drop),
    (b'i', Letter::Drop),
    (b'8', Letter::Drop),
    // Modes and times are always in the list; the rest is done by whoever receives.
    (b'p', Letter::Drop),
    (b't', Letter::Drop),
    (b'O', Letter::Drop),
    (b'm', Letter::Drop),
    (b'W', Letter::Drop),
    (b'J', Letter::Drop),
    (b'E', Letter::Drop),
    (b'K', Letter::Drop),
    (b'I', Letter::Drop),
    (b'u', Letter::Drop),
    (b'b', Letter::Drop),
    (b'S', Letter::Drop),
    (b'P', Letter::Drop),
    (b'y', Letter::Drop),
    (b'@', Letter::Value(|_, _| Ok(()))),
    (b'T', Letter::Value(|_, _| Ok(()))),
    // Requests say how long blocks are.
    (b'B', Letter::Value(|_, _| Ok(()))),
    (b'N', Letter::Refuse(WIRE)),
    (b'f', Letter::Refuse(RULES)),
    (b'F', Letter::Refuse(RULES)),
];

/// Long options, without their dashes.
pub(super) const LONG: &[(&str, Act)] = &[
    ("server", Act::Drop),
    ("sender", Act::Flag(|draft| draft.sender = true)),
    ("secluded-args", Act::Flag(|draft| draft.secluded = true)),
    ("protect-args", Act::Flag(|draft| draft.secluded = true)),
    // What is sent.
    ("archive", Act::Flag(archive)),
    ("recursive", Act::Flag(|draft| draft.request.recursive = true)),
    ("no-recursive", Act::Flag(|draft| draft.request.recursive = false)),
    ("no-r", Act::Flag(|draft| draft.request.recursive = false)),
    ("dirs", Act::Flag(|draft| draft.request.dirs = true)),
    ("no-dirs", Act::Flag(|draft| draft.request.dirs = false)),
    ("relative", Act::Flag(|draft| draft.relative = Some(true))),
    ("no-relative", Act::Flag(|draft| draft.relative = Some(false))),
    ("no-R", Act::Flag(|draft| draft.relative = Some(false))),
    ("implied-dirs", Act::Flag(|draft| draft.request.no_implied_dirs = false)),
    ("no-implied-dirs", Act::Flag(|draft| draft.request.no_implied_dirs = true)),
    ("inc-recursive", Act::Drop),
    ("no-inc-recursive", Act::Flag(|draft| draft.request.can.inc_recurse = false)),
    ("one-file-system", Act::Flag(|draft| draft.request.one_file_system = 1)),
    ("links", Act::Flag(|draft| draft.request.links = true)),
    ("no-links", Act::Flag(|draft| draft.request.links = false)),
    ("copy-links", Act::Flag(|draft| draft.request.copy_links = true)),
    ("copy-unsafe-links", Act::Flag(|draft| draft.request.copy_unsafe_links = true)),
    ("copy-dirlinks", Act::Flag(|draft| draft.request.copy_dirlinks = true)),
    ("safe-links", Act::Flag(|draft| draft.request.safe_links = true)),
    ("munge-links", Act::Flag(|draft| draft.request.munge_links = true)),
    ("hard-links", Act::Flag(|draft| draft.request.hard_links = true)),
    ("owner", Act::Flag(|draft| draft.request.owner = true)),
    ("no-owner", Act::Flag(|draft| draft.request.owner = false)),
    ("group", Act::Flag(|draft| draft.request.group = true)),
    ("no-group", Act::Flag(|draft| draft.request.group = false)),
    ("devices", Act::Flag(|draft| draft.request.devices = true)),
    ("no-devices", Act::Flag(|draft| draft.request.devices = false)),
    ("specials", Act::Flag(|draft| draft.request.specials = true)),
    ("no-specials", Act::Flag(|draft| draft.request.specials = false)),
    ("no-D", Act::Flag(|draft| devices(draft, false))),
    ("acls", Act::Flag(|draft| draft.request.acls = true)),
    ("xattrs", Act::Flag(|draft| draft.request.xattrs = 1)),
    ("atimes", Act::Flag(|draft| draft.request.access_times = true)),
    ("numeric-ids", Act::Flag(|draft| draft.request.numeric_ids = true)),
    ("checksum", Act::Flag(|draft| draft.request.checksum = true)),
    ("append", Act::Flag(append)),
    ("append-verify", Act::Flag(|draft| draft.request.append = 2)),
    ("inplace", Act::Flag(|draft| draft.request.inplace = true)),
    ("no-inplace", Act::Flag(|draft| draft.request.inplace = false)),
    ("cvs-exclude", Act::Flag(|draft| draft.request.cvs_exclude = true)),
    ("list-only", Act::Flag(|draft| draft.request.list_only = true)),
    ("dry-run", Act::Flag(|draft| draft.request.dry_run = true)),
    ("files-from", Act::Value(values::files_from)),
    ("from0", Act::Flag(|draft| draft.request.from0 = true)),
    ("ignore-errors", Act::Flag(|draft| draft.request.ignore_errors = true)),
    ("ignore-missing-args", Act::Flag(|draft| draft.request.ignore_missing_args = true)),
    // How it is sent.
    ("compress", Act::Flag(|draft| draft.compress = 1)),
    ("new-compress", Act::Flag(|draft| draft.choice = Some(Choice::Kind(CompressionKind::Zlibx)))),
    ("old-compress", Act::Flag(|draft| draft.choice = Some(Choice::Kind(CompressionKind::Zlib)))),
    ("no-compress", Act::Flag(|draft| (draft.compress, draft.choice) = (0, None))),
    ("compress-choice", Act::Value(values::compress_choice)),
    ("zc", Act::Value(values::compress_choice)),
    ("compress-level", Act::Value(values::compress_level)),
    ("zl", Act::Value(values::compress_level)),
    ("skip-compress", Act::Value(values::skip_compress)),
    ("checksum-choice", Act::Value(values::checksum_choice)),
    ("cc", Act::Value(values::checksum_choice)),
    ("checksum-seed", Act::Value(values::checksum_seed)),
    ("timeout", Act::Value(values::timeout)),
    ("bwlimit", Act::Value(values::bwlimit)),
    // Done by whoever receives.
    ("perms", Act::Drop),
    ("times", Act::Drop),
    ("executability", Act::Drop),
    ("omit-dir-times", Act::Drop),
    ("omit-link-times", Act::Drop),
    ("keep-dirlinks", Act::Drop),
    ("super", Act::Drop),
    ("sparse", Act::Drop),
    ("no-sparse", Act::Drop),
    ("preallocate", Act::Drop),
    ("update", Act::Drop),
    ("existing", Act::Drop),
    ("ignore-non-existing", Act::Drop),
    ("ignore-existing", Act::Drop),
    ("ignore-times", Act::Drop),
    ("size-only", Act::Drop),
    ("force", Act::Drop),
    ("fsync", Act::Drop),
    ("fuzzy", Act::Drop),
    ("partial", Act::Drop),
    ("delay-updates", Act::Drop),
    ("whole-file", Act::Drop),
    ("no-whole-file", Act::Drop),
    ("prune-empty-dirs", Act::Drop),
    ("delete", Act::Drop),
    ("delete-excluded", Act::Drop),
    ("delete-before", Act::Drop),
    ("delete-during", Act::Drop),
    ("delete-delay", Act::Drop),
    ("delete-after", Act::Drop),
    ("mkpath", Act::Drop),
    ("backup", Act::Drop),
    ("backup-dir", Act::DropValue),
    ("suffix", Act::DropValue),
    ("partial-dir", Act::DropValue),
    ("temp-dir", Act::DropValue),
    ("compare-dest", Act::DropValue),
    ("copy-dest", Act::DropValue),
    ("link-dest", Act::DropValue),
    ("max-delete", Act::DropValue),
    ("max-size", Act::DropValue),
    ("min-size", Act::DropValue),
    ("modify-window", Act::DropValue),
    ("usermap", Act::DropValue),
    ("groupmap", Act::DropValue),
    // Requests say how long blocks are.
    ("block-size", Act::DropValue),
    // Times of access are left alone wherever the kernel lets this server do so.
    ("open-noatime", Act::Drop),
    ("no-open-noatime", Act::Drop),
    // What is said to people, and how.
    ("verbose", Act::Drop),
    ("no-verbose", Act::Drop),
    ("quiet", Act::Drop),
    ("stats", Act::Drop),
    ("progress", Act::Drop),
    ("human-readable", Act::Drop),
    ("itemize-changes", Act::Drop),
    ("msgs2stderr", Act::Drop),
    ("no-msgs2stderr", Act::Drop),
    ("trust-sender", Act::Drop),
    ("info", Act::DropValue),
    ("debug", Act::DropValue),
    ("stderr", Act::DropValue),
    ("log-format", Act::DropValue),
    ("out-format", Act::DropValue),
    // Their bound is this server's own.
    ("max-alloc", Act::DropValue),
    ("iconv", Act::Value(values::iconv)),
    ("no-iconv", Act::Drop),
    // What this server does not do.
    ("remove-source-files", Act::Refuse(WRITES)),
    ("remove-sent-files", Act::Refuse(WRITES)),
    ("write-devices", Act::Refuse(WRITES)),
    ("copy-devices", Act::Refuse(CONTENT)),
    ("delete-missing-args", Act::Refuse("this server does not send what is missing")),
    ("fake-super", Act::Refuse("this server sends files as they are")),
    ("chmod", Act::RefuseValue("this server sends files as they are")),
    ("crtimes", Act::Refuse(WIRE)),
    ("copy-as", Act::RefuseValue(OTHER_USER)),
    ("filter", Act::RefuseValue(RULES)),
    ("exclude", Act::RefuseValue(RULES)),
    ("include", Act::RefuseValue(RULES)),
    ("exclude-from", Act::RefuseValue(RULES)),
    ("include-from", Act::RefuseValue(RULES)),
    ("daemon", Act::Refuse(DAEMON)),
    ("detach", Act::Refuse(DAEMON)),
    ("no-detach", Act::Refuse(DAEMON)),
    ("config", Act::RefuseValue(DAEMON)),
    ("dparam", Act::RefuseValue(DAEMON)),
    ("log-file", Act::RefuseValue(DAEMON)),
    ("log-file-format", Act::RefuseValue(DAEMON)),
    ("write-batch", Act::RefuseValue(WRITES)),
    ("only-write-batch", Act::RefuseValue(WRITES)),
    ("read-batch", Act::RefuseValue(DAEMON)),
];

pub(super) const NO_CONVERSION: &str = NAMES;

pub(super) fn names_from(value: &[u8]) -> Names {
    match value {
        b"-" => Names::FromClient,
        path => Names::File(path.to_vec()),
    }
}
