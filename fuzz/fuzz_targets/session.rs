//! A session made up of a small tree: told honestly, it comes to just that tree, in whatever frames and with whatever
//! messages between; told with damage, nothing that was not asked for is handed out, nothing leads out of the root, the
//! end is the same however the bytes are cut, and no content is verified that the server does not have.
//!
//! There is no sum over the list, so nobody sees that a name, a mode or a time in it is another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::EntryRef;
use rsync_proto::wire::frame::{self, HEADER_LEN, MAX_DATA, Tag};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::damage::damage;
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
    let bytes = if choices.flag() {
        let mut bytes = framed;
        damage(&mut bytes, &mut choices);
        bytes
    } else {
        let mut stream = unframed(&framed);
        damage(&mut stream, &mut choices);
        reframed(&stream, frame)
    };
    let whole = play(&story, &wants, &bytes, bytes.len().max(1));
    let parts = play(&story, &wants, &bytes, cut);
    whole.assert_same(&parts, &story.agreed);
    for file in whole.files.iter().filter(|file| file.verified) {
        let known = story.contents.values().any(|content| *content == file.content);
        assert!(known, "content that the server does not have was verified: {:?}", file.path);
    }
});

fn play(story: &Story, wants: &dyn Fn(EntryRef<'_>) -> Option<Want>, bytes: &[u8], cut: usize) -> Played {
    Player::new(&story.agreed, wants).play(bytes.chunks(cut))
}

fn assert_honest(story: &Story, played: &Played) {
    let end = &played.result;
    assert!(end.is_ok(), "an honest session fails: {end:?}\n{}", played.course);
    assert_eq!(played.entries, story.entries);
    assert_eq!(played.files.len(), story.contents.len(), "every file came once");
    for file in &played.files {
        assert!(file.verified, "{:?}", file.path);
        assert!(story.contents.get(&file.path) == Some(&file.content), "{:?}", file.path);
    }
    let mut refused = played.not_sent.clone();
    refused.sort();
    assert_eq!(refused, story.refused);
}

/// The stream in these frames, without messages.
fn unframed(mut bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
        let (tag, len) = frame::parse_header(*header).expect("the frames are ours");
        if tag == Tag::Data {
            stream.extend_from_slice(&rest[..len]);
        }
        bytes = &rest[len..];
    }
    stream
}

fn reframed(stream: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in stream.chunks(size) {
        frame::put_data_header(&mut bytes, piece.len());
        bytes.extend_from_slice(piece);
    }
    bytes
}
