//! The lines of the beginning: greeting, module, list of modules, password; and the arguments behind them.

use std::fmt::Write as _;

use super::super::failure::Failure;
use super::arguments::{self, Wish};
use super::auth;
use super::limits::{MOST_ARGUMENT_BYTES, MOST_ARGUMENTS, MOST_EARLY_INPUT, MOST_LINE};
use super::line::Line;
use super::module::Module;
use super::service::Inner;
use crate::error::printable;
use crate::handshake::Digest;
use crate::handshake::greeting::{Greeting, own};

/// The newest version that is spoken.
const NEWEST: u8 = 32;
/// The oldest one: clients since rsync 3.0, which is of 2008.
const OLDEST: u8 = 30;

/// What the first lines lead to.
pub(super) enum Opened<'a> {
    /// The client got the list of modules.
    Listed,
    /// It may read a module.
    Module(Entry<'a>),
}

/// A client at the door of a module.
pub(super) struct Entry<'a> {
    pub module: &'a Module,
    pub user: Option<&'a str>,
    pub protocol: u8,
}

/// Speaks with a client up to the word that lets it into its module, which is the caller's. `full` tells that there is no room for it.
///
/// # Errors
/// The client was turned away, and knows why unless it hung up.
pub(super) fn open<'a>(line: &mut Line, service: &'a Inner, full: bool) -> Result<Opened<'a>, Failure> {
    line.out().extend_from_slice(own(NEWEST).as_bytes());
    // Also for one who listens first.
    line.flush()?;
    let first = text_line(line)?;
    let (protocol, digest) = agree(&first).map_err(|why| turn_away(line, &why))?;
    let name = module_name(line)?;
    if full {
        let most = service.limits.connections;
        return Err(turn_away(line, &format!("max connections ({most}) reached -- try again later")));
    }
    for text in service.motd.lines() {
        line.out().extend_from_slice(text.as_bytes());
        line.out().push(b'\n');
    }
    if !service.motd.is_empty() {
        line.out().push(b'\n');
    }
    if name.is_empty() || name == b"#list" {
        line.out().extend_from_slice(listing(&service.modules).as_bytes());
        line.out().extend_from_slice(b"@RSYNCD: EXIT\n");
        line.flush()?;
        return Ok(Opened::Listed);
    }
    let Some(module) = service.modules.iter().find(|module| module.name.as_bytes() == name) else {
        return Err(turn_away(line, &format!("Unknown module '{}'", printable(&name))));
    };
    let user = if module.guarded { Some(authenticate(line, module, digest)?) } else { None };
    Ok(Opened::Module(Entry { module, user, protocol }))
}

/// The version and the digest for passwords; or why there is none.
fn agree(first: &[u8]) -> Result<(u8, Option<Digest>), String> {
    let Ok(greeting) = Greeting::parse(first) else {
        return Err("protocol startup error".to_owned());
    };
    match greeting.agree(NEWEST) {
        Ok(protocol) if protocol >= OLDEST => Ok((protocol, auth::digest(greeting.digests.as_deref()))),
        Ok(protocol) => Err(format!(
            "protocol {protocol} is too old for this server, which speaks {OLDEST} to {NEWEST}: take rsync 3.0 or later"
        )),
        Err(_) => Err(format!("no common protocol: this server speaks {OLDEST} to {NEWEST}")),
    }
}

/// The line with the module's name, past what stands there for programs that other servers run.
fn module_name(line: &mut Line) -> Result<Vec<u8>, Failure> {
    let name = text_line(line)?;
    let Some(len) = name.strip_prefix(b"#early_input=") else { return Ok(name) };
    let len = std::str::from_utf8(len).ok().and_then(|len| len.parse().ok()).unwrap_or(usize::MAX);
    if len > MOST_EARLY_INPUT {
        return Err(turn_away(line, "invalid early_input length"));
    }
    line.read_bytes(len, &mut Vec::new())?;
    text_line(line)
}

fn listing(modules: &[Module]) -> String {
    let mut text = String::new();
    for module in modules.iter().filter(|module| module.listed) {
        let _ = writeln!(text, "{:<15}\t{}", module.name, module.comment);
    }
    text
}

fn authenticate<'a>(line: &mut Line, module: &'a Module, digest: Option<Digest>) -> Result<&'a str, Failure> {
    let refusal = || format!("auth failed on module {}", module.name);
    let Some(digest) = digest else {
        return Err(turn_away(line, &format!("{}: no digest for passwords in common", refusal())));
    };
    let challenge = auth::challenge()?;
    line.out().extend_from_slice(format!("@RSYNCD: AUTHREQD {challenge}\n").as_bytes());
    let answer = text_line(line)?;
    if let Some(user) = auth::check(module, digest, &challenge, &answer) {
        return Ok(user);
    }
    std::thread::sleep(auth::PENALTY);
    let name = answer.split(|byte| *byte == b' ').next().unwrap_or_default();
    turn_away(line, &refusal());
    Err(Failure::Refused(format!("{} for user {}", refusal(), printable(name))))
}

/// Tells a client why it is turned away.
pub(super) fn turn_away(line: &mut Line, why: &str) -> Failure {
    line.out().extend_from_slice(format!("@ERROR: {why}\n").as_bytes());
    // If it does not hear it, there is nobody to tell.
    let _ = line.flush();
    Failure::Refused(why.to_owned())
}

fn text_line(line: &mut Line) -> Result<Vec<u8>, Failure> {
    let mut text = line.read_until(b'\n', MOST_LINE, "a line")?;
    if text.ends_with(b"\r") {
        text.pop();
    }
    Ok(text)
}

/// Reads the arguments of a client that was let into a module.
///
/// # Errors
/// They are too many, or do not come.
pub(super) fn arguments(line: &mut Line, module: &str) -> Result<Wish, Failure> {
    let mut all = Vec::new();
    let mut room = MOST_ARGUMENT_BYTES;
    read_arguments(line, &mut all, &mut room)?;
    let wish = arguments::parse(&all, module, false);
    if !wish.secluded || wish.refused.is_some() {
        return Ok(wish);
    }
    let own = all.len();
    read_arguments(line, &mut all, &mut room)?;
    // In front of them stands the name of a program.
    if all.len() > own {
        all.remove(own);
    }
    Ok(arguments::parse(&all, module, true))
}

fn read_arguments(line: &mut Line, all: &mut Vec<Vec<u8>>, room: &mut usize) -> Result<(), Failure> {
    loop {
        let argument = line.read_until(0, *room, "the arguments")?;
        if argument.is_empty() {
            return Ok(());
        }
        *room -= argument.len();
        if all.len() == MOST_ARGUMENTS {
            return Err(Failure::Limit { what: "the number of arguments", limit: MOST_ARGUMENTS as u64 });
        }
        all.push(argument);
    }
}
