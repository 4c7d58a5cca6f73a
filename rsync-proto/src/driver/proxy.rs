//! `CONNECT`: an HTTP proxy is asked to lead to the server.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::stream::Wire;
use crate::error::{Error, Result, printable};
use crate::limits::MAX_PROXY_ANSWER;
use crate::route::Proxy;

/// Has the proxy connect to `address`. Returns what already came from there.
pub(super) async fn connect(wire: &Wire, proxy: &Proxy, address: &str) -> Result<Vec<u8>> {
    let broken = |source| Error::Network {
        action: "lost the connection to the proxy",
        address: proxy.address(),
        source,
    };
    if address.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Error::Misuse(format!("a proxy cannot be asked for \"{}\"", address.escape_debug())));
    }
    let request = request(proxy, address);
    let mut rest = &request[..];
    while !rest.is_empty() {
        wire.writable().await.map_err(broken)?;
        match wire.try_write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(broken(error)),
        }
    }
    let mut answer = Vec::new();
    loop {
        wire.readable().await.map_err(broken)?;
        let mut room = [0; 2048];
        match wire.try_read(&mut room) {
            Ok(0) if answer.is_empty() => return Err(broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(0) => return Err(refused(proxy, address, None, &answer)),
            Ok(len) => answer.extend_from_slice(&room[..len]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(broken(error)),
        }
        match parse(&answer) {
            Answer::Short => {}
            Answer::Leads { head } => return Ok(answer.split_off(head)),
            Answer::Refused(status) => return Err(refused(proxy, address, Some(status), &answer)),
            Answer::NotHttp => return Err(refused(proxy, address, None, &answer)),
            Answer::Long => {
                return Err(Error::Limit { what: "the proxy's answer", limit: MAX_PROXY_ANSWER as u64 });
            }
        }
    }
}

fn request(proxy: &Proxy, address: &str) -> Vec<u8> {
    let login = proxy
        .login
        .as_ref()
        .map_or(String::new(), |login| format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(login)));
    format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{login}\r\n").into_bytes()
}

fn refused(proxy: &Proxy, address: &str, status: Option<u16>, answer: &[u8]) -> Error {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    Error::Proxy {
        proxy: proxy.address(),
        address: address.to_owned(),
        status,
        answer: printable(&line[..line.len().min(200)]),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// More has to come.
    Short,
    /// The way is open, behind so many bytes.
    Leads {
        head: usize,
    },
    Refused(u16),
    NotHttp,
    Long,
}

fn parse(answer: &[u8]) -> Answer {
    let Some(status) = status(answer) else { return Answer::NotHttp };
    let seen = &answer[..answer.len().min(MAX_PROXY_ANSWER)];
    // An empty line, whichever way lines end.
    let ends = |at: &usize| seen[..*at].ends_with(b"\n\n") || seen[..*at].ends_with(b"\n\r\n");
    let head = (0..=seen.len()).find(ends);
    match (status, head) {
        (Some(200..=299), Some(head)) => Answer::Leads { head },
        // What is in its body is of no use.
        (Some(status), Some(_)) => Answer::Refused(status),
        _ if answer.len() > MAX_PROXY_ANSWER => Answer::Long,
        _ => Answer::Short,
    }
}

/// The number in the first line, once it is there; nothing if this is no such line.
fn status(answer: &[u8]) -> Option<Option<u16>> {
    let pattern = b"HTTP/1.d ddd";
    for (expected, found) in pattern.iter().zip(answer) {
        let fits = match expected {
            b'd' => found.is_ascii_digit(),
            other => found == other,
        };
        if !fits {
            return None;
        }
    }
    let digits = answer.get(9..12);
    match answer.get(12) {
        None | Some(b' ' | b'\r' | b'\n') => {}
        Some(_) => return None,
    }
    Some(
        digits
            .filter(|_| answer.len() > 12)
            .map(|digits| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_however_they_come() {
        let whole = b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n@RSYNCD: 31.0\n";
        let head = whole.len() - "@RSYNCD: 31.0\n".len();
        for len in 0..whole.len() {
            let expected = if len < head { Answer::Short } else { Answer::Leads { head } };
            assert_eq!(parse(&whole[..len]), expected, "{len}");
        }
        assert_eq!(parse(b"HTTP/1.1 200\n\n"), Answer::Leads { head: 14 });
        assert_eq!(parse(b"HTTP/1.1 403 Filtered\r\n\r\n<html>"), Answer::Refused(403));
        assert_eq!(parse(b"HTTP/1.1 100 Go on\r\n\r\n"), Answer::Refused(100));
        for other in [&b"@RSYNCD: 31.0\n"[..], b"HTTP/2 200\n", b"HTTP/1.1 2000\n", b"HTTP/1.1 x", b"\r\n"] {
            assert_eq!(parse(other), Answer::NotHttp, "{}", printable(other));
        }
    }

    #[test]
    fn an_answer_has_an_end() {
        let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
        answer.resize(MAX_PROXY_ANSWER, b'x');
        assert_eq!(parse(&answer), Answer::Short);
        answer.push(b'x');
        assert_eq!(parse(&answer), Answer::Long);
        answer.extend(b"\r\n\r\n");
        assert_eq!(parse(&answer), Answer::Long);
    }

    #[test]
    fn a_login_is_told_in_its_header_only() {
        let text = |proxy: &str| String::from_utf8(request(&Proxy::parse(proxy).unwrap(), "h:873")).unwrap();
        assert_eq!(text("p:1"), "CONNECT h:873 HTTP/1.1\r\nHost: h:873\r\n\r\n");
        assert!(text("user:pass@p:1").contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"));
    }
}
