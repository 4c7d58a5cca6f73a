//! What a client gets for what it asked: values of attributes, content, or word that it does not come.

use std::collections::HashMap;
use std::io;

use rustix::io::Errno;

use super::super::failure::Failure;
use super::super::list::{List, Listed};
use super::super::talk::Line;
use super::super::terms::Terms;
use super::super::voice::Voice;
use super::content::{Basis, Content};
use super::packer::Packer;
use super::request::{Request, xattr_numbers};
use super::skip::is_packed;
use super::sums::{Layout, Sums};
use super::tokens::Tokens;
use crate::flist::Kind;
use crate::wire::flags::io_error;
use crate::wire::frame::Tag;
use crate::wire::{IndexCodec, put};

/// What answers, and what it remembers from one answer to the next.
pub(super) struct Answers<'a> {
    terms: &'a Terms,
    content: Content,
    /// Values that were asked for and did not go out, by the number of their set: of a file that did not come. They go with
    /// the next answer about that set.
    owed: HashMap<u32, Vec<u32>>,
    /// Files that were sent, a bit for each index; filled only where a second try differs from the first.
    sent: Vec<u64>,
    /// Memory for sums.
    sums: Vec<u8>,
    pub figures: Figures,
}

/// What went out so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Figures {
    pub files: u64,
    pub literal: u64,
    pub matched: u64,
}

impl<'a> Answers<'a> {
    /// # Errors
    /// A compression was agreed on that nothing can pack.
    pub fn new(terms: &'a Terms, factor: u32) -> Result<Self, Failure> {
        let packer = match terms.compression {
            None => None,
            Some(kind) => {
                let packer = Packer::new(kind, terms.request.compression_level, terms.protocol);
                Some(packer.ok_or_else(|| Failure::Refused(format!("{} is not compiled in", kind.name())))?)
            }
        };
        Ok(Self {
            terms,
            content: Content::new(terms.summer, Tokens::new(packer), factor),
            owed: HashMap::new(),
            sent: Vec::new(),
            sums: Vec::new(),
            figures: Figures::default(),
        })
    }

    /// Answers a request; `over`: the phases in which content may be asked for are over.
    ///
    /// # Errors
    /// The client asks for what it must not, or is gone.
    pub fn answer(
        &mut self,
        line: &mut Line,
        list: &mut List,
        going: &mut IndexCodec,
        request: &Request,
        over: bool,
    ) -> Result<(), Failure> {
        let asked = &self.terms.request;
        let Some(entry) = list.entry(request.index) else {
            return Err(Failure::Violation(format!("it asked for entry {}, which is none", request.index)));
        };
        let values =
            asked.xattrs > 0 && !asked.dry_run && request.speaks_of_xattrs(self.terms.xattr_optimisation);
        if values {
            let numbers = xattr_numbers(line, entry.xattr_names())?;
            if !numbers.is_empty() {
                let owed = self.owed.entry(entry.xattr_set().unwrap_or(0)).or_default();
                owed.extend(numbers);
                owed.sort_unstable();
                owed.dedup();
            }
        }
        if !request.wants_content() {
            return self.begin(line, going, request, &entry, values);
        }
        if entry.kind() != Kind::File {
            return Err(Failure::Violation("it asked for the content of what is no regular file".to_owned()));
        }
        if over {
            return Err(Failure::Violation("it asked for content when that was over".to_owned()));
        }
        if asked.dry_run {
            self.figures.files += 1;
            return self.begin(line, going, request, &entry, values);
        }
        let wrong = self.content(line, going, request, &entry, values)?;
        list.add_io_error(wrong);
        Ok(())
    }

    /// What all answers begin with.
    fn begin(
        &mut self,
        line: &mut Line,
        going: &mut IndexCodec,
        request: &Request,
        entry: &Listed<'_>,
        values: bool,
    ) -> Result<(), Failure> {
        request.echo(line.out(), going);
        if values {
            let owed = self.owed.remove(&entry.xattr_set().unwrap_or(0)).unwrap_or_default();
            let mut last = 0;
            for number in owed {
                let value = entry.xattr_value(number);
                if value.is_none() {
                    let text = format!("failed to re-read xattr {number} for ").into_bytes();
                    line.say(Tag::ErrorTransfer, &[text, entry.shown()].concat());
                }
                let value = value.unwrap_or_default();
                let out = line.out();
                put::varint(out, (number - last) as i32);
                put::varint(out, value.len() as i32);
                out.extend_from_slice(&value);
                last = number;
                line.push()?;
            }
            line.out().push(0);
        }
        line.push()
    }

    /// Sends the content of a file, or word that it does not come. I/O errors that were met.
    fn content(
        &mut self,
        line: &mut Line,
        going: &mut IndexCodec,
        request: &Request,
        entry: &Listed<'_>,
        values: bool,
    ) -> Result<u32, Failure> {
        let asked = &self.terms.request;
        let checksum = self.terms.summer.kind;
        let layout = Layout::check(line.read(Layout::read)?, checksum)?;
        // At the second try the client wants the file as if it had not asked to append.
        let appends = asked.append > 0 && !self.was_sent(request.index);
        let sums = if appends {
            None
        } else {
            Some(Sums::read(line, &layout, checksum, entry.size(), std::mem::take(&mut self.sums))?)
        };
        let (file, size) = match entry.open() {
            Ok(opened) => opened,
            Err(error) => return not_opened(line, request, entry, &error),
        };
        if appends && size < entry.size() {
            line.say(Tag::Warning, &[&b"skipped diminished file: "[..], &entry.shown()].concat());
            line.message(Tag::NoSend, &request.index.to_le_bytes())?;
            return Ok(0);
        }
        self.begin(line, going, request, entry, values)?;
        layout.raw().put(line.out());
        let in_place = (asked.inplace || asked.append > 0) && request.builds_on_itself()
            || asked.can.inplace_partial && request.builds_on_partial();
        let basis = match &sums {
            None => Basis::Beginning { len: layout.covered(), summed: asked.append > 1 },
            Some(sums) if sums.len() > 0 => Basis::Blocks { sums, in_place },
            Some(_) => Basis::None,
        };
        let store =
            self.terms.compression.is_some() && is_packed(&entry.path(), asked.skip_compress.as_deref());
        let outcome = self.content.send(line, &file, size, basis, store)?;
        self.figures.files += 1;
        self.figures.literal += outcome.literal;
        self.figures.matched += outcome.matched;
        self.sums = sums.map(Sums::into_bytes).unwrap_or_default();
        self.note_sent(request.index);
        let Some(fault) = outcome.fault else { return Ok(0) };
        say_failed(line, "read errors mapping", entry, fault);
        Ok(io_error::GENERAL)
    }

    fn was_sent(&self, index: u32) -> bool {
        self.sent.get(index as usize / 64).is_some_and(|bits| bits >> (index % 64) & 1 != 0)
    }

    fn note_sent(&mut self, index: u32) {
        if self.terms.request.append == 0 {
            return;
        }
        let place = index as usize / 64;
        if self.sent.len() <= place {
            self.sent.resize(place + 1, 0);
        }
        self.sent[place] |= 1 << (index % 64);
    }
}

/// Tells the client that a file does not come.
fn not_opened(
    line: &mut Line,
    request: &Request,
    entry: &Listed<'_>,
    error: &io::Error,
) -> Result<u32, Failure> {
    let error = Errno::from_io_error(error).unwrap_or(Errno::IO);
    let wrong = if error == Errno::NOENT {
        line.say(Tag::Warning, &[&b"file has vanished: "[..], &entry.shown()].concat());
        io_error::VANISHED
    } else {
        say_failed(line, "send_files failed to open", entry, error);
        io_error::GENERAL
    };
    line.message(Tag::NoSend, &request.index.to_le_bytes())?;
    Ok(wrong)
}

/// As rsync words it: `rsync: [sender] words "/path" (in module): Permission denied (13)`.
fn say_failed(line: &mut Line, words: &str, entry: &Listed<'_>, error: Errno) {
    let number = error.raw_os_error();
    let reason = io::Error::from(error).to_string();
    let reason = reason.strip_suffix(&format!(" (os error {number})")).unwrap_or(&reason);
    let reason = format!(": {reason} ({number})");
    let text = [b"rsync: [sender] ", words.as_bytes(), b" ", &entry.shown(), reason.as_bytes()].concat();
    line.say(Tag::ErrorTransfer, &text);
}
