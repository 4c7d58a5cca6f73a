//! How fast a large tree is listed. To be run by hand, on a release build:
//! `LIST_TREE=/dev/shm/tree cargo test --release … -- --ignored --nocapture how_fast`.

use std::sync::Arc;
use std::time::Instant;

use super::{BOUNDS, Ear, rules, terms};
use crate::server::list::{List, Tree};
use crate::wire::IndexCodec;

#[test]
#[ignore = "a measurement"]
fn how_fast() {
    let Some(path) = std::env::var_os("LIST_TREE") else { return };
    let tree = Arc::new(Tree::open(path.as_ref()).unwrap());
    for inc_recurse in [true, false] {
        let terms = terms((32, true, inc_recurse));
        for _ in 0..3 {
            let (mut ear, mut out, mut bytes) = (Ear::default(), Vec::new(), 0);
            let began = Instant::now();
            let mut list = List::begin(&tree, &terms, rules(&[]), None, &BOUNDS, &mut out, &mut ear).unwrap();
            let mut codec = IndexCodec::new(32);
            loop {
                bytes += out.len();
                out.clear();
                if !list.next_segment(&mut codec, &mut out, &mut ear).unwrap() {
                    break;
                }
                if list.waiting() > 10_000 {
                    list.let_go().unwrap();
                }
            }
            let seconds = began.elapsed().as_secs_f64();
            let entries = list.figures().entries();
            println!(
                "segments {inc_recurse}: {entries} entries, {bytes} bytes in {seconds:.3} s: {:.0} a second",
                entries as f64 / seconds
            );
        }
    }
}
