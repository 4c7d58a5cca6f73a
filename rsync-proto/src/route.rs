//! Ways to a server: straight to its host and port, through a proxy, through a program, through a socket of this machine, or
//! by a remote shell. Plain values with their rules; nothing is opened or started here.

mod words;

use std::ffi::OsString;
use std::fmt;
#[cfg(any(feature = "tokio", test))]
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::location::{Location, Scheme};

/// The way to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Route {
    /// TCP to the host and port of the location.
    #[default]
    Direct,
    /// Through an HTTP proxy, by `CONNECT`.
    Proxy(Proxy),
    /// Through the standard input and output of a program of this machine.
    Program(ConnectProgram),
    /// Through a Unix socket of this machine. The location's host is only a name, which TLS holds a certificate against.
    Socket(PathBuf),
    /// By a remote shell, which starts the server: a daemon for one transfer, or, for [`Scheme::Shell`], rsync itself.
    Shell(RemoteShell),
}

impl Route {
    /// Whether the location can be reached this way.
    ///
    /// # Errors
    /// [`Error::Misuse`] with what to do.
    pub fn check(&self, location: &Location) -> Result<()> {
        let why = match (self, location.scheme) {
            (Route::Shell(_), Scheme::Rsyncs) => {
                "TLS goes to a daemon that listens, and a remote shell starts one: write rsync:// with a remote shell"
            }
            (Route::Shell(_), _) => return Ok(()),
            (_, Scheme::Shell) => {
                "host:path is reached by a remote shell only; a daemon has host::module, or rsync://host/module"
            }
            _ => return Ok(()),
        };
        Err(Error::Misuse(why.to_owned()))
    }

    /// The TCP port that is connected to from here; nothing if there is none.
    pub fn tcp_port(&self, location: &Location) -> Option<u16> {
        match self {
            Route::Direct => Some(location.port()),
            Route::Proxy(proxy) => Some(proxy.port),
            Route::Program(_) | Route::Socket(_) | Route::Shell(_) => None,
        }
    }
}

/// An HTTP proxy. Its password is not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<String>,
}

impl Proxy {
    /// Reads `[user:password@]host:port`, as `RSYNC_PROXY` has it. An IPv6 address stands in brackets.
    ///
    /// # Errors
    /// [`Error::Misuse`], which does not repeat the text: there may be a password in it.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = || {
            Error::Misuse(
                "the proxy (RSYNC_PROXY) is written as host:port or user:password@host:port".to_owned(),
            )
        };
        // A password may hold an @.
        let (login, address) = match text.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, text),
        };
        let (host, port) = address.rsplit_once(':').ok_or_else(refuse)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address,
            None if host.contains(':') => return Err(refuse()),
            None => host,
        };
        let port: u16 = port.parse().map_err(|_| refuse())?;
        let strange = |text: &str| text.contains(|c: char| c.is_control() || c.is_whitespace());
        let no_login = login.is_some_and(|login| !login.contains(':') || login.contains(char::is_control));
        if host.is_empty() || host.contains('/') || strange(host) || port == 0 || no_login {
            return Err(refuse());
        }
        Ok(Self { host: host.to_owned(), port, login: login.map(str::to_owned) })
    }

    /// Host and port as a person would write them.
    pub fn address(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// A command for `sh -c` whose standard input and output are the connection to a daemon. There may be a password in it: it
/// is not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectProgram(String);

impl fmt::Debug for ConnectProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectProgram")
    }
}

impl ConnectProgram {
    /// A command in which `%H` stands for the location's host and `%%` for a percent sign, as `RSYNC_CONNECT_PROG` has it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is empty or has a NUL.
    pub fn new(command: impl Into<String>) -> Result<Self> {
        let command = command.into();
        if command.trim().is_empty() || command.contains('\0') {
            return Err(Error::Misuse("the program that connects (RSYNC_CONNECT_PROG) is none".to_owned()));
        }
        Ok(Self(command))
    }

    /// The program for a location.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the host has letters that names and addresses do not have, and that a shell may take for
    /// something else.
    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn program(&self, location: &Location) -> Result<Program> {
        let host = &location.host;
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "._:%-".contains(c)) || host.starts_with('-') {
            return Err(Error::Misuse(format!(
                "the host \"{}\" cannot be put into RSYNC_CONNECT_PROG, which a shell reads: it is no name or address",
                host.escape_debug()
            )));
        }
        let mut command = String::new();
        let mut rest = &self.0[..];
        while let Some(at) = rest.find('%') {
            command.push_str(&rest[..at]);
            let (put, len) = match rest.as_bytes().get(at + 1) {
                Some(b'H') => (&host[..], 2),
                Some(b'%') => ("%", 2),
                _ => ("%", 1),
            };
            command.push_str(put);
            rest = &rest[at + len..];
        }
        command.push_str(rest);
        let shown = "the program of RSYNC_CONNECT_PROG".to_owned();
        let words = ["sh".to_owned(), "-c".to_owned(), command].map(OsString::from).to_vec();
        Ok(Program { words, environment: Vec::new(), shown, remote_shell: false })
    }
}

/// A program that runs another on a host, such as ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteShell {
    words: Vec<String>,
    rsync: String,
}

impl RemoteShell {
    /// Reads a command as `-e` and `RSYNC_RSH` have it: words with blanks between them, no shell. Quotes of either kind keep
    /// blanks in a word, a doubled one within them stands for itself, and a backslash is a backslash.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there is no word, or a quote is not closed.
    pub fn parse(command: &str) -> Result<Self> {
        // The command may have a password in it.
        let words = words::split(command).ok_or_else(|| {
            Error::Misuse("in the remote shell (-e, RSYNC_RSH) a quote is not closed".to_owned())
        })?;
        if words.first().is_none_or(String::is_empty) || command.contains('\0') {
            return Err(Error::Misuse(
                "the remote shell (-e, RSYNC_RSH) is empty: it names a program".to_owned(),
            ));
        }
        Ok(Self { words, rsync: "rsync".to_owned() })
    }

    /// What is run on the server in place of `rsync` (`--rsync-path`). The shell over there reads it, so that it may have
    /// several words.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is empty or has a NUL.
    pub fn remote_program(mut self, rsync: impl Into<String>) -> Result<Self> {
        self.rsync = rsync.into();
        if self.rsync.trim().is_empty() || self.rsync.contains('\0') {
            return Err(Error::Misuse("--rsync-path names no program".to_owned()));
        }
        Ok(self)
    }

    /// The program for a location, with these arguments of rsync on the server; for a daemon there is one of them.
    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn program(&self, location: &Location, arguments: Vec<Vec<u8>>) -> Result<Program> {
        for name in [Some(&location.host), location.user.as_ref()].into_iter().flatten() {
            // It would be an option of the program.
            if name.is_empty() || name.starts_with('-') || name.contains(char::is_control) {
                let text = format!("\"{}\" is no name for a remote shell", name.escape_debug());
                return Err(Error::Misuse(text));
            }
        }
        let has_user = self.words.windows(2).any(|pair| pair[0] == "-l" && !pair[1].is_empty());
        let mut words: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        // A daemon has users of its own; those of its machine may be named in the command.
        if let Some(user) = location.user.as_ref().filter(|_| !(location.scheme.is_daemon() && has_user)) {
            words.extend(["-l", user].map(OsString::from));
        }
        words.push(OsString::from(&location.host));
        let shown = format!("{} {}", self.words[0], location.host);
        words.push(OsString::from(&self.rsync));
        let daemon = || ["--server", "--daemon", "."].map(|word| word.as_bytes().to_vec()).to_vec();
        let arguments = if location.scheme.is_daemon() { daemon() } else { arguments };
        if arguments.iter().any(|argument| argument.contains(&0)) {
            return Err(Error::Misuse("no argument of a program can have a NUL".to_owned()));
        }
        words.extend(arguments.into_iter().map(OsString::from_vec));
        // What the reference tells programs in place of a daemon's port.
        let port = location.port.unwrap_or(0).to_string();
        let environment = if location.scheme.is_daemon() { vec![("RSYNC_PORT", port)] } else { Vec::new() };
        Ok(Program { words, environment, shown, remote_shell: true })
    }
}

impl Default for RemoteShell {
    /// `ssh`
    fn default() -> Self {
        Self { words: vec!["ssh".to_owned()], rsync: "rsync".to_owned() }
    }
}

/// A program to start, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(crate) words: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) shown: String,
    pub(crate) remote_shell: bool,
}

impl Program {
    /// Its name and its arguments.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// How messages call it.
    pub fn name(&self) -> &str {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str) -> Location {
        Location::parse(source).unwrap()
    }

    fn texts(program: &Program) -> Vec<String> {
        program.words().iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn proxies_are_read_and_passwords_not_shown() {
        let proxy = |text: &str| {
            Proxy::parse(text).ok().map(|proxy| (proxy.address(), proxy.login.unwrap_or_default()))
        };
        let some = |address: &str, login: &str| Some((address.to_owned(), login.to_owned()));
        assert_eq!(proxy("p:3128"), some("p:3128", ""));
        assert_eq!(proxy("[::1]:80"), some("[::1]:80", ""));
        assert_eq!(proxy("u:p@w:x@p:3128"), some("p:3128", "u:p@w:x"));
        for text in
            ["", "p", "p:", ":1", "p:0", "p:99999", "::1:80", "u@p:1", "http://p:1", "a b:1", "u:\r\n@p:1"]
        {
            assert_eq!(proxy(text), None, "{text}");
        }
        let shown = format!("{:?}", Proxy::parse("bob:secret@p:1").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_host_cannot_say_anything_to_a_shell() {
        let program = ConnectProgram::new("nc %H 873 %% %x %").unwrap();
        assert_eq!(texts(&program.program(&at("h.example::m")).unwrap())[2], "nc h.example 873 % %x %");
        assert!(
            texts(&program.program(&at("[fe80::1%eth0]::m")).unwrap())[2].starts_with("nc fe80::1%eth0 ")
        );
        for host in ["a;b", "a$b", "a`b`", "a|b", "a'b", "ä", "a&b", "a>b"] {
            let refused = program.program(&at(&format!("{host}::m")));
            assert!(matches!(refused, Err(Error::Misuse(_))), "{host}");
        }
        assert!(ConnectProgram::new(" ").is_err());
    }

    #[test]
    fn a_remote_shell_gets_user_host_and_command() {
        let words = |command: &str, source: &str| {
            let shell = RemoteShell::parse(command).unwrap().remote_program("sudo rsync").unwrap();
            texts(&shell.program(&at(source), vec![b"--server".to_vec()]).unwrap()).join("|")
        };
        assert_eq!(words("ssh -p 22", "h:x"), "ssh|-p|22|h|sudo rsync|--server");
        assert_eq!(words("ssh", "u@[::1]:x"), "ssh|-l|u|::1|sudo rsync|--server");
        assert_eq!(words("ssh -l v", "u@h:x"), "ssh|-l|v|-l|u|h|sudo rsync|--server");
        assert_eq!(words("ssh", "u@h::m"), "ssh|-l|u|h|sudo rsync|--server|--daemon|.");
        assert_eq!(words("ssh -l v", "u@h::m"), "ssh|-l|v|h|sudo rsync|--server|--daemon|.");
        for command in ["", " ", "''", "ssh 'x"] {
            assert!(matches!(RemoteShell::parse(command), Err(Error::Misuse(_))), "{command}");
        }
        assert!(RemoteShell::default().remote_program("").is_err());
    }

    #[test]
    fn some_ways_lead_nowhere() {
        let shell = Route::Shell(RemoteShell::default());
        assert!(shell.check(&at("h:x")).is_ok() && shell.check(&at("h::m")).is_ok());
        assert!(shell.check(&at("rsyncs://h/m")).is_err());
        assert!(Route::Direct.check(&at("h:x")).is_err());
        assert!(Route::Socket("/x".into()).check(&at("h:x")).is_err());
        assert!(Route::Socket("/x".into()).check(&at("rsyncs://h/m")).is_ok());
        let proxy = Route::Proxy(Proxy::parse("p:3128").unwrap());
        assert_eq!(proxy.tcp_port(&at("h::m")), Some(3128));
        assert_eq!(Route::Direct.tcp_port(&at("rsyncs://h/m")), Some(874));
        assert_eq!(shell.tcp_port(&at("h:x")), None);
    }
}
