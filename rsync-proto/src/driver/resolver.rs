//! Finding the addresses of a host.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// Finds the addresses of hosts: the system ([`SystemResolver`]), or whatever a program has in its place.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// The addresses of a host, in the order in which they are tried. May take its time: it is called in a thread where
    /// nothing waits for it. Not called for a host that is an address.
    ///
    /// # Errors
    /// The name has none, or nobody can be asked.
    fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The names that the system knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

pub(super) async fn addresses(
    resolver: &Arc<dyn Resolver>,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let (resolver, host) = (Arc::clone(resolver), host.to_owned());
    tokio::task::spawn_blocking(move || resolver.look_up(&host, port)).await.map_err(io::Error::other)?
}
