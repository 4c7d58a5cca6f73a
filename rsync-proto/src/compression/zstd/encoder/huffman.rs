//! Codes for bytes, the frequent ones short.

/// The longest code.
const LONGEST: u32 = 11;
/// Weights can be told as they are for so many bytes at most.
const MOST_TOLD: usize = 128;

/// A code for each byte that is there.
pub(super) struct Codes {
    /// Code, and how many bits it has.
    pub(super) codes: [(u16, u8); 256],
    /// What the client needs to know of it.
    pub(super) described: Vec<u8>,
}

impl Codes {
    /// Codes for bytes of these counts. Nothing if there is no way to tell of them: for fewer than two different bytes, or
    /// for bytes above 128.
    pub(super) fn new(counts: &[u32; 256]) -> Option<Self> {
        let highest = counts.iter().rposition(|count| *count > 0)?;
        if highest > MOST_TOLD {
            return None;
        }
        let lens = lens(counts)?;
        let longest = *lens.iter().max().expect("there are 256");
        let weight = |len: u8| if len == 0 { 0 } else { longest + 1 - len };
        let mut codes = [(0, 0); 256];
        let mut next = 0u16;
        for len in (1..=longest).rev() {
            for (byte, _) in lens.iter().enumerate().filter(|(_, own)| **own == len) {
                codes[byte] = (next, len);
                next += 1;
            }
            next >>= 1;
        }
        // The weight of the highest byte follows from the others.
        let weights: Vec<u8> = lens[..highest].iter().map(|len| weight(*len)).collect();
        let mut described = vec![127 + weights.len() as u8];
        described.extend(weights.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)));
        Some(Self { codes, described })
    }
}

/// Lengths of codes, which fill all that can be said in [`LONGEST`] bits.
fn lens(counts: &[u32; 256]) -> Option<[u8; 256]> {
    let mut order: Vec<usize> = (0..256).filter(|byte| counts[*byte] > 0).collect();
    if order.len() < 2 {
        return None;
    }
    order.sort_by_key(|byte| counts[*byte]);
    // Two rows of nodes, each in order: leaves, and pairs of what came before.
    let mut sums: Vec<u64> = order.iter().map(|byte| counts[*byte].into()).collect();
    let leaves = order.len();
    let mut parents = vec![0; 2 * leaves - 1];
    let (mut leaf, mut pair) = (0, leaves);
    while sums.len() < 2 * leaves - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < leaves && (pair >= sums.len() || sums[leaf] <= sums[pair]);
            let node = if takes_leaf { &mut leaf } else { &mut pair };
            sum += sums[*node];
            parents[*node] = sums.len();
            *node += 1;
        }
        sums.push(sum);
    }
    let mut depths = vec![0u32; sums.len()];
    for node in (0..sums.len() - 1).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    let mut lens = [0; 256];
    // In parts of the longest code.
    let mut used = 0u32;
    for (byte, depth) in order.iter().zip(&depths) {
        let len = (*depth).min(LONGEST);
        lens[*byte] = len as u8;
        used += 1 << (LONGEST - len);
    }
    // What was cut short took too much: the rarest give way, and the most frequent take what is left.
    let all = 1 << LONGEST;
    while used > all {
        let byte = *order.iter().find(|byte| u32::from(lens[**byte]) < LONGEST)?;
        lens[byte] += 1;
        used -= 1 << (LONGEST - u32::from(lens[byte]));
    }
    while used < all {
        let fits =
            |byte: &&usize| lens[**byte] > 1 && used + (1 << (LONGEST - u32::from(lens[**byte]))) <= all;
        let byte = *order.iter().rev().find(fits)?;
        used += 1 << (LONGEST - u32::from(lens[byte]));
        lens[byte] -= 1;
    }
    Some(lens)
}
