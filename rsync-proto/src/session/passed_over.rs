//! What protocol 29 has no words for. A server passes over a file that it cannot send: the answer to the next
//! request is all that tells. So that every request comes to an end, a marker follows what is asked for: the index of
//! the last file with no flags, which the server sends back in its turn as it does with everything that asks for no
//! content. And where newer ones send an empty frame or a message as a sign of life, it is a file behind the last one.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::events::Event;
use super::input::Step;
use super::{Session, State};
use crate::error::{Error, Result};
use crate::wire::flags::item;
use crate::wire::frame::Tag;
use crate::wire::{Index, put};

/// The size of a sign of life, in bytes: an index and flags.
const SIGN_LEN: u64 = 6;

/// What stands for the words that are missing.
pub(super) struct PassedOver {
    /// Markers that have not come back: the index, and how many requests were made before.
    markers: VecDeque<(u32, u64)>,
    /// Requests so far.
    asked: u64,
    /// Requests before the newest marker.
    marked: u64,
    /// Entries of the list, once it is complete.
    entries: Option<u32>,
    /// Bytes that were nothing but signs of life.
    signs: u64,
}

/// What an index and its flags mean.
pub(super) enum Answer {
    /// So many requests were passed over, and this is the answer to the next one.
    Request { passed_over: usize },
    /// So many requests were passed over, and there is nothing else.
    Marker { passed_over: usize },
    /// A sign of life.
    Sign,
}

impl PassedOver {
    /// For this protocol version; nothing where there are words.
    pub fn new(protocol: u8) -> Option<Box<Self>> {
        let new = || Self { markers: VecDeque::new(), asked: 0, marked: 0, entries: None, signs: 0 };
        (protocol < 30).then(|| Box::new(new()))
    }

    /// Whether some marker has not come back.
    pub fn is_waiting(&self) -> bool {
        !self.markers.is_empty()
    }

    pub fn signs(&self) -> u64 {
        self.signs
    }

    pub fn asks(&mut self) {
        self.asked += 1;
    }

    /// The list is complete.
    pub fn listed(&mut self, entries: usize) {
        self.entries = Some(entries as u32);
    }

    /// A sign of life for the server, once it listens.
    pub fn sign(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        if let Some(entries) = self.entries {
            bytes.put_u32_le(entries);
            bytes.put_u16_le(item::IS_NEW);
        }
        bytes.freeze()
    }

    /// Marks the requests since the last marker, if there are any. `last` is the index of the newest one.
    fn mark(&mut self, last: u32) -> bool {
        if self.marked == self.asked {
            return false;
        }
        self.marked = self.asked;
        self.markers.push_back((last, self.asked));
        true
    }
}

impl<T> Session<T> {
    /// Adds a marker if something was asked for since the last one.
    pub(super) fn mark(&mut self) {
        if let (Some(passed_over), Some(last)) = (&mut self.passed_over, self.asked.back())
            && passed_over.mark(last.index)
        {
            self.output.put_index(Index::File(last.index));
            put::u16(self.output.stream(), 0);
        }
    }

    /// Bytes that may turn out to be a sign of life.
    pub(super) fn possible_sign(&self) -> u64 {
        match self.state {
            State::Index => self.input.carried(),
            State::Flags { .. } => 4 + self.input.carried(),
            _ => 0,
        }
    }

    /// Finds out what an answer belongs to. Newer servers say when they cannot send a file, so it is the turn of the
    /// oldest request; older ones may have passed over some.
    pub(super) fn answered(&mut self, index: u32, flags: u16) -> Result<Answer> {
        let matches = |asked: &super::Asked<T>| asked.index == index && asked.flags == flags;
        let Some(passed_over) = &mut self.passed_over else {
            return match self.asked.front() {
                Some(asked) if matches(asked) => Ok(Answer::Request { passed_over: 0 }),
                Some(asked) if asked.index == index => {
                    let rule = format!("it answered {flags:#x} to a request {:#x}", asked.flags);
                    Err(Error::Violation(rule))
                }
                _ => Err(not_its_turn(index)),
            };
        };
        if passed_over.entries == Some(index) && flags == item::IS_NEW {
            passed_over.signs += SIGN_LEN;
            return Ok(Answer::Sign);
        }
        // Nothing behind the oldest marker can be answered before it comes back.
        let Some((marked, before)) = passed_over.markers.front().copied() else {
            return Err(not_its_turn(index));
        };
        let newer = passed_over.asked - before;
        let open = self.asked.len().saturating_sub(newer as usize);
        if marked == index && flags == 0 {
            passed_over.markers.pop_front();
            return Ok(Answer::Marker { passed_over: open });
        }
        match self.asked.iter().take(open).position(matches) {
            Some(place) => Ok(Answer::Request { passed_over: place }),
            None => Err(not_its_turn(index)),
        }
    }

    /// Tells of the next file that was passed over, and goes on to `then` behind the last one.
    pub(super) fn pass_over(&mut self, left: usize, is_answer: bool) -> Step<Option<Event<T>>> {
        if left > 0 {
            self.state = State::PassedOver { left: left - 1, is_answer };
            let asked = self.asked.pop_front().expect("they were counted");
            return Step::Item(Some(Event::NotSent(asked.ticket)));
        }
        if is_answer {
            return self.answer_begins();
        }
        self.state = State::Index;
        self.let_go();
        Step::Item(None)
    }

    /// Refuses messages that the protocol does not have.
    pub(super) fn check_message(&self, tag: Tag) -> Result<()> {
        let newer = matches!(tag, Tag::IoError | Tag::IoTimeout | Tag::Noop | Tag::ErrorExit | Tag::NoSend);
        if newer && self.passed_over.is_some() {
            let rule = format!("it sent a message {tag:?}, which protocol {} does not have", self.protocol);
            return Err(Error::Violation(rule));
        }
        Ok(())
    }
}

fn not_its_turn(index: u32) -> Error {
    Error::Violation(format!("it answered for file {index}, which is not its turn"))
}
