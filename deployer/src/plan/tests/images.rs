//! Images that are file systems: onto which devices they go, and what stands against it.

use super::*;
use crate::machine::blkid::Content;

const FILE_SYSTEMS: PlanOptions =
    PlanOptions { images: Images::FileSystems, boot_loader: false, ..PROVISION };
const COPY_IMAGE: PlanOptions = PlanOptions { phases: &[Phase::CopyImage], ..FILE_SYSTEMS };

fn image(name: &str, url: &str, target: &str) -> Value {
    json!({"name": name, "image_pull_url": format!("https://images/{url}"), "target": target})
}

/// A system of two images.
fn description(policy: &str, keep_data: bool) -> Description {
    let root = with(with(partition("/", "ext4", "2 GiB"), "keep_data", keep_data), "disk_label", "root");
    let usr = with(partition("/usr", "xfs", "2 GiB"), "keep_data", keep_data);
    read(&json!({
        "partitions_policy": policy,
        "images": [image("os", "root.img?sig=secret", "/"), image("os", "usr.img", "/usr")],
        "partitions": [disk("sda", [root, usr, partition("/srv", "ext4", "1 GiB")])],
    }))
}

const COPIED: [&str; 7] = [
    "write https://images/root.img to /dev/sda2, for os:/",
    "$ e2fsck -f -p /dev/sda2",
    "$ tune2fs -U 00000000-0000-0000-0000-000000000000 -L root /dev/sda2",
    "$ resize2fs /dev/sda2",
    "write https://images/usr.img to /dev/sda3, for os:/usr",
    "$ xfs_growfs -d /",
    "$ xfs_admin -U 00000000-0000-0000-0000-000000000000 /dev/sda3",
];

#[test]
fn each_goes_onto_the_device_that_is_mounted_there() {
    let clean = description("clean", true);
    let all = done(&plan(&clean, &empty(&clean), FILE_SYSTEMS));
    let copied = [&COPIED[..], &["write os:/etc/fstab"]].concat();
    assert_eq!(all[all.len() - copied.len()..], copied);
    // What is there does not matter, and nobody notes anything in it.
    for (change, what) in [(None, "nothing"), (Some("swap"), "something else")] {
        let mut facts = as_described(&clean);
        facts.disks[0].partitions[1].content =
            Content { kind: change.map(str::to_owned), ..Content::default() };
        assert_eq!(done(&plan(&clean, &facts, COPY_IMAGE)), copied, "{what}");
    }
}

#[test]
fn what_is_replaced_is_shown_as_that() {
    let clean = description("clean", true);
    let plan = plan(&clean, &as_described(&clean), COPY_IMAGE);
    let fates: Vec<_> = plan.file_systems.iter().map(|it| (it.made, it.replaced)).collect();
    assert_eq!(fates, [(false, true), (false, true), (false, false)]);
    let text = super::super::show::text(&plan);
    assert!(text.contains("overwritten") && !text.contains("secret"), "{text}");
}

#[test]
fn what_keeps_its_data_is_not_replaced() {
    let kept = description("verify", true);
    let found = refusals(&kept, &as_described(&kept), FILE_SYSTEMS);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("$.images[0].target: ") && found[0].contains("keep_data"), "{found:?}");
    let anew = description("verify", false);
    assert_eq!(refusals(&anew, &as_described(&anew), FILE_SYSTEMS), NOTHING);
    // Trees of files change only what differs.
    assert_eq!(refusals(&kept, &as_described(&kept), PROVISION), NOTHING);
}

#[test]
fn what_belongs_to_something_larger_is_not_replaced() {
    let clean = description("clean", true);
    for kind in ["LVM2_member", "linux_raid_member", "crypto_LUKS"] {
        let mut facts = as_described(&clean);
        facts.disks[0].partitions[1].content.kind = Some(kind.to_owned());
        let Err(NoPlan::Differs(problems)) = build(&clean, &facts, COPY_IMAGE) else { panic!("{kind}") };
        assert_eq!(lines(&problems), [format!("/dev/sda2: expected ext4 on it, found {kind}")]);
    }
}

#[test]
fn images_need_a_place_of_their_own() {
    let text = |images: Value, kind: &str| {
        read(&json!({
            "partitions_policy": "clean",
            "images": images,
            "partitions": [disk("sda", [
                with(partition("/", "ext4", "2 GiB"), "images", ["a"]),
                with(partition("/srv", kind, "1 GiB"), "images", ["a", "b"]),
            ])],
        }))
    };
    let refused = |images: Value, kind: &str, words: &str| {
        let description = text(images, kind);
        let found = refusals(&description, &empty(&description), FILE_SYSTEMS);
        assert!(found.iter().any(|line| line.contains(words)), "{words:?}: {found:?}");
    };
    let (a, b) = (image("a", "a.img", "/"), image("b", "b.img", "/srv"));
    refused(json!([a, image("b", "b.img", "/srv/opt")]), "ext4", "none is mounted at \"/srv/opt\"");
    refused(json!([a, b]), "vfat", "\"/srv\" is vfat");
    refused(json!([a, b, image("a", "c.img", "/srv")]), "ext4", "takes the place of the same file system");
}
