//! Connections: the only part that knows sockets and clocks. It moves bytes between the connection and the
//! state machines, and never stops reading because it has something to write.

mod connection;
mod pace;
mod pool;
mod pump;
mod resolver;
mod retry;

pub(crate) use connection::Connection;
pub(crate) use pump::{list, pull};
pub use resolver::{Resolver, SystemResolver};
pub(crate) use retry::persist;

use std::time::Duration;

/// How long to wait for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From there until the transfer begins.
    pub handshake: Duration,
    /// Between useful bytes while the server has something to send; nothing means without end.
    pub idle: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            idle: Some(Duration::from_secs(60)),
        }
    }
}
