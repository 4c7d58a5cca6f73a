//! Rules of a session: each is broken once, beside an honest twin that goes on from the same place.

use super::{LONG_VALUE, Part, Played, Script, Story, Want, agreed, layout, opening, options_with_xattrs};
use crate::delta::BlockLayout;
use crate::error::{Error, Refused};
use crate::scripted::{Item, plain_options};
use crate::wire::Index;
use crate::wire::flags::item;
use crate::wire::frame::Tag;

/// Something that the server says.
type Say = fn(&mut Script) -> &mut Script;

const CONTENT: u16 = item::TRANSFER | item::REPORT_CHANGE;

/// Lets the server say something more in a fresh session.
fn tell(mut story: Story, say: impl FnOnce(&mut Script) -> &mut Script) -> Played {
    say(&mut story.script);
    story.play_whole()
}

fn assert_violation(played: &Played, what: &str) {
    assert!(matches!(played.result, Err(Error::Violation(_))), "{what} is a violation: {:?}", played.result);
}

fn assert_malformed(played: &Played, what: &str) {
    assert!(matches!(played.result, Err(Error::Malformed(_))), "{what} is malformed: {:?}", played.result);
}

/// Nothing is wrong so far, and more has to come.
fn assert_goes_on(played: &Played, what: &str) {
    assert!(matches!(played.result, Err(Error::Gone(_))), "{what} must pass: {:?}", played.result);
}

fn assert_ends_well(played: &Played, what: &str) {
    assert!(played.result.is_ok(), "{what} must pass to the end: {:?}", played.result);
}

/// An honest answer for the one file that is wanted in [`opening`].
fn answer_f(script: &mut Script) -> &mut Script {
    script.answer("f", CONTENT).layout(BlockLayout::NONE);
    script.part(Part::Literal(b"hello")).end_of_file(b"hello").marker("f")
}

#[test]
fn the_honest_twin_of_all_openings() {
    for protocol in 29..=32 {
        let played = tell(opening(protocol, false), |s| answer_f(s).done(3).goodbye(protocol));
        assert_ends_well(&played, "a whole list");
        if protocol < 30 {
            continue;
        }
        let played = tell(opening(protocol, true), |s| {
            answer_f(s).segment(1, &[]).list_end().done(1 + 3).goodbye(protocol)
        });
        assert_ends_well(&played, "segments");
    }
}

#[test]
fn answers_for_what_was_not_asked() {
    for inc in [false, true] {
        assert_goes_on(&tell(opening(31, inc), |s| s.answer("f", CONTENT)), "an answer");
        assert_violation(&tell(opening(31, inc), |s| s.answer("other", CONTENT)), "another file");
        let beyond: Say = |s| s.index(Index::File(4000)).data(&CONTENT.to_le_bytes());
        assert_violation(&tell(opening(31, inc), beyond), "a file beyond the list");
        let twice: Say = |s| answer_f(s).answer("f", CONTENT);
        assert_violation(&tell(opening(31, inc), twice), "a second answer");
        let early: Say = |s| s.index(Index::File(0)).data(&CONTENT.to_le_bytes());
        assert_violation(&tell(opening(31, inc), early), "the root");
    }
}

#[test]
fn answers_out_of_turn() {
    let two = || Story { wants: vec![Want::content("f"), Want::content("other")], ..opening(31, true) };
    assert_goes_on(&tell(two(), |s| answer_f(s).answer("other", CONTENT)), "answers in turn");
    assert_violation(&tell(two(), |s| s.answer("other", CONTENT)), "the second answer first");
}

#[test]
fn flags_that_are_no_echo() {
    for flags in
        [0, item::TRANSFER, CONTENT | item::IS_NEW, CONTENT | item::NAME_FOLLOWS, item::REPORT_CHANGE]
    {
        assert_violation(&tell(opening(31, false), |s| s.answer("f", flags)), "other flags");
    }
    let with_basis = CONTENT | item::BASIS_TYPE_FOLLOWS;
    assert_violation(&tell(opening(31, false), |s| s.answer("f", with_basis)), "a kind of basis");
}

#[test]
fn layouts_that_are_no_echo() {
    let other = |layout: BlockLayout| tell(opening(31, false), |s| s.answer("f", CONTENT).layout(layout));
    assert_goes_on(&other(BlockLayout::NONE), "the same layout");
    let none = BlockLayout::NONE;
    assert_violation(&other(BlockLayout { count: 1, block_len: 700, ..none }), "a block");
    assert_violation(&other(BlockLayout { sum_len: 2, ..none }), "another length of sums");
    assert_malformed(&other(BlockLayout { block_len: 131_073, ..none }), "too large a block");
    assert_malformed(
        &other(BlockLayout { block_len: 700, remainder: 701, ..none }),
        "too large a last block",
    );
}

#[test]
fn content_that_cannot_be() {
    let content = |parts: &[Part<'_>]| {
        tell(opening(31, false), |s| {
            s.answer("f", CONTENT).layout(BlockLayout::NONE);
            parts.iter().fold(s, |s, part| s.part(*part))
        })
    };
    assert_goes_on(&content(&[Part::Literal(b"hello")]), "five bytes");
    assert_violation(&content(&[Part::Literal(b"hello!")]), "a literal beyond the announced size");
    let sum = [Part::Literal(b"hel"), Part::Literal(b"lo"), Part::Literal(b"!")];
    assert_goes_on(&content(&sum[..2]), "two literals");
    assert_violation(&content(&sum), "literals that are too long together");
    assert_violation(&content(&[Part::Block(0)]), "a block without a basis");
    let smallest: Say = |s| s.answer("f", CONTENT).layout(BlockLayout::NONE).data(&i32::MIN.to_le_bytes());
    assert_malformed(&tell(opening(31, false), smallest), "the smallest number as a token");
    let huge: Say = |s| s.answer("f", CONTENT).layout(BlockLayout::NONE).data(&i32::MAX.to_le_bytes());
    assert_violation(&tell(opening(31, false), huge), "the longest literal");
}

#[test]
fn blocks_that_cannot_be() {
    let basis = [7; 1500];
    let content = |size: i64, parts: &[Part<'_>]| {
        let agreed = agreed(plain_options(32, true, false));
        let mut script = Script::new(&agreed);
        script.list(&[Item::dir("."), Item::file("b", size)], 0);
        script.answer("b", CONTENT).layout(layout(&basis, &agreed));
        parts.iter().fold(&mut script, |s, part| s.part(*part));
        Story { agreed, wants: vec![Want::delta("b", &basis)], script }.play_whole()
    };
    assert_goes_on(&content(1500, &[Part::Block(0), Part::Block(1), Part::Block(2)]), "all blocks");
    assert_goes_on(&content(1500, &[Part::Block(2), Part::Block(2)]), "a block twice");
    assert_violation(&content(5000, &[Part::Block(3)]), "a block behind the last");
    assert_violation(&content(5000, &[Part::Block(i32::MAX as u32 - 1)]), "a block far behind the last");
    assert_goes_on(&content(100, &[Part::Block(2)]), "the short last block");
    assert_violation(&content(99, &[Part::Block(2)]), "a block beyond the announced size");
    assert_violation(&content(1399, &[Part::Block(0), Part::Block(1)]), "blocks beyond the announced size");
    let mixed = [Part::Block(0), Part::Literal(b"x")];
    assert_goes_on(&content(701, &mixed), "a block and a literal");
    assert_violation(&content(700, &mixed), "a literal beyond the announced size");
}

#[test]
fn ends_of_phases_that_are_not_over() {
    for inc in [false, true] {
        assert_violation(&tell(opening(31, inc), |s| s.done(1)), "done before anything was");
    }
    let answered = tell(opening(31, true), |s| answer_f(s).done(1));
    assert_violation(&answered, "done before the last segment came");
    let let_go = tell(opening(31, true), |s| answer_f(s).segment(1, &[]).done(1));
    assert_goes_on(&let_go, "done with the segment that was let go");
    let twice = tell(opening(31, true), |s| answer_f(s).segment(1, &[]).done(2));
    assert_violation(&twice, "done with more than was let go");
}

#[test]
fn something_else_in_place_of_the_goodbye() {
    let done: Say = |s| answer_f(s).done(3).goodbye(30);
    assert_ends_well(&tell(opening(30, false), done), "protocol 30 ends with statistics");
    let more: Say = |s| answer_f(s).done(3).goodbye(30).done(1);
    assert_violation(&tell(opening(30, false), more), "more than the statistics");
    assert_ends_well(&tell(opening(31, false), more), "protocol 31 ends with another done");
    let file: Say = |s| answer_f(s).done(3).goodbye(30).index(Index::File(1));
    assert_violation(&tell(opening(31, false), file), "a file in place of a goodbye");
    let answer: Say = |s| answer_f(s).done(2).answer("f", CONTENT);
    assert_violation(&tell(opening(31, false), answer), "an answer between the ends of phases");
}

#[test]
fn data_after_the_end() {
    for protocol in 30..=32 {
        let then =
            |after: Say| tell(opening(protocol, false), |s| after(answer_f(s).done(3).goodbye(protocol)));
        assert_ends_well(&then(|s| s.message(Tag::Noop, b"")), "a sign of life after the end");
        assert_ends_well(&then(|s| s.message(Tag::Info, b"bye\n")), "a message after the end");
        assert_violation(&then(|s| s.data(&[0])), "a byte after the end");
    }
}

#[test]
fn data_after_an_empty_list() {
    let empty = |inc| {
        let agreed = agreed(plain_options(31, true, inc));
        let mut script = Script::new(&agreed);
        script.list(&[], 0);
        Story { agreed, wants: Vec::new(), script }
    };
    assert_ends_well(&tell(empty(false), |s| s), "an empty list");
    assert_violation(&tell(empty(false), |s| s.done(1)), "more after it");
    assert_ends_well(&tell(empty(true), |s| s.list_end()), "an empty list in segments");
    assert_violation(&tell(empty(true), |s| s.list_end().data(&[0])), "more after its end");
    assert_violation(&tell(empty(true), |s| s.done(1)), "something else than its end");
}

#[test]
fn segments_that_cannot_be() {
    let told = |say: Say| tell(opening(31, true), say);
    let g = || [Item::file("z/g", 1)];
    assert_goes_on(&told(|s| s.segment(1, &[Item::file("z/g", 1)])), "a segment");
    assert_goes_on(&told(|s| s.segment(1, &[]).list_end()), "the end of the list");
    assert_violation(&told(|s| s.segment(1, &[]).segment(1, &[])), "a segment twice");
    assert_violation(&told(|s| s.segment(2, &[])), "a directory that was never announced");
    assert_violation(&told(|s| s.segment(0, &[])), "the content of the root twice");
    assert_violation(&told(|s| s.segment(1, &[]).list_end().segment(2, &[])), "more after the end");
    assert_violation(&told(|s| s.segment(1, &[]).list_end().list_end()), "the end twice");
    assert_violation(&told(|s| s.list_end()), "the end without the content of a directory");
    let whole = |say: Say| tell(opening(31, false), say);
    assert_violation(&whole(|s| s.index(Index::ListEnd)), "the end of a whole list");
    assert_violation(&whole(|s| s.index(Index::Segment(1))), "a segment after a whole list");
    let elsewhere = tell(opening(31, true), |s| s.segment(1, &[&g()[..], &[Item::file("y", 1)]].concat()));
    assert_violation(&elsewhere, "an entry of another directory");
}

#[test]
fn indexes_that_mean_nothing_here() {
    let told = |say: Say| tell(opening(31, true), say);
    assert_violation(&told(|s| s.index(Index::DeleteStats)), "counts of deletions");
    assert_malformed(&told(|s| s.data(&[0xff, 49])), "the undefined index -50");
    assert_violation(&told(|s| s.data(&[0xff, 0xfe, 0xff, 0xff, 0xff, 0xff])), "the lowest index");
    assert_violation(&told(|s| s.data(&[0xfe, 0xff, 0xff, 0xff, 0xff, 2, 0x80])), "the highest index");
}

#[test]
fn messages_that_cannot_be() {
    let told = |tag: Tag, payload: &[u8]| tell(opening(31, true), |s| s.message(tag, payload));
    for tag in [Tag::Info, Tag::Error, Tag::Warning, Tag::ErrorTransfer, Tag::ErrorUtf8] {
        assert_goes_on(&told(tag, &[b'm'; 10 * 1024]), "a long message");
        assert_malformed(&told(tag, &[b'm'; 10 * 1024 + 1]), "too long a message");
    }
    for tag in [Tag::IoError, Tag::IoTimeout] {
        assert_goes_on(&told(tag, &[1, 0, 0, 0]), "a number");
        for len in [0, 3, 5] {
            assert_malformed(&told(tag, &[0; 5][..len]), "a number of another length");
        }
    }
    assert_malformed(&told(Tag::Noop, &[0]), "a no-op with a payload");
    assert_malformed(&told(Tag::NoSend, &[1, 0, 0]), "a short refusal");
    assert_malformed(&told(Tag::ErrorExit, &[1]), "a short exit code");
    assert_violation(&told(Tag::Deleted, b"f"), "a deletion by a sender");
}

#[test]
fn tags_that_mean_nothing() {
    let story = opening(31, true);
    let defined = [0, 1, 2, 3, 4, 8, 22, 33, 42, 86, 101, 102];
    for number in 0..=255u8 {
        let header = [0, 0, 0, number];
        let bytes = [story.script.bytes(), header.to_vec()].concat();
        let played = story.play([&bytes[..]]);
        if number < 7 || !defined.contains(&(number - 7)) {
            assert_malformed(&played, &format!("tag {number}"));
        }
    }
}

#[test]
fn an_exit_of_the_server_is_a_refusal() {
    for (payload, code) in [(&[23, 0, 0, 0][..], 23), (b"", 0), (&[0xff; 4], -1)] {
        let played = tell(opening(31, true), |s| s.message(Tag::ErrorExit, payload));
        match played.result {
            Err(Error::Refused { kind: Refused::Transfer(found), .. }) => assert_eq!(found, code),
            other => panic!("an exit is a refusal: {other:?}"),
        }
    }
}

#[test]
fn refusals_of_what_was_not_asked() {
    let told = |say: Say| tell(opening(31, true), say);
    assert_goes_on(&told(|s| s.no_send(2)), "a refusal");
    assert_violation(&told(|s| s.no_send(3)), "a file that was not asked for");
    assert_violation(&told(|s| s.no_send(u32::MAX)), "a file that is none");
    assert_violation(&told(|s| s.no_send(2).no_send(2)), "a file refused twice");
    assert_violation(&told(|s| answer_f(s).no_send(2)), "a file that came");
    assert_violation(&told(|s| s.no_send(2).answer("f", CONTENT)), "a file that was refused");
    let midway: Say = |s| s.answer("f", CONTENT).no_send(2);
    assert_violation(&told(midway), "a file whose answer began");
    let attributes = Story { wants: vec![Want::xattrs("x")], ..with_xattrs() };
    assert_violation(&tell(attributes, |s| s.no_send(1)), "attributes");
}

/// A list with one file that has two long attributes, which are asked for.
fn with_xattrs() -> Story {
    let agreed = agreed(options_with_xattrs(31, true, false));
    let long = |name: &[u8]| (name.to_vec(), LONG_VALUE.to_vec());
    let xattrs = vec![long(b"user.a\0"), (b"user.b\0".to_vec(), b"short".to_vec()), long(b"user.c\0")];
    let mut script = Script::new(&agreed);
    let other = vec![long(b"user.a\0")];
    let items =
        [Item::dir("."), Item { xattrs, ..Item::file("x", 0) }, Item { xattrs: other, ..Item::file("y", 0) }];
    script.list(&items, 0);
    Story { agreed, wants: vec![Want::xattrs("x")], script }
}

const ATTRIBUTES: u16 = item::REPORT_XATTR | item::REPORT_CHANGE;

#[test]
fn attributes_that_cannot_be() {
    let told =
        |values: &[(i32, &[u8])]| tell(with_xattrs(), |s| s.answer("x", ATTRIBUTES).xattr_values(values));
    assert_goes_on(&told(&[(1, &LONG_VALUE), (3, &LONG_VALUE)]), "both values");
    assert_violation(&told(&[(1, &LONG_VALUE)]), "one value of two");
    assert_goes_on(&told(&[(1, b"changed"), (3, b"")]), "values that changed since");
    assert_violation(&told(&[(2, b"other")]), "a value that was here already");
    assert_violation(&told(&[(4, &LONG_VALUE)]), "a number beyond the set");
    assert_violation(&told(&[(-1, &LONG_VALUE)]), "a negative number");
    assert_violation(&told(&[(i32::MIN, &LONG_VALUE)]), "the smallest number");
    assert_goes_on(&told(&[(1, &[0; 65_536]), (3, &LONG_VALUE)]), "a long value");
    let long = told(&[(1, &[0; 65_537])]);
    assert!(matches!(long.result, Err(Error::Limit { .. })), "too long a value: {:?}", long.result);
    let unasked = Story {
        wants: vec![Want::xattrs("x"), Want { xattrs: false, ..Want::xattrs("y") }],
        ..with_xattrs()
    };
    let say: Say = |s| s.answer("x", ATTRIBUTES).xattr_values(&[]).answer("y", ATTRIBUTES);
    assert_violation(&tell(unasked, say), "attributes of a file of which none were asked for");
}

#[test]
fn a_value_of_an_attribute_comes_once() {
    let told =
        |values: &[(i32, &[u8])]| tell(with_xattrs(), |s| s.answer("x", ATTRIBUTES).xattr_values(values));
    assert_goes_on(&told(&[(1, &LONG_VALUE), (3, &LONG_VALUE)]), "each value once");
    let again = told(&[(1, &LONG_VALUE), (3, &LONG_VALUE), (1, &LONG_VALUE), (3, &LONG_VALUE)]);
    let refused = matches!(again.result, Err(Error::Violation(_) | Error::Malformed(_)));
    assert!(refused, "an answer that goes round and round never ends: {:?}", again.result);
}

#[test]
fn a_value_that_was_asked_for_comes() {
    let told = |values: &[(i32, &[u8])]| {
        tell(with_xattrs(), |s| s.answer("x", ATTRIBUTES).xattr_values(values).done(3).goodbye(31))
    };
    assert_ends_well(&told(&[(1, &LONG_VALUE), (3, &LONG_VALUE)]), "all values");
    // One may be left out only by saying so, not in silence: the caller would wait for it, or lack it.
    let played = told(&[(1, &LONG_VALUE)]);
    assert!(played.result.is_err(), "a value that never came must not pass as one that did");
}
