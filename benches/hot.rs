//! The parts that every byte or every file of a transfer goes through.
#![allow(missing_docs, reason = "the macros of the harness make undocumented functions")]

use std::hint::black_box;

use benches::{decode, list, list_options, noise, play, story};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fast_rsync::{Signature, SignatureOptions};
use rsync_proto::checksum::{BlockSummer, ChecksumKind, FileSummer, weak_sum};
use rsync_proto::delta::{BlockLayout, put_block_sums};

const BLOCK: usize = 32 * 1024;
const ENTRIES: usize = 10_000;
const FILES: usize = 2_000;
const BASIS: usize = 4 << 20;
const SMALL_BLOCK: u32 = 512;

fn sums(criterion: &mut Criterion) {
    let block = noise(BLOCK);
    let mut group = criterion.benchmark_group("sums of a block of 32 KiB");
    group.throughput(Throughput::Bytes(BLOCK as u64));
    group.bench_function("weak", |bencher| bencher.iter(|| weak_sum(black_box(&block))));
    for kind in ChecksumKind::ALL {
        let summer = BlockSummer { kind, seed: 7, seed_first: true, seeds_files: false };
        group.bench_function(format!("block, {}", kind.name()), |bencher| {
            bencher.iter(|| summer.sum(black_box(&block)));
        });
        group.bench_function(format!("file, {}", kind.name()), |bencher| {
            bencher.iter(|| FileSummer::of(kind, black_box(&block)));
        });
    }
}

/// The sums of a basis, as they go out; with MD4, beside those of another library that knows nothing else.
fn signature(criterion: &mut Criterion) {
    let basis = noise(BASIS);
    let mut group = criterion.benchmark_group("sums of 4 MiB in blocks of 512 bytes");
    group.throughput(Throughput::Bytes(BASIS as u64));
    for kind in [ChecksumKind::Xxh128, ChecksumKind::Md5, ChecksumKind::Md4] {
        let summer = BlockSummer { kind, seed: 0, seed_first: true, seeds_files: false };
        let layout =
            BlockLayout::with_blocks(SMALL_BLOCK, BASIS as u64, true, kind.sum_len()).expect("it has one");
        group.bench_function(kind.name(), |bencher| {
            bencher.iter(|| {
                let mut sums = Vec::with_capacity(BASIS / SMALL_BLOCK as usize * 20);
                for block in black_box(&basis).chunks(SMALL_BLOCK as usize) {
                    put_block_sums(&mut sums, &summer, &layout, block);
                }
                sums
            });
        });
    }
    let options = SignatureOptions { block_size: SMALL_BLOCK, crypto_hash_size: 16 };
    group.bench_function("md4, fast_rsync", |bencher| {
        bencher.iter(|| Signature::calculate(black_box(&basis), options));
    });
}

fn file_list(criterion: &mut Criterion) {
    let (bytes, options) = (list(ENTRIES), list_options());
    let mut group = criterion.benchmark_group("file list");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("a segment of 10,000 files", |bencher| {
        bencher.iter(|| decode(&options, black_box(&bytes)));
    });
}

fn session(criterion: &mut Criterion) {
    let story = story(FILES);
    let mut group = criterion.benchmark_group("a session");
    group.throughput(Throughput::Elements(FILES as u64));
    group.bench_function("2,000 files: list, requests, tokens", |bencher| {
        bencher.iter(|| play(black_box(&story)));
    });
}

criterion_group!(benches, sums, signature, file_list, session);
criterion_main!(benches);
