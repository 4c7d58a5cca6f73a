//! One client, from its first line to the end.

use std::os::fd::OwnedFd;

use super::service::Inner;
use super::told::Peer;

/// Serves it.
pub(super) fn run(_service: &Inner, _socket: OwnedFd, _peer: &Peer, _full: bool) {
}
