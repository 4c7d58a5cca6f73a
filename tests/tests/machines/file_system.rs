//! An image of a file system, by the driver `swift`.

use std::fs;

use end_to_end::deploy::{description, disk_named, image, volume, with};
use end_to_end::disk::Kind;
use end_to_end::emulated::Server;
use end_to_end::images::{self, Packing, packed, sum};
use end_to_end::os_tree;
use end_to_end::vm::{SERVER, Vm};
use end_to_end::web::Web;
use end_to_end::witness;
use serde_json::json;

#[test]
fn an_image_of_a_file_system() {
    let server = Server::new();
    let place = server.join("images");
    fs::create_dir(&place).unwrap();
    let root = images::image(&place.join("root"), Kind::Ext4, 600, |root| {
        os_tree::unpack_least(root);
        witness::plant(root);
    });
    let root = packed(&root, Packing::By("zstd"));
    let web = Web::serving(&place);
    let system = image("system", &format!("http://{SERVER}:8080/files/root.zstd"), "/");
    let system = with(system, "image_checksum", sum(&root, "sha256sum").as_str());
    let volumes = [
        volume("/", "ext4", "800 MiB"),
        volume("none", "swap", "64 MiB"),
        volume("/srv", "xfs", "remaining"),
    ];
    let text = description("clean", &[system], &[disk_named("vda", 1500, &volumes)]);
    let text = with(text, "deploy_data", json!({"kernel_params": witness::CONSOLE}));
    let disk = server.disk("disk", 1500);
    let machine = server.machine(&text, &[&disk], "deployer.driver=swift").server(8080, web.address());
    machine.run().says(&["eth0 has 10.0.2.15/24", "== boot loader", "reboot: Restarting system"]);

    let started = Vm::new().disk(&disk).run();
    started.says(&[witness::END, "witness: mount / /dev/vda2 ext4", "witness: mount /srv /dev/vda4 xfs"]);
    started.says(&["witness: swap /dev/vda3 partition"]);
}
