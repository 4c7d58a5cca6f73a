//! Extended attributes and access control lists that no file has, and values that nobody asked for.

use end_to_end::scripted::{Point, Shape, Tale};
use rsync_proto::scripted::{Part, TestAclName};

use crate::rows::{LIMIT, PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1]];

fn attribute(tale: &mut Tale, name: &[u8], len: usize) {
    tale.item("h").xattrs.push((name.to_vec(), vec![b'v'; len]));
}

fn with_values(tale: &mut Tale, count: usize) {
    for number in 0..count {
        attribute(tale, format!("user.n{number}\0").as_bytes(), 1);
    }
}

#[test]
pub fn of_names_and_sizes() {
    let row = |what, code, says, lie, twin| Row { what, lie, twin, code, says };
    let teller = Teller::new(&["-X"]).with(|t| t.list.xattrs = true);
    teller.tell(
        SHAPES,
        &[
            row(
                "a name without a NUL",
                STREAM,
                "the name of an extended attribute",
                |t| attribute(t, b"user.name", 1),
                |t| attribute(t, b"user.name\0", 1),
            ),
            row(
                "a name with two",
                STREAM,
                "the name of an extended attribute",
                |t| attribute(t, b"user.n\0ame\0", 1),
                |t| attribute(t, b"user.n ame\0", 1),
            ),
            row("no name", STREAM, "the name of an extended attribute", |t| attribute(t, b"\0", 1), |_| {}),
            row(
                "a name of no namespace",
                PROTOCOL,
                "of no namespace",
                |t| attribute(t, b"user\0", 1),
                |t| attribute(t, b"user.x\0", 1),
            ),
            row(
                "an access control list by another name",
                PROTOCOL,
                "of no namespace",
                |t| attribute(t, b"system.posix_acl_access\0", 1),
                |t| attribute(t, b"user.posix_acl_access\0", 1),
            ),
            row(
                "a name of 256 bytes",
                LIMIT,
                "the length of an attribute's name",
                |t| attribute(t, &[b"user.", &[b'n'; 251][..], b"\0"].concat(), 1),
                |t| attribute(t, &[b"user.", &[b'n'; 250][..], b"\0"].concat(), 1),
            ),
            row(
                "257 attributes",
                LIMIT,
                "the number of extended attributes of a file",
                |t| with_values(t, 257),
                |t| with_values(t, 256),
            ),
            row(
                "a value of 65,537 bytes",
                LIMIT,
                "the length of an attribute's value",
                |t| attribute(t, b"user.n\0", 65_537),
                |t| attribute(t, b"user.n\0", 32),
            ),
            row(
                "more than 1 MiB of values",
                LIMIT,
                "the size of a file's extended attributes",
                |t| (0..17).for_each(|n| attribute(t, format!("user.n{n}\0").as_bytes(), 65_000)),
                |t| (0..17).for_each(|n| attribute(t, format!("user.n{n}\0").as_bytes(), 31)),
            ),
            row(
                "a set that was never sent",
                PROTOCOL,
                "was not sent",
                |t| {
                    t.then(Point::BeforeList, |s| {
                        s.encoder().assume_attributes(9);
                    });
                },
                // The second time it is the same set.
                |t| {
                    ["d", "h"].iter().for_each(|path| {
                        t.item(path).xattrs.push((b"user.same\0".to_vec(), b"v".to_vec()));
                    });
                },
            ),
        ],
    );
}

#[test]
pub fn of_lists() {
    let row = |what, code, says, lie, twin| Row { what, lie, twin, code, says };
    fn name(permissions: i32) -> TestAclName {
        TestAclName { is_user: true, id: 77, permissions, name: None }
    }
    let teller = Teller::new(&["-A"]).with(|t| t.list.acls = true);
    teller.tell(
        SHAPES,
        &[
            row(
                "more than all permissions",
                STREAM,
                "an access control list",
                |t| t.item("b").acl.mask = Some(8),
                |t| t.item("b").acl.mask = Some(7),
            ),
            row(
                "permissions of nobody",
                STREAM,
                "an access control list",
                |t| t.item("b").acl.other = Some(-1),
                |t| t.item("b").acl.other = Some(0),
            ),
            row(
                "more than all permissions for somebody",
                STREAM,
                "an access control list",
                |t| t.item("b").acl.names = vec![name(9)],
                |t| {
                    t.item("b").acl.names = vec![name(5)];
                    t.item("b").acl.mask = Some(5);
                },
            ),
            row(
                "8,192 entries",
                LIMIT,
                "the number of entries of an access control list",
                |t| t.item("b").acl.names = vec![name(5); 8192],
                |t| {
                    t.item("b").acl.names = (1..=100).map(|id| TestAclName { id, ..name(5) }).collect();
                    t.item("b").acl.mask = Some(7);
                },
            ),
            row(
                "a list that was never sent",
                PROTOCOL,
                "was not sent",
                |t| {
                    t.then(Point::BeforeList, |s| {
                        s.encoder().assume_lists(9);
                    });
                },
                |t| {
                    ["a", "b"].iter().for_each(|path| {
                        t.item(path).acl.names = vec![name(4)];
                        t.item(path).acl.mask = Some(5);
                    });
                },
            ),
        ],
    );
}

/// Values of attributes, told for `b`, which has one of 40 bytes.
fn values(tale: &mut Tale, told: &'static [(i32, usize)]) {
    tale.item("b").xattrs.push((b"user.long\0".to_vec(), vec![b'v'; 40]));
    let content = vec![b'b'; 5000];
    tale.answers("b", move |s, request| {
        s.begin_answer(request.index, request.flags);
        let values: Vec<_> = told.iter().map(|(number, len)| (*number, vec![b'v'; *len])).collect();
        let values: Vec<_> = values.iter().map(|(number, value)| (*number, &value[..])).collect();
        s.xattr_values(&values).layout(request.layout);
        s.part(Part::Literal(&content)).end_of_file(&content);
    });
}

#[test]
pub fn of_values() {
    let row = |what, code, says, lie| Row { what, lie, twin: |t| values(t, &[(1, 40)]), code, says };
    let teller = Teller::new(&["-X"]).with(|t| t.list.xattrs = true);
    teller.tell(
        &[Shape::WHOLE, Shape::RECENT],
        &[
            row("none of those that were asked for", PROTOCOL, "left out extended attributes", |t| {
                values(t, &[]);
            }),
            row("another one", PROTOCOL, "which it was not asked for", |t| values(t, &[(2, 40)])),
            row("the same twice", STREAM, "a block layout", |t| values(t, &[(1, 40), (1, 40)])),
            row("one of 65,537 bytes", LIMIT, "the length of an attribute's value", |t| {
                values(t, &[(1, 65_537)]);
            }),
        ],
    );
}
