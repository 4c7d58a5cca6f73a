//! The lines that open a connection, and the version that follows from them.

use nom::bytes::complete::{tag, take_till};
use nom::character::complete::{char, space1, u32 as number};
use nom::combinator::opt;
use nom::multi::separated_list0;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::auth::Digest;
use crate::error::{Error, Malformed, Result, printable};
use crate::options::MIN_PROTOCOL;

/// Newest version that a server may name; the reference draws the line at the same number.
const MAX_REMOTE: u32 = 40;

/// What a server says first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    version: u32,
    subversion: Option<u32>,
    /// Digests for passwords, where the server names them (since 3.2.7).
    pub digests: Option<Vec<Vec<u8>>>,
}

impl Greeting {
    /// Reads the server's first line.
    pub fn parse(line: &[u8]) -> Result<Self> {
        match greeting(line) {
            Ok((b"", greeting)) => Ok(greeting),
            _ => Err(Malformed::new("the greeting", format!("\"{}\"", printable(line))).into()),
        }
    }

    /// The version that both sides speak: the lower one, and one less where a side runs an unfinished version.
    pub fn agree(&self, ours: u8) -> Result<u8> {
        let subversion = match self.subversion {
            Some(subversion) => subversion,
            None if self.version < 30 => 0,
            None => return Err(Malformed::new("the greeting", "no subversion".to_owned()).into()),
        };
        let own = u32::from(ours);
        let agreed = match self.version.cmp(&own) {
            // There may be no version below it.
            std::cmp::Ordering::Less => self.version.saturating_sub(u32::from(subversion != 0)),
            std::cmp::Ordering::Equal => own - u32::from(subversion != 0),
            std::cmp::Ordering::Greater => own,
        };
        if self.version > MAX_REMOTE || agreed < u32::from(MIN_PROTOCOL) {
            return Err(Error::Unsupported(format!(
                "the server speaks protocol version {}, this client {MIN_PROTOCOL} to {ours}",
                self.version
            )));
        }
        if self.version > 31 && self.digests.is_none() {
            return Err(Malformed::new("the greeting", "no list of digests".to_owned()).into());
        }
        Ok(agreed as u8)
    }
}

fn greeting(input: &[u8]) -> IResult<&[u8], Greeting> {
    let (input, _) = tag("@RSYNCD: ").parse(input)?;
    let (input, version) = number(input)?;
    let (input, subversion) = opt(preceded(char('.'), number)).parse(input)?;
    let word = take_till(|byte| byte == b' ');
    let (input, digests) = opt(preceded(space1, separated_list0(space1, word))).parse(input)?;
    let digests = digests.map(|words| words.into_iter().map(<[u8]>::to_vec).collect());
    Ok((input, Greeting { version, subversion, digests }))
}

/// The version that follows from the four bytes that a server says first where there is no daemon. `said` is all that it
/// said so far.
pub(super) fn agree_on(version: [u8; 4], ours: u8, said: &[u8]) -> Result<u8> {
    let version = u32::from_le_bytes(version);
    // Above the versions of this world it is text, mostly of a shell that greets whoever logs in.
    if version > 255 {
        let text = printable(&said[..said.len().min(200)]);
        return Err(Malformed::new(
            "the version of the protocol",
            format!(
                "\"{text}\"; a remote shell may print nothing by itself: see that `ssh HOST true` is silent, and look \
                 into the start-up files of the shell over there"
            ),
        )
        .into());
    }
    if !(u32::from(MIN_PROTOCOL)..=MAX_REMOTE).contains(&version) {
        return Err(Error::Unsupported(format!(
            "the server speaks protocol version {version}, this client {MIN_PROTOCOL} to {ours}"
        )));
    }
    Ok(ours.min(version as u8))
}

/// Our own first line.
pub(crate) fn own(protocol: u8) -> String {
    let digests: Vec<&str> = Digest::ALL.iter().map(|digest| digest.name()).collect();
    format!("@RSYNCD: {protocol}.0 {}\n", digests.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_read() {
        let greeting = Greeting::parse(b"@RSYNCD: 32.0 sha512 md5").unwrap();
        assert_eq!(greeting.agree(32).unwrap(), 32);
        assert_eq!(greeting.agree(30).unwrap(), 30);
        assert_eq!(greeting.digests.unwrap(), [&b"sha512"[..], b"md5"]);
        assert_eq!(Greeting::parse(b"@RSYNCD: 31.0").unwrap().agree(32).unwrap(), 31);
        assert_eq!(Greeting::parse(b"@RSYNCD: 31.14").unwrap().agree(31).unwrap(), 30);
    }

    #[test]
    fn versions_as_bytes_are_read() {
        for (bytes, ours, agreed) in [
            (*b"\x20\0\0\0", 32, Some(32)),
            (*b"\x1f\0\0\0", 32, Some(31)),
            (*b"\x20\0\0\0", 29, Some(29)),
            (*b"\x28\0\0\0", 32, Some(32)),
            (*b"\x29\0\0\0", 32, None),
            (*b"\x1c\0\0\0", 32, None),
            (*b"\0\0\0\0", 32, None),
        ] {
            assert_eq!(agree_on(bytes, ours, &bytes).ok(), agreed, "{bytes:?}");
        }
        let error = agree_on(*b"Welc", 32, b"Welcome\n").unwrap_err().to_string();
        assert!(error.contains("Welcome\\#012") && error.contains("ssh HOST true"), "{error}");
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [&b"SSH-2.0-OpenSSH"[..], b"@RSYNCD: x", b"@RSYNCD: 32.0sha1", b""] {
            assert!(Greeting::parse(line).is_err(), "{}", printable(line));
        }
        for line in [&b"@RSYNCD: 29"[..], b"@RSYNCD: 29.0", b"@RSYNCD: 30.5", b"@RSYNCD: 29.0 md4"] {
            assert_eq!(Greeting::parse(line).unwrap().agree(32).unwrap(), 29, "{}", printable(line));
        }
        for line in
            [&b"@RSYNCD: 28"[..], b"@RSYNCD: 29.1", b"@RSYNCD: 41.0 md5", b"@RSYNCD: 32.0", b"@RSYNCD: 30"]
        {
            assert!(Greeting::parse(line).unwrap().agree(32).is_err(), "{}", printable(line));
        }
    }
}
