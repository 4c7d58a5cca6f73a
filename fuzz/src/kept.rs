//! What damage has to leave alone: all that came before it, and the files whose answers lie outside of it.

use std::ops::Range;

use crate::player::Played;
use crate::story::Story;

/// The part of an honest server's bytes that is not the same in the damaged ones.
pub fn damaged_part(honest: &[u8], damaged: &[u8]) -> Range<usize> {
    let alike = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
    let begin = alike(&mut honest.iter().zip(damaged));
    let rest = honest.len().min(damaged.len()) - begin;
    let behind = alike(&mut honest.iter().rev().zip(damaged.iter().rev())).min(rest);
    begin..honest.len() - behind
}

/// `honest` was played in three chunks: up to the damaged part, this part, and what is behind it.
pub fn assert_kept(story: &Story, honest: &Played, damaged: &Played) {
    let before = honest.reached.first().expect("an honest session comes to its end");
    let course = &honest.course[..before.course];
    assert!(damaged.course.starts_with(course), "{}\nis not how {course} goes on", damaged.course);
    assert_eq!(damaged.entries.get(..before.entries), Some(&honest.entries[..before.entries]));
    assert_eq!(damaged.files.get(..before.files), Some(&honest.files[..before.files]));
    if damaged.result.is_err() || damaged.left || damaged.entries != story.entries {
        return;
    }
    let files = damaged.files.iter().map(|file| &file.path);
    let mut answered: Vec<_> = files.chain(&damaged.not_sent).collect();
    answered.sort();
    answered.dedup();
    assert!(answered.into_iter().eq(story.wants.keys()), "it succeeds without an answer to every request");
    // The index of the first one behind may have been in the damaged part.
    let behind = honest.reached.get(1).map_or(usize::MAX, |behind| behind.begun + 1);
    for (number, file) in honest.files.iter().enumerate() {
        if number >= before.files && number < behind {
            continue;
        }
        for came in damaged.files.iter().filter(|came| came.path == file.path && came.verified) {
            assert!(story.contents.get(&came.path) == Some(&came.content), "{:?} is another", came.path);
        }
    }
}
