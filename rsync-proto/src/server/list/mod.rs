//! The list of files that goes to the client.
//!
//! [`Tree`] is a module's directory; what is asked for in it becomes a [`List`], which is written segment by segment while
//! its directories are walked through, and remembered as long as the client may ask about its entries.

mod acl;
mod asked;
mod encode;
mod expand;
mod figures;
mod handle;
mod listed;
mod look;
mod order;
mod owners;
mod segment;
mod sender;
mod shown;
mod source;
mod sources;
#[cfg(test)]
mod tests;
mod tree;
mod visit;
mod walk;
mod xattr;

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use self::asked::asked;
pub(in crate::server) use self::figures::ListFigures;
pub(in crate::server) use self::listed::Listed;
use self::segment::{Dir, Own, ROOT, Segment};
use self::sources::Sources;
pub(in crate::server) use self::tree::Tree;
use self::visit::Visit;
use self::walk::Walk;
use super::failure::Failure;
use super::terms::Terms;
use super::voice::Voice;
use crate::filter::Scope;
use crate::wire::{Index, IndexCodec};

/// Reads the names of owners, while that is still possible.
pub(in crate::server) fn remember_owners() {
    let _ = owners::texts();
}

/// How far a list may go.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct ListBounds {
    /// Most entries in all.
    pub entries: u64,
    /// Most entries that wait for the client to be done with them, before another segment is begun.
    pub waiting: usize,
    /// Deepest path, in components.
    pub depth: usize,
}

/// A list of files.
#[derive(Debug)]
pub(in crate::server) struct List {
    walk: Walk,
    segments: VecDeque<Segment>,
    waiting: usize,
    most_waiting: usize,
    next_index: u32,
    next_number: u32,
    complete: bool,
    ignores_errors: bool,
    /// The I/O errors that the client knows of.
    said: u32,
}

impl List {
    /// Finds what was asked for and writes the first segment, or the whole list.
    ///
    /// # Errors
    /// The client hung up, a bound was reached, or what was asked for cannot be understood.
    #[allow(clippy::too_many_arguments, reason = "all that a list depends on")]
    pub fn begin(
        tree: &Arc<Tree>,
        terms: &Terms,
        rules: Scope,
        names: Option<Vec<Vec<u8>>>,
        bounds: &ListBounds,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<Self, Failure> {
        let began = (Instant::now(), out.len());
        let (within, paths) = asked(tree, terms, names, bounds, voice)?;
        let mut list = Self {
            walk: Walk::new(tree, terms, bounds),
            segments: VecDeque::new(),
            waiting: 0,
            most_waiting: bounds.waiting,
            next_index: u32::from(terms.inc_recurse),
            next_number: 0,
            complete: !terms.inc_recurse,
            ignores_errors: terms.request.ignore_errors,
            said: 0,
        };
        let mut segment = Segment::new(list.next_index, None);
        let mut sources = Sources::new(rules);
        for path in paths {
            list.walk.source(&mut sources, &within, &path, &mut segment, out, voice)?;
        }
        list.end(&mut segment, out);
        if let Some(owners) = list.walk.sender.owners.as_ref().filter(|_| !terms.inc_recurse) {
            let request = &terms.request;
            if request.owner || request.acls {
                owners.users.put(out, terms.id0_names);
            }
            if request.group || request.acls {
                owners.groups.put(out, terms.id0_names);
            }
        }
        let root = segment.entries.first().filter(|entry| entry.name(&segment.arena) == ROOT);
        segment.own = root.map(|root| Own {
            dir: segment.dirs[root.dir as usize].clone(),
            mode: root.mode,
            xattrs: root.xattrs,
        });
        list.keep(segment);
        let figures = &mut list.walk.sender.figures;
        figures.build_ms = milliseconds(began.0);
        figures.bytes = (out.len() - began.1) as u64;
        Ok(list)
    }

    /// Writes the next segment with its index in front; behind the last one, that no more come. False if nothing is left
    /// to write.
    ///
    /// # Errors
    /// As [`Self::begin`]; and too many entries wait for the client.
    pub fn next_segment(
        &mut self,
        indexes: &mut IndexCodec,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<bool, Failure> {
        if self.complete {
            return Ok(false);
        }
        let began = (Instant::now(), out.len());
        if let Some(visit) = self.walk.stack.pop() {
            if !self.has_room() {
                return Err(Failure::Limit { what: "entries that wait", limit: self.most_waiting as u64 });
            }
            self.write_segment(visit, indexes, out, voice)?;
        }
        if self.walk.stack.is_empty() {
            indexes.write(out, Index::ListEnd);
            self.complete = true;
        }
        let figures = &mut self.walk.sender.figures;
        figures.transfer_ms += milliseconds(began.0);
        figures.bytes += (out.len() - began.1) as u64;
        Ok(true)
    }

    fn write_segment(
        &mut self,
        visit: Visit,
        indexes: &mut IndexCodec,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        indexes.write(out, Index::Segment(visit.number));
        let dir = Dir { base: visit.base, path: Arc::clone(&visit.path) };
        let own = Own { dir, mode: visit.mode, xattrs: visit.xattrs };
        let mut segment = Segment::new(self.next_index, Some(own));
        self.walk.on_the_way = None;
        let mut before = (visit.base, visit.content);
        self.walk.visit(visit, &mut segment, out, voice)?;
        // Directories of one name share a segment.
        while let Some(mut again) = self.walk.stack.pop_if(|next| next.again) {
            // What was listed just now need not be listed twice.
            let listed = before == (again.base, true);
            before = (again.base, again.content);
            again.content &= !listed;
            self.walk.visit(again, &mut segment, out, voice)?;
        }
        self.end(&mut segment, out);
        self.keep(segment);
        Ok(())
    }

    /// Ends a segment on the wire, and brings it in order.
    fn end(&mut self, segment: &mut Segment, out: &mut Vec<u8>) {
        let io_error = self.walk.sender.io_error;
        let tells = io_error != self.said && !self.ignores_errors;
        self.walk.sender.encoder.end(out, if tells { io_error } else { 0 });
        if tells && self.walk.sender.encoder.tells_errors() {
            self.said = io_error;
        }
        let Segment { entries, arena, dirs, .. } = segment;
        order::sort(entries, arena, dirs);
        let mut fresh = take(&mut self.walk.fresh);
        if !self.walk.segments {
            return;
        }
        let first = self.walk.stack.len();
        let mut before: &[u8] = b"";
        for entry in entries.iter_mut().filter(|entry| entry.is_directory()) {
            let visit = fresh[take(&mut entry.size) as usize].take();
            let number = self.next_number;
            self.next_number += 1;
            let name = entry.name(arena);
            if name == ROOT {
                continue;
            }
            if let Some(visit) = visit {
                self.walk.stack.push(Visit { number, again: name == before, ..visit });
            }
            before = name;
        }
        self.walk.stack[first..].reverse();
    }

    fn keep(&mut self, mut segment: Segment) {
        segment.shrink();
        // The index between two segments stands for the directory of the second one.
        self.next_index = segment.next_index() + 1;
        self.waiting += segment.entries.len();
        self.segments.push_back(segment);
    }

    /// Whether all segments were written.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Entries that were written and not let go.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether another segment may be written. The oldest does not count, however large it is: a client needs the one
    /// behind it to be done with it.
    pub fn has_room(&self) -> bool {
        let oldest = self.segments.front().map_or(0, |segment| segment.entries.len());
        self.waiting - oldest <= self.most_waiting
    }

    /// The client is done with the oldest segment. Whether that was the last one of a complete list: then a phase ends.
    /// A list in one piece stays.
    ///
    /// # Errors
    /// No segment is left, and more are to come.
    pub fn let_go(&mut self) -> Result<bool, Failure> {
        if !self.walk.segments {
            return Ok(true);
        }
        match self.segments.pop_front() {
            Some(segment) => self.waiting -= segment.entries.len(),
            None if self.complete => return Ok(true),
            None => {
                return Err(Failure::Violation("it let go a segment that was not sent".to_owned()));
            }
        }
        Ok(self.complete && self.segments.is_empty())
    }

    /// The entry with this index, or the directory of a segment by the index in front of it.
    pub fn entry(&self, index: u32) -> Option<Listed<'_>> {
        let behind = self.segments.partition_point(|segment| segment.first_index <= index);
        let inside = behind.checked_sub(1).and_then(|at| {
            let segment = &self.segments[at];
            let entry = segment.entries.get((index - segment.first_index) as usize)?;
            Some(Listed::entry(self, segment, entry))
        });
        inside.or_else(|| {
            let segment = self.segments.get(behind).filter(|segment| segment.first_index == index + 1)?;
            Some(Listed::own(self, segment.own.as_ref()?))
        })
    }

    /// All I/O errors so far.
    pub fn io_error(&self) -> u32 {
        if self.ignores_errors { 0 } else { self.walk.sender.io_error }
    }

    /// An error met later, when a file is opened or read.
    pub fn add_io_error(&mut self, bits: u32) {
        self.walk.sender.io_error |= bits;
    }

    /// I/O errors that the client has not been told of and has to be by a message, because the end of a list cannot.
    pub fn unsaid_io_error(&mut self) -> Option<u32> {
        let io_error = self.io_error();
        (io_error & !self.said != 0).then(|| {
            self.said = io_error;
            io_error
        })
    }

    /// What the list came to so far.
    pub fn figures(&self) -> ListFigures {
        self.walk.sender.figures
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
