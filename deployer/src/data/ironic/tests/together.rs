//! What is wrong only in view of several places: names that lead nowhere, what stands there twice, sizes that do not
//! fit.

use super::*;

#[test]
fn names_have_to_lead_somewhere() {
    for (text, expected) in [
        (
            changed(EXAMPLE, &[("/partitions/0/volumes/1/images", r#"["debian", "suse"]"#)]),
            &[("$.partitions[0].volumes[1].images[1]", "there is no image \"suse\"; there are: debian")][..],
        ),
        (
            changed(EXAMPLE, &[("/partitions/1/volumes/0/images", r#"["suse"]"#)]),
            &[("$.partitions[1].volumes[0].images[0]", "there is no image \"suse\"; there are: debian")],
        ),
        (
            changed(EXAMPLE, &[("/partitions/0/volumes/2/vg", r#""hom""#)]),
            &[("$.partitions[0].volumes[2].vg", "there is no volume group \"hom\" in the description")],
        ),
        (
            changed(EXAMPLE, &[("/partitions/0/volumes/2", "")]),
            &[("$.partitions[1]", "the volume group \"home\" has no physical volume (\"pv\")")],
        ),
        (
            changed(EXAMPLE, &[("/partitions/0", "")]),
            &[("$.partitions", "expected at least one disk, found none")],
        ),
        (
            changed(EXAMPLE, &[("/partitions/0/volumes/0/mount", r#""none""#)]),
            &[("$.images[0].target", "no file system of the image \"debian\" is mounted at or above \"/\"")],
        ),
    ] {
        wrong(&text, expected, &text);
    }
}

#[test]
fn what_may_be_only_once_is_named_where_it_is_the_second_time() {
    let guid = r#""0fc63daf-8483-4772-8e79-3d69d8477de4""#;
    for (text, expected) in [
        (
            changed(EXAMPLE, &[("/partitions/0/volumes/1/mount", r#""/""#)]),
            &[(
                "$.partitions[0].volumes[1].mount",
                "\"/\" is the mount of another file system of the image \"debian\"",
            )][..],
        ),
        (
            changed(EVERYTHING, &[("/partitions/2/volumes/0/mount", r#""/home/""#)]),
            &[(
                "$.partitions[2].volumes[1].mount",
                "\"/home\" is the mount of another file system of the image \"b\"",
            )],
        ),
        (
            changed(
                EVERYTHING,
                &[("/partitions/1/id", r#"{"type": "path", "value": "/dev/disk/by-path/pci-1"}"#)],
            ),
            &[("$.partitions[1].id", "/dev/disk/by-path/pci-1 is described twice")],
        ),
        (
            changed(
                EXAMPLE,
                &[
                    ("/partitions/0/volumes/0/partition_guid", guid),
                    ("/partitions/0/volumes/1/partition_guid", guid),
                ],
            ),
            &[("$.partitions[0].volumes[1].partition_guid", "is the GUID of another partition")],
        ),
        (
            changed(EXAMPLE, &[("/partitions/-", r#"{"type": "vg", "id": "home", "volumes": []}"#)]),
            &[("$.partitions[2].id", "\"home\" is described twice")],
        ),
        (
            changed(
                EVERYTHING,
                &[("/partitions/2/volumes/0/name", r#""x""#), ("/partitions/2/volumes/1/name", r#""x""#)],
            ),
            &[("$.partitions[2].volumes[1].name", "\"x\" is the name of another volume")],
        ),
    ] {
        wrong(&text, expected, &text);
    }
}

#[test]
fn members_of_an_array_have_to_agree() {
    let root = r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#;
    let raid = |more: &str| format!(r#"{{"type": "raid", "size": "1 GiB"{more}}}"#);
    let srv = |more: &str| raid(&format!(r#", "mount": "/srv"{more}"#));
    let at = |index: usize, key: &str| format!("$.partitions[0].volumes[{index}]{key}");
    for (volumes, index, key, part) in [
        (vec![srv("")], 1, "", "a mirror needs two members; no other \"raid\" volume has the mount \"/srv\""),
        (vec![raid(r#", "file_system": "swap""#)], 1, "", "no other \"raid\" volume is swap"),
        (vec![raid("")], 1, "", "expected the key \"mount\", by which the members of an array are found"),
        (
            vec![srv(""), srv(r#", "file_system": "ext4""#)],
            2,
            "",
            "expected the same file_system as in $.partitions[0].volumes[1], the first member of the array",
        ),
        (
            vec![srv(r#", "name": "a""#), srv(r#", "name": "b""#)],
            2,
            ".name",
            "expected \"a\", as another member has it, found \"b\"",
        ),
        (
            vec![
                srv(r#", "name": "a""#),
                srv(""),
                raid(r#", "mount": "/x", "name": "a""#),
                raid(r#", "mount": "/x""#),
            ],
            3,
            ".name",
            "\"a\" is the name of another array",
        ),
    ] {
        let text = with_volumes(&format!("{root}, {}", volumes.join(",")), "");
        wrong(&text, &[(&at(index, key), part)], &text);
    }
}

#[test]
fn what_a_wrong_member_may_have_been_is_not_missed() {
    let raid = |kind: &str| format!(r#"{{"type": "raid", "size": "1 GiB", "file_system": "{kind}"}}"#);
    let root = r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#;
    let text = with_volumes(&[root, &raid("swap"), &raid("swop")].join(","), "");
    wrong(&text, &[("$.partitions[0].volumes[2].file_system", "found \"swop\"")], &text);
}

#[test]
fn only_swap_is_mounted_as_swap() {
    let text = changed(EXAMPLE, &[("/partitions/0/volumes/1/mount", r#""swap""#)]);
    let part = "expected an absolute path or \"none\" for ext4, found \"swap\"";
    wrong(&text, &[("$.partitions[0].volumes[1].mount", part)], &text);
}

#[test]
fn a_config_drive_is_not_mounted() {
    let text = changed(
        EVERYTHING,
        &[("/partitions/0/volumes/1/disk_label", r#""config-2""#), ("/partitions/0/volumes/8", "")],
    );
    let part = "the label \"config-2\" makes it the config drive, which is not mounted";
    wrong(&text, &[("$.partitions[0].volumes[1].mount", part)], &text);
}

#[test]
fn swap_with_a_mount_is_named() {
    let text = changed(EXAMPLE, &[("/partitions/0/volumes/1/file_system", r#""swap""#)]);
    let part = "swap is not mounted; expected no mount or \"none\", found \"/opt\"";
    wrong(&text, &[("$.partitions[0].volumes[1].mount", part)], &text);
    // It takes no mount away from others.
    let text = changed(&text, &[("/partitions/1/volumes/0/mount", r#""/opt""#)]);
    wrong(&text, &[("$.partitions[0].volumes[1].mount", part)], &text);
}

#[test]
fn sizes_have_to_fit() {
    let root = r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#;
    let of = |size: &str| format!(r#"{{"type": "partition", "size": "{size}"}}"#);
    for (size, part) in [
        (&["6 GiB"][..], "the volumes need 11288 MiB, there are 10 GiB"),
        (&["60%"], "the volumes need 11288 MiB, there are 10 GiB"),
        (&["remaining", "remaining"], "\"remaining\" may stand there once, found it 2 times"),
        (&["remaining", "5096 MiB"], "nothing is left for the volume with the size \"remaining\""),
    ] {
        let volumes: Vec<String> = size.iter().map(|size| of(size)).collect();
        let text = with_volumes(&format!("{root}, {}", volumes.join(",")), "");
        wrong(&text, &[("$.partitions[0].volumes", part)], &text);
    }
    for (size, part) in
        [("3000 MiB", "the volumes need 3000 MiB, there are 2936 MiB"), ("9 EiB", "no disk is that large")]
    {
        let text = changed(EXAMPLE, &[("/partitions/1/volumes/0/size", &format!("{size:?}"))]);
        let found = complaints(&text);
        assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
    }
    let unnamed = changed(EXAMPLE, &[("/configdrive", r#""/run/config""#)]);
    let part = "the volumes need 10064 MiB, there are 10000 MiB; that includes 24 MiB for the boot loader and \
                64 MiB for the config drive";
    wrong(&unnamed, &[("$.partitions[0].volumes", part)], "the config drive needs room too");
}

#[test]
fn a_disk_has_so_many_partitions_and_no_more() {
    let text = |count: usize| {
        let small = r#"{"type": "partition", "size": "1 MiB"}"#;
        let volumes = vec![small; count - 1].join(",");
        with_volumes(&format!(r#"{{"type": "partition", "mount": "/", "size": "5 GiB"}}, {volumes}"#), "")
    };
    // One of the 128 is for the boot loader.
    wrong(&text(127), &[], "127");
    wrong(
        &text(128),
        &[(
            "$.partitions[0].volumes",
            "expected at most 128 partitions, with those that nobody names; found 129",
        )],
        "128",
    );
}

#[test]
fn a_group_that_is_too_small_is_named_beside_a_disk_that_is() {
    let other = r#"{"type": "disk", "id": {"type": "name", "value": "sdb"}, "size": "1 GiB",
                    "volumes": [{"type": "partition", "size": "2 GiB"}]}"#;
    let text =
        changed(EXAMPLE, &[("/partitions/-", other), ("/partitions/1/volumes/0/size", r#""4000 MiB""#)]);
    wrong(
        &text,
        &[
            ("$.partitions[2].volumes", "the volumes need 2072 MiB, there are 1 GiB"),
            ("$.partitions[1].volumes", "the volumes need 4000 MiB, there are 2936 MiB"),
        ],
        &text,
    );
}

#[test]
fn huge_disks_do_not_overflow() {
    let volumes = r#"[{"type": "pv", "vg": "home", "size": "remaining"}]"#;
    let disk = |name: &str| {
        format!(
            r#"{{"type": "disk", "id": {{"type": "name", "value": "{name}"}}, "size": "7 EiB", "volumes": {volumes}}}"#
        )
    };
    let (b, c) = (disk("sdb"), disk("sdc"));
    let text =
        changed(EXAMPLE, &[("/partitions/-", &b), ("/partitions/-", &c), ("/partitions/-", &disk("sdd"))]);
    wrong(&text, &[], &text);
}
