//! The events of a pull: JSON lines, whole whenever the process ends, that begin with a version and end with the
//! result.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use end_to_end::daemon::{Module, Plan};
use end_to_end::pair::Pair;
use end_to_end::random::Random;
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use rustix::process::Signal;
use serde_json::{Value, json};

fn fill(source: &Path) {
    fs::create_dir(source.join("dir")).expect("a new directory can be made");
    fs::write(source.join("dir/file"), b"some content\n").expect("memory is large enough");
    fs::write(source.join("large"), Random::new(3).bytes(200_000)).expect("memory is large enough");
    fs::write(source.join("odd\u{1b}[2J\n"), b"x").expect("memory is large enough");
    fs::hard_link(source.join("dir/file"), source.join("dir/other")).expect("a link can be made");
    symlink("dir/file", source.join("link")).expect("a link can be made");
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("events are written");
    assert!(text.ends_with('\n'), "the last line was expected to be whole: {text}");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let start = events.first().expect("events begin");
    assert_eq!((&start["event"], &start["version"]), (&json!("start"), &json!(1)), "{start}");
    let times: Vec<f64> =
        events.iter().map(|event| event["elapsed_seconds"].as_f64().expect("each has a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    events
}

struct Told {
    outcome: Outcome,
    events: Vec<Value>,
}

impl Told {
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }

    fn file(&self, name: &str) -> &Value {
        let found = self.of("file").find(|event| event["name"] == name);
        found.unwrap_or_else(|| panic!("{name} was expected in {:?}", self.events))
    }

    #[track_caller]
    fn result(&self, code: i32) -> &Value {
        assert_eq!(self.outcome.code(), code, "{}", self.outcome);
        let last = self.events.last().expect("events end");
        assert_eq!((&last["event"], &last["exit"]), (&json!("result"), &json!(code)), "{last}");
        assert_eq!((last["success"] == true, last["error"].is_null()), (code == 0, code == 0), "{last}");
        last
    }
}

fn pull(pair: &Pair, options: &[&str], url: &str) -> Told {
    let program = Program::deployer();
    let file: PathBuf = pair.scratch().join("events");
    let _ = fs::remove_file(&file);
    let option = format!("--events={}", file.display());
    let outcome = program.pull(&[options, &[&option]].concat(), url, &pair.destination(&program));
    Told { outcome, events: read(&file) }
}

#[test]
fn files_and_figures() {
    let pair = Pair::new(fill);
    let url = pair.daemon().url("tree/");
    let told = pull(&pair, &["-aH"], &url);
    let result = told.result(0);
    let phases: Vec<&Value> = told.of("phase").map(|event| &event["phase"]).collect();
    assert_eq!(phases, ["connect", "transfer"], "{:?}", told.events);
    let connected = told.of("connected").next().expect("it connected");
    assert_eq!(
        (&connected["protocol"], &connected["checksum"], &connected["incremental"]),
        (&json!(32), &json!("xxh128"), &json!(true))
    );
    let large = told.file("large");
    assert_eq!((&large["action"], &large["code"]), (&json!("received"), &json!(">f+++++++++")), "{large}");
    assert_eq!((&large["bytes"], &large["cached_bytes"]), (&json!(200_000), &json!(0)), "{large}");
    assert_eq!((&large["kind"], &large["size"]), (&json!("file"), &json!(200_000)), "{large}");
    let link = told.file("link");
    assert_eq!((&link["action"], &link["target"]), (&json!("made"), &json!("dir/file")), "{link}");
    assert_eq!(told.file("dir")["kind"], "directory");
    assert_eq!(told.file("odd\\#033[2J\\#012")["action"], "received");
    assert_eq!(told.of("file").filter(|event| event["action"] == "linked").count(), 1);
    assert_eq!(told.of("listed").next().map(|event| &event["entries"]), Some(&json!(7)));
    assert_eq!((&result["bytes"], &result["cached_bytes"]), (&json!(200_014), &json!(0)), "{result}");
    assert_eq!(
        (&result["created"]["files"], &result["created"]["symlinks"]),
        (&json!(4), &json!(1)),
        "{result}"
    );
    assert_eq!(told.of("destination").count(), 1, "{:?}", told.events);
    assert!(told.outcome.stdout.is_empty(), "{}", told.outcome);

    let told = pull(&pair, &["-aH"], &url);
    assert_eq!(told.of("file").count(), 0, "{:?}", told.events);
    assert_eq!(told.result(0)["bytes"], 0);
}

#[test]
fn what_was_here_does_not_travel() {
    let pair = Pair::new(fill);
    let url = pair.daemon().url("tree/");
    let _ = pull(&pair, &["-a"], &url).result(0);
    let mut content = fs::read(pair.source().join("large")).expect("it is there");
    content.extend_from_slice(b"more");
    fs::write(pair.source().join("large"), content).expect("memory is large enough");
    let told = pull(&pair, &["-a"], &url);
    let large = told.file("large");
    let bytes = |field: &str| large[field].as_u64().expect("it is a number");
    assert_eq!(bytes("bytes") + bytes("cached_bytes"), 200_004, "{large}");
    assert!(bytes("cached_bytes") > 190_000, "{large}");
    assert_eq!(told.result(0)["cached_bytes"], large["cached_bytes"]);
}

#[test]
fn what_is_the_same_comes_to_those_who_want_it() {
    let pair = Pair::new(fill);
    let url = pair.daemon().url("tree/");
    let _ = pull(&pair, &["-a"], &url).result(0);
    let told = pull(&pair, &["-a", "-ii"], &url);
    assert!(told.of("file").all(|event| event["action"] == "unchanged"), "{:?}", told.events);
    assert_eq!(told.of("file").count(), 7, "{:?}", told.events);
}

#[test]
fn failures_and_warnings() {
    let pair = Pair::new(fill);
    let module = Module::new("closed", &pair.source()).with("exclude = /nothing").with("uid = 65534");
    let daemon = Plan::new().serve(module).start();
    let set = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(pair.source().join("large"), set).expect("modes can be set");
    let told = pull(&pair, &["-r"], &daemon.url("closed/"));
    let result = told.result(23);
    assert!(told.of("failed").any(|event| event["server"] == true), "{:?}", told.events);
    assert!(told.of("skipped").any(|event| event["name"] == "link"), "{:?}", told.events);
    assert_eq!(result["listed"]["files"], 4, "{result}");
}

#[test]
fn refusals() {
    let pair = Pair::new(fill);
    let told = pull(&pair, &["-a"], &pair.daemon().url("nosuch/"));
    let result = told.result(5);
    assert!(result["error"].as_str().is_some_and(|text| text.contains("nosuch")), "{result}");
    let told = pull(&pair, &["-a"], "rsync://127.0.0.1:1/tree/");
    let _ = told.result(10);
    let told = pull(&pair, &["-a", "-I", "--size-only"], &pair.daemon().url("tree/"));
    let _ = told.result(1);
    let told = pull(&pair, &["-a", "--log-file=/nonexistent/x"], &pair.daemon().url("tree/"));
    let _ = told.result(11);
}

#[test]
fn listings_have_entries() {
    let pair = Pair::new(fill);
    let told = pull(&pair, &["-r", "--list-only"], &pair.daemon().url("tree/"));
    let result = told.result(0);
    assert_eq!(told.of("entry").count(), 7, "{:?}", told.events);
    assert_eq!(result["listed"]["files"], 4, "{result}");
}

/// Through a pipe that the caller opened.
#[test]
fn descriptors() {
    let pair = Pair::new(fill);
    let program = Program::deployer();
    let file = pair.scratch().join("events");
    let script = format!("exec 9>'{}'", file.display());
    let outcome = program.in_own_mounts(&script).pull(
        &["-a", "--events=fd:9"],
        &pair.daemon().url("tree/"),
        &pair.destination(&Program::deployer()),
    );
    let _ = Told { outcome, events: read(&file) }.result(0);
    let outcome = Program::deployer().pull(
        &["-a", "--events=fd:x"],
        &pair.daemon().url("tree/"),
        &pair.destination(&Program::deployer()),
    );
    assert!(outcome.expect(1).stderr.contains("fd:x"), "it is named");
}

/// A pull that goes on for long.
fn slow(pair: &Pair, kill: Signal) -> (Outcome, Vec<Value>) {
    fs::write(pair.source().join("zz"), Random::new(4).bytes(8 << 20)).expect("memory is large enough");
    let daemon = Plan::new().serve(Module::new("tree", &pair.source())).slow(400).start();
    let program = Program::deployer();
    let file = pair.scratch().join("events");
    let option = format!("--events={}", file.display());
    let mut running =
        program.pulling(&["-a", &option], &daemon.url("tree/"), &pair.destination(&program)).start();
    running.until("it tells how far it is", || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains("\"progress\""))
    });
    running.signal(kill);
    let outcome = running.wait();
    let events = read(&file);
    (outcome, events)
}

#[test]
fn a_signal_is_told() {
    let pair = Pair::new(fill);
    let (outcome, events) = slow(&pair, Signal::TERM);
    let progress = events.iter().find(|event| event["event"] == "progress").expect("it was told").clone();
    assert!(progress["bytes"].as_u64() <= progress["bytes_of"].as_u64(), "{progress}");
    assert!(progress["entries"].as_u64() <= progress["entries_of"].as_u64(), "{progress}");
    let _ = Told { outcome, events }.result(20);
}

#[test]
fn an_end_without_warning_leaves_whole_lines() {
    let pair = Pair::new(fill);
    let (outcome, events) = slow(&pair, Signal::KILL);
    assert_eq!(outcome.signal(), Some(9), "{outcome}");
    assert!(events.iter().all(|event| event["event"] != "result"), "{events:?}");
}
