//! Stands between a client and a daemon, and keeps what the client says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use crate::server::Server;

/// Relays one connection.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    said: JoinHandle<Vec<u8>>,
}

impl Relay {
    /// Waits for a client of this daemon.
    ///
    /// # Panics
    /// If there is no port to listen on.
    #[must_use]
    pub fn to(daemon: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let said = thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client connects");
            let server = TcpStream::connect(daemon).expect("the daemon listens");
            let other = |stream: &TcpStream| stream.try_clone().expect("a socket has two directions");
            let (to_client, from_server) = (other(&client), other(&server));
            let back = thread::spawn(move || pass_on(from_server, to_client));
            let said = pass_on(client, server);
            back.join().expect("the relay does not fail");
            said
        });
        Self { address, said }
    }

    /// What the client said, after it has ended.
    ///
    /// # Panics
    /// If no client came.
    #[must_use]
    pub fn said(self) -> Vec<u8> {
        self.said.join().expect("the relay does not fail")
    }
}

impl Server for Relay {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Of what a client of protocol 30 or later said: the arguments for the server, and what came after them.
#[must_use]
pub fn arguments(said: &[u8]) -> Option<(Vec<String>, &[u8])> {
    // Greeting and module.
    let mut rest = said;
    for _ in 0..2 {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        rest = &rest[end + 1..];
    }
    let end = rest.windows(2).position(|pair| pair == [0, 0])?;
    let arguments = rest[..end].split(|byte| *byte == 0).map(|it| it.escape_ascii().to_string());
    Some((arguments.collect(), &rest[end + 2..]))
}

/// Until one of both hangs up, in whichever way.
fn pass_on(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        all.extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    all
}
