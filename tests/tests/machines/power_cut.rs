//! An update during which the power is cut, again and again.

use std::path::Path;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, volume, with};
use end_to_end::emulated::{Base, MEBIBYTES, RSYNC, Server, Update, tree, volumes};
use end_to_end::interrupt::{has_boot_code, says_complete};
use end_to_end::line::Line;
use end_to_end::server::Server as _;
use end_to_end::vm::{Ran, Vm};
use end_to_end::witness;
use serde_json::Value;

const MIB: usize = 1 << 20;
/// So much passes before the power is cut: the list of the image, and of 24 MiB of new files a few; some more; most of what
/// is left.
const EARLY_MIDDLE_LATE: [usize; 3] = [3 * MIB, 8 * MIB, 9 * MIB];

/// What is deployed, and where.
struct Update24 {
    server: Server,
    disk: std::path::PathBuf,
    verify: Value,
}

#[test]
fn the_power_is_cut_five_times() {
    let server = Server::saying("first");
    let disk = Base::new(&server).copy(&server);
    let _ = Update::of(&server.system().source(), "second", 24);
    // `/home` is made anew each time.
    let mut volumes = volumes();
    volumes[4] = with(volume("/home", "ext4", "remaining"), "keep_data", false);
    let verify = server.describe("verify", &[end_to_end::deploy::disk_named("vda", MEBIBYTES, &volumes)]);
    let machine = Update24 { server, disk, verify };

    machine.cut("make-file-system");
    for bytes in EARLY_MIDDLE_LATE {
        machine.cut_after(bytes);
    }
    let cut = machine.cut("boot-loader");
    assert!(cut.steps().contains(&"pull".to_owned()), "{cut}");

    let updated = machine.server.deploying(&machine.verify, &[&machine.disk], "").run();
    updated.says(&["reboot: Restarting system"]);
    let started = Vm::new().disk(&machine.disk).run();
    started.says(&["witness: says second", "witness: mount /home /dev/vda6 ext4", witness::END]);
    started.says_nothing_of(&["witness: failed"]);
    let disk = BareDisk::over(&machine.disk);
    let tree = tree(&disk);
    assert_eq!(says_complete(&tree), Some(true));
    assert_deployed_except(&["boot", "etc", "var", "root"], &machine.server.system().source(), &tree);
}

impl Update24 {
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

    /// Fails the test if the disk looks as if it could start.
    #[track_caller]
    fn assert_incomplete(&self, cut: &Ran) {
        // Looked at in a copy: who mounts it brings it into order.
        let copy = self.server.join("copy");
        std::fs::copy(&self.disk, &copy).expect("memory is large enough");
        let disk = BareDisk::over(Path::new(&copy));
        assert!(!has_boot_code(&disk), "the disk looks as if it could start\n{cut}");
        assert_eq!(says_complete(&disk.mount(2)), Some(false), "{cut}");
    }
}
