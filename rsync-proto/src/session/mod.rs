//! The protocol after the handshake, as a state machine that is fed with bytes, requests and results, and
//! hands out bytes and events. It knows neither sockets nor files nor clocks.
//!
//! ```text
//!                 ┌────────────── segment of the file list ◄─┐
//!                 ▼                                          │
//!  first segment ──► index ──► segment n ────────────────────┘
//!                    │  ▲ ▲
//!                    │  │ └── done (a segment let go, the end of a phase) ──► … ──► statistics ──► end
//!                    ▼  │
//!            flags, echoed ──► values of extended attributes ──► block layout, echoed
//!                       ▲                                              │
//!                       └──── whole-file sum ◄── literals and blocks ◄─┘
//! ```
//!
//! The call order: [`Session::feed`] a chunk, then [`Session::poll`] until it returns nothing; in between,
//! [`Session::command`] for what the generator and the disk workers have to say; and [`Session::take_output`]
//! whenever the connection can take bytes. When [`Event::Finished`] was handed out, only the end of the
//! connection may follow.

mod input;
mod live;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes};

use crate::checksum::StrongSum;
use crate::delta::{BlockLayout, Token};
use crate::error::{Error, Malformed, Refused, Result, printable};
use crate::flist::{ListDecoder, Segment, XattrSet, check_value_len};
use crate::handshake::Agreed;
use crate::wire::flags::{io_error, item};
use crate::wire::frame::Tag;
use crate::wire::{Cursor, Index, IndexCodec, Parse, put};
use input::{Input, Step};
use live::LiveSegments;
use output::Output;

/// Something to ask the server for. `T` is the caller's own note on it, handed back with the answer.
#[derive(Debug)]
pub struct Request<T> {
    /// The entry's index.
    pub index: u32,
    /// What of it changes, for the server's log: bits of [`crate::wire::flags::item`].
    pub changes: u16,
    /// What is wanted.
    pub wanted: Wanted,
    /// The set of extended attributes, if values of it are missing here.
    pub xattrs: Option<Arc<XattrSet>>,
    /// The caller's note.
    pub ticket: T,
}

/// What of a file is wanted.
#[derive(Debug)]
pub enum Wanted {
    /// The values of extended attributes only.
    Attributes,
    /// The content, against a basis.
    Content {
        /// How the basis was cut; [`BlockLayout::NONE`] without one.
        layout: BlockLayout,
        /// The sums of its blocks, as they go out.
        sums: Vec<u8>,
        /// The size that the list announced, in bytes.
        size: u64,
    },
}

/// What the generator and the disk workers have to say to the session.
#[derive(Debug)]
pub enum Command<T> {
    /// Ask for something. Holds the entry until it is released.
    Ask(Request<T>),
    /// The entry at this index may still be asked for.
    Hold(u32),
    /// Nothing more will be asked about the entry at this index, on account of one earlier hold or request.
    Release(u32),
    /// All entries of the segment that begins at this index have been looked at.
    Scanned(u32),
}

/// How a message of the server is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Info,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
    /// Something failed and the transfer is incomplete by it.
    Partial,
}

/// What the server counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Bytes that it read from this client.
    pub read: u64,
    /// Bytes that it wrote to this client.
    pub written: u64,
    /// Sizes of all files of the list, in bytes.
    pub total_size: u64,
    /// Time to make the file list, in milliseconds.
    pub list_build_ms: u64,
    /// Time to send the file list, in milliseconds.
    pub list_send_ms: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Event<T> {
    /// A segment of the file list is complete.
    Segment(Arc<Segment>),
    /// No further segment will come.
    ListEnd,
    /// The content of a file begins.
    FileBegins(T),
    /// The next bytes of the file that began.
    Literal(Bytes),
    /// The next bytes of the file that began lie in its basis.
    Matched {
        /// Offset in the basis, in bytes.
        offset: u64,
        /// Length in bytes.
        len: u32,
    },
    /// The file that began is complete; this is the server's sum over it.
    FileEnds(StrongSum),
    /// The values of extended attributes that were asked for are here.
    Attributes(T),
    /// The server cannot send what was asked for.
    NotSent(T),
    /// The server says something; control characters are escaped.
    Message(Severity, String),
    /// The server will give up after this many seconds without a sign of life.
    ServerTimeout(u32),
    /// Everything is done. Nothing was in the list if there are no statistics.
    Finished(Option<ServerStats>),
}

/// One transfer after its handshake.
pub struct Session<T> {
    protocol: u8,
    inc_recurse: bool,
    sum_len: usize,
    decoder: ListDecoder,
    input: Input,
    index: IndexCodec,
    output: Output,
    state: State,
    asked: VecDeque<Asked<T>>,
    live: LiveSegments,
    list_complete: bool,
    closing: bool,
    /// How many times the server has still to say that it is done.
    done_expected: u32,
    io_error: u32,
    list_bytes: u64,
    list_began_at: u64,
}

/// A request without an answer.
struct Asked<T> {
    index: u32,
    flags: u16,
    wanted: Option<(BlockLayout, u64)>,
    xattrs: Option<Arc<XattrSet>>,
    ticket: T,
}

#[derive(Debug, Clone, Copy)]
enum State {
    List,
    Index,
    Flags {
        index: u32,
    },
    XattrValues {
        last: usize,
    },
    Layout,
    Token {
        layout: BlockLayout,
        missing: u64,
    },
    Literal {
        layout: BlockLayout,
        missing: u64,
        left: u32,
    },
    Sum,
    Stats,
    LastDone,
    /// Nothing matched: the server ends after the list.
    Empty,
    Finished,
}

impl<T> Session<T> {
    /// A session that begins with the file list.
    pub fn new(agreed: &Agreed) -> Self {
        let mut decoder = ListDecoder::new(agreed.list.clone());
        decoder.begin();
        let mut output = Output::new();
        // The list of filter rules, which is empty.
        output.stream().put_u32_le(0);
        Self {
            protocol: agreed.protocol,
            inc_recurse: agreed.list.inc_recurse,
            sum_len: agreed.summer.kind.sum_len(),
            decoder,
            input: Input::default(),
            index: IndexCodec::default(),
            output,
            state: State::List,
            asked: VecDeque::new(),
            live: LiveSegments::default(),
            list_complete: false,
            closing: false,
            done_expected: 0,
            io_error: 0,
            list_bytes: 0,
            list_began_at: 0,
        }
    }

    /// Takes the next chunk of the connection. The one before must have been polled to its end.
    pub fn feed(&mut self, chunk: Bytes) {
        self.input.feed(chunk);
    }

    /// Bytes for the server; empty if there are none.
    pub fn take_output(&mut self) -> Bytes {
        self.output.take()
    }

    /// Bytes that wait to be taken.
    pub fn output_waiting(&self) -> usize {
        self.output.waiting()
    }

    /// A sign of life for the server.
    pub fn keep_alive(&mut self) -> Bytes {
        self.output.keep_alive()
    }

    /// I/O errors that the server told of: bits of [`io_error`].
    pub fn io_error(&self) -> u32 {
        self.io_error
    }

    /// Bytes of the file list, without frame headers.
    pub fn list_bytes(&self) -> u64 {
        self.list_bytes
    }

    /// Bytes handed out for the server, with frame headers.
    pub fn bytes_sent(&self) -> u64 {
        self.output.total()
    }

    /// Bytes of the stream received so far, without frame headers and messages: the measure of progress.
    pub fn stream_bytes(&self) -> u64 {
        self.input.data_bytes()
    }

    /// Whether all is done, and only the end of the connection may follow.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished | State::Empty)
    }

    /// Whether it is the server's turn: an answer, the next segment or the end is due.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty() || self.live.all_scanned()
    }

    /// What the end of the connection means now.
    ///
    /// # Errors
    /// [`Error::Gone`], with what was expected instead, unless the session is finished.
    pub fn end_of_input(&self) -> Result<()> {
        if self.is_finished() && self.input.at_border() {
            return Ok(());
        }
        Err(Error::Gone(match self.state {
            State::List => "the file list",
            State::Index if self.asked.is_empty() => "the next segment or the end of a phase",
            State::Index | State::Flags { .. } | State::Layout => "an answer to a request",
            State::XattrValues { .. } => "extended attributes",
            State::Token { .. } | State::Literal { .. } | State::Sum => "the content of a file",
            State::Stats | State::LastDone | State::Empty | State::Finished => "the statistics",
        }))
    }

    /// Takes in what the generator or a disk worker has to say.
    pub fn command(&mut self, command: Command<T>) {
        match command {
            Command::Ask(request) => self.ask(request),
            Command::Hold(index) => self.live.hold(index),
            Command::Release(index) => self.live.release(index),
            Command::Scanned(first_index) => self.live.scanned(first_index),
        }
        self.let_go();
    }

    fn ask(&mut self, request: Request<T>) {
        let Request { index, changes, wanted, xattrs, ticket } = request;
        self.live.hold(index);
        let content = matches!(wanted, Wanted::Content { .. });
        let flags = changes & !(item::TRANSFER | item::REPORT_XATTR)
            | if content { item::TRANSFER } else { 0 }
            | if xattrs.is_some() { item::REPORT_XATTR } else { 0 };
        self.output.put_index(Index::File(index));
        let out = self.output.stream();
        put::u16(out, flags);
        if let Some(set) = &xattrs {
            let mut last = 0;
            for (number, _) in (1..).zip(&set.items).filter(|(_, item)| item.claim_request()) {
                put::varint(out, number - last);
                last = number;
            }
            out.put_u8(0);
        }
        let wanted = match wanted {
            Wanted::Attributes => None,
            Wanted::Content { layout, sums, size } => {
                layout.put(out);
                out.put_slice(&sums);
                Some((layout, size))
            }
        };
        self.asked.push_back(Asked { index, flags, wanted, xattrs, ticket });
    }

    /// Tells the server which segments are finished, and at last that everything is.
    fn let_go(&mut self) {
        while let Some(memory) = self.live.pop_finished() {
            self.decoder.forget(memory);
            self.output.put_index(Index::Done);
            self.done_expected += 1;
        }
        if self.closing || !self.list_complete || !self.asked.is_empty() || !self.live.all_finished() {
            return;
        }
        // The ends of the three phases, and of the deletions from protocol 31 on, need no answer in between:
        // every file is verified, so there is nothing to do in them. The last one lets the server go.
        self.closing = true;
        self.done_expected += 3;
        let goodbyes = if self.protocol >= 31 { 5 } else { 4 };
        (0..goodbyes).for_each(|_| self.output.put_index(Index::Done));
    }

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
                State::XattrValues { last } => self.read_xattr_values(last)?,
                State::Layout => self.read_layout()?,
                State::Token { layout, missing } => self.read_token(layout, missing)?,
                State::Literal { layout, missing, left } => self.read_literal(layout, missing, left)?,
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

    fn read_list(&mut self) -> Result<Step<Option<Event<T>>>> {
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
        self.live.add(segment.first_index(), segment.len(), segment.memory());
        self.let_go();
        Ok(Step::Item(Some(Event::Segment(Arc::new(segment)))))
    }

    fn read_index(&mut self) -> Result<Step<Option<Event<T>>>> {
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

    fn read_flags(&mut self, index: u32) -> Result<Step<Option<Event<T>>>> {
        let flags = match self.input.item(|cursor| cursor.u16())? {
            Step::Item(flags) => flags,
            other => return Ok(other.map(|_| None)),
        };
        let Some(asked) = self.asked.front().filter(|asked| asked.index == index) else {
            return Err(Error::Violation(format!("it answered for file {index}, which is not its turn")));
        };
        if asked.flags != flags {
            let rule = format!("it answered {flags:#x} to a request {:#x}", asked.flags);
            return Err(Error::Violation(rule));
        }
        self.state = State::XattrValues { last: 0 };
        if asked.xattrs.is_none() {
            return Ok(Step::Item(self.attributes_complete()));
        }
        Ok(Step::Item(None))
    }

    /// The part of an answer before the content is over.
    fn attributes_complete(&mut self) -> Option<Event<T>> {
        let asked = self.asked.front().expect("an answer belongs to a request");
        if asked.wanted.is_some() {
            self.state = State::Layout;
            return None;
        }
        self.state = State::Index;
        let ticket = self.asked.pop_front().expect("just looked at").ticket;
        Some(Event::Attributes(ticket))
    }

    fn read_xattr_values(&mut self, last: usize) -> Result<Step<Option<Event<T>>>> {
        let set = self.asked.front().and_then(|asked| asked.xattrs.as_ref()).expect("a set was asked for");
        let read = |cursor: &mut Cursor<'_>| -> Parse<Option<usize>> {
            let step = cursor.varint()?;
            if step == 0 {
                return Ok(None);
            }
            let number = i64::try_from(last).expect("a small number") + i64::from(step);
            let item = usize::try_from(number - 1)
                .ok()
                .and_then(|at| set.items.get(at))
                .ok_or_else(|| Malformed::new("the number of an extended attribute", number.to_string()))?;
            let len = cursor.varint_len("the length of an extended attribute")?;
            check_value_len(len)?;
            item.receive(cursor.take(len)?)?;
            Ok(Some(number as usize))
        };
        match self.input.item(read)? {
            Step::Item(Some(last)) => {
                self.state = State::XattrValues { last };
                Ok(Step::Item(None))
            }
            Step::Item(None) => Ok(Step::Item(self.attributes_complete())),
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_layout(&mut self) -> Result<Step<Option<Event<T>>>> {
        let answer = match self.input.item(BlockLayout::read)? {
            Step::Item(answer) => answer,
            other => return Ok(other.map(|_| None)),
        };
        let asked = self.asked.pop_front().expect("an answer belongs to a request");
        let (layout, size) = asked.wanted.expect("content was asked for");
        if answer != layout {
            let rule = format!("it answered with the block layout {answer:?} to {layout:?}");
            return Err(Error::Violation(rule));
        }
        self.state = State::Token { layout, missing: size };
        Ok(Step::Item(Some(Event::FileBegins(asked.ticket))))
    }

    fn read_token(&mut self, layout: BlockLayout, missing: u64) -> Result<Step<Option<Event<T>>>> {
        let token = match self.input.item(Token::read)? {
            Step::Item(token) => token,
            other => return Ok(other.map(|_| None)),
        };
        let too_long = |len: u32| {
            Error::Violation(format!(
                "it sent {len} bytes where only {missing} of the announced size are missing"
            ))
        };
        match token {
            Token::Literal(len) if u64::from(len) > missing => Err(too_long(len)),
            Token::Literal(left) => {
                self.state = State::Literal { layout, missing, left };
                Ok(Step::Item(None))
            }
            Token::Block(number) => {
                let (offset, len) = layout.block(number).ok_or_else(|| {
                    Error::Violation(format!("it referred to block {number} of {}", layout.count))
                })?;
                if u64::from(len) > missing {
                    return Err(too_long(len));
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

    fn read_literal(
        &mut self,
        layout: BlockLayout,
        missing: u64,
        left: u32,
    ) -> Result<Step<Option<Event<T>>>> {
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

    fn read_sum(&mut self) -> Result<Step<Option<Event<T>>>> {
        let len = self.sum_len;
        match self.input.item(|cursor| cursor.take(len).map(StrongSum::new))? {
            Step::Item(sum) => {
                self.state = State::Index;
                Ok(Step::Item(Some(Event::FileEnds(sum))))
            }
            other => Ok(other.map(|_| None)),
        }
    }

    fn read_stats(&mut self) -> Result<Step<Option<Event<T>>>> {
        let read = |cursor: &mut Cursor<'_>| -> Parse<ServerStats> {
            let mut next = || -> Parse<u64> { Ok(cursor.varlong(3)?.max(0) as u64) };
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

    fn read_last_index(&mut self, expected: Index) -> Result<Step<Option<Event<T>>>> {
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

    fn read_nothing(&mut self) -> Result<Step<Option<Event<T>>>> {
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
                let asked = self.asked.remove(place).expect("just found");
                Ok(Event::NotSent(asked.ticket))
            }
            _ => Err(Error::Violation(format!("it refused file {index}, which was not asked for"))),
        }
    }
}

impl<R> Step<R> {
    fn map<U>(self, with: impl FnOnce(R) -> U) -> Step<U> {
        match self {
            Step::Item(item) => Step::Item(with(item)),
            Step::Message(tag, bytes) => Step::Message(tag, bytes),
            Step::Starved => Step::Starved,
        }
    }
}
