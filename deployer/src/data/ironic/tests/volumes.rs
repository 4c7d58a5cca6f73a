//! What disks are divided into: sizes, partitions, arrays, groups, file systems, and the parts that nobody names.

use std::path::PathBuf;

use super::*;
use crate::model::{DiskId, FileSystem, FsKind, MIB, Role, Size, layout};

const GIB: u64 = 1024 * MIB;

/// The file system of the example's root with one change.
fn root_with(key: &str, json: &str) -> FileSystem {
    let pointer = format!("/partitions/0/volumes/0/{key}");
    read(&changed(EXAMPLE, &[(&pointer, json)])).file_systems().next().unwrap().clone()
}

#[test]
fn the_example_is_read() {
    let reading = Ironic.read(EXAMPLE).unwrap();
    let description = reading.description;
    assert!(reading.warnings.is_empty());
    let [disk] = description.disks.as_slice() else { panic!("one disk") };
    assert_eq!((disk.id.clone(), disk.size), (DiskId::Name("sda".into()), 10_000 * MIB));
    assert!(matches!(disk.volumes[0].role, Role::BiosGrub));
    assert_eq!(disk.volumes.len(), 4);
    assert_eq!(description.file_systems().count(), 3);
    assert!(description.trees[0].has_root && !description.has_boot_menu());
    assert_eq!(description.kernel_params, "console=ttyS0");
}

#[test]
fn everything_comes_in_the_order_of_the_description() {
    let description = read(EVERYTHING);
    let roles = |disk: usize| -> Vec<String> {
        let name = |role: &Role| match role {
            Role::FileSystem(file_system) => file_system.kind.name().to_owned(),
            other => format!("{other:?}"),
        };
        description.disks[disk].volumes.iter().map(|volume| name(&volume.role)).collect()
    };
    assert_eq!(
        roles(0),
        [
            "BiosGrub",
            "BootMenu",
            "ext2",
            "ext4",
            "xfs",
            "xfs",
            "swap",
            "Member(0)",
            "Reserved",
            "Physical { group: 0, reserved: 10485760 }",
            "ConfigDrive"
        ]
    );
    assert_eq!(roles(1), ["BiosGrub", "Member(0)", "Physical { group: 0, reserved: 67108864 }"]);
    assert_eq!(description.disks[1].volumes[1].path, "$.partitions[1].volumes[0]");
    assert_eq!(description.groups[0].volumes[1].path, "$.partitions[2].volumes[1]");
}

#[test]
fn sizes_are_exact_shares_or_what_remains() {
    for (written, size) in [
        ("5 MB", Size::Bytes(5_000_000)),
        ("2GB", Size::Bytes(2_000_000_000)),
        ("2 GiB", Size::Bytes(2 * GIB)),
        ("2048", Size::Bytes(2 * GIB)),
        ("40%", Size::Share(40)),
        ("40 %", Size::Share(40)),
        ("remaining", Size::Remaining),
    ] {
        let volume = format!(r#"{{"type": "partition", "mount": "/", "size": "{written}"}}"#);
        let description = read(&with_volumes(&volume, ""));
        assert_eq!(description.disks[0].volumes[1].size, size, "{written}");
        let group = r#"{"type": "pv", "size": "5 GiB", "vg": "g"}"#;
        let logical = format!(
            r#"{{"type": "vg", "id": "g", "volumes": [
                 {{"type": "lv", "name": "l", "mount": "/", "size": "{written}"}}]}}"#
        );
        assert_eq!(
            read(&with_volumes(group, &logical)).groups[0].volumes[0].size,
            size,
            "{written} of a group"
        );
    }
}

#[test]
fn every_unit_is_known() {
    for (unit, base, power) in [
        ("MB", 1000u64, 2),
        ("GB", 1000, 3),
        ("TB", 1000, 4),
        ("PB", 1000, 5),
        ("EB", 1000, 6),
        ("MiB", 1024, 2),
        ("GiB", 1024, 3),
        ("TiB", 1024, 4),
        ("PiB", 1024, 5),
        ("EiB", 1024, 6),
    ] {
        for text in [format!("1 {unit}"), format!("1{unit}")] {
            let disk = changed(
                EXAMPLE,
                &[("/partitions/0/size", &format!("{text:?}")), ("/partitions/0/volumes", "[]")],
            );
            // The rest of the example misses its volumes; the size itself is no mistake.
            assert!(!complaints(&disk).iter().any(|line| line.starts_with("$.partitions[0].size")), "{text}");
            assert_eq!(Size::parse(&text), Ok(Size::Bytes(base.pow(power))), "{text}");
        }
    }
    for unit in ["ZB", "YB", "ZiB", "YiB"] {
        let disk = changed(EXAMPLE, &[("/partitions/0/size", &format!("\"1 {unit}\""))]);
        let [line] = &complaints(&disk)[..] else { panic!("one complaint about {unit}") };
        assert!(line.ends_with("no disk is that large"), "{line}");
    }
}

#[test]
fn what_remains_counts_volumes_that_are_listed_later() {
    let text = with_volumes(
        r#"{"type": "partition", "mount": "/", "size": "remaining"}, {"type": "partition", "size": "1 GiB"}"#,
        "",
    );
    let segments = layout::disk(&read(&text).disks[0], None).unwrap();
    let lengths: Vec<u64> = segments.iter().map(|segment| segment.length / MIB).collect();
    assert_eq!(lengths, [24, 10 * 1024 - 24 - 1024, 1024]);
}

#[test]
fn disks_are_found_by_name_path_or_address() {
    for (kind, value, id) in [
        ("name", "vda", DiskId::Name("vda".into())),
        ("name", "/dev/vda", DiskId::Name("vda".into())),
        ("name", "cciss/c0d0", DiskId::Name("cciss/c0d0".into())),
        ("path", "disk/by-path/pci-1", DiskId::Path(PathBuf::from("/dev/disk/by-path/pci-1"))),
        ("path", "/dev/disk/by-id/x", DiskId::Path(PathBuf::from("/dev/disk/by-id/x"))),
        ("scsi", "6:1:0:0", DiskId::Scsi("6:1:0:0".into())),
    ] {
        let json = format!(r#"{{"type": "{kind}", "value": "{value}"}}"#);
        assert_eq!(read(&changed(EXAMPLE, &[("/partitions/0/id", &json)])).disks[0].id, id, "{value}");
    }
}

#[test]
fn a_mount_is_a_place_in_the_tree_or_none() {
    for (json, mount) in [
        (r#""/srv""#, Some("/srv")),
        (r#""//srv//data/""#, Some("/srv/data")),
        (r#""none""#, None),
        (r#""None""#, None),
        (r#""""#, None),
        ("null", None),
        ("", None),
    ] {
        let text = changed(EXAMPLE, &[("/partitions/0/volumes/1/mount", json)]);
        let description = read(&text);
        let opt = description.file_systems().nth(1).unwrap();
        assert_eq!(opt.mount.as_ref().map(ToString::to_string).as_deref(), mount, "{json}");
    }
}

#[test]
fn a_file_system_is_xfs_kept_and_mounted_by_default() {
    let description = read(&with_volumes(r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#, ""));
    let root = description.file_systems().next().unwrap();
    assert_eq!((root.kind, root.keep_data, root.fstab_enabled), (FsKind::Xfs, true, true));
    assert_eq!((root.fstab_options.as_str(), root.label.as_deref()), ("defaults", None));
    assert_eq!(root.trees, [0]);
}

#[test]
fn every_kind_of_file_system_has_its_name() {
    for (name, kind) in [
        ("ext2", FsKind::Ext2),
        ("ext3", FsKind::Ext3),
        ("ext4", FsKind::Ext4),
        ("xfs", FsKind::Xfs),
        ("btrfs", FsKind::Btrfs),
        ("vfat", FsKind::Vfat),
    ] {
        assert_eq!(root_with("file_system", &format!("{name:?}")).kind, kind);
    }
}

#[test]
fn swap_has_no_place_in_the_tree() {
    for mount in ["", r#""mount": "none","#, r#""mount": "swap","#] {
        let volumes = format!(
            r#"{{"type": "partition", "mount": "/", "size": "5 GiB"}},
               {{"type": "partition", {mount} "file_system": "swap", "size": "1 GiB"}}"#
        );
        let description = read(&with_volumes(&volumes, ""));
        let swap = description.file_systems().nth(1).unwrap();
        assert_eq!((swap.kind, swap.mount.clone(), swap.fstab_enabled), (FsKind::Swap, None, true));
    }
}

#[test]
fn what_is_said_about_a_file_system_is_kept() {
    assert_eq!(root_with("disk_label", r#""system""#).label.as_deref(), Some("system"));
    assert_eq!(root_with("fstab_options", r#""noatime,ro""#).fstab_options, "noatime,ro");
    assert!(!root_with("fstab_enabled", "false").fstab_enabled);
    assert!(!root_with("keep_data", "false").keep_data);
    assert!(root_with("keep_data", "null").keep_data);
}

#[test]
fn labels_may_be_as_long_as_their_file_system_holds() {
    for (kind, longest) in [("ext4", 16), ("xfs", 12), ("vfat", 11), ("btrfs", 255)] {
        let label = |length: usize| {
            let label = format!("{:?}", "x".repeat(length));
            let pointer = "/partitions/0/volumes/0";
            let kind = format!("{kind:?}");
            let changes =
                [(format!("{pointer}/file_system"), kind), (format!("{pointer}/disk_label"), label)];
            let changes = changes.each_ref().map(|(pointer, json)| (pointer.as_str(), json.as_str()));
            complaints(&changed(EXAMPLE, &changes))
        };
        assert_eq!(label(longest), [""; 0]);
        let [line] = &label(longest + 1)[..] else { panic!("one complaint") };
        let start =
            format!("$.partitions[0].volumes[0].disk_label: expected at most {longest} bytes for {kind}");
        assert!(line.starts_with(&start), "{line}");
    }
}

#[test]
fn partition_guids_are_read_in_their_usual_spellings() {
    for text in [
        "0fc63daf-8483-4772-8e79-3d69d8477de4",
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        "0fc63daf848347728e793d69d8477de4",
        "{0fc63daf-8483-4772-8e79-3d69d8477de4}",
    ] {
        let text = changed(EXAMPLE, &[("/partitions/0/volumes/0/partition_guid", &format!("{text:?}"))]);
        let guid = read(&text).disks[0].volumes[1].guid.unwrap();
        assert_eq!(guid.to_string(), "0fc63daf-8483-4772-8e79-3d69d8477de4");
    }
}

#[test]
fn boot_is_a_partition_by_another_name() {
    let of = |kind: &str| {
        let text = changed(EXAMPLE, &[("/partitions/0/volumes/1/type", &format!("{kind:?}"))]);
        let description = read(&text);
        description.file_systems().nth(1).unwrap().clone()
    };
    assert_eq!(of("boot"), of("partition"));
}

#[test]
fn the_members_of_an_array_have_the_same_mount() {
    let raid = |mount: &str, name: &str| {
        format!(r#"{{"type": "raid", "mount": "{mount}", "size": "1 GiB" {name}}}"#)
    };
    let (data, named) = (r#", "name": "data""#, r#", "name": "/dev/md/md0""#);
    let volumes = [
        raid("/", ""),
        raid("/srv", data),
        raid("/", ""),
        raid("/srv", ""),
        raid("/a", ""),
        raid("/a", named),
    ];
    let description = read(&with_volumes(&volumes.join(","), ""));
    let members: Vec<String> =
        description.disks[0].volumes[1..].iter().map(|volume| format!("{:?}", volume.role)).collect();
    assert_eq!(members, ["Member(0)", "Member(1)", "Member(0)", "Member(1)", "Member(2)", "Member(2)"]);
    let names: Vec<&str> = description.arrays.iter().map(|array| array.name.as_str()).collect();
    assert_eq!(names, ["md1", "data", "md0"], "a name that is taken is not given again");
}

#[test]
fn swap_can_be_mirrored() {
    let swap = r#"{"type": "raid", "mount": "swap", "file_system": "swap", "size": "1 GiB"}"#;
    let root = r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#;
    let description = read(&with_volumes(&[root, swap, swap].join(","), ""));
    assert_eq!(description.arrays.len(), 1);
    assert_eq!(description.arrays[0].file_system.kind, FsKind::Swap);
}

#[test]
fn a_physical_volume_leaves_64_mib_to_lvm_unless_it_says_otherwise() {
    for (json, mib) in [("", 64), (r#""10 MiB""#, 10), (r#""100""#, 100), ("null", 64)] {
        let changes = [("/partitions/0/volumes/2/lvm_meta_size", json)];
        let changes = if json.is_empty() { &[][..] } else { &changes[..] };
        // The volume that uses all of it gives way.
        let smaller = changed(EXAMPLE, &[("/partitions/1/volumes/0/size", r#""remaining""#)]);
        let description = read(&changed(&smaller, changes));
        let Role::Physical { group: 0, reserved } = description.disks[0].volumes[3].role else {
            panic!("a physical volume")
        };
        assert_eq!(reserved, mib * MIB);
    }
}

#[test]
fn a_pool_of_lvm_reserves_its_space_and_may_be_nothing() {
    let text = |size: &str| {
        let pool = format!(r#"{{"type": "lvm_meta_pool", "size": "{size}"}}"#);
        with_volumes(&[r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#, &pool].join(","), "")
    };
    let description = read(&text("64 MiB"));
    let segments = layout::disk(&description.disks[0], None).unwrap();
    assert!(matches!(description.disks[0].volumes[2].role, Role::Reserved));
    assert_eq!((segments[2].number, segments[2].length), (None, 64 * MIB));
    for nothing in ["0", "0 MiB", "00MB"] {
        assert_eq!(read(&text(nothing)).disks[0].volumes.len(), 2, "{nothing}");
    }
}

#[test]
fn a_group_spans_disks_and_may_be_described_before_them() {
    let mut description: Value = serde_json::from_str(EVERYTHING).unwrap();
    let group = description["partitions"].as_array_mut().unwrap().remove(2);
    description["partitions"].as_array_mut().unwrap().insert(0, group);
    let description = read(&description.to_string());
    assert_eq!(description.groups[0].name, "vg");
    let members = description.disks.iter().flat_map(|disk| &disk.volumes);
    assert_eq!(members.filter(|volume| matches!(volume.role, Role::Physical { group: 0, .. })).count(), 2);
}

#[test]
fn every_disk_has_room_for_the_boot_loader_of_a_bios() {
    for disk in &read(EVERYTHING).disks {
        assert!(matches!(disk.volumes[0].role, Role::BiosGrub));
        assert_eq!(disk.volumes[0].size, Size::Bytes(24 * MIB));
    }
}

#[test]
fn the_common_boot_loader_is_on_the_first_disk_when_there_are_several_systems() {
    let menus = |text: &str| -> Vec<(usize, Size)> {
        let disks = read(text).disks;
        let menu = |disk: &crate::model::Disk| {
            disk.volumes.iter().find(|volume| matches!(volume.role, Role::BootMenu)).map(|volume| volume.size)
        };
        disks.iter().enumerate().filter_map(|(index, disk)| Some((index, menu(disk)?))).collect()
    };
    assert_eq!(menus(EXAMPLE), []);
    assert_eq!(menus(EVERYTHING), [(0, Size::Bytes(100 * MIB))]);
}

#[test]
fn keys_of_older_descriptions_are_said_to_have_no_effect() {
    let old = changed(
        EXAMPLE,
        &[
            ("/partitions/0/name", r#""sda""#),
            ("/partitions/0/extra", "[]"),
            ("/partitions/0/volumes/0/name", r#""Root""#),
            ("/partitions/1/label", r#""x""#),
            ("/partitions/1/min_size", "5"),
            ("/partitions/0/volumes/2/keep_data", "true"),
            ("/partitions/0/free_space", r#""10000""#),
            ("/images/0/url", r#""centos""#),
            ("/driver", "7"),
        ],
    );
    let mut lines = warnings(&old);
    lines.sort();
    assert_eq!(
        lines,
        [
            "$.driver: there is no such key; it has no effect",
            "$.images[0].url: has no effect",
            "$.partitions[0].extra: has no effect",
            "$.partitions[0].free_space: has no effect",
            "$.partitions[0].name: has no effect",
            "$.partitions[0].volumes[0].name: has no effect",
            "$.partitions[0].volumes[2].keep_data: has no effect",
            "$.partitions[1].label: has no effect",
            "$.partitions[1].min_size: has no effect",
        ]
    );
}
