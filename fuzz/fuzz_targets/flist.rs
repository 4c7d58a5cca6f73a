//! File lists of every shape: an honest one comes back entry by entry; one lie makes an error of the server's of it;
//! and whatever bytes stand there, it makes no difference how they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::ListOptions;
use rsync_proto::scripted::segments;
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::items::tree;
use rsync_proto_fuzz::lies::tell_lie;
use rsync_proto_fuzz::lists::{assert_comes_back, decode, encode, read_any, read_whole};
use rsync_proto_fuzz::shape;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let mut asked = shape::read(&mut choices).list;
    match choices.below(3) {
        0 => {
            let bytes = choices.rest();
            let whole = read_any(&asked, bytes, bytes.len().max(1));
            assert_eq!(whole, read_any(&asked, bytes, 1), "it depends on how the bytes are cut");
        }
        1 => {
            asked = ListOptions { access_times: false, ..shape::of_all(asked) };
            let items = tree(&mut choices, &asked, 24);
            assert_comes_back(&asked, &items);
        }
        _ => {
            asked = ListOptions { access_times: false, ..shape::of_all(asked) };
            let mut items = tree(&mut choices, &asked, 12);
            let Some(lie) = tell_lie(&mut choices, &mut items, &mut asked) else { return };
            let mut cut = if asked.inc_recurse { segments(&items) } else { vec![(None, items.clone())] };
            // What lies in no directory of the tree stands in no segment.
            if !cut.iter().any(|(_, items)| items.iter().any(|item| item.path == lie.1)) {
                cut[0].1.extend(items.pop());
            }
            let lie = lie.0;
            let error = decode(&asked, &encode(&asked, &cut)).expect_err(lie);
            read_whole(&error);
        }
    }
});
