//! Handshakes with servers of protocol 29: no capabilities, lines for arguments, and a digest of its own.

use bytes::BytesMut;

use super::honest::shake_every_way;
use super::{Client, GREETING, OWN_GREETING, transcript};
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::error::Error;
use crate::handshake::Handshake;
use crate::location::Location;
use crate::options::Options;

const OK: &str = "@RSYNCD: OK";
const AUTHREQD: &str = "@RSYNCD: AUTHREQD bc";
/// The MD4 of four zeros and "abc", as `openssl dgst -md4` of the legacy provider has it.
const OLD_ANSWER: &str = "user KA9NqWjvF7LKL7XSiYdL6Q\n";
/// The MD4 of "abc", known from the algorithm's definition.
const MD4_ANSWER: &str = "user pEgBeq8h2FJfwQroeqZynQ\n";

fn asking(options: Options) -> Client {
    Client { options, ..Client::with_password("h::m/sub/") }
}

#[test]
fn everything_that_goes_out_and_comes_of_it() {
    let arguments = "--server\n--sender\n-logDtpr\n.\nm/sub/\n\n";
    for (greeting, answer) in [
        ("@RSYNCD: 29", OLD_ANSWER),
        ("@RSYNCD: 29.0", OLD_ANSWER),
        ("@RSYNCD: 30.1", OLD_ANSWER),
        ("@RSYNCD: 29.0 md4 crc", MD4_ANSWER),
    ] {
        let tail = [&7i32.to_le_bytes()[..], b"the list"].concat();
        let bytes = transcript(&[greeting, "Welcome.", AUTHREQD, OK], &tail);
        let course = shake_every_way(&asking(Options::archive()), &bytes);
        let wanted = [OWN_GREETING, "m\n", answer, arguments].concat();
        assert_eq!(course.output.escape_ascii().to_string(), wanted.as_bytes().escape_ascii().to_string());
        let agreed = course.agreed();
        let summer = BlockSummer { kind: ChecksumKind::Md4, seed: 7, seed_first: true, seeds_files: true };
        assert_eq!((agreed.protocol, agreed.list.protocol, agreed.summer), (29, 29, summer), "{greeting}");
        let list = &agreed.list;
        assert_eq!(
            (list.inc_recurse, list.safe_flist, list.varint_flags, list.id0_names, list.sum_len),
            (false, false, false, false, 0)
        );
        assert_eq!(course.rest, b"the list", "what does not belong to the handshake is left");
    }
}

#[test]
fn the_protocol_can_be_held_down() {
    let client = asking(Options { protocol: 29, checksum: true, ..Options::archive() });
    let course = shake_every_way(&client, &transcript(&[GREETING, OK], &[0; 4]));
    assert_eq!(course.agreed().protocol, 29);
    assert_eq!(course.agreed().list.sum_len, 16, "sums come with the list");
    assert!(course.output.starts_with(b"@RSYNCD: 29.0 sha512 "));
}

#[test]
fn a_forced_checksum_takes_no_seed_for_whole_files() {
    for kind in ChecksumKind::ALL {
        let client = asking(Options { checksum_choice: Some(kind.into()), ..Options::archive() });
        let course = client.shake_whole(&transcript(&["@RSYNCD: 29.0", OK], &[9, 0, 0, 0]));
        let summer = BlockSummer { kind, seed: 9, seed_first: true, seeds_files: false };
        assert_eq!(course.agreed().summer, summer);
    }
}

#[test]
fn nothing_to_say_in_letters_is_no_argument() {
    let course = asking(Options::default()).shake_whole(&transcript(&["@RSYNCD: 29", OK], b""));
    assert!(course.output.ends_with(b"m\n--server\n--sender\n.\nm/sub/\n\n"));
}

#[test]
fn what_it_has_no_words_for_is_refused() {
    for (options, word) in [
        (Options { acls: true, ..Options::archive() }, "-A"),
        (Options { xattrs: true, ..Options::archive() }, "-X"),
    ] {
        let newer = asking(options.clone()).shake_whole(&transcript(&[GREETING], b""));
        assert!(matches!(newer.result, Ok(None)), "protocol 32 has words for {word}");
        let course = asking(options).shake_whole(&transcript(&["@RSYNCD: 29.0"], b""));
        match course.error() {
            Error::Unsupported(text) => assert!(text.contains(word) && text.contains("29"), "{text}"),
            other => panic!("{word} is unsupported: {other:?}"),
        }
        assert_eq!(course.output, OWN_GREETING.as_bytes(), "not even the module is named");
    }
}

#[test]
fn a_line_end_in_an_argument_is_refused() {
    for end in ["\n", "\r"] {
        let shake = |greeting: &str| {
            let mut location = Location::parse("h::m").unwrap();
            location.path = format!("a{end}b");
            let mut handshake = Handshake::new(location, Options::archive(), None, false);
            let result = handshake.advance(&mut BytesMut::from(&transcript(&[greeting, OK], b"")[..]));
            (result, String::from_utf8_lossy(handshake.output()).into_owned())
        };
        let (result, output) = shake(GREETING);
        assert!(matches!(result, Ok(None)) && output.contains("a"), "a NUL ends an argument of protocol 32");
        let (result, output) = shake("@RSYNCD: 29.0");
        match result {
            Err(Error::Unsupported(text)) => assert!(text.contains("line end"), "{text}"),
            other => panic!("a line end is unsupported: {other:?}"),
        }
        assert!(!output.contains("m/a"), "the path does not go out: {output}");
    }
}

#[test]
fn an_end_before_the_seed_is_an_error() {
    let bytes = transcript(&["@RSYNCD: 29.0", OK], &[1, 2, 3, 4]);
    for at in 0..bytes.len() {
        let course = asking(Options::archive()).shake_whole(&bytes[..at]);
        assert!(matches!(course.result, Ok(None)), "cut at {at}, more is needed: {:?}", course.result);
        let during_lines = at < bytes.len() - 4;
        assert_eq!(
            matches!(course.end, Error::Refused { .. }),
            during_lines,
            "cut at {at}: {:?}",
            course.end
        );
        assert_eq!(matches!(course.end, Error::Gone(_)), !during_lines, "cut at {at}: {:?}", course.end);
    }
}
