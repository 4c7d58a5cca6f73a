//! Honest handshakes of every version, and what follows from them.

use super::{Client, Course, GREETING, OWN_GREETING, capabilities, transcript};
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::flist::Asked;
use crate::handshake::Outcome;
use crate::options::{ChecksumChoice, FilesFrom, NameList, Options, Selection};
use crate::wire::flags::compat;
use crate::wire::put;

const OK: &str = "@RSYNCD: OK";
const CHECKSUMS: &str = "xxh128 xxh3 xxh64 md5 md4 sha1";
/// What a recent server says of itself.
const RECENT: u32 = compat::INC_RECURSE
    | compat::SAFE_FLIST
    | compat::AVOID_XATTR_OPTIMISATION
    | compat::CHECKSUM_SEED_FIX
    | compat::INPLACE_PARTIAL
    | compat::VARINT_FLAGS
    | compat::ID0_NAMES;
/// What a server of protocol 30 says of itself.
const OLD: u32 = compat::INC_RECURSE | compat::SYMLINK_TIMES;

/// Shakes hands whole, split in two at every position, and byte by byte: all must come to the same.
pub(super) fn shake_every_way(client: &Client, bytes: &[u8]) -> Course {
    let whole = client.shake_whole(bytes);
    let text = |course: &Course| {
        format!("{:?} {:?} {:?} {:?}", course.result, course.output, course.lines, course.rest)
    };
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(text(&client.shake([head, tail])), text(&whole), "split at {at}");
    }
    assert_eq!(text(&client.shake(bytes.chunks(1))), text(&whole), "byte by byte");
    whole
}

/// The arguments of an archive, with the NULs that end them.
fn arguments(path: &str) -> Vec<u8> {
    format!("--server\0--sender\0-logDtpre.iLfxCIvu\0.\0{path}\0\0").into_bytes()
}

fn own_checksums() -> Vec<u8> {
    let mut out = Vec::new();
    put::vstring(&mut out, CHECKSUMS.as_bytes());
    out
}

#[test]
fn every_version_with_and_without_a_password() {
    for (greeting, protocol, flags) in [
        ("@RSYNCD: 30.0", 30, OLD),
        ("@RSYNCD: 31.0", 31, OLD | compat::SAFE_FLIST),
        ("@RSYNCD: 31.0 md5 md4", 31, RECENT),
        (GREETING, 32, RECENT),
        ("@RSYNCD: 33.0 sha1", 32, RECENT),
    ] {
        let varint = flags & compat::VARINT_FLAGS != 0;
        let tail = capabilities(flags, varint.then_some("md5 xxh64"), -3);
        let tail = [&tail[..], b"frames follow"].concat();
        for challenge in [None, Some("@RSYNCD: AUTHREQD bc")] {
            let mut lines = vec![greeting, "Welcome.", ""];
            lines.extend(challenge);
            lines.push(OK);
            let course = shake_every_way(&Client::with_password("h::m/sub/"), &transcript(&lines, &tail));
            let agreed = course.agreed();
            let kind = if varint { ChecksumKind::Xxh64 } else { ChecksumKind::Md5 };
            let seed_first = flags & compat::CHECKSUM_SEED_FIX != 0;
            assert_eq!(agreed.protocol, protocol, "{greeting}");
            assert_eq!(agreed.summer, BlockSummer { kind, seed: -3, seed_first, seeds_files: protocol < 30 });
            assert_eq!((agreed.list.varint_flags, agreed.list.id0_names), (varint, varint));
            assert_eq!(agreed.list.safe_flist, protocol >= 31);
            assert!(agreed.list.inc_recurse);
            assert_eq!(course.lines, ["Welcome.", ""], "the message of the day");
            assert_eq!(course.rest, b"frames follow", "what does not belong to the handshake is left");
            let text = String::from_utf8_lossy(&course.output);
            assert_eq!(text.contains("\nuser "), challenge.is_some(), "an answer only to a question");
        }
    }
}

#[test]
fn everything_that_goes_out() {
    let lines = [GREETING, "@RSYNCD: AUTHREQD bc", OK];
    let bytes = transcript(&lines, &capabilities(RECENT, Some(CHECKSUMS), 1));
    let course = shake_every_way(&Client::with_password("h::m/sub/"), &bytes);
    // The SHA-512 of "abc", known from the algorithm's definition.
    let answer =
        "user 3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw\n";
    let wanted = [OWN_GREETING.as_bytes(), b"m\n", answer.as_bytes(), &arguments("m/sub/"), &own_checksums()];
    assert_eq!(course.output.escape_ascii().to_string(), wanted.concat().escape_ascii().to_string());
}

#[test]
fn the_digest_is_the_strongest_that_is_offered() {
    // Digests of "abc", known from their definitions.
    let digests = [
        ("sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"),
        ("sha1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0"),
        ("md5", "kAFQmDzST7DWlj99KOF/cg"),
        ("md4", "pEgBeq8h2FJfwQroeqZynQ"),
    ];
    for (strongest, (name, answer)) in digests.iter().enumerate() {
        let names: Vec<&str> = digests[strongest..].iter().rev().map(|(name, _)| *name).collect();
        for offer in [(*name).to_owned(), names.join(" "), format!("crc {name}")] {
            let greeting = format!("@RSYNCD: 32.0 {offer}");
            let bytes = transcript(&[&greeting, "@RSYNCD: AUTHREQD bc"], b"");
            let output = Client::with_password("h::m").shake_whole(&bytes).output;
            let text = String::from_utf8_lossy(&output).into_owned();
            assert!(text.ends_with(&format!("m\nuser {answer}\n")), "{offer}: {text}");
        }
    }
    let silent = transcript(&["@RSYNCD: 31.0", "@RSYNCD: AUTHREQD bc"], b"");
    let output = Client::with_password("h::m").shake_whole(&silent).output;
    assert!(output.ends_with(format!("user {}\n", digests[2].1).as_bytes()), "MD5 where nothing is offered");
}

#[test]
fn checksums_are_negotiated_in_our_order() {
    for (offer, kind) in [
        (CHECKSUMS, ChecksumKind::Xxh128),
        ("sha1 md4 md5", ChecksumKind::Md5),
        ("sha1", ChecksumKind::Sha1),
        ("xxhash", ChecksumKind::Xxh64),
        ("none crc32 xxh3", ChecksumKind::Xxh3),
    ] {
        let bytes = transcript(&[GREETING, OK], &capabilities(RECENT, Some(offer), 5));
        let course = shake_every_way(&Client::new("h::m"), &bytes);
        assert_eq!(course.agreed().summer.kind, kind, "{offer}");
        assert!(course.output.ends_with(&own_checksums()), "our names go out as well");
    }
}

#[test]
fn a_forced_checksum_is_not_negotiated() {
    for kind in ChecksumKind::ALL {
        let options = Options { checksum_choice: Some(kind.into()), checksum: true, ..Options::archive() };
        let client = Client { options, ..Client::new("h::m") };
        let bytes = transcript(&[GREETING, OK], &capabilities(RECENT, None, 9));
        let course = shake_every_way(&client, &bytes);
        assert_eq!(course.agreed().summer.kind, kind);
        assert_eq!(course.agreed().list.sum_len, kind.sum_len(), "sums come with the list");
        assert!(!course.output.ends_with(&own_checksums()), "no names go out");
        let argument = format!("\0--checksum-choice={}\0", kind.name());
        assert!(String::from_utf8_lossy(&course.output).contains(&argument));
    }
}

#[test]
fn another_checksum_may_be_forced_for_whole_files() {
    let choice = ChecksumChoice { transfer: ChecksumKind::Md5, files: ChecksumKind::Xxh64 };
    let options = Options { checksum_choice: Some(choice), checksum: true, ..Options::archive() };
    let bytes = transcript(&[GREETING, OK], &capabilities(RECENT, None, 9));
    let course = shake_every_way(&Client { options, ..Client::new("h::m") }, &bytes);
    assert_eq!(course.agreed().summer.kind, ChecksumKind::Md5);
    assert_eq!(course.agreed().list.sum_len, 8);
    assert!(String::from_utf8_lossy(&course.output).contains("\0--checksum-choice=md5,xxh64\0"));
}

#[test]
fn what_the_server_says_decides_how_the_list_is_read() {
    let list = |flags: u32| {
        let names = (flags & compat::VARINT_FLAGS != 0).then_some("md5");
        let bytes = transcript(&["@RSYNCD: 30.0", OK], &capabilities(flags, names, 0));
        Client::new("h::m").shake_whole(&bytes).agreed().list.clone()
    };
    let none = list(0);
    assert_eq!(
        (none.inc_recurse, none.safe_flist, none.varint_flags, none.id0_names),
        (false, false, false, false)
    );
    assert!(list(compat::INC_RECURSE).inc_recurse);
    assert!(list(compat::SAFE_FLIST).safe_flist);
    assert!(list(compat::VARINT_FLAGS).varint_flags);
    assert!(list(compat::ID0_NAMES).id0_names);
    assert_eq!(none.sum_len, 0, "no sums were asked for");
    assert!(none.owner && none.links && !none.hard_links && !none.acls, "as the options say");
}

#[test]
fn names_lie_where_the_paths_say() {
    let selection = |relative, files_from| Selection { relative, files_from, ..Selection::default() };
    let list = |text: &[u8]| Some(FilesFrom::Names(NameList::from_lines(text).unwrap()));
    let server = Some(FilesFrom::Server { path: "list".to_owned(), nul: false });
    let patterns = |relative, paths: &[&str]| {
        let mut asked = Asked::new(true, relative);
        paths.iter().for_each(|path| asked.pattern(path.as_bytes()));
        asked
    };
    let mut named = Asked::new(true, true);
    named.name(b"*.txt");
    for (url, selection, asked) in [
        ("h::m", Selection::default(), patterns(false, &[""])),
        ("h::m/a/b*", Selection::default(), patterns(false, &["a/b*"])),
        ("h::m/a/./b", selection(true, None), patterns(true, &["a/./b"])),
        ("h::m/a", selection(true, list(b"*.txt\n")), named),
        ("h::m/a", selection(true, server), Asked::anything()),
    ] {
        let bytes = transcript(&[GREETING, OK], &capabilities(RECENT, Some("md5"), 0));
        let options = Options { selection, ..Options::archive() };
        let client = Client { options, ..Client::new(url) };
        assert_eq!(client.shake_whole(&bytes).agreed().list.asked, asked, "{url}");
    }
}

#[test]
fn the_protocol_can_be_held_down() {
    for protocol in 30..=32 {
        let options = Options { protocol, ..Options::archive() };
        let client = Client { options, ..Client::new("h::m") };
        let course = client.shake_whole(&transcript(&[GREETING, OK], &capabilities(OLD, None, 1)));
        assert_eq!(course.agreed().protocol, protocol);
        assert!(course.output.starts_with(format!("@RSYNCD: {protocol}.0 ").as_bytes()));
    }
}

#[test]
fn a_list_of_modules() {
    let lines = [GREETING, "Welcome.\r", "images         \tSystem images", "a\x1b[2J", "@RSYNCD: EXIT"];
    let course = shake_every_way(&Client::new("h::"), &transcript(&lines, b""));
    match &course.result {
        Ok(Some(Outcome::Listed(found))) => {
            assert_eq!(found[..], ["Welcome.", "images         \tSystem images", "a\\#033[2J"]);
        }
        other => panic!("a list of modules: {other:?}"),
    }
    assert_eq!(course.output, format!("{OWN_GREETING}\n").into_bytes(), "an empty module asks for the list");
}

#[test]
fn the_message_of_the_day_cannot_fool_a_terminal() {
    let lines = [GREETING, "a\x07b", "\u{202e}c", OK];
    let course = Client::new("h::m").shake_whole(&transcript(&lines, b""));
    assert_eq!(course.lines, ["a\\#007b", "\\#342\\#200\\#256c"]);
}

/// What the server says from the capabilities on, if it takes part in both negotiations or in one.
fn negotiation(checksums: Option<&str>, compressions: Option<&str>) -> Vec<u8> {
    let mut tail = Vec::new();
    put::varint(&mut tail, RECENT as i32);
    for names in [checksums, compressions].into_iter().flatten() {
        put::vstring(&mut tail, names.as_bytes());
    }
    tail.extend(7i32.to_le_bytes());
    tail
}

#[test]
fn our_first_choice_among_compressions_that_the_server_has() {
    use crate::compression::CompressionKind::{self, Lz4, Zlib, Zlibx, Zstd};
    let client = |change: fn(&mut Options)| {
        let mut client = Client::new("h::m");
        change(&mut client.options);
        client
    };
    let agrees = |client: &Client, tail: &[u8], kind: Option<CompressionKind>| {
        let course = shake_every_way(client, &transcript(&[GREETING, OK], tail));
        assert_eq!(course.agreed().compression, kind);
        String::from_utf8_lossy(&course.output).into_owned()
    };
    let asks = client(|options| options.transport.compress = 1);
    for (offered, kind) in [
        ("zstd lz4 zlibx zlib none", Zstd),
        ("none zlib zlibx lz4", Lz4),
        ("zlib zlibx snappy", Zlibx),
        ("zlib", Zlib),
    ] {
        let sent = agrees(&asks, &negotiation(Some("md5"), Some(offered)), Some(kind));
        assert!(sent.ends_with("zstd lz4 zlibx zlib"), "{sent}");
    }
    // A server without negotiation.
    agrees(&asks, &capabilities(OLD, None, 7), Some(Zlib));
    let named = client(|options| {
        options.transport.compress_choice = Some(crate::options::CompressionChoice::Kind(Lz4));
    });
    let sent = agrees(&named, &negotiation(Some("md5"), None), Some(Lz4));
    assert!(!sent.contains("zlibx"), "what is named is not negotiated");
    let fixed = client(|options| {
        options.transport.compress = 2;
        options.transport.compress_level = Some(0);
        options.checksum_choice = Some(ChecksumKind::Md5.into());
    });
    agrees(&fixed, &negotiation(None, None), None);
    let only = client(|options| {
        options.transport.compress = 1;
        options.checksum_choice = Some(ChecksumKind::Md5.into());
    });
    agrees(&only, &negotiation(None, Some("zlibx")), Some(Zlibx));
}

#[test]
fn no_common_compression_is_an_error() {
    let mut client = Client::new("h::m");
    client.options.transport.compress = 1;
    let tail = negotiation(Some("md5"), Some("snappy none"));
    let course = shake_every_way(&client, &transcript(&[GREETING, OK], &tail));
    assert!(course.error().to_string().contains("no common compression"), "{}", course.error());
}
