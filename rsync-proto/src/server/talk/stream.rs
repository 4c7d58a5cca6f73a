//! The two ends of a connection: a socket, or bytes in memory for tests.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, sendmsg, shutdown};

#[cfg(feature = "tls")]
use super::secure::Secure;

/// Where bytes come from and go to. No call waits but [`Self::wait`].
pub(in crate::server) enum Stream {
    /// A connected socket, of whatever family.
    Socket(OwnedFd),
    /// The same, with TLS on it.
    #[cfg(feature = "tls")]
    Secure(Box<Secure>),
    /// What the client says, all at once and then the end; and where goes what it is told.
    #[cfg(test)]
    Memory { input: std::collections::VecDeque<u8>, output: std::sync::Arc<std::sync::Mutex<Vec<u8>>> },
}

/// What can be done without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Ready {
    pub reading: bool,
    pub writing: bool,
    /// The client says nothing any more; it may have said something before.
    pub hung_up: bool,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Moved {
    Bytes(usize),
    End,
    NotNow,
}

impl Stream {
    /// Appends what is there, up to the spare room of `into`, of which there has to be some.
    pub fn read(&mut self, into: &mut Vec<u8>) -> io::Result<Moved> {
        match self {
            Self::Socket(socket) => loop {
                return match recv(&*socket, spare_capacity(into), RecvFlags::DONTWAIT) {
                    Ok((0, _)) => Ok(Moved::End),
                    Ok((len, _)) => Ok(Moved::Bytes(len)),
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => Ok(Moved::NotNow),
                    Err(Errno::CONNRESET) => Ok(Moved::End),
                    Err(error) => Err(error.into()),
                };
            },
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.read(into),
            #[cfg(test)]
            Self::Memory { input, .. } => {
                let len = input.len().min(into.capacity() - into.len());
                into.extend(input.drain(..len));
                Ok(if len == 0 { Moved::End } else { Moved::Bytes(len) })
            }
        }
    }

    /// Sends some of the bytes. Where none were sent now, the next call begins with the same ones.
    pub fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<Moved> {
        match self {
            Self::Socket(socket) => loop {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                return match sendmsg(&*socket, pieces, &mut SendAncillaryBuffer::default(), flags) {
                    Ok(len) => Ok(Moved::Bytes(len)),
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => Ok(Moved::NotNow),
                    Err(Errno::CONNRESET | Errno::PIPE) => Ok(Moved::End),
                    Err(error) => Err(error.into()),
                };
            },
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.write(pieces),
            #[cfg(test)]
            Self::Memory { output, .. } => {
                let mut output = output.lock().expect("no test panics with the lock");
                pieces.iter().for_each(|piece| output.extend_from_slice(piece));
                Ok(Moved::Bytes(pieces.iter().map(|piece| piece.len()).sum()))
            }
        }
    }

    /// Says that nothing follows.
    pub fn shut(&mut self) {
        match self {
            // A client that is gone needs no word.
            Self::Socket(socket) => drop(shutdown(&*socket, Shutdown::Write)),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.shut(),
            #[cfg(test)]
            Self::Memory { .. } => {}
        }
    }

    /// Waits until bytes can be read, or written, or the client hung up, or the time is over.
    pub fn wait(&self, reading: bool, writing: bool, timeout: Duration) -> io::Result<Ready> {
        match self {
            Self::Socket(socket) => wait(socket, reading, writing, timeout),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.wait(reading, writing, timeout),
            #[cfg(test)]
            Self::Memory { .. } => Ok(Ready { reading: true, writing: true, hung_up: false }),
        }
    }
}

/// The same, for a socket.
pub(super) fn wait(socket: &OwnedFd, reading: bool, writing: bool, timeout: Duration) -> io::Result<Ready> {
    let mut flags = PollFlags::RDHUP;
    flags.set(PollFlags::IN, reading);
    flags.set(PollFlags::OUT, writing);
    let mut fds = [PollFd::new(socket, flags)];
    let timeout =
        Timespec { tv_sec: timeout.as_secs().min(3600) as i64, tv_nsec: timeout.subsec_nanos().into() };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let found = fds[0].revents();
    Ok(Ready {
        reading: found.intersects(PollFlags::IN),
        writing: found.intersects(PollFlags::OUT),
        hung_up: found.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR),
    })
}
