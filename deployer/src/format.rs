//! Formats of lines about files (`--out-format`, `--log-file-format`): text with escapes such as `%n`, as rsync has
//! them for a client that receives. What is no escape stays as it is.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rsync_proto::Options;
use rsync_proto::flist::{Kind, SafePath};
use rsync_proto::report::{Action, Item};

use crate::listing;
use crate::numbers::Form;

/// The widest that something is padded to.
const WIDEST: usize = 4096;
/// What stands for the code of something that was deleted.
const DELETED: &str = "*deleting  ";

/// What a line is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Item(&'a Item<'a>),
    Deleted(&'a SafePath, Kind),
}

/// What a line says that does not come from the file itself.
pub(crate) struct Surroundings {
    times: bool,
    owner: bool,
    group: bool,
    checksum: bool,
    zone: TimeZone,
    /// Length of a sum in digits, once it is agreed on.
    sum_width: AtomicUsize,
    sums_are_numbers: AtomicBool,
}

impl Surroundings {
    /// Those of a transfer with these options.
    pub(crate) fn new(options: &Options, zone: TimeZone) -> Self {
        let Options { times, owner, group, checksum, .. } = *options;
        Self {
            times,
            owner,
            group,
            checksum,
            zone,
            sum_width: AtomicUsize::new(0),
            sums_are_numbers: AtomicBool::new(false),
        }
    }

    /// Sums have so many bytes, and are numbers, which travel with the lowest byte in front, or just bytes.
    pub(crate) fn sums_are(&self, bytes: usize, numbers: bool) {
        self.sum_width.store(2 * bytes, Ordering::Relaxed);
        self.sums_are_numbers.store(numbers, Ordering::Relaxed);
    }
}

/// A format, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Escape { letter: char, width: usize, left: bool, quotes: usize },
}

impl Format {
    /// Takes `text` apart.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            let spec = behind.trim_start_matches('\'');
            let mut quotes = behind.len() - spec.len();
            let unsigned = spec.strip_prefix('-').unwrap_or(spec);
            let left = unsigned.len() < spec.len();
            let named = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = &unsigned[..unsigned.len() - named.len()];
            let letter = named.trim_start_matches('\'');
            quotes += named.len() - letter.len();
            match letter.chars().next().filter(|letter| "BCGLMUbcfilmnopt".contains(*letter)) {
                Some(found) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    let width =
                        if digits.is_empty() { 0 } else { digits.parse().unwrap_or(WIDEST).min(WIDEST) };
                    pieces.push(Piece::Escape { letter: found, width, left, quotes });
                    rest = &letter[1..];
                }
                None => {
                    // The letter may be a percent sign that begins an escape.
                    let passed = rest.len() - letter.len();
                    plain.push_str(&rest[at..passed]);
                    rest = letter;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Self { pieces }
    }

    /// Whether one of these escapes is in it.
    pub(crate) fn has(&self, letters: &str) -> bool {
        let mut escapes = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Escape { letter, .. } => Some(*letter),
            Piece::Text(_) => None,
        });
        escapes.any(|letter| letters.contains(letter))
    }

    /// The line about `subject`, as bytes that may hold control characters.
    pub(crate) fn line(&self, subject: Subject<'_>, around: &Surroundings) -> Vec<u8> {
        let mut line = Vec::with_capacity(128);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => line.extend_from_slice(text.as_bytes()),
                Piece::Escape { letter, width, left, quotes } => {
                    if *letter == 'L' {
                        let arrow: &[u8] = match target(subject) {
                            Some((arrow, _)) => arrow.as_bytes(),
                            None if *width > 0 => b"    ",
                            None => b"",
                        };
                        line.extend_from_slice(arrow);
                    }
                    let start = line.len();
                    value(*letter, Form::of(*quotes), subject, around, &mut line);
                    // Blanks in place of a sum have their own width.
                    if *letter != 'C' || line[start..].iter().any(|byte| *byte != b' ') {
                        pad(&mut line, start, *width, *left);
                    }
                }
            }
        }
        line
    }
}

fn pad(line: &mut Vec<u8>, start: usize, width: usize, left: bool) {
    let missing = width.saturating_sub(line.len() - start);
    line.resize(line.len() + missing, b' ');
    if !left {
        line[start..].rotate_right(missing);
    }
}

fn target<'a>(subject: Subject<'a>) -> Option<(&'static str, &'a [u8])> {
    match subject {
        Subject::Item(item) => item.leads_to(),
        Subject::Deleted(..) => None,
    }
}

fn path(subject: Subject<'_>) -> SafePath {
    match subject {
        Subject::Item(item) => item.entry.path(),
        Subject::Deleted(path, _) => path.clone(),
    }
}

fn value(letter: char, form: Form, subject: Subject<'_>, around: &Surroundings, line: &mut Vec<u8>) {
    let entry = match subject {
        Subject::Item(item) => Some(item.entry),
        Subject::Deleted(..) => None,
    };
    let text = match letter {
        'n' | 'f' => {
            let path = path(subject);
            line.extend_from_slice(if path.is_root() { b"." } else { path.as_bytes() });
            let kind = match subject {
                Subject::Item(item) => item.entry.kind(),
                Subject::Deleted(_, kind) => kind,
            };
            if letter == 'n' && kind == Kind::Directory {
                line.push(b'/');
            }
            return;
        }
        'L' => {
            line.extend_from_slice(target(subject).map_or(b"", |(_, target)| target));
            return;
        }
        'i' => match subject {
            Subject::Item(item) => item.code(around.times),
            Subject::Deleted(..) => DELETED.to_owned(),
        },
        'o' => match subject {
            Subject::Item(_) => "recv".to_owned(),
            Subject::Deleted(..) => "del.".to_owned(),
        },
        'l' => form.bytes(entry.map_or(0, |entry| entry.listed_size())),
        // Only a server is told sums of blocks by its client.
        'c' => form.bytes(0),
        'b' => form.bytes(match subject {
            Subject::Item(Item { content: Some(content), .. }) => content.received,
            _ => 0,
        }),
        'B' => entry.map_or_else(|| "---------".to_owned(), |entry| listing::mode(entry)[1..].to_owned()),
        'M' => listing::time(entry.map_or(0, |entry| entry.mtime().0), &around.zone).replace(' ', "-"),
        't' => listing::time(Timestamp::now().as_second(), &around.zone),
        'U' => entry.filter(|_| around.owner).map_or(0, |entry| entry.uid()).to_string(),
        'G' => match entry.filter(|_| around.group) {
            Some(entry) => entry.gid().to_string(),
            None => "DEFAULT".to_owned(),
        },
        'p' => std::process::id().to_string(),
        'C' => sum(subject, around),
        // A client knows its module by the URL only.
        'm' => String::new(),
        _ => unreachable!("other letters are text"),
    };
    line.extend_from_slice(text.as_bytes());
}

/// The sum of a file in digits; as many blanks where there is none.
fn sum(subject: Subject<'_>, around: &Surroundings) -> String {
    let bytes = match subject {
        Subject::Item(item) if item.entry.kind() == Kind::File => match item.content {
            _ if around.checksum => item.entry.checksum(),
            Some(content) if item.action == Action::Received => content.sum.as_bytes(),
            _ => &[],
        },
        _ => &[],
    };
    let width = around.sum_width.load(Ordering::Relaxed);
    let mut text = String::with_capacity(width);
    let mut digits = |byte: &u8| {
        let _ = write!(text, "{byte:02x}");
    };
    match around.sums_are_numbers.load(Ordering::Relaxed) {
        true => bytes.iter().rev().for_each(&mut digits),
        false => bytes.iter().for_each(&mut digits),
    }
    format!("{text:width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(format: &str) -> String {
        let options = Options::default();
        let around = Surroundings::new(&options, TimeZone::UTC);
        around.sums_are(2, false);
        let path = SafePath::new(b"a/gone").unwrap();
        String::from_utf8(Format::parse(format).line(Subject::Deleted(&path, Kind::Directory), &around))
            .unwrap()
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["plain", "100%", "%z %h %a %P %u", "%5", "%'%", "%-3q|", "%100000000000d", "%%|", "%ü"]
        {
            assert_eq!(deleted(text), text);
        }
        assert_eq!(deleted("%%o"), "%del.");
        assert_eq!(deleted("%5%o"), "%5del.");
    }

    #[test]
    fn widths_pad_on_either_side() {
        assert_eq!(deleted("[%10n|%-10n|%2n]"), "[   a/gone/|a/gone/   |a/gone/]");
        assert_eq!(deleted("[%'6l|%-6'l|%''l|%3L|%L]"), "[     0|0     |0|       |]");
        assert_eq!(deleted("%99999999o").len(), WIDEST);
    }

    #[test]
    fn deletions_have_a_line_of_their_own() {
        assert_eq!(deleted("%i %n%L"), "*deleting   a/gone/");
        assert_eq!(deleted("%o %f %b %C| %G %U %m"), "del. a/gone 0     | DEFAULT 0 ");
        assert_eq!(deleted("%M"), "1970/01/01-00:00:00");
    }

    #[test]
    fn escapes_can_be_looked_for() {
        let format = Format::parse("%-12n %'b 100%i");
        assert!(format.has("b") && format.has("io") && !format.has("%C"));
        assert!(!Format::parse("%% i").has("i"));
    }
}
