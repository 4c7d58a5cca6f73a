//! A connection to a daemon, and the handshake over it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::Timeouts;
use super::resolver::{Resolver, addresses};
use crate::error::{Clock, Error, Result};
use crate::handshake::{Handshake, Outcome};
use crate::location::Location;
use crate::report::{Monitor, Report};

/// A TCP connection, with what was counted on it.
pub(crate) struct Connection {
    pub(super) stream: TcpStream,
    address: String,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Connection {
    /// Connects; addresses of a name are tried in turn.
    pub(crate) async fn open(
        location: &Location,
        resolver: &Arc<dyn Resolver>,
        timeouts: &Timeouts,
    ) -> Result<Self> {
        let address = location.address();
        let fault = |action, source| Error::Network { action, address: address.clone(), source };
        let connect = async {
            let found = addresses(resolver, &location.host, location.port()).await;
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            let found = found.map_err(|error| fault("cannot find", error))?;
            // An address that swallows everything must leave time for the others.
            let share = timeouts.connect / found.len().max(1) as u32;
            for socket_address in found {
                match timeout(share, TcpStream::connect(socket_address)).await {
                    Ok(Ok(stream)) => {
                        tracing::debug!(%socket_address, "connected");
                        return Ok(stream);
                    }
                    Ok(Err(error)) => last = error,
                    Err(_) => last = io::ErrorKind::TimedOut.into(),
                }
            }
            if last.kind() == io::ErrorKind::TimedOut {
                return Err(Error::Timeout { clock: Clock::Connect, after: timeouts.connect });
            }
            Err(fault("cannot connect to", last))
        };
        let stream = match timeout(timeouts.connect, connect).await {
            Ok(connected) => connected?,
            Err(_) => return Err(Error::Timeout { clock: Clock::Connect, after: timeouts.connect }),
        };
        // Requests are collected here already; waiting for more of them would only delay the server.
        stream.set_nodelay(true).map_err(|error| fault("cannot set up", error))?;
        Ok(Self { stream, address, sent: 0, received: 0 })
    }

    pub(super) fn broken(&self, source: io::Error) -> Error {
        Error::Network { action: "lost the connection to", address: self.address.clone(), source }
    }

    /// Carries out the handshake. Bytes behind it are left in `input`.
    pub(crate) async fn shake_hands(
        &mut self,
        mut handshake: Handshake,
        limit: Duration,
        input: &mut BytesMut,
        monitor: &dyn Monitor,
    ) -> Result<Outcome> {
        let deadline = Instant::now() + limit;
        loop {
            let outcome = handshake.advance(input);
            // A refusal may come with lines that explain it.
            handshake.take_lines().iter().for_each(|line| monitor.report(&Report::Motd(line)));
            let outcome = outcome?;
            while !handshake.output().is_empty() {
                let output = handshake.output().split().freeze();
                self.write_all(&output, deadline, limit).await?;
            }
            if let Some(outcome) = outcome {
                tracing::debug!(?outcome, "the handshake is over");
                return Ok(outcome);
            }
            if self.read_more(input, deadline, limit).await? == 0 {
                return Err(handshake.end_of_input());
            }
        }
    }

    async fn write_all(&mut self, mut bytes: &[u8], deadline: Instant, limit: Duration) -> Result<()> {
        while !bytes.is_empty() {
            within(deadline, limit, self.stream.writable()).await?.map_err(|error| self.broken(error))?;
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

    async fn read_more(&mut self, input: &mut BytesMut, deadline: Instant, limit: Duration) -> Result<usize> {
        input.reserve(16 * 1024);
        loop {
            within(deadline, limit, self.stream.readable()).await?.map_err(|error| self.broken(error))?;
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
}

/// Whether the server closed the connection; it may do so by a reset.
pub(super) fn hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

async fn within<F: Future>(deadline: Instant, limit: Duration, work: F) -> Result<F::Output> {
    timeout_at(deadline, work).await.map_err(|_| Error::Timeout { clock: Clock::Handshake, after: limit })
}
