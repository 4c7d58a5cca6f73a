//! Entries in the form of rsync's listings.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rsync_proto::flist::{EntryRef, Kind, SafePath};

use crate::numbers::Form;

/// Mode, size, time and name of an entry, as bytes that may hold control characters.
pub(crate) fn line(entry: EntryRef<'_>, zone: &TimeZone, form: Form) -> Vec<u8> {
    let width = if form == Form::Plain { 11 } else { 14 };
    let size = form.bytes(entry.listed_size());
    let mut head = format!("{} {size:>width$} {} ", mode(entry), time(entry.mtime().0, zone));
    if entry.has_access_times() {
        let shown = entry.access_time().map(|accessed| time(accessed, zone)).unwrap_or_default();
        head.push_str(&format!("{shown:>19} "));
    }
    let mut line = head.into_bytes();
    push_path(&mut line, &entry.path());
    if entry.kind() == Kind::Symlink && !entry.link_target().is_empty() {
        line.extend_from_slice(b" -> ");
        line.extend_from_slice(entry.link_target());
    }
    line
}

fn push_path(line: &mut Vec<u8>, path: &SafePath) {
    line.extend_from_slice(if path.is_root() { b"." } else { path.as_bytes() });
}

/// A moment, to the second.
pub(crate) fn time(seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => zone.to_datetime(moment).strftime("%Y/%m/%d %H:%M:%S").to_string(),
        Err(_) => format!("{seconds:>19}"),
    }
}

/// Kind and permissions, in ten letters.
pub(crate) fn mode(entry: EntryRef<'_>) -> String {
    let kind = match entry.kind() {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
    };
    let permissions = entry.permissions();
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = permissions >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (permissions & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
