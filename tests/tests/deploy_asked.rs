//! What is refused before the first change for the sake of what was asked for: how the program was called, the
//! description, the servers that it names, and the config drive.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use end_to_end::bare::BareDisk;
use end_to_end::daemon::{Module, Plan};
use end_to_end::deploy::{Desk, System, description, disk, exit, image, plant, volume, with, write};
use end_to_end::refusal::Refusal;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use serde_json::{Value, json};

const PASSWORD: &str = "open sesame 42";

fn whole(bare: &BareDisk) -> Value {
    disk(bare, &[volume("/", "ext4", "remaining")])
}

fn from(url: &str, bare: &BareDisk) -> Value {
    description("clean", &[image("system", url, "/")], &[whole(bare)])
}

#[test]
fn a_server_that_is_not_there_is_worth_another_try() {
    let (desk, bare) = (Desk::new(), BareDisk::new(200));
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all);
    // The port of the TCP multiplexer, which nobody has and no ephemeral port can be.
    for (url, words) in [
        ("rsync://127.0.0.1:1/tree/", "cannot connect to 127.0.0.1:1"),
        ("rsync://no-such-host.invalid/tree/", "cannot find no-such-host.invalid"),
    ] {
        refusal.expect(&from(url, &bare), exit::NETWORK, &[&format!("the image {url}: {words}")]);
    }
    for greeting in ["", "@RSYNCD: 31.0 sha512 md5 md4\n", "@RSYNCD: 31.0 sha512 md5 md4\n@RSYNCD: OK\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let hangs_up = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            stream.write_all(greeting.as_bytes()).expect("a greeting can be sent");
        });
        let url = format!("rsync://{address}/tree/");
        refusal.expect(&from(&url, &bare), exit::NETWORK, &[&format!("the image {url}: ")]);
        hangs_up.join().expect("a greeting was expected");
    }
}

#[test]
fn a_server_with_too_many_guests_is_worth_another_try() {
    let (system, scratch, desk, bare) = (System::new(), Scratch::new(), Desk::new(), BareDisk::new(200));
    // A negative number has all turned away, in the words for too many.
    let module = Module::new("tree", &system.source()).with("max connections = -1");
    let module = module.with(&format!("lock file = {}", scratch.join("lock").display()));
    let daemon = Plan::new().serve(module).start();
    let text = from(&daemon.url("tree/"), &bare);
    Refusal::of(&desk, &[&bare]).expect(&text, exit::NETWORK, &["max connections", "try again later"]);
}

#[test]
fn an_image_that_the_server_does_not_give_is_refused() {
    let (scratch, desk, bare) = (Scratch::new(), Desk::new(), BareDisk::new(200));
    let source = scratch.directory("source");
    plant(&source);
    fs::set_permissions(source.join("var/log"), Permissions::from_mode(0o700)).unwrap();
    let nobody = Module::new("partly", &source).with("uid = 65534").with("gid = 65534");
    let gone = Module::new("gone", &scratch.join("no-such-directory"));
    let daemon = Plan::new().serve(Module::new("tree", &source)).serve(nobody).serve(gone).start();
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all);
    for (rest, words) in [
        ("other/", &["Unknown module 'other'"][..]),
        ("gone/", &["chdir failed"]),
        ("tree/no/such/place/", &["/no/such/place", "No such file or directory"]),
        ("partly/", &["var/log", "Permission denied"]),
    ] {
        let url = daemon.url(rest);
        let ended = refusal.expect(&from(&url, &bare), exit::IMAGE, words);
        ended.says(&[&format!("the image {url}: ")]);
    }
}

#[test]
fn without_the_right_password_nothing_is_touched() {
    let (system, scratch, desk, bare) = (System::new(), Scratch::new(), Desk::new(), BareDisk::new(200));
    let secrets = scratch.file("secrets", &format!("alice:{PASSWORD}\n"), 0o600);
    let module = Module::new("tree", &system.source()).with("auth users = alice");
    let daemon = Plan::new().serve(module.with(&format!("secrets file = {}", secrets.display()))).start();
    let file = |name: &str, content: &str, mode| scratch.file(name, content, mode).display().to_string();
    let right = file("right", &format!("{PASSWORD}\n"), 0o600);
    let open = file("open", &format!("{PASSWORD}\n"), 0o604);
    let wrong = file("wrong", "close sesame 43\n", 0o600);
    let empty = file("empty", "", 0o600);
    let nowhere = scratch.join("nowhere").display().to_string();
    let describe = |user: &str, password: Option<&str>| {
        let mut text = from(&daemon.url_as(user, "tree/"), &bare);
        if let Some(path) = password {
            text["image_deploy_flags"]["rsync_flags"] = json!(format!("-a --password-file={path}"));
        }
        text
    };
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all);
    for (user, password, words) in [
        ("alice", Some(wrong.as_str()), "did not accept user and password"),
        ("mallory", Some(&right), "did not accept user and password"),
        ("alice", None, "--password-file or RSYNC_PASSWORD"),
        ("alice", Some(&open), &format!("is open to others; take that away with: chmod o-rw {open}")),
        ("alice", Some(&empty), &format!("there is no password in {empty}")),
        ("alice", Some(&nowhere), &format!("cannot open the password file {nowhere}")),
    ] {
        let ended = refusal.expect(&describe(user, password), exit::AUTHENTICATION, &[words]);
        let told = format!("{}{}{:?}{:?}", ended.outcome, ended.outcome.stderr, ended.events, ended.receipt);
        let secret = [PASSWORD, "close sesame 43"].into_iter().find(|secret| told.contains(secret));
        assert_eq!(secret, None, "no password was expected in what is told: {told}");
    }
    let plan = desk.look("plan", &describe("alice", Some(&right)), &["--no-boot-loader"]).expect(exit::DONE);
    assert!(!plan.stdout.contains(PASSWORD) && !plan.stderr.contains(PASSWORD), "{plan}");
}

#[test]
fn a_config_drive_that_cannot_be_made_is_refused() {
    let (system, scratch, desk, bare) = (System::new(), Scratch::new(), Desk::new(), BareDisk::new(300));
    let large = scratch.directory("large");
    write(&large, "openstack/latest/meta_data.json", b"{}");
    File::create(large.join("openstack/latest/user_data")).unwrap().set_len(65 << 20).unwrap();
    let image = scratch.join("image");
    File::create(&image).unwrap().set_len((64 << 20) + 1).unwrap();
    let missing = scratch.join("missing");
    let text = description("clean", &[system.image()], &[whole(&bare)]);
    let all = [&bare];
    let refusal = Refusal::of(&desk, &all);
    let away = with(text.clone(), "configdrive", "http://127.0.0.1:1/config-2.gz?secret");
    let ended = refusal.expect(&away, exit::NETWORK, &["cannot fetch the config drive", "within reach"]);
    assert!(!ended.outcome.stderr.contains("secret"), "{}", ended.outcome);
    let place = |path: &std::path::Path| path.display().to_string();
    for (drive, words) in [
        (place(&missing), &["cannot look at", "missing", "No such file or directory"][..]),
        (place(&scratch.directory("empty")), &["there is no file in", "meta_data.json"]),
        (place(&large), &["more than 64 MiB", "take out what the first boot does not need"]),
        (place(&image), &["more than 64 MiB as it came"]),
        ("H4sIAAAAAAAAA!".to_owned(), &["is not base64", "gzip -c IMAGE | base64"]),
        ("H4sIAAAAAAAAAwEAAAD//w==".to_owned(), &["its gzip data are damaged or incomplete"]),
    ] {
        let text = with(text.clone(), "configdrive", drive);
        let ended = refusal.expect(&text, exit::REFUSED, words);
        ended.says(&["not ready; nothing was changed\n  $.configdrive: "]);
        assert!(!ended.outcome.stderr.contains("secret"), "{}", ended.outcome);
    }
}

/// A description with a mistake in each of its parts, with what is said about each.
fn mistaken() -> (String, Vec<&'static str>) {
    let text = json!({
        "partitions_policy": "keep",
        "images": [{"name": "debian", "boot": "yes", "image_pull_url": "debian", "target": "/"}],
        "image_deploy_flags": {"rsync_flags": "-an"},
        "partitions": [
            {"type": "disk", "id": {"type": "name", "value": "sda"}, "size": "10 XB", "volumes": [
                {"type": "partition", "mount": "/", "file_system": "ntfs", "size": "4 GiB"},
                {"type": "partition", "mount": "var", "fileSystem": "xfs", "size": "120%"},
                {"type": "pv", "size": "remaining"},
            ]},
        ],
    });
    let complaints = vec![
        "$.partitions_policy: expected one of \"verify\", \"clean\", \"nailgun_legacy\", found \"keep\"",
        "$.images[0].boot: expected true or false, found \"yes\"",
        "$.images[0].image_pull_url: expected rsync:HOST::module/path",
        "$.image_deploy_flags.rsync_flags: ",
        "$.partitions[0].size: ",
        "$.partitions[0].volumes[0].file_system: expected one of \"ext2\", \"ext3\", \"ext4\"",
        "$.partitions[0].volumes[1].mount: expected an absolute path",
        "$.partitions[0].volumes[1].fileSystem: there is no such key; did you mean \"file_system\"?",
        "$.partitions[0].volumes[1].size: ",
        "$.partitions[0].volumes[2]: expected the key \"vg\"",
    ];
    (text.to_string(), complaints)
}

#[test]
fn all_mistakes_of_a_description_are_told_wherever_it_comes_from() {
    let (text, complaints) = mistaken();
    let scratch = Scratch::new();
    let file = scratch.file("provision.json", &text, 0o644);
    let program = Program::deployer();
    for command in ["provision", "plan", "validate"] {
        let run = |options: &[&str]| program.invoke(command, options);
        let runs = [
            run(&["--input-data-file"]).arg(&file),
            run(&["--input-data-file", "-"]).input(File::open(&file).unwrap()),
            run(&["--input-data"]).arg(&text),
            run(&["--data_driver", "ironic", "--input_data"]).arg(&text),
        ];
        let told: Vec<Outcome> = runs.map(|run| run.run().expect(exit::DESCRIPTION)).to_vec();
        for outcome in &told {
            assert!(outcome.stderr.contains("the description is wrong"), "{outcome}");
            let lines: Vec<&str> =
                outcome.stderr.lines().map(str::trim).filter(|line| line.starts_with('$')).collect();
            for complaint in &complaints {
                let found = lines.iter().any(|line| line.starts_with(complaint));
                assert!(found, "{complaint:?} was expected in\n{outcome}");
            }
            assert_eq!(lines.len(), complaints.len(), "one line for each mistake was expected\n{outcome}");
            assert_eq!(outcome.stderr, told[0].stderr);
        }
    }
    let missing = scratch.join("missing.json");
    let outcome =
        program.invoke("plan", &["--input-data-file"]).arg(&missing).run().expect(exit::DESCRIPTION);
    assert!(outcome.stderr.contains(&missing.display().to_string()), "{outcome}");
}

#[test]
fn only_root_deploys() {
    let (scratch, bare) = (Scratch::new(), BareDisk::new(200));
    let text = from("rsync://127.0.0.1:1/tree/", &bare).to_string();
    let program = Program::deployer().for_nobody(scratch.path());
    for (command, options) in [("provision", &["--force"][..]), ("plan", &[])] {
        let outcome = program.invoke(command, options).arg("--input-data").arg(&text).run();
        let outcome = outcome.expect(exit::REFUSED);
        assert!(outcome.stderr.contains("only root can look at disks and change them"), "{outcome}");
    }
    // The description alone is checked by anybody.
    let _ = program.invoke("validate", &["--input-data"]).arg(&text).run().expect(exit::DONE);
}

#[test]
fn what_was_typed_has_to_make_sense() {
    let bare = BareDisk::new(200);
    let text = from("rsync://127.0.0.1:1/tree/", &bare).to_string();
    let before = bare.sum();
    for (options, words) in [
        (&["--json"][..], &["--dry-run"][..]),
        (&["--deploy-driver", "swift2"], &["swift2", "--deploy-driver"]),
        (&["--data-driver", "nailgun"], &["nailgun", "--data-driver"]),
        (&["--input-data-file", "x"], &["--input-data-file", "cannot be used with"]),
        (&["--forced"], &["--forced"]),
        (&["--events", "fd:x"], &["fd:N"]),
    ] {
        let run = Program::deployer().invoke("provision", options).arg("--input-data").arg(&text);
        let outcome = run.run().expect(exit::USAGE);
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{words:?} in\n{outcome}");
    }
    assert_eq!(bare.sum(), before);
}
