//! A connection with a client: bytes in both directions, in frames once the handshake is over; messages; and the clocks
//! that end it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::voice::Voice;
use super::inlet::{Inlet, MOST_WAITING, Opened};
use super::outlet::Outlet;
use super::stream::{Moved, Stream};
use crate::error::{Error, printable};
use crate::wire::frame::Tag;
use crate::wire::{Cursor, Parse, Stop};

/// What is appended goes out as soon as there is more than this.
const PUSH: usize = 64 * 1024;
/// Most bytes of a text in a message. Clients that read up to 5,120 bytes of it end where there is more.
const MOST_TEXT: usize = 4600;
/// Messages that wait beyond this are sent at the next breath, however long the client takes.
const MOST_SAID: usize = 256 * 1024;
/// How often it is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(250);
/// How often a breath looks at the socket.
const BREATH: Duration = Duration::from_millis(20);
/// How long a client has to take a refusal.
const LINGER: Duration = Duration::from_secs(3);
/// Longest item that may be read at once.
const MOST_ITEM: usize = 1024 * 1024;

/// Hears what is said to a client in messages of text.
pub(super) type Hears = Box<dyn FnMut(Tag, &str) + Send>;

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
        f.debug_struct("Line").field("read", &self.read).field("written", &self.written).finish_non_exhaustive()
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
    pub(super) fn set_hears(&mut self, hears: Hears) {
        self.hears = Some(hears);
    }

    /// When at the latest something has to be over; nothing lifts it.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// How long the client may be silent, and how many bytes per second it wants; 0 means without bound.
    pub(super) fn set_pace(&mut self, idle: Duration, keep_alive: Option<Duration>, bandwidth: u64) {
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
    pub(super) fn read_until(&mut self, end: u8, most: usize, what: &'static str) -> Result<Vec<u8>, Failure> {
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
                Moved::Bytes(_) => {}
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
            if ready.reading && reading && self.receive()? == Moved::End {
                return Err(Failure::HungUp);
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
    pub(super) fn tell_timeout(&mut self, seconds: u32) {
        self.outlet.message(Tag::IoTimeout, seconds.to_le_bytes().to_vec());
    }

    /// Bytes that were read, and bytes that were written, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.read, self.written)
    }

    /// Says no more, and waits a moment for the client to hang up: what it has not read yet would be lost if bytes of its own
    /// were not taken.
    pub(super) fn linger(&mut self) {
        self.stream.shut();
        let until = Instant::now() + LINGER;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.stream.wait(true, false, left.min(LOOK)) {
                Ok(ready) if !ready.reading && !ready.hung_up => continue,
                Ok(_) => {}
                Err(_) => return,
            }
            let room = self.inlet.room();
            let known = room.len();
            let moved = self.stream.read(room);
            room.truncate(known);
            if !matches!(moved, Ok(Moved::Bytes(_) | Moved::NotNow)) {
                return;
            }
        }
    }

    /// Gets more of the stream, or waits for it.
    fn fill(&mut self) -> Result<(), Failure> {
        if self.open()? {
            return Ok(());
        }
        let since = Instant::now();
        loop {
            match self.receive()? {
                Moved::Bytes(_) if !self.inlet.is_framed() || self.open()? => return Ok(()),
                Moved::Bytes(_) => continue,
                Moved::End => return Err(Failure::HungUp),
                Moved::NotNow => {}
            }
            if self.outlet.waiting() > 0 {
                self.flush()?;
                continue;
            }
            self.wait(true, false, since)?;
        }
    }

    /// Whether there is more of the stream than before. Without frames, that is what was received.
    fn open(&mut self) -> Result<bool, Failure> {
        match self.inlet.open()? {
            Opened::More => Ok(true),
            Opened::Short => Ok(false),
            Opened::Exit(_) => Err(Failure::HungUp),
        }
    }

    fn receive(&mut self) -> Result<Moved, Failure> {
        let moved = self.stream.read(self.inlet.room()).map_err(Failure::Network)?;
        if let Moved::Bytes(len) = moved {
            self.read += len as u64;
        }
        Ok(moved)
    }

    /// Sends what the client takes and its bandwidth allows now. Whether that was anything.
    fn send_some(&mut self) -> Result<bool, Failure> {
        let mut most = usize::MAX;
        if self.bandwidth > 0 {
            if Instant::now() < self.due {
                return Ok(false);
            }
            // A tenth of a second's worth at a time.
            most = usize::try_from(self.bandwidth / 10).unwrap_or(usize::MAX).max(512);
        }
        let stream = &mut self.stream;
        let moved = self.outlet.with_slices(most, |slices| stream.write(slices)).map_err(Failure::Network)?;
        match moved {
            Moved::Bytes(len) => {
                self.outlet.sent(len);
                self.written += len as u64;
                self.last_written = Instant::now();
                if self.bandwidth > 0 {
                    let start = self.due.max(self.last_written);
                    self.due = start + Duration::from_secs_f64(len as f64 / self.bandwidth as f64);
                }
                Ok(true)
            }
            Moved::NotNow => Ok(false),
            Moved::End => Err(Failure::HungUp),
        }
    }

    /// Waits a moment for the client.
    fn wait(&mut self, reading: bool, writing: bool, since: Instant) -> Result<super::stream::Ready, Failure> {
        let now = Instant::now();
        self.check(now)?;
        let waited = now.duration_since(since);
        let held_back = if writing { self.due.saturating_duration_since(now) } else { Duration::ZERO };
        if waited >= self.idle && held_back.is_zero() {
            return Err(Failure::Silent(self.idle));
        }
        if held_back.is_zero() {
            let until_idle = self.idle - waited;
            let alive = self.keep_alive.map_or(LOOK, |after| {
                after.saturating_sub(now.duration_since(self.last_written)).max(Duration::from_millis(1))
            });
            if !writing {
                self.live(now)?;
            }
            self.stream.wait(reading, writing, LOOK.min(until_idle).min(alive)).map_err(Failure::Network)
        } else {
            self.stream.wait(reading, false, LOOK.min(held_back)).map_err(Failure::Network)
        }
    }

    fn check(&self, now: Instant) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        match self.deadline {
            Some(deadline) if now >= deadline => Err(Failure::Silent(self.idle)),
            _ => Ok(()),
        }
    }

    /// Sends a sign of life if one is due. What the client does not take now is no reason to wait.
    fn live(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(after) = self.keep_alive else { return Ok(()) };
        if now.duration_since(self.last_written) < after || !self.outlet.is_framed() {
            return Ok(());
        }
        if self.outlet.waiting() == 0 {
            self.outlet.message(Tag::Data, Vec::new());
        }
        self.outlet.seal();
        self.send_some()?;
        // Tried is as good as sent: the next one is due as long after it.
        self.last_written = now;
        Ok(())
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
