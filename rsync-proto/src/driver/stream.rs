//! What bytes travel over. An enum and no trait object: which of them it is costs nothing beside a system call.

use std::io;

use tokio::net::{TcpStream, UnixStream};

#[cfg(feature = "tls")]
use super::tls::TlsStream;

/// A socket.
pub(super) enum Wire {
    Tcp(TcpStream),
    /// A Unix socket, or the standard input and output of a program.
    Unix(UnixStream),
}

impl Wire {
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.readable().await,
            Wire::Unix(stream) => stream.readable().await,
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.writable().await,
            Wire::Unix(stream) => stream.writable().await,
        }
    }

    pub(super) fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(stream) => stream.try_read(room),
            Wire::Unix(stream) => stream.try_read(room),
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(stream) => stream.try_write(bytes),
            Wire::Unix(stream) => stream.try_write(bytes),
        }
    }
}

/// A socket, with or without TLS on it.
pub(super) enum Stream {
    Plain(Wire),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Whether nothing is said before the server has said something. The certificate of the client is judged when the server
    /// has it all; words behind it that nobody reads would make the end of the connection a reset, and the verdict is lost.
    pub(super) fn listens_first(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            #[cfg(feature = "tls")]
            Stream::Tls(_) => true,
        }
    }

    /// Until there may be something to read. May be dropped at any time.
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Stream::Plain(wire) => wire.readable().await,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.readable().await,
        }
    }

    /// Until there may be room to write. May be dropped at any time.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Stream::Plain(wire) => wire.writable().await,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.writable().await,
        }
    }

    /// Reads what there is, or `WouldBlock`. 0 is the end.
    pub(super) fn try_read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(wire) => wire.try_read(room),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.try_read(room),
        }
    }

    /// Writes what there is room for, or `WouldBlock`; then the next call has to begin with the same bytes.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(wire) => wire.try_write(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.try_write(bytes),
        }
    }

    /// Says that nothing more comes, as far as that is possible without waiting.
    pub(super) fn end(&mut self) {
        match self {
            Stream::Plain(_) => {}
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.end(),
        }
    }
}
