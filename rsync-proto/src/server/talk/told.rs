//! What the server tells of its clients.

use std::time::Duration;

use super::super::failure::Failure;

/// Hears of clients. Calls come from the threads of their connections.
pub trait Witness: Send + Sync {
    /// Something happened.
    fn told(&self, told: &Told<'_>);
}

/// Who is connected: a number that no other connection of the service has, and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Counted from 1.
    pub number: u64,
    /// As a person would write it.
    pub address: String,
}

/// What a client is about to get.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// The module.
    pub module: String,
    /// The user, where the module wants to know.
    pub user: Option<String>,
    /// What was asked for in the module, made printable.
    pub paths: Vec<String>,
    /// The version of the protocol.
    pub protocol: u8,
}

/// What a transfer came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Entries of the list.
    pub entries: u64,
    /// Files whose content was sent.
    pub files: u64,
    /// Bytes of their content that were sent as such.
    pub literal: u64,
    /// Bytes of it that the client had.
    pub matched: u64,
    /// Bytes of the connection, to the client.
    pub sent: u64,
    /// Bytes of it, from the client.
    pub received: u64,
    /// Something could not be read, or vanished: bits as in [`crate::wire::flags::io_error`].
    pub io_error: u32,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// A client is there.
    Connected(&'a Peer),
    /// It got the list of modules.
    Listed(&'a Peer),
    /// It was turned away, or left, before a transfer began.
    Refused {
        /// Which client.
        peer: &'a Peer,
        /// Why.
        reason: &'a str,
    },
    /// It is known what it gets.
    Began(&'a Peer, &'a Subject),
    /// It was sent a message, about a file that cannot be read and the like.
    Said {
        /// Which client.
        peer: &'a Peer,
        /// The message, made printable.
        text: &'a str,
    },
    /// A transfer that had begun is over.
    Ended {
        /// Which client.
        peer: &'a Peer,
        /// What it was to get.
        subject: &'a Subject,
        /// What came of it; of a transfer that ended early, only the bytes of the connection.
        figures: &'a Figures,
        /// How long it took.
        took: Duration,
        /// Why it ended early.
        failure: Option<&'a Failure>,
    },
}
