//! A session made up of a small tree: told honestly, it comes to just that tree, in whatever frames and with whatever
//! messages between; told with damage, nothing that was not asked for is handed out, nothing leads out of the root, the
//! end is the same however the bytes are cut, all that came before the damage comes again, and a file whose answer lies
//! outside of the damage is what the server has.
//!
//! There is no sum over the list, so nobody sees that a name, a mode or a time in it is another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::EntryRef;
use rsync_proto::wire::frame::{MAX_DATA, Tag};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::damage::damage;
use rsync_proto_fuzz::framed::Framed;
use rsync_proto_fuzz::kept::{assert_kept, damaged_part};
use rsync_proto_fuzz::player::{Played, Player, Want};
use rsync_proto_fuzz::story::Story;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let story = Story::new(&mut choices);
    let wants = |entry: EntryRef<'_>| story.wants.get(entry.path().as_bytes()).cloned();
    let (frame, cut) = (1 + choices.below(300), 1 + choices.below(100));
    let text: (Tag, &[u8]) = (Tag::Info, b"between frames\n");
    let known = if story.agreed.protocol < 30 { 1 } else { 2 };
    let between = &[text, (Tag::Noop, b"")][..choices.below(known + 1)];

    assert_honest(&story, &play(&story, &wants, &story.script.bytes(), MAX_DATA));
    let framed = story.script.framed(frame, between);
    assert_honest(&story, &play(&story, &wants, &framed, cut));

    if choices.is_empty() {
        return;
    }
    // What is in the frames is changed, or the frames are.
    let (honest, bytes) = if choices.flag() {
        let mut bytes = framed.clone();
        damage(&mut bytes, &mut choices);
        let part = damaged_part(&framed, &bytes);
        let pieces = [&framed[..part.start], &framed[part.clone()], &framed[part.end..]];
        (play_in(&story, &wants, &pieces), bytes)
    } else {
        let mut told = Framed::read(&framed);
        let mut stream = told.stream.clone();
        damage(&mut stream, &mut choices);
        let part = damaged_part(&told.stream, &stream);
        let pieces = [0..part.start, part.clone(), part.end..told.stream.len()];
        let pieces = told.write_in(&pieces, frame);
        let honest = play_in(&story, &wants, &pieces.each_ref().map(|piece| &piece[..]));
        told.stream = stream;
        let all = 0..told.stream.len();
        (honest, told.write_in(&[all], frame).concat())
    };
    assert_honest(&story, &honest);
    let whole = play(&story, &wants, &bytes, bytes.len().max(1));
    let parts = play(&story, &wants, &bytes, cut);
    whole.assert_same(&parts, &story.agreed);
    assert_kept(&story, &honest, &whole);
});

fn play(story: &Story, wants: &dyn Fn(EntryRef<'_>) -> Option<Want>, bytes: &[u8], cut: usize) -> Played {
    Player::new(&story.agreed, wants).play(bytes.chunks(cut))
}

fn play_in(story: &Story, wants: &dyn Fn(EntryRef<'_>) -> Option<Want>, pieces: &[&[u8]]) -> Played {
    Player::new(&story.agreed, wants).play(pieces.iter().copied())
}

fn assert_honest(story: &Story, played: &Played) {
    let end = &played.result;
    assert!(end.is_ok(), "an honest session fails: {end:?}\n{}", played.course);
    assert_eq!(played.entries, story.entries);
    let (came, wrong): (Vec<_>, Vec<_>) = played.files.iter().partition(|file| file.verified);
    assert_eq!(came.len(), story.contents.len(), "every file came once");
    for file in came {
        assert!(story.contents.get(&file.path) == Some(&file.content), "{:?}", file.path);
    }
    let mut wrong: Vec<_> = wrong.into_iter().map(|file| file.path.clone()).collect();
    wrong.sort();
    assert_eq!(wrong, story.wrong, "every file with a wrong sum is asked for once more");
    let mut refused = played.not_sent.clone();
    refused.sort();
    assert_eq!(refused, story.refused);
}
