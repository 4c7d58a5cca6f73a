//! A session with a real daemon as it went, and what plays the daemon's part of it again, with a fault in it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::said::Said;
use crate::server::Server;

/// A client says again what it said then, and may take so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// One that was told something wrong may not; the daemon's part goes on without it.
const IMPATIENCE: Duration = Duration::from_millis(40);

/// What the daemon said, and how much the client had said before each part of it, as [`Said`] counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    parts: Vec<(usize, Vec<u8>)>,
    /// Something of it is not as it was.
    faulty: bool,
    /// At the end the daemon falls silent, and does not hang up.
    stalls: bool,
}

impl Recording {
    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether the daemon said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same with a byte changed.
    #[must_use]
    pub fn with(&self, position: usize, change: impl Fn(u8) -> u8) -> Self {
        let mut changed = Self { faulty: true, ..self.clone() };
        let byte = changed.parts.iter_mut().flat_map(|(_, bytes)| bytes).nth(position);
        if let Some(byte) = byte {
            *byte = change(*byte);
        }
        changed
    }

    /// The same up to a position.
    #[must_use]
    pub fn cut(&self, position: usize) -> Self {
        let mut left = position;
        let parts = self.parts.iter().map_while(|(before, bytes)| {
            let part = bytes[..bytes.len().min(left)].to_vec();
            let goes_on = left > 0;
            left -= part.len();
            goes_on.then_some((*before, part))
        });
        Self { parts: parts.collect(), faulty: true, stalls: self.stalls }
    }

    /// The same, with silence in the place of its end.
    #[must_use]
    pub fn stalled(mut self) -> Self {
        self.stalls = true;
        self
    }
}

/// Stands between one client and a daemon, and writes down what the daemon says.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    said: Arc<Mutex<(Said, Recording)>>,
}

impl Recorder {
    /// Before this daemon.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn before(daemon: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let said = Arc::new(Mutex::new((Said::default(), Recording::default())));
        let log = Arc::clone(&said);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(daemon) else { continue };
                *log.lock().expect("no thread panics with the lock") =
                    (Said::default(), Recording::default());
                let other = |stream: &TcpStream| stream.try_clone().expect("a socket has two directions");
                let (from_client, to_server, log_client) = (other(&client), other(&server), Arc::clone(&log));
                thread::spawn(move || {
                    pass(from_client, to_server, |bytes| {
                        log_client.lock().expect("no thread panics with the lock").0.hear(bytes);
                    });
                });
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    pass(server, client, |bytes| {
                        let mut log = log.lock().expect("no thread panics with the lock");
                        let before = log.0.count();
                        log.1.parts.push((before, bytes.to_vec()));
                    });
                });
            }
        });
        Self { address, said }
    }

    /// What the daemon said in the last session, which is over.
    ///
    /// # Panics
    /// If the recorder has failed.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.said.lock().expect("no thread panics with the lock").1.clone()
    }
}

impl Server for Recorder {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Each part is written down before it is passed on.
fn pass(mut from: TcpStream, mut to: TcpStream, write_down: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        write_down(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Plays the daemon's part to everybody who connects.
#[derive(Debug)]
pub struct Player {
    address: SocketAddr,
    plays: Arc<Mutex<Recording>>,
}

impl Player {
    /// Nothing is played before [`Self::set`].
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let plays = Arc::new(Mutex::new(Recording::default()));
        let current = Arc::clone(&plays);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let recording = current.lock().expect("no thread panics with the lock").clone();
                thread::spawn(move || play(&client, &recording));
            }
        });
        Self { address, plays }
    }

    /// What is played from now on.
    ///
    /// # Panics
    /// If the player has failed.
    pub fn set(&self, recording: Recording) {
        *self.plays.lock().expect("no thread panics with the lock") = recording;
    }
}

impl Default for Player {
    fn default() -> Self {
        Self::new()
    }
}

impl Server for Player {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

fn play(client: &TcpStream, recording: &Recording) {
    let mut stream = client;
    let _ = client.set_nodelay(true);
    let _ = client.set_read_timeout(Some(if recording.faulty { IMPATIENCE } else { PATIENCE }));
    let mut said = Said::default();
    let mut buffer = [0; 16 * 1024];
    for (before, bytes) in &recording.parts {
        while said.count() < *before {
            match stream.read(&mut buffer) {
                Ok(count @ 1..) => said.hear(&buffer[..count]),
                _ => break,
            }
        }
        if stream.write_all(bytes).is_err() {
            return;
        }
    }
    if !recording.stalls {
        let _ = client.shutdown(Shutdown::Write);
    }
    let _ = client.set_read_timeout(None);
    while let Ok(1..) = stream.read(&mut buffer) {}
}
