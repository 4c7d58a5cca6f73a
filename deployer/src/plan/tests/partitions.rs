//! Partitions that are there already: how far they may differ from what is described, and what the kernel has to know
//! of them.

use uuid::uuid;

use super::*;
use crate::machine::table::{Entry, Table};
use crate::plan::facts::{KernelView, PartitionFacts};
use crate::plan::step::Step;

const GUID: &str = "11111111-2222-4333-8444-555555555555";

/// `/`, `/srv` with a GUID and a label, and swap.
fn description() -> Description {
    let srv = with(partition("/srv", "xfs", "1 GiB"), "partition_guid", GUID);
    let volumes = [
        partition("/", "ext4", "2 GiB"),
        with(srv, "disk_label", "srv"),
        partition("none", "swap", "512 MiB"),
    ];
    described("verify", [disk("sda", volumes)])
}

/// What differs after a change.
fn after(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let description = description();
    let mut facts = as_described(&description);
    change(&mut facts);
    differences(&description, &facts)
}

#[test]
fn a_partition_may_begin_and_end_a_mib_elsewhere() {
    let moved = |start: i64, length: i64| {
        after(|facts| {
            let entry = facts.entry(3);
            entry.start = entry.start.strict_add_signed(start);
            entry.length = entry.length.strict_add_signed(length);
        })
    };
    let mib = i64::try_from(MIB).unwrap();
    for (start, length) in [(mib, 0), (-mib, 0), (0, mib), (0, -mib), (mib, -2 * mib), (-mib, 2 * mib)] {
        assert_eq!(moved(start, length), NOTHING, "{start} {length}");
    }
    for (start, length) in [(mib + 512, -512 - mib), (-mib - 512, mib + 512), (0, mib + 512), (0, -mib - 512)]
    {
        let [line] = &moved(start, length)[..] else { panic!("one difference of {start} {length}") };
        assert!(line.starts_with("/dev/sda3: expected 1 GiB at 2073 MiB, found "), "{line}");
    }
    // Both ends count, however long it is.
    assert_eq!(moved(5 * mib, 0), ["/dev/sda3: expected 1 GiB at 2073 MiB, found 1 GiB at 2078 MiB"]);
}

#[test]
fn tables_that_differ_are_told() {
    fn other(number: u32) -> Entry {
        Entry {
            number,
            start: 9 << 30,
            length: 3 * MIB,
            kind: uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"),
            guid: uuid!("99999999-2222-4333-8444-555555555555"),
            name: String::new(),
        }
    }
    let cases: &Cases<'_> = &[
        (
            |facts| facts.entry(4).kind = other(4).kind,
            &["/dev/sda4: expected a partition of type 0657fd6d-a4ab-43c4-84e5-0933c84b4f4f, found \
               0fc63daf-8483-4772-8e79-3d69d8477de4"],
        ),
        (
            |facts| facts.entry(3).guid = other(3).guid,
            &["/dev/sda3: expected the GUID 11111111-2222-4333-8444-555555555555, found \
               99999999-2222-4333-8444-555555555555"],
        ),
        // Where none is described, any will do.
        (|facts| facts.entry(2).guid = other(2).guid, &[]),
        // Names are for people.
        (|facts| facts.entry(2).name = "other".into(), &[]),
        (|facts| facts.entries().push(other(7)), &["/dev/sda: partition 7 of 3 MiB is not described"]),
        (
            |facts| {
                facts.entries().retain(|entry| entry.number != 4);
                facts.disks[0].partitions.retain(|partition| partition.number != 4);
            },
            &["/dev/sda4: expected a partition of 512 MiB, found none"],
        ),
    ];
    let description = description();
    assert_each_differs(&description, || as_described(&description), cases);
}

#[test]
fn a_disk_without_a_whole_gpt_is_told() {
    let table = |table: Table| {
        after(|facts| {
            facts.disks[0].table = table;
            facts.disks[0].partitions.clear();
        })
    };
    assert_eq!(table(Table::Mbr), ["/dev/sda: expected a GPT, found an MBR partition table"]);
    assert_eq!(table(Table::None), ["/dev/sda: expected a GPT, found no partition table"]);
    let damage = |facts: &mut Facts| {
        if let Table::Gpt { damaged, .. } = &mut facts.disks[0].table {
            *damaged = Some("its two copies differ".into());
        }
    };
    assert_eq!(after(damage), ["/dev/sda: its partition table is damaged: its two copies differ"]);
}

#[test]
fn contents_and_labels_that_differ_are_told_all_at_once() {
    assert_eq!(
        after(|facts| {
            facts.partition("/dev/sda1").content = content("ext4");
            facts.partition("/dev/sda2").content = content("ext3");
            facts.partition("/dev/sda3").content.label = None;
            facts.partition("/dev/sda4").content = Default::default();
        }),
        [
            "/dev/sda2: expected ext4 on it, found ext3",
            "/dev/sda3: expected the label \"srv\", found \"\"",
            "/dev/sda4: expected swap on it, found nothing that is known",
        ]
    );
    // A label that is not described may be any.
    assert_eq!(after(|facts| facts.partition("/dev/sda2").content.label = Some("x".into())), NOTHING);
}

#[test]
fn partitions_that_the_kernel_has_elsewhere_are_not_touched() {
    let hint = "`partprobe` or a restart makes it read the table again";
    assert_eq!(
        after(|facts| facts.partition("/dev/sda3").kernel = KernelView::HasAnother),
        [format!("/dev/sda3: the kernel has this partition at another place than the table; {hint}")]
    );
    let stale = |facts: &mut Facts| {
        let mut left = facts.partition("/dev/sda4").clone();
        (left.number, left.node) = (5, "/dev/sda5".into());
        facts.disks[0].stale.push(left);
    };
    assert_eq!(
        after(stale),
        [format!("/dev/sda5: the kernel has a partition that is not in the table; {hint}")]
    );
}

#[test]
fn partitions_that_the_kernel_lacks_are_announced_where_they_are() {
    let description = description();
    let mut facts = as_described(&description);
    for node in ["/dev/sda2", "/dev/sda4"] {
        facts.partition(node).kernel = KernelView::LacksIt;
    }
    // Not where they would be laid out.
    let there = facts.partition("/dev/sda4");
    (there.start, there.length) = (there.start + 4096, there.length - 8192);
    let PartitionFacts { start, length, .. } = *there;
    let entry = facts.entry(4);
    (entry.start, entry.length) = (start, length);
    let plan = plan(&description, &facts, PROVISION);
    let Step::Announce { disk, partitions } = &plan.steps[0] else { panic!("{:?}", plan.steps[0]) };
    let places: Vec<_> = partitions.iter().map(|new| (new.number, new.start, new.length)).collect();
    assert_eq!(disk.to_str(), Some("/dev/sda"));
    assert_eq!(places, [(2, 25 * MIB, 2048 * MIB), (4, start, length)]);
    assert_eq!(plan.file_systems[2].bytes, length);
    assert_eq!(
        done(&plan),
        [
            "make 2 partitions of /dev/sda known to the kernel",
            "erase the boot code of /dev/sda until the deployment is complete",
            "note in os that it is not complete",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda",
        ]
    );
}
