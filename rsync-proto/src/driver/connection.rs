//! A connection to a server, and the handshake over it.

use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::Timeouts;
use super::program::Running;
use super::stream::Stream;
use crate::error::{Clock, Error, Refused, Result};
use crate::handshake::{Handshake, Outcome};
use crate::report::{Monitor, Report};

/// How long a program may take to end, once what it led to has.
const PROGRAM_ENDS: Duration = Duration::from_secs(5);

/// A connection, with what was counted on it.
pub(crate) struct Connection {
    pub(super) stream: Stream,
    pub(super) program: Option<(Running, ProgramName)>,
    pub(super) address: String,
    /// What came before the stream was put to use.
    pub(super) early: BytesMut,
    #[cfg(feature = "tls")]
    pub(super) has_certificate: bool,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// What messages say of a program.
pub(super) struct ProgramName {
    pub(super) name: String,
    pub(super) remote_shell: bool,
}

/// A clock that runs, and what it is.
#[derive(Clone, Copy)]
struct Patience {
    deadline: Instant,
    clock: Clock,
    after: Duration,
}

impl Patience {
    fn new(clock: Clock, after: Duration) -> Self {
        Self { deadline: Instant::now() + after, clock, after }
    }

    async fn within<F: Future>(&self, work: F) -> Result<F::Output> {
        let Self { deadline, clock, after } = *self;
        timeout_at(deadline, work).await.map_err(|_| Error::Timeout { clock, after })
    }
}

impl Connection {
    pub(super) fn broken(&self, source: io::Error) -> Error {
        #[cfg(feature = "tls")]
        if let Some(error) = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return super::trust::fault(&self.address, error, self.has_certificate);
        }
        Error::Network { action: "lost the connection to", address: self.address.clone(), source }
    }

    /// Carries out the handshake. Bytes behind it are left in `input`.
    pub(crate) async fn shake_hands(
        &mut self,
        handshake: Handshake,
        timeouts: &Timeouts,
        input: &mut BytesMut,
        monitor: &dyn Monitor,
    ) -> Result<Outcome> {
        match self.speak(handshake, timeouts, input, monitor).await {
            Ok(outcome) => {
                tracing::debug!(?outcome, "the handshake is over");
                Ok(outcome)
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn speak(
        &mut self,
        mut handshake: Handshake,
        timeouts: &Timeouts,
        input: &mut BytesMut,
        monitor: &dyn Monitor,
    ) -> Result<Outcome> {
        // Whoever is at the terminal may have a password to type, or a key to compare.
        let mut patience = match &self.program {
            Some(_) => Patience::new(Clock::FirstByte, timeouts.first_byte),
            None => Patience::new(Clock::Handshake, timeouts.handshake),
        };
        input.extend_from_slice(&self.early.split());
        loop {
            let outcome = handshake.advance(input);
            // A refusal may come with lines that explain it.
            handshake.take_lines().iter().for_each(|line| monitor.report(&Report::Motd(line)));
            let outcome = outcome?;
            while !handshake.output().is_empty() && (self.received > 0 || !self.stream.listens_first()) {
                let output = handshake.output().split().freeze();
                self.write_all(&output, patience).await?;
            }
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            if self.read_more(input, patience).await? == 0 {
                return Err(handshake.end_of_input());
            }
            if patience.clock == Clock::FirstByte {
                patience = Patience::new(Clock::Handshake, timeouts.handshake);
            }
        }
    }

    async fn write_all(&mut self, mut bytes: &[u8], patience: Patience) -> Result<()> {
        while !bytes.is_empty() {
            patience.within(self.stream.writable()).await?.map_err(|error| self.broken(error))?;
            match self.stream.try_write(bytes) {
                Ok(len) => {
                    self.sent += len as u64;
                    bytes = &bytes[len..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What the server said before it hung up is of more use than that it does not listen.
                Err(error) if hung_up(&error) => return Ok(()),
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    async fn read_more(&mut self, input: &mut BytesMut, patience: Patience) -> Result<usize> {
        input.reserve(16 * 1024);
        loop {
            patience.within(self.stream.readable()).await?.map_err(|error| self.broken(error))?;
            let mut room = [0; 16 * 1024];
            match self.stream.try_read(&mut room) {
                Ok(len) => {
                    self.received += len as u64;
                    input.put_slice(&room[..len]);
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if hung_up(&error) => return Ok(0),
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// Takes leave of a server with which everything was said.
    pub(crate) async fn end(self) {
        let Self { mut stream, program, .. } = self;
        stream.end();
        drop(stream);
        if let Some((running, ProgramName { name, .. })) = program {
            let end = running.finish(PROGRAM_ENDS).await;
            tracing::debug!(?end, name, "the program is done with");
        }
    }

    /// Adds to an error how the program ended, where that is what was noticed.
    pub(super) async fn explain(&mut self, error: Error) -> Error {
        let is_end = match &error {
            Error::Network { .. } | Error::Gone(_) => true,
            Error::Refused { kind, .. } => *kind == Refused::Silent,
            _ => false,
        };
        match self.program.take_if(|_| is_end) {
            Some((running, ProgramName { name, remote_shell })) => Error::Program {
                program: name,
                remote_shell,
                end: running.finish(PROGRAM_ENDS).await,
                cause: Box::new(error),
            },
            None => error,
        }
    }
}

/// Whether the server closed the connection; it may do so by a reset.
pub(super) fn hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
