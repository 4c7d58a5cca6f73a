//! Handshakes driven with bytes alone: honest ones end in the same agreement however their bytes are cut,
//! and every lie is met with the error that fits it.

mod honest;
mod lies;
mod old;

use bytes::BytesMut;

use super::{Agreed, Credentials, Handshake, Outcome};
use crate::error::{Error, Result};
use crate::location::Location;
use crate::options::Options;
use crate::wire::put;

/// What our side sends first.
const OWN_GREETING: &str = "@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";
/// A greeting of a server as recent as we are.
const GREETING: &str = "@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n";

/// Our side of a handshake.
#[derive(Clone)]
struct Client {
    url: &'static str,
    options: Options,
    credentials: Option<Credentials>,
}

/// How a handshake went.
#[derive(Debug)]
struct Course {
    result: Result<Option<Outcome>>,
    output: Vec<u8>,
    lines: Vec<String>,
    /// Bytes that do not belong to the handshake.
    rest: Vec<u8>,
    /// What the end of the connection would have meant.
    end: Error,
}

impl Client {
    fn new(url: &'static str) -> Self {
        Self { url, options: Options::archive(), credentials: None }
    }

    fn with_password(url: &'static str) -> Self {
        let credentials = Credentials::new("user", *b"a");
        Self { credentials: Some(credentials), ..Self::new(url) }
    }

    fn shake<'a>(&self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Course {
        let location = Location::parse(self.url).expect("a test names a location");
        let mut handshake = Handshake::new(location, self.options.clone(), self.credentials.clone(), false);
        let mut input = BytesMut::new();
        let mut result = Ok(None);
        for chunk in chunks {
            input.extend_from_slice(chunk);
            if matches!(result, Ok(None)) {
                result = handshake.advance(&mut input);
            }
        }
        let lines = handshake.take_lines();
        let end = handshake.end_of_input();
        Course { result, output: handshake.output().to_vec(), lines, rest: input.to_vec(), end }
    }

    fn shake_whole(&self, bytes: &[u8]) -> Course {
        self.shake([bytes])
    }
}

impl Course {
    fn agreed(&self) -> &Agreed {
        match &self.result {
            Ok(Some(Outcome::Agreed(agreed))) => agreed,
            other => panic!("both sides must agree: {other:?}"),
        }
    }

    fn error(&self) -> &Error {
        match &self.result {
            Err(error) => error,
            Ok(outcome) => panic!("it must be refused, but came to {outcome:?}"),
        }
    }
}

/// What a server sends once the module is accepted: flags, names of checksums if there are any, and a seed.
fn capabilities(flags: u32, checksums: Option<&str>, seed: i32) -> Vec<u8> {
    let mut out = Vec::new();
    put::varint(&mut out, flags as i32);
    if let Some(names) = checksums {
        put::vstring(&mut out, names.as_bytes());
    }
    out.extend(seed.to_le_bytes());
    out
}

/// Lines, and what follows them.
fn transcript(lines: &[&str], tail: &[u8]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{}\n", line.trim_end_matches('\n'))).collect();
    [text.as_bytes(), tail].concat()
}
