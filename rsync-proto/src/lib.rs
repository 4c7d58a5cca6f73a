//! A client for the rsync protocol, which pulls trees of files from rsync daemons.
//!
//! The rooms, in the order in which bytes travel:
//!
//! 1. [`location`]: where to pull from.
//! 2. [`options`], [`limits`]: what to ask for, and what the server may send at most; [`filter`]: which names of
//!    a tree are asked for, and which are protected from deletion; [`chmod`]: how permissions change on the way.
//! 3. [`wire`]: integers, indexes and frames.
//! 4. [`handshake`]: greeting, module, authentication, capabilities.
//! 5. [`flist`]: the file list.
//! 6. [`checksum`], [`compression`], [`delta`]: sums of blocks, and files made of literals and blocks.
//! 7. [`session`]: the transfer as a state machine.
//! 8. [`destination`]: what a pull needs of the place that it writes to; `local`, a directory of this machine
//!    (feature `fs`).
//! 9. `Client`: the public face, with a driver for connections and an engine of threads behind it (feature
//!    `tokio`); [`report`], what it tells meanwhile.
//!
//! Rooms 1 to 7 are driven with bytes, know neither sockets nor files, and are what remains with
//! `--no-default-features`.
#![forbid(unsafe_code)]

pub mod checksum;
pub mod chmod;
#[cfg(feature = "tokio")]
mod client;
pub mod compression;
pub mod delta;
pub mod destination;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(feature = "tokio")]
mod engine;
pub mod error;
pub mod filter;
pub mod flist;
pub mod handshake;
pub mod limits;
#[cfg(feature = "fs")]
pub mod local;
pub mod location;
pub mod options;
pub mod report;
#[cfg(any(test, feature = "scripted"))]
#[doc(hidden)]
pub mod scripted;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
pub mod wire;

#[cfg(all(feature = "fs", feature = "tokio"))]
pub use client::RETRY_DIR;
#[cfg(feature = "tokio")]
pub use client::{Client, Resolver, SystemResolver, Timeouts};
pub use error::{Error, Result};
pub use location::Location;
pub use options::Options;

/// The examples of the README are compiled with the documentation tests.
#[cfg(all(doctest, feature = "fs", feature = "tokio"))]
#[doc = include_str!("../../README.md")]
struct Readme;
