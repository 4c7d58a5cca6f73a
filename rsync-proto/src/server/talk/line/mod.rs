//! A connection with a client: bytes in both directions, in frames once the handshake is over; messages; and the clocks
//! that end it.

mod moving;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::voice::Voice;
use super::inlet::{Inlet, MOST_WAITING};
use super::outlet::Outlet;
use super::stream::{Moved, Stream};
use crate::error::{Error, printable};
use crate::wire::frame::Tag;
use crate::wire::{Cursor, Parse, Stop};

/// What is appended goes out as soon as there is more than this.
const PUSH: usize = 64 * 1024;
/// Most bytes of a text in a message. Clients that read up to 5,120 bytes of it end where there is more.
pub(in crate::server::talk) const MOST_TEXT: usize = 4600;
/// Messages that wait beyond this are sent at the next breath, however long the client takes.
const MOST_SAID: usize = 256 * 1024;
/// How often a breath looks at the socket.
const BREATH: Duration = Duration::from_millis(20);
/// Longest item that may be read at once.
const MOST_ITEM: usize = 1024 * 1024;

/// Hears what is said to a client in messages of text.
pub(in crate::server::talk) type Hears = Box<dyn FnMut(Tag, &str) + Send>;

/// A connection.
pub(in crate::server) struct Line {
    stream: Stream,
    inlet: Inlet,
    outlet: Outlet,
    read: u64,
    written: u64,
    /// How long the client may say nothing, and take nothing, while it is waited for.
    idle: Duration,
    /// When at the latest a stage has to be over.
    deadline: Option<Instant>,
    /// A sign of life is due after so long without a byte to the client.
    keep_alive: Option<Duration>,
    last_written: Instant,
    last_breath: Instant,
    /// Bytes per second; 0 means without bound.
    bandwidth: u64,
    /// When the next byte may go out.
    due: Instant,
    stop: Arc<AtomicBool>,
    hears: Option<Hears>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("read", &self.read)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// Over a stream, without frames yet. `stop` ends it at once.
    pub fn new(stream: Stream, idle: Duration, stop: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        Self {
            stream,
            inlet: Inlet::default(),
            outlet: Outlet::default(),
            read: 0,
            written: 0,
            idle,
            deadline: None,
            keep_alive: None,
            last_written: now,
            last_breath: now,
            bandwidth: 0,
            due: now,
            stop,
            hears: None,
        }
    }

    /// Over bytes in memory.
    #[cfg(test)]
    pub fn over(input: &[u8], output: &Arc<std::sync::Mutex<Vec<u8>>>) -> Self {
        let stream = Stream::Memory { input: input.iter().copied().collect(), output: Arc::clone(output) };
        Self::new(stream, Duration::from_secs(5), Arc::default())
    }

    /// Who hears what is said to the client.
    pub(in crate::server::talk) fn set_hears(&mut self, hears: Hears) {
        self.hears = Some(hears);
    }

    /// When at the latest something has to be over; nothing lifts it.
    pub(in crate::server::talk) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// How long the client may be silent, and how many bytes per second it wants; 0 means without bound.
    pub(in crate::server::talk) fn set_pace(
        &mut self,
        idle: Duration,
        keep_alive: Option<Duration>,
        bandwidth: u64,
    ) {
        (self.idle, self.keep_alive, self.bandwidth) = (idle, keep_alive, bandwidth);
    }

    /// From now on we send frames.
    pub(in crate::server) fn begin_frames_out(&mut self) {
        self.outlet.set_framed();
    }

    /// From now on the client sends frames, or does not.
    ///
    /// # Errors
    /// It is in the midst of one.
    pub(in crate::server) fn set_frames_in(&mut self, framed: bool) -> Result<(), Failure> {
        self.inlet.set_framed(framed)
    }

    /// Parses something off the client's stream; waits for more bytes as long as they are not enough, and flushes what is
    /// to be sent before it waits.
    ///
    /// # Errors
    /// The bytes mean nothing, or do not come.
    pub fn read<T>(&mut self, mut parse: impl FnMut(&mut Cursor<'_>) -> Parse<T>) -> Result<T, Failure> {
        loop {
            let stream = self.inlet.stream();
            let mut cursor = Cursor::new(stream);
            match parse(&mut cursor) {
                Ok(value) => {
                    let used = cursor.position();
                    self.inlet.advance(used);
                    return Ok(value);
                }
                Err(Stop::Short(_)) if stream.len() > MOST_ITEM => {
                    return Err(Failure::Limit { what: "an item of the client", limit: MOST_ITEM as u64 });
                }
                Err(Stop::Short(_)) => self.fill()?,
                Err(Stop::Bad(error)) => {
                    return Err(match *error {
                        Error::Malformed(malformed) => malformed.into(),
                        Error::Limit { what, limit } => Failure::Limit { what, limit },
                        Error::Violation(rule) => Failure::Violation(rule),
                        error => Failure::Violation(error.to_string()),
                    });
                }
            }
        }
    }

    /// Takes bytes up to an end, which is not part of what is returned.
    ///
    /// # Errors
    /// It does not come within so many bytes, or not at all.
    pub(in crate::server::talk) fn read_until(
        &mut self,
        end: u8,
        most: usize,
        what: &'static str,
    ) -> Result<Vec<u8>, Failure> {
        let mut taken = Vec::new();
        loop {
            let stream = self.inlet.stream();
            let window = &stream[..stream.len().min(most + 1 - taken.len())];
            if let Some(at) = window.iter().position(|byte| *byte == end) {
                taken.extend_from_slice(&window[..at]);
                self.inlet.advance(at + 1);
                return Ok(taken);
            }
            let len = window.len();
            taken.extend_from_slice(window);
            self.inlet.advance(len);
            if taken.len() > most {
                return Err(Failure::Limit { what, limit: most as u64 });
            }
            self.fill()?;
        }
    }

    /// Takes exactly `len` bytes, appended to `into`.
    ///
    /// # Errors
    /// They do not come.
    pub fn read_bytes(&mut self, mut len: usize, into: &mut Vec<u8>) -> Result<(), Failure> {
        while len > 0 {
            let stream = self.inlet.stream();
            let taken = stream.len().min(len);
            into.extend_from_slice(&stream[..taken]);
            self.inlet.advance(taken);
            len -= taken;
            if len > 0 {
                self.fill()?;
            }
        }
        Ok(())
    }

    /// Whether anything of the client is there, without waiting.
    ///
    /// # Errors
    /// It broke the protocol, or hung up.
    pub fn has_input(&mut self) -> Result<bool, Failure> {
        loop {
            if !self.inlet.stream().is_empty() {
                return Ok(true);
            }
            if self.open()? {
                continue;
            }
            match self.receive()? {
                // Frames without content have no end by themselves.
                Moved::Bytes(_) => self.check(Instant::now())?,
                Moved::NotNow => return Ok(false),
                Moved::End => return Err(Failure::HungUp),
            }
        }
    }

    /// Where bytes of our stream are appended; the header of their frame is put in front when they go out.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.outlet.open
    }

    /// Sends what waits if it is more than 64 KiB. While the client does not take it, its requests are read.
    ///
    /// # Errors
    /// The client hung up, or takes nothing.
    pub fn push(&mut self) -> Result<(), Failure> {
        if self.outlet.waiting() > PUSH { self.flush() } else { Ok(()) }
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// The client hung up, or takes nothing.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.outlet.seal();
        let mut since = Instant::now();
        while self.outlet.queued() > 0 {
            if self.send_some()? {
                since = Instant::now();
                continue;
            }
            let reading = self.inlet.waiting() < MOST_WAITING;
            let ready = self.wait(reading, true, since)?;
            if ready.reading && reading {
                match self.receive()? {
                    Moved::End => return Err(Failure::HungUp),
                    // A client that takes nothing may be busy, and says that it is there.
                    Moved::Bytes(_) => since = Instant::now(),
                    Moved::NotNow => {}
                }
            }
            if ready.hung_up && !ready.reading && !ready.writing {
                return Err(Failure::HungUp);
            }
        }
        Ok(())
    }

    /// A message with a payload that is not text, in its place in the order.
    ///
    /// # Errors
    /// The client hung up, or takes nothing.
    pub fn message(&mut self, tag: Tag, payload: &[u8]) -> Result<(), Failure> {
        self.outlet.message(tag, payload.to_vec());
        self.push()
    }

    /// How long the client is waited for: it goes out with what follows.
    pub(in crate::server::talk) fn tell_timeout(&mut self, seconds: u32) {
        self.outlet.message(Tag::IoTimeout, seconds.to_le_bytes().to_vec());
    }

    /// Bytes that were read, and bytes that were written, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.read, self.written)
    }

    fn put_text(&mut self, tag: Tag, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut text = line[..line.len().min(MOST_TEXT)].to_vec();
        if let Some(hears) = &mut self.hears {
            hears(tag, &printable(&text));
        }
        text.push(b'\n');
        self.outlet.message(tag, text);
    }
}

impl Voice for Line {
    fn say(&mut self, tag: Tag, line: &[u8]) {
        self.put_text(tag, line);
    }

    fn breathe(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now.duration_since(self.last_breath) < BREATH {
            return Ok(());
        }
        self.last_breath = now;
        self.check(now)?;
        let reading = self.inlet.waiting() < MOST_WAITING;
        let ready = self.stream.wait(reading, false, Duration::ZERO).map_err(Failure::Network)?;
        if ready.hung_up {
            return Err(Failure::HungUp);
        }
        if ready.reading && reading && self.receive()? == Moved::End {
            return Err(Failure::HungUp);
        }
        if self.outlet.queued() > MOST_SAID {
            return self.flush();
        }
        if self.outlet.waiting() > 0 && self.outlet.is_framed() {
            // What is ready should not wait for what is not.
            self.outlet.seal();
            self.send_some()?;
        }
        self.live(now)
    }
}

#[cfg(test)]
mod tests;
