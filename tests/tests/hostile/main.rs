//! A server that breaks the rules: each lie has its error and its exit code, nothing beyond the destination changes,
//! what was there stays, and an honest twin passes the same code.

mod answers;
mod attributes;
mod bombs;
mod compressions;
mod contents;
mod count;
mod deflate;
mod ends;
mod floods;
mod frames;
mod listings;
mod lists;
mod lz4;
mod names;
mod openings;
mod packed;
mod references;
mod rows;
mod segments;
mod silence;
mod values;
mod words;
mod zstd;

use end_to_end::scripted::Shape;
use rows::Teller;

/// Lists in one piece, and lists in segments.
const BOTH: &[Shape] = &[Shape::WHOLE, Shape::RECENT];

#[test]
fn honest_in_every_shape() {
    for shape in Shape::ALL {
        Teller::new(&[]).passes("honest", shape, |_| {});
    }
}
