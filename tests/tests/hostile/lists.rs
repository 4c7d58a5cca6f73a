//! Lists that are no tree, or not the one that was asked for.

use end_to_end::scripted::{Point, Shape, Tale};
use rsync_proto::scripted::Item;
use rsync_proto::wire::flags::{entry, io_error};
use rsync_proto::wire::put;

use crate::BOTH;
use crate::rows::{PARTIAL, PROTOCOL, Row, STREAM, Teller};

#[test]
pub fn of_one_piece() {
    Teller::new(&[]).tell(
        &[Shape::WHOLE, Shape::ALL[0], Shape::ALL[1]],
        &[
            Row {
                what: "an entry in a directory that is not listed",
                lie: |t| {
                    t.file("nowhere/x", b"x");
                },
                twin: |t| {
                    t.directory("nowhere");
                    t.file("nowhere/x", b"x");
                },
                code: PROTOCOL,
                says: "which is no directory of this list",
            },
            Row {
                what: "an entry in a file",
                lie: |t| {
                    t.file("a/x", b"x");
                },
                twin: |t| {
                    t.file("d/x", b"x");
                },
                code: PROTOCOL,
                says: "which is no directory of this list",
            },
            Row {
                what: "an entry in a symlink",
                lie: |t| {
                    t.file("c/x", b"x");
                },
                twin: |t| {
                    t.file("h/x", b"x");
                },
                code: PROTOCOL,
                says: "which is no directory of this list",
            },
        ],
    );
}

#[test]
pub fn of_any_shape() {
    Teller::new(&[]).tell(
        BOTH,
        &[
            Row {
                what: "a file and a directory of one name",
                lie: |t| {
                    t.file("d", b"x");
                },
                twin: |t| t.items.push(Item::file("a", 5)),
                code: PROTOCOL,
                says: "twice, as different kinds of file",
            },
            Row {
                what: "a file and a symlink of one name",
                lie: |t| {
                    t.symlink("a", "b");
                },
                twin: |t| {
                    t.symlink("a2", "b");
                },
                code: PROTOCOL,
                says: "twice, as different kinds of file",
            },
            Row {
                what: "a root that is a file",
                lie: |t| t.items[0] = Item::file(".", 0),
                twin: |_| {},
                code: PROTOCOL,
                says: "something else than a directory",
            },
            Row {
                what: "two roots",
                lie: |t| t.items.push(Item::dir(".")),
                twin: |_| {},
                code: PROTOCOL,
                says: "a second root",
            },
            Row {
                what: "flags that mean nothing",
                lie: |t| {
                    t.then(Point::BeforeList, |s| {
                        let mut flags = Vec::new();
                        put::varint(&mut flags, 1 << 20);
                        s.data(&flags);
                    });
                },
                twin: |_| {},
                code: STREAM,
                says: "the flags of a list entry",
            },
            Row {
                what: "a name that begins as none did",
                lie: |t| {
                    t.then(Point::BeforeList, |s| {
                        s.data(&[entry::SAME_PREFIX as u8, 5, 1, b'x']);
                    });
                },
                twin: |_| {},
                code: STREAM,
                says: "the length of a name",
            },
        ],
    );
}

#[test]
pub fn not_asked_for() {
    let row = |what, lie, twin| Row { what, lie, twin, code: PROTOCOL, says: "which was not asked for" };
    // One directory, without its slash.
    Teller::new(&[])
        .asking_for("d")
        .with(|t| {
            t.items.remove(0);
        })
        .tell(
            &[Shape::WHOLE],
            &[row("something beside it", |_| {}, |t| t.retain(|path| path.starts_with(b"d")))],
        );
    Teller::new(&["--no-r", "-d"]).with(|t| t.list.recursive = false).tell(
        &[Shape::WHOLE],
        &[Row {
            what: "directories in directories",
            lie: |_| {},
            twin: |t| t.retain(|path| !path.contains(&b'/')),
            code: PROTOCOL,
            says: "descended into directories",
        }],
    );
    Teller::new(&["--exclude=b"]).tell(
        BOTH,
        &[Row {
            what: "what a rule excludes",
            lie: |_| {},
            twin: |t| t.retain(|path| path != b"b"),
            code: PROTOCOL,
            says: "which the filter rules exclude",
        }],
    );
}

/// Directories on the way to what was asked for are listed, but not their content, whatever the list says of them.
#[test]
pub fn nothing_is_deleted_on_the_way() {
    for shape in [Shape::WHOLE, Shape::ALL[0], Shape::ALL[1], Shape::RECENT] {
        let teller = Teller::new(&["-R"]).asking_for("d/e").with(|t| {
            t.retain(|path| [&b"d"[..], b"d/e"].contains(&path));
        });
        teller.passes("a directory on the way", shape, |t| t.item("d").implied = true);
        // Nothing tells that its content is not all there.
        let what = "a directory on the way, as if all of it were there";
        teller.fails_somehow(what, shape, |_| {}, &[0]);
    }
}

/// A server that has nothing that was asked for sends no list at all; it may be a lie.
#[test]
pub fn nothing_is_deleted_for_an_empty_list() {
    for shape in Shape::ALL {
        let teller = Teller::new(&[]);
        teller.passes("an empty directory", shape, |t| t.retain(|path| path == b"."));
        teller.fails_somehow("an empty list", shape, |t| t.retain(|_| false), &[0]);
    }
}

/// What the server could not read may be missing from its list.
#[test]
pub fn nothing_is_deleted_after_an_error_of_the_server() {
    for shape in Shape::ALL {
        for error in [io_error::GENERAL, io_error::VANISHED] {
            let lie = |tale: &mut Tale| tale.io_error = error;
            let code = if error == io_error::GENERAL { PARTIAL } else { 24 };
            Teller::new(&[]).fails("an error of the server", shape, lie, code, "nothing is deleted");
        }
    }
}
