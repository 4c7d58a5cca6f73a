//! The loop of a transfer: bytes in, events to the engine; commands of the engine, bytes out; clocks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::connection::{Connection, hung_up};
use super::pace::Pace;
use super::pool::{Buffer, Pool};
use crate::destination::Destination;
use crate::engine::{Backlog, Engine, Job, Said};
use crate::error::{Error, Refused, Result};
use crate::report::{Earlier, Monitor, Report, Summary};
use crate::session::{Command, Event, ServerStats, Session, Severity};

/// How often clocks are looked at.
const TICK: Duration = Duration::from_millis(500);
/// Parsing pauses after about so much came of a chunk, in bytes, so that the workers can keep up: packed bytes can
/// become many. Whatever is not packed never reaches it.
const PARSE_LIMIT: usize = 6 * 1024 * 1024;
/// What an event counts for besides its bytes.
const EVENT_COST: usize = 16;
/// More bytes than this are not collected for the server: it has to take what it was sent before.
const OUTPUT_LIMIT: usize = 256 * 1024;

/// The connection's side of a transfer.
struct Pump<'a, T> {
    connection: Connection,
    session: Session<T>,
    pool: Pool,
    backlog: Arc<Backlog>,
    /// Parsing paused in the middle of a chunk.
    paused: bool,
    output: Bytes,
    pace: Pace,
    /// The server gives up after so long without a sign of life from here.
    server_patience: Option<Duration>,
    last_tick: Instant,
    last_sent: Instant,
    last_error: Option<String>,
    server_failed: bool,
    server: Option<ServerStats>,
    monitor: &'a dyn Monitor,
}

/// What woke the loop.
enum Woke<S> {
    Said(S),
    Read(Bytes),
    /// There is room for more of the last chunk.
    Room,
    End,
    Wrote,
    Tick,
}

/// Carries a pull through to its end.
pub(crate) async fn pull<D: Destination>(
    connection: Connection,
    session: Session<Job<D>>,
    leftover: BytesMut,
    mut engine: Engine<D>,
    idle: Option<Duration>,
    monitor: &dyn Monitor,
    earlier: &Earlier,
) -> Result<Summary> {
    let mut pump = Pump::new(connection, session, engine.backlog(), idle, monitor);
    let mut done = converse(&mut pump, leftover, &mut engine).await;
    if let Err(error) = done {
        done = Err(pump.connection.explain(error).await);
    }
    if done.as_ref().is_err_and(Error::is_worth_another_try) {
        engine.stop_after_what_came();
        earlier.add(&pump.summary(engine.summary()));
    }
    let summary = earlier.and(done?);
    pump.connection.end().await;
    Ok(summary)
}

async fn converse<D: Destination>(
    pump: &mut Pump<'_, Job<D>>,
    leftover: BytesMut,
    engine: &mut Engine<D>,
) -> Result<Summary> {
    let mut buffer = None;
    let mut ticks = ticks();
    pump.feed(leftover.freeze(), |event, io_error| engine_takes(engine, event, io_error))?;
    engine.dispatch();
    loop {
        pump.keep_time().await?;
        let woke = tokio::select! {
            biased;
            said = engine.said(), if pump.session.output_waiting() < OUTPUT_LIMIT => Woke::Said(said),
            woke = pump.io(&mut buffer) => woke?,
            _ = ticks.tick() => Woke::Tick,
        };
        match woke {
            Woke::Said(said) => {
                let mut said = Some(said);
                while let Some(next) = said {
                    match next {
                        Said::Commands(commands) => pump.take_commands(commands),
                        Said::Fatal(error) => return Err(error),
                    }
                    // The server has to take what it was told before.
                    let room = pump.session.output_waiting() < OUTPUT_LIMIT;
                    said = if room { engine.said_already() } else { None };
                }
            }
            Woke::Read(chunk) => {
                pump.feed(chunk, |event, io_error| engine_takes(engine, event, io_error))?;
                engine.dispatch();
            }
            Woke::Room => {
                pump.parse(|event, io_error| engine_takes(engine, event, io_error))?;
                engine.dispatch();
            }
            Woke::End => {
                pump.session.end_of_input().map_err(|error| pump.explain(error))?;
                break;
            }
            Woke::Wrote => {}
            Woke::Tick => {}
        }
        pump.send()?;
    }
    if pump.session.io_error() != 0 || pump.server_failed {
        engine.server_error();
    }
    engine.finish().await?;
    Ok(pump.summary(engine.summary()))
}

/// Gives each segment to `take`, and asks for nothing.
pub(crate) async fn list(
    connection: Connection,
    session: Session<()>,
    leftover: BytesMut,
    take: impl FnMut(&crate::flist::Segment),
    idle: Option<Duration>,
    monitor: &dyn Monitor,
) -> Result<Summary> {
    let mut pump = Pump::new(connection, session, Arc::default(), idle, monitor);
    match take_lists(&mut pump, leftover, take).await {
        Ok(()) => {
            let summary = pump.summary(Summary::default());
            pump.connection.end().await;
            Ok(summary)
        }
        Err(error) => Err(pump.connection.explain(error).await),
    }
}

async fn take_lists(
    pump: &mut Pump<'_, ()>,
    leftover: BytesMut,
    mut take: impl FnMut(&crate::flist::Segment),
) -> Result<()> {
    let mut buffer = None;
    let mut ticks = ticks();
    let mut chunk = leftover.freeze();
    loop {
        pump.keep_time().await?;
        let mut scanned = Vec::new();
        pump.feed(std::mem::take(&mut chunk), |event, _| {
            if let Event::Segment(segment) = event {
                take(&segment);
                scanned.push(Command::Scanned(segment.first_index()));
            }
        })?;
        pump.take_commands(scanned);
        pump.send()?;
        let woke: Woke<()> = tokio::select! {
            woke = pump.io(&mut buffer) => woke?,
            _ = ticks.tick() => Woke::Tick,
        };
        match woke {
            Woke::Read(bytes) => chunk = bytes,
            Woke::Room | Woke::Tick => {}
            Woke::Wrote | Woke::Said(()) => {}
            Woke::End => {
                return pump.session.end_of_input().map_err(|error| pump.explain(error));
            }
        }
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Whether the connection ended in a way that leaves open whether something is missing.
fn is_cut_off(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// Errors that the server told of before an event have to be known before it.
fn engine_takes<D: Destination>(engine: &mut Engine<D>, event: Event<Job<D>>, io_error: u32) {
    if io_error != 0 {
        engine.server_error();
    }
    match event {
        Event::Segment(segment) => engine.segment(segment),
        Event::ListEnd => engine.list_end(),
        Event::FileBegins(job) => engine.file_begins(job),
        Event::Literal(bytes) => engine.literal(bytes),
        #[cfg(feature = "zlib")]
        Event::Deflated(bytes) => engine.deflated(bytes),
        Event::Matched { offset, len } => engine.matched(offset, len),
        Event::FileEnds { sum, received } => engine.file_ends(sum, received),
        Event::Attributes(job) => engine.attributes(job),
        Event::NotSent(job) => engine.not_sent(job),
        Event::Message(..) | Event::ServerTimeout(_) | Event::Finished(_) => {}
    }
}

impl<'a, T> Pump<'a, T> {
    fn new(
        connection: Connection,
        session: Session<T>,
        backlog: Arc<Backlog>,
        idle: Option<Duration>,
        monitor: &'a dyn Monitor,
    ) -> Self {
        let now = Instant::now();
        Self {
            connection,
            session,
            pool: Pool::new(),
            backlog,
            paused: false,
            output: Bytes::new(),
            pace: Pace::new(idle, now),
            server_patience: idle,
            last_tick: now,
            last_sent: now,
            last_error: None,
            server_failed: false,
            server: None,
            monitor,
        }
    }

    /// Parses a chunk to its end, or until it pauses.
    fn feed(&mut self, chunk: Bytes, take: impl FnMut(Event<T>, u32)) -> Result<()> {
        self.session.feed(chunk);
        self.parse(take)
    }

    /// Goes on with the chunk.
    fn parse(&mut self, mut take: impl FnMut(Event<T>, u32)) -> Result<()> {
        let mut cost = 0;
        self.paused = false;
        while cost < PARSE_LIMIT {
            match self.session.poll() {
                Ok(None) => return Ok(()),
                Ok(Some(Event::Message(severity, text))) => self.message(severity, text),
                Ok(Some(Event::ServerTimeout(seconds))) => self.server_timeout(seconds),
                Ok(Some(Event::Finished(stats))) => self.server = stats,
                Ok(Some(event)) => {
                    if let Event::Segment(segment) = &event {
                        tracing::trace!(first = segment.first_index(), entries = segment.len(), "segment");
                    }
                    cost += EVENT_COST + if let Event::Literal(bytes) = &event { bytes.len() } else { 0 };
                    take(event, self.session.io_error());
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
        self.paused = true;
        Ok(())
    }

    fn message(&mut self, severity: Severity, text: String) {
        self.monitor.report(&Report::Server(severity, &text));
        self.server_failed |= severity == Severity::Partial;
        if matches!(severity, Severity::Error | Severity::Partial) {
            self.last_error = Some(text);
        }
    }

    /// The server's own timeout can only shorten ours.
    fn server_timeout(&mut self, seconds: u32) {
        let patience = Duration::from_secs(seconds.into());
        if seconds > 0 && self.server_patience.is_none_or(|own| patience < own) {
            self.server_patience = Some(patience);
            self.pace.shorten(patience);
        }
    }

    /// Adds the server's last words to an end that it does not explain itself.
    fn explain(&self, error: Error) -> Error {
        match (error, &self.last_error) {
            (Error::Refused { kind: Refused::Transfer(code), .. }, Some(text)) => {
                Error::Refused { kind: Refused::Transfer(code), message: text.clone() }
            }
            (error, _) => error,
        }
    }

    fn take_commands(&mut self, commands: Vec<Command<T>>) {
        commands.into_iter().for_each(|command| self.session.command(command));
        self.pace.progress(Instant::now());
    }

    /// Waits until the connection can read or write, and does it.
    async fn io<S>(&mut self, buffer: &mut Option<Buffer>) -> Result<Woke<S>> {
        let Self { connection, pool, backlog, output, paused, .. } = self;
        let read = async {
            backlog.room().await;
            if *paused {
                return Ok(());
            }
            if buffer.is_none() {
                *buffer = Some(pool.take().await);
            }
            connection.stream.readable().await
        };
        let ready = tokio::select! {
            ready = read => ready.map(|()| true),
            ready = connection.stream.writable(), if !output.is_empty() => ready.map(|()| false),
        };
        if !ready.map_err(|error| self.connection.broken(error))? {
            self.send()?;
            return Ok(Woke::Wrote);
        }
        if self.paused {
            return Ok(Woke::Room);
        }
        let room = buffer.as_mut().expect("taken before reading").as_mut();
        match self.connection.stream.try_read(room) {
            Ok(0) => Ok(Woke::End),
            Ok(len) => {
                self.connection.received += len as u64;
                let filled = buffer.take().expect("just read into").freeze(len);
                Ok(Woke::Read(filled))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Woke::Wrote),
            // A server that closes at once after its last words may reset what it did not read.
            // Likewise one that ends TLS without its last word.
            Err(error) if (hung_up(&error) || is_cut_off(&error)) && self.session.is_finished() => {
                Ok(Woke::End)
            }
            Err(error) => Err(self.connection.broken(error)),
        }
    }

    /// Writes as much as the connection takes.
    fn send(&mut self) -> Result<()> {
        loop {
            if self.output.is_empty() {
                self.output = self.session.take_output();
                if self.output.is_empty() {
                    return Ok(());
                }
            }
            match self.connection.stream.try_write(&self.output) {
                Ok(len) => {
                    self.connection.sent += len as u64;
                    self.output.advance(len);
                    self.last_sent = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // What the server still has to say is of more use than that it does not listen.
                Err(error) if hung_up(&error) => {
                    self.output.clear();
                    return Ok(());
                }
                Err(error) => return Err(self.connection.broken(error)),
            }
        }
    }

    /// Looks at the clocks if it is time, and lets others run: a server that always has something to read for
    /// us would otherwise keep both from happening.
    async fn keep_time(&mut self) -> Result<()> {
        if self.last_tick.elapsed() < TICK / 10 {
            return Ok(());
        }
        tokio::task::yield_now().await;
        self.last_tick = Instant::now();
        self.tick()
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        // While the disks have all the buffers, it is not the server that is slow.
        let waiting = self.session.is_waiting() && !self.pool.is_exhausted() && !self.backlog.is_full();
        self.pace.look(now, self.session.stream_bytes(), waiting)?;
        if self.server_patience.is_some_and(|patience| now - self.last_sent >= patience / 3)
            && self.output.is_empty()
        {
            self.output = self.session.keep_alive();
        }
        Ok(())
    }

    fn summary(&self, local: Summary) -> Summary {
        Summary {
            list_bytes: self.session.list_bytes(),
            bytes_sent: self.connection.sent,
            bytes_received: self.connection.received,
            server: self.server,
            server_errors: self.session.io_error(),
            server_failed: self.server_failed,
            ..local
        }
    }
}
