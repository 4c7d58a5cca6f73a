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

mod arguments;
mod auth;
mod greeting;

use bytes::{Buf, Bytes, BytesMut};

pub use arguments::arguments;
pub use auth::{Credentials, Digest};
use greeting::Greeting;

use crate::checksum::{BlockSummer, ChecksumKind};
use crate::compression::CompressionKind;
use crate::error::{Error, Malformed, Refused, Result, printable};
use crate::filter::ListFilter;
use crate::flist::{Asked, ListOptions};
use crate::limits;
use crate::location::Location;
use crate::options::{FilesFrom, Method, NameList, Options, not_compiled_in};
use crate::wire::flags::compat;
use crate::wire::{Cursor, Stop, put};

/// What both sides agreed on.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// The protocol version.
    pub protocol: u8,
    /// How to read the file list.
    pub list: ListOptions,
    /// How blocks are summed.
    pub summer: BlockSummer,
    /// The list of filter rules that the server waits for, with its end.
    pub rules: Bytes,
    /// How literals are packed.
    pub compression: Option<CompressionKind>,
    /// Names that the server reads before it makes its list.
    pub names: Option<NameList>,
}

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
    Module,
    Capabilities,
    Checksums { flags: u32, compression: Method },
    Compressions { flags: u32, checksum: ChecksumKind },
    Seed { flags: u32, checksum: ChecksumKind, compression: Option<CompressionKind> },
}

impl Handshake {
    /// A handshake that asks for the location with these options. An empty module asks for the list of
    /// modules; `list_only` for a listing of files without a transfer.
    pub fn new(
        location: Location,
        options: Options,
        credentials: Option<Credentials>,
        list_only: bool,
    ) -> Self {
        let mut output = BytesMut::new();
        output.extend_from_slice(greeting::own(options.protocol).as_bytes());
        Self {
            state: State::Greeting,
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
        if self.location.module.is_empty() { Vec::new() } else { std::mem::take(&mut self.lines) }
    }

    /// What the end of the connection means now: a refusal without words, or an end in mid-air.
    pub fn end_of_input(&self) -> Error {
        let silent = |expected: &str| Error::Refused {
            kind: Refused::Silent,
            message: format!("it closed the connection in place of {expected}"),
        };
        match self.state {
            State::Greeting => silent("a greeting"),
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
        if self.protocol >= 30 || self.location.module.is_empty() {
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
            if self.location.module.is_empty() {
                return Err(Error::Violation("it began a transfer in place of a listing".to_owned()));
            }
            self.send_arguments()?;
            self.state = if self.protocol >= 30 {
                State::Capabilities
            } else {
                let checksum =
                    self.options.checksum_choice.map_or(ChecksumKind::Md4, |choice| choice.transfer);
                with_checksum(0, checksum, self.compression_method(false)?)
            };
        } else if line == b"@RSYNCD: EXIT" {
            if self.location.module.is_empty() {
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
        if self.location.module.is_empty() {
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
        let answer = digest.respond(&credentials.password, challenge);
        self.output.extend_from_slice(format!("{} {answer}\n", credentials.user).as_bytes());
        self.authenticated = true;
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

    fn capabilities(&mut self, flags: u32) -> Result<()> {
        // What the server may say of itself, and what it may switch on because we said that we can.
        let mut allowed = compat::SYMLINK_TIMES
            | compat::SYMLINK_ICONV
            | compat::SAFE_FLIST
            | compat::AVOID_XATTR_OPTIMISATION
            | compat::CHECKSUM_SEED_FIX
            | compat::INPLACE_PARTIAL
            | compat::VARINT_FLAGS
            | compat::ID0_NAMES;
        if self.options.takes_segments() {
            allowed |= compat::INC_RECURSE;
        }
        if flags & !allowed != 0 {
            let rule = format!("it switched on capabilities {:#x} that nobody offered", flags & !allowed);
            return Err(Error::Violation(rule));
        }
        let negotiates = flags & compat::VARINT_FLAGS != 0;
        let compression = self.compression_method(negotiates)?;
        let checksum = match self.options.checksum_choice {
            None if negotiates => None,
            choice => Some(choice.map_or(ChecksumKind::Md5, |choice| choice.transfer)),
        };
        if checksum.is_none() {
            self.offer(ChecksumKind::ALL.iter().map(|kind| kind.name()));
        }
        if compression == Method::Negotiated {
            self.offer(CompressionKind::available().map(CompressionKind::name));
        }
        self.state = match checksum {
            Some(checksum) => with_checksum(flags, checksum, compression),
            None => State::Checksums { flags, compression },
        };
        Ok(())
    }

    fn compression_method(&self, negotiates: bool) -> Result<Method> {
        match self.options.transport.method() {
            // What servers without negotiation have.
            Method::Negotiated if !negotiates && CompressionKind::Zlib.is_available() => {
                Ok(Method::Fixed(CompressionKind::Zlib))
            }
            Method::Negotiated if !negotiates => Err(not_compiled_in(CompressionKind::Zlib)),
            method => Ok(method),
        }
    }

    fn offer(&mut self, names: impl Iterator<Item = &'static str>) {
        put::vstring(&mut self.output, names.collect::<Vec<_>>().join(" ").as_bytes());
    }

    fn agreed(
        &self,
        flags: u32,
        checksum: ChecksumKind,
        compression: Option<CompressionKind>,
        seed: i32,
    ) -> Agreed {
        let has = |bit: u32| flags & bit != 0;
        let options = &self.options;
        Agreed {
            protocol: self.protocol,
            list: ListOptions {
                protocol: self.protocol,
                recursive: options.recursive,
                dirs: options.dirs || options.selection.files_from.is_some(),
                varint_flags: has(compat::VARINT_FLAGS),
                inc_recurse: has(compat::INC_RECURSE),
                safe_flist: has(compat::SAFE_FLIST) || self.protocol >= 31,
                id0_names: has(compat::ID0_NAMES),
                owner: options.owner,
                group: options.group,
                numeric_ids: options.numeric_ids,
                links: options.links,
                devices: options.devices,
                specials: options.specials,
                hard_links: options.hard_links,
                acls: options.acls,
                xattrs: options.xattrs,
                access_times: options.attributes.access_times,
                chmod: options.attributes.chmod.clone(),
                sum_len: if options.checksum { options.file_checksum(checksum).sum_len() } else { 0 },
                filter: ListFilter {
                    offer: options.filters.offer_check(),
                    prune: options
                        .prune_empty_dirs
                        .then(|| options.filters.receiver(b"", options.deletion.excluded)),
                },
                munge_links: options.selection.munge_links,
                asked: asked(&self.location, options),
                limits: options.limits.clone(),
            },
            rules: options.filters.on_wire(self.protocol, options.deletion.excluded),
            summer: BlockSummer {
                kind: checksum,
                seed,
                // In protocol 29 it matters only where the caller chose MD5; servers that let him are so recent
                // that they put the seed first, without having said so.
                seed_first: has(compat::CHECKSUM_SEED_FIX) || self.protocol < 30,
                seeds_files: self.protocol < 30 && options.checksum_choice.is_none(),
            },
            compression: compression.and_then(|kind| options.transport.at_level(kind)),
            names: match &options.selection.files_from {
                Some(FilesFrom::Names(names)) => Some(names.clone()),
                _ => None,
            },
        }
    }
}

/// What the location, or the list of names in it, asks for.
fn asked(location: &Location, options: &Options) -> Asked {
    let selection = &options.selection;
    let mut asked = Asked::new(options.recursive, selection.relative);
    match &selection.files_from {
        Some(FilesFrom::Server { .. }) => return Asked::anything(),
        Some(FilesFrom::Names(names)) => names.iter().for_each(|name| asked.name(name)),
        None => location.paths().for_each(|path| asked.pattern(path.as_bytes())),
    }
    asked
}

/// The checksum is known; so is the compression, or the server tells now what it has.
fn with_checksum(flags: u32, checksum: ChecksumKind, compression: Method) -> State {
    let compression = match compression {
        Method::Negotiated => return State::Compressions { flags, checksum },
        Method::Fixed(kind) => Some(kind),
        Method::Off => None,
    };
    State::Seed { flags, checksum, compression }
}

/// Our first choice among what the server has. Servers choose from the same order.
fn choose_checksum(offered: &[u8]) -> Result<ChecksumKind> {
    let names: Vec<_> = offered.split(|byte| *byte == b' ').collect();
    let known = |kind: &ChecksumKind| names.iter().any(|name| ChecksumKind::from_name(name) == Some(*kind));
    ChecksumKind::ALL.into_iter().find(known).ok_or_else(|| {
        Error::Unsupported(format!("no common checksum: the server has \"{}\"", printable(offered)))
    })
}

/// Likewise for compressions.
fn choose_compression(offered: &[u8]) -> Result<CompressionKind> {
    let names: Vec<_> = offered.split(|byte| *byte == b' ').collect();
    let known =
        |kind: &CompressionKind| names.iter().any(|name| CompressionKind::from_name(name) == Some(*kind));
    CompressionKind::available().find(known).ok_or_else(|| {
        Error::Unsupported(format!("no common compression: the server has \"{}\"", printable(offered)))
    })
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
