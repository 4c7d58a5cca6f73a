//! `--delete` in a description: what no image has goes on every file system of the tree, and what deployments write,
//! what boot loaders have and what other images bring stays.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use end_to_end::bare::{BareDisk, Mounted};
use end_to_end::deploy::{
    Desk, System, assert_deployed_except, assert_nothing_mounted, description, disk, exit, image, plant,
    volume, with, write,
};
use serde_json::json;

const WITHOUT: &[&str] = &["--no-boot-loader"];
/// What only the machine has, on each of its file systems.
const FOREIGN: [&str; 5] =
    ["old-release", "usr/old/deep/file", "var/cache/old", "srv/app/old-tool", "srv/other/file"];
/// What stays although no image has it.
const KEPT: [&str; 5] = [
    "boot/grub/grub.cfg",
    "boot/efi/EFI/debian/grubx64.efi",
    "efi/EFI/debian/grubx64.efi",
    "etc/default/grub.d/zz-deployer.cfg",
    "data/of/somebody",
];

fn fill(root: &Path) {
    plant(root);
    // The places of what stays are in the image, and empty.
    for directory in ["boot/efi", "efi", "srv/app", "etc/default/grub.d", "data"] {
        fs::create_dir_all(root.join(directory)).expect("memory is large enough");
    }
}

fn tools(root: &Path) {
    for number in 0..20 {
        write(root, &format!("tool-{number}"), format!("tool {number}\n").as_bytes());
    }
}

#[test]
fn only_what_no_image_has_is_deleted() {
    let (system, app) = (System::with(fill), System::with(tools));
    let (bare, desk) = (BareDisk::new(500), Desk::new());
    let images = [image("os", &system.url(), "/"), image("app", &app.url(), "/srv/app")];
    let volumes = [
        with(volume("/", "ext4", "160 MiB"), "images", json!(["os", "app"])),
        with(volume("/usr", "ext4", "120 MiB"), "images", json!(["os"])),
        with(volume("/var", "ext4", "remaining"), "images", json!(["os"])),
    ];
    let mut text = description("clean", &images, &[disk(&bare, &volumes)]);
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);

    let parts = [(&bare, 2, "/"), (&bare, 3, "/usr"), (&bare, 4, "/var")];
    let tool = "srv/app/tool-7";
    let before = {
        let tree = Mounted::writable(&parts);
        FOREIGN.iter().chain(&KEPT).for_each(|path| write(&tree.root(), path, b"from the machine\n"));
        fs::metadata(tree.join(tool)).expect("it was deployed").ino()
    };

    text["image_deploy_flags"]["rsync_flags"] = json!("-aHAX --numeric-ids --delete --filter='P /data/**'");
    text["partitions_policy"] = json!("verify");
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_nothing_mounted(&[&bare]);

    let tree = Mounted::new(&parts);
    for path in FOREIGN {
        assert!(!tree.join(path).exists(), "{path} was expected to go");
    }
    for path in KEPT {
        assert_eq!(fs::read(tree.join(path)).ok().as_deref(), Some(&b"from the machine\n"[..]), "{path}");
    }
    for mount in ["", "usr/", "var/"] {
        assert!(tree.join(&format!("{mount}lost+found")).is_dir(), "{mount}");
    }
    assert!(tree.join(".deployer-state.json").exists() && tree.join("etc/fstab").exists());
    assert_eq!(fs::metadata(tree.join(tool)).expect("it stays").ino(), before, "it was not pulled again");
    let apart = ["boot", "efi", "srv/app", "etc/default/grub.d", "data"];
    assert_deployed_except(&apart, &system.source(), &tree);
    assert_eq!(fs::read_dir(tree.join("srv/app")).expect("it stays").count(), 20);
}
