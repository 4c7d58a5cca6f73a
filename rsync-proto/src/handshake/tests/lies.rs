//! Refusals and lies in a handshake, and what the end of the connection means at any point of it.

use super::{Client, GREETING, capabilities, transcript};
use crate::error::{Error, Refused};
use crate::limits;
use crate::options::Options;
use crate::wire::flags::compat;

const OK: &str = "@RSYNCD: OK";
const AUTHREQD: &str = "@RSYNCD: AUTHREQD challenge";

fn error_of(client: &Client, lines: &[&str], tail: &[u8]) -> Error {
    let bytes = transcript(lines, tail);
    let whole = client.shake_whole(&bytes);
    let text = whole.error().to_string();
    for at in 0..bytes.len() {
        let (head, rest) = bytes.split_at(at);
        assert_eq!(client.shake([head, rest]).error().to_string(), text, "split at {at}");
    }
    whole.result.expect_err("just looked at")
}

fn assert_violation(error: &Error, what: &str) {
    assert!(matches!(error, Error::Violation(_)), "{what} is a violation: {error:?}");
}

#[test]
fn refusals_say_what_the_server_said() {
    let refusal = |client: &Client, lines: &[&str]| match error_of(client, lines, b"") {
        Error::Refused { kind, message } => (kind, message),
        other => panic!("a refusal: {other:?}"),
    };
    let module = Client::new("h::m");
    let unknown = refusal(&module, &[GREETING, "motd", "@ERROR: Unknown module 'm'"]);
    assert_eq!(unknown, (Refused::Startup, "Unknown module 'm'".to_owned()));
    let escaped = refusal(&module, &[GREETING, "@ERROR: \x1b[31mred\r"]);
    assert_eq!(escaped, (Refused::Startup, "\\#033[31mred".to_owned()));
    let bare = refusal(&module, &[GREETING, "@ERROR"]);
    assert_eq!(bare, (Refused::Startup, String::new()));
    let listing = refusal(&Client::new("h::"), &[GREETING, "@ERROR: max connections"]);
    assert_eq!(listing, (Refused::Busy, "max connections".to_owned()));
    let user = Client::with_password("h::m");
    let failed = refusal(&user, &[GREETING, AUTHREQD, "@ERROR: auth failed on module m"]);
    assert_eq!(failed, (Refused::Authentication, "auth failed on module m".to_owned()));
}

#[test]
fn a_password_that_is_not_there_is_not_sent() {
    match error_of(&Client::new("h::m"), &[GREETING, AUTHREQD], b"") {
        Error::Refused { kind: Refused::Credentials, message } => assert!(message.contains("\"m\"")),
        other => panic!("a refusal: {other:?}"),
    }
}

#[test]
fn a_password_is_asked_for_once() {
    let client = Client::with_password("h::m");
    let once = client.shake_whole(&transcript(&[GREETING, AUTHREQD, OK], b""));
    assert!(matches!(once.result, Ok(None)), "asked once, it goes on");
    let error = error_of(&client, &[GREETING, AUTHREQD, AUTHREQD], b"");
    assert_violation(&error, "a second question");
    let output = client.shake_whole(&transcript(&[GREETING, AUTHREQD, AUTHREQD], b"")).output;
    let answers = output.windows(5).filter(|window| *window == b"user ").count();
    assert_eq!(answers, 1, "only the first question is answered");
}

#[test]
fn digests_in_common_are_needed() {
    let error = error_of(&Client::with_password("h::m"), &["@RSYNCD: 32.0 crc rot13", AUTHREQD], b"");
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
}

#[test]
fn ends_in_place_of_what_was_asked_for() {
    let error = error_of(&Client::new("h::m"), &[GREETING, "@RSYNCD: EXIT"], b"");
    assert_violation(&error, "an exit in place of a transfer");
    let error = error_of(&Client::new("h::"), &[GREETING, OK], b"");
    assert_violation(&error, "a transfer in place of a listing");
}

#[test]
fn greetings_that_cannot_be() {
    for (line, unsupported) in [
        ("SSH-2.0-OpenSSH_9.9", false),
        ("", false),
        ("@RSYNCD: 32.0", false),
        ("@RSYNCD: 31", false),
        ("@RSYNCD: 99999999999.0 md5", false),
        ("@ERROR: busy", false),
        ("@RSYNCD: 28.0", true),
        ("@RSYNCD: 29.1", true),
        ("@RSYNCD: 41.0 md5", true),
    ] {
        let error = error_of(&Client::new("h::m"), &[line], b"");
        match unsupported {
            true => assert!(matches!(error, Error::Unsupported(_)), "\"{line}\": {error:?}"),
            false => assert!(matches!(error, Error::Malformed(_)), "\"{line}\": {error:?}"),
        }
    }
}

#[test]
fn long_lines() {
    let line = |len: usize| "x".repeat(len);
    let pass = transcript(&[GREETING, &line(limits::MAX_LINE), OK], b"");
    assert!(matches!(Client::new("h::m").shake_whole(&pass).result, Ok(None)), "a line of 1,024 bytes");
    for bytes in [
        transcript(&[GREETING, &line(limits::MAX_LINE + 1)], b""),
        transcript(&[GREETING], line(100_000).as_bytes()),
        line(limits::MAX_LINE + 1).into_bytes(),
        "\r".repeat(limits::MAX_LINE + 1).into_bytes(),
    ] {
        let course = Client::new("h::m").shake_whole(&bytes);
        assert!(matches!(course.result, Err(Error::Limit { limit: 1024, .. })), "{:?}", course.result);
        let drip = Client::new("h::m").shake(bytes.chunks(1));
        assert!(matches!(drip.result, Err(Error::Limit { limit: 1024, .. })), "{:?}", drip.result);
    }
}

#[test]
fn many_lines() {
    let lines = |count: usize, line: &'static str| {
        let lines: Vec<&str> = std::iter::once(GREETING).chain(std::iter::repeat_n(line, count)).collect();
        Client::new("h::m").shake_whole(&transcript(&lines, b""))
    };
    let long: &'static str = "a line of 128 bytes with its end: it takes 512 of them to fill 64 KiB, which is \
                              more than there may be of any length at all...";
    assert!(matches!(lines(limits::MAX_LINES - 1, "").result, Ok(None)), "500 lines with the greeting");
    let many = lines(limits::MAX_LINES, "");
    assert!(matches!(many.result, Err(Error::Limit { .. })), "501 lines: {:?}", many.result);
    assert!(matches!(lines(400, long).result, Ok(None)), "400 lines of middling length");
    let wide: &'static str = Box::leak("w".repeat(1000).into_boxed_str());
    assert!(matches!(lines(65, wide).result, Ok(None)), "65,065 bytes and a greeting");
    let bytes = lines(66, wide);
    assert!(matches!(bytes.result, Err(Error::Limit { .. })), "66,066 bytes: {:?}", bytes.result);
}

#[test]
fn capabilities_that_nobody_offered() {
    let client = |recursive, inc_recursive| {
        let options = Options { recursive, inc_recursive, ..Options::archive() };
        Client { options, ..Client::new("h::m") }
    };
    let said = |client: &Client, flags: u32| {
        client.shake_whole(&transcript(&[GREETING, OK], &capabilities(flags, None, 0)))
    };
    let segments = compat::INC_RECURSE;
    assert!(said(&client(true, true), segments).agreed().list.inc_recurse, "offered, it may be used");
    assert_violation(said(&client(true, false), segments).error(), "segments that were switched off");
    assert_violation(said(&client(false, true), segments).error(), "segments without recursion");
    for bit in 0..32 {
        let course = said(&client(true, true), 1 << bit);
        match bit {
            7 => assert!(matches!(course.error(), Error::Unsupported(_)), "an empty list of checksums came"),
            0..=8 => assert_eq!(course.agreed().protocol, 32, "bit {bit}"),
            _ => assert_violation(course.error(), &format!("bit {bit}")),
        }
    }
    let error = error_of(&client(true, true), &[GREETING, OK], &[0xff; 5]);
    assert!(matches!(error, Error::Malformed(_)), "no number at all: {error:?}");
}

#[test]
fn checksums_that_cannot_be() {
    let client = Client::new("h::m");
    let offered = |names: &str| {
        client.shake_whole(&transcript(&[GREETING, OK], &capabilities(compat::VARINT_FLAGS, Some(names), 0)))
    };
    for names in ["crc32 blake3", "", "MD5", "md5x"] {
        let course = offered(names);
        assert!(matches!(course.error(), Error::Unsupported(_)), "\"{names}\": {:?}", course.result);
    }
    let filled = |len: usize| format!("md5 {}", "x".repeat(len - 4));
    assert_eq!(offered(&filled(limits::MAX_ALGORITHMS)).agreed().summer.kind.name(), "md5", "256 bytes");
    let long = offered(&filled(limits::MAX_ALGORITHMS + 1));
    assert!(matches!(long.error(), Error::Malformed(_)), "257 bytes: {:?}", long.result);
}

#[test]
fn an_end_at_any_position_is_an_error() {
    let lines = [GREETING, "motd", AUTHREQD, OK];
    let head = transcript(&lines, b"");
    let bytes = transcript(&lines, &capabilities(compat::VARINT_FLAGS, Some("md5"), 1));
    for at in 0..bytes.len() {
        let course = Client::with_password("h::m").shake_whole(&bytes[..at]);
        assert!(matches!(course.result, Ok(None)), "cut at {at}, more is needed: {:?}", course.result);
        let during_lines = at < head.len();
        let silent = matches!(course.end, Error::Refused { kind: Refused::Silent, .. });
        let gone = matches!(course.end, Error::Gone(_));
        assert_eq!((silent, gone), (during_lines, !during_lines), "cut at {at}: {:?}", course.end);
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let lines = [GREETING, "motd", AUTHREQD, OK];
    let flags = compat::VARINT_FLAGS | compat::INC_RECURSE;
    let bytes = transcript(&lines, &capabilities(flags, Some("md5 sha1"), 1));
    let client = Client::with_password("h::m/path");
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let whole = client.shake_whole(&damaged);
        let drip = client.shake(damaged.chunks(1));
        assert_eq!(format!("{:?}", whole.result), format!("{:?}", drip.result), "bit {at}");
    }
}

#[test]
fn there_is_no_version_below_the_first() {
    for greeting in ["@RSYNCD: 0.1 md5", "@RSYNCD: 0.23", "@RSYNCD: 29.1 md5"] {
        let error = error_of(&Client::new("h::m"), &[greeting, OK], b"");
        assert!(matches!(error, Error::Unsupported(_)), "{greeting}: {error:?}");
    }
}
