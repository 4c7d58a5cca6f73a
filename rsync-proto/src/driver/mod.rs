//! Connections: the only part that knows sockets, clocks and programs. It moves bytes between the connection and the
//! state machines, and never stops reading because it has something to write.

mod connection;
mod open;
mod pace;
mod pool;
mod program;
mod proxy;
mod pump;
mod resolver;
mod retry;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod trust;

pub(crate) use connection::Connection;
pub(crate) use open::Way;
pub use program::{Opener, Running, SystemOpener};
pub(crate) use pump::{list, pull};
pub use resolver::{Resolver, SystemResolver};
pub(crate) use retry::persist;
#[cfg(feature = "tls")]
pub use trust::Tls;

use std::time::Duration;

/// Without TLS there is nothing to say about it.
#[cfg(not(feature = "tls"))]
#[derive(Clone)]
pub(crate) enum Tls {}

/// How long to wait for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From there until the transfer begins.
    pub handshake: Duration,
    /// Where a program leads to the server, such as ssh: from its start until the server's first byte, from which the limit
    /// for the handshake counts. Whoever is at the terminal may have to type a password meanwhile.
    pub first_byte: Duration,
    /// Between useful bytes while the server has something to send; nothing means without end.
    pub idle: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            first_byte: Duration::from_secs(300),
            idle: Some(Duration::from_secs(60)),
        }
    }
}
