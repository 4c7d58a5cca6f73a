//! The receiving side of a session: what may come next, and what it means. Each state has a method that
//! reads its one item.

use std::sync::Arc;

use super::events::{Event, ServerStats, Severity};
use super::input::Step;
use super::passed_over::Answer;
use super::{Asked, Session, State, WantedContent};
use crate::checksum::StrongSum;
use crate::delta::{BlockLayout, Token};
use crate::error::{Error, Refused, Result, printable};
use crate::flist::check_value_len;
use crate::limits;
use crate::wire::flags::io_error;
use crate::wire::frame::Tag;
use crate::wire::{Cursor, Index, Parse};

/// What one item came to: most are no event by themselves.
pub(super) type Read<T> = Result<Step<Option<Event<T>>>>;

impl<T> Session<T> {
    /// The next event; nothing when more bytes, or more commands, are needed.
    ///
    /// # Errors
    /// Whatever the server does that it may not. After an error the session is of no further use.
    pub fn poll(&mut self) -> Result<Option<Event<T>>> {
        loop {
            let step = match self.state {
                State::List => self.read_list()?,
                State::Index => self.read_index()?,
                State::Flags { index } => self.read_flags(index)?,
                State::PassedOver { left, is_answer } => self.pass_over(left, is_answer),
                State::XattrValues { last } => self.read_xattr_values(last)?,
                State::Layout => self.read_layout()?,
                State::Token { layout, missing } => self.read_token(layout, missing)?,
                State::Literal { layout, missing, left } => self.read_literal(layout, missing, left)?,
                State::PackedToken { layout, missing, before } => {
                    self.read_packed_token(layout, missing, before)?
                }
                State::Packed { layout, missing, before, left } => {
                    self.read_packed(layout, missing, before, left)?
                }
                State::Blocks { layout, missing, next, last } => {
                    Step::Item(Some(self.refer(layout, missing, next, last)?))
                }
                State::Sum => self.read_sum()?,
                State::Stats => self.read_stats()?,
                State::LastDone => self.read_last_index(Index::Done)?,
                State::Empty => self.read_last_index(Index::ListEnd)?,
                State::Finished => self.read_nothing()?,
            };
            match step {
                Step::Item(Some(event)) => return Ok(Some(event)),
                Step::Item(None) => {}
                Step::Message(tag, payload) => {
                    if let Some(event) = self.message(tag, &payload)? {
                        return Ok(Some(event));
                    }
                }
                Step::Starved => return Ok(None),
            }
        }
    }

    fn read_list(&mut self) -> Read<T> {
        let decoder = &mut self.decoder;
        let (segment, error) = match self.input.item(|cursor| decoder.read(cursor))? {
            Step::Item(Some(complete)) => complete,
            Step::Item(None) => return Ok(Step::Item(None)),
            other => return Ok(other.map(|_| None)),
        };
        self.list_bytes += self.input.data_bytes() - self.list_began_at;
        self.io_error |= error;
        self.state = State::Index;
        if segment.is_empty() && segment.directory().is_none() {
            self.state = if self.inc_recurse { State::Empty } else { State::Finished };
            return Ok(Step::Item(Some(Event::Finished(None))));
        }
        self.list_complete = !self.inc_recurse;
        if let Some(passed_over) = &mut self.passed_over {
            passed_over.listed(segment.len());
        }
        self.live.add(segment.first_index(), segment.len(), segment.memory());
        self.let_go();
        Ok(Step::Item(Some(Event::Segment(Arc::new(segment)))))
    }

    fn read_index(&mut self) -> Read<T> {
        let codec = &mut self.index;
        let index = match self.input.item(|cursor| codec.read(cursor))? {
            Step::Item(index) => index,
            other => return Ok(other.map(|_| None)),
        };
        match index {
            Index::File(index) => self.state = State::Flags { index },
            Index::Done => {
                self.done_expected = self
                    .done_expected
                    .checked_sub(1)
                    .ok_or_else(|| Error::Violation("it ended a phase that was not over".to_owned()))?;
                if self.closing && self.done_expected == 0 {
                    self.state = State::Stats;
                }
            }
            Index::Segment(directory) => {
                if self.list_complete {
                    return Err(Error::Violation("it sent a part of the file list after its end".to_owned()));
                }
                self.list_began_at = self.input.data_bytes();
                self.decoder.begin_directory(directory)?;
                self.state = State::List;
            }
            Index::ListEnd => {
                if self.list_complete {
                    return Err(Error::Violation("it ended the file list twice".to_owned()));
                }
                if self.decoder.open_directories() > 0 {
                    let rule = format!(
                        "it ended the file list without the content of {} directories",
                        self.decoder.open_directories()
                    );
                    return Err(Error::Violation(rule));
                }
                self.list_complete = true;
                self.let_go();
                return Ok(Step::Item(Some(Event::ListEnd)));
            }
            Index::DeleteStats => {
                return Err(Error::Violation("it reports deletions that it cannot have made".to_owned()));
            }
        }
        Ok(Step::Item(None))
    }

    fn read_flags(&mut self, index: u32) -> Read<T> {
        let flags = match self.input.item(|cursor| cursor.u16())? {
            Step::Item(flags) => flags,
            other => return Ok(other.map(|_| None)),
        };
        Ok(match self.answered(index, flags)? {
            Answer::Request { passed_over } => self.pass_over(passed_over, true),
            Answer::Marker { passed_over } => self.pass_over(passed_over, false),
            Answer::Sign => {
                self.state = State::Index;
                Step::Item(None)
            }
        })
    }

    /// What follows the flags of the oldest request.
    pub(super) fn answer_begins(&mut self) -> Step<Option<Event<T>>> {
        self.state = State::XattrValues { last: 0 };
        let asked = self.asked.front().expect("an answer belongs to a request");
        Step::Item(if asked.xattrs.is_none() { self.attributes_complete() } else { None })
    }

    /// The part of an answer before the content is over.
    fn attributes_complete(&mut self) -> Option<Event<T>> {
        let asked = self.asked.front().expect("an answer belongs to a request");
        if asked.wanted.is_some() {
            self.state = State::Layout;
            self.content_began_at = self.input.data_bytes();
            self.last_output_at = self.content_began_at;
            self.deflated = 0;
            return None;
        }
        self.state = State::Index;
        let ticket = self.asked.pop_front().expect("just looked at").ticket;
        Some(Event::Attributes(ticket))
    }

    fn read_xattr_values(&mut self, last: usize) -> Read<T> {
        let asked = self.asked.front().expect("an answer belongs to a request");
        let set = asked.xattrs.as_ref().expect("a set was asked for");
        let read = |cursor: &mut Cursor<'_>| -> Parse<Option<usize>> {
            let step = cursor.varint()?;
            if step == 0 {
                return Ok(None);
            }
            let found = last as i64 + i64::from(step);
            let number = usize::try_from(found).ok().filter(|number| asked.values.contains(number));
            let number = number.ok_or_else(|| {
                Error::Violation(format!("it sent extended attribute {found}, which it was not asked for"))
            })?;
            let len = cursor.varint_len("the length of an extended attribute")?;
            check_value_len(len)?;
            set.items[number - 1].receive(cursor.take(len)?);
            Ok(Some(number))
        };
        match self.input.item(read)? {
            Step::Item(Some(number)) => {
                let asked = self.asked.front_mut().expect("just looked at");
                asked.values.retain(|value| *value != number);
                self.state = State::XattrValues { last: number };
                Ok(Step::Item(None))
            }
            Step::Item(None) if !asked.values.is_empty() => {
                Err(Error::Violation("it left out extended attributes that it was asked for".to_owned()))
            }
            Step::Item(None) => Ok(Step::Item(self.attributes_complete())),
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_layout(&mut self) -> Read<T> {
        let answer = match self.input.item(BlockLayout::read)? {
            Step::Item(answer) => answer,
            other => return Ok(other.map(|_| None)),
        };
        let asked = self.asked.pop_front().expect("an answer belongs to a request");
        let WantedContent { layout, size, kept } = asked.wanted.expect("content was asked for");
        if answer != layout {
            let rule = format!("it answered with the block layout {answer:?} to {layout:?}");
            return Err(Error::Violation(rule));
        }
        // It may have grown since it was listed; the sum tells whether it came whole.
        let missing = size.saturating_sub(kept).saturating_add(self.growth);
        // What is kept is no basis: there are no sums that its blocks could have been found by.
        let layout = if kept > 0 { BlockLayout::NONE } else { layout };
        if let Some(unpacker) = &mut self.unpacker {
            unpacker.begin_file();
        }
        self.state = match self.compression {
            None => State::Token { layout, missing },
            Some(_) => State::PackedToken { layout, missing, before: 0 },
        };
        Ok(Step::Item(Some(Event::FileBegins(asked.ticket))))
    }

    fn read_token(&mut self, layout: BlockLayout, missing: u64) -> Read<T> {
        let token = match self.input.item(Token::read)? {
            Step::Item(token) => token,
            other => return Ok(other.map(|_| None)),
        };
        match token {
            Token::Literal(len) if u64::from(len) > missing => Err(too_long(len.into(), missing)),
            Token::Literal(left) => {
                self.state = State::Literal { layout, missing, left };
                Ok(Step::Item(None))
            }
            Token::Block(number) => {
                let (offset, len) = layout.block(number).ok_or_else(|| no_such_block(number, layout))?;
                if u64::from(len) > missing {
                    return Err(too_long(len.into(), missing));
                }
                self.state = State::Token { layout, missing: missing - u64::from(len) };
                Ok(Step::Item(Some(Event::Matched { offset, len })))
            }
            Token::End => {
                self.state = State::Sum;
                Ok(Step::Item(None))
            }
        }
    }

    fn read_literal(&mut self, layout: BlockLayout, missing: u64, left: u32) -> Read<T> {
        let piece = match self.input.literal(left as usize)? {
            Step::Item(piece) => piece,
            other => return Ok(other.map(|_| None)),
        };
        let missing = missing - piece.len() as u64;
        let left = left - piece.len() as u32;
        self.state = match left {
            0 => State::Token { layout, missing },
            _ => State::Literal { layout, missing, left },
        };
        Ok(Step::Item(Some(Event::Literal(piece))))
    }

    fn read_sum(&mut self) -> Read<T> {
        let len = self.sum_len;
        match self.input.item(|cursor| cursor.take(len).map(StrongSum::new))? {
            Step::Item(sum) => {
                self.state = State::Index;
                let received = self.input.data_bytes() - self.content_began_at;
                Ok(Step::Item(Some(Event::FileEnds { sum, received })))
            }
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_stats(&mut self) -> Read<T> {
        let old = self.protocol < 30;
        let read = |cursor: &mut Cursor<'_>| -> Parse<ServerStats> {
            let mut next = || -> Parse<u64> {
                Ok(if old { cursor.longint() } else { cursor.varlong(3) }?.max(0) as u64)
            };
            Ok(ServerStats {
                read: next()?,
                written: next()?,
                total_size: next()?,
                list_build_ms: next()?,
                list_send_ms: next()?,
            })
        };
        match self.input.item(read)? {
            Step::Item(stats) => {
                self.state = if self.protocol >= 31 { State::LastDone } else { State::Finished };
                Ok(Step::Item(Some(Event::Finished(Some(stats)))))
            }
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_last_index(&mut self, expected: Index) -> Read<T> {
        let codec = &mut self.index;
        match self.input.item(|cursor| codec.read(cursor))? {
            Step::Item(index) if index == expected => {
                self.state = State::Finished;
                Ok(Step::Item(None))
            }
            Step::Item(other) => Err(Error::Violation(format!("it sent {other:?} in place of a goodbye"))),
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_nothing(&mut self) -> Read<T> {
        match self.input.has_data()? {
            Step::Item(()) => Err(Error::Violation("it went on after the end of the transfer".to_owned())),
            other => Ok(other.map(|()| None)),
        }
    }

    fn message(&mut self, tag: Tag, payload: &[u8]) -> Result<Option<Event<T>>> {
        let number =
            || u32::from_le_bytes(payload.try_into().expect("the length was checked with the header"));
        let text = |severity| {
            let text = payload.strip_suffix(b"\n").unwrap_or(payload);
            Ok((!text.is_empty()).then(|| {
                let lines: Vec<String> = text.split(|byte| *byte == b'\n').map(printable).collect();
                Event::Message(severity, lines.join("\n"))
            }))
        };
        self.check_message(tag)?;
        self.message_bytes += payload.len() as u64;
        if self.message_bytes > limits::MAX_MESSAGES {
            return Err(Error::Limit { what: "the size of all messages", limit: limits::MAX_MESSAGES });
        }
        match tag {
            Tag::Info => text(Severity::Info),
            Tag::Warning => text(Severity::Warning),
            Tag::Error | Tag::ErrorUtf8 => text(Severity::Error),
            Tag::ErrorTransfer => text(Severity::Partial),
            Tag::IoError => {
                self.io_error |= number() & io_error::KNOWN;
                Ok(None)
            }
            Tag::IoTimeout => Ok(Some(Event::ServerTimeout(number()))),
            Tag::Noop | Tag::Data => Ok(None),
            Tag::ErrorExit => {
                let code = if payload.is_empty() { 0 } else { number() as i32 };
                Err(Error::Refused { kind: Refused::Transfer(code), message: String::new() })
            }
            Tag::NoSend => self.not_sent(number()).map(Some),
            Tag::Deleted => Err(Error::Violation("it reports deletions that it cannot have made".to_owned())),
        }
    }

    /// A refusal can overtake the answers to earlier requests, so it need not be the oldest one's turn.
    fn not_sent(&mut self, index: u32) -> Result<Event<T>> {
        let answering = matches!(self.state, State::XattrValues { .. } | State::Layout);
        let place = self.asked.iter().position(|asked| asked.index == index && asked.wanted.is_some());
        match place {
            Some(place) if !(answering && place == 0) => {
                let Asked { xattrs, values, ticket, .. } = self.asked.remove(place).expect("just found");
                if let Some(set) = xattrs.filter(|_| !values.is_empty()) {
                    let same = |asked: &&mut Asked<T>| {
                        asked.xattrs.as_ref().is_some_and(|other| Arc::ptr_eq(other, &set))
                    };
                    match self.asked.iter_mut().skip(place).find(same) {
                        Some(next) => next.values.extend(values),
                        None => self.owed.push((set, values)),
                    }
                }
                Ok(Event::NotSent(ticket))
            }
            _ => Err(Error::Violation(format!("it refused file {index}, which was not asked for"))),
        }
    }
}

/// More content than the file can have.
pub(super) fn too_long(len: u64, missing: u64) -> Error {
    Error::Violation(format!("it sent {len} bytes where at most {missing} can be missing of a file"))
}

/// A reference to a block that the basis does not have.
pub(super) fn no_such_block(number: u32, layout: BlockLayout) -> Error {
    Error::Violation(format!("it referred to block {number} of {}", layout.count))
}
