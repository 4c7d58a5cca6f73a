//! Images and where they come from; the policy, the options of a pull, and the config drive.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{ConfigSource, MIB, Policy, Role, Size, SumKind};

const ROOT: &str = r#"{"type": "partition", "mount": "/", "size": "5 GiB"}"#;

#[test]
fn what_an_image_says_for_the_boot_entries_is_kept() {
    let description = read(EVERYTHING);
    let entry = |index: usize| {
        let image = &description.images[index];
        (image.boot, image.image_name.as_str(), image.image_uuid.as_str())
    };
    assert_eq!(entry(0), (true, "A", "1"));
    assert_eq!(entry(1), (false, "B", "2"));
    assert_eq!(entry(2), (false, "", ""));
    assert_eq!(entry(3), (false, "", ""), "zero is false");
}

#[test]
fn the_first_of_several_that_are_to_boot_does() {
    let both = changed(EVERYTHING, &[("/images/1/boot", "1")]);
    assert!(warnings(&both).iter().any(|line| line.starts_with("$.images: several are to boot")));
    let same_tree = changed(
        EVERYTHING,
        &[("/images/0/boot", "false"), ("/images/1/boot", "1"), ("/images/2/boot", "true")],
    );
    assert!(!warnings(&same_tree).iter().any(|line| line.starts_with("$.images")));
}

#[test]
fn urls_are_taken_in_every_spelling() {
    for url in [
        "rsync:10.0.0.10::images/debian/",
        "10.0.0.10::images/debian/",
        "user@10.0.0.10::images/debian/",
        "rsync:user@10.0.0.10::images",
        "rsync://10.0.0.10/images/debian/",
        "rsync://user@10.0.0.10:8730/images/debian",
        "rsync://[fe80::1]/images/",
        "[fe80::1]::images/",
        "http://10.0.0.10/debian.img.gz",
        "https://images.example/debian.img",
        "file:///run/images/debian.img",
    ] {
        let text = changed(EXAMPLE, &[("/images/0/image_pull_url", &format!("{url:?}"))]);
        assert_eq!(read(&text).images[0].url, url);
    }
}

#[test]
fn sums_and_lengths_of_images_are_taken() {
    let of = |changes: &[(&str, &str)]| {
        let changes: Vec<(String, &str)> =
            changes.iter().map(|(key, json)| (format!("/images/0/{key}"), *json)).collect();
        let changes: Vec<(&str, &str)> = changes.iter().map(|(key, json)| (key.as_str(), *json)).collect();
        changed(EXAMPLE, &changes)
    };
    let digits = |count: usize| format!("\"{}\"", "a0".repeat(count / 2));
    let (md5, sha512) = (digits(32), digits(128));
    let text = of(&[
        ("image_checksum", &md5),
        ("os_hash_algo", "\"sha512\""),
        ("os_hash_value", &sha512),
        ("image_size", "12345"),
    ]);
    let checks = read(&text).images[0].checks.clone();
    let kinds: Vec<SumKind> = checks.sums.iter().map(|sum| sum.kind).collect();
    assert_eq!((kinds, checks.len), (vec![SumKind::Md5, SumKind::Sha512], Some(12345)));
    assert!(read(EXAMPLE).images[0].checks.is_empty());
    for (keys, part) in [
        (&[("os_hash_value", sha512.as_str())][..], "expected the key \"os_hash_algo\""),
        // No matter what else stands there.
        (&[("os_hash_value", sha512.as_str()), ("image_size", "1")], "expected the key \"os_hash_algo\""),
        (&[("os_hash_algo", "\"md5\"")], "expected the key \"os_hash_value\""),
        (
            &[("os_hash_algo", "\"md5\""), ("os_hash_value", sha512.as_str())],
            "expected 32 hexadecimal digits for MD5",
        ),
        (&[("os_hash_algo", "\"crc\""), ("os_hash_value", sha512.as_str())], "expected one of \"md5\""),
        (&[("image_checksum", "\"abc\"")], "expected 32, 64 or 128 hexadecimal digits"),
        (&[("image_size", "0")], "expected a whole number from 1 on"),
        (&[("image_size", "\"10 MiB\"")], "expected a whole number from 1 on"),
    ] {
        let found = complaints(&of(keys));
        assert!(found.len() == 1 && found[0].contains(part), "{keys:?}: {found:?}");
    }
}

#[test]
fn policies_have_their_names() {
    for (json, policy) in [
        (r#""verify""#, Policy::Verify),
        (r#""clean""#, Policy::Clean),
        (r#""nailgun_legacy""#, Policy::NailgunLegacy),
        ("null", Policy::Verify),
        ("", Policy::Verify),
    ] {
        assert_eq!(read(&changed(EXAMPLE, &[("/partitions_policy", json)])).policy, policy, "{json}");
    }
}

#[test]
fn a_pull_takes_the_options_of_the_description() {
    let description = read(EXAMPLE);
    assert_eq!(description.pull.timeouts.idle, Some(Duration::from_secs(300)));
    let text = changed(
        EXAMPLE,
        &[("/image_deploy_flags/rsync_flags", r#""-rlH --no-l --port 8730 --password-file /p""#)],
    );
    let pull = read(&text).pull;
    assert!(pull.options.recursive && pull.options.hard_links && !pull.options.links && !pull.options.acls);
    assert_eq!((pull.port, pull.password_file), (Some(8730), Some(PathBuf::from("/p"))));
}

#[test]
fn without_options_a_pull_keeps_everything() {
    for change in [
        ("/image_deploy_flags", ""),
        ("/image_deploy_flags", "{}"),
        ("/image_deploy_flags", "null"),
        ("/image_deploy_flags/rsync_flags", "null"),
    ] {
        let options = read(&changed(EXAMPLE, &[change])).pull.options;
        assert!(options.recursive && options.owner && options.acls && options.xattrs, "{change:?}");
    }
}

#[test]
fn kernel_parameters_may_be_missing() {
    for change in [("/deploy_data", ""), ("/deploy_data", "{}"), ("/deploy_data/kernel_params", "null")] {
        assert_eq!(read(&changed(EXAMPLE, &[change])).kernel_params, "");
    }
}

#[test]
fn the_config_drive_comes_in_three_forms() {
    for (written, source) in [
        ("/run/config", ConfigSource::Directory(PathBuf::from("/run/config"))),
        ("file:///run/config", ConfigSource::Directory(PathBuf::from("/run/config"))),
        ("https://host/config.gz", ConfigSource::Url("https://host/config.gz".into())),
        ("H4sIAAAAAAAA", ConfigSource::Encoded("H4sIAAAAAAAA".into())),
        (" H4sIAAAAAAAA ", ConfigSource::Encoded("H4sIAAAAAAAA".into())),
    ] {
        let text = changed(&with_volumes(ROOT, ""), &[("/configdrive", &format!("{written:?}"))]);
        assert_eq!(read(&text).config_drive, Some(source), "{written}");
    }
    assert_eq!(read(&changed(EVERYTHING, &[("/configdrive", "null")])).config_drive, None);
}

#[test]
fn an_undescribed_config_drive_is_at_the_end_of_the_first_disk() {
    let other = r#"{"type": "disk", "id": {"type": "name", "value": "sdb"}, "size": "1 GiB", "volumes": []}"#;
    let text = changed(&with_volumes(ROOT, other), &[("/configdrive", r#""/run/config""#)]);
    let description = read(&text);
    let last = description.disks[0].volumes.last().unwrap();
    assert!(matches!(last.role, Role::ConfigDrive));
    assert_eq!(last.size, Size::Bytes(64 * MIB));
    assert_eq!(description.disks[1].volumes.len(), 1);
}

#[test]
fn a_partition_with_the_right_label_takes_the_config_drive() {
    let labelled = r#"{"type": "partition", "size": "32 MiB", "disk_label": "config-2",
                       "partition_guid": "0fc63daf-8483-4772-8e79-3d69d8477de4"}"#;
    let plain = with_volumes(&[labelled, ROOT].join(","), "");
    let volumes = read(&changed(&plain, &[("/configdrive", r#""/run/config""#)])).disks.remove(0).volumes;
    assert_eq!(volumes.len(), 3);
    assert!(matches!(volumes[1].role, Role::ConfigDrive));
    assert_eq!(volumes[1].size, Size::Bytes(32 * MIB));
    assert!(volumes[1].guid.is_some());
    // Without a config drive, it is a file system as any other.
    assert!(matches!(read(&plain).disks[0].volumes[1].role, Role::FileSystem(_)));
}
