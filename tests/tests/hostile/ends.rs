//! Sessions that end before they are over, or go on afterwards.

use end_to_end::scripted::{Point, Shape, Tale};
use rsync_proto::wire::Index;

use crate::rows::{PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1]];

#[test]
pub fn before_everything_has_come() {
    Teller::new(&[]).tell(
        SHAPES,
        &[
            Row {
                what: "a file that never comes",
                lie: |t| {
                    t.answers("d/f/g", |s, _| {
                        s.done(1);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "ended a phase that was not over",
            },
            Row {
                what: "a file that is passed over",
                lie: |t| t.answers("b", |_, _| {}),
                twin: |_| {},
                code: PROTOCOL,
                says: "which is not its turn",
            },
            Row {
                what: "all ends at once",
                lie: |t| {
                    t.then(Point::BeforeAnswers, |s| {
                        s.done(3);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "ended a phase that was not over",
            },
            Row {
                what: "one end too many",
                lie: |t| {
                    t.then(Point::BeforeLastEnd, |s| {
                        s.done(1);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "the server broke the protocol",
            },
            Row {
                what: "something else than a goodbye",
                lie: |t| {
                    t.then(Point::AfterAll, |s| {
                        s.index(Index::File(1));
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "went on after the end of the transfer",
            },
            Row {
                what: "bytes behind the end, outside of all frames",
                lie: |t| {
                    t.then(Point::AfterAll, |s| {
                        s.raw(&[0, 0, 0]);
                    });
                },
                // Nothing, in a frame.
                twin: |t| {
                    t.then(Point::AfterAll, |s| {
                        s.raw(&[0, 0, 0, 7]);
                    });
                },
                code: STREAM,
                says: "closed the connection",
            },
            Row {
                what: "no statistics",
                lie: |t| t.says_goodbye = false,
                twin: |t| {
                    t.says_goodbye = false;
                    let protocol = t.shape.protocol;
                    t.then(Point::BeforeStatistics, move |s| {
                        s.goodbye(protocol);
                    });
                },
                code: STREAM,
                says: "while the statistics was expected",
            },
            Row {
                what: "half of the statistics",
                lie: |t| {
                    t.says_goodbye = false;
                    t.then(Point::BeforeStatistics, |s| {
                        s.data(&[0; 7]);
                    });
                },
                // Numbers that are all 0.
                twin: |t| {
                    t.says_goodbye = false;
                    let protocol = t.shape.protocol;
                    t.then(Point::BeforeStatistics, move |s| {
                        s.data(&[0; 15]).done(usize::from(protocol >= 31));
                    });
                },
                code: STREAM,
                says: "while the statistics was expected",
            },
            Row {
                what: "statistics without a goodbye",
                lie: |t| {
                    t.says_goodbye = false;
                    t.then(Point::BeforeStatistics, |s| {
                        s.data(&[0; 15]).index(Index::File(0));
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "the server broke the protocol",
            },
            Row {
                what: "data behind the end",
                lie: |t| {
                    t.then(Point::AfterAll, |s| {
                        s.data(b"and so on");
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "went on after the end of the transfer",
            },
        ],
    );
}

/// Wherever the line ends, nothing is taken for complete.
#[test]
pub fn wherever_the_line_is_cut() {
    for shape in [Shape::RECENT, Shape::WHOLE, Shape::ALL[0], Shape::ALL[1]] {
        for cut in (1..5000).step_by(199) {
            let lie = |tale: &mut Tale| tale.cut = Some(cut);
            Teller::new(&[]).fails_somehow("a line that is cut", shape, lie, &[5, 10, STREAM]);
        }
    }
}
