//! Everything before the first frame: greeting, module, authentication, arguments, capabilities, checksum.
//!
//! [`Handshake`] is fed with bytes and hands out bytes; it knows neither sockets nor clocks.
//!
//! ```text
//! server                                  client
//! @RSYNCD: 32.0 sha512 …          <->     @RSYNCD: 32.0 sha512 …
//!                                  <-     module
//! lines (message of the day)       ->
//! @RSYNCD: AUTHREQD challenge      ->     user answer                (where the module wants it)
//! @RSYNCD: OK                      ->     arguments, each with a NUL, and one NUL more
//! compatibility flags              ->
//! names of checksums              <->     names of checksums         (where the flags say so)
//! names of compressions           <->     names of compressions      (likewise, if compression was asked for)
//! seed                             ->
//! ```
//!
//! In protocol 29 a line end follows each argument, an empty line the last, and then only the seed.
//!
//! Where a remote shell starts the server ([`Scheme::Shell`]), its arguments stand on its command line
//! ([`shell_arguments`]), and the rest begins with the versions, four bytes each:
//!
//! ```text
//! version                         <->     version
//! compatibility flags, names, seed as above
//! ```

mod agreed;
mod arguments;
mod auth;
pub(crate) mod greeting;
mod negotiate;
mod shell;

use bytes::{Buf, BytesMut};

pub use agreed::Agreed;
pub use arguments::arguments;
pub use auth::{Credentials, Digest};
use greeting::Greeting;
use negotiate::{choose_checksum, choose_compression, with_checksum};
pub use shell::shell_arguments;

use crate::checksum::ChecksumKind;
use crate::compression::CompressionKind;
use crate::error::{Error, Malformed, Refused, Result, printable};
use crate::limits;
use crate::location::{Location, Scheme};
use crate::options::{Method, Options};
use crate::wire::{Cursor, Stop};

/// What came of the bytes so far.
#[derive(Debug)]
pub enum Outcome {
    /// The transfer begins; bytes behind the handshake are still in the input.
    Agreed(Box<Agreed>),
    /// The list of modules is complete, which was all that was asked for.
    Listed(Vec<String>),
}

/// The handshake of one connection.
pub struct Handshake {
    state: State,
    options: Options,
    location: Location,
    credentials: Option<Credentials>,
    list_only: bool,
    output: BytesMut,
    lines: Vec<String>,
    line_count: usize,
    line_bytes: usize,
    digests: Option<Vec<Vec<u8>>>,
    protocol: u8,
    authenticated: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Greeting,
    /// In place of greeting and module, where there is no daemon.
    Version,
    Module,
    Capabilities,
    Checksums {
        flags: u32,
        compression: Method,
    },
    Compressions {
        flags: u32,
        checksum: ChecksumKind,
    },
    Seed {
        flags: u32,
        checksum: ChecksumKind,
        compression: Option<CompressionKind>,
    },
}

impl Handshake {
    /// A handshake that asks for the location with these options, and a daemon with an empty module for its list of
    /// modules; `list_only` for a listing of files without a transfer. With a remote shell the arguments are told by
    /// [`shell_arguments`], and the credentials are of no use.
    pub fn new(
        location: Location,
        options: Options,
        credentials: Option<Credentials>,
        list_only: bool,
    ) -> Self {
        let mut output = BytesMut::new();
        let state = match location.scheme {
            Scheme::Shell => {
                output.extend_from_slice(&shell::preface(&options, &location, list_only));
                output.extend_from_slice(&i32::from(options.protocol).to_le_bytes());
                State::Version
            }
            Scheme::Rsync | Scheme::Rsyncs => {
                output.extend_from_slice(greeting::own(options.protocol).as_bytes());
                State::Greeting
            }
        };
        Self {
            state,
            options,
            location,
            credentials,
            list_only,
            output,
            lines: Vec::new(),
            line_count: 0,
            line_bytes: 0,
            digests: None,
            protocol: 0,
            authenticated: false,
        }
    }

    /// Bytes for the server.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Lines that the server sent for people before the transfer: the message of the day. Control characters
    /// are escaped. In a list of modules they cannot be told apart from it, and are handed out together.
    pub fn take_lines(&mut self) -> Vec<String> {
        if self.location.asks_for_modules() { Vec::new() } else { std::mem::take(&mut self.lines) }
    }

    /// What the end of the connection means now: a refusal without words, or an end in mid-air.
    pub fn end_of_input(&self) -> Error {
        let silent = |expected: &str| Error::Refused {
            kind: Refused::Silent,
            message: format!("it closed the connection in place of {expected}"),
        };
        match self.state {
            State::Greeting => silent("a greeting"),
            State::Version => Error::Gone("the version of the protocol"),
            State::Module => silent("an answer to the module's name"),
            State::Capabilities => Error::Gone("its capabilities"),
            State::Checksums { .. } => Error::Gone("its list of checksums"),
            State::Compressions { .. } => Error::Gone("its list of compressions"),
            State::Seed { .. } => Error::Gone("the checksum seed"),
        }
    }

    /// Takes in what came from the server, as far as it belongs to the handshake. Nothing when more bytes
    /// are needed.
    ///
    /// # Errors
    /// The server refuses, breaks the protocol, or exceeds a limit.
    pub fn advance(&mut self, input: &mut BytesMut) -> Result<Option<Outcome>> {
        loop {
            match self.state {
                State::Greeting => {
                    let Some(line) = self.take_line(input)? else { return Ok(None) };
                    let greeting = Greeting::parse(&line)?;
                    self.protocol = greeting.agree(self.options.protocol)?;
                    self.check_protocol()?;
                    self.digests = greeting.digests;
                    self.output.extend_from_slice(self.location.module.as_bytes());
                    self.output.extend_from_slice(b"\n");
                    self.state = State::Module;
                }
                State::Version => {
                    let Some(bytes) = input.first_chunk::<4>().copied() else { return Ok(None) };
                    self.protocol = greeting::agree_on(bytes, self.options.protocol, input)?;
                    input.advance(bytes.len());
                    self.check_protocol()?;
                    self.after_arguments()?;
                }
                State::Module => {
                    let Some(line) = self.take_line(input)? else { return Ok(None) };
                    if let Some(outcome) = self.module_line(&line)? {
                        return Ok(Some(outcome));
                    }
                }
                State::Capabilities => {
                    let Some(flags) = take(input, |cursor| cursor.varint())? else { return Ok(None) };
                    self.capabilities(flags as u32)?;
                }
                State::Checksums { flags, compression } => {
                    let offered = take(input, |cursor| {
                        cursor.vstring("the list of checksums", limits::MAX_ALGORITHMS).map(<[u8]>::to_vec)
                    })?;
                    let Some(offered) = offered else { return Ok(None) };
                    self.state = with_checksum(flags, choose_checksum(&offered)?, compression);
                }
                State::Compressions { flags, checksum } => {
                    let offered = take(input, |cursor| {
                        cursor.vstring("the list of compressions", limits::MAX_ALGORITHMS).map(<[u8]>::to_vec)
                    })?;
                    let Some(offered) = offered else { return Ok(None) };
                    let compression = Some(choose_compression(&offered)?);
                    self.state = State::Seed { flags, checksum, compression };
                }
                State::Seed { flags, checksum, compression } => {
                    let Some(seed) = take(input, |cursor| cursor.i32())? else { return Ok(None) };
                    return Ok(Some(Outcome::Agreed(Box::new(self.agreed(
                        flags,
                        checksum,
                        compression,
                        seed,
                    )))));
                }
            }
        }
    }

    /// Refuses what the version that was agreed on has no words for.
    fn check_protocol(&self) -> Result<()> {
        if self.protocol >= 30 || self.location.asks_for_modules() {
            return Ok(());
        }
        for (asked, what) in [
            (self.options.acls, "access control lists (-A)"),
            (self.options.xattrs, "extended attributes (-X)"),
        ] {
            if asked {
                return Err(Error::Unsupported(format!(
                    "{what} need protocol version 30, but the one to speak is {}: leave them out",
                    self.protocol
                )));
            }
        }
        Ok(())
    }

    fn take_line(&mut self, input: &mut BytesMut) -> Result<Option<Vec<u8>>> {
        let window = &input[..input.len().min(limits::MAX_LINE + 1)];
        let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
            if window.len() > limits::MAX_LINE {
                return Err(Error::Limit { what: "a line's length", limit: limits::MAX_LINE as u64 });
            }
            return Ok(None);
        };
        self.line_count += 1;
        self.line_bytes += end + 1;
        if self.line_count > limits::MAX_LINES || self.line_bytes > limits::MAX_LINES_BYTES {
            return Err(Error::Limit {
                what: "the message of the day, in lines or 128 bytes each,",
                limit: limits::MAX_LINES as u64,
            });
        }
        let mut line = input.split_to(end + 1);
        line.truncate(end);
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(&line).to_vec()))
    }

    fn module_line(&mut self, line: &[u8]) -> Result<Option<Outcome>> {
        if let Some(challenge) = line.strip_prefix(b"@RSYNCD: AUTHREQD ") {
            self.authenticate(challenge)?;
        } else if line == b"@RSYNCD: OK" {
            if self.location.asks_for_modules() {
                return Err(Error::Violation("it began a transfer in place of a listing".to_owned()));
            }
            self.send_arguments()?;
            self.after_arguments()?;
        } else if line == b"@RSYNCD: EXIT" {
            if self.location.asks_for_modules() {
                return Ok(Some(Outcome::Listed(std::mem::take(&mut self.lines))));
            }
            return Err(Error::Violation("it ended the session in place of a transfer".to_owned()));
        } else if let Some(message) = line.strip_prefix(b"@ERROR") {
            return Err(self.refusal(message));
        } else {
            self.lines.push(printable(line));
        }
        Ok(None)
    }

    fn refusal(&self, message: &[u8]) -> Error {
        let message = printable(message.strip_prefix(b":").unwrap_or(message).trim_ascii());
        let kind = if message.starts_with("auth failed") || self.authenticated && message.contains("auth") {
            Refused::Authentication
        } else if message.starts_with("max connections") {
            Refused::Busy
        } else {
            Refused::Startup
        };
        Error::Refused { kind, message }
    }

    fn authenticate(&mut self, challenge: &[u8]) -> Result<()> {
        if self.authenticated {
            return Err(Error::Violation("it asked for the password twice".to_owned()));
        }
        if self.location.asks_for_modules() {
            return Err(Error::Violation("it asked for a password to list its modules".to_owned()));
        }
        let Some(credentials) = &self.credentials else {
            return Err(Error::Refused {
                kind: Refused::Credentials,
                message: format!(
                    "give them for the module \"{}\" as user@ in the URL and by --password-file or RSYNC_PASSWORD",
                    self.location.module
                ),
            });
        };
        let digest = Digest::choose(self.digests.as_deref(), self.protocol).ok_or_else(|| {
            Error::Unsupported("the server offers no digest for passwords that this client has".to_owned())
        })?;
        if let Some(least) = credentials.least_digest.filter(|least| !digest.is_at_least(*least)) {
            return Err(Error::Unsupported(format!(
                "the server wants the password as {}, and at least {} is required",
                digest.name(),
                least.name()
            )));
        }
        let answer = digest.respond(&credentials.password, challenge);
        self.output.extend_from_slice(format!("{} {answer}\n", credentials.user).as_bytes());
        self.authenticated = true;
        Ok(())
    }

    /// The server knows what is asked for, and says what it can do.
    fn after_arguments(&mut self) -> Result<()> {
        self.state = if self.protocol >= 30 {
            State::Capabilities
        } else {
            let checksum = self.options.checksum_choice.map_or(ChecksumKind::Md4, |choice| choice.transfer);
            with_checksum(0, checksum, self.compression_method(false)?)
        };
        Ok(())
    }

    fn send_arguments(&mut self) -> Result<()> {
        let end = if self.protocol >= 30 { 0 } else { b'\n' };
        for argument in arguments(&self.options, &self.location, self.list_only, self.protocol) {
            if self.protocol < 30 && argument.iter().any(|byte| b"\r\n".contains(byte)) {
                return Err(Error::Unsupported(format!(
                    "the server speaks protocol version {}, in which \"{}\" cannot be asked for: it has a line end",
                    self.protocol,
                    printable(&argument)
                )));
            }
            self.output.extend_from_slice(&argument);
            self.output.extend_from_slice(&[end]);
        }
        self.output.extend_from_slice(&[end]);
        Ok(())
    }
}

/// Takes one item off the front of `input`, if it is there as a whole.
fn take<T>(
    input: &mut BytesMut,
    read: impl FnOnce(&mut Cursor<'_>) -> crate::wire::Parse<T>,
) -> Result<Option<T>> {
    let mut cursor = Cursor::new(input);
    match read(&mut cursor) {
        Ok(value) => {
            let used = cursor.position();
            input.advance(used);
            Ok(Some(value))
        }
        Err(Stop::Short(_)) => Ok(None),
        Err(Stop::Bad(error)) => Err(match *error {
            Error::Malformed(_) if input.starts_with(b"@ERROR") => {
                Malformed::new("the handshake", printable(&input[..input.len().min(200)])).into()
            }
            error => error,
        }),
    }
}

#[cfg(test)]
mod tests;
