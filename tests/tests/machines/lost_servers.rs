//! Servers that go away, and servers that are not there.

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, with};
use end_to_end::emulated::{Base, FIRST, OF_THE_BOOT_LOADER, RSYNC, Server, Update, divided, tree};
use end_to_end::images::sum;
use end_to_end::line::Line;
use end_to_end::server::Server as _;
use end_to_end::vm::Vm;
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
fn no_server_at_all() {
    let server = Server::saying(FIRST);
    let disk = Base::new(&server).copy(&server);
    let before = sum(&disk, "sha256sum");
    // Later parameters count: nobody listens there.
    let nowhere = "deployer.config=http://10.0.2.100:81/node.json";
    let clean = server.describe("clean", &[divided()]);
    let ran = server.machine(&clean, &[&disk], nowhere).run();
    ran.says(&["cannot fetch the description from http://10.0.2.100:81/node.json", "reboot: Power down"]);
    assert_eq!(sum(&disk, "sha256sum"), before, "nothing was expected to be written\n{ran}");
}
