//! A client by hand: says what it is told to, and hears what comes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use end_to_end::own_daemon::OwnDaemon;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;

/// How long a server may take for an answer, or for hanging up. Passing it is a failure, not a wait.
const LIMIT: Duration = Duration::from_secs(30);

/// The greeting of a client of protocol 32.
pub const GREETING: &[u8] = b"@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";

/// Arguments of a client that wants everything at once, with MD5 and without words about it.
pub const PLAIN: [&[u8]; 5] = [b"--server", b"--sender", b"-re.LfxCIu", b".", b"tree/"];

/// One connection.
pub struct Visitor {
    stream: TcpStream,
}

impl Visitor {
    /// Connects, and says nothing.
    pub fn to(server: &dyn Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit can be set");
        stream.set_nodelay(true).expect("it can be set");
        Self { stream }
    }

    /// Connects, names the module `tree`, and says these arguments.
    pub fn asking(server: &dyn Server, arguments: &[&[u8]]) -> Self {
        let mut visitor = Self::to(server);
        visitor.say(&[GREETING, b"tree\n"].concat());
        assert!(visitor.line().starts_with("@RSYNCD: 3"), "a greeting was expected");
        assert_eq!(visitor.line(), "@RSYNCD: OK", "the module was expected to be open");
        visitor.say(&arguments.iter().flat_map(|it| [it, &b"\0"[..]].concat()).collect::<Vec<u8>>());
        visitor.say(b"\0");
        visitor
    }

    /// The same with the arguments of [`PLAIN`] and without rules: the list is on its way.
    pub fn listing(server: &dyn Server) -> Self {
        let mut visitor = Self::asking(server, &PLAIN);
        visitor.say(&frame(&[0; 4]));
        visitor
    }

    /// Says something; whether the server still listens does not matter.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Whether the server takes it.
    pub fn can_say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.stream.read(&mut byte).expect("a line was expected") == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    /// The next bytes.
    pub fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("more was expected");
        bytes
    }

    /// Says that it has nothing more to say.
    pub fn ends(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// All that comes until the server hangs up, which it has to.
    pub fn rest(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return all,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
                Err(error) => panic!(
                    "the server was expected to hang up, not {error}; it has said {} bytes, at last {}",
                    all.len(),
                    all[all.len().saturating_sub(100)..].escape_ascii()
                ),
            }
            // What is refused need not be kept.
            if all.len() > 64 << 20 {
                all.clear();
            }
        }
    }
}

/// A frame of the stream.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are short");
    [&(length | 7 << 24).to_le_bytes()[..], payload].concat()
}

/// The texts for people in what a server said: lines behind `@ERROR`, and messages in frames.
pub fn texts(said: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for line in said.split(|byte| *byte == b'\n') {
        if line.starts_with(b"@ERROR") {
            texts.push(String::from_utf8_lossy(line).into_owned());
        }
    }
    for at in 0..said.len().saturating_sub(4) {
        let [a, b, 0, 8..=11 | 15] = said[at..at + 4] else { continue };
        let length = usize::from(u16::from_le_bytes([a, b]));
        let Some(text) = said.get(at + 4..at + 4 + length) else { continue };
        let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || *byte == b'\n';
        if length > 8 && text.iter().all(is_text) {
            texts.push(String::from_utf8_lossy(text).trim_end().to_owned());
        }
    }
    texts
}

/// Fails unless the server has said to the client why it does not go on.
#[track_caller]
pub fn assert_refused(what: &str, said: &[u8], daemon: &OwnDaemon) -> String {
    let texts = texts(said);
    assert!(
        !texts.is_empty(),
        "{what}: a reason was expected, not {}\n{}",
        said[..said.len().min(400)].escape_ascii(),
        daemon.said()
    );
    texts.join("; ")
}

/// Fails unless the daemon serves the next client and is rid of all others.
#[track_caller]
pub fn assert_serves(daemon: &mut OwnDaemon, what: &str) {
    daemon.assert_runs();
    let scratch = Scratch::new();
    let outcome = Program::rsync().pull(&["-a", "--timeout=30"], &daemon.url("tree/"), &scratch.join("new"));
    assert_eq!(
        outcome.code(),
        0,
        "{what}: the next client was expected to be served\n{outcome}\n{}",
        daemon.said()
    );
    assert!(!daemon.said().contains("panicked"), "{what}: no panic was expected\n{}", daemon.said());
}

/// What comes with the first client and stays, at most: threads and files.
const STAYS: (u64, usize) = (3, 4);

/// Waits until the daemon has not many more threads and open files than before any client came.
pub fn assert_rid(daemon: &mut OwnDaemon, before: (u64, usize)) {
    daemon.until(&format!("as few threads and files as before, {before:?},"), |it| {
        it.threads() <= before.0 + STAYS.0 && it.open_files() <= before.1 + STAYS.1
    });
}

/// How many threads and open files it has.
pub fn holdings(daemon: &OwnDaemon) -> (u64, usize) {
    (daemon.threads(), daemon.open_files())
}

#[test]
fn texts_are_found_in_frames() {
    let said = [&[0x81, 0xff][..], &[1, 2, 3, 4], &[12, 0, 0, 10], b"it is wrong\n", &[0, 0, 0, 7]].concat();
    assert_eq!(texts(&said), ["it is wrong"]);
    assert_eq!(texts(b"@RSYNCD: 32\n@ERROR: no\n"), ["@ERROR: no"]);
    assert!(texts(&[0; 100]).is_empty());
}
