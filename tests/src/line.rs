//! A line to a server that a test holds, cuts and mends: what has passed does not depend on how fast anything is.
//!
//! Not for cuts that nobody waits for: see [`crate::cut`].

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use crate::carry::carry;
use crate::server::Server;

/// A line that lasts as long as the process.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Of each connection, so many bytes from the server pass.
    most: Option<usize>,
    is_held: bool,
    is_cut: bool,
    /// How many came while it was cut.
    refused: usize,
}

impl Line {
    /// A line to `server` that holds nothing.
    ///
    /// # Panics
    /// If there is no port to listen on.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(Shared::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                {
                    let mut state = shared.lock();
                    if state.is_cut {
                        state.refused += 1;
                        continue;
                    }
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                thread::spawn(move || carry(&client, &server, |passed| shared.allowance(passed)));
            }
        });
        Self { address, state }
    }

    /// From now on, no connection gets more than this of what the server sends; it stands still then.
    pub fn hold_after(&self, bytes: usize) {
        let mut state = self.state.lock();
        (state.most, state.is_held) = (Some(bytes), false);
    }

    /// Whether a connection stands still.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state.lock().is_held
    }

    /// Ends the connections that are held, and all others as soon as bytes come; refuses new ones.
    pub fn cut(&self) {
        self.state.lock().is_cut = true;
        self.state.changed.notify_all();
    }

    /// How many connections were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.state.lock().refused
    }

    /// Everything passes again.
    pub fn mend(&self) {
        let mut state = self.state.lock();
        (state.most, state.is_held, state.is_cut) = (None, false, false);
        drop(state);
        self.state.changed.notify_all();
    }
}

impl Server for Line {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }

    /// Waits until a connection of which `passed` bytes have passed may go on. Returns how many more it may have; nothing if
    /// it is cut.
    fn allowance(&self, passed: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.is_cut {
                return None;
            }
            match state.most.map(|most| most.saturating_sub(passed)) {
                Some(0) => state.is_held = true,
                left => return Some(left.unwrap_or(usize::MAX)),
            }
            state = self.changed.wait(state).expect("no thread panics with the lock");
        }
    }
}
