//! Two systems with a common boot menu: the default, the one that somebody chooses at the console, and the one that
//! `deployer boot-entry` chooses.

use std::fs;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{disk_named, image, volume, with, write};
use end_to_end::emulated::{self, RSYNC, Server, described, system_image};
use end_to_end::ramdisk;
use end_to_end::run::Program;
use end_to_end::server::Server as _;
use end_to_end::vm::{SERVER, Vm};
use end_to_end::witness;

const MEBIBYTES: u64 = 2000;
/// The partition of the menu.
const MENU: u32 = 2;
/// The port of the other daemon.
const OTHER: u16 = 874;
/// What the first system does when it starts for the first time.
const ASKS: &[u8] = b"[ ! -e /root/asked ] || exit 0
touch /root/asked
deployer boot-entry list
deployer boot-entry set --once other
";
/// In the menu, what goes to the next entry on every kind of terminal.
const NEXT: &str = "\x0e";

#[test]
fn the_default_and_those_that_are_chosen() {
    let (server, other) = (Server::saying("first"), emulated::saying("second"));
    let root = server.system().source();
    fs::copy(ramdisk::shipped(), root.join("usr/local/sbin/deployer")).unwrap();
    write(&root, witness::ASKS, ASKS);
    write(&other.source(), "usr/lib/os-release", b"PRETTY_NAME=\"Second System\"\n");
    let disk = server.disk("disk", MEBIBYTES);
    let images =
        [with(system_image(), "boot", true), image("other", &format!("rsync://{SERVER}:{OTHER}/tree/"), "/")];
    let volumes = [
        with(volume("/", "ext4", "700 MiB"), "images", ["system"].as_slice()),
        with(volume("/", "ext4", "remaining"), "images", ["other"].as_slice()),
    ];
    let description = described("clean", &images, &[disk_named("vda", MEBIBYTES, &volumes)]);
    let machine = server.machine(&description, &[&disk], "");
    let machine = machine.server(RSYNC, server.system().daemon().address());
    let deployed = machine.server(OTHER, other.daemon().address()).run();
    deployed.says(&["reboot: Restarting system"]);

    // It finds the menu by itself, and has the other one started once.
    let started = Vm::new().disk(&disk).run();
    started.says(&["witness: says first", "witness: mount / /dev/vda3 ext4", witness::END]);
    let told = started.lines("witness: was told ");
    let [menu, _, first, second, next, then] = &told[..] else { panic!("{told:?}\n{started}") };
    assert_eq!(menu, "boot menu on /dev/vda2");
    assert!(first.starts_with("  0  system ") && first.ends_with("default, booted"), "{first}");
    assert!(second.starts_with("  1  other ") && second.contains("Second System"), "{second}");
    assert!(next.starts_with("starts next: 1: Second System"), "{next}");
    assert!(then.starts_with("and after that: 0: "), "{then}");
    let started = Vm::new().disk(&disk).run();
    started.says(&["witness: says second", "witness: mount / /dev/vda4 ext4", witness::END]);
    let started = Vm::new().disk(&disk).run();
    started.says(&["witness: says first", witness::END]);

    let mut running = Vm::new().disk(&disk).start();
    // The menu waits some seconds only, but as soon as somebody types, for ever. Below the second entry there is none.
    running.types_until(NEXT, "a mark at the second entry", |said| !said.lines("*Second System").is_empty());
    running.types_until("\r", "the second system", |said| !said.lines("witness: begin").is_empty());
    let started = running.end();
    started.says(&["witness: says second", "witness: mount / /dev/vda4 ext4", witness::END]);

    // From outside.
    let looked_at = BareDisk::over(&disk);
    let set = Program::deployer().invoke("boot-entry", &["set", "other", "--device"]);
    println!("{}", set.arg(looked_at.partition(MENU)).run().expect(0));
    drop(looked_at);
    let started = Vm::new().disk(&disk).run();
    started.says(&["witness: says second", "witness: mount / /dev/vda4 ext4", witness::END]);
}
