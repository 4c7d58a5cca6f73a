//! Changes to what a server says.

use crate::choices::Choices;

/// Makes up to eight changes.
pub fn damage(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    for _ in 0..1 + choices.below(8) {
        let at = place(bytes, choices);
        match choices.below(8) {
            0 => {
                let bit = choices.below(8);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            1 => {
                let value = choices.u8();
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
            }
            2 => {
                let len = choices.below(12);
                let more = choices.bytes(len).to_vec();
                bytes.splice(at..at, more);
            }
            3 => {
                let end = (at + 1 + choices.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + choices.below(200)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                let to = place(bytes, choices);
                bytes.splice(to..to, again);
            }
            5 => {
                // Two ranges of one length change places.
                let other = place(bytes, choices);
                let (first, second) = (at.min(other), at.max(other));
                let len = (1 + choices.below(40)).min(second - first).min(bytes.len() - second);
                let (head, tail) = bytes.split_at_mut(second);
                head[first..first + len].swap_with_slice(&mut tail[..len]);
            }
            6 => bytes.truncate(at),
            _ => {
                // A number of four bytes becomes one next to it.
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    let value = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                    let step = [1, u32::MAX, 0x100, 0x8000_0000][choices.below(4)];
                    word.copy_from_slice(&value.wrapping_add(step).to_le_bytes());
                }
            }
        }
    }
}

fn place(bytes: &[u8], choices: &mut Choices<'_>) -> usize {
    usize::from(choices.u16()) % (bytes.len() + 1)
}
