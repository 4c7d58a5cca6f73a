//! Content that cannot be, is too much, or is not what its sum says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use end_to_end::scripted::{Request, Shape, Tale};
use rsync_proto::scripted::{Part, Script};

use crate::rows::{PARTIAL, PROTOCOL, Row, STREAM, Teller};

const SHAPES: &[Shape] = &[Shape::WHOLE, Shape::RECENT, Shape::ALL[0], Shape::ALL[1]];

/// The answer for `b` with this content in place of the honest one.
fn content_of_b(tale: &mut Tale, say: impl Fn(&mut Script) + Send + Sync + 'static) {
    tale.answers("b", move |s, request| {
        begin(s, request);
        say(s);
    });
}

fn begin(script: &mut Script, request: &Request) {
    script.begin_answer(request.index, request.flags).layout(request.layout);
}

#[test]
pub fn literals_and_blocks() {
    Teller::new(&[]).tell(
        SHAPES,
        &[
            Row {
                what: "a literal of 2 GiB",
                lie: |t| {
                    content_of_b(t, |s| {
                        s.data(&i32::MAX.to_le_bytes());
                    });
                },
                twin: |t| {
                    content_of_b(t, |s| {
                        s.part(Part::Literal(&[b'b'; 5000])).end_of_file(&[b'b'; 5000]);
                    });
                },
                code: PROTOCOL,
                says: "can be missing of a file",
            },
            Row {
                what: "the smallest number",
                lie: |t| {
                    content_of_b(t, |s| {
                        s.data(&i32::MIN.to_le_bytes());
                    });
                },
                twin: |_| {},
                code: STREAM,
                says: "a token",
            },
            Row {
                what: "a block of nothing",
                lie: |t| {
                    content_of_b(t, |s| {
                        s.part(Part::Block(0));
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "it referred to block 0 of 0",
            },
            Row {
                what: "a block behind the last",
                lie: |t| {
                    t.answers("a", |s, request| {
                        begin(s, request);
                        s.part(Part::Block(request.layout.count));
                    });
                },
                twin: |t| {
                    t.contents.insert(b"a".to_vec(), b"older than what comes".to_vec());
                    t.item("a").size = 21;
                    t.answers("a", |s, request| {
                        begin(s, request);
                        s.part(Part::Block(0)).end_of_file(b"older than what comes");
                    });
                },
                code: PROTOCOL,
                says: "it referred to block 1 of 1",
            },
            Row {
                what: "the greatest block",
                lie: |t| {
                    t.answers("a", |s, request| {
                        begin(s, request);
                        s.data(&(i32::MIN + 1).to_le_bytes());
                    });
                },
                twin: |_| {},
                code: PROTOCOL,
                says: "it referred to block",
            },
        ],
    );
}

/// A file that may have grown since it was listed ends where its sum says.
#[test]
pub fn that_is_longer_or_shorter_than_announced() {
    for shape in SHAPES {
        for content in [&[b'b'; 7000][..], &[b'b'; 3000], b""] {
            let twin = |tale: &mut Tale| {
                tale.contents.insert(b"b".to_vec(), content.to_vec());
            };
            Teller::new(&[]).passes(&format!("{} bytes", content.len()), *shape, twin);
        }
    }
}

#[test]
pub fn whose_sum_is_wrong() {
    for shape in SHAPES {
        // Wrong so many times, and then right.
        for (times, code) in [(0, 0), (1, 0), (2, PARTIAL), (usize::MAX, PARTIAL)] {
            let change = |tale: &mut Tale| {
                let told = Arc::new(AtomicUsize::new(0));
                tale.answers("b", move |s, request| {
                    let wrong = told.fetch_add(1, Ordering::Relaxed) < times;
                    begin(s, request);
                    s.part(Part::Literal(&[b'b'; 5000]));
                    s.end_of_file(if wrong { b"else" } else { &[b'b'; 5000] });
                });
            };
            match code {
                0 => Teller::new(&[]).passes(&format!("a wrong sum {times} times"), *shape, change),
                _ => Teller::new(&[]).fails_only("b", "a wrong sum again and again", *shape, change),
            }
        }
    }
}
