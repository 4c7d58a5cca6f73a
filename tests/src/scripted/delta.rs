//! What of a file its client has already: the search that a sender does, the slow and obvious way.

use std::collections::HashMap;

use rsync_proto::delta::BlockLayout;

/// So many bytes tell which blocks come into question.
const KEY: usize = 16;

/// Part of a file's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Literal(&'a [u8]),
    /// Blocks in a row, from this one on.
    Blocks(u32, Vec<&'a [u8]>),
}

/// The whole content, in its order.
pub(super) fn steps<'a>(content: &'a [u8], basis: &[u8], layout: BlockLayout) -> Vec<Step<'a>> {
    let mut places: HashMap<&[u8], Vec<u32>> = HashMap::new();
    let block = |number| {
        let (at, len) = layout.block(number)?;
        basis.get(at as usize..at as usize + len as usize)
    };
    for number in 0..layout.count {
        let known = block(number).map(|block| &block[..block.len().min(KEY)]);
        known.into_iter().for_each(|key| places.entry(key).or_default().push(number));
    }
    let mut steps = Vec::new();
    let (mut at, mut told) = (0, 0);
    while at < content.len() {
        let rest = &content[at..];
        let key =
            |len: u32| Some(len as usize).filter(|len| *len > 0).and_then(|len| rest.get(..len.min(KEY)));
        let found = [layout.block_len, layout.remainder]
            .into_iter()
            .filter_map(|len| places.get(key(len)?))
            .flatten()
            .find_map(|number| Some((block(*number).filter(|block| rest.starts_with(block))?, *number)));
        let Some((found, number)) = found else {
            at += 1;
            continue;
        };
        if told < at {
            steps.push(Step::Literal(&content[told..at]));
        }
        match steps.last_mut() {
            Some(Step::Blocks(first, blocks)) if *first + blocks.len() as u32 == number => {
                blocks.push(&content[at..at + found.len()]);
            }
            _ => steps.push(Step::Blocks(number, vec![&content[at..at + found.len()]])),
        }
        at += found.len();
        told = at;
    }
    if told < at {
        steps.push(Step::Literal(&content[told..]));
    }
    steps
}
