//! TLS on the socket of a client.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustls::ServerConnection;

use super::stream::{Moved, Ready, wait};
use crate::server::tls::ServerTls;

/// How much is encrypted at once, in bytes.
const OUTGOING: usize = 64 * 1024;
/// How much is decrypted at once, in bytes: a record.
const INCOMING: usize = 16 * 1024;

/// A socket with TLS on it. No call waits but [`Self::wait`].
pub(in crate::server) struct Secure {
    socket: OwnedFd,
    connection: ServerConnection,
    /// There may be plaintext that was not read.
    plain: bool,
    /// Bytes of the caller that are in records which the socket has not taken whole.
    accepted: usize,
}

impl Secure {
    /// Over a connected socket on which nothing was said.
    pub fn new(socket: OwnedFd, tls: &ServerTls) -> io::Result<Self> {
        let mut connection =
            ServerConnection::new(std::sync::Arc::clone(&tls.0)).map_err(io::Error::other)?;
        // Never more than what is encrypted at once.
        connection.set_buffer_limit(None);
        Ok(Self { socket, connection, plain: false, accepted: 0 })
    }

    /// As [`super::stream::Stream::read`].
    pub fn read(&mut self, into: &mut Vec<u8>) -> io::Result<Moved> {
        loop {
            let at = into.len();
            into.resize(at + INCOMING.min(into.capacity() - at), 0);
            let read = self.connection.reader().read(&mut into[at..]);
            into.truncate(at + read.as_ref().map_or(0, |len| *len));
            match read {
                Ok(0) => return Ok(Moved::End),
                Ok(len) => {
                    self.plain = true;
                    return Ok(Moved::Bytes(len));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.plain = false,
                // It ended without TLS's last word. What a client does not say is no danger to it.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Moved::End),
                Err(error) => return Err(error),
            }
            match self.connection.read_tls(&mut Socket(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.flush()?;
                    return Ok(Moved::NotNow);
                }
                Err(error) if is_end(&error) => return Ok(Moved::End),
                Err(error) => return Err(error),
            }
            if let Err(error) = self.connection.process_new_packets() {
                // The alert that tells the client.
                let _ = self.flush();
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {error}")));
            }
        }
    }

    /// As [`super::stream::Stream::write`]. Bytes count as written when the socket has taken the records that they are in;
    /// until then each call begins with the same ones.
    pub fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<Moved> {
        match self.flush() {
            Ok(true) => {}
            Ok(false) => return Ok(Moved::NotNow),
            Err(error) if is_end(&error) => return Ok(Moved::End),
            Err(error) => return Err(error),
        }
        if self.accepted == 0 {
            if self.connection.is_handshaking() {
                return Ok(Moved::NotNow);
            }
            let mut left = OUTGOING;
            for piece in pieces {
                let part = &piece[..piece.len().min(left)];
                self.connection.writer().write_all(part)?;
                left -= part.len();
            }
            self.accepted = OUTGOING - left;
            match self.flush() {
                Ok(true) => {}
                Ok(false) => return Ok(Moved::NotNow),
                Err(error) if is_end(&error) => return Ok(Moved::End),
                Err(error) => return Err(error),
            }
        }
        Ok(Moved::Bytes(std::mem::take(&mut self.accepted)))
    }

    /// As [`super::stream::Stream::shut`].
    pub fn shut(&mut self) {
        self.connection.send_close_notify();
        // What does not fit now is not worth waiting for.
        if self.flush().is_ok_and(|all| all) {
            let _ = shutdown(&self.socket, Shutdown::Write);
        }
    }

    /// As [`super::stream::Stream::wait`].
    pub fn wait(&self, reading: bool, writing: bool, timeout: Duration) -> io::Result<Ready> {
        let plain = self.plain && reading;
        let timeout = if plain { Duration::ZERO } else { timeout };
        // Before the client has said its part there is nothing to be written but ours.
        let writing = self.connection.wants_write() || writing && !self.connection.is_handshaking();
        let ready = wait(&self.socket, reading, writing, timeout)?;
        // Records of TLS itself go out with the next attempt to read.
        Ok(Ready { reading: ready.reading || plain || reading && ready.writing, ..ready })
    }

    /// Hands records to the socket. Whether it took them all.
    fn flush(&mut self) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Socket(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The socket, for records. It does not wait, and raises no signal.
struct Socket<'a>(&'a OwnedFd);

impl Read for Socket<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0, room, RecvFlags::DONTWAIT)?.0)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
