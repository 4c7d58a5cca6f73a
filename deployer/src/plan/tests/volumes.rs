//! Arrays and groups that are there already: how they are made usable, and every way in which they can differ from
//! what is described.

use super::facts::{activate, array, member, mounted};
use super::*;
use crate::machine::holders::Holder;
use crate::machine::lvm::Logical;
use crate::model::layout::EXTENT;
use crate::plan::step::Step;

/// A mirror for `/boot`, and a group on two disks for the rest.
fn description() -> Description {
    let volumes = || [raid("start", "/boot", "ext2", "512 MiB"), pv("office", "remaining")];
    described(
        "verify",
        [
            disk("sda", volumes()),
            disk("sdb", volumes()),
            vg("office", [lv("root", "/", "ext4", "50%"), lv("swap", "none", "swap", "1 GiB")]),
        ],
    )
}

/// The array runs under the node that the kernel gave it; the group is active.
fn in_use(description: &Description) -> Facts {
    let mut facts = as_described(description);
    facts.arrays.push((array("start", "/dev/md127", &["/dev/sda2", "/dev/sdb2"]), content("ext2")));
    activate(&mut facts, description);
    facts
}

#[test]
fn what_is_at_rest_is_put_together_and_looked_at_before_anything_is_changed() {
    let description = description();
    let plan = plan(&description, &as_described(&description), PROVISION);
    assert_eq!(
        done(&plan),
        [
            "$ mdadm --assemble --run /dev/md/start /dev/sda2 /dev/sdb2",
            "$ vgchange --activate y --yes office",
            "$ vgmknodes office",
            "check that /dev/md/start holds ext2",
            "check that /dev/office/root holds ext4",
            "check that /dev/office/swap holds swap",
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
            "note in os that it is not complete",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda, /dev/sdb",
        ]
    );
    let first = plan.steps.iter().position(Step::changes);
    assert_eq!(first, Some(5));
}

#[test]
fn an_array_that_runs_is_used_under_the_node_that_it_has() {
    let description = description();
    let plan = plan(&description, &in_use(&description), PROVISION);
    assert_eq!(
        done(&plan)[..5],
        [
            "$ vgchange --activate y --yes office",
            "$ vgmknodes office",
            "check that /dev/md127 holds ext2",
            "check that /dev/office/root holds ext4",
            "check that /dev/office/swap holds swap",
        ]
    );
    let boot = &plan.file_systems[0];
    assert_eq!((boot.node.to_str(), boot.bytes, boot.made), (Some("/dev/md127"), 500 * MIB, false));
}

#[test]
fn of_what_stays_only_mounts_and_swap_are_let_go() {
    let description = description();
    let mut facts = in_use(&description);
    facts.disks[0].holders = vec![
        mounted("/mnt", 1),
        Holder::Swap("/dev/dm-1".into()),
        Holder::VolumeGroup("office".into()),
        Holder::Array { name: "start".into(), node: "/dev/md127".into() },
    ];
    facts.disks[1].holders = facts.disks[0].holders.clone();
    let done = done(&plan(&description, &facts, FORCED));
    assert_eq!(done[..3], ["unmount /mnt", "$ swapoff /dev/dm-1", "$ vgchange --activate y --yes office"]);
}

#[test]
fn only_what_does_not_keep_its_data_is_made_anew_on_them() {
    let not_kept = |volume: Value| with(volume, "keep_data", false);
    let volumes = || [not_kept(raid("start", "/boot", "ext2", "512 MiB")), pv("office", "remaining")];
    let group = [not_kept(lv("root", "/", "ext4", "50%")), lv("home", "/home", "xfs", "1 GiB")];
    let description =
        described("verify", [disk("sda", volumes()), disk("sdb", volumes()), vg("office", group)]);
    // What is lost may be anything.
    let mut facts = in_use(&description);
    facts.arrays[0].1 = content("xfs");
    facts.logical[0].1 = content("btrfs");
    let plan = plan(&description, &facts, PROVISION);
    assert_eq!(
        done(&plan)[2..],
        [
            "check that /dev/office/home holds xfs",
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext2 -q -F /dev/md127",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/office/root",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda, /dev/sdb",
        ]
    );
    let made: Vec<bool> = plan.file_systems.iter().map(|file_system| file_system.made).collect();
    assert_eq!(made, [true, true, false]);
}

#[test]
fn groups_that_differ_are_told() {
    let description = description();
    let cases: &Cases<'_> = &[
        (|facts| facts.groups.physical.clear(), &["volume group office: it is not there"]),
        (
            |facts| facts.groups.physical[0].1 = "attic".into(),
            &["volume group office: /dev/sda3 is no member of it"],
        ),
        (
            |facts| facts.groups.physical.push(("/dev/sdc1".into(), "office".into())),
            &["volume group office: its member /dev/sdc1 is not described"],
        ),
        (|facts| drop(facts.groups.logical.remove(1)), &["logical volume office/swap: it is not there"]),
        (
            |facts| facts.partition("/dev/sdb3").content = content("ext4"),
            &["/dev/sdb3: expected LVM2_member on it, found ext4"],
        ),
        (|facts| facts.logical[0].1 = content("xfs"), &["/dev/office/root: expected ext4 on it, found xfs"]),
        (
            |facts| facts.logical[1].1 = content("ext4"),
            &["/dev/office/swap: expected swap on it, found ext4"],
        ),
    ];
    assert_each_differs(&description, || in_use(&description), cases);
    let mut facts = in_use(&description);
    // Volumes of other groups are nobody's business.
    for group in ["office", "attic"] {
        facts.groups.logical.push(Logical { group: group.into(), name: "tmp".into(), bytes: EXTENT });
    }
    assert_eq!(differences(&description, &facts), ["logical volume office/tmp: it is not described"]);
}

#[test]
fn a_volume_may_be_larger_or_smaller_by_two_extents() {
    let description = description();
    let size_differs = |change: i64| {
        let mut facts = in_use(&description);
        let bytes = &mut facts.groups.logical[1].bytes;
        *bytes = bytes.checked_add_signed(change).unwrap();
        differences(&description, &facts)
    };
    let extent = i64::try_from(EXTENT).unwrap();
    for change in [2 * extent, -2 * extent] {
        assert_eq!(size_differs(change), NOTHING, "{change}");
    }
    let place = "logical volume office/swap: expected 1 GiB, found";
    assert_eq!(size_differs(3 * extent), [format!("{place} 1036 MiB")]);
    assert_eq!(size_differs(-3 * extent), [format!("{place} 1012 MiB")]);
}

#[test]
fn arrays_that_differ_are_told() {
    let description = description();
    let cases: &Cases<'_> = &[
        (|facts| facts.arrays[0].0.members.truncate(1), &["array start: /dev/sdb2 is no member of it"]),
        (
            |facts| facts.arrays[0].0.members.push("/dev/sdc2".into()),
            &["array start: its member /dev/sdc2 is not described"],
        ),
        (
            |facts| facts.arrays[0].0.members[1] = "/dev/sdc2".into(),
            &[
                "array start: its member /dev/sdc2 is not described",
                "array start: /dev/sdb2 is no member of it",
            ],
        ),
        (
            |facts| facts.arrays[0].0.level = Some("raid0".into()),
            &["array start: expected a mirror (raid1), found raid0"],
        ),
        (
            |facts| facts.arrays[0].0.whole = false,
            &["array start: it is degraded; repair it, or deploy with the policy clean"],
        ),
        (
            |facts| facts.arrays[0].0.level = None,
            &["array start: /dev/md127 holds its members without running; `mdadm --stop` ends that"],
        ),
        (|facts| facts.arrays[0].1 = content("swap"), &["/dev/md127: expected ext2 on it, found swap"]),
        (
            |facts| facts.arrays[0].1 = Default::default(),
            &["/dev/md127: expected ext2 on it, found nothing that is known"],
        ),
    ];
    assert_each_differs(&description, || in_use(&description), cases);
}

#[test]
fn members_that_belong_to_something_else_are_told_whether_the_array_runs_or_not() {
    let description = description();
    let several = "array start: its members belong to several arrays";
    let with = |change: fn(&mut Facts)| {
        let mut facts = as_described(&description);
        change(&mut facts);
        differences(&description, &facts)
    };
    assert_eq!(with(|facts| facts.partition("/dev/sdb2").content = member("other")), [several]);
    let expected = "/dev/sda2: expected linux_raid_member on it, found";
    assert_eq!(
        with(|facts| facts.partition("/dev/sda2").content = content("ext2")),
        [format!("{expected} ext2")]
    );
    assert_eq!(
        with(|facts| facts.partition("/dev/sda2").content = Default::default()),
        [format!("{expected} nothing that is known")]
    );
    // Each runs alone.
    let mut facts = as_described(&description);
    facts.partition("/dev/sdb2").content = member("other");
    facts.arrays.push((array("start", "/dev/md127", &["/dev/sda2"]), content("ext2")));
    facts.arrays.push((array("other", "/dev/md126", &["/dev/sdb2"]), content("ext2")));
    assert_eq!(differences(&description, &facts), [several, "array start: /dev/sdb2 is no member of it"]);
}

#[test]
fn labels_are_compared_on_volumes_and_arrays_too() {
    let labelled = |volume: Value, label: &str| with(volume, "disk_label", label);
    let volumes =
        || [labelled(raid("start", "/boot", "ext2", "512 MiB"), "start"), pv("office", "remaining")];
    let group = vg("office", [labelled(lv("root", "/", "ext4", "50%"), "root")]);
    let description = described("verify", [disk("sda", volumes()), disk("sdb", volumes()), group]);
    let mut facts = in_use(&description);
    facts.arrays[0].1.label = Some("start".into());
    assert_eq!(differences(&description, &facts), NOTHING);
    facts.arrays[0].1.label = None;
    facts.logical[0].1.label = Some("other".into());
    assert_eq!(
        differences(&description, &facts),
        [
            "/dev/md127: expected the label \"start\", found \"\"",
            "/dev/office/root: expected the label \"root\", found \"other\""
        ]
    );
}

#[test]
fn without_lvm_its_absence_is_no_difference() {
    let description = description();
    let mut facts = as_described(&description);
    (facts.has_lvm, facts.groups) = (false, Default::default());
    // The missing programs are told by the steps that need them.
    assert!(done(&plan(&description, &facts, PROVISION)).contains(&"$ vgmknodes office".to_owned()));
}
