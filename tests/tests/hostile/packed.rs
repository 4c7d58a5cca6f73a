//! Packed literals, honest: each compression in each shape of the protocol in which a server can have it.

use end_to_end::random::Random;
use end_to_end::scripted::{Shape, Tale};
use rsync_proto::compression::CompressionKind;

use crate::rows::{Teller, basis};

/// What a server may have chosen where the client leaves it the choice.
pub fn kinds(shape: Shape) -> &'static [CompressionKind] {
    if shape.negotiates { &CompressionKind::ALL } else { &[CompressionKind::Zlib] }
}

/// The answer for `a`: these bytes as they are, in runs, and the content that they are said to stand for.
pub fn packed_a(tale: &mut Tale, packed: &[u8], content: &[u8]) {
    tale.contents.insert(b"a".to_vec(), content.to_vec());
    tale.item("a").size = content.len() as i64;
    let (packed, content) = (packed.to_vec(), content.to_vec());
    tale.answers("a", move |s, request| {
        s.begin_answer(request.index, request.flags).layout(request.layout);
        packed.chunks(0x3fff).fold(s, |s, run| s.run(run)).end_of_file(&content);
    });
}

/// Content of every kind: noise, one byte many times, text, nothing, much of it; and a file of which parts are here.
fn every_kind_of_content(tale: &mut Tale) {
    let mut random = Random::new(2);
    let noise: Vec<u8> = (0..9_000).flat_map(|_| random.number().to_le_bytes()).collect();
    let basis = basis();
    tale.file("noise", &noise);
    tale.file("zeros", &[0; 300_000]);
    tale.file("text", "To be packed, or not to be packed. ".repeat(4000).as_bytes());
    tale.directory("many");
    for number in 0..100 {
        tale.file(&format!("many/{number}"), &noise[number..number + number * number / 2]);
    }
    // Literals that have been seen: in the file, in a matched part near by and far away.
    let parts = [
        &b"new at the beginning"[..],
        &basis[..170_000],
        &basis[100_000..130_000],
        &basis[20..2_000],
        b"new in the middle, new in the middle",
        &basis[120_000..],
        &basis[basis.len() - 50..],
    ];
    tale.file("m", &parts.concat());
    tale.bases.insert(b"m".to_vec(), basis);
}

#[test]
pub fn as_negotiated() {
    for shape in Shape::ALL {
        for kind in kinds(shape) {
            let tale = |tale: &mut Tale| {
                tale.compress(*kind);
                every_kind_of_content(tale);
            };
            Teller::new(&["-z"]).passes(&format!("packed with {}", kind.name()), shape, tale);
        }
    }
}

#[test]
pub fn as_asked_for() {
    for shape in Shape::ALL {
        for (kind, option) in CompressionKind::ALL.iter().zip([
            "--compress-choice=zstd",
            "--compress-choice=lz4",
            "--compress-choice=zlibx",
            "--compress-choice=zlib",
        ]) {
            let tale = |tale: &mut Tale| {
                tale.compression = Some(*kind);
                every_kind_of_content(tale);
            };
            Teller::new(&[option]).passes(&format!("packed with {}", kind.name()), shape, tale);
        }
    }
}

/// Before protocol 31, old deflate forgets where it is in blocks that are longer than its blocks.
#[test]
pub fn between_long_blocks() {
    for shape in Shape::ALL {
        for (kind, frame) in kinds(shape).iter().zip([100, 7, 1, 16_000]) {
            let tale = |tale: &mut Tale| {
                tale.compress(*kind);
                tale.frame = frame;
                every_kind_of_content(tale);
            };
            Teller::new(&["-z", "-B", "100000"]).passes("long blocks", shape, tale);
        }
    }
}
