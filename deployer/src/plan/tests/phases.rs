//! What belongs to which phase: the config drive, the boot loaders, and when nothing may start meanwhile.

use super::*;
use crate::machine::Firmware;

const PARTITION: &[Phase] = &[Phase::Partitioning];
const CONFIG_DRIVE: &[Phase] = &[Phase::ConfigDrive];
const COPY_IMAGE: &[Phase] = &[Phase::CopyImage];
const BOOT_LOADER: &[Phase] = &[Phase::BootLoader];

fn efi() -> Value {
    partition("/boot/efi", "vfat", "100 MiB")
}

/// A system with an EFI system partition.
fn description(policy: &str) -> Description {
    described(policy, [disk("sda", [partition("/", "ext4", "2 GiB"), efi()])])
}

/// What is done to disks that are laid out.
fn steps(description: &Description, firmware: Firmware, options: PlanOptions) -> Vec<String> {
    done(&plan(description, &Facts { firmware, ..as_described(description) }, options))
}

/// Two systems with a file system each; the second disk is shared.
fn two_systems(policy: &str, config_drive: bool) -> Description {
    let image = |name: &str| json!({"name": name, "image_pull_url": format!("h::m/{name}/"), "target": "/"});
    let of = |volume: Value, images: &[&str]| with(volume, "images", images.to_vec());
    let first = [of(partition("/", "ext4", "2 GiB"), &["a"]), of(partition("/", "xfs", "2 GiB"), &["b"])];
    let second = [of(partition("/srv", "ext4", "1 GiB"), &["a", "b"])];
    let mut text = json!({
        "partitions_policy": policy,
        "images": [image("a"), image("b")],
        "partitions": [disk("sda", first), disk("sdb", second)],
    });
    if config_drive {
        text["configdrive"] = "/run/config".into();
    }
    read(&text)
}

const DISARM: &str = "erase the boot code of /dev/sda until the deployment is complete";
const DISARM_EFI: &str = "put the EFI boot loaders on /dev/sda3 aside until the deployment is complete";
const INCOMPLETE: &str = "note in os that it is not complete";
const PULL: &str = "pull h::m/os/ into os:/";
const FSTAB: &str = "write os:/etc/fstab";
const LOAD: &str = "install the boot loader of os on /dev/sda";

#[test]
fn nothing_starts_from_a_system_that_is_being_changed() {
    let verify = description("verify");
    let bios = |options| steps(&verify, Firmware::Bios, options);
    let uefi = |options| steps(&verify, Firmware::Uefi, options);
    // The other firmware may start it the next time.
    for all in [bios(PROVISION), uefi(PROVISION)] {
        assert_eq!(all, [DISARM_EFI, DISARM, INCOMPLETE, PULL, FSTAB, LOAD]);
    }
    assert_eq!(uefi(alone(COPY_IMAGE)), [DISARM_EFI, DISARM, INCOMPLETE, PULL, FSTAB]);
    // What changes no system leaves it startable.
    assert_eq!(uefi(alone(PARTITION)), NOTHING);
    assert_eq!(uefi(alone(CONFIG_DRIVE)), NOTHING);
    assert_eq!(uefi(alone(BOOT_LOADER)), [LOAD]);
    // What is kept is started by somebody else's boot loader.
    let without = PlanOptions { boot_loader: false, ..PROVISION };
    assert_eq!(uefi(without), [INCOMPLETE, PULL, FSTAB]);
    // Where no system is described, nobody would install one again.
    let image = json!({"name": "efi", "image_pull_url": "h::m/efi/", "target": "/boot/efi"});
    let no_system = json!({
        "partitions_policy": "verify", "images": [image], "partitions": [disk("sda", [efi()])],
    });
    assert_eq!(steps(&read(&no_system), Firmware::Uefi, PROVISION), ["pull h::m/efi/ into efi:/boot/efi"]);
    // Phases that come later take disks that were laid out anew for what they are.
    let clean = description("clean");
    assert_eq!(steps(&clean, Firmware::Uefi, alone(COPY_IMAGE)), uefi(alone(COPY_IMAGE)));
    assert_eq!(steps(&clean, Firmware::Uefi, alone(BOOT_LOADER)), [LOAD]);
}

#[test]
fn what_is_made_anew_needs_no_mark() {
    let not_kept = |volume: Value| with(volume, "keep_data", false);
    let of = |root: Value, efi: Value| described("verify", [disk("sda", [root, efi])]);
    let make_root = "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda2";
    let make_efi = "$ mkfs.vfat /dev/sda3";
    let root = || partition("/", "ext4", "2 GiB");
    let new_root = of(not_kept(root()), efi());
    assert_eq!(
        steps(&new_root, Firmware::Uefi, PROVISION),
        [DISARM_EFI, DISARM, make_root, PULL, FSTAB, LOAD]
    );
    let new_efi = of(root(), not_kept(efi()));
    assert_eq!(steps(&new_efi, Firmware::Uefi, PROVISION), [DISARM, INCOMPLETE, make_efi, PULL, FSTAB, LOAD]);
    // A file system that is made anew makes the system another, even where nothing is pulled.
    let new_srv = [root(), not_kept(partition("/srv", "ext4", "1 GiB"))];
    let new_srv = described("verify", [disk("sda", new_srv)]);
    assert_eq!(
        steps(&new_srv, Firmware::Bios, alone(PARTITION)),
        [DISARM, INCOMPLETE, "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda3"]
    );
}

#[test]
fn disks_that_are_laid_out_are_disarmed_before_the_first_is_erased() {
    let one = description("clean");
    let facts = empty(&one);
    // Erasing takes the boot code away.
    assert_eq!(done(&plan(&one, &facts, PROVISION)).iter().filter(|step| *step == DISARM).count(), 0);
    let two = two_systems("clean", false);
    let done = done(&plan(&two, &empty(&two), alone(PARTITION)));
    assert_eq!(
        done,
        [
            "take /dev/sda, /dev/sdb out of use",
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
            "erase /dev/sda: boot code, table, signatures",
            "write a GPT with 4 partitions to /dev/sda",
            "erase /dev/sdb: boot code, table, signatures",
            "write a GPT with 2 partitions to /dev/sdb",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F -L boot-menu /dev/sda2",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sda3",
            "$ mkfs.xfs -q -f /dev/sda4",
            "$ env MKE2FS_CONFIG=/run/deployer/mke2fs.conf mkfs.ext4 -q -F /dev/sdb2",
        ]
    );
}

#[test]
fn several_systems_have_a_common_boot_loader() {
    let description = two_systems("verify", true);
    let facts = as_described(&description);
    assert_eq!(
        done(&plan(&description, &facts, PROVISION)),
        [
            "erase the boot code of /dev/sda until the deployment is complete",
            "erase the boot code of /dev/sdb until the deployment is complete",
            "note in a that it is not complete",
            "note in b that it is not complete",
            "write the config drive to /dev/sda5",
            "pull h::m/a/ into a:/",
            "write a:/etc/fstab",
            "pull h::m/b/ into b:/",
            "write b:/etc/fstab",
            "install the common boot loader on /dev/sda, /dev/sdb",
        ]
    );
    // Its own file system is kept as all others are.
    let mut other = as_described(&description);
    other.partition("/dev/sda2").content = content("xfs");
    assert_eq!(differences(&description, &other), ["/dev/sda2: expected ext4 on it, found xfs"]);
    // It belongs to no tree.
    let menu = &plan(&description, &facts, PROVISION).file_systems[0];
    assert_eq!((menu.node.to_str(), menu.made, menu.trees.len()), (Some("/dev/sda2"), false, 0));
}

#[test]
fn the_config_drive_is_written_where_it_is_described_and_only_if_there_is_one() {
    let drive = with(partition("none", "vfat", "64 MiB"), "disk_label", "config-2");
    let volumes = [drive, partition("/", "ext4", "2 GiB")];
    let mut text = json!({
        "partitions_policy": "verify",
        "images": [{"name": "os", "image_pull_url": "h::m/os/", "target": "/"}],
        "partitions": [disk("sda", volumes)],
    });
    // Without files for it, it is a file system like others.
    let plain = read(&text);
    assert_eq!(steps(&plain, Firmware::Bios, alone(CONFIG_DRIVE)), NOTHING);
    text["configdrive"] = "/run/config".into();
    let described = read(&text);
    let write = "write the config drive to /dev/sda2";
    assert_eq!(steps(&described, Firmware::Bios, alone(CONFIG_DRIVE)), [write]);
    assert_eq!(steps(&described, Firmware::Bios, PROVISION), [DISARM, INCOMPLETE, write, PULL, FSTAB, LOAD]);
    assert_eq!(steps(&described, Firmware::Bios, alone(PARTITION)), NOTHING);
    // Whatever is on it is overwritten.
    let mut facts = as_described(&described);
    facts.partition("/dev/sda2").content = content("iso9660");
    assert_eq!(differences(&described, &facts), NOTHING);
    // No file system is made on it.
    text["partitions_policy"] = "clean".into();
    assert_eq!(plan(&read(&text), &empty(&described), PROVISION).file_systems.len(), 1);
}

#[test]
fn phases_alone_compare_what_they_do_not_make() {
    let root = with(partition("/", "ext4", "2 GiB"), "keep_data", false);
    let description = described("verify", [disk("sda", [root])]);
    let mut facts = as_described(&description);
    facts.partition("/dev/sda2").content = content("xfs");
    let differs = |options| match build(&description, &facts, options) {
        Err(NoPlan::Differs(problems)) => lines(&problems),
        other => panic!("{other:?}"),
    };
    for phase in [COPY_IMAGE, BOOT_LOADER, CONFIG_DRIVE] {
        assert_eq!(differs(alone(phase)), ["/dev/sda2: expected ext4 on it, found xfs"]);
    }
    assert!(build(&description, &facts, PROVISION).is_ok());
}

#[test]
fn a_machine_that_starts_by_uefi_needs_an_efi_partition_for_each_system() {
    let refused = |description: &Description, options| {
        refusals(description, &Facts { firmware: Firmware::Uefi, ..empty(description) }, options)
    };
    let reason = "this machine starts by UEFI and needs an EFI system partition: describe a partition with the file \
                  system \"vfat\" and the mount \"/boot/efi\", or leave the boot loader out (--no-boot-loader)";
    let root = || partition("/", "ext4", "2 GiB");
    let none = described("clean", [disk("sda", [root()])]);
    assert_eq!(refused(&none, FORCED), [format!("os: {reason}")]);
    assert_eq!(refused(&none, PlanOptions { boot_loader: false, ..PROVISION }), NOTHING);
    assert_eq!(refused(&none, alone(PARTITION)), [format!("os: {reason}")]);
    assert_eq!(refused(&none, PlanOptions { boot_loader: false, ..alone(PARTITION) }), NOTHING);
    assert_eq!(refused(&description("clean"), PROVISION), NOTHING);
    let short = described("clean", [disk("sda", [root(), partition("/efi", "vfat", "100 MiB")])]);
    assert_eq!(refused(&short, PROVISION), NOTHING);
    // Firmware sees no volumes, and reads nothing but FAT.
    let group = vg("office", [lv("efi", "/boot/efi", "vfat", "100 MiB")]);
    let logical = described("clean", [disk("sda", [root(), pv("office", "1 GiB")]), group]);
    assert_eq!(refused(&logical, PROVISION), [format!("os: {reason}")]);
    let other = described("clean", [disk("sda", [root(), partition("/boot/efi", "ext4", "100 MiB")])]);
    assert_eq!(refused(&other, PROVISION), [format!("os: {reason}")]);
    // Each of several systems.
    let several = two_systems("clean", false);
    assert_eq!(refused(&several, PROVISION), [format!("a: {reason}"), format!("b: {reason}")]);
}
