//! A whole Debian system on five partitions: every entry on its file system, the tree as a whole the same as the source,
//! with a boot loader that its own tools install; then an update that moves little more than what changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed_except, assert_nothing_mounted, description, disk, exit, find, volume,
    write,
};
use end_to_end::os_tree;
use end_to_end::random::Random;
use end_to_end::snapshot::Snapshot;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(600);
/// What the image's own tools write when they install the boot loader.
const BOOT_LOADER: &[&str] = &["boot", "etc/default"];

fn volumes() -> Vec<Value> {
    vec![
        volume("/", "ext4", "1 GiB"),
        volume("/var", "xfs", "700 MiB"),
        volume("/usr", "btrfs", "2 GiB"),
        volume("none", "swap", "128 MiB"),
        volume("/home", "ext4", "remaining"),
    ]
}

fn tree(disk: &BareDisk) -> Mounted {
    Mounted::new(&[(disk, 2, "/"), (disk, 3, "/var"), (disk, 4, "/usr"), (disk, 6, "/home")])
}

/// Debian, with names of one file on several of its file systems.
fn debian() -> System {
    System::with(|root| {
        os_tree::unpack(root);
        // Else their making gives the directories above another time.
        fs::create_dir_all(root.join("boot/grub")).unwrap();
        fs::create_dir_all(root.join("etc/default/grub.d")).unwrap();
        write(root, "home/user/file", b"of the image\n");
        fs::hard_link(root.join("usr/bin/perl"), root.join("usr/bin/perl-by-another-name")).unwrap();
        fs::hard_link(root.join("usr/bin/vim.basic"), root.join("var/lib/vim-on-another-mount")).unwrap();
    })
}

/// Changes 30 files of the image. Returns how long they are together.
fn change(source: &Path) -> u64 {
    let mut random = Random::new(30);
    let mut bytes = 0;
    for number in 0..10 {
        for directory in ["etc/changed", "usr/lib/changed", "var/lib/changed"] {
            let content = random.bytes(30_000 + number);
            bytes += content.len() as u64;
            write(source, &format!("{directory}/file-{number}"), &content);
        }
    }
    bytes
}

#[test]
fn debian_12() {
    let (system, bare, desk) = (debian(), BareDisk::new(5000), Desk::new());
    change(&system.source());
    let describe = |policy: &str| {
        let mut text = description(policy, &[system.image()], &[disk(&bare, &volumes())]);
        text["deploy_data"] = json!({"kernel_params": "console=ttyS0,9600 quiet"});
        text
    };
    let ended = desk.provision_within(LIMIT, &describe("clean"), &[]).expect(exit::DONE);
    assert_nothing_mounted(&[&bare]);
    ended.says(&["hard links that cross mounts and become copies: 1"]);
    let image = find(&ended.receipt()["images"], "image", "system");
    let messages = image["messages"].to_string();
    assert!(messages.contains("vim"), "{messages}");
    assert_eq!((&image["entries_failed"], &image["complete"]), (&json!(0), &json!(true)));

    let source = Snapshot::take(&system.source());
    assert!(source.entries.len() > 20_000, "a whole system was expected, not {}", source.entries.len());
    let on_its_file_system = |tree: &Mounted| {
        let device = |path: &str| fs::metadata(tree.join(path)).unwrap().dev();
        let places = ["/", "/var", "/usr", "/home"].map(device);
        for (path, place) in [
            ("/etc/passwd", 0),
            ("/boot/grub/grub.cfg", 0),
            ("/var/lib/dpkg/status", 1),
            ("/usr/bin/perl", 2),
            ("/home/user/file", 3),
        ] {
            assert_eq!(device(path), places[place], "{path}");
        }
    };
    let whole = tree(&bare);
    on_its_file_system(&whole);
    assert_deployed_except(BOOT_LOADER, &system.source(), &whole);
    let inode = |path: &str| fs::metadata(whole.join(path)).unwrap().ino();
    assert_eq!(inode("/usr/bin/perl"), inode("/usr/bin/perl-by-another-name"));
    let vim = fs::metadata(whole.join("/usr/bin/vim.basic")).unwrap();
    let copy = fs::metadata(whole.join("/var/lib/vim-on-another-mount")).unwrap();
    assert!(vim.dev() != copy.dev() && vim.len() == copy.len());

    // What starts it: by UUIDs, with the parameters of the description, on the serial line that they name.
    let (root, usr) = (bare.uuid(2), bare.uuid(4));
    let menu = whole.text("/boot/grub/grub.cfg");
    let linux = format!("root=UUID={root} ro console=ttyS0,9600 quiet");
    assert!(menu.contains(&linux), "{linux} was expected in\n{menu}");
    assert!(menu.contains("serial --unit=0 --speed=9600"), "{menu}");
    assert!(whole.text("/etc/fstab").contains(&format!("UUID={usr} /usr btrfs defaults 0 0\n")));
    drop(whole);
    assert!(bare.head(440).windows(4).any(|bytes| bytes == b"GRUB"));
    sound(&bare);

    // 30 files change on the server; the same command again, as it is given to a machine that is in use.
    let list = again(&desk, &describe("verify"), &system, &bare, 0);
    let bytes = change(&system.source());
    let received = again(&desk, &describe("verify"), &system, &bare, 30);
    let most = list + bytes + bytes / 50 + 30 * 200;
    assert!(received <= most, "at most {most} bytes were expected for {bytes} that changed, not {received}");
    on_its_file_system(&tree(&bare));
    sound(&bare);
}

/// Deploys again. So many files have changed, besides what the deployment itself writes. Returns how much was received.
fn again(desk: &Desk, text: &Value, system: &System, bare: &BareDisk, changed: u64) -> u64 {
    let ended = desk.provision_within(LIMIT, text, &[]).expect(exit::DONE);
    assert_nothing_mounted(&[bare]);
    assert!(ended.steps().iter().all(|step| step["action"] != "make-file-system"));
    let image = find(&ended.receipt()["images"], "image", "system");
    // fstab, and a few that the boot loader's tools or the system's own changed.
    let transferred = image["files_transferred"].as_u64().unwrap();
    assert!((changed..=changed + 3).contains(&transferred), "{image:?}");
    assert_deployed_except(BOOT_LOADER, &system.source(), &tree(bare));
    assert!(bare.head(440).windows(4).any(|bytes| bytes == b"GRUB"));
    image["received_bytes"].as_u64().unwrap()
}

fn sound(bare: &BareDisk) {
    for (program, arguments, number) in [
        ("fsck.ext4", &["-f", "-n"][..], 2),
        ("xfs_repair", &["-n"], 3),
        ("btrfs", &["check", "--readonly"], 4),
        ("fsck.ext4", &["-f", "-n"], 6),
    ] {
        output(Command::new(program).args(arguments).arg(bare.partition(number)));
    }
}
