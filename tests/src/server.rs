//! What all servers of tests have: an address on loopback, and the URLs that lead there.

use std::net::SocketAddr;

/// Something that clients connect to.
pub trait Server {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// `rsync://address:port/rest`
    #[must_use]
    fn url(&self, rest: &str) -> String {
        format!("rsync://{}/{rest}", self.address())
    }

    /// The same with a user in front of the address.
    #[must_use]
    fn url_as(&self, user: &str, rest: &str) -> String {
        format!("rsync://{user}@{}/{rest}", self.address())
    }
}
