//! A server that says what a test tells it to say, to a real client over loopback: protocols 29 to 32, with and
//! without incremental recursion. Honest unless the test changes something of its tale.
//!
//! Not for a server that checks anything: it believes its client.

mod delta;
mod incoming;
mod speech;
mod tale;

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rsync_proto::scripted::Script;
use rsync_proto::wire::put;

pub use incoming::Request;
use incoming::{Incoming, Input};
pub use tale::{Point, Segments, Shape, Tale};

use crate::server::Server;

/// A client that is silent for so long has gone, or hangs; its test has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(100);

/// It serves as long as the test runs.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
}

impl ScriptedServer {
    /// Tells everybody who connects the same tale.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn telling(tale: Tale) -> Self {
        let tale = Arc::new(tale);
        Self::serving(move |stream| {
            // A client that has heard enough hangs up. One that has not reads all that was said before the end.
            let _ = tell(&stream, &tale);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut &stream, &mut io::sink());
        })
    }

    /// Does this with each connection.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_nodelay(true);
                thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }
}

impl Server for ScriptedServer {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Hangs up after so many bytes.
struct Output<'a> {
    stream: &'a TcpStream,
    left: usize,
    drip: Option<Duration>,
}

impl Output<'_> {
    /// Writes this for ever, if it is anything.
    fn flood(&mut self, bytes: &[u8]) -> io::Result<()> {
        let many = bytes.repeat(1 + 65536 / bytes.len().max(1));
        while !many.is_empty() {
            self.write_all(&many)?;
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        let bytes = &bytes[..bytes.len().min(self.left)];
        match self.drip {
            None => stream.write_all(bytes)?,
            Some(pause) => bytes.iter().try_for_each(|byte| {
                thread::sleep(pause);
                stream.write_all(&[*byte])
            })?,
        }
        self.left = self.left.saturating_sub(bytes.len());
        if self.left == 0 {
            // An orderly end: what was said arrives.
            stream.shutdown(Shutdown::Write)?;
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}

/// One connection, from the greeting to its end.
fn tell(stream: &TcpStream, tale: &Tale) -> io::Result<()> {
    let mut input = Input::new(stream.try_clone()?, tale.shape.protocol);
    let out = &mut Output { stream, left: tale.cut.unwrap_or(usize::MAX), drip: None };
    out.drip = tale.drip.filter(|_| tale.drips_at_once);
    out.write_all(&tale.greeting)?;
    let _greeting = input.line()?;
    let _module = input.line()?;
    out.write_all(&tale.reply)?;
    input.arguments()?;
    out.write_all(&capabilities(tale))?;
    let agreed = tale.agreed();
    let mut script = Script::new(&agreed);
    out.drip = tale.drip;
    tale.say(Point::BeforeList, &mut script);
    if tale.floods_list {
        out.write_all(&tale.frame(&mut script))?;
        out.flood(&tale.flood)?;
    }
    let segments = tale.put_list(&mut script);
    tale.say(Point::AfterList, &mut script);
    out.write_all(&tale.frame(&mut script))?;
    out.flood(&tale.flood)?;
    if tale.shape.negotiates {
        input.vstring()?;
    }
    if tale.compressions.is_some() {
        input.vstring()?;
    }
    input.rules()?;

    if tale.items.is_empty() {
        // There is nothing to ask for.
        stream.shutdown(Shutdown::Write)?;
        input.drain();
        return Ok(());
    }

    // One end for each segment that is let go, but for the last, and one for each of the phases.
    let mut ends = segments - 1 + 3;
    let mut answered = false;
    while ends > 0 {
        match input.next()? {
            Incoming::Request(request) => {
                if !std::mem::replace(&mut answered, true) {
                    tale.say(Point::BeforeAnswers, &mut script);
                }
                tale.answer(&mut script, &request);
            }
            Incoming::Done => {
                ends -= 1;
                if ends == 0 {
                    tale.say(Point::BeforeLastEnd, &mut script);
                }
                script.done(1);
            }
        }
        if input.is_drained() {
            out.write_all(&tale.frame(&mut script))?;
        }
    }
    tale.say(Point::BeforeStatistics, &mut script);
    if tale.says_goodbye {
        script.goodbye(tale.shape.protocol);
    }
    tale.say(Point::AfterAll, &mut script);
    out.write_all(&tale.frame(&mut script))?;
    // The end of the connection is the end of the session; what the client still has to say is not cut off.
    stream.shutdown(Shutdown::Write)?;
    input.drain();
    Ok(())
}

fn capabilities(tale: &Tale) -> Vec<u8> {
    let mut out = Vec::new();
    if tale.shape.protocol >= 30 {
        put::varint(&mut out, tale.flags as i32);
        if tale.shape.negotiates {
            put::vstring(&mut out, &tale.checksums);
        }
        tale.compressions.iter().for_each(|names| put::vstring(&mut out, names));
    }
    out.extend(7i32.to_le_bytes());
    out
}
