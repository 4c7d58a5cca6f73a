//! Servers that go away, and servers that are not there.

use std::fs;
use std::path::PathBuf;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, with};
use end_to_end::emulated::{
    Base, FIRST, MEBIBYTES, OF_THE_BOOT_LOADER, RSYNC, Server, Update, divided, tree,
};
use end_to_end::images::sum;
use end_to_end::line::Line;
use end_to_end::random::Random;
use end_to_end::server::Server as _;
use end_to_end::vm::{SERVER, Vm};
use end_to_end::witness;
use serde_json::json;

/// In the middle of what is pulled.
const MIDDLE: usize = 8 << 20;

#[test]
fn a_server_that_goes_away_and_comes_back() {
    let server = Server::saying(FIRST);
    let disk = Base::new(&server).copy(&server);
    let _ = Update::of(&server.system().source(), "second", 12);
    let flags = json!({"rsync_flags": "-a -H -A -X --numeric-ids --retries 8"});
    let verify = with(server.describe("verify", &[divided()]), "image_deploy_flags", flags);
    let line = Line::to(server.system().daemon().address());
    line.hold_after(MIDDLE);
    let mut running = server.machine(&verify, &[&disk], "").server(RSYNC, line.address()).start();
    running.until("a transfer that stands still", |_| line.is_held());
    line.cut();
    running.until("a machine that asks again", |_| line.refused() >= 2);
    line.mend();
    let updated = running.end();
    updated.says(&["reboot: Restarting system"]);
    let looked_at = BareDisk::over(&disk);
    assert_deployed_except(OF_THE_BOOT_LOADER, &server.system().source(), &tree(&looked_at));
    drop(looked_at);

    let started = Vm::new().disk(&disk).run();
    started.says(&["witness: says second", witness::END]);
}

#[test]
fn without_a_web_server_nothing_changes() {
    let server = Server::new();
    let (disk, before) = foreign_disk(&server);
    // Later parameters count: nobody listens there.
    let nowhere = "deployer.config=http://10.0.2.100:81/node.json";
    let clean = server.describe("clean", &[divided()]);
    let ran = server.machine(&clean, &[&disk], nowhere).run();
    ran.says(&["cannot fetch the description from http://10.0.2.100:81/node.json", "reboot: Power down"]);
    assert_eq!(sum(&disk, "sha256sum"), before, "nothing was expected to be written\n{ran}");
}

#[test]
fn without_a_daemon_nothing_changes() {
    let server = Server::new();
    let (disk, before) = foreign_disk(&server);
    let clean = server.describe("clean", &[divided()]);
    let mut running = server.machine(&clean, &[&disk], "deployer.on-failure=rescue").start();
    running.until_it_says("turn it off");
    running.types("boot-entry list\n");
    running.until_it_says("there is no common boot menu on this machine");
    running.types("poweroff\n");
    let ran = running.end();
    ran.says(&[
        &format!("cannot connect to {SERVER}:{RSYNC}"),
        "nothing was changed",
        "the deployment ended with exit status: 45",
        "reboot: Power down",
    ]);
    assert_eq!(sum(&disk, "sha256sum"), before, "nothing was expected to be written\n{ran}");
}

/// A disk of somebody who wants to keep what is on it, and the sum of that.
fn foreign_disk(server: &Server) -> (PathBuf, String) {
    let disk = server.disk("disk", MEBIBYTES);
    fs::write(&disk, Random::new(9).bytes(8 << 20)).expect("memory is large enough");
    let file = fs::File::options().write(true).open(&disk);
    file.and_then(|file| file.set_len(MEBIBYTES << 20)).expect("a file can be sparse");
    let sum = sum(&disk, "sha256sum");
    (disk, sum)
}
