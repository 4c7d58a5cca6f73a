//! The parts that every byte or every file of a transfer goes through.
#![allow(missing_docs, reason = "the macros of the harness make undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsync_proto::checksum::{BlockSummer, ChecksumKind, FileSummer, weak_sum};
use rsync_proto::chmod::ModeChanges;
use rsync_proto::filter::ListFilter;
use rsync_proto::flist::{Asked, ListDecoder, ListOptions};
use rsync_proto::limits::Limits;
use rsync_proto::wire::{Cursor, flags, put};

const BLOCK: usize = 32 * 1024;
const ENTRIES: usize = 10_000;

fn sums(criterion: &mut Criterion) {
    let block: Vec<u8> = (0..BLOCK as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
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

/// A directory of small files, as it stands on the wire.
fn list() -> Vec<u8> {
    let mut bytes = Vec::new();
    let same = flags::entry::SAME_UID | flags::entry::SAME_GID | flags::entry::NANOSECONDS;
    for number in 0..ENTRIES {
        let name = format!("file-{number:08}");
        put::varint(&mut bytes, same as i32);
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        put::varlong(&mut bytes, number as i64, 3);
        put::varlong(&mut bytes, 1_700_000_000 + number as i64, 4);
        put::varint(&mut bytes, 123_456_789);
        put::u32(&mut bytes, flags::mode::REGULAR | 0o644);
    }
    bytes.extend([0, 0]);
    bytes
}

fn file_list(criterion: &mut Criterion) {
    let bytes = list();
    let options = ListOptions {
        protocol: 32,
        recursive: true,
        dirs: false,
        varint_flags: true,
        inc_recurse: true,
        safe_flist: true,
        id0_names: true,
        owner: true,
        group: true,
        numeric_ids: true,
        links: true,
        devices: true,
        specials: true,
        hard_links: true,
        acls: false,
        xattrs: false,
        sum_len: 0,
        filter: ListFilter::default(),
        access_times: false,
        chmod: ModeChanges::default(),
        munge_links: false,
        asked: Asked::anything(),
        limits: Limits::default(),
    };
    let mut group = criterion.benchmark_group("file list");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("a segment of 10,000 files", |bencher| {
        bencher.iter(|| {
            let mut decoder = ListDecoder::new(options.clone());
            decoder.begin();
            let mut cursor = Cursor::new(black_box(&bytes));
            loop {
                if let Some(complete) = decoder.read(&mut cursor).expect("the list is well-formed") {
                    break complete;
                }
            }
        });
    });
}

criterion_group!(benches, sums, file_list);
criterion_main!(benches);
