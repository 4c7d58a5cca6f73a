//! The commands of a deployment, from where they read what they are told, and what they leave for programs.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;

use end_to_end::bare::{BareDisk, Mounted};
use end_to_end::deploy::{Desk, System, assert_deployed, description, disk, exit, find, image, volume, with};
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::snapshot::{Kind, Snapshot};
use serde_json::{Value, json};

const WITHOUT: &[&str] = &["--no-boot-loader"];

fn volumes() -> [Value; 3] {
    [
        with(volume("/", "ext4", "160 MiB"), "disk_label", "system"),
        volume("/usr", "ext4", "100 MiB"),
        volume("none", "swap", "remaining"),
    ]
}

/// A description of a machine that is not this one.
fn elsewhere() -> Value {
    let id = json!({"type": "name", "value": "sdzz"});
    let disk = json!({"type": "disk", "id": id, "size": "10 GiB", "volumes": volumes()});
    description("clean", &[image("system", "images.example::debian/", "/")], &[disk])
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_sound_description_is_told_by_anyone_on_any_machine() {
    let scratch = Scratch::with_size(256 << 10);
    let nobody = Program::deployer().for_nobody(scratch.path());
    let validate = |options: &[&str]| {
        nobody.invoke("validate", options).arg("--input-data").arg(elsewhere().to_string()).run().expect(0)
    };
    let told = validate(&[]);
    assert_eq!(told.stdout, "the description is sound: 1 disk, 3 file systems, 1 image, 1 system\n");
    assert_eq!(parse(&validate(&["--json"]).stdout), json!({"valid": true, "warnings": []}));
}

#[test]
fn all_mistakes_are_told_at_once_with_where_they_are() {
    let desk = Desk::new();
    let mut text = elsewhere();
    text["partitions_policy"] = json!("wipe");
    text["partitions"][0]["size"] = json!("10 parsecs");
    text["partitions"][0]["volumes"][1]["file_system"] = json!("zfs");
    text["images"][0].as_object_mut().unwrap().remove("image_pull_url");
    let paths = [
        "$.images[0]",
        "$.partitions[0].size",
        "$.partitions[0].volumes[1].file_system",
        "$.partitions_policy",
    ];
    let told = desk.look("validate", &text, &[]).expect(exit::DESCRIPTION);
    for path in paths {
        assert!(told.stderr.contains(&format!("  {path}: expected")), "{path} was expected\n{told}");
    }
    assert_eq!(told.stdout, "");
    let told = parse(&desk.look("validate", &text, &["--json"]).expect(exit::DESCRIPTION).stdout);
    assert_eq!(told["valid"], false);
    let mut found: Vec<&str> =
        told["problems"].as_array().unwrap().iter().map(|it| it["place"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, paths);
    assert!(
        find(&told["problems"], "place", "$.partitions_policy")["message"].as_str().unwrap().contains("wipe")
    );

    // Whatever would carry it out says the same.
    for command in ["plan", "provision", "partition"] {
        let told = desk.look(command, &text, &[]).expect(exit::DESCRIPTION);
        assert!(paths.iter().all(|path| told.stderr.contains(path)), "{told}");
    }
}

#[test]
fn the_schema_is_json_and_names_what_a_description_has() {
    let schema = parse(&Program::deployer().invoke("schema", &[]).run().expect(0).stdout);
    assert_eq!(schema["title"], "Deploy configuration");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let known = |value: &Value| value["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let keys =
        ["configdrive", "deploy_data", "image_deploy_flags", "images", "partitions", "partitions_policy"];
    assert_eq!(known(&schema), keys);
    assert_eq!(parse(&Program::deployer().invoke("schema", &["--data_driver=ironic"]).run().stdout), schema);
}

#[test]
fn old_spellings_and_standard_input_are_taken() {
    let (system, bare, desk) = (System::new(), BareDisk::new(400), Desk::new());
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes())]);
    let plan = desk.look("plan", &text, &["--no-boot-loader"]).expect(0).stdout;
    let file = desk.join("provision.json");
    let invoke = |options: &[&str]| Program::deployer().invoke("plan", &[WITHOUT, options].concat());
    let old = ["--data_driver", "ironic", "--deploy_driver", "rsync"];
    let from_file = invoke(&[&old[..], &["--input_data_file"]].concat()).arg(&file).run().expect(0);
    assert_eq!(from_file.stdout, plan);
    let from_line = invoke(&[&old[..], &["--input_data"]].concat()).arg(text.to_string()).run().expect(0);
    assert_eq!(from_line.stdout, plan);
    let input = || File::open(&file).unwrap();
    let from_input = invoke(&["--input-data-file", "-"]).input(input()).run().expect(0);
    assert_eq!(from_input.stdout, plan);
    for options in [["--data-driver", "nobody"], ["--deploy-driver", "nobody"]] {
        let told = invoke(&options).arg("--input-data-file").arg(&file).run().expect(1);
        assert!(told.stderr.contains("nobody"), "{told}");
    }
    let missing = invoke(&["--input-data-file", "/nonexistent"]).run().expect(exit::DESCRIPTION);
    assert!(missing.stderr.contains("/nonexistent"), "{missing}");
}

#[test]
fn what_is_left_for_programs_is_whole_and_nothing_else_is_said() {
    let (system, bare, desk) = (System::new(), BareDisk::new(400), Desk::new());
    let text = description("clean", &[system.image()], &[disk(&bare, &volumes())]);
    let (events, receipt) = (desk.join("events"), desk.join("receipt"));
    // A handle that children inherit.
    let handle: OwnedFd = rustix::io::dup(File::create(&events).unwrap()).unwrap();
    fs::write(desk.join("input"), text.to_string()).unwrap();
    let options = ["--no-boot-loader", "--quiet", "--input-data-file", "-", "--events"];
    let run = Program::deployer().invoke("provision", &options).arg(format!("fd:{}", handle.as_raw_fd()));
    let run = run.arg("--receipt").arg(&receipt).input(Stdio::from(File::open(desk.join("input")).unwrap()));
    let ended = desk.end(run.start()).expect(exit::DONE);
    assert_eq!((ended.outcome.stdout.as_str(), ended.outcome.stderr.as_str()), ("", ""));
    let tree = Mounted::new(&[(&bare, 2, "/"), (&bare, 3, "/usr")]);
    assert_deployed(&system.source(), &tree);
    drop(tree);

    let version = Program::deployer().invoke("--version", &[]).run().expect(0).stdout;
    let receipt = ended.receipt();
    assert_eq!(version.trim(), format!("deployer {}", receipt["deployer"].as_str().unwrap()));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(receipt),
        "arrays deployer disks error exit failed_step file_systems groups images kernel phases policy seconds \
         success version warnings"
    );
    assert_eq!(keys(&receipt["disks"][0]), "bytes laid_out node partitions");
    assert_eq!(keys(&receipt["disks"][0]["partitions"][0]), "bytes guid name node number start type_guid");
    assert_eq!(keys(&receipt["file_systems"][0]), "bytes file_system made mount node uuid");
    let image = &receipt["images"][0];
    assert_eq!(
        keys(image),
        "bytes_done complete entries entries_created entries_done entries_failed files_transferred image \
         literal_bytes matched_bytes messages received_bytes seconds sent_bytes target total_bytes \
         transferred_bytes tree url warnings"
    );
    let source = Snapshot::take(&system.source());
    let sizes: Vec<u64> = source
        .entries
        .values()
        .filter_map(|entry| match &entry.kind {
            Kind::File { size, .. } => Some(*size),
            _ => None,
        })
        .collect();
    let bytes: u64 = sizes.iter().sum();
    assert_eq!(
        (&image["entries"], &image["files_transferred"]),
        (&json!(source.entries.len()), &json!(sizes.len()))
    );
    assert_eq!((&image["transferred_bytes"], &image["literal_bytes"]), (&json!(bytes), &json!(bytes)));
    assert_eq!(
        (&image["tree"], &image["url"], &image["target"]),
        (&json!("system"), &json!(system.url()), &json!("/"))
    );
    assert!(
        image["received_bytes"].as_u64().unwrap() > bytes && image["sent_bytes"].as_u64().unwrap() > 0,
        "{image}"
    );

    // Not quiet: each step has a line.
    let loud = desk.provision(&text, WITHOUT).expect(exit::DONE);
    let steps = loud.steps().len();
    loud.says(&[
        &format!("[1/{steps}] take"),
        &format!("[{steps}/{steps}] write system:/etc/fstab"),
        "== copy image",
    ]);
    let told = desk.look("provision", &text, &["--no-boot-loader", "--events", "fd:999"]).expect(1);
    assert!(told.stderr.contains("cannot write events"), "{told}");
}
