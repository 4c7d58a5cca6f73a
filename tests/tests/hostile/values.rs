//! Values that no file has.

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::limits::MAX_TIME;

use crate::BOTH;
use crate::rows::{PROTOCOL, Row, STREAM, Teller};

fn bad(what: &'static str, says: &'static str, lie: fn(&mut Tale), twin: fn(&mut Tale)) -> Row {
    Row { what, lie, twin, code: STREAM, says }
}

#[test]
pub fn of_files() {
    Teller::new(&[]).tell(
        BOTH,
        &[
            bad(
                "a negative size",
                "the size of a file",
                |t| t.item("d/e").size = -1,
                |t| t.item("d/e").size = 6,
            ),
            bad(
                "the least size",
                "the size of a file",
                |t| t.item("a").size = i64::MIN,
                |t| t.item("a").size = 0,
            ),
            bad(
                "a kind that is none",
                "the mode of a file",
                |t| t.item("a").mode = 0o050_644,
                |t| t.item("a").mode = 0o100_600,
            ),
            bad(
                "no kind at all",
                "the mode of a file",
                |t| t.item("a").mode = 0o644,
                |t| t.item("a").mode = 0o100_000,
            ),
            bad(
                "more than a mode",
                "the mode of a file",
                |t| t.item("a").mode = 0o1_100_644,
                |t| t.item("a").mode = 0o107_644,
            ),
            bad(
                "a time after all",
                "time",
                |t| t.item("a").mtime = MAX_TIME + 1,
                |t| t.item("a").mtime = MAX_TIME,
            ),
            bad(
                "a time before all",
                "time",
                |t| t.item("a").mtime = -MAX_TIME - 1,
                |t| t.item("a").mtime = -MAX_TIME,
            ),
            bad("the greatest time", "time", |t| t.item("a").mtime = i64::MAX, |t| t.item("a").mtime = 0),
            bad("the least time", "time", |t| t.item("a").mtime = i64::MIN, |t| t.item("a").mtime = -1),
            bad(
                "a second too many",
                "the nanoseconds of a time",
                |t| t.item("a").nanoseconds = 1_000_000_000,
                |t| t.item("a").nanoseconds = 999_999_999,
            ),
            bad(
                "negative nanoseconds",
                "the nanoseconds of a time",
                |t| t.item("a").nanoseconds = -1,
                |t| t.item("a").nanoseconds = 1,
            ),
            bad(
                "an owner that nobody is",
                "an owner",
                |t| t.item("a").uid = u32::MAX,
                |t| t.item("a").uid = u32::MAX - 1,
            ),
            bad(
                "a group that nobody is in",
                "an owner",
                |t| t.item("a").gid = u32::MAX,
                |t| t.item("a").gid = u32::MAX - 1,
            ),
        ],
    );
}

#[test]
pub fn of_symlinks() {
    Teller::new(&[]).tell(
        BOTH,
        &[
            bad(
                "a NUL in a target",
                "a link target",
                |t| t.item("c").target = b"a\0b".to_vec(),
                |t| t.item("c").target = b"a b".to_vec(),
            ),
            bad(
                "a target of 4,096 bytes",
                "the length of a link target",
                |t| t.item("c").target = vec![b'x'; 4096],
                |t| t.item("c").target = vec![b'x'; 4095],
            ),
            bad(
                "an empty target",
                "the length of a link target",
                |t| t.item("c").target.clear(),
                |t| t.item("c").target = b"x".to_vec(),
            ),
        ],
    );
}

#[test]
pub fn of_hard_links() {
    let says_not_asked = "hard links, which were not asked for";
    Teller::new(&[]).tell(
        BOTH,
        &[Row {
            what: "hard links that were not asked for",
            lie: |t| t.item("a").link = Some(1),
            twin: |_| {},
            code: PROTOCOL,
            says: says_not_asked,
        }],
    );
    Teller::new(&["-H"]).with(|t| t.list.hard_links = true).tell(
        &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1]],
        &[
            Row {
                what: "a group that was not declared",
                lie: |t| {
                    t.then(end_to_end::scripted::Point::BeforeList, |s| s.encoder().assume_group(9, 77));
                    t.item("a").link = Some(9);
                },
                twin: |t| t.item("a").link = Some(9),
                code: PROTOCOL,
                says: "unknown group",
            },
            Row {
                what: "hard links of directories",
                lie: |t| t.item("d").link = Some(1),
                twin: |t| t.item("b").link = Some(1),
                code: PROTOCOL,
                says: "hard links of directories",
            },
        ],
    );
    // Within a segment, a link has the values of the file that it leads to, and no others.
    Teller::new(&["-H"]).with(|t| t.list.hard_links = true).tell(
        &[Shape::RECENT, Shape::ALL[2]],
        &[Row {
            what: "a hard link to a file of another kind",
            lie: |t| {
                t.item("a").link = Some(1);
                t.symlink("d/s", "a").link = Some(1);
            },
            twin: |t| {
                t.item("a").link = Some(1);
                t.file("d/s", b"five\n").link = Some(1);
            },
            code: PROTOCOL,
            says: "to a file of another kind",
        }],
    );
}
