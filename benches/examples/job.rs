//! One fixed job, for counting the instructions that it takes: `job list`, `job session` or `job sums`. What it works on
//! is made in every job, so that the counts hold that, too; it is the smaller part.

use std::process::ExitCode;

use benches::{decode, list, list_options, noise, play, story};
use rsync_proto::checksum::{BlockSummer, ChecksumKind, FileSummer};
use rsync_proto::delta::{BlockLayout, SHORT_BLOCK, block_len, put_block_sums};

fn sums() -> usize {
    let basis = noise(4 << 20);
    let summer = BlockSummer { kind: ChecksumKind::Xxh128, seed: 7, seed_first: true, seeds_files: false };
    let size = basis.len() as u64;
    let layout = BlockLayout::with_blocks(block_len(size, SHORT_BLOCK), size, false, 16).expect("it has one");
    let mut sums = Vec::new();
    for block in basis.chunks(layout.block_len as usize) {
        put_block_sums(&mut sums, &summer, &layout, block);
    }
    sums.len() + FileSummer::of(ChecksumKind::Xxh128, &basis).as_bytes().len()
}

fn main() -> ExitCode {
    let job = std::env::args().nth(1).unwrap_or_default();
    let done = match &job[..] {
        "list" => decode(&list_options(), &list(100_000)) as u64,
        "session" => play(&story(4_000)),
        "sums" => sums() as u64,
        _ => {
            eprintln!("job: there are list, session and sums");
            return ExitCode::from(2);
        }
    };
    println!("{done}");
    ExitCode::SUCCESS
}
