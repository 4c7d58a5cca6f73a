//! What is refused before the first change for the sake of the machine: its disks and who uses them, and its tools.
//! Each time all that is in the way is said, and nothing happens to the disks.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use end_to_end::bare::{BareDisk, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, image, plant, volume,
    with, write,
};
use end_to_end::refusal::Refusal;
use end_to_end::run::Program;
use rustix::mount::mount_bind;
use rustix::process::Signal;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;
const WITHOUT: &[&str] = &["--no-boot-loader"];
/// What the kernel writes to [`used`] disks as it likes while they are swapped to: all of the swap but its header.
const SWAPPED: Range<u64> = 101 * MIB + 4096..201 * MIB;

/// A disk with a file system and swap.
fn used() -> BareDisk {
    let bare = BareDisk::new(300);
    bare.feed("sfdisk", &["--quiet"], "label: gpt\nstart=1MiB, size=100MiB\nsize=100MiB\n");
    bare.announce(1, MIB, 100 * MIB);
    bare.announce(2, 101 * MIB, 100 * MIB);
    output(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(bare.partition(1)));
    output(Command::new("mkswap").arg(bare.partition(2)));
    bare
}

fn whole(bare: &BareDisk, mount: &str) -> Value {
    disk(bare, &[volume(mount, "ext4", "remaining")])
}

/// Nothing is pulled where a disk is refused, so there need be no server.
fn without_server(partitions: &[Value]) -> Value {
    description("clean", &[image("system", "rsync://127.0.0.1:1/tree/", "/")], partitions)
}

fn by_path(path: &Path, mount: &str) -> Value {
    let id = json!({"type": "path", "value": path});
    json!({"type": "disk", "id": id, "size": "200 MiB", "volumes": [volume(mount, "ext4", "remaining")]})
}

/// A partition that is swap, as long as this value lasts.
struct Swapping<'a>(&'a BareDisk, u32);

impl<'a> Swapping<'a> {
    fn to(bare: &'a BareDisk, number: u32) -> Self {
        output(Command::new("swapon").arg(bare.partition(number)));
        Self(bare, number)
    }
}

impl Drop for Swapping<'_> {
    fn drop(&mut self) {
        let _ = Command::new("swapoff").arg(self.0.partition(self.1)).stderr(Stdio::null()).status();
    }
}

/// A process in a mount namespace of its own, as long as this value lasts.
struct Elsewhere(Child);

impl Elsewhere {
    /// What is mounted here is mounted there too, and `script` mounts more.
    fn new(script: &str) -> Self {
        let mut command = Command::new("setpriv");
        let script = format!("set -e\n{script}\necho ready\nexec sleep infinity");
        command.args(["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", &script]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("setpriv and unshare are installed");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
        assert_eq!(line, "ready\n", "the script was expected to come to its end");
        Self(child)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_disk_in_use_is_left_alone_unless_forced() {
    let (system, bare, desk) = (System::new(), used(), Desk::new());
    let text = description("clean", &[system.image()], &[whole(&bare, "/")]);
    let swap = format!("it is in use: {} is swap", bare.partition(2).display());
    let mounted = bare.mount(1);
    let bind = desk.join("bind");
    std::fs::create_dir(&bind).unwrap();
    mount_bind(mounted.root(), &bind).unwrap();
    let [mount, bind] =
        [mounted.root(), bind].map(|point| format!("it is in use: mounted at {}", point.display()));
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all);
    let _ = refusal.expect(&text, exit::REFUSED, &[&mount, &bind, "--force", "nothing was changed"]);
    {
        let _swapping = Swapping::to(&bare, 2);
        let refusal = refusal.leaving_out(SWAPPED);
        refusal.expect(&text, exit::REFUSED, &[&mount, &bind, &swap]);
        // It is none of the policy's business.
        let mut verify = text.clone();
        verify["partitions_policy"] = json!("verify");
        refusal.expect(&verify, exit::REFUSED, &[&mount, &swap]);
        let _ = desk.provision(&text, &["--no-boot-loader", "--force"]).expect(exit::DONE);
    }
    assert_nothing_mounted(&[&bare]);
    assert_eq!(bare.known_partitions(), 2);
    assert_deployed(&system.source(), &bare.mount(2));
}

#[test]
fn a_mount_of_two_disks_is_let_go_of_once() {
    let (system, desk, disks) = (System::new(), Desk::new(), [BareDisk::new(300), BareDisk::new(300)]);
    for bare in &disks {
        bare.feed("sfdisk", &["--quiet"], "label: gpt\nstart=1MiB, size=200MiB\n");
        bare.announce(1, MIB, 200 * MIB);
    }
    let nodes = disks.each_ref().map(|bare| bare.partition(1));
    output(Command::new("mkfs.btrfs").args(["-q", "-f"]).args(&nodes));
    output(Command::new("btrfs").args(["device", "scan"]).args(&nodes));
    let mounted = disks[0].mount(1);
    let text = description("clean", &[system.image()], &[whole(&disks[0], "/"), whole(&disks[1], "none")]);
    let ended = desk.provision(&text, &["--no-boot-loader", "--force"]).expect(exit::DONE);
    let unmounted = ended.steps().iter().filter(|step| step["action"] == "unmount").count();
    assert_eq!(unmounted, 1, "{:?}", ended.steps());
    drop(mounted);
    assert_deployed(&system.source(), &disks[0].mount(2));
}

#[test]
fn what_is_mounted_in_another_namespace_holds_its_disk() {
    let (desk, free, divided, plain) = (Desk::new(), used(), used(), BareDisk::new(200));
    plain.with("mkfs.ext4", &["-q", "-F"]);
    let mount = |node: &Path, name: &str| {
        let point = desk.join(name);
        std::fs::create_dir(&point).unwrap();
        Elsewhere::new(&format!("mount -o ro {} {}", node.display(), point.display()))
    };
    let _holders = [mount(&divided.partition(1), "divided"), mount(plain.node(), "plain")];
    let text = without_server(&[whole(&free, "/"), whole(&divided, "/var"), whole(&plain, "/usr")]);
    let disks = [&free, &divided, &plain];
    for options in [&["--no-boot-loader"][..], &["--no-boot-loader", "--force"]] {
        let refusal = Refusal::of(&desk, &disks).with(options);
        let ended = refusal.expect(&text, exit::REFUSED, &["not seen from here", "another mount namespace"]);
        let told = |bare: &BareDisk| ended.outcome.stderr.contains(&format!("{}: ", bare.node().display()));
        assert_eq!(disks.map(told), [false, true, true], "{}", ended.outcome);
    }
}

#[test]
fn what_cannot_be_let_go_of_ends_a_forced_deployment_before_anything_is_erased() {
    let (system, desk, bare) = (System::new(), Desk::new(), used());
    let text = description("clean", &[system.image()], &[whole(&bare, "/")]);
    let mounted = bare.mount(1);
    // A copy of the mount that stays when this one goes.
    let holder = Elsewhere::new("");
    let before = bare.sum();
    let ended = desk.provision(&text, &["--no-boot-loader", "--force"]).expect(exit::DISK);
    ended.says(&[&format!("cannot get hold of {}: ", bare.node().display()), "busy"]);
    assert_eq!(bare.sum(), before, "nothing was expected to be erased");
    assert_eq!(bare.known_partitions(), 2);
    drop(holder);
    drop(mounted);
}

#[test]
fn the_disk_that_the_running_system_stands_on_is_called_that() {
    let bare = used();
    let script = format!("mount -o ro {} /boot", bare.partition(1).display());
    let desk = Desk::of(Program::deployer().in_own_mounts(&script));
    let text = without_server(&[whole(&bare, "/")]);
    Refusal::of(&desk, &[&bare]).expect(
        &text,
        exit::REFUSED,
        &[&format!("{}: the running system stands on it (/boot); --force", bare.node().display())],
    );
}

#[test]
fn a_disk_that_another_deployment_works_on_is_refused() {
    let (system, bare, first, second) = (System::new(), BareDisk::new(300), Desk::new(), Desk::new());
    let text = description("clean", &[system.image()], &[whole(&bare, "/")]);
    let mut running = first.start("provision", &text, WITHOUT);
    running.until("a step begins", || first.events().iter().any(|event| event["event"] == "step"));
    running.signal(Signal::STOP);
    let ended = second.provision(&text, &["--no-boot-loader", "--force"]);
    running.signal(Signal::CONT);
    let ended = ended.expect(exit::REFUSED);
    ended.says(&[&bare.node().display().to_string(), "locked it, perhaps a second deployment"]);
    assert!(ended.steps().is_empty());
    let _ = first.end(running).expect(exit::DONE);
    assert_deployed(&system.source(), &bare.mount(2));
}

#[test]
fn what_is_no_disk_to_deploy_onto_is_told_for_each_at_once() {
    let (desk, good, parted, read_only) = (Desk::new(), BareDisk::new(200), used(), BareDisk::read_only(200));
    let file = desk.join("file");
    File::create(&file).and_then(|file| file.set_len(200 * MIB)).unwrap();
    let partition = parted.partition(1);
    let text = without_server(&[
        whole(&good, "/"),
        by_path(Path::new("/dev/no-such-disk"), "/a"),
        by_path(&file, "/b"),
        by_path(&partition, "/c"),
        whole(&read_only, "/d"),
        by_path(good.node(), "/e"),
    ]);
    let disks = [&good, &parted, &read_only];
    let ended = Refusal::of(&desk, &disks).expect(
        &text,
        exit::REFUSED,
        &[
            "$.partitions[1]: there is no disk /dev/no-such-disk; there are: ",
            &format!("$.partitions[2]: {} is no block device", file.display()),
            &format!("$.partitions[3]: {}p1 is a partition; a whole disk is needed", parted.name()),
            &format!("$.partitions[4]: {} is read-only", read_only.name()),
            &format!(
                "$.partitions[5]: {} is {}, which is described twice",
                good.node().display(),
                good.name()
            ),
        ],
    );
    let stderr = &ended.outcome.stderr;
    assert!(!stderr.contains("$.partitions[0]"), "{stderr}");
    let there = stderr.lines().find(|line| line.contains("there are: ")).unwrap();
    let named = |bare: &&BareDisk| there.split([' ', ',']).any(|word| word == bare.name());
    assert!(disks.iter().all(named), "all disks were expected in {there}");
}

#[test]
fn a_disk_smaller_than_described_is_refused() {
    let words = "the description wants to use 201 MiB of it, it has 200 MiB";
    let (desk, bare, other) = (Desk::new(), BareDisk::new(200), BareDisk::new(200));
    let [root, var] = [whole(&bare, "/"), whole(&other, "/var")].map(|disk| with(disk, "size", "201 MiB"));
    Refusal::of(&desk, &[&bare, &other]).expect(
        &without_server(&[root, var]),
        exit::REFUSED,
        &[&format!("{}: {words}", bare.node().display()), &format!("{}: {words}", other.node().display())],
    );
}

/// Hides programs from whoever looks for them.
fn hide(programs: &str) -> String {
    format!(
        "for name in {programs}; do while tool=$(command -v $name); do mount --bind /dev/null $tool; done; done"
    )
}

#[test]
fn missing_tools_are_named_with_their_packages_all_at_once() {
    let (system, bare) = (System::new(), BareDisk::new(1200));
    let volumes = [
        volume("/", "ext4", "200 MiB"),
        volume("/var", "xfs", "320 MiB"),
        volume("/usr", "btrfs", "256 MiB"),
        volume("/boot/efi", "vfat", "64 MiB"),
        volume("none", "swap", "64 MiB"),
        volume("/home", "xfs", "200 MiB"),
    ];
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes)]);
    let desk = Desk::of(Program::deployer().in_own_mounts(&hide("mkfs.xfs mkfs.btrfs mkfs.vfat mkswap")));
    let ended = Refusal::of(&desk, &[&bare]).expect(
        &text,
        exit::REFUSED,
        &[
            "mkfs.xfs: this program is missing; Debian has it in the package xfsprogs",
            "mkfs.btrfs: this program is missing; Debian has it in the package btrfs-progs",
            "mkfs.vfat: this program is missing; Debian has it in the package dosfstools",
            "mkswap: this program is missing; Debian has it in the package util-linux",
            // What else is in the way is said with them.
            &format!(
                "/home ({}): xfs needs at least 300 MiB, there are 200 MiB",
                bare.partition(7).display()
            ),
        ],
    );
    assert!(!ended.outcome.stderr.contains("mkfs.ext4"), "{}", ended.outcome);
    assert_eq!(ended.outcome.stderr.matches("mkfs.xfs").count(), 1, "each is named once\n{}", ended.outcome);
}

/// A machine of which nothing helps to start a system, and that starts by BIOS.
fn without_boot_loader() -> Program {
    let firmware = "[ ! -d /sys/firmware/efi ] || mount -t tmpfs none /sys/firmware";
    let tools = hide("grub-install grub2-install");
    Program::deployer().in_own_mounts(&format!("{firmware}\n{tools}"))
}

#[test]
fn an_image_that_could_not_start_is_refused() {
    let bare = BareDisk::new(200);
    let desk = Desk::of(without_boot_loader());
    let describe = |system: &System| description("clean", &[system.image()], &[whole(&bare, "/")]);
    let kernel = |root: &Path| {
        plant(root);
        write(root, "boot/vmlinuz-6.1.0-1-amd64", b"a kernel\n");
    };
    let loader = |root: &Path| {
        for path in ["usr/sbin/grub-install", "usr/sbin/grub-mkconfig", "usr/lib/grub/i386-pc/normal.mod"] {
            write(root, path, b"a part of GRUB\n");
        }
    };
    let no_kernel = "system: the image has no kernel (/boot/vmlinuz-…)";
    let no_loader = "system: neither the image nor this machine has GRUB for i386-pc: install grub2-common and \
                     grub-pc-bin";
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all).with(&[]);
    let hint = "--no-boot-loader";
    refusal.expect(&describe(&System::new()), exit::REFUSED, &[no_kernel, no_loader, hint]);

    let ended = refusal.expect(&describe(&System::with(kernel)), exit::REFUSED, &[no_loader, hint]);
    assert!(!ended.outcome.stderr.contains("no kernel"), "{}", ended.outcome);

    let system = System::with(|root| {
        plant(root);
        loader(root);
    });
    let ended = refusal.expect(&describe(&system), exit::REFUSED, &[no_kernel, hint]);
    assert!(!ended.outcome.stderr.contains("neither"), "{}", ended.outcome);

    let system = System::with(|root| {
        kernel(root);
        loader(root);
    });
    let _ = desk.look("plan", &describe(&system), &[]).expect(exit::DONE);
}
