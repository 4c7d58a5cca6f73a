//! Things that the installation of a boot loader meets: devices, set-id programs, names of kernels, links in place of
//! directories.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use end_to_end::bare::{BareDisk, Mounted, wait_until_free};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, find, image, plant,
    volume, with, write,
};
use end_to_end::hostile::{Target, fifo, link, node};
use end_to_end::interrupt::{has_boot_code, says_complete};
use end_to_end::loader;
use end_to_end::refusal::Refusal;
use end_to_end::run::Program;
use rustix::fs::{FileType, makedev};
use serde_json::{Value, json};

use super::WITHOUT;

#[test]
fn devices_and_set_id_programs_arrive_and_nobody_uses_them_meanwhile() {
    let target = Target::new();
    let system = System::with(|root| {
        plant(root);
        loader::plant(root);
        fs::create_dir_all(root.join("srv/devices")).unwrap();
        let devices = root.join("srv/devices");
        target.beyond.plant_node(&devices.join("other"));
        node(&devices.join("own"), FileType::BlockDevice, fs::metadata(target.bare.node()).unwrap().rdev());
        node(&devices.join("memory"), FileType::CharacterDevice, makedev(1, 1));
        node(&devices.join("zero"), FileType::CharacterDevice, makedev(1, 5));
        target.beyond.plant_node(&root.join("dev/planted"));
        for (path, owner, mode) in [("usr/bin/root", 0, 0o4755), ("usr/bin/both", 1000, 0o6711)] {
            write(root, path, b"#!/bin/sh\n");
            chown(root.join(path), Some(owner), Some(owner)).unwrap();
            fs::set_permissions(root.join(path), PermissionsExt::from_mode(mode)).unwrap();
        }
    });
    let text = target.plain("clean", &system);
    let _ = target.provision(&text, WITHOUT, exit::DONE);
    assert_deployed(&system.source(), &target.bare.mount(2));

    let ended = target.desk.end(target.desk.start("bootloader", &text, &[])).expect(exit::DONE);
    target.beyond.assert_untouched();
    let seen = target.bare.mount(2).text("/boot/grub/seen");
    let lines = |kind: &str| -> Vec<String> {
        seen.lines().filter_map(|line| line.strip_prefix(kind)).map(str::to_owned).collect()
    };
    let disk = target.bare.node().display();
    assert_eq!(lines("opened: "), [disk.to_string()], "no device of the image\n{seen}\n{}", ended.outcome);
    assert_eq!(
        lines("called: "),
        [format!("--target=i386-pc --boot-directory=/boot {disk}")],
        "no other disk is named"
    );
    let [devices] = &lines("devices: ")[..] else { panic!("{seen}") };
    let disks: Vec<&str> = devices.split(' ').filter(|it| it.starts_with("/dev/loop")).collect();
    assert_eq!(disks, [format!("{disk}"), format!("{disk}p1"), format!("{disk}p2")]);
    assert!(!devices.contains("planted"), "{devices}");
    let mounts = lines("mount: ");
    let of_disk: Vec<&String> = mounts.iter().filter(|it| it.contains(&format!("{disk}p"))).collect();
    assert!(!of_disk.is_empty() && of_disk.iter().all(|it| it.contains("nosuid,nodev")), "{mounts:?}");
}

#[test]
fn names_in_an_image_are_no_commands_of_the_common_boot_loader() {
    let target = Target::new();
    let second = BareDisk::new(200);
    let one = System::with(|root| {
        plant(root);
        loader::plant(root);
        fs::remove_file(root.join("etc/os-release")).unwrap();
        fifo(&root.join("etc/os-release"));
    });
    let two = System::with(|root| {
        plant(root);
        loader::plant_kernel(root);
        for name in [
            "vmlinuz-'; reboot",
            "vmlinuz-9\nmenuentry 'evil' {\n}",
            "vmlinuz-9$(reboot)",
            "vmlinuz-9 single",
            "vmlinuz-9\"",
            "vmlinuz-9{",
            "vmlinuz-",
        ] {
            write(root, &format!("boot/{name}"), b"a kernel?\n");
        }
        write(root, "boot/initrd.img-1.0\n}\nreboot", b"");
        write(
            root,
            "etc/os-release",
            b"PRETTY_NAME=\"It's '\\\"; }\r\x1b[0m\x07 reboot #{ $(halt) \\`halt\\` \\\\\"\nmenuentry evil {\n",
        );
    });
    let images = [image("one", &one.url(), "/"), image("two", &two.url(), "/")];
    let of_two = with(volume("/", "ext4", "remaining"), "images", json!(["two"]));
    let disks = [disk(&target.bare, &[volume("/", "ext4", "remaining")]), disk(&second, &[of_two])];
    let entries = target.desk.join("boot_entries.json");
    let options = ["--boot-entries", entries.to_str().unwrap()];
    let text = with(description("clean", &images, &disks), "deploy_data", json!({"kernel_params": "quiet"}));
    let _ = target.provision(&text, &options, exit::DONE);
    assert_nothing_mounted(&[&second]);

    let name = "Its ; [0m reboot # (halt) halt ";
    let configuration = target.bare.mount(2).text("/grub/grub.cfg");
    let entry = |title: &str, uuid: &str| {
        format!(
            "menuentry '{title} (1.0)' {{\n    search --no-floppy --fs-uuid --set=root {uuid}\n    \
             linux /boot/vmlinuz-1.0 root=UUID={uuid} ro quiet\n    initrd /boot/initrd.img-1.0\n}}\n"
        )
    };
    let entries_of = entry("one", &target.bare.uuid(3)) + &entry(name, &second.uuid(2));
    // In remarks, nothing is a command. Those of an entry are in one line, as JSON.
    let commands = configuration.lines().filter(|line| !line.starts_with("# "));
    let commands: String = commands.map(|line| format!("{line}\n")).collect();
    let (head, menu) = commands.split_at(commands.find("menuentry").unwrap());
    assert_eq!(menu, entries_of);
    let known = ["set ", "insmod ", "serial ", "terminal_", "if [ ", "fi", "    "];
    assert!(head.lines().all(|line| known.iter().any(|start| line.starts_with(start))), "{head}");
    let list: Value = serde_json::from_str(&fs::read_to_string(&entries).unwrap()).unwrap();
    assert_eq!(list["elements"].as_array().unwrap().len(), 2);
    assert_eq!(find(&list["elements"], "os_id", "two")["boot_name"], format!("{name} (1.0)"));
}

#[test]
fn kernels_beyond_the_tree_are_none_of_the_image() {
    let target = Target::new();
    let elsewhere = target.desk.join("elsewhere");
    write(&elsewhere, "vmlinuz-1.0", b"a kernel of this machine\n");
    let system = System::with(|root| {
        plant(root);
        loader::plant(root);
        link(&elsewhere, &root.join("boot"));
    });
    let text = target.plain("clean", &system);
    let disks = [&target.bare];
    Refusal::of(&target.desk, &disks).with(&[]).expect(&text, exit::REFUSED, &["the image has no kernel"]);
}

#[test]
fn tools_of_this_machine_are_not_led_out_of_the_tree() {
    let target = Target::new();
    let desk = Desk::of(Program::deployer().in_own_mounts(&loader::on_this_machine(&target.desk.join(""))));
    let system = System::with(|root| {
        plant(root);
        loader::plant_kernel(root);
    });
    let text = target.plain("clean", &system);
    let _ = target.provision(&text, WITHOUT, exit::DONE);
    let outside = target.beyond.directory().to_path_buf();
    type Plant<'a> = &'a dyn Fn(&Mounted);
    let cases: [(&str, Plant<'_>); 6] = [
        ("i386-pc", &|tree| link(&outside, &tree.join("boot/grub/i386-pc"))),
        ("fonts", &|tree| {
            link(format!("../../../../..{}", outside.display()), &tree.join("boot/grub/fonts"));
        }),
        ("core.img", &|tree| {
            fs::create_dir_all(tree.join("boot/grub/i386-pc")).unwrap();
            link(target.beyond.file(), &tree.join("boot/grub/i386-pc/core.img"));
        }),
        ("grubenv", &|tree| {
            let _ = fs::remove_file(tree.join("boot/grub/grubenv"));
            fifo(&tree.join("boot/grub/grubenv"));
        }),
        ("device.map", &|tree| {
            let map = format!("(hd0) {}\n", target.beyond.node().display());
            write(&tree.root(), "boot/grub/device.map", map.as_bytes());
        }),
        ("nothing", &|_| {}),
    ];
    for (name, plant) in cases {
        let tree = Mounted::writable(&[(&target.bare, 2, "/")]);
        fs::create_dir_all(tree.join("boot/grub")).unwrap();
        plant(&tree);
        drop(tree);
        let ended = desk.end(desk.start("bootloader", &text, &[]));
        target.beyond.assert_untouched();
        assert_nothing_mounted(&[&target.bare]);
        let _ = ended.expect(exit::DONE);
        let tree = target.bare.mount(2);
        assert_eq!(says_complete(&tree), Some(true), "{name}");
        for file in ["i386-pc/core.img", "fonts/unicode.pf2", "grubenv"] {
            assert_eq!(tree.text(&format!("/boot/grub/{file}")), "of GRUB\n", "{name}");
        }
        assert!(!tree.join("boot/efi").exists(), "a machine with a BIOS has no use for it");
    }
    // The directory as a whole.
    let tree = Mounted::writable(&[(&target.bare, 2, "/")]);
    link(&outside, &tree.join("boot/grub"));
    drop(tree);
    let ended = desk.end(desk.start("bootloader", &text, &[])).expect(exit::BOOT_LOADER);
    ended.says(&["/boot/grub in the tree: it is a symlink"]);
    target.beyond.assert_untouched();
}

/// What a boot loader reads is on the disk before there is one.
#[test]
fn a_tree_that_cannot_be_unmounted_gets_no_boot_code() {
    const HOLD: &str = "hold";
    let target = Target::new();
    let system = System::with(|root| {
        plant(root);
        loader::plant(root);
        // Something of it stays, and has the tree as its root.
        write(
            root,
            "usr/sbin/grub-install",
            format!(
                "#!/bin/sh\nfor disk; do :; done\necho 'boot code' > $disk\n(exec > /dev/null 2>&1; exec < /{HOLD}) &\n"
            )
            .as_bytes(),
        );
        fifo(&root.join(HOLD));
    });
    let text = target.plain("clean", &system);
    let ended = target.desk.end(target.desk.start("provision", &text, &[]));
    let has_boot_code = has_boot_code(&target.bare);
    // It goes away when somebody comes.
    let tree = Mounted::writable(&[(&target.bare, 2, "/")]);
    drop(fs::File::options().write(true).open(tree.join(HOLD)).unwrap());
    drop(tree);
    assert!(wait_until_free(&target.bare.partition(2)));
    ended.expect(exit::DISK).says(&["cannot write back and unmount"]);
    assert!(!has_boot_code, "it would start what may not be there");

    write(
        &system.source(),
        "usr/sbin/grub-install",
        b"#!/bin/sh\nfor disk; do :; done\necho 'boot code' > $disk\n",
    );
    let verify = target.plain("verify", &system);
    let _ = target.provision(&verify, &[], exit::DONE);
    assert!(loader::has_boot_code(&target.bare) && says_complete(&target.bare.mount(2)) == Some(true));
}

/// One of two disks has its boot code when the installation on the other one fails.
#[test]
fn a_boot_loader_on_some_disks_only_starts_nothing() {
    let target = Target::new();
    let second = BareDisk::new(200);
    // Of another length when it fails: within a second nothing else tells files apart.
    let installer = |last: i32| {
        let fails = format!("[ $disk != {} ] || exit {last}", second.node().display());
        format!("#!/bin/sh\nfor disk; do :; done\necho 'boot code' > $disk\n{fails}\n")
    };
    let system = System::with(|root| {
        plant(root);
        loader::plant(root);
        write(root, "usr/sbin/grub-install", installer(10).as_bytes());
    });
    let disks = [
        disk(&target.bare, &[volume("/", "ext4", "remaining")]),
        disk(&second, &[volume("/srv", "ext4", "remaining")]),
    ];
    let describe = |policy: &str| description(policy, &[system.image()], &disks);
    let starts = || [&target.bare, &second].map(has_boot_code);
    let is_complete = || says_complete(&target.bare.mount(2));
    let failed = target.provision(&describe("clean"), &[], exit::BOOT_LOADER);
    failed.says(&["grub-install", "failed with exit status: 10"]);
    assert_eq!((starts(), is_complete()), ([false; 2], Some(false)));

    write(&system.source(), "usr/sbin/grub-install", installer(0).as_bytes());
    let _ = target.provision(&describe("verify"), &[], exit::DONE);
    assert_eq!((starts(), is_complete()), ([true; 2], Some(true)));

    // It is installed anew, which fails: the system is not what it was.
    write(&system.source(), "usr/sbin/grub-install", installer(10).as_bytes());
    let _ = target.provision(&describe("verify"), &["--no-boot-loader"], exit::DONE);
    assert_eq!((starts(), is_complete()), ([true; 2], Some(true)));
    let text = describe("verify");
    let _ = target.desk.end(target.desk.start("bootloader", &text, &[])).expect(exit::BOOT_LOADER);
    assert_eq!((starts(), is_complete()), ([false; 2], Some(false)));
}
