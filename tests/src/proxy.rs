//! A proxy that lets `CONNECT` through, and counts how often.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A proxy that lasts as long as the process.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// One that leads to wherever it is asked for.
    ///
    /// # Panics
    /// If there is no port to listen on.
    #[must_use]
    pub fn new() -> Self {
        Self::answering("200 Connection established")
    }

    /// One that gives this answer; only with the status 200, it leads anywhere.
    ///
    /// # Panics
    /// If there is no port to listen on.
    #[must_use]
    pub fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || lead(client, answer));
            }
        });
        Self { address, connections }
    }

    /// What programs are told about it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often it was asked.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

fn lead(mut client: TcpStream, answer: &str) -> io::Result<()> {
    let mut head = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    write!(client, "HTTP/1.1 {answer}\r\n\r\n")?;
    let target = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    if !answer.starts_with("200") {
        return Ok(());
    }
    let server = TcpStream::connect(target)?;
    let (mut to_server, mut from_server, mut to_client) = (server.try_clone()?, server, client.try_clone()?);
    let there = thread::spawn(move || {
        // What stood behind the head has been read already.
        let _ = io::copy(&mut head, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut from_server, &mut to_client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = there.join();
    Ok(())
}
