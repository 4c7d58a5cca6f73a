//! Bounds on what clients may ask of the server.

use std::time::Duration;

use super::super::list::ListBounds;

/// Bounds that whoever runs the server may change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most clients that are served at the same time.
    pub connections: usize,
    /// Most of them with the same address.
    pub connections_per_address: usize,
    /// How long a client may take until it has said what it wants.
    pub handshake: Duration,
    /// How long a client may say nothing, or take nothing, while it is waited for. Clients of protocol 31 are told, and
    /// give signs of life.
    pub idle: Duration,
    /// How long transfers go on when the server is told to stop.
    pub grace: Duration,
    /// Most entries in the whole list of a transfer.
    pub entries: u64,
    /// Most entries of it in memory, where it goes out in segments: no directory has more.
    pub waiting: usize,
    /// Most directories within each other.
    pub depth: usize,
    /// Most filter rules of a client. Each is matched with each name.
    pub rules: usize,
    /// Most bytes of names in a client's list of files.
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            connections_per_address: 64,
            handshake: Duration::from_secs(60),
            idle: Duration::from_secs(600),
            grace: Duration::from_secs(10),
            entries: 20_000_000,
            waiting: 4_000_000,
            depth: 256,
            rules: 10_000,
            names: 64 * 1024 * 1024,
        }
    }
}

impl Limits {
    pub(super) fn of_list(&self) -> ListBounds {
        ListBounds { entries: self.entries, waiting: self.waiting, depth: self.depth }
    }
}

/// Most arguments of a client; each may be a source.
pub(super) const MOST_ARGUMENTS: usize = 4096;
/// Most bytes of them together.
pub(super) const MOST_ARGUMENT_BYTES: usize = 256 * 1024;
/// Most bytes of filter rules.
pub(super) const MOST_RULE_BYTES: usize = 1024 * 1024;
/// Most files of rules that are looked for in each directory: each costs an attempt to open it.
pub(super) const MOST_MERGES: usize = 32;
/// Most bytes that clients say in front of the module's name, for programs that this server does not run.
pub(super) const MOST_EARLY_INPUT: usize = 5 * 1024;
/// Longest line of a client in the handshake: as long as names and answers ever are, with room.
pub(super) const MOST_LINE: usize = 1024;
