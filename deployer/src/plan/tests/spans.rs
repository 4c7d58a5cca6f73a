//! What is erased of a disk before it is laid out.

use super::*;
use crate::plan::facts::{DiskFacts, KernelView, PartitionFacts};
use crate::plan::step::Step;

/// Spans that are erased of a disk of 10 GiB, in units of `unit`, where these partitions are there.
fn erased(unit: u64, there: &[(u64, u64)], stale: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let description = described("clean", [disk("sda", [partition("/", "ext4", "2 GiB")])]);
    let mut facts = empty(&description);
    let of = |places: &[(u64, u64)]| -> Vec<PartitionFacts> {
        let partition = |(start, length): &(u64, u64)| PartitionFacts {
            number: 1,
            node: "/dev/sda1".into(),
            start: *start,
            length: *length,
            content: Default::default(),
            kernel: KernelView::Agrees,
        };
        places.iter().map(partition).collect()
    };
    let DiskFacts { partitions, stale: left, .. } = &mut facts.disks[0];
    (*partitions, *left) = (of(there), of(stale));
    let plan = plan(&description, &facts, PROVISION);
    let spans = plan.steps.iter().find_map(|step| match step {
        Step::Erase { spans, .. } => Some(spans.clone()),
        _ => None,
    });
    spans.expect("it is erased").iter().map(|span| (span.start / unit, span.length / unit)).collect()
}

/// Both ends of the disk, of the room for the boot loader, and of `/`.
const ALWAYS: [(u64, u64); 6] = [(0, 1), (1, 1), (24, 1), (25, 1), (2072, 1), (10239, 1)];

#[test]
fn both_ends_of_the_disk_and_of_what_is_to_be_are_erased() {
    assert_eq!(erased(MIB, &[], &[]), ALWAYS);
}

#[test]
fn both_ends_of_what_is_there_are_erased_too() {
    let with = |more: &[(u64, u64)]| {
        let mut spans = [&ALWAYS[..], more].concat();
        spans.sort_unstable();
        spans
    };
    let found = erased(MIB, &[(3000 * MIB, 100 * MIB)], &[(4000 * MIB, 50 * MIB)]);
    assert_eq!(found, with(&[(3000, 1), (3099, 1), (4000, 1), (4049, 1)]));
    // What is where something is to be is erased once.
    assert_eq!(erased(MIB, &[(25 * MIB, 2048 * MIB), (MIB, 24 * MIB)], &[(25 * MIB, MIB)]), ALWAYS);
}

#[test]
fn what_is_smaller_than_signatures_is_erased_as_a_whole() {
    let found = erased(512, &[(3000 * MIB, 4096)], &[]);
    assert!(found.contains(&(3000 * 2048, 8)), "{found:?}");
    assert_eq!(found.len(), ALWAYS.len() + 1);
    assert_eq!(erased(MIB, &[(3000 * MIB, 0)], &[]), ALWAYS);
}

#[test]
fn nothing_beyond_the_disk_is_erased() {
    let end = 10 << 30;
    // It reaches beyond the disk, begins beyond it, or comes to more than there are numbers.
    for (start, length, more) in [
        (end - 5 * MIB, 100 * MIB, Some((10235, 1))),
        (end, MIB, None),
        (end + MIB, MIB, None),
        (3000 * MIB, u64::MAX, Some((3000, 1))),
        (u64::MAX, u64::MAX, None),
    ] {
        let mut expected = ALWAYS.to_vec();
        expected.extend(more);
        expected.sort_unstable();
        assert_eq!(erased(MIB, &[(start, length)], &[]), expected, "{start} {length}");
    }
}
