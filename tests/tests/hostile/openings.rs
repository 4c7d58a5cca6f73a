//! What a server says before there is a list.

use end_to_end::scratch::Scratch;
use end_to_end::scripted::{Shape, Tale};
use rsync_proto::wire::flags::compat;

use crate::rows::{LIMIT, PROTOCOL, REFUSED, Row, STREAM, Teller, UNSUPPORTED};

fn row(what: &'static str, code: i32, says: &'static str, lie: fn(&mut Tale)) -> Row {
    Row { what, lie, twin: |_| {}, code, says }
}

/// A greeting in place of the honest one.
fn greet(tale: &mut Tale, greeting: &[u8]) {
    tale.greeting = greeting.to_vec();
}

/// A greeting of so many bytes and the end of its line.
fn greeting_of(tale: &mut Tale, len: usize) {
    let begin = b"@RSYNCD: 32.0 ";
    greet(tale, &[begin, &b"x".repeat(len - begin.len())[..], b"\n"].concat());
}

#[test]
pub fn greetings() {
    Teller::new(&[]).tell(
        &[Shape::RECENT],
        &[
            row("something else than a greeting", STREAM, "the greeting", |t| {
                greet(t, b"SSH-2.0-OpenSSH_9.2\r\n");
            }),
            row("a web server", STREAM, "the greeting", |t| greet(t, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            Row {
                twin: |t| greet(t, b"@RSYNCD: 32.0 md5\n"),
                ..row("no version", STREAM, "the greeting", |t| greet(t, b"@RSYNCD: \n"))
            },
            row("a version that is no number", STREAM, "the greeting", |t| greet(t, b"@RSYNCD: x.0 md5\n")),
            row("a negative version", STREAM, "the greeting", |t| greet(t, b"@RSYNCD: -1.0 md5\n")),
            row("an unfinished version of none", UNSUPPORTED, "speaks protocol version 0", |t| {
                greet(t, b"@RSYNCD: 0.1 md5\n");
            }),
            row("a version beyond numbers", STREAM, "the greeting", |t| {
                greet(t, b"@RSYNCD: 99999999999999999999.0 md5\n");
            }),
            Row {
                twin: |t| greet(t, b"@RSYNCD: 40.0 sha512\n"),
                ..row("a version of times to come", UNSUPPORTED, "speaks protocol version 41", |t| {
                    greet(t, b"@RSYNCD: 41.0 sha512\n");
                })
            },
            row("a version from long ago", UNSUPPORTED, "speaks protocol version 28", |t| {
                greet(t, b"@RSYNCD: 28\n");
            }),
            Row {
                twin: |t| greet(t, b"@RSYNCD: 32.0 rot13\n"),
                ..row("no digests", STREAM, "no list of digests", |t| greet(t, b"@RSYNCD: 32.0\n"))
            },
            row("no subversion", STREAM, "no subversion", |t| greet(t, b"@RSYNCD: 32\n")),
            Row {
                twin: |t| greeting_of(t, 1024),
                ..row("a line of 1,025 bytes", LIMIT, "a line's length", |t| greeting_of(t, 1025))
            },
            Row {
                twin: |t| greet(t, b"@RSYNCD: 32.0 md5\r\n"),
                ..row("a line without an end", LIMIT, "a line's length", |t| t.greeting = vec![b'x'; 1 << 20])
            },
            row("nothing but line ends of another kind", LIMIT, "a line's length", |t| {
                t.greeting = vec![b'\r'; 4096];
            }),
        ],
    );
}

/// An answer to the module's name in place of the honest one.
fn reply(tale: &mut Tale, reply: &[u8]) {
    tale.reply = reply.to_vec();
}

/// Lines that have so many bytes together with the greeting.
fn news(tale: &mut Tale, len: usize) {
    let end = b"@RSYNCD: OK\n";
    let mut left = len - tale.greeting.len() - end.len();
    tale.reply.clear();
    while left > 0 {
        let line = left.min(1000);
        tale.reply.extend(&b"n".repeat(line - 1));
        tale.reply.push(b'\n');
        left -= line;
    }
    tale.reply.extend(end);
}

#[test]
pub fn answers_to_the_name_of_the_module() {
    Teller::new(&[]).tell(
        &[Shape::RECENT, Shape::ALL[0]],
        &[
            row("an end in place of a transfer", PROTOCOL, "ended the session", |t| {
                reply(t, b"@RSYNCD: EXIT\n");
            }),
            row("a refusal", REFUSED, "not today", |t| reply(t, b"@ERROR: not today\n")),
            row("a password that nobody has", REFUSED, "--password-file", |t| {
                reply(t, b"@RSYNCD: AUTHREQD abc\n");
            }),
            Row {
                // The greeting is one, and the last another.
                what: "501 lines",
                lie: |t| t.reply = [&b"news\n".repeat(499)[..], b"@RSYNCD: OK\n"].concat(),
                twin: |t| t.reply = [&b"news\n".repeat(498)[..], b"@RSYNCD: OK\n"].concat(),
                code: LIMIT,
                says: "the message of the day",
            },
            Row {
                what: "lines of 64 KiB and one byte",
                lie: |t| news(t, 64 * 1024 + 1),
                twin: |t| news(t, 64 * 1024),
                code: LIMIT,
                says: "the message of the day",
            },
            Row {
                what: "lines for ever",
                lie: |t| t.reply = b"news\n".repeat(1 << 20),
                twin: |t| t.reply = b"news\n\n\r\n@RSYNCD: OK\r\n".to_vec(),
                code: LIMIT,
                says: "the message of the day",
            },
        ],
    );
}

#[test]
pub fn capabilities() {
    Teller::new(&[]).tell(
        &[Shape::RECENT, Shape::WHOLE],
        &[
            row("what there is no word for", PROTOCOL, "that nobody offered", |t| t.flags |= 1 << 12),
            row("every capability", PROTOCOL, "that nobody offered", |t| t.flags = 0x7fff_ffff),
            Row {
                what: "no checksum in common",
                lie: |t| t.checksums = b"crc32 none".to_vec(),
                twin: |t| t.checksums = b"crc32 none xxh3".to_vec(),
                code: UNSUPPORTED,
                says: "no common checksum",
            },
            row("no checksums at all", UNSUPPORTED, "no common checksum", |t| t.checksums.clear()),
            Row {
                what: "a list of checksums of 257 bytes",
                lie: |t| t.checksums = [&b"x".repeat(252)[..], b" xxh3"].concat(),
                twin: |t| t.checksums = [&b"x".repeat(251)[..], b" xxh3"].concat(),
                code: STREAM,
                says: "the list of checksums",
            },
        ],
    );
    Teller::new(&["--no-inc-recursive"]).tell(
        &[Shape::WHOLE],
        &[row("segments that nobody asked for", PROTOCOL, "that nobody offered", |t| {
            t.flags |= compat::INC_RECURSE;
        })],
    );
}

#[test]
pub fn passwords() {
    let scratch = Scratch::new();
    let file = scratch.file("password", "open sesame\n", 0o600);
    let option: &'static str = format!("--password-file={}", file.display()).leak();
    fn ask(tale: &mut Tale, digests: &str) {
        tale.greeting = format!("@RSYNCD: 32.0 {digests}\n").into_bytes();
        tale.reply = b"@RSYNCD: AUTHREQD challenge\n@RSYNCD: OK\n".to_vec();
    }
    Teller::new(&[option, "--require-digest=sha256"]).tell(
        &[Shape::RECENT],
        &[
            Row {
                what: "a digest that is weaker than required",
                lie: |t| ask(t, "sha1 md5 md4"),
                twin: |t| ask(t, "md5 sha256"),
                code: UNSUPPORTED,
                says: "at least sha256 is required",
            },
            Row {
                what: "no digest that is known",
                lie: |t| ask(t, "rot13"),
                twin: |t| ask(t, "rot13 sha512"),
                code: UNSUPPORTED,
                says: "no digest for passwords",
            },
            Row {
                what: "a password twice",
                lie: |t| {
                    ask(t, "sha512");
                    t.reply = b"@RSYNCD: AUTHREQD one\n@RSYNCD: AUTHREQD two\n@RSYNCD: OK\n".to_vec();
                },
                twin: |t| ask(t, "sha512"),
                code: PROTOCOL,
                says: "the password twice",
            },
        ],
    );
}
