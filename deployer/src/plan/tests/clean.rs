//! Disks that are laid out anew: steps in their order, with the commands that carry them out.

use super::facts::{activate, array, mounted};
use super::*;
use crate::machine::holders::Holder;
use crate::plan::step::NewPartition;

/// Where partitions lie: number, begin and length in MiB, type, name.
fn table(plan: &Plan, disk: usize) -> Vec<String> {
    let shown = |new: &NewPartition| {
        let kind = new.kind.to_string();
        format!("{} {}+{} {} {}", new.number, new.start / MIB, new.length / MIB, &kind[..8], new.name)
    };
    plan.disks[disk].after.iter().map(shown).collect()
}

#[test]
fn a_group_on_two_disks_is_made_after_all_that_was_there_is_let_go() {
    let description = described(
        "clean",
        [
            disk("sda", [partition("/", "ext4", "2 GiB"), pv("office", "remaining")]),
            disk("sdb", [with(pv("office", "2 GiB"), "lvm_meta_size", "10 MiB")]),
            vg(
                "office",
                [
                    lv("var", "/var", "xfs", "25%"),
                    lv("home", "/home", "ext3", "remaining"),
                    lv("swap", "none", "swap", "1 GiB"),
                ],
            ),
        ],
    );
    let mut facts = empty(&description);
    facts.disks[0].holders = vec![
        mounted("/mnt", 1),
        mounted("/mnt/deeper", 2),
        Holder::Swap("/dev/sda3".into()),
        Holder::Array { name: "old".into(), node: "/dev/md127".into() },
        Holder::VolumeGroup("old".into()),
    ];
    // An array and a group lie on both disks.
    facts.disks[1].holders = facts.disks[0].holders[2..].to_vec();
    let plan = plan(&description, &facts, FORCED);
    assert_eq!(
        table(&plan, 0),
        ["1 1+24 21686148 BIOS boot", "2 25+2048 0fc63daf /", "3 2073+8166 e6d6d379 office"]
    );
    assert_eq!(table(&plan, 1), ["1 1+24 21686148 BIOS boot", "2 25+2048 e6d6d379 office"]);
    assert_eq!(
        done(&plan),
        [
            "unmount /mnt/deeper",
            "unmount /mnt",
            "$ swapoff /dev/sda3",
            "$ vgchange --activate n --yes old",
            "$ mdadm --stop /dev/md127",
            "take /dev/sda, /dev/sdb out of use",
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
            "erase /dev/sda: boot code, table, signatures",
            "write a GPT with 3 partitions to /dev/sda",
            "erase /dev/sdb: boot code, table, signatures",
            "write a GPT with 2 partitions to /dev/sdb",
            "$ pvcreate --yes --force --dataalignment 1m --metadatasize 61m /dev/sda3",
            "$ pvcreate --yes --force --dataalignment 1m --metadatasize 7m /dev/sdb2",
            "$ vgcreate --yes --physicalextentsize 4m office /dev/sda3 /dev/sdb2",
            "$ lvcreate --yes --wipesignatures y --zero y --extents 634 --name var office",
            "$ vgmknodes office",
            "$ lvcreate --yes --wipesignatures y --zero y --extents 1646 --name home office",
            "$ vgmknodes office",
            "$ lvcreate --yes --wipesignatures y --zero y --extents 256 --name swap office",
            "$ vgmknodes office",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda2",
            "$ mkfs.xfs -q -f /dev/office/var",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext3 -q -F /dev/office/home",
            "$ mkswap /dev/office/swap",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda, /dev/sdb",
        ]
    );
}

#[test]
fn mirrors_are_made_before_groups_and_hold_file_systems_and_swap() {
    let members = || {
        [
            with(raid("start", "/boot", "ext2", "512 MiB"), "disk_label", "boot"),
            raid("md900", "none", "swap", "1 GiB"),
            pv("office", "remaining"),
        ]
    };
    let description = described(
        "clean",
        [disk("sda", members()), disk("sdb", members()), vg("office", [lv("root", "/", "ext4", "100%")])],
    );
    let plan = plan(&description, &empty(&description), PROVISION);
    for disk in 0..2 {
        assert_eq!(
            table(&plan, disk),
            [
                "1 1+24 21686148 BIOS boot",
                "2 25+512 a19d880f start",
                "3 537+1024 a19d880f md900",
                "4 1561+8678 e6d6d379 office"
            ]
        );
    }
    let done = done(&plan);
    let tables = done.iter().position(|step| step == "write a GPT with 4 partitions to /dev/sdb").unwrap();
    assert_eq!(
        done[tables + 1..],
        [
            "$ mdadm --create /dev/md/start --level=1 --metadata=1.0 --bitmap=internal --homehost=any --run \
             --name=start --raid-devices=2 /dev/sda2 /dev/sdb2",
            // A name of the kernel's own is the name of a node.
            "$ mdadm --create /dev/md900 --level=1 --metadata=1.0 --bitmap=internal --homehost=any --run \
             --name=md900 --raid-devices=2 /dev/sda3 /dev/sdb3",
            "$ pvcreate --yes --force --dataalignment 1m --metadatasize 61m /dev/sda4",
            "$ pvcreate --yes --force --dataalignment 1m --metadatasize 61m /dev/sdb4",
            "$ vgcreate --yes --physicalextentsize 4m office /dev/sda4 /dev/sdb4",
            "$ lvcreate --yes --wipesignatures y --zero y --extents 4308 --name root office",
            "$ vgmknodes office",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext2 -q -F -L boot /dev/md/start",
            "$ mkswap /dev/md900",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/office/root",
            "pull h::m/os/ into os:/",
            "write os:/etc/fstab",
            "install the boot loader of os on /dev/sda, /dev/sdb",
        ]
    );
    // They hold a little less than their members.
    assert!((500 * MIB..512 * MIB).contains(&plan.file_systems[0].bytes), "{:?}", plan.file_systems[0]);
    assert_eq!(plan.file_systems[2].bytes, 4308 * 4 * MIB);
}

#[test]
fn an_array_or_group_of_the_same_name_is_let_go_and_made_anew() {
    let description = described(
        "clean",
        [
            disk("sda", [raid("start", "/", "ext4", "1 GiB"), pv("office", "remaining")]),
            disk("sdb", [raid("start", "/", "ext4", "1 GiB")]),
            vg("office", [lv("home", "/home", "ext4", "1 GiB")]),
        ],
    );
    let mut facts = as_described(&description);
    facts.arrays.push((array("start", "/dev/md127", &["/dev/sda2", "/dev/sdb2"]), content("ext4")));
    activate(&mut facts, &description);
    let holder = Holder::Array { name: "start".into(), node: "/dev/md127".into() };
    facts.disks[0].holders = vec![holder.clone(), Holder::VolumeGroup("office".into())];
    facts.disks[1].holders = vec![holder];
    // What is described needs no force.
    let plan = plan(&description, &facts, PROVISION);
    let done = done(&plan);
    assert_eq!(done[..2], ["$ vgchange --activate n --yes office", "$ mdadm --stop /dev/md127"]);
    assert!(done.contains(&"$ vgcreate --yes --physicalextentsize 4m office /dev/sda3".to_owned()));
    let created = done.iter().filter(|step| step.starts_with("$ mdadm --create /dev/md/start ")).count();
    assert_eq!(created, 1, "{done:#?}");
    // Nothing of what was there counts.
    let sizes: Vec<u64> = plan.file_systems.iter().map(|file_system| file_system.bytes / MIB).collect();
    assert_eq!(sizes, [1012, 1024]);
    assert_eq!(plan.file_systems[0].node.to_str(), Some("/dev/md/start"));
}

#[test]
fn what_is_mounted_once_is_unmounted_once_however_many_disks_it_lies_on() {
    let description = described(
        "clean",
        [
            disk("sda", [partition("/", "ext4", "remaining")]),
            disk("sdb", [partition("/srv", "ext4", "1 GiB")]),
        ],
    );
    let mut facts = empty(&description);
    // Two mounts at one place, of a volume on both disks, over one of a partition of the second.
    let group = vec![Holder::VolumeGroup("old".into()), mounted("/mnt", 2), mounted("/mnt", 3)];
    facts.disks[0].holders.clone_from(&group);
    facts.disks[1].holders = [vec![mounted("/mnt", 1)], group].concat();
    let done = done(&plan(&description, &facts, FORCED));
    let unmount = "unmount /mnt";
    assert_eq!(done[..4], [unmount, unmount, unmount, "$ vgchange --activate n --yes old"]);
}
