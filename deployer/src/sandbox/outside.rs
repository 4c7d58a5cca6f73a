//! What is done outside of the walls for those within: names are looked up, for what the system reads and asks for that is
//! more than anybody can list; programs that lead to the server are started and ended; its socket is connected to.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread;

use rsync_proto::route::Program;
use rsync_proto::{Opener, Resolver, Running, SystemOpener, SystemResolver};

type Answer<T> = Sender<io::Result<T>>;

enum Question {
    Addresses(String, u16, Answer<Vec<SocketAddr>>),
    Start(Program, Answer<Running>),
    Connect(PathBuf, Answer<UnixStream>),
}

impl Question {
    fn answer(self) {
        // Nobody may be there any more to hear it.
        match self {
            Question::Addresses(host, port, answer) => {
                drop(answer.send(SystemResolver.look_up(&host, port)));
            }
            Question::Start(program, answer) => drop(answer.send(SystemOpener.start(&program))),
            Question::Connect(path, answer) => drop(answer.send(SystemOpener.connect(&path))),
        }
    }
}

fn named() -> thread::Builder {
    thread::Builder::new().name("outside".into())
}

/// The way to a thread outside.
#[derive(Debug)]
pub(super) struct Outside(Sender<Question>);

impl Outside {
    /// To be called outside: threads and programs inherit the walls of those that start them.
    pub(super) fn open() -> Self {
        let (way, questions) = mpsc::channel::<Question>();
        let ask = move || {
            for question in questions {
                // Nobody waits for an answer that takes too long, and the next question must not wait for it either.
                let _ = named().spawn(move || question.answer());
            }
        };
        // Where no thread can be started, nobody answers.
        let _ = named().spawn(ask);
        Self(way)
    }

    fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> io::Result<T> {
        let (answer, answered) = mpsc::channel();
        let asked = self.0.send(question(answer));
        let found = asked.ok().and_then(|()| answered.recv().ok());
        found.unwrap_or_else(|| Err(io::Error::other("no thread could be started outside of the sandbox")))
    }
}

impl Resolver for Outside {
    fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.ask(|answer| Question::Addresses(host.to_owned(), port, answer))
    }
}

impl Opener for Outside {
    fn start(&self, program: &Program) -> io::Result<Running> {
        self.ask(|answer| Question::Start(program.clone(), answer))
    }

    fn connect(&self, socket: &Path) -> io::Result<UnixStream> {
        self.ask(|answer| Question::Connect(socket.to_owned(), answer))
    }
}
