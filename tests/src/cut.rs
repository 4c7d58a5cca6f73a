//! A line to a daemon that is cut: each connection after so many bytes from the server, until it holds.
//!
//! Not for listening in: see [`crate::relay`].

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::carry::carry;
use crate::server::Server;

/// A line that lasts as long as the process.
#[derive(Debug)]
pub struct CutLine {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl CutLine {
    /// A line to `daemon` whose connections end after these numbers of bytes from it, in turn; all further ones hold.
    ///
    /// # Panics
    /// If there is no port to listen on.
    #[must_use]
    pub fn to(daemon: SocketAddr, cuts: &[usize]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, cuts) = (Arc::clone(&connections), cuts.to_vec());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let cut = cuts.get(count.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(usize::MAX);
                let Ok(server) = TcpStream::connect(daemon) else { continue };
                thread::spawn(move || {
                    carry(&client, &server, |passed| cut.checked_sub(passed).filter(|left| *left > 0));
                });
            }
        });
        Self { address, connections }
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Server for CutLine {
    fn address(&self) -> SocketAddr {
        self.address
    }
}
