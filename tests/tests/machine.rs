//! Machines without an operating system, emulated: they start from the ramdisk, are deployed, and start again from their
//! own disks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use end_to_end::deploy::{description, disk_named, image, volume, with};
use end_to_end::disk::Kind;
use end_to_end::images::{self, Packing, packed, sum};
use end_to_end::os_tree;
use end_to_end::ramdisk::Ramdisk;
use end_to_end::scratch::Scratch;
use end_to_end::vm::{SERVER, Vm};
use end_to_end::web::Web;
use end_to_end::witness;
use serde_json::{Value, json};

/// From power on until it is deployed, and from then on until the deployed system is off.
const LIMIT: Duration = Duration::from_secs(900);

fn bare_disk(scratch: &Scratch, mebibytes: u64) -> PathBuf {
    let path = scratch.join("disk");
    let file = File::create(&path).expect("memory is large enough");
    file.set_len(mebibytes << 20).expect("a file can be sparse");
    path
}

/// Puts the description where the web server has it.
fn put(place: &Path, text: &Value) {
    fs::write(place.join("node.json"), text.to_string()).expect("memory is large enough");
}

#[test]
fn an_image_of_a_file_system() {
    let (scratch, ramdisk) = (Scratch::new(), Ramdisk::new());
    let place = scratch.directory("images");
    let root = images::image(&place.join("root"), Kind::Ext4, 1500, |root| {
        os_tree::unpack_what_runs(root);
        witness::plant(root);
    });
    let root = packed(&root, Packing::By("zstd"));
    let web = Web::serving(&place);
    let system = image("system", &format!("http://{SERVER}/files/root.zstd"), "/");
    let system = with(system, "image_checksum", sum(&root, "sha256sum").as_str());
    let volumes = [
        volume("/", "ext4", "2000 MiB"),
        volume("none", "swap", "64 MiB"),
        volume("/srv", "xfs", "remaining"),
    ];
    let mut text = description("clean", &[system], &[disk_named("vda", 3000, &volumes)]);
    text["deploy_data"] = json!({"kernel_params": witness::CONSOLE});
    put(&place, &text);
    let machine = Vm::new().disk(&bare_disk(&scratch, 3000)).server(80, web.address());
    let parameters = format!(
        "deployer.config=http://{SERVER}/files/node.json deployer.driver=swift deployer.on-failure=poweroff"
    );
    let deployed = machine.ramdisk(&ramdisk, &parameters).run(LIMIT);
    deployed.says(&["eth0 has 10.0.2.15/24", "== boot loader", "reboot: Restarting system"]);

    let started = Vm::new().disk(&scratch.join("disk")).run(LIMIT);
    started.says(&[witness::END, "witness: mount / /dev/vda2 ext4", "witness: mount /srv /dev/vda4 xfs"]);
    started.says(&["witness: swap /dev/vda3 partition"]);
}
