//! An update during which the power is cut, again and again.

use std::fs;
use std::path::PathBuf;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, disk_named, volume, with};
use end_to_end::emulated::{
    Base, FIRST, MEBIBYTES, OF_THE_BOOT_LOADER, RSYNC, Server, Update, assert_sound, tree, volumes,
};
use end_to_end::interrupt::{has_boot_code, says_complete};
use end_to_end::line::Line;
use end_to_end::server::Server as _;
use end_to_end::vm::{Ran, Vm};
use end_to_end::witness;
use serde_json::Value;

const MIB: usize = 1 << 20;
/// How many new files the update brings, of one MiB each.
const FILES: usize = 24;
/// Where they come to, in `/usr`.
const PLACE: &str = "/lib/updated";

/// What is deployed, and where.
struct Updated {
    server: Server,
    disk: PathBuf,
    verify: Value,
}

#[test]
fn the_power_is_cut_five_times() {
    let server = Server::saying(FIRST);
    let disk = Base::new(&server).copy(&server);
    let _ = Update::of(&server.system().source(), "second", FILES as u64);
    // `/home` is made anew each time.
    let mut volumes = volumes();
    volumes[4] = with(volume("/home", "ext4", "remaining"), "keep_data", false);
    let verify = server.describe("verify", &[disk_named("vda", MEBIBYTES, &volumes)]);
    let machine = Updated { server, disk, verify };

    machine.cut("make-file-system");
    machine.cut_after(3 * MIB);
    machine.cut_after(machine.left() / 2);
    machine.cut_after(machine.left() - MIB / 2);
    let cut = machine.cut("boot-loader");
    assert!(cut.steps().contains(&"pull".to_owned()), "{cut}");

    let updated = machine.server.deploying(&machine.verify, &[&machine.disk], "").run();
    updated.says(&["reboot: Restarting system"]);
    let disk = BareDisk::over(&machine.disk);
    assert_sound(&disk);
    let tree = tree(&disk);
    assert_eq!(says_complete(&tree), Some(true));
    assert_deployed_except(OF_THE_BOOT_LOADER, &machine.server.system().source(), &tree);
    drop((tree, disk));

    let started = Vm::new().disk(&machine.disk).run();
    started.says(&["witness: says second", "witness: mount /home /dev/vda6 ext4", witness::END]);
    started.says_nothing_of(&["witness: failed"]);
}

impl Updated {
    /// Cuts the power in a step.
    fn cut(&self, step: &str) -> Ran {
        let mut running = self.server.deploying(&self.verify, &[&self.disk], "").start();
        running.until(&format!("the step {step}"), |said| said.steps().iter().any(|found| found == step));
        let cut = running.cut();
        self.assert_incomplete(&cut);
        cut
    }

    /// Cuts the power when so much has come over a connection.
    fn cut_after(&self, bytes: usize) {
        let line = Line::to(self.server.system().daemon().address());
        line.hold_after(bytes);
        let machine = self.server.machine(&self.verify, &[&self.disk], "").server(RSYNC, line.address());
        let mut running = machine.start();
        running.until(&format!("a transfer that stands still after {bytes} bytes"), |_| line.is_held());
        let cut = running.cut();
        assert_eq!(cut.steps().last().map(String::as_str), Some("pull"), "{cut}");
        self.assert_incomplete(&cut);
    }

    /// How many bytes of the new files are still to come, at least: whatever lies there in full need not come again.
    fn left(&self) -> usize {
        let disk = BareDisk::over(&self.server.copy(&self.disk));
        let usr = disk.mount(3);
        let files = fs::read_dir(usr.join(PLACE)).into_iter().flatten().flatten();
        let whole = files.filter(|file| file.metadata().is_ok_and(|meta| meta.len() == MIB as u64)).count();
        println!("{whole} of {FILES} new files are in place after a power cut");
        assert!(whole < FILES, "a part of the new files was expected to be left");
        (FILES - whole) * MIB
    }

    /// Fails the test if the disk looks as if it could start.
    #[track_caller]
    fn assert_incomplete(&self, cut: &Ran) {
        // Looked at in a copy: who mounts it brings it into order.
        let disk = BareDisk::over(&self.server.copy(&self.disk));
        assert!(!has_boot_code(&disk), "the disk looks as if it could start\n{cut}");
        assert_eq!(says_complete(&disk.mount(2)), Some(false), "{cut}");
    }
}
