//! What is wrong in a description is said at its place, all of it at once, and nothing that only follows from it.

use super::schema::{places, places_wrong};
use super::*;

/// The JSON path of a JSON pointer.
fn path(pointer: &str) -> String {
    let part = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{part}"),
    };
    std::iter::once("$".to_owned()).chain(pointer.split('/').skip(1).map(part)).collect()
}

#[test]
fn a_slip_in_a_key_is_seen_where_the_key_is_missed() {
    let text = EXAMPLE.replace("\"partitions\":", "\"partitons\":");
    wrong(
        &text,
        &[
            ("$", "expected the key \"partitions\", found none"),
            ("$.partitons", "there is no such key; did you mean \"partitions\"?"),
        ],
        &text,
    );
    // What may have any further keys tells those that nobody knows, once something is wrong.
    let text = EXAMPLE.replace("\"images\":", "\"pictures\":");
    wrong(
        &text,
        &[
            ("$", "expected the key \"images\", found none"),
            ("$.pictures", "there is no such key; it has no effect"),
        ],
        &text,
    );
}

#[test]
fn what_is_no_object_is_no_description() {
    for (text, part) in [
        ("", "not JSON: EOF"),
        ("{\"images\": [", "not JSON: EOF while parsing a list at line 1 column 12"),
        ("{} {}", "trailing characters"),
        ("[]", "expected an object, found a list of 0"),
        ("null", "expected an object, found null"),
        ("7", "expected an object, found the number 7"),
    ] {
        wrong(text, &[("$", part)], text);
    }
    wrong(
        "{}",
        &[
            ("$", "expected the key \"images\", found none"),
            ("$", "expected the key \"partitions\", found none"),
        ],
        "{}",
    );
}

#[test]
fn a_wrong_value_is_named_at_its_place() {
    let url = "expected rsync:HOST::module/path, HOST::module/path, rsync(s)://[user@]HOST[:port]/module/path, \
               http(s)://HOST/path or file:///path, found";
    let device = "expected the name of a";
    for (pointer, json, part) in [
        (
            "/partitions_policy",
            r#""keep""#,
            r#"expected one of "verify", "clean", "nailgun_legacy", found "keep""#,
        ),
        ("/images", "[]", "expected a list of at least 1 item, found an empty list"),
        ("/images/0", r#""debian""#, r#"expected an object, found "debian""#),
        ("/images/0/name", r#""""#, "expected the name of an image, found \"\": it is empty"),
        ("/images/0/name", r#""a\nb""#, "control characters are not allowed"),
        ("/images/0/boot", r#""yes""#, r#"expected true or false, found "yes""#),
        ("/images/0/image_name", r#""a\u0007""#, "control characters are not allowed"),
        ("/images/0/image_uuid", "7", "expected a string, found the number 7"),
        ("/images/0/image_pull_url", r#""debian""#, url),
        ("/images/0/image_pull_url", r#""/srv/tree""#, url),
        ("/images/0/image_pull_url", r#""host:path""#, url),
        ("/images/0/image_pull_url", r#""ftp://host/image""#, url),
        ("/images/0/image_pull_url", r#""http://""#, url),
        (
            "/images/0/image_pull_url",
            r#""rsync://bob:secret@h/m""#,
            "found \"rsync://bob:…@h/m\": a URL cannot hold a password",
        ),
        ("/images/0/image_pull_url", r#""10.0.0.10::m/a\nb""#, "control characters are not allowed"),
        ("/images/0/image_pull_url", r#""10.0.0.10::""#, "it names no module"),
        ("/images/0/image_pull_url", r#""rsync://10.0.0.10""#, "it names no module"),
        ("/images/0/image_pull_url", r#""10.0.0.10:/srv/m""#, "by a remote shell"),
        ("/images/0/image_pull_url", r#""rsync://10.0.0.10:99999/m""#, url),
        (
            "/images/0/target",
            r#""usr""#,
            "expected an absolute path in the tree, found \"usr\": it must begin with a slash",
        ),
        ("/images/0/target", r#""/a/../b""#, "it may not hold . or .."),
        ("/image_deploy_flags", "[]", "expected an object, found a list of 0"),
        (
            "/image_deploy_flags/rsync_flags",
            r#""-a --delete-everything""#,
            "there is no option --delete-everything",
        ),
        ("/image_deploy_flags/rsync_flags", r#""-X""#, "without -a or -r nothing is pulled"),
        ("/image_deploy_flags/rsync_flags", r#""-an""#, "-n would leave the disks empty"),
        ("/image_deploy_flags/rsync_flags", r#""-a 'x""#, "a quote is not closed"),
        ("/deploy_data/kernel_params", r#""a\nb""#, "control characters are not allowed"),
        (
            "/configdrive",
            r#""""#,
            "expected a directory, a URL, or an image in gzip and base64, found a string of 0 bytes: it is empty",
        ),
        ("/configdrive", r#""run/config""#, "expected a directory, a URL, or an image in gzip and base64"),
        ("/configdrive", "{}", "found an object"),
        ("/partitions", "[]", "expected a list of at least 1 item, found an empty list"),
        ("/partitions/0/type", r#""disc""#, r#"expected one of "disk", "vg", found "disc""#),
        (
            "/partitions/0/id",
            r#""sda""#,
            r#"expected an object with the key "type" (one of "name", "path", "scsi"), found "sda""#,
        ),
        ("/partitions/0/id/type", r#""uuid""#, r#"expected one of "name", "path", "scsi", found "uuid""#),
        (
            "/partitions/0/id/value",
            "7",
            "expected the kernel's name of a disk, as \"sda\", found the number 7",
        ),
        ("/partitions/0/id/value", r#""""#, "expected the kernel's name of a disk, as \"sda\", found \"\""),
        ("/partitions/0/id/value", r#""../sda""#, "expected the kernel's name of a disk"),
        ("/partitions/0/size", r#""40%""#, "expected a size in bytes"),
        ("/partitions/0/size", r#""remaining""#, "it must say how much"),
        ("/partitions/0/size", "10000", "found the number 10000"),
        ("/partitions/0/volumes", "{}", "expected a list, found an object"),
        (
            "/partitions/0/volumes/0/type",
            r#""part""#,
            r#"expected one of "partition", "boot", "raid", "pv", "lvm_meta_pool", found "part""#,
        ),
        ("/partitions/0/volumes/0/size", r#""5 XB""#, "there is no unit \"XB\""),
        ("/partitions/0/volumes/0/size", r#""1.5 GiB""#, "only whole numbers; use a smaller unit"),
        ("/partitions/0/volumes/0/size", r#""0""#, "it must be more than 0"),
        ("/partitions/0/volumes/0/size", r#""9 YiB""#, "no disk is that large"),
        ("/partitions/0/volumes/0/size", r#""120%""#, "a share is from 1% to 100%"),
        (
            "/partitions/0/volumes/0/size",
            r#""rest""#,
            "expected a size (\"10 GiB\", \"500 MB\", \"4096\" for MiB, \"40%\" or \"remaining\"), found \"rest\"",
        ),
        (
            "/partitions/0/volumes/0/mount",
            r#""root""#,
            "expected an absolute path or \"none\", found \"root\": it must begin with a slash",
        ),
        ("/partitions/0/volumes/0/mount", r#""/a b""#, "it may not hold blanks"),
        (
            "/partitions/0/volumes/0/file_system",
            r#""ntfs""#,
            "expected one of \"ext2\", \"ext3\", \"ext4\", \"xfs\", \"btrfs\", \"vfat\", \"swap\"",
        ),
        (
            "/partitions/0/volumes/0/disk_label",
            r#""seventeen letters""#,
            "expected at most 16 bytes for ext4, found 17",
        ),
        ("/partitions/0/volumes/0/partition_guid", r#""0fc63daf""#, "expected a GUID, found \"0fc63daf\""),
        ("/partitions/0/volumes/0/fstab_enabled", "1", "expected true or false, found the number 1"),
        (
            "/partitions/0/volumes/0/fstab_options",
            r#""a, b""#,
            "blanks and control characters are not allowed",
        ),
        ("/partitions/0/volumes/0/fstab_options", r#""""#, "\"defaults\" is the usual value"),
        ("/partitions/0/volumes/0/keep_data", r#""no""#, "expected true or false, found \"no\""),
        ("/partitions/0/volumes/0/images", r#""debian""#, "expected a list, found \"debian\""),
        ("/partitions/0/volumes/0/images", "[]", "expected a list of at least 1 item, found an empty list"),
        ("/partitions/0/volumes/2/vg", r#""a/b""#, "only letters, digits and _ . + - are allowed"),
        ("/partitions/0/volumes/2/vg", r#""-a""#, "it may not begin with a dash"),
        (
            "/partitions/0/volumes/2/lvm_meta_size",
            r#""9 MiB""#,
            "expected a size of at least 10 MiB, found \"9 MiB\"",
        ),
        ("/partitions/0/volumes/2/lvm_meta_size", r#""5%""#, "expected a size of at least 10 MiB"),
        ("/partitions/1/id", r#""..""#, "it is the name of a directory"),
        ("/partitions/1/id", "{}", "expected the name of a volume group, found an object"),
        ("/partitions/1/volumes/0/type", r#""partition""#, r#"expected "lv", found "partition""#),
        ("/partitions/1/volumes/0/name", r#""""#, device),
        ("/partitions/1/volumes/0/size", "null", "found null"),
    ] {
        wrong(
            &changed(EXAMPLE, &[(pointer, json)]),
            &[(&path(pointer), part)],
            &format!("{pointer} as {json}"),
        );
    }
}

#[test]
fn addresses_of_disks_are_checked_by_their_kind() {
    for (kind, value, part) in [
        ("name", "a//b", "expected the kernel's name of a disk"),
        ("path", "", "expected a path under /dev, as \"disk/by-path/…\", or an absolute path, found \"\""),
        ("scsi", "6:1:0", "expected host:channel:target:unit, as \"6:1:0:0\", found \"6:1:0\""),
        ("scsi", "6:1:0:x", "expected host:channel:target:unit"),
        ("scsi", "6:1:0:+1", "expected host:channel:target:unit"),
    ] {
        let id = format!(r#"{{"type": "{kind}", "value": "{value}"}}"#);
        wrong(&changed(EXAMPLE, &[("/partitions/0/id", &id)]), &[("$.partitions[0].id.value", part)], value);
    }
}

#[test]
fn a_missing_key_is_named_at_its_object() {
    for (pointer, at, name) in [
        ("/images/0/name", "$.images[0]", "name"),
        ("/images/0/image_pull_url", "$.images[0]", "image_pull_url"),
        ("/images/0/target", "$.images[0]", "target"),
        ("/partitions/0/type", "$.partitions[0]", "type"),
        ("/partitions/0/id", "$.partitions[0]", "id"),
        ("/partitions/0/id/type", "$.partitions[0].id", "type"),
        ("/partitions/0/id/value", "$.partitions[0].id", "value"),
        ("/partitions/0/size", "$.partitions[0]", "size"),
        ("/partitions/0/volumes", "$.partitions[0]", "volumes"),
        ("/partitions/0/volumes/0/type", "$.partitions[0].volumes[0]", "type"),
        ("/partitions/0/volumes/0/size", "$.partitions[0].volumes[0]", "size"),
        ("/partitions/0/volumes/2/vg", "$.partitions[0].volumes[2]", "vg"),
        ("/partitions/1/id", "$.partitions[1]", "id"),
        ("/partitions/1/volumes", "$.partitions[1]", "volumes"),
        ("/partitions/1/volumes/0/name", "$.partitions[1].volumes[0]", "name"),
        ("/partitions/1/volumes/0/size", "$.partitions[1].volumes[0]", "size"),
    ] {
        let part = format!("expected the key {name:?}");
        wrong(&changed(EXAMPLE, &[(pointer, "")]), &[(at, &part)], pointer);
    }
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_may_be_meant() {
    let similar = |name: &str| format!("there is no such key; did you mean {name:?}?");
    for (pointer, name) in [
        ("/partitions-policy", "partitions_policy"),
        ("/images/0/Boot", "boot"),
        ("/partitions/0/volumes/0/keepData", "keep_data"),
        ("/partitions/0/volumes/0/fstab-options", "fstab_options"),
        ("/partitions/0/volumes/2/lvmMetaSize", "lvm_meta_size"),
        ("/image_deploy_flags/rsyncFlags", "rsync_flags"),
        ("/deploy_data/Kernel Params", "kernel_params"),
    ] {
        wrong(&changed(EXAMPLE, &[(pointer, "true")]), &[(&path(pointer), &similar(name))], pointer);
    }
    for (pointer, others) in [
        ("/images/0/uuid", "expected one of name, boot, image_name, image_uuid, image_pull_url, target"),
        ("/partitions/0/label", "expected one of type, id, size, volumes"),
        ("/partitions/0/volumes/0/vg", "expected one of type, size, mount, file_system"),
        ("/partitions/0/volumes/2/mount", "expected one of type, size, vg, lvm_meta_size"),
        ("/partitions/1/size", "expected one of type, id, volumes"),
        ("/partitions/1/volumes/0/partition_guid", "expected one of type, name, size, mount"),
    ] {
        let text = changed(EXAMPLE, &[(pointer, r#""x""#)]);
        wrong(&text, &[(&path(pointer), others)], pointer);
    }
}

#[test]
fn a_key_that_stands_there_twice_is_named() {
    let text = EXAMPLE.replace(r#""mount": "/opt","#, r#""mount": "/opt", "mount": "/srv","#);
    wrong(&text, &[("$.partitions[0].volumes[1].mount", "stands there twice")], "mount");
}

#[test]
fn long_values_are_shortened() {
    let long = format!("{:?}", "x".repeat(10_000));
    let [line] = &complaints(&changed(EXAMPLE, &[("/partitions_policy", &long)]))[..] else { panic!("one") };
    assert!(line.len() < 200, "{line}");
}

#[test]
fn all_mistakes_come_at_once() {
    let text = changed(
        EVERYTHING,
        &[
            ("/partitions_policy", r#""keep""#),
            ("/images/0/boot", r#""yes""#),
            ("/images/3/image_pull_url", r#""nowhere""#),
            ("/image_deploy_flags/rsync_flags", r#""-X""#),
            ("/deploy_data/kernel_params", "7"),
            ("/partitions/0/volumes/0/partition_guid", r#""x""#),
            ("/partitions/0/volumes/1/Images", "[]"),
            ("/partitions/0/volumes/2/images", r#"["c"]"#),
            ("/partitions/0/volumes/7/vg", r#""lvm""#),
            ("/partitions/1/id/value", r#""6""#),
            ("/partitions/1/volumes/0/name", r#""other""#),
            ("/partitions/2/volumes/0/name", r#""home""#),
            ("/configdrive", r#""nowhere""#),
        ],
    );
    wrong(
        &text,
        &[
            ("$.partitions_policy", "expected one of"),
            ("$.images[0].boot", "expected true or false"),
            ("$.images[3].image_pull_url", "expected rsync:HOST::module/path"),
            ("$.image_deploy_flags.rsync_flags", "without -a or -r"),
            ("$.deploy_data.kernel_params", "expected a string"),
            ("$.partitions[0].volumes[0].partition_guid", "expected a GUID"),
            ("$.partitions[0].volumes[1].Images", "did you mean \"images\""),
            ("$.partitions[1].id.value", "expected host:channel:target:unit"),
            ("$.configdrive", "expected a directory"),
            ("$.partitions[0].volumes[2].images[0]", "there is no image \"c\"; there are: a, b, utils"),
            ("$.partitions[0].volumes[7].vg", "there is no volume group \"lvm\""),
            ("$.partitions[1].volumes[0].name", "expected \"data\""),
            ("$.partitions[2].volumes[1].name", "\"home\" is the name of another volume"),
        ],
        &text,
    );
}

#[test]
fn one_wrong_value_is_one_complaint() {
    for text in [EXAMPLE, EVERYTHING] {
        let original: Value = serde_json::from_str(text).unwrap();
        for pointer in places(&original, "") {
            for other in ["null", "true", "7", "1.5", "[]", "{}", r#""?""#] {
                let text = changed(text, &[(&pointer, other)]);
                if places_wrong(&text).is_empty() {
                    continue;
                }
                let found = complaints(&text);
                let at = path(&pointer);
                // An empty object misses several keys, and so does one that is of another type now.
                let several = other == "{}" || pointer.ends_with("/type");
                let here = found.iter().all(|line| line.starts_with(&at));
                assert!(here && (several || found.len() == 1), "{pointer} as {other}: {found:#?}");
            }
        }
    }
}

#[test]
fn one_key_of_another_name_is_no_other_mistake() {
    for text in [EXAMPLE, EVERYTHING] {
        let original: Value = serde_json::from_str(text).unwrap();
        for pointer in places(&original, "") {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let mut description = original.clone();
            let Value::Object(entries) = description.pointer_mut(parent).unwrap() else { continue };
            let value = entries.remove(key).unwrap();
            entries.insert(format!("{key}_of_old"), value);
            let text = description.to_string();
            if places_wrong(&text).is_empty() {
                continue;
            }
            let (at, stray) = (path(parent), format!("{}_of_old", path(&pointer)));
            for line in complaints(&text) {
                let expected = line.starts_with(&format!("{at}: expected the key {key:?}"))
                    || line.starts_with(&format!("{stray}: there is no such key"));
                assert!(expected, "{pointer} renamed: {line}");
            }
        }
    }
}
