//! Errors, by who is at fault and what can be done about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes that cannot be what the protocol says stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("while reading {reading}: found {found}")]
pub struct Malformed {
    reading: &'static str,
    found: String,
}

impl Malformed {
    pub(crate) fn new(reading: &'static str, found: String) -> Self {
        Self { reading, found }
    }
}

/// What the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server did not accept user and password.
    Authentication,
    /// The server wants user and password, and there are none.
    Credentials,
    /// As many are connected as the server takes: worth another try.
    Busy,
    /// The server said `@ERROR` during the handshake: no such module, no access.
    Startup,
    /// The server closed the connection early in the handshake, without a word: it may turn this client away, or be
    /// about to end itself.
    Silent,
    /// The server ended a running transfer with this exit code.
    Transfer(i32),
}

/// Which clock ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// No connection was made in time.
    Connect,
    /// The connection stands, but the server did not get through the handshake in time.
    Handshake,
    /// Nothing useful came for this long.
    Idle,
    /// Next to nothing came in this time.
    Pace,
}

/// Everything that can end a transfer early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server sent bytes that have no meaning where they stand.
    #[error("the server sent malformed data {0}")]
    Malformed(#[from] Malformed),

    /// The server broke a rule of the protocol: well-formed, but not what it may say at this point.
    #[error("the server broke the protocol: {0}")]
    Violation(String),

    /// The server exceeded a limit of this client.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The limit, in the unit of `what`.
        limit: u64,
    },

    /// The server sent a name that no file may have.
    #[error("the server sent the impossible name \"{name}\": {reason}")]
    Name {
        /// The name, escaped.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The server refused, in its own words.
    #[error("{}", refusal(*.kind, .message))]
    Refused {
        /// What was refused.
        kind: Refused,
        /// The server's text, escaped.
        message: String,
    },

    /// The server and this client have nothing in common.
    #[error("{0}")]
    Unsupported(String),

    /// The connection ended while something was still expected.
    #[error("the server closed the connection while {0} was expected")]
    Gone(&'static str),

    /// No connection could be made, or it broke.
    #[error("{action} {address}: {source}")]
    Network {
        /// What was being done.
        action: &'static str,
        /// The server's address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },

    /// The server took too long.
    #[error("{}", timeout(*.clock, *.after))]
    Timeout {
        /// Which clock ran out.
        clock: Clock,
        /// The time that it allowed.
        after: Duration,
    },

    /// The local side failed in a way that makes going on pointless (disk full, read-only file system).
    #[error("cannot {action} {}: {source}", .path.display())]
    Local {
        /// What was being done.
        action: &'static str,
        /// The path, as a person would name it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The destination as a whole is not what it would have to be.
    #[error("cannot {action} {}: {source}", .path.display())]
    Destination {
        /// What was being done.
        action: &'static str,
        /// The destination, or the directory that it would lie in.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Misuse(String),

    /// A fault of this crate; its message went to the panic handler.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),

    /// The caller stopped the transfer.
    #[error("stopped on request")]
    Cancelled,
}

fn refusal(kind: Refused, message: &str) -> String {
    match kind {
        Refused::Authentication => {
            format!(
                "the server did not accept user and password: {message}; check the user in the URL and the password"
            )
        }
        Refused::Credentials => format!("the server wants a user and a password: {message}"),
        Refused::Busy => format!("the server is busy: {message}"),
        Refused::Startup | Refused::Silent => format!("the server refused: {message}"),
        Refused::Transfer(code) if message.is_empty() => format!("the server gave up with exit code {code}"),
        Refused::Transfer(code) => format!("the server gave up with exit code {code}: {message}"),
    }
}

fn timeout(clock: Clock, after: Duration) -> String {
    let seconds = after.as_secs();
    match clock {
        Clock::Connect => format!("no connection within {seconds} s; --contimeout sets the limit"),
        Clock::Handshake => format!("the server did not finish the handshake within {seconds} s"),
        Clock::Pace => format!("the server sent next to nothing for {seconds} s; --timeout sets the limit"),
        Clock::Idle => format!("the server sent nothing useful for {seconds} s; --timeout sets the limit"),
    }
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes from the network made fit for a terminal or a log: control characters (C0, C1, DEL), characters
/// that change the direction of text, and what is not UTF-8 are shown as `\\#` and three octal digits. So is a
/// backslash that would otherwise look like the beginning of such an escape.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8(escaped(bytes, false)).expect("what is not UTF-8 is escaped")
}

/// As [`printable`], but with what is not UTF-8 left as it is: for terminals with another encoding.
pub fn printable_8_bit(bytes: &[u8]) -> Vec<u8> {
    escaped(bytes, true)
}

fn escaped(bytes: &[u8], eight_bit: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(5).position(is_escape) {
        push_printable(&mut text, &bytes[at..at + found], eight_bit);
        push_escape(&mut text, b'\\');
        at += found + 1;
    }
    push_printable(&mut text, &bytes[at..], eight_bit);
    text
}

fn is_escape(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\\#") && bytes[2..].iter().all(u8::is_ascii_digit)
}

fn push_printable(text: &mut Vec<u8>, bytes: &[u8], eight_bit: bool) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            if c != '\t' && (c.is_control() || is_direction_mark(c)) {
                bytes.for_each(|byte| push_escape(text, byte));
            } else {
                text.extend(bytes);
            }
        }
        if eight_bit {
            text.extend_from_slice(chunk.invalid());
        } else {
            chunk.invalid().iter().for_each(|byte| push_escape(text, *byte));
        }
    }
}

fn push_escape(text: &mut Vec<u8>, byte: u8) {
    text.extend_from_slice(format!("\\#{byte:03o}").as_bytes());
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Error {
    /// Whether the connection was lost, or could not be made: another try may succeed. Not if the server refused.
    pub fn is_lost_connection(&self) -> bool {
        matches!(self, Error::Network { .. } | Error::Timeout { .. } | Error::Gone(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_fool_a_terminal_is_escaped() {
        assert_eq!(printable(b"plain text"), "plain text");
        assert_eq!(printable("grün".as_bytes()), "grün");
        assert_eq!(printable(b"\x1b[2J\r\n\x7f"), "\\#033[2J\\#015\\#012\\#177");
        assert_eq!(printable("\u{9b}31m".as_bytes()), "\\#302\\#23331m");
        assert_eq!(printable("a\u{202e}b".as_bytes()), "a\\#342\\#200\\#256b");
        assert_eq!(printable(b"\xff\xfe"), "\\#377\\#376");
        assert_eq!(printable(b"\\#012 \\#1"), "\\#134#012 \\#1");
    }

    #[test]
    fn eight_bits_pass_but_control_characters_do_not() {
        assert_eq!(printable_8_bit(b"gr\xfcn \x1b[2J"), b"gr\xfcn \\#033[2J");
        assert_eq!(printable_8_bit("\u{9b}31m".as_bytes()), b"\\#302\\#23331m");
    }
}
