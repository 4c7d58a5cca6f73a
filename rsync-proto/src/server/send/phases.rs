//! The order of a transfer: the list, the phases in which the client asks, statistics, the goodbye.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use super::super::failure::Failure;
use super::super::list::{List, ListBounds, Tree};
use super::super::talk::Line;
use super::super::terms::Terms;
use super::super::voice::Voice;
use super::answer::{Answers, Figures};
use super::request::{self, Next};
use crate::filter::Scope;
use crate::wire::frame::Tag;
use crate::wire::{Index, IndexCodec, put};

/// Entries behind the segment at hand that the client always has while it asks.
const AHEAD: usize = 1000;
/// The same, while it asks for nothing.
const FAR_AHEAD: usize = 10_000;
/// Phases in which the client asks for files: for all of them, and for those that came wrong. One follows for what was
/// delayed, in which no content is asked for.
const LAST_PHASE: u32 = 2;

/// What a transfer came to.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::server) struct Sent {
    pub files: u64,
    pub literal: u64,
    pub matched: u64,
    pub entries: u64,
    pub io_error: u32,
}

/// Sends what was asked for. A failure is told to the client, as far as it can still hear.
///
/// # Errors
/// The client is gone, breaks the protocol, or asks for too much; or the server fails.
pub(in crate::server) fn serve(
    line: &mut Line,
    tree: &Arc<Tree>,
    terms: &Terms,
    rules: Scope,
    names: Option<Vec<Vec<u8>>>,
    bounds: &ListBounds,
) -> Result<Sent, Failure> {
    let sent = transfer(line, tree, terms, rules, names, bounds);
    if let Err(failure) = &sent {
        tell(line, terms, failure);
    }
    sent
}

fn transfer(
    line: &mut Line,
    tree: &Arc<Tree>,
    terms: &Terms,
    rules: Scope,
    names: Option<Vec<Vec<u8>>>,
    bounds: &ListBounds,
) -> Result<Sent, Failure> {
    let answers = Answers::new(terms, RandomState::new().build_hasher().finish() as u32)?;
    let mut bytes = Vec::new();
    let list = List::begin(tree, terms, rules, names, bounds, &mut bytes, line)?;
    let is_empty = list.waiting() == 0;
    let told = list.io_error();
    let going = IndexCodec::new(terms.protocol);
    let segments = VecDeque::from([list.waiting()]);
    let mut transfer = Transfer {
        line,
        terms,
        list,
        bytes,
        segments,
        going,
        coming: IndexCodec::new(terms.protocol),
        answers,
    };
    transfer.put_list()?;
    if is_empty {
        // Nothing more is said by either side.
        while transfer.send_segment()? {}
        transfer.line.flush()?;
        return Ok(transfer.sent());
    }
    transfer.phases(told)?;
    transfer.statistics()?;
    transfer.goodbye()?;
    Ok(transfer.sent())
}

/// A transfer at work.
struct Transfer<'a> {
    line: &'a mut Line,
    terms: &'a Terms,
    list: List,
    /// Where the list is written before it goes out.
    bytes: Vec<u8>,
    /// How many entries each segment has that was not let go.
    segments: VecDeque<usize>,
    going: IndexCodec,
    coming: IndexCodec,
    answers: Answers<'a>,
}

impl Transfer<'_> {
    /// What was written of the list goes out.
    fn put_list(&mut self) -> Result<(), Failure> {
        let out = self.line.out();
        if out.is_empty() {
            std::mem::swap(out, &mut self.bytes);
        } else {
            out.append(&mut self.bytes);
        }
        if let Some(bits) = self.list.unsaid_io_error() {
            self.line.message(Tag::IoError, &bits.to_le_bytes())?;
        }
        self.line.push()
    }

    /// Sends the next segment. Whether there was one.
    fn send_segment(&mut self) -> Result<bool, Failure> {
        let before = self.list.waiting();
        let more = self.list.next_segment(&mut self.going, &mut self.bytes, self.line)?;
        if more {
            // An end of the list alone counts as a segment without entries, which is never let go: it is the last.
            self.segments.push_back(self.list.waiting().saturating_sub(before));
        }
        self.put_list()?;
        Ok(more)
    }

    /// Entries behind the oldest segment, which is what the client is at.
    fn ahead(&self) -> usize {
        self.list.waiting().saturating_sub(self.segments.front().copied().unwrap_or(0))
    }

    /// Sends so many segments that the client can go on; and more as long as it asks for nothing.
    fn keep_ahead(&mut self) -> Result<(), Failure> {
        while !self.list.is_complete() && self.ahead() < AHEAD && self.list.has_room() {
            self.send_segment()?;
        }
        let mut flushed = false;
        while !self.list.is_complete()
            && self.ahead() < FAR_AHEAD
            && self.list.has_room()
            && !self.line.has_input()?
        {
            if !flushed {
                // What the client waits for comes before what it will want later.
                self.line.flush()?;
                flushed = true;
            }
            self.send_segment()?;
        }
        Ok(())
    }

    /// Answers until the client has no more to ask.
    fn phases(&mut self, told: u32) -> Result<(), Failure> {
        let mut phase = 0;
        let mut live = self.terms.inc_recurse;
        loop {
            if live {
                self.keep_ahead()?;
            }
            match request::next(self.line, &mut self.coming, &mut self.going)? {
                Next::File(request) => {
                    let over = phase >= LAST_PHASE;
                    let (line, list, going) = (&mut *self.line, &mut self.list, &mut self.going);
                    self.answers.answer(line, list, going, &request, over)?;
                }
                Next::Done => {
                    if live {
                        live = !self.list.let_go()?;
                        self.segments.pop_front();
                    }
                    if !live {
                        phase += 1;
                    }
                    if phase > LAST_PHASE {
                        break;
                    }
                    self.going.write(self.line.out(), Index::Done);
                    self.line.push()?;
                }
            }
        }
        let io_error = self.list.io_error();
        if io_error != told {
            self.line.message(Tag::IoError, &io_error.to_le_bytes())?;
        }
        self.going.write(self.line.out(), Index::Done);
        Ok(())
    }

    fn statistics(&mut self) -> Result<(), Failure> {
        self.line.flush()?;
        let (read, written) = self.line.counts();
        let figures = self.list.figures();
        for value in [read, written, figures.total_size, figures.build_ms, figures.transfer_ms] {
            put::varlong(self.line.out(), i64::try_from(value).unwrap_or(i64::MAX), 3);
        }
        self.line.flush()
    }

    fn goodbye(&mut self) -> Result<(), Failure> {
        let ends = if self.terms.protocol >= 31 { 2 } else { 1 };
        for end in (0..ends).rev() {
            match request::next(self.line, &mut self.coming, &mut self.going)? {
                Next::Done if end > 0 => self.going.write(self.line.out(), Index::Done),
                Next::Done => {}
                Next::File(_) => {
                    return Err(Failure::Violation("it asked for a file when all was over".to_owned()));
                }
            }
        }
        self.line.flush()
    }

    fn sent(&self) -> Sent {
        let Figures { files, literal, matched } = self.answers.figures;
        let list = self.list.figures();
        Sent { files, literal, matched, entries: list.entries(), io_error: self.list.io_error() }
    }
}

/// Tells the client why the transfer ends, if it is there to hear it.
fn tell(line: &mut Line, terms: &Terms, failure: &Failure) {
    let Some(code) = exit_code(failure) else { return };
    line.say(Tag::Error, format!("rsync: [sender] {failure}").as_bytes());
    let said = match terms.protocol {
        31.. => line.message(Tag::ErrorExit, &code.to_le_bytes()),
        _ => Ok(()),
    };
    // The failure that led here is the one that counts.
    let _ = said.and_then(|()| line.flush());
}

/// What rsync exits with in such a case; nothing if the client is gone.
fn exit_code(failure: &Failure) -> Option<u32> {
    match failure {
        Failure::HungUp | Failure::Network(_) => None,
        Failure::Violation(_) => Some(2),
        Failure::Sources(_) => Some(3),
        Failure::Refused(_) => Some(4),
        Failure::Limit { .. } => Some(22),
        Failure::Silent(_) => Some(30),
        Failure::Stopped => Some(20),
        Failure::Local { .. } => Some(11),
    }
}
