//! Content: sizes around every border that block sums and buffers have, holes, and data that compresses or
//! does not.

use super::{Options, Planter};

/// 700 is the smallest block, and up to its square every file has blocks of that size; the powers of two are
/// where buffers, literals and the largest block end.
const BORDERS: &[usize] = &[0, 1, 2, 3, 699, 700, 701, 1399, 1400, 1401];
const LARGER_BORDERS: &[usize] =
    &[32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 262_143, 262_144, 262_145];
const SQUARE: usize = 700 * 700;
const MEBIBYTE: usize = 1 << 20;

pub(super) fn plant(planter: &mut Planter, options: &Options) {
    planter.directory(b"sizes");
    let sizes = BORDERS.iter().chain(LARGER_BORDERS).copied();
    for size in sizes.chain([SQUARE - 1, SQUARE, SQUARE + 1]) {
        let content = planter.random.bytes(size);
        planter.file(format!("sizes/random-{size}").as_bytes(), &content);
    }
    for size in [701, 40_000, 300_000] {
        let content = planter.random.text(size);
        planter.file(format!("sizes/text-{size}").as_bytes(), &content);
    }
    if !options.large_files {
        return;
    }
    for size in [MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 5 * MEBIBYTE + 4_321] {
        let content = planter.random.bytes(size);
        planter.file(format!("sizes/random-{size}").as_bytes(), &content);
    }
    let content = planter.random.text(3 * MEBIBYTE + 77);
    planter.file(b"sizes/text-large", &content);
    planter.file(b"sizes/zeros", &vec![0; 2 * MEBIBYTE]);
    // One block over and over, with one odd block: a search that trusts the rolling sum alone goes astray
    // here.
    let mut same = b"0123456789".repeat(200_000);
    same[1_234_567] = b'!';
    planter.file(b"sizes/same", &same);

    planter.directory(b"holes");
    planter.hole(b"holes/only", 0, b"", 3 * MEBIBYTE);
    planter.hole(b"holes/middle", 2 * MEBIBYTE, b"in the middle", 5 * MEBIBYTE + 1);
    planter.hole(b"holes/end", 4 * MEBIBYTE - 3, b"end", 4 * MEBIBYTE);
}
