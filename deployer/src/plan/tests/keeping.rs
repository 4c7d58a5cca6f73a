//! `nailgun_legacy`: what is there is taken as it is, unless nothing of it is to be kept.

use super::facts::{activate, array};
use super::*;
use crate::machine::table::Table;
use crate::plan::facts::KernelView;

fn not_kept(volume: Value) -> Value {
    with(volume, "keep_data", false)
}

/// A root that is made anew beside data that stays.
fn description() -> Description {
    let volumes = [not_kept(partition("/", "ext4", "2 GiB")), partition("/srv", "xfs", "remaining")];
    described("nailgun_legacy", [disk("sda", volumes)])
}

/// The data on a mirror and in a group.
fn on_volumes() -> Description {
    let volumes = || [raid("data", "/srv", "xfs", "1 GiB"), pv("office", "1 GiB")];
    let first = [
        raid("data", "/srv", "xfs", "1 GiB"),
        pv("office", "1 GiB"),
        not_kept(partition("/", "ext4", "2 GiB")),
    ];
    let group = [lv("home", "/home", "ext4", "512 MiB"), not_kept(lv("tmp", "/tmp", "ext4", "512 MiB"))];
    described("nailgun_legacy", [disk("sda", first), disk("sdb", volumes()), vg("office", group)])
}

#[test]
fn sizes_types_and_labels_are_taken_as_they_are() {
    let description = description();
    let mut facts = as_described(&description);
    for number in [2, 3] {
        let entry = facts.entry(number);
        entry.kind = uuid::Uuid::nil();
        (entry.start, entry.length) = (entry.start + 100 * MIB, entry.length - 100 * MIB);
        let (start, length) = (entry.start, entry.length);
        let node = format!("/dev/sda{number}");
        let partition = facts.partition(&node);
        (partition.start, partition.length) = (start, length);
    }
    let mut further = facts.entry(3).clone();
    further.number = 9;
    facts.entries().push(further);
    if let Table::Gpt { damaged, .. } = &mut facts.disks[0].table {
        *damaged = Some("its two copies differ".into());
    }
    facts.partition("/dev/sda2").content = content("btrfs");
    let plan = plan(&description, &facts, PROVISION);
    assert_eq!(
        done(&plan),
        [
            "erase the boot code of /dev/sda until the deployment is complete",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda2",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda",
        ]
    );
    // Sizes are those that there are.
    let sizes: Vec<u64> = plan.file_systems.iter().map(|file_system| file_system.bytes / MIB).collect();
    assert_eq!(sizes, [1948, 8066]);
    let after: Vec<_> = plan.disks[0].after.iter().map(|new| (new.start / MIB, new.length / MIB)).collect();
    assert_eq!(after, [(1, 24), (125, 1948), (2173, 8066)]);
    assert!(!plan.disks[0].laid_out);
}

#[test]
fn what_stands_against_using_it_is_told() {
    let description = description();
    let cases: &Cases<'_> = &[
        (
            |facts| {
                facts.entries().remove(2);
                facts.disks[0].partitions.remove(2);
            },
            &["/dev/sda3: expected a partition of 8166 MiB, found none"],
        ),
        (
            |facts| facts.partition("/dev/sda3").content = content("ext4"),
            &["/dev/sda3: expected xfs on it, found ext4"],
        ),
        (
            |facts| facts.partition("/dev/sda3").kernel = KernelView::HasAnother,
            &[
                "/dev/sda3: the kernel has this partition at another place than the table; `partprobe` or a restart \
               makes it read the table again",
            ],
        ),
        (
            |facts| {
                facts.disks[0].table = Table::None;
                facts.disks[0].partitions.clear();
            },
            &["/dev/sda: expected a GPT, found no partition table"],
        ),
    ];
    assert_each_differs(&description, || as_described(&description), cases);
}

#[test]
fn where_nothing_is_kept_the_disks_are_laid_out() {
    let volumes =
        [not_kept(partition("/", "ext4", "2 GiB")), not_kept(partition("/srv", "xfs", "remaining"))];
    let description = described("nailgun_legacy", [disk("sda", volumes)]);
    let facts = empty(&description);
    let all = plan(&description, &facts, PROVISION);
    assert!(all.disks[0].laid_out);
    assert_eq!(
        done(&all)[..5],
        [
            "take /dev/sda out of use",
            "erase /dev/sda: boot code, table, signatures",
            "write a GPT with 3 partitions to /dev/sda",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda2",
            "$ mkfs.xfs -q -f /dev/sda3",
        ]
    );
    // A later phase lays nothing out.
    let error = build(&description, &facts, alone(&[Phase::CopyImage])).unwrap_err();
    assert!(matches!(error, NoPlan::Differs(_)), "{error}");
    let copy = plan(&description, &as_described(&description), alone(&[Phase::CopyImage]));
    assert!(!copy.disks[0].laid_out && copy.file_systems.iter().all(|file_system| !file_system.made));
}

#[test]
fn arrays_and_groups_are_taken_with_the_sizes_that_they_have() {
    let description = on_volumes();
    let mut facts = as_described(&description);
    // Members of other sizes, and a volume of another.
    facts.partition("/dev/sda2").length = 600 * MIB;
    facts.entry(2).length = 600 * MIB;
    facts.groups.logical[0].bytes = 800 * MIB;
    let plan = plan(&description, &facts, PROVISION);
    assert_eq!(
        done(&plan)[..7],
        [
            "$ mdadm --assemble --run /dev/md/data /dev/sda2 /dev/sdb2",
            "$ vgchange --activate y --yes office",
            "$ vgmknodes office",
            "check that /dev/md/data holds xfs",
            "check that /dev/office/home holds ext4",
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
        ]
    );
    let bytes = |node: &str| {
        let found = plan.file_systems.iter().find(|file_system| file_system.node.to_str() == Some(node));
        found.unwrap_or_else(|| panic!("nothing on {node}")).bytes
    };
    assert!((580 * MIB..600 * MIB).contains(&bytes("/dev/md/data")), "{}", bytes("/dev/md/data"));
    assert_eq!(bytes("/dev/office/home"), 800 * MIB);
    assert_eq!(bytes("/dev/office/tmp"), 512 * MIB);
}

#[test]
fn arrays_and_groups_that_cannot_be_used_are_told() {
    let description = on_volumes();
    let cases: &Cases<'_> = &[
        (
            |facts| facts.arrays[0].0.level = None,
            &["array data: /dev/md127 holds its members without running; `mdadm --stop` ends that"],
        ),
        // Both the volume that is kept and the one that is made anew.
        (
            |facts| facts.groups.logical.clear(),
            &["logical volume office/home: it is not there", "logical volume office/tmp: it is not there"],
        ),
        (|facts| facts.groups = Default::default(), &["volume group office: it is not there"]),
        (|facts| facts.logical[0].1 = content("xfs"), &["/dev/office/home: expected ext4 on it, found xfs"]),
        // What is only otherwise than described.
        (|facts| facts.arrays[0].0.whole = false, &[]),
        (|facts| facts.groups.logical[1].bytes *= 2, &[]),
        (|facts| facts.groups.physical.push(("/dev/sdc".into(), "office".into())), &[]),
    ];
    let in_use = || {
        let mut facts = as_described(&description);
        facts.arrays.push((array("data", "/dev/md127", &["/dev/sda2", "/dev/sdb2"]), content("xfs")));
        activate(&mut facts, &description);
        facts
    };
    assert_each_differs(&description, in_use, cases);
}
