//! What the client asks for out of the list, and what it gets.
//!
//! 1. `phases`: the order of everything from the list to the goodbye.
//! 2. `request`: what a client asks for; `answer`: what it gets.
//! 3. `sums`, `table`, `search`, `window`: the blocks that it has, found in the file.
//! 4. `content`, `tokens`, `packer`, `skip`: a file on its way.

mod answer;
mod content;
mod packer;
mod phases;
mod request;
mod search;
mod skip;
mod sums;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod window;

use crate::compression::CompressionKind;
pub(in crate::server) use phases::{Sent, serve};

/// The compressions that literals can be packed with, the preferred first.
pub(in crate::server) fn compressions() -> impl Iterator<Item = CompressionKind> {
    packer::Packer::available()
}
