//! UEFI: by an entry in the firmware's variables, and where firmware looks by itself.

use end_to_end::deploy::{disk_named, volume};
use end_to_end::emulated::Server;
use end_to_end::vm::{self, Vm};
use end_to_end::witness;

const MEBIBYTES: u64 = 1000;

#[test]
fn firmware_that_remembers_and_firmware_that_does_not() {
    let server = Server::saying("by UEFI");
    let (disk, variables) = (server.disk("disk", MEBIBYTES), server.join("variables"));
    vm::variables(&variables);
    let volumes = [volume("/boot/efi", "vfat", "64 MiB"), volume("/", "ext4", "remaining")];
    let description = server.describe("clean", &[disk_named("vda", MEBIBYTES, &volumes)]);
    let options = "deployer.options=--efi-variables";
    let deployed = server.deploying(&description, &[&disk], options).uefi(&variables).run();
    deployed.says(&["reboot: Restarting system"]);

    let both = [
        "witness: says by UEFI",
        "witness: mount /boot/efi /dev/vda2 vfat",
        "witness: mount / /dev/vda3 ext4",
    ];
    let remembers = Vm::new().disk(&disk).uefi(&variables).run();
    remembers.says(&both);
    remembers.says(&[witness::END]);
    let current = remembers.lines("witness: firmware BootCurrent: ");
    let entry = format!("witness: firmware Boot{}* ", current.first().map_or("", String::as_str));
    let names = remembers.lines(&entry);
    assert!(names.iter().any(|name| name.starts_with("debian")), "{names:?} was started\n{remembers}");

    // It is deployed again: the boot loaders were put aside meanwhile.
    let verify = server.describe("verify", &[disk_named("vda", MEBIBYTES, &volumes)]);
    let updated = server.deploying(&verify, &[&disk], options).uefi(&variables).run();
    updated.says(&["put the EFI boot loaders on /dev/vda2 aside", "reboot: Restarting system"]);

    // The disk is put into another machine.
    vm::variables(&variables);
    let forgot = Vm::new().disk(&disk).uefi(&variables).run();
    forgot.says(&both);
    forgot.says(&[witness::END]);
}
