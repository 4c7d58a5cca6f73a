//! A relay in front of a daemon that makes it a server of protocol 29: it changes the first line of either side, so that
//! it is the server that speaks no newer one.
//!
//! Not for lies: what goes through it is what the daemon says.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::daemon::Daemon;
use crate::server::Server;

/// What the daemon hears in place of the client's first line: a version, and no digests for passwords.
const CLIENT_GREETING: &[u8] = b"@RSYNCD: 29.0\n";

/// Bytes of the list of filter rules when it is empty: the only ones that a client sends before it has the file list.
const FILTER_LEN: usize = 4;

type Interruption = dyn Fn() + Send + Sync;

/// It serves as long as this value lasts.
#[derive(Debug)]
pub struct OldServer {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl OldServer {
    /// Greets with this line in the place of the daemon.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn before(daemon: &Daemon, greeting: &str) -> Self {
        Self::interrupted(daemon, greeting, || ())
    }

    /// The same, and does something in each session between the file list and the first request.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn interrupted(
        daemon: &Daemon,
        greeting: &str,
        interruption: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let (is_stopped, server) = (Arc::clone(&stopped), daemon.address());
        let greeting = format!("{greeting}\n").into_bytes();
        let interruption: Arc<Interruption> = Arc::new(interruption);
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let (greeting, interruption) = (greeting.clone(), Arc::clone(&interruption));
                // It ends with its connections; an error is seen by whoever holds their other ends.
                thread::spawn(move || {
                    let _ = relay(client, server, &greeting, &*interruption);
                });
            }
        });
        Self { address, stopped, thread: Some(thread) }
    }
}

impl Server for OldServer {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn relay(
    mut client: TcpStream,
    server: SocketAddr,
    greeting: &[u8],
    interruption: &Interruption,
) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let _ = line(&mut server)?;
    client.write_all(greeting)?;
    let _ = line(&mut client)?;
    server.write_all(CLIENT_GREETING)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let forth = requests(&mut client, &mut server, interruption);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    forth
}

/// What the client says after its greeting: lines up to an empty one, the rules, and then requests.
fn requests(client: &mut TcpStream, server: &mut TcpStream, interruption: &Interruption) -> io::Result<()> {
    loop {
        let line = line(client)?;
        server.write_all(&line)?;
        if line == b"\n" {
            break;
        }
    }
    let mut first = [0; FILTER_LEN];
    client.read_exact(&mut first)?;
    server.write_all(&first)?;
    let mut next = [0; 1];
    client.read_exact(&mut next)?;
    interruption();
    server.write_all(&next)?;
    io::copy(client, server).map(drop)
}

/// A line with its end. Nothing behind it is taken.
fn line(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0; 1];
    while line.last() != Some(&b'\n') {
        from.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(line)
}
