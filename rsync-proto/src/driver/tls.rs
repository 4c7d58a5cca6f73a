//! TLS over a socket: records in, plaintext out, and the other way round.
//!
//! The records of one large read are opened where they lie and copied once, into the buffer of whoever reads.

use std::io;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, Error};

use super::stream::Wire;

/// How much is read at once, in bytes: several records. No more than this has to be kept for a message in parts either.
const INCOMING: usize = 128 * 1024;
/// How much is encrypted at once, in bytes.
const OUTGOING: usize = 64 * 1024;

/// What a connection ended with, told as often as it is asked for.
#[derive(Clone)]
enum Fault {
    Tls(Error),
    /// It ended without the word that says so: somebody may have cut it off.
    Truncated,
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Tls(error) => io::Error::new(io::ErrorKind::InvalidData, error),
            Fault::Truncated => io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ended without TLS's close_notify, so that something may be missing",
            ),
        }
    }
}

/// What came of the records so far.
enum Step {
    /// So many bytes of plaintext.
    Data(usize),
    /// More is needed from the server.
    Blocked { handshaken: bool },
    /// The server says no more.
    Closed,
}

/// A socket with TLS on it.
pub(super) struct TlsStream {
    wire: Wire,
    connection: UnbufferedClientConnection,
    /// Records that were not opened, from `start` to `end`.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// There may be whole records among them.
    more: bool,
    /// Plaintext that had no room, from `left_at` on.
    left: Vec<u8>,
    left_at: usize,
    /// Records for the server, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// How much plaintext is in the outgoing records that the caller does not yet know of.
    accepted: usize,
    closed: bool,
    fault: Option<Fault>,
}

impl TlsStream {
    /// A stream that has not spoken yet. What was read of the wire already stands in `early`.
    pub(super) fn new(
        wire: Wire,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        early: &[u8],
    ) -> io::Result<Self> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut incoming = vec![0; INCOMING];
        let Some(room) = incoming.get_mut(..early.len()) else {
            return Err(io::Error::other("too much came before TLS"));
        };
        room.copy_from_slice(early);
        Ok(Self {
            wire,
            connection,
            incoming,
            start: 0,
            end: early.len(),
            more: false,
            left: Vec::new(),
            left_at: 0,
            outgoing: Vec::new(),
            sent: 0,
            accepted: 0,
            closed: false,
            fault: None,
        })
    }

    /// Carries out the handshake.
    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            let step = self.step(&mut []);
            // Also in the face of an error: the server is to know of it.
            while self.has_outgoing() {
                match self.flush() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wire.writable().await?,
                    // What the server said before it hung up is of more use.
                    Err(_) => self.forget_outgoing(),
                    Ok(()) => {}
                }
            }
            match step.map_err(io::Error::from)? {
                Step::Blocked { handshaken: true } => return Ok(()),
                Step::Data(_) => {}
                Step::Closed => return Err(Fault::Truncated.into()),
                Step::Blocked { handshaken: false } => {
                    self.wire.readable().await?;
                    match self.fill() {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                        Ok(()) => {}
                    }
                    if let Some(fault) = self.fault.clone() {
                        return Err(fault.into());
                    }
                }
            }
        }
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        if self.more || self.closed || self.fault.is_some() || self.left_at < self.left.len() {
            return Ok(());
        }
        self.wire.readable().await
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        self.wire.writable().await
    }

    pub(super) fn try_read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut len = self.open(room);
        if len == 0 && !self.closed && self.fault.is_none() {
            match self.fill() {
                // A record of TLS itself may need an answer.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = self.flush();
                    return Err(error);
                }
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            len = self.open(room);
        }
        let _ = self.flush();
        match &self.fault {
            // What came before it is told first.
            _ if len > 0 => Ok(len),
            Some(fault) => Err(fault.clone().into()),
            None if self.closed => Ok(0),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Bytes count as written when the socket has taken the records that they are in.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if self.accepted > 0 {
            return Ok(std::mem::take(&mut self.accepted));
        }
        let bytes = &bytes[..bytes.len().min(OUTGOING)];
        self.encrypt(bytes)?;
        self.accepted = bytes.len();
        self.flush()?;
        Ok(std::mem::take(&mut self.accepted))
    }

    pub(super) fn end(&mut self) {
        if self.fault.is_none() {
            let (connection, range) = (&mut self.connection, self.start..self.end);
            let status = connection.process_tls_records(&mut self.incoming[range]);
            if let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state {
                let mut word = [0; 256];
                let len = traffic.queue_close_notify(&mut word).unwrap_or(0);
                self.outgoing.extend_from_slice(&word[..len]);
            }
            let _ = self.flush();
        }
    }

    /// Opens what records there are, as long as there is room. Returns how much plaintext it came to.
    fn open(&mut self, room: &mut [u8]) -> usize {
        let mut len = self.left.len().saturating_sub(self.left_at).min(room.len());
        room[..len].copy_from_slice(&self.left[self.left_at..self.left_at + len]);
        self.left_at += len;
        if self.left_at == self.left.len() {
            (self.left, self.left_at) = (Vec::new(), 0);
        }
        while len < room.len() {
            match self.step(&mut room[len..]) {
                Ok(Step::Data(more)) => len += more,
                Ok(Step::Blocked { .. } | Step::Closed) | Err(_) => {
                    self.more = false;
                    return len;
                }
            }
        }
        self.more = true;
        len
    }

    /// Reads from the socket.
    fn fill(&mut self) -> io::Result<()> {
        if self.end == INCOMING {
            self.incoming.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == INCOMING {
            let too_long = rustls::InvalidMessage::HandshakePayloadTooLarge;
            self.fault = Some(Fault::Tls(Error::InvalidMessage(too_long)));
            return Ok(());
        }
        match self.wire.try_read(&mut self.incoming[self.end..])? {
            0 => self.fault = Some(Fault::Truncated),
            len => self.end += len,
        }
        Ok(())
    }

    /// Opens one record, or a few, and puts records for the server into `outgoing`. What has no room in `room` is kept.
    fn step(&mut self, room: &mut [u8]) -> Result<Step, Fault> {
        if let Some(Fault::Tls(error)) = &self.fault {
            return Err(Fault::Tls(error.clone()));
        }
        loop {
            let status = self.connection.process_tls_records(&mut self.incoming[self.start..self.end]);
            let UnbufferedStatus { mut discard, state, .. } = status;
            let step = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    let mut len = 0;
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        let fits = record.payload.len().min(room.len() - len);
                        room[len..len + fits].copy_from_slice(&record.payload[..fits]);
                        self.left.extend_from_slice(&record.payload[fits..]);
                        len += fits;
                    }
                    Some(Ok(Step::Data(len)))
                }
                Ok(state) => advance(state, &mut self.outgoing, &mut self.closed).map(Ok),
                Err(error) => Some(Err(error)),
            };
            self.start += discard;
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            }
            match step {
                None => {}
                Some(Ok(step)) => return Ok(step),
                Some(Err(error)) => {
                    // The alert that tells the server.
                    let last = self.connection.process_tls_records(&mut self.incoming[self.start..self.end]);
                    if let Ok(state @ ConnectionState::EncodeTlsData(_)) = last.state {
                        advance(state, &mut self.outgoing, &mut self.closed);
                    }
                    self.fault = Some(Fault::Tls(error.clone()));
                    return Err(Fault::Tls(error));
                }
            }
        }
    }

    /// Puts the records of these bytes into `outgoing`. What comes to light meanwhile waits for the next read.
    fn encrypt(&mut self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.step(&mut [])? {
                Step::Data(_) => {}
                Step::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
                Step::Blocked { handshaken } if handshaken && !self.closed => break,
                Step::Blocked { .. } => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        // All that is there was dealt with: nothing else can come now, and there is nothing to discard.
        let status = self.connection.process_tls_records(&mut self.incoming[self.start..self.end]);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
            return Err(io::Error::other("TLS does not take what is to be sent"));
        };
        let at = self.outgoing.len();
        let mut room = bytes.len() + 1024;
        loop {
            self.outgoing.resize(at + room, 0);
            match traffic.encrypt(bytes, &mut self.outgoing[at..]) {
                Ok(len) => {
                    self.outgoing.truncate(at + len);
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(least)) if least.required_size > room => {
                    room = least.required_size;
                }
                Err(error) => {
                    self.outgoing.truncate(at);
                    return Err(io::Error::other(error));
                }
            }
        }
    }

    fn has_outgoing(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    fn forget_outgoing(&mut self) {
        self.outgoing.clear();
        self.sent = 0;
    }

    /// Hands records to the socket until all are gone.
    fn flush(&mut self) -> io::Result<()> {
        while self.has_outgoing() {
            self.sent += self.wire.try_write(&self.outgoing[self.sent..])?;
        }
        self.forget_outgoing();
        Ok(())
    }
}

/// Deals with all states but that of plaintext. Nothing where another follows at once.
fn advance(
    state: ConnectionState<'_, '_, ClientConnectionData>,
    outgoing: &mut Vec<u8>,
    closed: &mut bool,
) -> Option<Step> {
    match state {
        ConnectionState::EncodeTlsData(mut data) => {
            let at = outgoing.len();
            if let Err(EncodeError::InsufficientSize(least)) = data.encode(&mut []) {
                outgoing.resize(at + least.required_size, 0);
                let len = data.encode(&mut outgoing[at..]).unwrap_or(0);
                outgoing.truncate(at + len);
            }
            None
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            None
        }
        ConnectionState::BlockedHandshake => Some(Step::Blocked { handshaken: false }),
        ConnectionState::WriteTraffic(_) => Some(Step::Blocked { handshaken: true }),
        _ => {
            *closed = true;
            Some(Step::Closed)
        }
    }
}
