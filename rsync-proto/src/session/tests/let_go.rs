//! Segments are let go one by one, each when nothing more of it can be asked for; the goodbye comes last.

use super::{Script, agreed};
use crate::delta::Offer;
use crate::scripted::{Item, plain_options};
use crate::session::{Command, Request, Session, Wanted};
use crate::wire::frame::Tag;

const FRAMED_DONE: [u8; 5] = [1, 0, 0, 7, 0];

/// A session with three segments, of which none was scanned.
fn three_segments(protocol: u8) -> (Session<()>, Script) {
    let agreed = agreed(plain_options(protocol, true, true));
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 1), Item::dir("d"), Item::dir("e")], 0);
    script.segment(1, &[Item::file("d/g", 1)]).segment(2, &[Item::file("e/h", 1)]);
    let mut session = Session::new(&agreed);
    session.feed(script.bytes().into());
    for _ in 0..3 {
        assert!(session.poll().unwrap().is_some(), "a segment");
    }
    assert!(session.poll().unwrap().is_none());
    session.take_output();
    (session, script)
}

/// The bytes that follow from a command.
fn after(session: &mut Session<()>, command: Command<()>) -> Vec<u8> {
    session.command(command);
    session.take_output().to_vec()
}

/// Lets the server say something more.
fn tell(session: &mut Session<()>, script: &mut Script, say: impl FnOnce(&mut Script) -> &mut Script) {
    // A no-op of its own frame keeps what follows apart from what was fed.
    let told = script.message(Tag::Noop, b"").bytes().len();
    let bytes = say(script).bytes();
    session.feed(bytes[told..].to_vec().into());
    while session.poll().unwrap().is_some() {}
}

#[test]
fn segments_go_one_by_one_in_order() {
    let (mut session, mut script) = three_segments(31);
    assert_eq!(after(&mut session, Command::Scanned(6)), [], "the second waits for the first");
    assert_eq!(after(&mut session, Command::Hold(2)), []);
    assert_eq!(after(&mut session, Command::Scanned(1)), [], "the first is held");
    assert_eq!(after(&mut session, Command::Release(2)), [2, 0, 0, 7, 0, 0], "now both go");
    assert_eq!(after(&mut session, Command::Scanned(8)), [], "the last one stays until the list ends");
    tell(&mut session, &mut script, |s| s.list_end());
    assert_eq!(session.take_output()[..], [5, 0, 0, 7, 0, 0, 0, 0, 0][..], "then everything ends");
}

#[test]
fn holds_count_once_each() {
    let (mut session, _) = three_segments(30);
    for command in [Command::Hold(2), Command::Hold(2), Command::Hold(0), Command::Scanned(1)] {
        assert_eq!(after(&mut session, command), []);
    }
    assert_eq!(after(&mut session, Command::Release(2)), []);
    assert_eq!(after(&mut session, Command::Release(0)), [], "the directory itself belongs to its segment");
    assert_eq!(after(&mut session, Command::Release(2)), FRAMED_DONE);
}

#[test]
fn a_release_may_overtake_its_hold() {
    let (mut session, _) = three_segments(31);
    assert_eq!(after(&mut session, Command::Release(6)), []);
    assert_eq!(after(&mut session, Command::Hold(6)), []);
    assert_eq!(after(&mut session, Command::Scanned(1)), FRAMED_DONE);
    assert_eq!(after(&mut session, Command::Scanned(6)), FRAMED_DONE);
}

#[test]
fn the_goodbye_waits_for_answers_releases_and_the_list() {
    for (protocol, goodbye) in [(30, 4u8), (31, 5), (32, 5)] {
        let (mut session, mut script) = three_segments(protocol);
        for first_index in [1, 6] {
            after(&mut session, Command::Scanned(first_index));
        }
        let wanted = Wanted::Content { offer: Offer::NONE, size: 1 };
        let request = Request { index: 8, changes: 0, wanted, xattrs: None, ticket: () };
        let asked = after(&mut session, Command::Ask(request));
        assert_eq!(asked.len(), 4 + 1 + 2 + 16, "only the request");
        assert_eq!(after(&mut session, Command::Scanned(8)), []);
        tell(&mut session, &mut script, |s| s.list_end());
        assert!(session.take_output().is_empty(), "an answer is missing");
        assert!(session.is_waiting(), "it is the server's turn");
        // The refusal of file 8 is its answer.
        tell(&mut session, &mut script, |s| s.no_send(8));
        assert!(session.take_output().is_empty(), "the file is still held");
        let out = after(&mut session, Command::Release(8));
        assert_eq!(out[..4], [goodbye, 0, 0, 7]);
        assert!(out[4..].iter().all(|byte| *byte == 0), "nothing but the ends of phases");
        assert!(!session.is_finished() && session.end_of_input().is_err(), "the server has yet to agree");
    }
}

#[test]
fn memory_of_segments_let_go_is_free_again() {
    let limits = crate::limits::Limits { list_bytes: 12_000, ..Default::default() };
    let options = crate::flist::ListOptions { limits, ..plain_options(31, true, true) };
    let run = |scan: bool| {
        let agreed = agreed(options.clone());
        let mut script = Script::new(&agreed);
        let dirs = (0..20).map(|n| Item::dir(format!("{n:02}")));
        script.list(&std::iter::once(Item::dir(".")).chain(dirs).collect::<Vec<_>>(), 0);
        for n in 0..20u32 {
            let links = (0..4).map(|m| Item::symlink(format!("{n:02}/{m}"), "t".repeat(500)));
            script.segment(n + 1, &links.collect::<Vec<_>>());
        }
        let mut session: Session<()> = Session::new(&agreed);
        session.feed(script.bytes().into());
        while let Some(event) = session.poll()? {
            let crate::session::Event::Segment(segment) = event else { continue };
            if scan {
                session.command(Command::Scanned(segment.first_index()));
            }
        }
        Ok::<_, crate::Error>(())
    };
    run(true).expect("segments that are let go make room");
    assert!(matches!(run(false), Err(crate::Error::Limit { .. })), "segments that are kept do not");
}
