//! The sending direction of a session: requests, the sums of what is here already, and what the server need not remember any
//! longer.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BufMut;

use super::{Asked, Command, Request, Session, Wanted, WantedContent};
use crate::delta::Offer;
use crate::wire::flags::item;
use crate::wire::{Index, put};

/// Sums that follow a request, so that a large basis needs no more memory than a small one.
pub(super) struct Sums<T> {
    /// Bytes that have not come yet.
    due: u64,
    /// What was said meanwhile.
    held: VecDeque<Command<T>>,
}

impl<T> Default for Sums<T> {
    fn default() -> Self {
        Self { due: 0, held: VecDeque::new() }
    }
}

impl<T> Sums<T> {
    pub(super) fn are_due(&self) -> bool {
        self.due > 0
    }

    /// Some bytes came. How many of them belong there.
    fn take(&mut self, len: usize) -> usize {
        let wanted = usize::try_from(self.due).map_or(len, |due| len.min(due));
        self.due -= wanted as u64;
        wanted
    }
}

impl<T> Session<T> {
    /// Takes in what the generator or a disk worker has to say.
    pub fn command(&mut self, command: Command<T>) {
        match command {
            Command::Sums(piece) => {
                let wanted = self.sums.take(piece.len());
                self.output.stream().put_slice(&piece[..wanted]);
            }
            // The server would take whatever came in between for sums.
            other if self.sums.are_due() => self.sums.held.push_back(other),
            other => self.carry_out(other),
        }
        while !self.sums.are_due()
            && let Some(next) = self.sums.held.pop_front()
        {
            self.carry_out(next);
        }
        self.let_go();
    }

    fn carry_out(&mut self, command: Command<T>) {
        match command {
            Command::Ask(request) => self.ask(request),
            Command::Hold(index) => self.live.hold(index),
            Command::Release(index) => self.live.release(index),
            Command::Scanned(first_index) => self.live.scanned(first_index),
            Command::Sums(_) => unreachable!("sums are never held back"),
        }
    }

    fn ask(&mut self, request: Request<T>) {
        let Request { index, changes, wanted, xattrs, ticket } = request;
        self.live.hold(index);
        if let Some(passed_over) = &mut self.passed_over {
            passed_over.asks();
        }
        let content = matches!(wanted, Wanted::Content { .. });
        let flags = changes & !(item::TRANSFER | item::REPORT_XATTR)
            | if content { item::TRANSFER } else { 0 }
            | if xattrs.is_some() { item::REPORT_XATTR } else { 0 };
        self.output.put_index(Index::File(index));
        let out = self.output.stream();
        put::u16(out, flags);
        let mut values = Vec::new();
        if let Some(set) = &xattrs {
            let owed = self.owed.extract_if(.., |(owed, _)| Arc::ptr_eq(owed, set));
            values.extend(owed.flat_map(|(_, numbers)| numbers));
            let mut last = 0;
            for (number, _) in (1..).zip(&set.items).filter(|(_, item)| item.claim_request()) {
                put::varint(out, number - last);
                last = number;
                values.push(number as usize);
            }
            out.put_u8(0);
        }
        let wanted = match wanted {
            Wanted::Attributes => None,
            Wanted::Content { offer: Offer { layout, sums, more, kept }, size } => {
                layout.put(out);
                out.put_slice(&sums);
                self.sums.due = more;
                Some(WantedContent { layout, size, kept })
            }
        };
        self.asked.push_back(Asked { index, flags, wanted, xattrs, values, ticket });
    }

    /// Tells the server which segments are finished, and at last that everything is.
    pub(super) fn let_go(&mut self) {
        if self.sums.are_due() {
            return;
        }
        while let Some(memory) = self.live.pop_finished() {
            self.decoder.forget(memory);
            self.output.put_index(Index::Done);
            self.done_expected += 1;
        }
        if self.closing || !self.list_complete || self.awaits_answers() || !self.live.all_finished() {
            return;
        }
        // The ends of the three phases, and of the deletions from protocol 31 on, need no answer in between:
        // every file is verified, so there is nothing to do in them. The last one lets the server go.
        self.closing = true;
        self.done_expected += 3;
        let goodbyes = if self.protocol >= 31 { 5 } else { 4 };
        (0..goodbyes).for_each(|_| self.output.put_index(Index::Done));
    }
}
