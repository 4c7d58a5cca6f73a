//! Names that no file may have, and those that look like them.

use end_to_end::scripted::{Shape, Tale};

use crate::BOTH;
use crate::rows::{PROTOCOL, Row, STREAM, Teller, UNSUPPORTED};

fn bad(what: &'static str, lie: fn(&mut Tale), twin: fn(&mut Tale)) -> Row {
    Row { what, lie, twin, code: UNSUPPORTED, says: "impossible name" }
}

/// What the name leads through was never listed.
fn astray(what: &'static str, lie: fn(&mut Tale), twin: fn(&mut Tale)) -> Row {
    Row { what, lie, twin, code: PROTOCOL, says: "which is no directory of this list" }
}

#[test]
pub fn of_one_component() {
    Teller::new(&[]).tell(
        BOTH,
        &[
            bad(
                "the directory above",
                |t| {
                    t.file("..", b"x");
                },
                |t| {
                    t.file("..x", b"x");
                },
            ),
            bad(
                "a NUL",
                |t| {
                    t.file("x\0y", b"x");
                },
                |t| {
                    t.file("x\u{1}y", b"x");
                },
            ),
            bad(
                "a name of 256 bytes",
                |t| {
                    t.file(&"n".repeat(256), b"x");
                },
                |t| {
                    t.file(&"n".repeat(255), b"x");
                },
            ),
            bad(
                "a directory above",
                |t| {
                    t.directory("..");
                },
                |t| {
                    t.directory("...");
                },
            ),
            bad(
                "a symlink above",
                |t| {
                    t.symlink("..", "a");
                },
                |t| {
                    t.symlink(".. ", "a");
                },
            ),
            bad(
                "no name",
                |t| {
                    t.file("", b"x");
                },
                |t| {
                    t.file(" ", b"x");
                },
            ),
        ],
    );
}

#[test]
pub fn of_several_components() {
    Teller::new(&[]).tell(
        &[Shape::WHOLE, Shape::ALL[0]],
        &[
            astray(
                "from the root",
                |t| {
                    t.file("/etc/x", b"x");
                },
                |t| {
                    t.file("d/x", b"x");
                },
            ),
            astray(
                "up and away",
                |t| {
                    t.file("d/../x", b"x");
                },
                |t| {
                    t.file("d/..x", b"x");
                },
            ),
            astray(
                "up from the beginning",
                |t| {
                    t.file("../canary/file", b"x");
                },
                |t| {
                    t.file("d/canary", b"x");
                },
            ),
            astray(
                "a slash too many",
                |t| {
                    t.file("d//x", b"x");
                },
                |t| {
                    t.file("d/x", b"x");
                },
            ),
            bad(
                "a slash at the end",
                |t| {
                    t.file("d/x/", b"x");
                },
                |t| {
                    t.file("d/x", b"x");
                },
            ),
            astray(
                "here in the middle",
                |t| {
                    t.file("d/./x", b"x");
                },
                |t| {
                    t.file("d/.x", b"x");
                },
            ),
            astray(
                "here at the beginning",
                |t| {
                    t.file("./x", b"x");
                },
                |t| {
                    t.file("x", b"x");
                },
            ),
            bad(
                "here at the end",
                |t| {
                    t.file("d/.", b"x");
                },
                |t| {
                    t.file("d/. ", b"x");
                },
            ),
            bad(
                "above in a directory",
                |t| {
                    t.directory("d/..");
                },
                |t| {
                    t.directory("d/...");
                },
            ),
        ],
    );
}

/// Directories in directories, each named by one letter.
fn deep(tale: &mut Tale, levels: usize) {
    for depth in 1..=levels {
        tale.directory(&vec!["n"; depth].join("/"));
    }
}

#[test]
pub fn too_deep_and_too_long() {
    Teller::new(&[]).tell(
        &[Shape::WHOLE],
        &[
            bad("257 levels", |t| deep(t, 257), |t| deep(t, 256)),
            Row {
                what: "a path of 4,096 bytes",
                lie: |t| long(t, 17, 240),
                twin: |t| long(t, 16, 255),
                code: STREAM,
                says: "the length of a name",
            },
        ],
    );
}

/// Directories in directories, whose names have so many bytes.
fn long(tale: &mut Tale, levels: usize, name: usize) {
    let name = "n".repeat(name);
    for depth in 1..=levels {
        tale.directory(&vec![&name[..]; depth].join("/"));
    }
}
