//! Resolver are looked up outside of the walls: what the system reads and asks for that is more than anybody can list.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rsync_proto::{Resolver, SystemResolver};

struct Question {
    host: String,
    port: u16,
    answer: Sender<io::Result<Vec<SocketAddr>>>,
}

fn named() -> thread::Builder {
    thread::Builder::new().name("resolver".into())
}

/// The way to a thread outside.
#[derive(Debug)]
pub(super) struct Outside(Sender<Question>);

impl Outside {
    /// To be called outside: threads inherit the walls of those that start them.
    pub(super) fn open() -> Self {
        let (way, questions) = mpsc::channel::<Question>();
        let ask = move || {
            for Question { host, port, answer } in questions {
                // Nobody waits for an answer that takes too long, and the next question must not wait for it either.
                let ask = move || answer.send(SystemResolver.look_up(&host, port));
                let _ = named().spawn(ask);
            }
        };
        // Where no thread can be started, nobody answers.
        let _ = named().spawn(ask);
        Self(way)
    }
}

impl Resolver for Outside {
    fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let (answer, answered) = mpsc::channel();
        let asked = self.0.send(Question { host: host.to_owned(), port, answer });
        let found = asked.ok().and_then(|()| answered.recv().ok());
        found.unwrap_or_else(|| Err(io::Error::other("no thread could be started to look it up")))
    }
}
