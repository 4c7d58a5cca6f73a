//! The config drive, from everywhere that it may come from onto everywhere that it may go to.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use end_to_end::bare::{BareDisk, output};
use end_to_end::deploy::{
    Desk, System, assert_deployed, assert_nothing_mounted, description, disk, exit, volume, with, write,
};
use fatfs::{FileSystem, FsOptions};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];
const MIB: u64 = 1 << 20;
/// What `find` would say of a usual one.
const FILES: [(&str, &str); 3] = [
    ("openstack/latest/meta_data.json", "{\"uuid\": \"0001\"}\n"),
    ("openstack/latest/user_data", "#cloud-config\nhostname: node-1\n"),
    ("openstack/content/0000", "of the network\n"),
];

/// A system, a disk for it, and what is described.
struct Machine {
    system: System,
    bare: BareDisk,
    desk: Desk,
}

impl Machine {
    fn new() -> Self {
        Self { system: System::new(), bare: BareDisk::new(400), desk: Desk::new() }
    }

    fn describe(&self, drive: &str, volumes: &[Value]) -> Value {
        let text = description("clean", &[self.system.image()], &[disk(&self.bare, volumes)]);
        with(text, "configdrive", drive)
    }

    fn directory(&self) -> String {
        let directory = self.desk.join("drive");
        fs::create_dir(&directory).unwrap();
        FILES.iter().for_each(|(path, content)| write(&directory, path, content.as_bytes()));
        directory.to_str().unwrap().to_owned()
    }

    /// All of a partition.
    fn all_of(&self, number: u32) -> Vec<u8> {
        let table: Value = serde_json::from_str(&self.bare.with("sfdisk", &["--json"])).unwrap();
        let partition = &table["partitiontable"]["partitions"][number as usize - 1];
        let [start, size] = ["start", "size"].map(|key| partition[key].as_u64().unwrap() * 512);
        self.bare.bytes(start, usize::try_from(size).unwrap())
    }

    #[track_caller]
    fn has(&self, number: u32, kind: &str) {
        let content = self.bare.content(number);
        assert_eq!((content["TYPE"].as_str(), content["LABEL"].as_str()), (kind, "config-2"));
        assert_nothing_mounted(&[&self.bare]);
    }

    #[track_caller]
    fn has_image(&self, number: u32, image: &[u8]) {
        let found = self.all_of(number);
        assert!(found.starts_with(image), "the image was expected as it is");
        assert!(found[image.len()..].iter().all(|byte| *byte == 0), "and nothing of what was there before");
    }

    #[track_caller]
    fn has_files(&self, number: u32) {
        let volume = FileSystem::new(Cursor::new(self.all_of(number)), FsOptions::new()).unwrap();
        for (path, content) in FILES {
            let mut found = String::new();
            volume.root_dir().open_file(path).unwrap().read_to_string(&mut found).unwrap();
            assert_eq!(found, content, "{path}");
        }
        output(Command::new("fsck.vfat").arg("-n").arg(self.bare.partition(number)));
    }
}

/// As little of ISO 9660 as tells what it is: volume descriptor, label and size.
fn iso(label: &str) -> Vec<u8> {
    let mut image: Vec<u8> = (0..40 << 10).map(|at: u32| (at / 7) as u8).collect();
    let descriptor = &mut image[32 << 10..34 << 10];
    descriptor.fill(0);
    descriptor[..7].copy_from_slice(b"\x01CD001\x01");
    descriptor[40..72].fill(b' ');
    descriptor[40..40 + label.len()].copy_from_slice(label.as_bytes());
    descriptor[80..84].copy_from_slice(&20u32.to_le_bytes());
    descriptor[128..130].copy_from_slice(&2048u16.to_le_bytes());
    image
}

fn packed(image: &[u8], desk: &Desk) -> String {
    let file = desk.join("image");
    fs::write(&file, image).unwrap();
    output(Command::new("sh").args(["-c", "gzip -c \"$0\" | base64"]).arg(file))
}

/// Answers every request for as long as the test runs. Returns where.
fn serve(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines();
            if lines.map_while(Result::ok).take_while(|line| !line.is_empty()).count() > 0 {
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        }
    });
    format!("http://{address}/drive?signature=secret")
}

#[test]
fn a_directory_goes_to_the_end_of_the_first_disk() {
    let machine = Machine::new();
    let text = machine.describe(&machine.directory(), &[volume("/", "ext4", "remaining")]);
    let ended = machine.desk.provision(&text, WITHOUT).expect(exit::DONE);
    machine.has(3, "vfat");
    machine.has_files(3);
    assert_eq!(machine.all_of(3).len() as u64, 64 * MIB);
    assert_eq!(machine.bare.known_partitions(), 3);
    assert_deployed(&machine.system.source(), &machine.bare.mount(2));
    let phases: Vec<&Value> =
        ended.receipt()["phases"].as_array().unwrap().iter().map(|it| &it["phase"]).collect();
    assert_eq!(phases, ["partitioning", "config-drive", "copy-image"]);
    let step = json!({"action": "write-config-drive", "node": machine.bare.partition(3)});
    assert!(ended.steps().contains(&&step));

    // Under `verify`, the machine gets its new one, and nothing is left of the old one.
    fs::write(Path::new(text["configdrive"].as_str().unwrap()).join("openstack/latest/extra"), "x").unwrap();
    let uuid = machine.bare.uuid(2);
    let verify = with(text, "partitions_policy", "verify");
    let _ = machine.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    machine.has_files(3);
    let image = iso("config-2");
    let verify = with(verify, "configdrive", packed(&image, &machine.desk));
    let _ = machine.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    machine.has(3, "iso9660");
    machine.has_image(3, &image);
    assert_eq!(machine.bare.uuid(2), uuid);
}

#[test]
fn gzip_in_base64_goes_onto_the_partition_with_the_label() {
    let machine = Machine::new();
    let drive = with(volume("none", "vfat", "20 MiB"), "disk_label", "config-2");
    let volumes = [drive, volume("/", "ext4", "remaining")];
    let image = iso("config-2");
    let text = machine.describe(&packed(&image, &machine.desk), &volumes);
    let _ = machine.desk.provision(&text, WITHOUT).expect(exit::DONE);
    machine.has(2, "iso9660");
    machine.has_image(2, &image);
    assert_eq!(machine.bare.known_partitions(), 3, "no further partition was expected");
    let tree = machine.bare.mount(3);
    assert!(!tree.text("/etc/fstab").contains("vfat"));
    assert_deployed(&machine.system.source(), &tree);
}

#[test]
fn a_server_offers_it_as_it_is_or_packed() {
    let (machine, image) = (Machine::new(), iso("config-2"));
    let text = packed(&image, &machine.desk);
    let gzip = output(
        Command::new("sh").args(["-c", "gzip -c \"$0\" | od -An -v -tx1"]).arg(machine.desk.join("image")),
    );
    let gzip = gzip.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    for body in [image.clone(), gzip, text.into_bytes()] {
        let text = machine.describe(&serve("200 OK", body), &[volume("/", "ext4", "remaining")]);
        let ended = machine.desk.provision(&text, WITHOUT).expect(exit::DONE);
        machine.has(3, "iso9660");
        machine.has_image(3, &image);
        let told = format!("{} {} {:?}", ended.outcome, ended.receipt(), ended.events);
        assert!(!told.contains("secret"), "signatures of URLs are secrets: {told}");
    }
}

#[test]
fn the_phase_alone_changes_nothing_else() {
    let machine = Machine::new();
    let text = machine.describe(&machine.directory(), &[volume("/", "ext4", "remaining")]);
    let _ = machine.desk.provision(&text, WITHOUT).expect(exit::DONE);
    let before = machine.all_of(2);
    let image = iso("CONFIG-2");
    let text = with(text, "configdrive", packed(&image, &machine.desk));
    let ended = machine.desk.end(machine.desk.start("configdrive", &text, &[])).expect(exit::DONE);
    assert_eq!(ended.steps(), [&json!({"action": "write-config-drive", "node": machine.bare.partition(3)})]);
    machine.has_image(3, &image);
    assert!(machine.all_of(2) == before, "the system was expected to stay as it is");
}

#[test]
fn what_is_no_config_drive_is_refused_before_anything_is_wiped() {
    let machine = Machine::new();
    let before = machine.bare.sum();
    let other = packed(&iso("cidata"), &machine.desk);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/drive", listener.local_addr().unwrap())
    };
    let refused = [
        (other, &["label \"cidata\"", "config-2"][..]),
        (serve("404 Not Found", Vec::new()), &["status 404"]),
        (serve("200 OK", b"<!doctype html>".to_vec()), &["an HTML page"]),
        ("/nonexistent".to_owned(), &["/nonexistent"]),
        ("H4sIAAAAAAAAA0".to_owned(), &["base64"]),
    ];
    let refused = refused.into_iter().map(|(drive, words)| (drive, words, exit::REFUSED));
    // A server that is not there may be there later.
    let all = refused.chain([(closed, &["cannot fetch the config drive"][..], exit::NETWORK)]);
    for (drive, words, code) in all {
        let text = machine.describe(&drive, &[volume("/", "ext4", "remaining")]);
        for command in ["provision", "plan"] {
            let told = machine.desk.look(command, &text, WITHOUT).expect(code);
            for word in words.iter().chain(&["nothing was changed"]) {
                assert!(told.stderr.contains(word), "{word:?} was expected\n{told}");
            }
            assert!(!told.stderr.contains("secret"), "{told}");
        }
    }
    // It has to fit as well.
    let small = with(volume("none", "vfat", "1 MiB"), "disk_label", "config-2");
    let text = machine.describe(&machine.directory(), &[small, volume("/", "ext4", "remaining")]);
    let ended = machine.desk.provision(&text, WITHOUT).expect(exit::REFUSED);
    ended.says(&["the config drive (vfat) needs", "there are 1 MiB"]);
    assert_eq!(machine.bare.sum(), before);
}
