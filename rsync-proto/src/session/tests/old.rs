//! Sessions of protocol 29: files that are passed over in silence, markers, signs of life, and the lies that only
//! they allow.

use super::{Part, Played, Player, Script, Story, Want, agreed, full_story, layout, opening};
use crate::delta::BlockLayout;
use crate::error::Error;
use crate::scripted::{Item, plain_options};
use crate::wire::Index;
use crate::wire::flags::item;
use crate::wire::frame::Tag;

const CONTENT: u16 = item::TRANSFER | item::REPORT_CHANGE;

/// A list with the files a to e, of one byte each, of which some are wanted.
fn five(wanted: &[&'static str]) -> Story {
    let agreed = agreed(plain_options(29, false, false));
    let mut script = Script::new(&agreed);
    let files = ["a", "b", "c", "d", "e"].map(|path| Item::file(path, 1));
    script.list(&[&[Item::dir(".")][..], &files].concat(), 0);
    Story { agreed, wants: wanted.iter().map(|path| Want::content(path)).collect(), script }
}

fn tell(mut story: Story, say: impl FnOnce(&mut Script) -> &mut Script) -> Played {
    say(&mut story.script);
    story.play_whole()
}

fn come<'s>(script: &'s mut Script, path: &str) -> &'s mut Script {
    script.answer(path, CONTENT).layout(BlockLayout::NONE).part(Part::Literal(b"x")).end_of_file(b"x")
}

fn end(script: &mut Script) -> &mut Script {
    script.done(3).goodbye(29)
}

fn assert_violation(played: &Played, what: &str) {
    assert!(matches!(played.result, Err(Error::Violation(_))), "{what} is a violation: {:?}", played.result);
}

fn assert_goes_on(played: &Played, what: &str) {
    assert!(matches!(played.result, Err(Error::Gone(_))), "{what} must pass: {:?}", played.result);
}

/// What came and what did not, in order.
fn files(played: &Played) -> Vec<String> {
    played.result.as_ref().unwrap_or_else(|error| panic!("an honest session failed: {error}"));
    let of_interest = |line: &&str| line.starts_with("begins") || line.starts_with("not sent");
    played.text().lines().filter(of_interest).map(str::to_owned).collect()
}

#[test]
fn files_that_are_passed_over() {
    let all = ["a", "b", "c", "d", "e"];
    let none = tell(five(&all), |s| end(s.marker("e")));
    assert_eq!(files(&none), all.map(|path| format!("not sent {path}")));
    let some = tell(five(&all), |s| {
        come(s, "b");
        end(come(s, "d").marker("e"))
    });
    assert_eq!(files(&some), ["not sent a", "begins b", "not sent c", "begins d", "not sent e"]);
    let last = tell(five(&all), |s| end(come(s, "e").marker("e")));
    assert_eq!(files(&last), ["not sent a", "not sent b", "not sent c", "not sent d", "begins e"]);
    assert_eq!(files(&tell(five(&[]), end)), [""; 0], "without requests there is no marker");
}

#[test]
fn markers_that_cannot_be() {
    assert_goes_on(&tell(five(&["b", "c"]), |s| s.marker("c")), "the marker");
    for path in ["a", "b", "d"] {
        assert_violation(&tell(five(&["b", "c"]), |s| s.marker(path)), "a marker for another file");
    }
    assert_violation(&tell(five(&["b"]), |s| s.marker("b").marker("b")), "a marker twice");
    assert_violation(&tell(five(&[]), |s| s.marker("b")), "a marker that nobody set");
    assert_violation(&tell(five(&["b"]), |s| come(s.marker("b"), "b")), "a file that was passed over");
    assert_violation(
        &tell(five(&["b", "c"]), |s| come(come(s, "c"), "b")),
        "one that was passed over before",
    );
    assert_violation(
        &tell(five(&["b"]), |s| s.answer("b", CONTENT | item::IS_NEW)),
        "flags that are no echo",
    );
    assert_violation(&tell(five(&["b"]), |s| s.answer("b", item::REPORT_CHANGE)), "other flags");
    assert_violation(&tell(five(&["b"]), |s| come(s, "b").done(1)), "done before the marker came back");
    assert_violation(
        &tell(five(&["b"]), |s| s.index(Index::File(6)).data(&[0; 2])),
        "a file behind the list",
    );
    let gone = tell(five(&["b"]), |s| come(s, "b"));
    assert!(matches!(gone.result, Err(Error::Gone("an answer to a request"))), "{:?}", gone.result);
}

#[test]
fn the_bytes_of_a_small_session() {
    let agreed = agreed(plain_options(29, false, false));
    let wants = [Want::content("f"), Want::delta("g", b"basis")];
    let mut script = Script::new(&agreed);
    script.list(&[Item::dir("."), Item::file("f", 1), Item::file("g", 5)], 0);
    script.answer("f", CONTENT).layout(layout(b"", &agreed)).part(Part::Literal(b"1")).end_of_file(b"1");
    script.answer("g", CONTENT).layout(layout(b"basis", &agreed)).part(Part::Block(0));
    script.end_of_file(b"basis").marker("g");
    end(&mut script);
    let strong = agreed.summer.sum(b"basis").as_bytes()[..2].to_vec();
    let weak = crate::checksum::weak_sum(b"basis").to_le_bytes();
    let done = [0xff; 4];
    let expected = [
        &[0, 0, 0, 0][..],            // no filter rules
        &[1, 0, 0, 0, 0x02, 0x80],    // index 1; content is asked for
        &[0; 16],                     // no basis
        &[2, 0, 0, 0, 0x02, 0x80],    // index 2
        &[1, 0, 0, 0, 0xbc, 2, 0, 0], // one block of up to 700 bytes
        &[2, 0, 0, 0, 5, 0, 0, 0],    // two bytes of each sum, five bytes in the last block
        &weak,
        &strong,
        &[2, 0, 0, 0, 0, 0], // the marker
        &[done; 4].concat(), // three phases and a goodbye
    ]
    .concat();
    let story = Story { agreed, wants: wants.to_vec(), script };
    let played = story.play_whole();
    played.result.as_ref().unwrap();
    assert_eq!(played.sent, expected, "nothing is in frames");
}

#[test]
fn signs_of_life() {
    let story = opening(29, false);
    let mut player = Player::new(&story.agreed, &story.wants);
    assert!(player.session.keep_alive().is_empty(), "while it makes its list, the server does not listen");
    player.feed(&story.script.bytes()).unwrap();
    let sign = [4, 0, 0, 0, 0x00, 0x20];
    assert_eq!(player.session.keep_alive()[..], sign, "the index behind the last, as if it were new");
    let before = (player.session.stream_bytes(), player.log.len());
    for _ in 0..3 {
        player.feed(&[6, 0, 0, 7]).unwrap();
        for byte in sign {
            player.feed(&[byte]).unwrap();
            assert_eq!(player.session.stream_bytes(), before.0, "a sign of life is no progress");
        }
    }
    assert_eq!(player.log.len(), before.1);
    assert_violation(
        &tell(opening(29, false), |s| s.index(Index::File(5)).data(&sign[4..])),
        "beyond that index",
    );
    let between = tell(opening(29, false), |s| {
        s.data(&sign).answer("f", CONTENT).layout(BlockLayout::NONE).part(Part::Literal(b"hello"));
        end(s.end_of_file(b"hello").data(&sign).marker("f").data(&sign))
    });
    assert_eq!(files(&between), ["begins f"]);
}

#[test]
fn nothing_goes_out_after_the_goodbye() {
    let story = full_story(29, false, false);
    let mut player = Player::new(&story.agreed, &story.wants);
    player.feed(&story.script.bytes()).unwrap();
    assert!(player.session.is_finished());
    assert!(player.session.keep_alive().is_empty());
}

#[test]
fn messages_that_it_does_not_have() {
    let told = |tag: Tag, payload: &[u8]| tell(opening(29, false), |s| s.message(tag, payload));
    for tag in [Tag::Info, Tag::Error, Tag::Warning, Tag::ErrorTransfer, Tag::ErrorUtf8] {
        assert_goes_on(&told(tag, b"text"), "text");
    }
    assert_goes_on(&told(Tag::Data, b""), "an empty frame");
    for tag in [Tag::IoError, Tag::IoTimeout, Tag::ErrorExit, Tag::NoSend] {
        assert_violation(&told(tag, &[1, 0, 0, 0]), "a number");
    }
    assert_violation(&told(Tag::Noop, b""), "a no-op");
    assert_violation(&told(Tag::Deleted, b"f"), "a deletion by a sender");
}

#[test]
fn indexes_that_it_does_not_have() {
    for index in [Index::ListEnd, Index::DeleteStats, Index::Segment(0)] {
        let played = tell(opening(29, false), |s| s.index(index));
        assert!(matches!(played.result, Err(Error::Malformed(_))), "{index:?}: {:?}", played.result);
    }
}
