//! Whatever a server sends after the handshake, to a client that asks for all that it is offered: nothing that was not
//! asked for is handed out, nothing leads out of the root, and what happens is the same however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::EntryRef;
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::player::{Player, everything};
use rsync_proto_fuzz::shape;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let agreed = shape::read(&mut choices);
    let (with_basis, step) = (choices.flag(), 1 + choices.below(40));
    let bytes = choices.rest();
    let wants = |entry: EntryRef<'_>| everything(entry, with_basis);
    let play = |step: usize| Player::new(&agreed, &wants).play(bytes.chunks(step));
    let whole = play(bytes.len().max(1));
    whole.assert_same(&play(step), &agreed);
});
