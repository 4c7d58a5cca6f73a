//! Visitors who do not know how to behave, from the greeting to the arguments.

use end_to_end::own_daemon::OwnDaemon;
use end_to_end::random::Random;
use end_to_end::relay::Relay;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

use crate::visitor::{GREETING, PLAIN, Visitor, assert_refused, assert_rid, assert_serves, frame, holdings};

struct House {
    source: Scratch,
    daemon: OwnDaemon,
}

fn house() -> House {
    let source = Scratch::new();
    end_to_end::starts::plant(source.path());
    let daemon = OwnDaemon::serving(source.path());
    House { source, daemon }
}

#[test]
fn strange_openings() {
    let mut house = house();
    let before = holdings(&house.daemon);
    let mut random = Random::new(51);
    let noise = random.bytes(1 << 16);
    let endless = vec![b'x'; 4 << 20];
    let cases: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("half a greeting", b"@RSYNCD: 3"),
        ("a line end", b"\n"),
        ("a request of the web", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("zeros", &[0; 5000]),
        ("noise", &noise),
        ("a line without end", &endless),
        ("a greeting without end", &[b"@RSYNCD: 32.0 ", &endless[..]].concat()),
        ("a greeting of a version that is too old", b"@RSYNCD: 28\ntree\n"),
        ("a greeting of version 29", b"@RSYNCD: 29.0\ntree\n"),
        ("a greeting of version 0", b"@RSYNCD: 0.0\ntree\n"),
        ("a greeting of a negative version", b"@RSYNCD: -5.0 md5\ntree\n"),
        ("a greeting of a huge version", b"@RSYNCD: 99999999999999999999.0 md5\ntree\n"),
        ("a greeting that is no number", b"@RSYNCD: new md5\ntree\n"),
        ("a greeting with a strange subversion", b"@RSYNCD: 32.x md5\ntree\n"),
    ];
    for (what, bytes) in cases {
        let mut visitor = Visitor::to(&house.daemon);
        visitor.say(bytes);
        visitor.ends();
        let said = visitor.rest();
        assert!(said.len() < 10_000, "{what}: {} bytes", said.len());
        house.daemon.assert_runs();
    }
    for (what, bytes) in [
        ("a version that is too old", &b"@RSYNCD: 28\ntree\n"[..]),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let mut visitor = Visitor::to(&house.daemon);
        visitor.say(bytes);
        let _ = assert_refused(what, &visitor.rest(), &house.daemon);
    }
    assert_serves(&mut house.daemon, "strange openings");
    assert_rid(&mut house.daemon, before);
    let _ = house.daemon.stop();
}

#[test]
fn strange_modules() {
    let mut house = house();
    let long = "m".repeat(2000);
    for name in [
        "no-such", "TREE", "tree ", " tree", "tree/", "tree/..", "../tree", "..", ".", "/", "#other",
        "tr\u{fc}", "tree\0", &long,
    ] {
        let mut visitor = Visitor::to(&house.daemon);
        visitor.say(&[GREETING, name.as_bytes(), b"\n"].concat());
        let text = assert_refused(name, &visitor.rest(), &house.daemon);
        assert!(text.starts_with("@ERROR"), "{name:?}: {text}");
    }
    assert_serves(&mut house.daemon, "strange modules");
}

/// Arguments that no server of this kind takes, or that would have it do more than send files of the module.
#[test]
fn strange_arguments() {
    let mut house = house();
    let outside = Scratch::new();
    let secret = outside.file("secret", "SECRET", 0o644);
    let log = outside.join("log");
    let before = Snapshot::take(house.source.path());
    let letters: &[u8] = b"-logDtpre.iLsfxCIvu";
    let log_file = format!("--log-file={}", log.display());
    let from = format!("--files-from={}", secret.display());
    let write = format!("--write-batch={}", log.display());
    let only = format!("--only-write-batch={}", log.display());
    let cases: Vec<Vec<&[u8]>> = vec![
        vec![],
        vec![b""],
        vec![b"--server"],
        vec![b"--sender", letters, b".", b"tree/"],
        vec![b"--server", letters, b".", b"tree/"],
        vec![b"--server", b"--sender"],
        vec![b"--server", b"--sender", letters],
        vec![b"--server", b"--sender", letters, b"."],
        vec![b"--server", b"--sender", letters, b"tree/"],
        vec![b"--server", b"--sender", b"-\xff\xfe", b".", b"tree/"],
        vec![b"--server", b"--sender", b"--no-such-option", b".", b"tree/"],
        vec![b"--server", b"--sender", b"-e", b"/bin/sh", b".", b"tree/"],
        vec![b"--server", b"--sender", b"--rsh=/bin/sh", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--rsync-path=/bin/sh", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--daemon", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--config=/etc/passwd", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", log_file.as_bytes(), letters, b".", b"tree/"],
        vec![b"--server", b"--sender", write.as_bytes(), letters, b".", b"tree/"],
        vec![b"--server", b"--sender", only.as_bytes(), letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--remove-source-files", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--remove-sent-files", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", from.as_bytes(), letters, b".", b"tree/"],
        vec![
            b"--server",
            b"--sender",
            b"--files-from",
            secret.to_str().expect("it is text").as_bytes(),
            letters,
            b".",
            b"tree/",
        ],
        vec![b"--server", b"--sender", b"--iconv=utf-8,latin1", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--fake-super", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"-B-1", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"-B99999999999999999999", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--timeout=-1", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--timeout=99999999999999999999", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--checksum-choice=crc32", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--compress-choice=rar", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--compress-level=x", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", b"--modify-window=x", letters, b".", b"tree/"],
        vec![b"--server", b"--sender", letters, b".", b"other/"],
        vec![b"--server", b"--sender", letters, b".", b"/etc/passwd"],
        vec![b"--server", b"--sender", letters, b".", b"tree/../../../../etc/passwd"],
        vec![b"--server", b"--sender", letters, b".", b"../tree/"],
        vec![b"--server", b"--sender", letters, b".", b"tree/\n\x01\xff"],
        vec![b"--server", b"--sender", letters, b".", b"tree/[", b"tree/[a-", b"tree/\\", b"tree/[[:no:]]"],
    ];
    for arguments in &cases {
        let shown = arguments.join(&b' ').escape_ascii().to_string();
        let mut visitor = Visitor::asking(&house.daemon, arguments);
        visitor.say(b"\x1exxh128 xxh3 xxh64 md5 md4 sha1");
        visitor.say(&frame(&[0; 4]));
        visitor.ends();
        let said = visitor.rest();
        assert!(!said.windows(6).any(|it| it == b"SECRET"), "{shown}: {}", said.escape_ascii());
        assert!(!said.windows(5).any(|it| it == b"root:"), "{shown}: {}", said.escape_ascii());
        house.daemon.assert_runs();
    }
    assert!(!log.exists(), "the server was expected to write nothing");
    end_to_end::diff::assert_same("the module", &before, &Snapshot::take(house.source.path()));
    assert_serves(&mut house.daemon, "strange arguments");
}

/// What is not done is said to the client, in words.
#[test]
fn refused_arguments_are_told() {
    let house = house();
    let letters: &[u8] = b"-logDtpre.iLsfxCIvu";
    for arguments in [
        &[&b"--server"[..], letters, b".", b"tree/"][..],
        &[b"--server", b"--sender", letters, b"--no-such-option", b".", b"tree/"],
        &[b"--server", b"--sender", letters, b"--remove-source-files", b".", b"tree/"],
        &[b"--server", b"--sender", letters, b"--checksum-choice=crc32", b".", b"tree/"],
        &[b"--server", b"--sender", letters, b"--compress-choice=rar", b".", b"tree/"],
    ] {
        let shown = arguments.join(&b' ').escape_ascii().to_string();
        let mut visitor = Visitor::asking(&house.daemon, arguments);
        visitor.say(b"\x1exxh128 xxh3 xxh64 md5 md4 sha1");
        visitor.say(&frame(&[0; 4]));
        let _ = assert_refused(&shown, &visitor.rest(), &house.daemon);
    }
}

#[test]
fn too_many_arguments() {
    let mut house = house();
    let before = holdings(&house.daemon);
    let many: Vec<&[u8]> = [&PLAIN[..], &vec![&b"tree/a"[..]; 100_000]].concat();
    let options: Vec<&[u8]> = [&PLAIN[..3], &vec![&b"--numeric-ids"[..]; 100_000], &PLAIN[3..]].concat();
    let empty: Vec<&[u8]> = [&PLAIN[..], &vec![&b"."[..]; 100_000]].concat();
    for (what, arguments) in [("paths", many), ("options", options), ("dots", empty)] {
        let mut visitor = Visitor::asking(&house.daemon, &arguments);
        visitor.say(&frame(&[0; 4]));
        visitor.ends();
        let _ = assert_refused(what, &visitor.rest(), &house.daemon);
        house.daemon.assert_runs();
    }
    // One argument that does not end.
    let mut visitor = Visitor::asking(&house.daemon, &PLAIN[..3]);
    for _ in 0..64 {
        if !visitor.can_say(&[b'x'; 1 << 20]) {
            break;
        }
    }
    visitor.ends();
    let _ = visitor.rest();
    let memory = house.daemon.peak_memory();
    assert!(memory < 200 << 10, "{memory} KiB are more than arguments are worth");
    assert_serves(&mut house.daemon, "too many arguments");
    assert_rid(&mut house.daemon, before);
}

/// What a client of rsync says in a whole session, cut off anywhere, and with bytes that are others.
#[test]
fn sessions_cut_off_and_garbled() {
    let mut house = house();
    let before = holdings(&house.daemon);
    let scratch = Scratch::new();
    let mut random = Random::of_this_run();
    for (number, options) in
        [&["-aHAX"][..], &["-aczi", "--no-inc-recursive"], &["-a", "-F", "--zc=lz4", "-I"]].iter().enumerate()
    {
        let destination = scratch.join(&format!("new-{number}"));
        end_to_end::starts::plant(&scratch.directory(&format!("new-{number}")));
        end_to_end::starts::change(&destination, end_to_end::starts::Start::Older);
        let relay = Relay::to(house.daemon.address());
        let _ = Program::rsync().pull(options, &relay.url("tree/"), &destination).expect(0);
        let session = relay.said();
        assert!(session.len() > 1000, "a session was expected, not {} bytes", session.len());
        for turn in 0..150 {
            let mut said = session.clone();
            match turn % 3 {
                0 => said.truncate(random.below(session.len())),
                1 => {
                    for _ in 0..1 + random.below(4) {
                        let at = GREETING.len() + random.below(session.len() - GREETING.len());
                        said[at] ^= 1 << random.below(8);
                    }
                }
                _ => {
                    let at = GREETING.len() + random.below(session.len() - GREETING.len() - 8);
                    let wide = random.bytes(4);
                    said[at..at + 4].copy_from_slice(if turn % 2 == 0 { &wide } else { &[0xff; 4] });
                }
            }
            let mut visitor = Visitor::to(&house.daemon);
            // The session is short enough for what both sides hold in flight, so it can be said at once.
            visitor.say(&said);
            visitor.ends();
            let _ = visitor.rest();
            house.daemon.assert_runs();
        }
    }
    assert_serves(&mut house.daemon, "garbled sessions");
    assert_rid(&mut house.daemon, before);
    let _ = house.daemon.stop();
}
