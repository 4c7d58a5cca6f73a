//! Visitors who know the protocol and ask for what nobody needs: the server is to give up in time, and without using more
//! memory than a transfer does.

use std::fs;
use std::os::unix::fs::symlink;

use end_to_end::own_daemon::OwnDaemon;
use end_to_end::scratch::Scratch;

use crate::visitor::{PLAIN, Visitor, assert_refused, assert_rid, assert_serves, frame, holdings};

/// In KiB. A transfer of this module takes a few thousand.
const MEMORY: u64 = 300 << 10;

/// Entries in the order of their indexes: 0 `.`, 1 `fifo`, 2 `link`, 3 `noise`, 4 `zeros`, 5 `dir`, 6 `dir/file`.
fn house() -> (Scratch, OwnDaemon) {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    fs::create_dir(source.join("dir")).expect("memory is large enough");
    fs::write(source.join("dir/file"), "x").expect("memory is large enough");
    fs::write(source.join("noise"), end_to_end::random::Random::new(52).bytes(1 << 20))
        .expect("memory is large enough");
    fs::write(source.join("zeros"), vec![0; 2 << 20]).expect("memory is large enough");
    symlink("noise", source.join("link")).expect("links can be made");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, source.join("fifo"), rustix::fs::FileType::Fifo, mode, 0)
        .expect("a FIFO can be made");
    let daemon = OwnDaemon::serving(&source);
    (scratch, daemon)
}

/// A request for the content of a file, the first one of a session.
fn request(index: u8, layout: [u32; 4]) -> Vec<u8> {
    let mut request = vec![index + 1, 0, 0x80];
    layout.iter().for_each(|number| request.extend_from_slice(&number.to_le_bytes()));
    request
}

const NOISE: u8 = 3;
const ZEROS: u8 = 4;

#[test]
fn an_honest_request_is_answered() {
    let (_scratch, daemon) = house();
    let mut visitor = Visitor::listing(&daemon);
    visitor.say(&frame(&request(NOISE, [0; 4])));
    visitor.ends();
    let said = visitor.rest();
    assert!(
        (1 << 20..3 << 19).contains(&said.len()),
        "the file was expected to come, not {} bytes",
        said.len()
    );
}

#[test]
fn absurd_layouts() {
    let (_scratch, mut daemon) = house();
    let before = holdings(&daemon);
    for layout in [
        [0xffff_ffff, 700, 16, 0],
        [0x8000_0000, 700, 16, 0],
        [1, 0, 16, 0],
        [1, 0xffff_ffff, 16, 0],
        [1, 0x8000_0000, 16, 0],
        [1, 1 << 30, 16, 0],
        [1, 700, 17, 0],
        [1, 700, 255, 0],
        [1, 700, 0xffff_ffff, 0],
        [1, 700, 16, 701],
        [1, 700, 16, 0xffff_ffff],
    ] {
        let mut visitor = Visitor::listing(&daemon);
        visitor.say(&frame(&request(NOISE, layout)));
        // Nothing of the sums, and no end: it must not wait for what makes no sense.
        let _ = assert_refused(&format!("{layout:?}"), &visitor.rest(), &daemon);
        daemon.assert_runs();
    }
    assert_serves(&mut daemon, "absurd layouts");
    assert_rid(&mut daemon, before);
}

/// As many sums as a number says: either that is too many right away, or they are read as they come.
#[test]
fn very_many_sums() {
    let (_scratch, mut daemon) = house();
    for layout in [[0x7fff_ffff, 700, 16, 0], [0x1000_0000, 1, 2, 0], [50_000_000, 131_072, 16, 0]] {
        let mut visitor = Visitor::listing(&daemon);
        visitor.say(&frame(&request(NOISE, layout)));
        for _ in 0..40 {
            if !visitor.can_say(&frame(&[0x55; 1 << 20])) {
                break;
            }
        }
        visitor.ends();
        let _ = visitor.rest();
        daemon.assert_runs();
    }
    let memory = daemon.peak_memory();
    assert!(memory < MEMORY, "{memory} KiB for sums of nothing");
    assert_serves(&mut daemon, "very many sums");
}

/// Sums that are all the same, and those of the file's content where only the strong ones are wrong: a search that tries
/// each of them at each byte does not end.
#[test]
fn sums_that_are_all_the_same() {
    let (_scratch, mut daemon) = house();
    for (count, block, length) in [(100_000_u32, 700, 16_usize), (2_000, 1024, 2), (60_000, 32, 16)] {
        let mut visitor = Visitor::listing(&daemon);
        let mut sums = request(ZEROS, [count, block, u32::try_from(length).expect("it is small"), 0]);
        for number in 0..count {
            // The weak sum of zeros is 0.
            sums.extend_from_slice(&[0; 4]);
            let mut strong = [0x77; 16];
            strong[..4].copy_from_slice(&number.to_le_bytes());
            sums.extend_from_slice(&strong[..length]);
        }
        sums.chunks(1 << 20).for_each(|chunk| visitor.say(&frame(chunk)));
        visitor.ends();
        // An answer or a refusal, in the time that a visitor waits.
        let said = visitor.rest();
        assert!(!said.is_empty());
        daemon.assert_runs();
    }
    assert_serves(&mut daemon, "equal sums");
}

/// Requests for what is not in the list, or has no content.
#[test]
fn absurd_requests() {
    let (_scratch, mut daemon) = house();
    let before = holdings(&daemon);
    let cases: &[(&str, Vec<u8>)] = &[
        ("the root", request(0, [0; 4])),
        ("a FIFO", request(1, [0; 4])),
        ("a symlink", request(2, [0; 4])),
        ("a directory", request(5, [0; 4])),
        ("the first index behind the list", request(7, [0; 4])),
        ("an index far behind the list", [&[0xfe, 0x80, 0xff, 0xff, 0x7f, 0, 0x80][..], &[0; 16]].concat()),
        ("the largest index", [&[0xfe, 0xff, 0xff, 0xff, 0xff, 0, 0x80][..], &[0; 16]].concat()),
        ("a segment", vec![0xff, 0x65, 0, 0]),
        ("the end of segments", vec![0xff, 0x02]),
        ("a negative number", vec![0xff, 0xfe, 0x7f, 0xff, 0, 0]),
        ("attributes that were not asked for", vec![NOISE + 1, 0, 0x01, 1, 0]),
        (
            "a name longer than names are",
            [&[NOISE + 1, 0, 0x98, 0x83, 0xff, 0xff][..], &[b'n'; 40_000], &[0; 16]].concat(),
        ),
    ];
    for (what, bytes) in cases {
        let mut visitor = Visitor::listing(&daemon);
        visitor.say(&frame(bytes));
        visitor.ends();
        let said = visitor.rest();
        assert!(said.len() < 100_000, "{what}: no content was expected, not {} bytes", said.len());
        daemon.assert_runs();
    }
    assert_serves(&mut daemon, "absurd requests");
    assert_rid(&mut daemon, before);
}

#[test]
fn absurd_numbers_of_attributes() {
    let (scratch, mut daemon) = house();
    let name = scratch.join("source/noise");
    rustix::fs::lsetxattr(name, "user.long", &[b'v'; 500], rustix::fs::XattrFlags::empty())
        .expect("it can be set");
    let arguments: [&[u8]; 5] = [b"--server", b"--sender", b"-rXe.LfxCIu", b".", b"tree/"];
    for numbers in [
        &[2, 0][..],
        &[1, 1, 1, 1, 0],
        &[0xf0, 0xff, 0xff, 0xff, 0x7f, 0],
        &[0xf0, 0xff, 0xff, 0xff, 0xff, 0],
        &[1; 5000],
    ] {
        let mut visitor = Visitor::asking(&daemon, &arguments);
        visitor.say(&frame(&[0; 4]));
        visitor.say(&frame(&[&[NOISE + 1, 0, 0x01], numbers].concat()));
        visitor.ends();
        let _ = visitor.rest();
        daemon.assert_runs();
    }
    assert_serves(&mut daemon, "absurd numbers");
}

/// Frames that are no part of the stream, and signs of life without end.
#[test]
fn absurd_frames() {
    let (_scratch, mut daemon) = house();
    for tag in [0_u8, 6, 8, 9, 10, 15, 29, 40, 49, 93, 108, 109, 200, 255] {
        let mut visitor = Visitor::listing(&daemon);
        visitor.say(&[&[5, 0, 0, tag][..], b"hello"].concat());
        visitor.ends();
        let _ = visitor.rest();
        daemon.assert_runs();
    }
    let mut visitor = Visitor::listing(&daemon);
    visitor.say(&[0xff, 0xff, 0xff, 10]);
    for _ in 0..16 {
        visitor.say(&[b'x'; 1 << 20]);
    }
    visitor.ends();
    let _ = visitor.rest();
    let mut visitor = Visitor::listing(&daemon);
    visitor.say(&[0, 0, 0, 7].repeat(500_000));
    visitor.ends();
    let _ = visitor.rest();
    for done in [2, 5, 10_000] {
        let mut visitor = Visitor::listing(&daemon);
        visitor.say(&frame(&vec![0; done]));
        visitor.ends();
        let _ = visitor.rest();
    }
    let memory = daemon.peak_memory();
    assert!(memory < MEMORY, "{memory} KiB for frames of nothing");
    assert_serves(&mut daemon, "absurd frames");
}

/// Requests without end from a visitor who takes no answer.
#[test]
fn requests_without_end() {
    let (_scratch, mut daemon) = house();
    let mut visitor = Visitor::listing(&daemon);
    // The first request, and the same file again and again: the step is 0, which has a long form.
    let again = [&[0xfe, 0, 0, 0, 0x80][..], &[0; 16]].concat();
    visitor.say(&frame(&request(NOISE, [0; 4])));
    for _ in 0..2000 {
        if !visitor.can_say(&frame(&again.repeat(100))) {
            break;
        }
        if daemon.peak_memory() > MEMORY {
            break;
        }
    }
    let memory = daemon.peak_memory();
    assert!(memory < MEMORY, "{memory} KiB for requests that wait");
    drop(visitor);
    assert_serves(&mut daemon, "requests without end");
}

/// Rules and names without end, or with an end that never comes.
#[test]
fn absurd_rules() {
    let (_scratch, mut daemon) = house();
    let rule =
        |text: &[u8]| [&u32::try_from(text.len()).expect("it is short").to_le_bytes()[..], text].concat();
    let star = [b"- ", &b"*a".repeat(2000)[..], b"b"].concat();
    let cases: &[(&str, Vec<u8>)] = &[
        ("a rule of 4 GiB", vec![0xff, 0xff, 0xff, 0xff]),
        ("a rule of 2 GiB", vec![0xff, 0xff, 0xff, 0x7f, b'-', b' ']),
        ("a rule of 1 MiB", rule(&[b'x'; 1 << 20])),
        ("a rule without a kind", rule(b"*.o")),
        ("an empty pattern", rule(b"- ")),
        ("an unknown kind", rule(b"? x")),
        ("unknown modifiers", rule(b"-@ x")),
        ("a file of rules of the client", rule(b". /etc/passwd")),
        ("rules from outside", rule(b": ../../../../../../etc/passwd")),
        ("rules from the root", rule(b":/ /etc/passwd")),
        ("a million rules", rule(b"- a").repeat(1_000_000)),
        ("a rule of many stars", [rule(&star), vec![0; 4]].concat()),
    ];
    for (what, bytes) in cases {
        let mut visitor = Visitor::asking(&daemon, &PLAIN);
        bytes.chunks(1 << 20).for_each(|chunk| visitor.say(&frame(chunk)));
        visitor.ends();
        let said = visitor.rest();
        assert!(!said.windows(5).any(|it| it == b"root:"), "{what}: {}", said.escape_ascii());
        daemon.assert_runs();
    }
    let memory = daemon.peak_memory();
    assert!(memory < MEMORY, "{memory} KiB for rules");
    assert_serves(&mut daemon, "absurd rules");
}

/// A pattern for which a simple matcher tries every way to spread a name over its stars.
#[test]
fn patterns_of_many_stars() {
    let scratch = Scratch::new();
    for number in 0..200 {
        fs::write(scratch.join(&format!("{}{number}", "a".repeat(240))), "").expect("memory is large enough");
    }
    let mut daemon = OwnDaemon::serving(scratch.path());
    for pattern in [[&b"*a".repeat(120)[..], b"b"].concat(), [&b"**a*".repeat(100)[..], b"c"].concat()] {
        let rule = [b"- ", &pattern[..]].concat();
        let mut visitor = Visitor::asking(&daemon, &PLAIN);
        let length = u32::try_from(rule.len()).expect("it is short").to_le_bytes();
        visitor.say(&frame(&[&length[..], &rule, &[0; 4]].concat()));
        visitor.ends();
        let _ = visitor.rest();
        // The same in the place of a path.
        let path = [b"tree/", &pattern[..]].concat();
        let mut visitor = Visitor::asking(&daemon, &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], &path]);
        visitor.say(&frame(&[0; 4]));
        visitor.ends();
        let _ = visitor.rest();
    }
    assert_serves(&mut daemon, "many stars");
}

#[test]
fn absurd_names() {
    let (_scratch, mut daemon) = house();
    let arguments: [&[u8]; 7] =
        [b"--server", b"--sender", b"-re.LfxCIu", b"--files-from=-", b"--from0", b".", b"tree/"];
    let cases: &[(&str, Vec<u8>)] = &[
        ("a name of 8 MiB", vec![b'n'; 8 << 20]),
        ("names above", b"../../etc/passwd\0/../../etc/passwd\0dir/../../../etc/passwd\0\0".to_vec()),
        ("names without end", b"no/such\0".repeat(2 << 20)),
        ("the same name without end", b"noise\0".repeat(2 << 20)),
        ("deep names", [&b"dir/".repeat(1000)[..], b"x\0\0"].concat()),
        ("names with line ends", b"a\nb\0\n\0\r\n\0\0".to_vec()),
    ];
    for (what, bytes) in cases {
        let mut visitor = Visitor::asking(&daemon, &arguments);
        visitor.say(&frame(&[0; 4]));
        bytes.chunks(1 << 20).for_each(|chunk| visitor.say(&frame(chunk)));
        visitor.ends();
        let said = visitor.rest();
        assert!(!said.windows(5).any(|it| it == b"root:"), "{what}: {}", said.escape_ascii());
        daemon.assert_runs();
    }
    let memory = daemon.peak_memory();
    assert!(memory < MEMORY, "{memory} KiB for names");
    assert_serves(&mut daemon, "absurd names");
}
