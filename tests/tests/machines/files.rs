//! An image of files, across partitions, and its update.

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{assert_deployed_except, find};
use end_to_end::emulated::{Base, FIRST, OF_WHAT_RAN, Server, Update, assert_sound, divided, tree};
use end_to_end::vm::{RECEIPT, Ran, Vm};
use end_to_end::witness;

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
