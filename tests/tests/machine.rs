//! Machines without an operating system, emulated: they start from the ramdisk, are deployed, and start again from their
//! own disks, where a witness says how that went.
//!
//! These are the ones that every run of all tests has. The others, which take longer, are in `machines`: `scripts/test-machines`
//! runs both.

use std::fs;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, description, disk_named, find, image, volume, with};
use end_to_end::disk::Kind;
use end_to_end::emulated::{Base, FIRST, OF_WHAT_RAN, Server, Update, assert_sound, divided, tree};
use end_to_end::images::{self, Packing, packed, sum};
use end_to_end::os_tree;
use end_to_end::random::Random;
use end_to_end::vm::{RECEIPT, Ran, SERVER, Vm};
use end_to_end::web::Web;
use end_to_end::witness;
use serde_json::json;

/// What the witness says of the file systems of [`divided`].
const DIVIDED: &[&str] = &[
    "witness: mount / /dev/vda2 ext4",
    "witness: mount /usr /dev/vda3 xfs",
    "witness: mount /var /dev/vda4 ext4",
    "witness: swap /dev/vda5 partition",
    "witness: mount /home /dev/vda6 ext4",
    witness::END,
];
/// How much comes anew of a file of some megabytes, when little of it has changed.
const BLOCKS: u64 = 8 << 10;
/// What an entry takes in the list of an image, at most.
const LISTED: u64 = 120;

#[test]
fn an_image_of_files_and_its_update() {
    let server = Server::saying(FIRST);
    let disk = Base::new(&server).copy(&server);
    let started = Vm::new().disk(&disk).run();
    started.says(DIVIDED);
    started.says(&["witness: says first"]);
    started.says_nothing_of(&["witness: failed"]);

    // The image gets updates; the machine that has run is deployed again.
    let update = Update::of(&server.system().source(), "second", 3);
    let verify = server.describe("verify", &[divided()]);
    let updated = server.deploying(&verify, &[&disk], RECEIPT).run();
    updated.says(&["reboot: Restarting system"]);
    assert!(updated.steps().iter().all(|step| step != "make-file-system"), "{updated}");
    assert_moved_little(&update, &updated);
    let looked_at = BareDisk::over(&disk);
    assert_sound(&looked_at);
    assert_deployed_except(OF_WHAT_RAN, &server.system().source(), &tree(&looked_at));
    drop(looked_at);

    let started = Vm::new().disk(&disk).run();
    started.says(DIVIDED);
    started.says(&["witness: says second"]);
    started.says_nothing_of(&["witness: failed", "witness: says first"]);
}

/// The list of the image, what is new, and of what changed the blocks around the changes: nothing else came.
fn assert_moved_little(update: &Update, updated: &Ran) {
    let receipt = updated.receipt();
    let image = find(&receipt["images"], "image", "system");
    let count = |key: &str| image[key].as_u64().unwrap_or_else(|| panic!("{key} was expected in {image:?}"));
    println!("{update:?}: {image:?}");
    let literal = count("literal_bytes");
    // A system that has run has changed some files of its own.
    let most = update.bytes + update.files * BLOCKS + (256 << 10);
    assert!((update.bytes..=most).contains(&literal), "at most {most} bytes of content: {image:?}");
    let most = literal + count("entries") * LISTED + count("files_transferred") * (1 << 10);
    let received = count("received_bytes");
    assert!(received <= most, "at most {most} bytes over the connection: {image:?}");
    let all = count("literal_bytes") + count("matched_bytes");
    assert!(all >= update.size, "what was there is a part of what was put together: {image:?}");
}

#[test]
fn without_a_server_nothing_changes() {
    let server = Server::new();
    // Of somebody else, who wants to keep it.
    let disk = server.disk("disk", 1500);
    fs::write(&disk, Random::new(9).bytes(8 << 20)).expect("memory is large enough");
    fs::File::options().write(true).open(&disk).and_then(|file| file.set_len(1500 << 20)).unwrap();
    let before = sum(&disk, "sha256sum");
    let clean = server.describe("clean", &[divided()]);
    // The description is there, and the daemon is not.
    let mut running = server.machine(&clean, &[&disk], "deployer.on-failure=rescue").start();
    running.until_it_says("poweroff  turn it off");
    running.types("poweroff\n");
    let ran = running.end();
    ran.says(&[
        &format!("cannot reach {SERVER}"),
        "nothing was changed",
        "the deployment ended with exit status: 45",
        "reboot: Power down",
    ]);
    assert_eq!(sum(&disk, "sha256sum"), before, "nothing was expected to be written\n{ran}");
}

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
