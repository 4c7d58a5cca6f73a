//! `deployer serve`: directories for rsync clients, until a signal ends it.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsync_proto::TlsOptions;
use rsync_proto::error::printable;
use rsync_proto::local::{Access, Reach};
use rsync_proto::server::{Limits, Module, Peer, ServerTls, Service, ServiceBuilder, Subject, Told, Witness};

use crate::cli::serve::{Serve, TlsFiles};
use crate::console;
use crate::exit::{Exit, Failure};
use crate::password::open_private;
use crate::sandbox::Sandbox;
use crate::stop::Stop;

/// How long the process waits for transfers that do not end, beyond the time that they are given.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of the file with users and of that for people.
const MOST_TEXT: u64 = 1024 * 1024;

/// Serves.
pub(crate) fn run(serve: &Serve) -> Result<Exit, Failure> {
    let lines = Arc::new(Lines::start());
    let service = service(serve, Arc::clone(&lines))?;
    let listener = TcpListener::bind(serve.listen).map_err(|error| Failure {
        message: format!("cannot listen at {}: {error}", serve.listen),
        exit: Exit::Connection,
    })?;
    let address = listener.local_addr().unwrap_or(serve.listen);
    let stop = Stop::on_signals(PATIENCE, || {
        console::complain("stopped by a signal, with transfers that do not end");
    });
    let sandbox = Sandbox::new(serve.walls, reach(serve), None);
    let served = sandbox.run(console::complain, || {
        lines.say(format!("serving {} (ctrl-c stops)", url(address, serve.tls.certificate.is_some())));
        service.serve(listener, stop.flag())
    })?;
    drop(service);
    lines.end();
    served.map_err(|error| Failure { message: format!("cannot go on: {error}"), exit: Exit::Connection })?;
    Ok(Exit::Success)
}

fn service(serve: &Serve, lines: Arc<Lines>) -> Result<Service, Failure> {
    let mut limits = Limits::default();
    limits.connections = serve.connections;
    limits.connections_per_address = serve.per_address;
    limits.idle = serve.timeout;
    limits.handshake = limits.handshake.min(serve.timeout);
    let mut builder: ServiceBuilder = Service::builder().limits(limits).witness(lines);
    if let Some(tls) = tls(&serve.tls)? {
        builder = builder.tls(tls);
    }
    let users = serve.secrets.as_deref().map(secrets).transpose()?;
    for (name, directory) in &serve.modules {
        let mut module = Module::new(name.clone(), directory.clone());
        if let Some(users) = &users {
            module = module.users(users.clone());
        }
        builder = builder.module(module);
    }
    if let Some(path) = &serve.motd {
        let text = String::from_utf8(read_all(path)?);
        let text = text.map_err(|_| Failure::usage(format!("{} is not UTF-8", path.display())))?;
        builder = builder.motd(text);
    }
    builder.build().map_err(|error| Failure::usage(error.to_string()))
}

/// How TLS is spoken, if it is.
fn tls(files: &TlsFiles) -> Result<Option<ServerTls>, Failure> {
    let Some(certificate) = &files.certificate else { return Ok(None) };
    let mut options = TlsOptions::default();
    options.certificate = Some(read_all(certificate)?);
    if let Some(key) = &files.key {
        options.key = Some(whole(open_private(key, "key")?, key)?);
    }
    options.authorities = files.authorities.as_deref().map(read_all).transpose()?;
    Ok(Some(ServerTls::new(&options)?))
}

fn read_all(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path);
    whole(file.map_err(|error| Failure::usage(format!("cannot open {}: {error}", path.display())))?, path)
}

/// All of a file, which is none of the largest.
fn whole(file: std::fs::File, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = file.take(MOST_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() as u64 > MOST_TEXT {
        return Err(Failure::usage(format!("{} is larger than 1 MiB", path.display())));
    }
    Ok(bytes)
}

/// What is read besides the modules: names of owners, and the handles of this process itself.
fn reach(serve: &Serve) -> Vec<Reach> {
    let own = ["/etc/passwd", "/etc/group", "/proc/self/fd"].map(PathBuf::from);
    let own = own.into_iter().filter(|path| path.exists());
    let modules = serve.modules.iter().map(|(_, path)| path.clone());
    own.chain(modules).map(|path| Reach { path, access: Access::Read }).collect()
}

/// Users with their passwords, out of a file that is nobody else's to read.
fn secrets(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let text = whole(open_private(path, "file of users")?, path)?;
    parse_secrets(&text[..], &path.display().to_string())
}

fn parse_secrets(text: impl BufRead, shown: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut users: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, line) in text.split(b'\n').enumerate() {
        // What stands in the line is not for messages.
        let fail = |problem: &str| Failure::usage(format!("line {} of {shown} {problem}", number + 1));
        let line = line.map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, password) =
            colon.map(|at| (&line[..at], &line[at + 1..])).ok_or_else(|| fail("is not user:password"))?;
        let name = std::str::from_utf8(name).map_err(|_| fail("has a user that is not UTF-8"))?;
        if name.is_empty() || password.is_empty() {
            return Err(fail("lacks a user or a password"));
        }
        if users.iter().any(|(known, _)| known == name) {
            return Err(fail("has a user that stands there already"));
        }
        users.push((name.to_owned(), password.to_vec()));
    }
    if users.is_empty() {
        return Err(Failure::usage(format!("there is no user in {shown}")));
    }
    Ok(users)
}

fn url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "rsyncs" } else { "rsync" };
    format!("{scheme}://{address}/")
}

/// So many lines wait for somebody to take them; those beyond are counted.
const WAITING: usize = 1024;
/// How long the last of them are waited for.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A line for each transfer. A thread of its own writes them: a server whose output nobody takes is still a server.
struct Lines {
    lines: Mutex<Option<SyncSender<String>>>,
    lost: AtomicU64,
    /// Nothing comes of it but its end.
    written: Mutex<Receiver<()>>,
}

impl Lines {
    fn start() -> Self {
        let (lines, coming) = mpsc::sync_channel::<String>(WAITING);
        let (done, written) = mpsc::channel();
        let write = move || {
            let _done: mpsc::Sender<()> = done;
            for line in coming {
                let mut output = std::io::stdout().lock();
                if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
                    return;
                }
            }
        };
        // Without the thread nothing is said.
        let _ = std::thread::Builder::new().name("lines".into()).spawn(write);
        Self { lines: Mutex::new(Some(lines)), lost: AtomicU64::new(0), written: Mutex::new(written) }
    }

    fn say(&self, line: String) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = &*lines else { return };
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 && lines.try_send(format!("{lost} lines were not taken and are lost")).is_ok() {
            self.lost.store(0, Ordering::Relaxed);
        }
        if let Err(TrySendError::Full(_)) = lines.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more lines. Waits a moment for those that were said.
    fn end(&self) {
        drop(self.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = written.recv_timeout(LAST_LINES);
    }
}

impl Witness for Lines {
    fn told(&self, told: &Told<'_>) {
        match told {
            Told::Listed(peer) => self.say(format!("{}: the list of modules", peer.address)),
            Told::Refused { peer, reason } => {
                self.say(format!("{}: turned away: {}", peer.address, printable(reason.as_bytes())));
            }
            Told::Said { peer, text } => self.say(format!("{}: told: {text}", peer.address)),
            Told::Ended { peer, subject, figures, took, failure } => {
                let took = took.as_secs_f64();
                let what = what(peer, subject);
                self.say(match failure {
                    Some(failure) => {
                        format!(
                            "{what}: ended early after {took:.1} s, {} bytes sent: {}",
                            figures.sent,
                            printable(failure.to_string().as_bytes())
                        )
                    }
                    None => format!(
                        "{what}: {} entries, {} bytes sent, {} literal, {} matched, {took:.1} s{}",
                        figures.entries,
                        figures.sent,
                        figures.literal,
                        figures.matched,
                        if figures.io_error == 0 { "" } else { ", not all could be read" }
                    ),
                });
            }
            _ => {}
        }
    }
}

/// Who gets what.
fn what(peer: &Peer, subject: &Subject) -> String {
    let paths: Vec<_> = subject.paths.iter().map(|path| format!("{}/{path}", subject.module)).collect();
    let user = subject.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    format!("{user}{} {}", peer.address, paths.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
        parse_secrets(text.as_bytes(), "users").map_err(|failure| failure.message)
    }

    #[test]
    fn users_stand_in_lines() {
        let users = parsed("# of the house\nann:a:b \r\n\nbob:\u{fc}\n").unwrap();
        assert_eq!(users, [("ann".to_owned(), b"a:b ".to_vec()), ("bob".to_owned(), "\u{fc}".into())]);
    }

    #[test]
    fn what_is_no_user_is_not_shown() {
        for (text, part) in [
            ("a:secret\nsecret\n", "line 2 of users is not"),
            (":secret", "lacks"),
            ("a:", "lacks"),
            ("a:secret\na:secret2", "line 2 of users has a user"),
            ("\n#\n", "no user"),
        ] {
            let message = parsed(text).unwrap_err();
            assert!(message.contains(part) && !message.contains("secret"), "{message}");
        }
    }
}
