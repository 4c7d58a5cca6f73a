//! The weak sum over a block: two 16-bit halves, the sum of the bytes and the sum of those sums, bytes taken
//! as signed. A sender can move it along a file byte by byte; a receiver only takes it once for each block.

/// The weak sum of `block`.
pub fn weak_sum(block: &[u8]) -> u32 {
    // A chunk is short enough that 32 bits hold its sums without wrapping in a way that the low 16 bits
    // would not survive, and long enough for the compiler to make vector code of the inner loop.
    const CHUNK: usize = 64;
    let (mut a, mut b) = (0u32, 0u32);
    let mut chunks = block.chunks_exact(CHUNK);
    for chunk in &mut chunks {
        let (mut sum, mut weighted) = (0i32, 0i32);
        for (i, byte) in chunk.iter().enumerate() {
            let value = i32::from(*byte as i8);
            sum += value;
            weighted += value * (CHUNK - i) as i32;
        }
        b = b.wrapping_add(a.wrapping_mul(CHUNK as u32)).wrapping_add(weighted as u32);
        a = a.wrapping_add(sum as u32);
    }
    for byte in chunks.remainder() {
        a = a.wrapping_add(*byte as i8 as u32);
        b = b.wrapping_add(a);
    }
    (a & 0xffff) | (b << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(block: &[u8]) -> u32 {
        let (mut a, mut b) = (0u32, 0u32);
        for byte in block {
            a = a.wrapping_add(*byte as i8 as u32);
            b = b.wrapping_add(a);
        }
        (a & 0xffff) | (b << 16)
    }

    #[test]
    fn agrees_with_the_definition_at_every_length() {
        let data: Vec<u8> = (0..3000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
        for len in (0..300).chain([699, 700, 701, 2999, 3000]) {
            assert_eq!(weak_sum(&data[..len]), naive(&data[..len]), "length {len}");
        }
        assert_eq!(weak_sum(&[0x80; 1000]), naive(&[0x80; 1000]));
    }
}
