//! Packed content as a whole: flags that mean nothing, blocks that are not there, runs that lead nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;
use rsync_proto::scripted::{Part, Script};

use crate::packed::{kinds, packed_a};
use crate::rows::{LIMIT, PROTOCOL, Row, STREAM, Teller, basis};

/// Lists in one piece and in segments; and old deflate, whose content is unpacked elsewhere.
const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[1], Shape::ALL[0]];

fn teller() -> Teller {
    Teller::new(&["-z"]).with(|t| {
        t.compress(if t.shape.negotiates { CompressionKind::Lz4 } else { CompressionKind::Zlib });
    })
}

/// The answer for `m` with this said of its blocks, which comes to this content.
fn blocks_of_m(tale: &mut Tale, content: &[u8], say: impl Fn(&mut Script) + Send + Sync + 'static) {
    tale.file("m", content);
    let content = content.to_vec();
    tale.answers("m", move |s, request| {
        s.begin_answer(request.index, request.flags).layout(request.layout);
        say(s);
        s.end_of_file(&content);
    });
}

/// Blocks of 700 bytes; there are 287 of them, of which the last is shorter.
fn blocks(range: std::ops::Range<usize>) -> Vec<u8> {
    let basis = basis();
    basis[range.start * 700..(range.end * 700).min(basis.len())].to_vec()
}

#[test]
pub fn to_blocks() {
    let row = |what, code, says, lie, twin| Row { what, lie, twin, code, says };
    teller().tell(
        SHAPES,
        &[
            row(
                "packed: a flag that means nothing",
                STREAM,
                "the flag 0x22",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0x22, 0, 0, 0, 0]);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(0..1), |s| {
                        s.data(&[0x20, 0, 0, 0, 0]);
                    });
                },
            ),
            row(
                "packed: the least flag that means nothing",
                STREAM,
                "the flag 0x01",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[1]);
                    });
                },
                |t| blocks_of_m(t, b"", |_| {}),
            ),
            row(
                "packed: a run of no blocks",
                STREAM,
                "a run of no blocks",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0xc0, 0, 0]);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(0..2), |s| {
                        s.data(&[0xc0, 1, 0]);
                    });
                },
            ),
            row(
                "packed: a far run of no blocks",
                STREAM,
                "a run of no blocks",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0x21, 200, 0, 0, 0, 0, 0]);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(200..202), |s| {
                        s.data(&[0x21, 200, 0, 0, 0, 1, 0]);
                    });
                },
            ),
            row(
                "packed: a negative block",
                STREAM,
                "a reference beyond all numbers",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0x20, 0, 0, 0, 0x80]);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(128..129), |s| {
                        s.data(&[0x20, 128, 0, 0, 0]);
                    });
                },
            ),
            row(
                "packed: the greatest block",
                PROTOCOL,
                "it referred to block 2147483647 of 287",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0x20, 0xff, 0xff, 0xff, 0x7f]);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(255..256), |s| {
                        s.data(&[0x20, 0xff, 0, 0, 0]);
                    });
                },
            ),
            row(
                "packed: a block behind the last",
                PROTOCOL,
                "it referred to block 287 of 287",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.refer(287, 1);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(286..287), |s| {
                        s.refer(286, 1);
                    });
                },
            ),
            row(
                "packed: a run of blocks beyond the last",
                PROTOCOL,
                "it referred to block 287 of 287",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.refer(285, 3);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(285..287), |s| {
                        s.refer(285, 2);
                    });
                },
            ),
            row(
                "packed: near steps beyond the last block",
                PROTOCOL,
                "it referred to block 315 of 287",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0xbf; 5]);
                    });
                },
                |t| {
                    let content = [63, 126, 189, 252].map(|number| blocks(number..number + 1));
                    blocks_of_m(t, &content.concat(), |s| {
                        s.data(&[0xbf; 4]);
                    });
                },
            ),
        ],
    );
}

#[test]
pub fn of_content() {
    let row = |what, code, says, lie, twin| Row { what, lie, twin, code, says };
    teller().tell(
        SHAPES,
        &[
            row(
                "packed: blocks where there is no basis",
                PROTOCOL,
                "it referred to block 0 of 0",
                |t| {
                    t.answers("b", |s, request| {
                        s.begin_answer(request.index, request.flags).layout(request.layout).refer(0, 1);
                    });
                },
                |t| {
                    blocks_of_m(t, &blocks(0..1), |s| {
                        s.refer(0, 1);
                    });
                },
            ),
            row(
                "packed: runs of nothing for ever",
                LIMIT,
                "packed data that comes to nothing",
                |t| {
                    blocks_of_m(t, b"", |s| {
                        s.data(&[0x40, 0].repeat(150_000));
                    });
                },
                |t| {
                    blocks_of_m(t, b"something", |s| {
                        s.data(&[0x40, 0].repeat(130_000)).part(Part::Literal(b"something"));
                    });
                },
            ),
        ],
    );
}

/// Where a file ends, its sum follows, and then something that begins anew.
#[test]
pub fn behind_the_end() {
    for shape in SHAPES {
        let twin = |t: &mut Tale| {
            blocks_of_m(t, &blocks(0..1), |s| {
                s.refer(0, 1);
            });
        };
        let lie = |t: &mut Tale| {
            blocks_of_m(t, &blocks(0..1), |s| {
                s.refer(0, 1).data(&[0]).refer(1, 1);
            });
        };
        teller().passes("one block", *shape, twin);
        teller().fails_somehow("packed: a block behind the end", *shape, lie, &[PROTOCOL, STREAM]);
    }
}

/// The sum is taken over what was unpacked.
#[test]
pub fn whose_sum_is_wrong() {
    for shape in [Shape::RECENT, Shape::ALL[0], Shape::ALL[4]] {
        for kind in kinds(shape) {
            let wrong = |times: usize| {
                move |t: &mut Tale| {
                    t.compress(*kind);
                    let told = Arc::new(AtomicUsize::new(0));
                    blocks_of_m(t, b"packed content", move |s| {
                        let wrong = told.fetch_add(1, Ordering::Relaxed) < times;
                        s.part(Part::Literal(if wrong { b"Packed content" } else { b"packed content" }));
                    });
                }
            };
            let teller = Teller::new(&["-z"]);
            teller.passes("packed content that is wrong once", shape, wrong(1));
            teller.fails_only("m", "packed content that is wrong again", shape, wrong(2));
        }
    }
}

/// A run is as long as it says; what follows is no part of it.
#[test]
pub fn with_another_length_than_they_have() {
    for shape in [Shape::RECENT, Shape::ALL[1], Shape::ALL[0]] {
        for kind in kinds(shape) {
            let lie = |more: i32| {
                move |t: &mut Tale| {
                    t.compress(*kind);
                    packed_a(t, b"", b"something in a run of its own");
                    t.answers("a", move |s, request| {
                        s.begin_answer(request.index, request.flags).layout(request.layout);
                        let run = s.pack(b"something in a run of its own").concat();
                        s.data(&[0x40, (run.len() as i32 + more) as u8]).data(&run);
                        s.end_of_file(b"something in a run of its own");
                    });
                }
            };
            let teller = Teller::new(&["-z"]);
            teller.passes("a run of its length", shape, lie(0));
            for (what, more) in [("a run that is shorter than it says", 9), ("a run that is longer", -9)] {
                teller.fails_somehow(what, shape, lie(more), &[PROTOCOL, STREAM]);
            }
        }
    }
}
