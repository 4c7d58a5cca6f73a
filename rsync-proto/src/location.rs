//! Where to pull from: the grammar of sources.
//!
//! A daemon: `rsync://[user@]host[:port][/module[/path]]`, `[user@]host::[module[/path]]` and, as deploy descriptions
//! write it, `rsync:[user@]host::module/path`. A daemon behind TLS: `rsyncs://[user@]host[:port][/module[/path]]`. A path
//! of a machine that a remote shell leads to: `[user@]host:[path]`. An IPv6 address stands in brackets.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_till1, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map_res, opt, rest, value, verify};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use crate::error::{Error, Result};

/// The port of rsync daemons.
pub const DEFAULT_PORT: u16 = 873;

/// The port of rsync daemons behind TLS.
pub const DEFAULT_TLS_PORT: u16 = 874;

/// Who answers at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// A daemon: `rsync://host/module`, `host::module`.
    Rsync,
    /// A daemon behind TLS: `rsyncs://host/module`.
    Rsyncs,
    /// rsync itself, which a remote shell starts on the host: `host:path`. There are no modules.
    Shell,
}

impl Scheme {
    /// The port where the location names none. A remote shell knows its own.
    pub fn port(self) -> Option<u16> {
        match self {
            Scheme::Rsync => Some(DEFAULT_PORT),
            Scheme::Rsyncs => Some(DEFAULT_TLS_PORT),
            Scheme::Shell => None,
        }
    }

    /// Whether a daemon answers, with modules and its own users.
    pub fn is_daemon(self) -> bool {
        self != Scheme::Shell
    }
}

/// A module of a daemon and a path in it, or a path of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Who answers there.
    pub scheme: Scheme,
    /// The user to authenticate as, to the daemon or the remote shell, where the location names one.
    pub user: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port, where the URL names one.
    pub port: Option<u16>,
    /// The module; empty asks for the list of modules. Always empty with a remote shell.
    pub module: String,
    /// The path in the module, without a leading slash. A slash at its end asks for the content of a
    /// directory; an empty path for the content of the module. With a remote shell it is the path of the machine as it
    /// was written, and an empty one is the home directory.
    pub path: String,
    /// Further paths in the module or of the machine, pulled together with the first.
    pub more: Vec<String>,
}

impl Location {
    /// Reads a source.
    ///
    /// # Errors
    /// [`Error::Misuse`] with the forms that are understood.
    pub fn parse(url: &str) -> Result<Self> {
        let refuse = |reason: &str| {
            Err(Error::Misuse(format!(
                "\"{url}\" is not a source: {reason}; write rsync://[user@]host[:port]/module/path, rsyncs://… for TLS, \
                 [user@]host::module/path, or [user@]host:path for a remote shell"
            )))
        };
        // Not even the message shows it.
        let no_password = || {
            let message = "a URL cannot hold a password, because others see it: leave it out, and give it by \
                           --password-file or RSYNC_PASSWORD; a path with : and @ is written host:./path";
            Err(Error::Misuse(message.to_owned()))
        };
        let Ok(("", location)) = source(url) else {
            // The beginning of user:password@host, whatever is wrong with it; a password may hold a slash.
            let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
            let before = rest.rsplit_once('@').map_or("", |(before, _)| before);
            return if before.contains(':') { no_password() } else { refuse("it does not name a server") };
        };
        if location.user.as_ref().is_some_and(|user| user.contains(':')) {
            return no_password();
        }
        let is_daemon = location.scheme.is_daemon();
        if url.contains('\0') || is_daemon && url.contains(['\n', '\r']) {
            return refuse("it contains a line break or a NUL");
        }
        let names = [Some(&location.host), location.user.as_ref()];
        for name in names.into_iter().flatten() {
            // Programs that are given it would take it for an option.
            if name.starts_with('-') {
                return refuse("a host or user cannot begin with a dash");
            }
            if name.contains(char::is_control) {
                return refuse("a host or user has no control characters");
            }
        }
        if location.module.starts_with('-') {
            return refuse("a module name cannot begin with a dash");
        }
        Ok(location)
    }

    /// Adds what another source names, which may leave the host out: `::module/path`, or `:path` with a remote shell.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is no source, or one of another kind, server, user or module.
    pub fn and(mut self, source: &str) -> Result<Self> {
        let further = match (source.strip_prefix("::"), source.strip_prefix(':')) {
            (Some(tail), _) if self.scheme.is_daemon() => {
                daemon(self.scheme, self.user.as_deref(), &self.host, self.port, tail)
            }
            (_, Some(path)) if !self.scheme.is_daemon() => shell(self.user.as_deref(), &self.host, path),
            _ => Self::parse(source)?,
        };
        let same_module = further.module == self.module && !self.asks_for_modules();
        for (same, what) in [
            (further.scheme == self.scheme, "kind (a daemon, one behind TLS, or a remote shell)"),
            (further.host == self.host && further.port() == self.port(), "server"),
            (further.user == self.user, "user"),
            (same_module, "module"),
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

    /// Whether it asks a daemon for its list of modules.
    pub fn asks_for_modules(&self) -> bool {
        self.scheme.is_daemon() && self.module.is_empty()
    }

    /// All paths in the module, or of the machine.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.path).chain(&self.more).map(String::as_str)
    }

    /// The port to connect to; 0 for a remote shell, which knows its own.
    pub fn port(&self) -> u16 {
        self.port.or(self.scheme.port()).unwrap_or(0)
    }

    /// Host and port as a person would write them; with a remote shell, the host alone.
    pub fn address(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.scheme {
            Scheme::Shell => host,
            _ => format!("{host}:{}", self.port()),
        }
    }
}

fn source(input: &str) -> IResult<&str, Location> {
    let rsync = preceded(opt(terminated(tag("rsync:"), nom::combinator::not(tag("//")))), double_colon);
    alt((url, rsync, single_colon)).parse(input)
}

fn url(input: &str) -> IResult<&str, Location> {
    let plain = value(Scheme::Rsync, tag_no_case("rsync://"));
    let (input, scheme) = alt((plain, value(Scheme::Rsyncs, tag_no_case("rsyncs://")))).parse(input)?;
    let (input, (user, host)) = (opt(user), host).parse(input)?;
    let (input, port) = opt(preceded(char(':'), map_res(digit1, str::parse::<u16>))).parse(input)?;
    let (input, tail) = opt(preceded(char('/'), rest)).parse(input)?;
    Ok((input, daemon(scheme, user, host, port, tail.unwrap_or(""))))
}

fn double_colon(input: &str) -> IResult<&str, Location> {
    let (input, (user, host)) = (opt(user), host).parse(input)?;
    let (input, tail) = preceded(tag("::"), rest).parse(input)?;
    Ok((input, daemon(Scheme::Rsync, user, host, None, tail)))
}

/// Not what looks like a URL of another kind.
fn single_colon(input: &str) -> IResult<&str, Location> {
    let (input, (user, host)) = (opt(user), host).parse(input)?;
    let (input, _) = (char(':'), nom::combinator::not(alt((tag("//"), tag(":"))))).parse(input)?;
    let (input, path) = rest(input)?;
    Ok((input, shell(user, host, path)))
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

fn daemon(scheme: Scheme, user: Option<&str>, host: &str, port: Option<u16>, tail: &str) -> Location {
    let tail = tail.trim_start_matches('/');
    let (module, path) = tail.split_once('/').unwrap_or((tail, ""));
    Location {
        scheme,
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
        module: module.to_owned(),
        path: path.trim_start_matches('/').to_owned(),
        more: Vec::new(),
    }
}

fn shell(user: Option<&str>, host: &str, path: &str) -> Location {
    Location {
        scheme: Scheme::Shell,
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port: None,
        module: String::new(),
        path: path.to_owned(),
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
        for url in [
            "rsync://bob:secret@h/m",
            "rsyncs://bob:secret@h/m",
            "bob:secret@h::m",
            "rsync:bob:secret@h::m",
            "bob:secret@h:path",
            "bob:secret@h:/path",
            "bob:secret@h",
            "bob:secret@h/m",
        ] {
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
    fn schemes_have_their_ports() {
        for (url, scheme, address) in [
            ("rsync://h/m", Scheme::Rsync, "h:873"),
            ("h::m", Scheme::Rsync, "h:873"),
            ("rsyncs://h/m", Scheme::Rsyncs, "h:874"),
            ("RSYNCS://u@[::1]:99/m", Scheme::Rsyncs, "[::1]:99"),
            ("h:m", Scheme::Shell, "h"),
            ("u@[::1]:m", Scheme::Shell, "[::1]"),
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!((location.scheme, &*location.address()), (scheme, address), "{url}");
        }
    }

    #[test]
    fn paths_for_a_remote_shell_stay_as_they_are() {
        for (source, path) in [
            ("h:", ""),
            ("h:/srv/a b/", "/srv/a b/"),
            ("u@h:~/x", "~/x"),
            ("h:-x", "-x"),
            ("h:./a@b", "./a@b"),
            ("h:a\nb*", "a\nb*"),
            ("h:a::b", "a::b"),
            ("rsync:x", "x"),
        ] {
            let location = Location::parse(source).unwrap();
            assert_eq!((location.scheme, &*location.path), (Scheme::Shell, path), "{source}");
            assert!(location.module.is_empty() && !location.asks_for_modules());
        }
        let both = Location::parse("u@h:a").unwrap().and("u@h:/b").unwrap().and(":").unwrap();
        assert_eq!(both.paths().collect::<Vec<_>>(), ["a", "/b", ""]);
        for other in ["h:b", "u@i:b", "u@h::b", "::b"] {
            let first = Location::parse("u@h:a").unwrap();
            let further = first.and(other);
            let taken = other == "::b";
            assert_eq!(further.is_ok(), taken, "{other}");
        }
    }

    #[test]
    fn other_things_are_refused() {
        for url in [
            "",
            "/srv/tree",
            "./a:b",
            "a/b:c",
            "rsync://",
            "rsyncs://",
            "-oProxyCommand=x:path",
            "-l@host:path",
            "rsync://-h/m",
            "a\nb:path",
            "rsync://h:99999/m",
            "rsync://h:x/m",
            "http://h/m",
            "h::-e",
        ] {
            assert!(matches!(Location::parse(url), Err(Error::Misuse(_))), "{url}");
        }
    }
}
