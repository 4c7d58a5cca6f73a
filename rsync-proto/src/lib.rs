//! A client for the rsync protocol, which pulls trees of files from rsync daemons; and, if wanted, such a daemon.
//!
//! ```no_run
//! # #[cfg(all(feature = "fs", feature = "tokio"))]
//! # async fn pull() -> rsync_proto::Result<()> {
//! use rsync_proto::{Client, Location, Options};
//!
//! let location = Location::parse("rsync://images.example/debian-12/")?;
//! let client = Client::new(location, Options::archive()).retries(3);
//! let summary = client.pull("/srv/copy".as_ref()).await?;
//! println!("{} of {} files came", summary.transferred, summary.listed.files);
//! if !summary.is_complete() {
//!     eprintln!("{} entries failed", summary.failed);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An [`Error`] is about the whole transfer: no connection, a refusal, a server that breaks the protocol, a full disk. What
//! concerns single entries is told to a [`Monitor`](report::Monitor) and counted in the [`Summary`](report::Summary).
//! Dropping the future of a pull ends it, and leaves no temporary file. Options are [`Options`], with a field for each that
//! rsync has; what a server may send at most is [`Limits`](limits::Limits), a part of them.
//!
//! `rsync-proto/examples` has programs to begin with: `modules`, `pull`, `progress`, `cancel`, and `memory`, a
//! [`Destination`](destination::Destination) of one's own.
//!
//! # Features
//!
//! All of them but `server` are on unless `default-features = false` says otherwise.
//!
//! | feature | brings | without it |
//! |---|---|---|
//! | `tokio` | `Client`: connections, timeouts, retries, the threads that work on a pull | the protocol as a state machine, driven with bytes |
//! | `fs` | `local`, a directory of this machine as a destination; `Client::pull` | destinations of one's own |
//! | `tls` | `rsyncs://`: daemons behind TLS, and certificates for `server` | such a location is refused |
//! | `server` | `server`, a read-only daemon for directories of this machine | |
//! | `zstd`, `lz4` | compression of what is transferred, with servers since 3.2 | it is not offered to servers |
//! | `zlib` | the same with older servers | likewise |
//!
//! # Rooms
//!
//! The rooms, in the order in which bytes travel:
//!
//! 1. [`location`]: where to pull from; [`route`]: which way leads there.
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
//!    `tokio`); [`report`], what it tells meanwhile; [`error`], what ends it, by who is at fault.
//! 10. `server`: the other side, a read-only daemon (feature `server`).
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
pub mod route;
#[cfg(any(test, feature = "scripted"))]
#[doc(hidden)]
pub mod scripted;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
#[cfg(feature = "tls")]
mod trust;
pub mod wire;

#[cfg(all(feature = "fs", feature = "tokio"))]
pub use client::RETRY_DIR;
#[cfg(feature = "tls")]
pub use client::Tls;
#[cfg(feature = "tokio")]
pub use client::{Client, Opener, Resolver, Running, SystemOpener, SystemResolver, Timeouts};
pub use error::{Error, Result};
pub use location::{Location, Scheme};
pub use options::Options;
pub use route::Route;
#[cfg(feature = "tls")]
pub use trust::TlsOptions;

/// The examples of the README are compiled with the documentation tests.
#[cfg(all(doctest, feature = "fs", feature = "tokio"))]
#[doc = include_str!("../../README.md")]
struct Readme;
