//! Servers that say nothing, next to nothing, or nothing that leads on.

use std::time::Duration;

use end_to_end::scripted::{Point, Shape, Tale};
use rsync_proto::scripted::Script;
use rsync_proto::wire::frame::Tag;

use crate::rows::{LIMIT, Row, TIMEOUT, Teller};

fn row(what: &'static str, says: &'static str, lie: fn(&mut Tale)) -> Row {
    Row { what, lie, twin: |_| {}, code: TIMEOUT, says }
}

#[test]
pub fn nothing_at_all() {
    Teller::new(&["--timeout=1"]).tell(
        &[Shape::RECENT],
        &[
            row("no greeting", "the handshake within", |t| t.greeting.clear()),
            row("no end of the greeting", "the handshake within", |t| t.greeting.truncate(10)),
            row("no answer to the name of the module", "the handshake within", |t| t.reply.clear()),
            row("no answer to the last request", "nothing useful", |t| t.answers("d/f/g", |_, _| {})),
            row("half of a file", "nothing useful", |t| {
                t.answers("d/f/g", |s, request| {
                    s.begin_answer(request.index, request.flags).layout(request.layout);
                });
            }),
        ],
    );
}

/// For how long the server means to wait, in seconds.
fn time(tale: &mut Tale, seconds: u32) {
    tale.then(Point::AfterList, move |s| {
        s.message(Tag::IoTimeout, seconds.to_le_bytes());
    });
}

/// A frame in which nothing is, or something that leads no further, for ever.
fn flood(tale: &mut Tale, say: impl Fn(&mut Script)) {
    let mut script = Script::new(&rsync_proto::scripted::agreed(tale.list.clone()));
    say(&mut script);
    tale.flood = script.bytes();
}

#[test]
pub fn nothing_that_leads_on() {
    let in_vain =
        |what, seconds: fn(&mut Tale), lie| Row { twin: seconds, ..row(what, "nothing useful", lie) };
    Teller::new(&["--timeout=1"]).tell(
        &[Shape::RECENT],
        &[
            in_vain(
                "an hour in place of a second",
                |t| time(t, 3600),
                |t| {
                    time(t, 3600);
                    t.answers("d/f/g", |_, _| {});
                },
            ),
            in_vain(
                "no time limit in place of one",
                |t| time(t, 0),
                |t| {
                    time(t, 0);
                    t.answers("d/f/g", |_, _| {});
                },
            ),
        ],
    );
    Teller::new(&["--timeout=1"]).tell(
        &[Shape::RECENT, Shape::ALL[1]],
        &[
            row("frames without data", "nothing useful", |t| t.flood = vec![0, 0, 0, 7]),
            row("signs of life", "nothing useful", |t| {
                flood(t, |s| {
                    s.message(Tag::Noop, []);
                });
            }),
            row("times that run out", "nothing useful", |t| {
                flood(t, |s| {
                    s.message(Tag::IoTimeout, 3600u32.to_le_bytes());
                });
            }),
        ],
    );
}

#[test]
pub fn messages_for_ever() {
    let lie: fn(&mut Tale) = |t| {
        flood(t, |s| {
            s.message(Tag::Info, vec![b'm'; 8000]);
        });
    };
    let row = Row { code: LIMIT, ..row("messages", "the size of all messages", lie) };
    Teller::new(&[]).tell(&[Shape::RECENT], &[row]);
}

/// It is never silent for long, and never ends.
#[test]
pub fn next_to_nothing() {
    let patient = Teller::new(&["--timeout=1"]);
    let drip = |pause| move |tale: &mut Tale| tale.drip = Some(pause);
    patient.fails("a drip", Shape::RECENT, drip(Duration::from_millis(120)), TIMEOUT, "next to nothing");
    let drops = |pause| {
        move |tale: &mut Tale| {
            tale.drip = Some(pause);
            tale.drips_at_once = true;
        }
    };
    let long = drops(Duration::from_millis(120));
    patient.fails("a drip from the greeting on", Shape::RECENT, long, TIMEOUT, "the handshake within");
    let trickle = "a trickle from the greeting on";
    Teller::new(&[]).passes(trickle, Shape::RECENT, drops(Duration::from_micros(50)));
    patient.passes("a trickle", Shape::RECENT, drip(Duration::from_micros(50)));
}
