//! Answers to what was not asked, and others than what was asked.

use end_to_end::scripted::{Point, Request, Shape, Tale};
use rsync_proto::delta::BlockLayout;
use rsync_proto::scripted::{Part, Script};
use rsync_proto::wire::Index;
use rsync_proto::wire::flags::item;
use rsync_proto::wire::frame::Tag;

use crate::rows::{PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1]];

fn row(what: &'static str, says: &'static str, lie: fn(&mut Tale)) -> Row {
    Row { what, lie, twin: |_| {}, code: PROTOCOL, says }
}

/// Something is said before the first answer.
fn first(tale: &mut Tale, say: impl Fn(&mut Script) + Send + Sync + 'static) {
    tale.then(Point::BeforeAnswers, say);
}

/// The whole answer for `b`, with its beginning told otherwise.
fn answer_b(tale: &mut Tale, begin: impl Fn(&mut Script, &Request) + Send + Sync + 'static) {
    let content = vec![b'b'; 5000];
    tale.answers("b", move |s, request| {
        begin(s, request);
        s.part(Part::Literal(&content)).end_of_file(&content);
    });
}

#[test]
pub fn for_what_was_not_asked() {
    Teller::new(&[]).tell(
        SHAPES,
        &[
            row("the content of a directory", "which is not its turn", |t| {
                first(t, |s| {
                    s.answer("d", item::TRANSFER);
                });
            }),
            row("the content of a symlink", "which is not its turn", |t| {
                first(t, |s| {
                    s.answer("c", item::TRANSFER);
                });
            }),
            row("an index beyond the list", "which is not its turn", |t| {
                first(t, |s| {
                    s.index(Index::File(9999));
                });
            }),
            row("the greatest index", "which is not its turn", |t| {
                first(t, |s| {
                    s.index(Index::File(i32::MAX as u32));
                });
            }),
            row("a file that is here already", "which is not its turn", |t| {
                t.then(Point::BeforeLastEnd, |s| {
                    s.answer("b", item::TRANSFER);
                });
            }),
            row("the refusal of a directory", "which was not asked for", |t| {
                first(t, |s| {
                    let index = s.place("d");
                    s.message(Tag::NoSend, index.to_le_bytes());
                });
            }),
            row("a refusal beyond the list", "which was not asked for", |t| {
                first(t, |s| {
                    s.message(Tag::NoSend, 9999u32.to_le_bytes());
                });
            }),
        ],
    );
}

#[test]
pub fn that_are_no_echo() {
    Teller::new(&[]).tell(
        SHAPES,
        &[
            Row {
                what: "other flags",
                lie: |t| {
                    answer_b(t, |s, request| {
                        s.begin_answer(request.index, request.flags ^ item::REPORT_TIME)
                            .layout(request.layout);
                    });
                },
                twin: |t| {
                    answer_b(t, |s, request| {
                        s.begin_answer(request.index, request.flags).layout(request.layout);
                    });
                },
                code: PROTOCOL,
                says: "it answered 0x",
            },
            row("no content", "it answered 0x", |t| {
                answer_b(t, |s, request| {
                    s.begin_answer(request.index, request.flags & !item::TRANSFER).layout(request.layout);
                });
            }),
            row("a kind of basis", "it answered 0x", |t| {
                answer_b(t, |s, request| {
                    s.begin_answer(request.index, request.flags | item::BASIS_TYPE_FOLLOWS).data(&[0x80]);
                    s.layout(request.layout);
                });
            }),
            row("another name", "it answered 0x", |t| {
                answer_b(t, |s, request| {
                    s.begin_answer(request.index, request.flags | item::NAME_FOLLOWS);
                    s.data(b"\x0e../canary/file").layout(request.layout);
                });
            }),
            row("blocks of a basis that was not offered", "with the block layout", |t| {
                answer_b(t, |s, request| {
                    let layout = BlockLayout { count: 1, block_len: 700, sum_len: 2, remainder: 0 };
                    s.begin_answer(request.index, request.flags).layout(layout);
                });
            }),
            Row {
                code: STREAM,
                ..row("blocks that are larger than any", "a block layout", |t| {
                    answer_b(t, |s, request| {
                        let layout = BlockLayout { count: 1, block_len: 1 << 30, sum_len: 2, remainder: 0 };
                        s.begin_answer(request.index, request.flags).layout(layout);
                    });
                })
            },
        ],
    );
}
