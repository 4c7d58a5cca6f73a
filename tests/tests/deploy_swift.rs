//! The `swift` driver: images of file systems from a real nginx, onto the devices where they are mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::bare::{BareDisk, Mounted, output};
use end_to_end::cut::CutLine;
use end_to_end::deploy::{
    Desk, assert_deployed, assert_deployed_except, assert_nothing_mounted, description, disk, exit, find,
    image, plant, volume, with,
};
use end_to_end::disk::Kind;
use end_to_end::images::{self, Packing, packed, sum};
use end_to_end::os_tree;
use end_to_end::proxy::Proxy;
use end_to_end::refusal::Refusal;
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::web::Web;
use rustix::fs::statvfs;
use rustix::process::Signal;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(600);
const WITHOUT: &[&str] = &["--deploy-driver", "swift", "--no-boot-loader"];

/// A small system, as a tree and as images on a web server.
struct Images {
    scratch: Scratch,
    web: Web,
}

impl Images {
    fn new() -> Self {
        let scratch = Scratch::new();
        plant(&scratch.directory("source"));
        let web = Web::serving(&scratch.directory("images"));
        Self { scratch, web }
    }

    fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    /// Makes an image; its path on this machine.
    fn make(&self, kind: Kind, mebibytes: u64) -> PathBuf {
        let path = self.scratch.join("images").join("image");
        images::image(&path, kind, mebibytes, |root| images::copy(&self.source(), root))
    }

    fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.scratch.join("images").join(name), content).expect("memory is large enough");
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("names are plain")
}

/// A description of a disk with a root of this kind.
fn rooted(bare: &BareDisk, kind: &str, image: Value) -> Value {
    description(
        "clean",
        &[image],
        &[disk(bare, &[with(volume("/", kind, "remaining"), "disk_label", "root")])],
    )
}

fn at_root(url: &str) -> Value {
    image("system", url, "/")
}

fn uuid_of(image: &Path) -> String {
    output(Command::new("blkid").args(["-p", "-s", "UUID", "-o", "value"]).arg(image))
}

/// Nothing is on the partition that could be mounted.
fn assert_empty(bare: &BareDisk, number: u32) {
    let found =
        Command::new("blkid").arg("--probe").arg(bare.partition(number)).output().expect("it is there");
    let text = String::from_utf8_lossy(&found.stdout);
    assert!(!text.contains(" TYPE="), "nothing was expected on it: {text}");
}

/// What a kind of file system is, and what finds faults in it.
const KINDS: [(Kind, &str, u64, &[&str]); 3] = [
    (Kind::Ext4, "ext4", 64, &["e2fsck", "-f", "-n"]),
    (Kind::Xfs, "xfs", 320, &["xfs_repair", "-n"]),
    (Kind::Btrfs, "btrfs", 128, &["btrfs", "check"]),
];

fn deploys(kind: usize, packings: &[Packing]) {
    let (kind, file_system, mebibytes, check) = KINDS[kind];
    let images = Images::new();
    let raw = images.make(kind, mebibytes);
    for packing in packings {
        let (bare, desk) = (BareDisk::new(700), Desk::new());
        let path = packed(&raw, *packing);
        let url = images.web.url(&format!("files/{}", name(&path)));
        let described = with(at_root(&url), "image_checksum", sum(&path, "md5sum").as_str());
        let described = with(described, "os_hash_algo", "sha512");
        let described = with(described, "os_hash_value", sum(&path, "sha512sum").as_str());
        let length = fs::metadata(&path).expect("it is there").len();
        let described = with(described, "image_size", length);
        let ended = desk.provision(&rooted(&bare, file_system, described), WITHOUT).expect(exit::DONE);
        assert_nothing_mounted(&[&bare]);
        let content = bare.content(2);
        assert_eq!(
            (content["TYPE"].as_str(), content["LABEL"].as_str()),
            (file_system, "root"),
            "{packing:?}"
        );
        assert_ne!(content["UUID"], uuid_of(&raw), "it is no longer the image's");
        let receipt = ended.receipt();
        assert_eq!(find(&receipt["file_systems"], "mount", "/")["uuid"], content["UUID"].as_str());
        let told = &receipt["images"][0];
        assert_eq!((&told["complete"], &told["received_bytes"]), (&json!(true), &json!(length)), "{told}");
        output(Command::new(check[0]).args(&check[1..]).arg(bare.partition(2)));
        let mounted = bare.mount(2);
        let found = statvfs(mounted.root()).expect("it is mounted");
        assert!(found.f_blocks * found.f_frsize > 500 * MIB, "{packing:?}: it is as large as its partition");
        assert!(mounted.text("/etc/fstab").contains(&format!("UUID={} / {file_system}", content["UUID"])));
        assert_deployed(&images.source(), &mounted);
    }
}

#[test]
fn ext4_raw_and_packed() {
    deploys(0, &[Packing::Raw, Packing::By("gzip"), Packing::By("zstd"), Packing::By("xz")]);
}

#[test]
fn xfs_raw_and_packed() {
    deploys(1, &[Packing::Raw, Packing::By("zstd")]);
}

#[test]
fn btrfs_raw_and_packed() {
    deploys(2, &[Packing::Raw, Packing::By("gzip")]);
}

#[test]
fn an_image_that_is_not_what_it_should_be_leaves_no_file_system() {
    let images = Images::new();
    let raw = images.make(Kind::Ext4, 64);
    let gz = packed(&raw, Packing::By("gzip"));
    let packed = fs::read(&gz).expect("it is there");
    images.put(
        "damaged.gz",
        &[&packed[..packed.len() / 2], &[0x5a; 64], &packed[packed.len() / 2 + 64..]].concat(),
    );
    images.put("cut.gz", &packed[..packed.len() - 10]);
    let image = at_root(&images.web.url("files/image"));
    let other = "0f".repeat(16);
    for (described, words) in [
        (with(image.clone(), "image_checksum", other.as_str()), &["MD5", other.as_str()][..]),
        (with(image.clone(), "image_checksum", "0f".repeat(32).as_str()), &["SHA-256"]),
        (
            with(with(image.clone(), "os_hash_algo", "sha512"), "os_hash_value", "0f".repeat(64).as_str()),
            &["SHA-512"],
        ),
        (at_root(&images.web.url("files/damaged.gz")), &["cannot unpack it", "gzip"]),
        (at_root(&images.web.url("files/cut.gz")), &["cannot unpack it", "gzip"]),
    ] {
        let (bare, desk) = (BareDisk::new(300), Desk::new());
        let ended = desk.provision(&rooted(&bare, "ext4", described), WITHOUT).expect(exit::DAMAGED);
        ended.says(words);
        ended.says(&["the deployment is not complete"]);
        assert_empty(&bare, 2);
        assert_eq!(ended.receipt()["images"][0]["complete"], json!(false));
    }
}

#[test]
fn what_can_be_seen_beforehand_is_refused_and_nothing_is_changed() {
    let images = Images::new();
    let raw = images.make(Kind::Ext4, 64);
    images.put("short", &fs::read(&raw).expect("it is there")[..40 << 20]);
    images.put("text", &b"no image at all, but long enough to be one\n".repeat(3000));
    let xfs = images.scratch.join("images").join("xfs");
    let _ = images::image(&xfs, Kind::Xfs, 320, |_| ());
    let bare = BareDisk::new(120);
    let url = |path: &str| at_root(&images.web.url(path));
    let nowhere = image("system", &images.web.url("files/image"), "/srv");
    let long = with(url("files/image"), "image_size", 67_108_863);
    for (described, code, words) in [
        (url("files/none"), exit::IMAGE, &["status 404", "no such file"][..]),
        (
            url("signed/image?temp_url_sig=wrong"),
            exit::AUTHENTICATION,
            &["status 403", "does not give this away"],
        ),
        (url("broken/image"), exit::NETWORK, &["status 503", "try again later"]),
        (url("page/"), exit::IMAGE, &["a page for browsers"]),
        (url("files/text"), exit::IMAGE, &["it is something else"]),
        (url("files/xfs"), exit::IMAGE, &["it is xfs, and ext4 is described"]),
        (url("files/short"), exit::DAMAGED, &["it ends after 41943040 bytes", "has 67108864"]),
        (long, exit::DAMAGED, &["67108864 bytes, and 67108863 are described"]),
        (nowhere, exit::REFUSED, &["none is mounted at \"/srv\""]),
        (at_root("file:///no/such/image"), exit::IMAGE, &["cannot read /no/such/image"]),
        (at_root("images::debian-12/"), exit::REFUSED, &["the swift driver cannot write it"]),
    ] {
        let options = [WITHOUT, &["--http-retries", "0"]].concat();
        let desk = Desk::new();
        let disks = [&bare];
        let refusal = Refusal::of(&desk, &disks).with(&options);
        let ended = refusal.expect(&rooted(&bare, "ext4", described), code, words);
        assert!(!ended.outcome.stderr.contains("temp_url_sig"), "{}", ended.outcome);
    }
    // Smaller than its image.
    let small = BareDisk::new(80);
    let desk = Desk::new();
    let disks = [&small];
    let text = rooted(&small, "ext4", url("files/image"));
    Refusal::of(&desk, &disks).with(WITHOUT).expect(
        &text,
        exit::REFUSED,
        &["it needs 64 MiB", "make that larger"],
    );
}

#[test]
fn what_has_keep_data_is_not_overwritten() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let image = at_root(&images.web.url("files/image"));
    let text = rooted(&bare, "ext4", image.clone());
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let before = bare.uuid(2);
    let kept = with(text.clone(), "partitions_policy", "verify");
    let disks = [&bare];
    Refusal::of(&desk, &disks).with(WITHOUT).expect(&kept, exit::REFUSED, &["\"keep_data\" (the default)"]);
    let volumes = [with(with(volume("/", "ext4", "remaining"), "disk_label", "root"), "keep_data", false)];
    let anew = description("verify", &[image], &[disk(&bare, &volumes)]);
    let _ = desk.provision(&anew, WITHOUT).expect(exit::DONE);
    assert_ne!(bare.uuid(2), before);
    assert_deployed(&images.source(), &bare.mount(2));
}

#[test]
fn phases_alone_do_what_all_of_them_do() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let text = rooted(&bare, "ext4", at_root(&images.web.url("files/image")));
    let options = &["--deploy-driver", "swift"];
    let _ = desk
        .end(desk.start("partition", &text, &[&options[..], &["--no-boot-loader"]].concat()))
        .expect(exit::DONE);
    // Twice: what is in the place of the image does not matter.
    for _ in 0..2 {
        let _ = desk.end(desk.start("copyimage", &text, WITHOUT)).expect(exit::DONE);
    }
    assert_deployed(&images.source(), &bare.mount(2));
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let images = Images::new();
    let raw = images.make(Kind::Ext4, 64);
    let cuts = [9 << 20, 3 << 20, 20 << 20, 4 << 20];
    for (path, ranges) in [("files", true), ("whole", false)] {
        // The first connection only looks at it.
        let line = CutLine::to(images.web.address(), &[&[usize::MAX][..], &cuts].concat());
        let (bare, desk) = (BareDisk::new(300), Desk::new());
        let url = format!("http://{}/{path}/image", line.address());
        let described = with(at_root(&url), "image_checksum", sum(&raw, "md5sum").as_str());
        let before = images.web.requests().len();
        let _ = desk.provision(&rooted(&bare, "ext4", described), WITHOUT).expect(exit::DONE);
        assert_deployed(&images.source(), &bare.mount(2));
        let asked = images.web.requests()[before..].to_vec();
        let partial = asked.iter().filter(|line| line.starts_with("206 ")).count();
        match ranges {
            true => assert_eq!(partial, 4, "{asked:?}"),
            false => assert_eq!(partial, 0, "{asked:?}"),
        }
    }
}

#[test]
fn a_connection_that_is_lost_again_and_again_ends_it() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    // Never as far as the body.
    let line = CutLine::to(images.web.address(), &[&[usize::MAX, 9 << 20][..], &[20; 50]].concat());
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let text = rooted(&bare, "ext4", at_root(&format!("http://{}/files/image", line.address())));
    let options = [WITHOUT, &["--http-retries", "2"]].concat();
    let ended = desk.provision(&text, &options).expect(exit::NETWORK);
    ended.says(&["the connection was lost at byte", "2 more tries brought nothing"]);
    assert_empty(&bare, 2);
    assert_eq!(line.connections(), 4);
}

#[test]
fn a_file_that_changes_meanwhile_is_not_put_together_of_two() {
    let images = Images::new();
    let raw = images.make(Kind::Ext4, 64);
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    // It is slow enough to be changed.
    let line = CutLine::to(images.web.address(), &[usize::MAX, 24 << 20]);
    let text = rooted(&bare, "ext4", at_root(&format!("http://{}/slow/image", line.address())));
    let mut running = desk.start("provision", &text, WITHOUT);
    running.until("the image comes", || {
        desk.events().iter().any(|event| event["event"] == "progress" && event["bytes"].as_u64() > Some(0))
    });
    let file = fs::File::options().write(true).open(&raw).expect("it is there");
    file.set_modified(UNIX_EPOCH).expect("root can set times");
    let ended = desk.end(running).expect(exit::IMAGE);
    ended.says(&["changed on the server"]);
    assert_empty(&bare, 2);
}

#[test]
fn a_server_is_known_by_its_certificate() {
    let scratch = Scratch::new();
    plant(&scratch.directory("source"));
    let path = scratch.directory("images").join("image");
    let _ = images::image(&path, Kind::Ext4, 64, |root| images::copy(&scratch.join("source"), root));
    let web = Web::serving_safely(&scratch.join("images"));
    let authority = web.authority();
    let authority = authority.to_str().expect("paths are plain");
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let text = rooted(&bare, "ext4", at_root(&web.url("files/image")));
    let other = rooted(&bare, "ext4", at_root(&web.url("files/image").replace("localhost", "127.0.0.1")));
    let down = rooted(&bare, "ext4", at_root(&web.url("down/image")));
    let disks = [&bare];
    for (text, options, code, words) in [
        (&text, &[][..], exit::AUTHENTICATION, &["not trusted"][..]),
        (&other, &["--ca-file", authority], exit::AUTHENTICATION, &["not trusted"]),
        (&down, &["--ca-file", authority], exit::AUTHENTICATION, &["it leads to a server without TLS"]),
        (
            &text,
            &["--ca-file", "/no/such/file"],
            exit::REFUSED,
            &["cannot read the certificates", "/no/such/file"],
        ),
    ] {
        let options = [WITHOUT, options].concat();
        Refusal::of(&desk, &disks).with(&options).expect(text, code, words);
    }
    let _ = desk.provision(&text, &[WITHOUT, &["--ca-file", authority]].concat()).expect(exit::DONE);
    assert_deployed(&scratch.join("source"), &bare.mount(2));
}

#[test]
fn urls_lead_on_and_keep_their_secrets() {
    let images = Images::new();
    let raw = images.make(Kind::Ext4, 64);
    for path in ["moved/image", "signed/image?temp_url_sig=secret", "chunked/image"] {
        let (bare, desk) = (BareDisk::new(300), Desk::new());
        let text = rooted(&bare, "ext4", at_root(&images.web.url(path)));
        let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
        let told = format!("{}{:?}{:?}", ended.outcome, ended.receipt, ended.events);
        assert!(!told.contains("temp_url_sig"), "{told}");
        let shown = desk.look("plan", &text, WITHOUT);
        assert!(!format!("{shown}").contains("temp_url_sig"));
        assert_deployed(&images.source(), &bare.mount(2));
    }
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let text = rooted(&bare, "ext4", at_root(&format!("file://{}", raw.display())));
    let _ = desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_deployed(&images.source(), &bare.mount(2));
}

#[test]
fn the_proxy_of_the_environment_leads_there() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    let (proxy, bare) = (Proxy::new(), BareDisk::new(300));
    let through = |proxy: &Proxy| Desk::of(Program::deployer().with_variable("http_proxy", &proxy.url()));
    let text = rooted(&bare, "ext4", at_root(&images.web.url("files/image")));
    let closed = Proxy::answering("403 Forbidden");
    let (desk, disks) = (through(&closed), [&bare]);
    Refusal::of(&desk, &disks).with(WITHOUT).expect(
        &text,
        exit::NETWORK,
        &["the proxy does not lead there", "403"],
    );
    assert_eq!(closed.connections(), 1, "that would not change");
    let _ = through(&proxy).provision(&text, WITHOUT).expect(exit::DONE);
    assert!(proxy.connections() >= 2, "{}", proxy.connections());
    assert_deployed(&images.source(), &bare.mount(2));
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let (bare, desk) = (BareDisk::new(300), Desk::new());
    let url = format!("http://{}/image", listener.local_addr().expect("it is bound"));
    let options = [WITHOUT, &["--http-timeout", "1", "--http-retries", "1"]].concat();
    let disks = [&bare];
    let text = rooted(&bare, "ext4", at_root(&url));
    Refusal::of(&desk, &disks).with(&options).expect(&text, exit::NETWORK, &["timeout", "within reach"]);
}

#[test]
fn stopped_or_killed_while_it_writes_it_leaves_no_file_system_and_begins_anew() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    for signal in [Signal::KILL, Signal::TERM] {
        let (bare, desk) = (BareDisk::new(300), Desk::new());
        let text = rooted(&bare, "ext4", at_root(&images.web.url("slow/image")));
        let mut running = desk.start("provision", &text, WITHOUT);
        running.until("the image comes", || {
            desk.events()
                .iter()
                .any(|event| event["event"] == "progress" && event["bytes"].as_u64() > Some(2 * MIB))
        });
        running.signal(signal);
        match signal {
            Signal::TERM => drop(desk.end(running).expect(exit::STOPPED)),
            _ => drop(running.wait()),
        }
        assert_empty(&bare, 2);
        let again = rooted(&bare, "ext4", at_root(&images.web.url("files/image")));
        let _ = desk.provision(&again, WITHOUT).expect(exit::DONE);
        assert_deployed(&images.source(), &bare.mount(2));
    }
}

#[test]
fn what_mounts_hide_is_told() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    let (bare, desk) = (BareDisk::new(400), Desk::new());
    let volumes =
        [volume("/", "ext4", "100 MiB"), volume("/home", "ext4", "50 MiB"), volume("/srv", "ext4", "50 MiB")];
    let text = description("clean", &[at_root(&images.web.url("files/image"))], &[disk(&bare, &volumes)]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let warnings: Vec<&str> =
        ended.receipt()["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("files in /home"), "{warnings:?}");
    ended.says(&["the image has files in /home, where another file system is mounted"]);
}

#[test]
fn images_go_where_they_are_mounted() {
    let images = Images::new();
    let _ = images.make(Kind::Ext4, 64);
    let path = images.scratch.join("images").join("home");
    let _ = images::image(&path, Kind::Btrfs, 128, |root| fs::write(root.join("letter"), "dear").unwrap());
    let (bare, desk) = (BareDisk::new(700), Desk::new());
    let volumes = [volume("/", "ext4", "150 MiB"), volume("/home", "btrfs", "300 MiB")];
    let both =
        [at_root(&images.web.url("files/image")), image("system", &images.web.url("files/home"), "/home")];
    let text = description("clean", &both, &[disk(&bare, &volumes)]);
    let ended = desk.provision(&text, WITHOUT).expect(exit::DONE);
    assert_eq!(ended.receipt()["images"].as_array().map(Vec::len), Some(2));
    assert_eq!(bare.mount(3).text("/letter"), "dear");
    assert!(bare.mount(2).text("/etc/fstab").contains(&bare.uuid(3)));
}

/// What the image's own tools write when they install the boot loader.
const BOOT_LOADER: &[&str] = &["boot", "etc/default"];

fn fill(from: &Path, to: &Path, without: &str) {
    let mut all = from.as_os_str().to_owned();
    all.push("/");
    let exclude = format!("--exclude=/{without}/*");
    output(Command::new("rsync").args(["-aHAX", "--numeric-ids", &exclude]).arg(all).arg(to));
}

#[test]
fn debian_12_starts_from_its_images() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    os_tree::unpack(&source);
    fs::create_dir_all(source.join("boot/grub")).expect("memory is large enough");
    fs::create_dir_all(source.join("etc/default/grub.d")).expect("memory is large enough");
    // Of times within one second, rsync takes none for another.
    for directory in ["boot/grub", "boot", "etc/default/grub.d", "etc/default", "etc", ""] {
        let directory = fs::File::open(source.join(directory)).expect("it is there");
        directory.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000)).expect("root can set times");
    }
    let place = scratch.directory("images");
    let root = images::image(&place.join("root"), Kind::Ext4, 2000, |root| fill(&source, root, "var"));
    let var =
        images::image(&place.join("var"), Kind::Xfs, 700, |root| fill(&source.join("var"), root, "none"));
    let (root, var) = (packed(&root, Packing::By("zstd")), packed(&var, Packing::By("gzip")));
    let web = Web::serving(&place);
    let at = |path: &Path, target: &str| {
        let described = image("system", &web.url(&format!("files/{}", name(path))), target);
        with(described, "image_checksum", sum(path, "sha256sum").as_str())
    };
    let (bare, desk) = (BareDisk::new(4000), Desk::new());
    let volumes = [volume("/", "ext4", "2500 MiB"), volume("/var", "xfs", "remaining")];
    let mut text = description("clean", &[at(&root, "/"), at(&var, "/var")], &[disk(&bare, &volumes)]);
    text["deploy_data"] = json!({"kernel_params": "console=ttyS0,9600 quiet"});
    let ended = desk.provision_within(LIMIT, &text, &["--deploy-driver", "swift"]).expect(exit::DONE);
    assert_nothing_mounted(&[&bare]);
    assert_eq!(ended.receipt()["warnings"], json!([]));
    let tree = Mounted::new(&[(&bare, 2, "/"), (&bare, 3, "/var")]);
    assert_deployed_except(BOOT_LOADER, &source, &tree);
    let (root, var) = (bare.uuid(2), bare.uuid(3));
    let menu = tree.text("/boot/grub/grub.cfg");
    let linux = format!("root=UUID={root} ro console=ttyS0,9600 quiet");
    assert!(menu.contains(&linux), "{linux} was expected in\n{menu}");
    assert!(tree.text("/etc/fstab").contains(&format!("UUID={var} /var xfs defaults 0 0\n")));
    drop(tree);
    assert!(bare.head(440).windows(4).any(|bytes| bytes == b"GRUB"));
    output(Command::new("e2fsck").args(["-f", "-n"]).arg(bare.partition(2)));
    output(Command::new("xfs_repair").arg("-n").arg(bare.partition(3)));
}

#[test]
fn what_is_for_images_on_web_servers_is_for_nothing_else() {
    let (bare, desk) = (BareDisk::new(100), Desk::new());
    let text = rooted(&bare, "ext4", at_root("images::debian-12/"));
    let told = desk.look("plan", &text, &["--http-retries", "2"]).expect(exit::USAGE);
    assert!(told.stderr.contains("use --deploy-driver swift"), "{told}");
    let told = desk.look("configdrive", &text, &["--http-timeout", "2"]).expect(exit::USAGE);
    assert!(told.stderr.contains("there is no option --http-timeout here"), "{told}");
}
