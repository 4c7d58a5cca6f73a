//! Programs that lead to a server: started with a socket as their standard input and output, looked after by a thread of
//! their own, and gone when nobody needs them any more.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use crate::error::ProgramEnd;
use crate::route::Program;

/// How long a program may take to end after it was asked to, before it is made to. A password prompt puts the terminal in
/// order meanwhile.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is looked whether a program that is about to end has ended.
const LOOK: Duration = Duration::from_millis(2);
/// What is in the environment for this program, and not for those that it starts.
const SECRETS: [&str; 2] = ["RSYNC_PASSWORD", "RSYNC_PROXY"];

/// Opens ways to a server on this machine: the system ([`SystemOpener`]), or whoever may where this program may not.
pub trait Opener: Send + Sync + fmt::Debug {
    /// Starts a program. May take its time: it is called in a thread where nothing waits for it.
    ///
    /// # Errors
    /// The program is not there, or cannot be run.
    fn start(&self, program: &Program) -> io::Result<Running>;

    /// Connects to a Unix socket. Likewise.
    ///
    /// # Errors
    /// Nobody listens there.
    fn connect(&self, socket: &Path) -> io::Result<UnixStream>;
}

/// What the system opens.
///
/// A program inherits the environment, but for `RSYNC_PASSWORD` and `RSYNC_PROXY`, and standard error: what it has to say,
/// people see. It stays in the group of this process, so that it can ask at the terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemOpener;

impl Opener for SystemOpener {
    fn start(&self, program: &Program) -> io::Result<Running> {
        let (ours, theirs) = UnixStream::pair()?;
        let (name, arguments) = program.words.split_first().expect("a program has a name");
        let mut command = Command::new(name);
        command.args(arguments).envs(program.environment.iter().cloned());
        for secret in SECRETS {
            command.env_remove(secret);
        }
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        let child = command.spawn()?;
        // With it goes this side's copy of their end, without which the end of the program would not be noticed.
        drop(command);
        let (orders, received) = mpsc::channel();
        let attend = move || attend(child, &received);
        let attendant = thread::Builder::new().name("program".into()).spawn(attend)?;
        Ok(Running { stream: Some(ours), orders: Some(orders), attendant: Some(attendant) })
    }

    fn connect(&self, socket: &Path) -> io::Result<UnixStream> {
        UnixStream::connect(socket)
    }
}

/// The end of a program is waited for so long.
struct Finish {
    within: Duration,
    answer: oneshot::Sender<io::Result<Option<ExitStatus>>>,
}

/// A program that runs. When this is dropped, the program is ended, by force if it has to be, and waited for; that takes half
/// a second at most, unless the kernel itself holds the program.
pub struct Running {
    /// Taken when it is put to use.
    stream: Option<UnixStream>,
    orders: Option<Sender<Finish>>,
    attendant: Option<JoinHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

impl Running {
    pub(super) fn take_stream(&mut self) -> Option<UnixStream> {
        self.stream.take()
    }

    /// Waits for its end, but not for ever, and says how it ended.
    pub(super) async fn finish(mut self, within: Duration) -> ProgramEnd {
        let (answer, answered) = oneshot::channel();
        if let Some(orders) = &self.orders {
            let _ = orders.send(Finish { within, answer });
        }
        let end = answered.await.ok().and_then(Result::ok).flatten();
        // It is gone by now, or about to be killed.
        self.orders = None;
        let Some(end) = end else { return ProgramEnd::Running };
        match (end.code(), end.signal()) {
            (Some(code), _) => ProgramEnd::Exited(code),
            (None, signal) => ProgramEnd::Signalled(signal.unwrap_or(0)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        (self.stream, self.orders) = (None, None);
        if let Some(attendant) = self.attendant.take() {
            let _ = attendant.join();
        }
    }
}

/// Looks after a program until it is gone.
fn attend(mut child: Child, orders: &Receiver<Finish>) {
    if let Ok(Finish { within, answer }) = orders.recv() {
        // Whoever asked may have gone meanwhile.
        let ended = wait(&mut child, within, || matches!(orders.try_recv(), Err(TryRecvError::Disconnected)));
        let gone = matches!(ended, Ok(Some(_)));
        let _ = answer.send(ended);
        if gone {
            return;
        }
    }
    // It was not waited for, so that its number is still its own.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if !matches!(wait(&mut child, GRACE, || false), Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn wait(child: &mut Child, within: Duration, gone: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + within;
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline && !gone() => thread::sleep(LOOK),
            ended => return Ok(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::location::Location;
    use crate::route::ConnectProgram;

    fn program(script: &str) -> Program {
        ConnectProgram::new(script).unwrap().program(&Location::parse("h::m").unwrap()).unwrap()
    }

    fn finish(running: Running, within: Duration) -> ProgramEnd {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(running.finish(within))
    }

    fn read(stream: &mut UnixStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn how_a_program_ends_is_known() {
        let long = Duration::from_secs(60);
        for (script, end) in [
            ("exit 7", ProgramEnd::Exited(7)),
            ("kill -9 $$", ProgramEnd::Signalled(9)),
            ("cat >/dev/null; exit 3", ProgramEnd::Exited(3)),
        ] {
            let mut running = SystemOpener.start(&program(script)).unwrap();
            drop(running.take_stream());
            assert_eq!(finish(running, long), end, "{script}");
        }
        let running = SystemOpener.start(&program("exec sleep 1000")).unwrap();
        assert_eq!(finish(running, Duration::ZERO), ProgramEnd::Running);
    }

    #[test]
    fn the_end_of_a_program_ends_its_stream() {
        let mut running = SystemOpener.start(&program("echo said")).unwrap();
        assert_eq!(read(&mut running.take_stream().unwrap()), "said\n");
    }

    #[test]
    fn a_program_that_is_dropped_is_gone() {
        // One that does not listen to requests, either.
        for script in ["echo $$; exec sleep 1000", "trap '' TERM; echo $$; while :; do sleep 1000; done"] {
            let mut running = SystemOpener.start(&program(script)).unwrap();
            let mut stream = running.take_stream().unwrap();
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                line.extend(byte);
            }
            drop(running);
            let pid: i32 = String::from_utf8(line).unwrap().trim().parse().unwrap();
            let gone = rustix::process::test_kill_process(Pid::from_raw(pid).unwrap());
            assert_eq!(gone, Err(rustix::io::Errno::SRCH), "{script}");
        }
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let missing = Program { words: vec!["no-such-program".into()], ..program("true") };
        assert_eq!(SystemOpener.start(&missing).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
