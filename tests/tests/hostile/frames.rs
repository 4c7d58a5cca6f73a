//! Frames that are none, messages that nobody understands, and those that are no news.

use end_to_end::scripted::{Point, Shape, Tale};
use rsync_proto::scripted::Script;
use rsync_proto::wire::frame::Tag;

use crate::rows::{PARTIAL, PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1]];

/// This is said between the list and the first answer.
fn said(tale: &mut Tale, say: impl Fn(&mut Script) + Send + Sync + 'static) {
    tale.then(Point::AfterList, say);
}

fn message(tale: &mut Tale, tag: Tag, payload: &[u8]) {
    let payload = payload.to_vec();
    said(tale, move |s| {
        s.message(tag, &payload);
    });
}

fn raw(tale: &mut Tale, header: [u8; 4], payload: &'static [u8]) {
    said(tale, move |s| {
        s.raw(&header).raw(payload);
    });
}

#[test]
pub fn of_no_kind_or_another_length() {
    let row = |what, says, lie, twin| Row { what, lie, twin, code: STREAM, says };
    let len = "bytes for a frame of kind";
    Teller::new(&[]).tell(
        SHAPES,
        &[
            row(
                "a frame of an unknown kind",
                "unknown tag",
                |t| raw(t, [4, 0, 0, 7 + 77], b"what"),
                |t| raw(t, [0, 0, 0, 7 + 42], b""),
            ),
            row(
                "a frame of no kind",
                "unknown tag",
                |t| raw(t, [4, 0, 0, 0], b"what"),
                |t| raw(t, [0, 0, 0, 7], b""),
            ),
            row(
                "a message of 16 MiB",
                len,
                |t| raw(t, [0xff, 0xff, 0xff, 7 + 2], &[b'x'; 100_000]),
                |t| raw(t, [4, 0, 0, 7 + 2], b"what"),
            ),
            row(
                "a message of 10,241 bytes",
                len,
                |t| message(t, Tag::Info, &[b'x'; 10_241]),
                |t| message(t, Tag::Info, &[b'x'; 10_240]),
            ),
            row(
                "an error of three bytes",
                len,
                |t| message(t, Tag::IoError, &[1, 0, 0]),
                |t| message(t, Tag::IoError, &[0, 0, 0, 0]),
            ),
            row("a refusal of five bytes", len, |t| message(t, Tag::NoSend, &[1, 0, 0, 0, 0]), |_| {}),
            row(
                "a time of five bytes",
                len,
                |t| message(t, Tag::IoTimeout, &[60, 0, 0, 0, 0]),
                |t| message(t, Tag::IoTimeout, &[60, 0, 0, 0]),
            ),
            row(
                "a sign of life with something in it",
                len,
                |t| message(t, Tag::Noop, b"."),
                |t| {
                    said(t, |s| {
                        s.message(Tag::Noop, b"").message(Tag::Noop, b"");
                    });
                },
            ),
            row("an exit code of two bytes", len, |t| message(t, Tag::ErrorExit, &[0, 0]), |_| {}),
        ],
    );
}

#[test]
pub fn that_say_what_cannot_be() {
    let row = |what, code, says, lie, twin| Row { what, lie, twin, code, says };
    Teller::new(&[]).tell(
        SHAPES,
        &[
            row(
                "news of a deletion",
                PROTOCOL,
                "reports deletions that it cannot have made",
                |t| message(t, Tag::Deleted, b"old"),
                |t| message(t, Tag::Info, b"deleted old"),
            ),
            row(
                "an end in the middle, as if all were well",
                STREAM,
                "gave up with exit code 0",
                |t| message(t, Tag::ErrorExit, b""),
                |t| message(t, Tag::Warning, b"exit code 0"),
            ),
            row(
                "an exit code",
                PARTIAL,
                "gave up with exit code 23",
                |t| message(t, Tag::ErrorExit, &[23, 0, 0, 0]),
                |t| message(t, Tag::Warning, b"exit code 23"),
            ),
            // After errors of which there is word nothing is deleted; bits that mean nothing are no errors.
            row(
                "an error between the frames",
                PARTIAL,
                "nothing is deleted",
                |t| message(t, Tag::IoError, &[1, 0, 0, 0]),
                |t| message(t, Tag::IoError, &[0xf0, 0xff, 0xff, 0xff]),
            ),
        ],
    );
}
