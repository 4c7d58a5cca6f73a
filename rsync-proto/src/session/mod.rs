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
//! whenever the connection can take bytes. When [`Event::Finished`] was handed out, only the server's goodbye
//! and the end of the connection may follow.

mod events;
mod input;
mod live;
mod output;
mod packed;
mod passed_over;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes};

use crate::compression::{CompressionKind, Unpacker};
use crate::delta::BlockLayout;
use crate::error::{Error, Result};
use crate::flist::{ListDecoder, XattrSet};
use crate::handshake::Agreed;
use crate::wire::IndexCodec;
pub use events::{Command, Event, Request, ServerStats, Severity, Wanted};
use input::Input;
use live::LiveSegments;
use output::Output;
use passed_over::PassedOver;
use send::Sums;

/// One transfer after its handshake.
pub struct Session<T> {
    protocol: u8,
    inc_recurse: bool,
    /// Bytes of messages so far.
    message_bytes: u64,
    sum_len: usize,
    growth: u64,
    decoder: ListDecoder,
    input: Input,
    index: IndexCodec,
    output: Output,
    sums: Sums<T>,
    state: State,
    compression: Option<CompressionKind>,
    /// What unpacks literals; nothing if they are not packed, or are handed out as they are.
    unpacker: Option<Unpacker>,
    /// Packed bytes that wait to be unpacked.
    packed: Bytes,
    asked: VecDeque<Asked<T>>,
    /// What protocol 29 needs in place of refusals and signs of life.
    passed_over: Option<Box<PassedOver>>,
    /// Values that the server took note of with a file that it then refused: it sends them with the next file
    /// of the same set, without being asked again.
    owed: Vec<(Arc<XattrSet>, Vec<usize>)>,
    live: LiveSegments,
    list_complete: bool,
    closing: bool,
    /// How many times the server has still to say that it is done.
    done_expected: u32,
    io_error: u32,
    list_bytes: u64,
    list_began_at: u64,
    content_began_at: u64,
    /// Bytes of the file at hand that were handed out packed.
    deflated: u64,
    /// Where in the stream content last came to something.
    last_output_at: u64,
}

/// A request without an answer.
struct Asked<T> {
    index: u32,
    flags: u16,
    wanted: Option<WantedContent>,
    xattrs: Option<Arc<XattrSet>>,
    /// Numbers of the values that were asked for and have not come.
    values: Vec<usize>,
    ticket: T,
}

/// What content was asked for.
#[derive(Debug, Clone, Copy)]
struct WantedContent {
    layout: BlockLayout,
    /// The size that the list announced, in bytes.
    size: u64,
    /// Bytes at its beginning that are here already.
    kept: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    List,
    Index,
    Flags {
        index: u32,
    },
    /// So many requests were passed over, which have to be told of before going on.
    PassedOver {
        left: usize,
        is_answer: bool,
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
    PackedToken {
        layout: BlockLayout,
        missing: u64,
        before: u32,
    },
    Packed {
        layout: BlockLayout,
        missing: u64,
        before: u32,
        left: usize,
    },
    Blocks {
        layout: BlockLayout,
        missing: u64,
        next: u32,
        last: u32,
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
        let mut output = Output::new(agreed.protocol);
        output.stream().put_slice(&agreed.rules);
        if let Some(names) = &agreed.names {
            // Before protocol 31 the server takes the names as they are, not in frames.
            output.put_names(names.as_bytes(), agreed.protocol >= 31);
        }
        Self {
            protocol: agreed.protocol,
            inc_recurse: agreed.list.inc_recurse,
            message_bytes: 0,
            sum_len: agreed.summer.kind.sum_len(),
            growth: agreed.list.limits.growth,
            decoder,
            input: Input::default(),
            index: IndexCodec::new(agreed.protocol),
            output,
            sums: Sums::default(),
            state: State::List,
            compression: agreed.compression,
            unpacker: agreed.compression.and_then(Unpacker::new),
            packed: Bytes::new(),
            asked: VecDeque::new(),
            passed_over: PassedOver::new(agreed.protocol),
            owed: Vec::new(),
            live: LiveSegments::default(),
            list_complete: false,
            closing: false,
            done_expected: 0,
            io_error: 0,
            list_bytes: 0,
            list_began_at: 0,
            content_began_at: 0,
            deflated: 0,
            last_output_at: 0,
        }
    }

    /// Takes the next chunk of the connection. The one before must have been polled to its end.
    pub fn feed(&mut self, chunk: Bytes) {
        self.input.feed(chunk);
    }

    /// Bytes for the server; empty if there are none.
    pub fn take_output(&mut self) -> Bytes {
        if !self.sums.are_due() {
            self.mark();
        }
        self.output.take()
    }

    /// Bytes that wait to be taken.
    pub fn output_waiting(&self) -> usize {
        self.output.waiting()
    }

    /// A sign of life for the server; empty where it could not read one now (protocol 29).
    pub fn keep_alive(&mut self) -> Bytes {
        match &self.passed_over {
            None => self.output.keep_alive(),
            Some(_) if self.closing || self.sums.are_due() => Bytes::new(),
            Some(passed_over) => passed_over.sign(),
        }
    }

    /// I/O errors that the server told of: bits of [`crate::wire::flags::io_error`].
    pub fn io_error(&self) -> u32 {
        self.io_error
    }

    /// Bytes of the file list, without frame headers.
    pub fn list_bytes(&self) -> u64 {
        self.list_bytes
    }

    /// Bytes of the stream received so far, without frame headers, messages and signs of life: the measure of
    /// progress.
    pub fn stream_bytes(&self) -> u64 {
        let bytes = self.input.data_bytes();
        match &self.passed_over {
            None => bytes,
            Some(passed_over) => bytes - passed_over.signs() - self.possible_sign(),
        }
    }

    /// Whether all is done, and only the end of the connection may follow.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished | State::Empty)
    }

    /// Whether it is the server's turn: an answer, the next segment or the end is due.
    pub fn is_waiting(&self) -> bool {
        // While sums are due, it is ours: the server waits for them.
        !self.sums.are_due() && (self.awaits_answers() || self.live.all_scanned())
    }

    fn awaits_answers(&self) -> bool {
        !self.asked.is_empty()
            || self.passed_over.as_ref().is_some_and(|passed_over| passed_over.is_waiting())
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
            State::Index if !self.awaits_answers() => "the next segment or the end of a phase",
            State::Index | State::Flags { .. } | State::PassedOver { .. } | State::Layout => {
                "an answer to a request"
            }
            State::XattrValues { .. } => "extended attributes",
            State::Token { .. }
            | State::Literal { .. }
            | State::PackedToken { .. }
            | State::Packed { .. }
            | State::Blocks { .. }
            | State::Sum => "the content of a file",
            State::Stats | State::LastDone | State::Empty | State::Finished => "the statistics",
        }))
    }
}
