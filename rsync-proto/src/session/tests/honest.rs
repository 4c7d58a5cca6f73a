//! Whole honest sessions: how their bytes are cut makes no difference, and an early end is always noticed.

use super::player::Line;
use super::{LONG_VALUE, Part, Played, Player, Script, Story, Want, agreed, full_story, layout, shapes};
use crate::delta::Offer;
use crate::error::Error;
use crate::scripted::{Item, plain_options};
use crate::session::{Command, Event, Request, Session, Wanted};
use crate::wire::flags::{io_error, item};
use crate::wire::frame::Tag;

/// Messages that may stand between any two frames.
const MESSAGES: [(Tag, &[u8]); 9] = [
    (Tag::Info, b"one\ntwo\n"),
    (Tag::Noop, b""),
    (Tag::IoError, &[1, 0, 0, 0x80]),
    (Tag::Error, b"bell \x07"),
    (Tag::IoTimeout, &[30, 0, 0, 0]),
    (Tag::Warning, b"\n"),
    (Tag::ErrorTransfer, b"partly"),
    (Tag::ErrorUtf8, "\u{fc}".as_bytes()),
    (Tag::Data, b""),
];

fn assert_same(one: &Played, other: &Played, how: &str) {
    if let Err(error) = &other.result {
        panic!("{how}: an honest session failed: {error}");
    }
    assert_eq!(one.log, other.log, "{how}: the same events");
    assert_eq!(one.sent, other.sent, "{how}: the same bytes for the server");
    assert_eq!(one.io_error, other.io_error, "{how}: the same I/O errors");
}

/// Plays it whole, split in two at every position, and byte by byte.
fn assert_cuts_make_no_difference(story: &Story, bytes: &[u8]) -> Played {
    let whole = story.play([bytes]);
    assert_same(&whole, &whole, "whole");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_same(&whole, &story.play([head, tail]), &format!("split at {at} of {}", bytes.len()));
    }
    assert_same(&whole, &story.play(bytes.chunks(1)), "byte by byte");
    assert_same(&whole, &story.play(bytes.chunks(3)), "in threes");
    whole
}

#[test]
fn cuts_make_no_difference() {
    for (protocol, varint, inc) in shapes() {
        let story = full_story(protocol, varint, inc);
        assert_cuts_make_no_difference(&story, &story.script.bytes());
    }
}

#[test]
fn messages_between_frames_make_no_difference_to_the_stream() {
    for (protocol, varint, inc) in shapes().filter(|(_, varint, _)| *varint) {
        let story = full_story(protocol, varint, inc);
        let quiet = story.play_whole();
        let loud = assert_cuts_make_no_difference(&story, &story.script.framed(13, &MESSAGES));
        assert_eq!(loud.without_messages(), quiet.without_messages(), "messages only add to the course");
        assert_eq!(loud.sent, quiet.sent);
        assert_eq!(quiet.io_error, io_error::VANISHED, "from the end of the list");
        assert_eq!(loud.io_error, io_error::VANISHED | io_error::GENERAL, "and from messages, masked");
        for text in ["Info one\ntwo", "Error bell \\#007", "timeout 30", "Partial partly", "Error \u{fc}"] {
            assert!(loud.log.contains(&Line::Message(text.to_owned())), "\"{text}\" is handed out");
        }
        let warnings = |line: &&Line| matches!(line, Line::Message(text) if text.starts_with("Warning"));
        assert_eq!(loud.log.iter().filter(warnings).count(), 0, "empty messages are not");
    }
}

#[test]
fn frames_of_every_size_make_no_difference() {
    for inc in [false, true] {
        let story = full_story(31, false, inc);
        let whole = story.play_whole();
        for size in 1..60 {
            let framed = story.script.framed(size, &[]);
            assert_same(&whole, &story.play([&framed[..]]), &format!("frames of {size}"));
            assert_same(&whole, &story.play(framed.chunks(7)), &format!("frames of {size} in sevens"));
        }
    }
}

#[test]
fn the_course_of_a_session_with_segments() {
    let story = full_story(31, true, true);
    let sum = |content: &[u8]| crate::checksum::FileSummer::of(story.agreed.summer.kind, content);
    let basis = &story.wants[2].basis;
    let delta = [&basis[..700], b"xyz", &basis[1400..]].concat();
    let stats = "ServerStats { read: 1000, written: 2000, total_size: 3000, list_build_ms: 4000, list_send_ms: 5000 }";
    let wanted = [
        "segment 1 of None: . a attrs b empty gone gone2 d".to_owned(),
        "begins a".to_owned(),
        "literal hel".to_owned(),
        "not sent gone2".to_owned(),
        "literal lo".to_owned(),
        format!("ends a with {:?}", sum(b"hello")),
        "attributes attrs".to_owned(),
        "begins b".to_owned(),
        "matched 0 + 700".to_owned(),
        "literal xyz".to_owned(),
        "matched 1400 + 100".to_owned(),
        format!("ends b with {:?}", sum(&delta)),
        "begins empty".to_owned(),
        format!("ends empty with {:?}", sum(b"")),
        "not sent gone".to_owned(),
        "segment 10 of Some(1): d/e d/sub".to_owned(),
        "segment 13 of Some(2):".to_owned(),
        "begins d/e".to_owned(),
        "literal eee".to_owned(),
        format!("ends d/e with {:?}", sum(b"eee")),
        "list end".to_owned(),
        format!("finished Some({stats})"),
    ];
    let played = story.play_whole();
    played.result.as_ref().unwrap();
    assert_eq!(played.text().lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn values_of_attributes_arrive() {
    let story = full_story(32, true, false);
    let mut session: Session<()> = Session::new(&story.agreed);
    session.feed(story.script.bytes().into());
    let Some(Event::Segment(segment)) = session.poll().unwrap() else { panic!("a segment comes first") };
    let set = segment.entry(1).xattrs().unwrap();
    assert!(!set.is_complete(), "a long value comes on request only");
    session.command(Command::Ask(Request {
        index: 1,
        changes: item::REPORT_CHANGE,
        wanted: Wanted::Content {
            offer: Offer { layout: layout(b"", &story.agreed), ..Offer::NONE },
            size: 5,
        },
        xattrs: Some(set.clone()),
        ticket: (),
    }));
    assert!(matches!(session.poll().unwrap(), Some(Event::FileBegins(()))));
    assert!(set.is_complete(), "values come before the content");
    assert_eq!(&set.items[1].value().unwrap()[..], LONG_VALUE);
}

#[test]
fn the_bytes_of_a_small_session() {
    let agreed = agreed(plain_options(31, true, false));
    let wants = [Want::content("f"), Want::delta("g", b"basis")];
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 1), Item::file("g", 5)], 0);
    script.answer("f", wants[0].flags()).layout(layout(b"", &agreed)).part(Part::Literal(b"1"));
    script.end_of_file(b"1");
    script.answer("g", wants[1].flags()).layout(layout(b"basis", &agreed)).part(Part::Block(0));
    script.end_of_file(b"basis").done(3).goodbye(31);
    let strong = agreed.summer.sum(b"basis").as_bytes()[..2].to_vec();
    let weak = crate::checksum::weak_sum(b"basis").to_le_bytes();
    let expected = [
        &[4, 0, 0, 7, 0, 0, 0, 0][..], // a frame: no filter rules
        &[19 + 25, 0, 0, 7],           // a frame with both requests
        &[2, 0x02, 0x80],              // index 1 after -1; content is asked for
        &[0; 16],                      // no basis
        &[1, 0x02, 0x80],              // the next index
        &[1, 0, 0, 0, 0xbc, 2, 0, 0],  // one block of up to 700 bytes
        &[2, 0, 0, 0, 5, 0, 0, 0],     // two bytes of each sum, five bytes in the last block
        &weak,
        &strong,
        &[5, 0, 0, 7, 0, 0, 0, 0, 0], // three phases and two goodbyes
    ]
    .concat();
    let story = Story { agreed, wants: wants.to_vec(), script };
    let played = story.play_whole();
    played.result.as_ref().unwrap();
    assert_eq!(played.sent, expected);
}

#[test]
fn indexes_worked_out_by_hand_are_read() {
    let mut story = super::opening(31, true);
    // Negative indexes go without their sign, as steps from 1: -102 is the segment of directory 1, -2 the end
    // of the list. A step backwards has no short form.
    story.script.data(&[0xff, 101]).list(&[], 0).data(&[0xff, 0xfe, 0x80, 2, 0, 0]);
    story.script.no_send(2).data(&[0; 4]).goodbye(31);
    story.play_whole().result.unwrap();
    let mut short = super::opening(31, false);
    // Index 1 is a step of 2 from -1; then no basis, a literal of five bytes, the end and a sum of eight.
    let answer = [&[2, 2, 0x80][..], &[0; 16], &[5, 0, 0, 0], b"hello", &[0; 4], &[9; 8], &[0; 3]].concat();
    short.script.data(&answer).goodbye(31);
    let played = short.play_whole();
    played.result.as_ref().unwrap();
    assert!(played.text().contains("literal hello\nends f with 0909090909090909\n"), "{}", played.text());
}

#[test]
fn requests_for_attributes_name_each_missing_value_once() {
    let agreed = agreed(super::options_with_xattrs(31, true, false));
    let long = |name: &str, byte: u8| (format!("user.{name}\0").into_bytes(), vec![byte; 40]);
    let xattrs = vec![long("a", 1), (b"user.b\0".to_vec(), b"short".to_vec()), long("c", 3)];
    let item = |path| Item { xattrs: xattrs.clone(), ..Item::file(path, 0) };
    let wants = vec![Want::xattrs("f"), Want::xattrs("g")];
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), item("f"), item("g")], 0);
    script.answer("f", wants[0].flags()).xattr_values(&[(1, &[1; 40]), (3, &[3; 40])]);
    script.answer("g", wants[1].flags()).xattr_values(&[]);
    script.done(3).goodbye(31);
    let story = Story { agreed, wants, script };
    let played = story.play_whole();
    played.result.as_ref().unwrap();
    let expected = [
        &[10, 0, 0, 7][..],           // a frame with both requests
        &[2, 2, 1, 1, 2, 0],          // index 1, flags with the bit for attributes, numbers 1 and 1 + 2
        &[1, 2, 1, 0],                // the next file, of which everything was asked for already
        &[5, 0, 0, 7, 0, 0, 0, 0, 0], // the goodbye
    ];
    assert_eq!(played.sent[8..], expected.concat());
}

#[test]
fn an_end_at_any_position_is_noticed() {
    for (protocol, varint, inc) in shapes() {
        let story = full_story(protocol, varint, inc);
        for bytes in [story.script.bytes(), story.script.framed(9, &MESSAGES[..1])] {
            let whole = story.play([&bytes[..]]);
            let end = bytes.len()
                - if bytes.len() == story.script.bytes().len() { 0 } else { 4 + MESSAGES[0].1.len() };
            whole.result.unwrap();
            for at in 0..end {
                let cut = story.play([&bytes[..at]]).result;
                assert!(matches!(cut, Err(Error::Gone(_))), "cut at {at} of {end}: {cut:?}");
            }
        }
    }
}

#[test]
fn an_empty_list_ends_the_session() {
    for (protocol, varint, inc) in shapes() {
        let agreed = agreed(plain_options(protocol, varint, inc));
        let mut script = Script::new(&agreed);
        script.list(&[], 0).list_end();
        let story = Story { agreed, wants: Vec::new(), script };
        let played = assert_cuts_make_no_difference(&story, &story.script.bytes());
        assert_eq!(played.text(), "finished None\n");
    }
}

#[test]
fn keep_alives_are_empty_frames() {
    let story = full_story(31, true, true);
    let mut player = Player::new(&story.agreed, &story.wants);
    assert_eq!(&player.session.keep_alive()[..], [0, 0, 0, 7]);
    player.feed(&[0, 0, 0, 7, 0, 0, 0, 7 + 42]).unwrap();
    assert_eq!(player.session.stream_bytes(), 0, "empty frames and no-ops are no progress");
    assert!(player.log.is_empty());
}
