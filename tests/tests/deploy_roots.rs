//! Roots of every kind of file system, with labels, on disks that are named in every way that there is here.

use std::os::unix::fs::symlink;
use std::process::Command;

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, volume, with,
};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];

/// A kind, its line's last number in fstab, and what finds faults in it.
struct Root {
    kind: &'static str,
    pass: u32,
    check: &'static [&'static str],
}

const EXT: &[&str] = &["e2fsck", "-f", "-n"];

/// Deploys onto a root of a kind, then once more into what is there.
fn deploy(root: &Root, mebibytes: u64, label: &str, id: impl Fn(&BareDisk, &Desk) -> Value) {
    let (system, bare, desk) = (System::new(), BareDisk::new(mebibytes), Desk::new());
    let Root { kind, pass, check } = root;
    let swap = with(volume("none", "swap", "16 MiB"), "disk_label", "to swap");
    let volumes = [with(volume("/", kind, "remaining"), "disk_label", label), swap];
    let disk = with(disk(&bare, &volumes), "id", id(&bare, &desk));
    let mut uuid = None;
    for policy in ["clean", "verify"] {
        let text = description(policy, &[system.image()], std::slice::from_ref(&disk));
        let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
        assert_nothing_mounted(&[&bare]);
        // Whatever it is called in the description.
        assert_eq!(ended.receipt()["disks"][0]["node"], bare.node().to_str().unwrap());
        let content = bare.content(2);
        // It is printed for a shell.
        let found = content["LABEL"].replace('\\', "");
        assert_eq!((content["TYPE"].as_str(), found.as_str()), (*kind, label));
        assert_eq!(*uuid.get_or_insert_with(|| content["UUID"].clone()), content["UUID"], "{policy}");
        assert_eq!(bare.content(3)["LABEL"], "to\\ swap");
        let mounted = Mounted::new(&[(&bare, 2, "/")]);
        let line = format!("UUID={} / {kind} defaults 0 {pass}\n", content["UUID"]);
        assert!(
            mounted.text("/etc/fstab").contains(&line),
            "{line} was expected in {}",
            mounted.text("/etc/fstab")
        );
        assert_deployed(&system.source(), &mounted);
    }
    output(Command::new(check[0]).args(&check[1..]).arg(bare.partition(2)));
}

fn by(kind: &str, value: &str) -> Value {
    json!({"type": kind, "value": value})
}

#[test]
fn ext2_on_a_disk_by_its_name() {
    let root = Root { kind: "ext2", pass: 1, check: EXT };
    deploy(&root, 300, "a root", |disk, _| by("name", disk.name()));
}

#[test]
fn ext3_on_a_disk_by_its_absolute_path() {
    let root = Root { kind: "ext3", pass: 1, check: EXT };
    deploy(&root, 300, "16 bytes of text", |disk, _| by("path", disk.node().to_str().unwrap()));
}

#[test]
fn ext4_on_a_disk_by_its_path_under_dev() {
    let root = Root { kind: "ext4", pass: 1, check: EXT };
    deploy(&root, 300, "root", |disk, _| by("path", disk.name()));
}

#[test]
fn xfs_on_a_disk_by_a_link_to_it() {
    let root = Root { kind: "xfs", pass: 0, check: &["xfs_repair", "-n"] };
    // As device managers make them under /dev/disk.
    deploy(&root, 420, "twelve bytes", |disk, desk| {
        let link = desk.join("virtio-pci-0000:00:04.0");
        symlink(disk.node(), &link).unwrap();
        by("path", link.to_str().unwrap())
    });
}

#[test]
fn btrfs_on_a_disk_by_a_name_with_dots() {
    let root = Root { kind: "btrfs", pass: 0, check: &["btrfs", "check", "--readonly"] };
    let label = "a label that would be too long for all others";
    deploy(&root, 420, label, |disk, _| by("path", &format!("../dev/./{}", disk.name())));
}

#[test]
fn a_disk_is_described_once_whatever_it_is_called() {
    let (system, bare, desk) = (System::new(), BareDisk::new(300), Desk::new());
    let before = bare.sum();
    let twice = |second: Value| {
        let first = disk(&bare, &[volume("/", "ext4", "remaining")]);
        let second = with(disk(&bare, &[volume("/home", "ext4", "remaining")]), "id", second);
        description("clean", &[system.image()], &[first, second])
    };
    let seen = desk.look("validate", &twice(by("name", bare.name())), &[]).expect(exit::DESCRIPTION);
    assert!(seen.stderr.contains("$.partitions[1].id") && seen.stderr.contains("described twice"), "{seen}");
    // Only on the machine itself can it be seen that both are one.
    let ended =
        desk.provision(&twice(by("path", bare.node().to_str().unwrap())), WITHOUT).expect(exit::REFUSED);
    ended.says(&["described twice", "nothing was changed"]);
    let gone = with(disk(&bare, &[volume("/", "ext4", "remaining")]), "id", by("path", "disk/by-path/none"));
    let text = description("clean", &[system.image()], &[gone]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::REFUSED);
    ended.says(&["there is no disk /dev/disk/by-path/none; there are: ", bare.name()]);
    let part = with(disk(&bare, &[volume("/", "ext4", "remaining")]), "id", by("scsi", "99:0:0:0"));
    let text = description("clean", &[system.image()], &[part]);
    desk.provision(&text, WITHOUT).expect(exit::REFUSED).says(&["SCSI 99:0:0:0"]);
    assert_eq!(bare.sum(), before);
}
