//! Where to pull from: the grammar of rsync URLs.
//!
//! `rsync://[user@]host[:port][/module[/path]]`, `[user@]host::[module[/path]]` and, as deploy descriptions
//! write it, `rsync:[user@]host::module/path`. An IPv6 address stands in brackets.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_till1, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map_res, opt, rest, verify};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use crate::error::{Error, Result};

/// The port of rsync daemons.
pub const DEFAULT_PORT: u16 = 873;

/// A module of a daemon, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The user to authenticate as, where the URL names one.
    pub user: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port, where the URL names one.
    pub port: Option<u16>,
    /// The module; empty asks for the list of modules.
    pub module: String,
    /// The path in the module, without a leading slash. A slash at its end asks for the content of a
    /// directory; an empty path for the content of the module.
    pub path: String,
    /// Further paths in the module, pulled together with the first.
    pub more: Vec<String>,
}

impl Location {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Misuse`] with the forms that are understood.
    pub fn parse(url: &str) -> Result<Self> {
        let refuse = |reason: &str| {
            Err(Error::Misuse(format!(
                "\"{url}\" is not a source: {reason}; write rsync://[user@]host[:port]/module/path or \
                 [user@]host::module/path"
            )))
        };
        let Ok(("", location)) = source(url) else {
            return refuse("it does not name a daemon");
        };
        if location.user.as_ref().is_some_and(|user| user.contains(':')) {
            // Not even the message shows it.
            let message = "a URL cannot hold a password, because others see it: leave it out, and give it by \
                           --password-file or RSYNC_PASSWORD";
            return Err(Error::Misuse(message.to_owned()));
        }
        if url.contains(['\0', '\n', '\r']) {
            return refuse("it contains a line break or a NUL");
        }
        if location.module.starts_with('-') {
            return refuse("a module name cannot begin with a dash");
        }
        Ok(location)
    }

    /// Adds what another source names, which may leave the host out: `::module/path`.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is no source, or one of another daemon, user or module.
    pub fn and(mut self, source: &str) -> Result<Self> {
        let further = match source.strip_prefix("::") {
            Some(tail) => location(self.user.as_deref(), &self.host, self.port, tail),
            None => Self::parse(source)?,
        };
        for (same, what) in [
            (further.host == self.host && further.port() == self.port(), "daemon"),
            (further.user == self.user, "user"),
            (further.module == self.module && !self.module.is_empty(), "module"),
        ] {
            if !same {
                let text = format!("all sources must be of the same {what}, and \"{source}\" is of another");
                return Err(Error::Misuse(text));
            }
        }
        self.more.push(further.path);
        self.more.extend(further.more);
        Ok(self)
    }

    /// All paths in the module.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.path).chain(&self.more).map(String::as_str)
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// Host and port as a person would write them.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port())
        } else {
            format!("{}:{}", self.host, self.port())
        }
    }
}

fn source(input: &str) -> IResult<&str, Location> {
    alt((url, preceded(opt(terminated(tag("rsync:"), nom::combinator::not(tag("//")))), double_colon)))
        .parse(input)
}

fn url(input: &str) -> IResult<&str, Location> {
    let (input, _) = tag_no_case("rsync://").parse(input)?;
    let (input, (user, host)) = (opt(user), host).parse(input)?;
    let (input, port) = opt(preceded(char(':'), map_res(digit1, str::parse::<u16>))).parse(input)?;
    let (input, tail) = opt(preceded(char('/'), rest)).parse(input)?;
    Ok((input, location(user, host, port, tail.unwrap_or(""))))
}

fn double_colon(input: &str) -> IResult<&str, Location> {
    let (input, (user, host)) = (opt(user), host).parse(input)?;
    let (input, tail) = preceded(tag("::"), rest).parse(input)?;
    Ok((input, location(user, host, None, tail)))
}

fn user(input: &str) -> IResult<&str, &str> {
    terminated(take_till1(|c| matches!(c, '@' | '/')), char('@')).parse(input)
}

fn host(input: &str) -> IResult<&str, &str> {
    let bracketed = delimited(char('['), take_while1(|c| c != ']'), char(']'));
    let plain = verify(take_till1(|c| matches!(c, ':' | '/' | '[' | ']')), |host: &str| {
        !host.contains(char::is_whitespace)
    });
    alt((bracketed, plain)).parse(input)
}

fn location(user: Option<&str>, host: &str, port: Option<u16>, tail: &str) -> Location {
    let tail = tail.trim_start_matches('/');
    let (module, path) = tail.split_once('/').unwrap_or((tail, ""));
    Location {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
        module: module.to_owned(),
        path: path.trim_start_matches('/').to_owned(),
        more: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (Option<String>, String, Option<u16>, String, String) {
        let Location { user, host, port, module, path, .. } = Location::parse(url).unwrap();
        (user, host, port, module, path)
    }

    #[test]
    fn every_form_is_read() {
        let full = |user: Option<&str>, host: &str, port, module: &str, path: &str| {
            (user.map(str::to_owned), host.to_owned(), port, module.to_owned(), path.to_owned())
        };
        assert_eq!(parts("rsync://h/m/p/q/"), full(None, "h", None, "m", "p/q/"));
        assert_eq!(parts("rsync://u@h:8730/m"), full(Some("u"), "h", Some(8730), "m", ""));
        assert_eq!(parts("RSYNC://[::1]:99/m/p"), full(None, "::1", Some(99), "m", "p"));
        assert_eq!(parts("u@h::m/p"), full(Some("u"), "h", None, "m", "p"));
        assert_eq!(
            parts("rsync:10.0.0.10::images/debian-12/"),
            full(None, "10.0.0.10", None, "images", "debian-12/")
        );
        assert_eq!(parts("[fe80::1]::m"), full(None, "fe80::1", None, "m", ""));
        assert_eq!(parts("h::"), full(None, "h", None, "", ""));
        assert_eq!(parts("rsync://h"), full(None, "h", None, "", ""));
        assert_eq!(parts("rsync://h/m//p a"), full(None, "h", None, "m", "p a"));
    }

    #[test]
    fn passwords_are_refused_and_not_shown() {
        for url in ["rsync://bob:secret@h/m", "bob:secret@h::m", "rsync:bob:secret@h::m"] {
            let Err(Error::Misuse(message)) = Location::parse(url) else { panic!("{url}") };
            assert!(message.contains("--password-file") && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn further_sources_are_of_the_same_module() {
        let first = || Location::parse("rsync://u@h:99/m/a").unwrap();
        let both = first().and("rsync://u@h:99/m/b/").unwrap().and("::m/c").unwrap();
        assert_eq!(both.paths().collect::<Vec<_>>(), ["a", "b/", "c"]);
        for other in ["rsync://u@i:99/m/b", "rsync://h:99/m/b", "rsync://u@h/m/b", "::n/b", "/srv/b", "::"] {
            assert!(matches!(first().and(other), Err(Error::Misuse(_))), "{other}");
        }
    }

    #[test]
    fn other_things_are_refused() {
        for url in [
            "",
            "/srv/tree",
            "host:path",
            "rsync://",
            "rsync://h:99999/m",
            "rsync://h:x/m",
            "http://h/m",
            "h::-e",
        ] {
            assert!(matches!(Location::parse(url), Err(Error::Misuse(_))), "{url}");
        }
    }
}
