//! Lists in segments, of which some are missing, come twice, or belong to nothing.

use end_to_end::scripted::{Point, Shape};
use rsync_proto::scripted::Item;
use rsync_proto::wire::Index;

use crate::rows::{PROTOCOL, Row, Teller};

#[test]
pub fn of_directories() {
    Teller::new(&[]).tell(
        &[Shape::RECENT, Shape::ALL[2], Shape::ALL[6]],
        &[
            Row {
                what: "a directory without its content",
                lie: |t| t.segments(|all| drop(all.pop())),
                twin: |t| t.retain(|path| !path.starts_with(b"d/f")),
                code: PROTOCOL,
                says: "without the content of 1 directories",
            },
            Row {
                what: "the content of one directory in that of another",
                lie: |t| t.segments(|all| all[1].1.push(Item::file("h/x", 1))),
                twin: |t| {
                    t.file("h/x", b"x");
                },
                code: PROTOCOL,
                says: "which is no directory of this list",
            },
            Row {
                what: "a file and a directory of one name, in segments",
                lie: |t| t.segments(|all| all[1].1.push(Item::file("d/f", 1))),
                twin: |t| {
                    t.file("d/f2", b"x");
                },
                code: PROTOCOL,
                says: "twice, as different kinds of file",
            },
            Row {
                what: "a segment in front of what it belongs to",
                lie: |t| t.segments(|all| all.swap(1, 3)),
                twin: |t| t.segments(|_| {}),
                code: PROTOCOL,
                says: "which it never announced",
            },
            Row {
                what: "the content of a directory that was never announced",
                lie: |t| {
                    t.then(Point::BeforeListEnd, |s| {
                        s.segment(99, &[]);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "which it never announced",
            },
            Row {
                what: "the content of a directory twice",
                lie: |t| {
                    t.then(Point::BeforeListEnd, |s| {
                        s.segment(1, &[]);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "twice or for a duplicate",
            },
            Row {
                what: "a segment behind the end",
                lie: |t| {
                    t.then(Point::AfterList, |s| {
                        s.segment(1, &[]);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "after its end",
            },
            Row {
                what: "two ends",
                lie: |t| {
                    t.then(Point::AfterList, |s| {
                        s.list_end();
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "ended the file list twice",
            },
            Row {
                what: "reports of deletions",
                lie: |t| {
                    t.then(Point::AfterList, |s| {
                        s.index(Index::DeleteStats);
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "reports deletions that it cannot have made",
            },
        ],
    );
}
