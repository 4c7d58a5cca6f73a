//! Plans for machines that are written down instead of looked at. Arrays and groups, which not every kernel has, are
//! shown here as steps and commands.

mod clean;
mod facts;
mod images;
mod keeping;
mod partitions;
mod phases;
mod refusals;
mod show;
mod spans;
mod volumes;

use serde_json::{Value, json};

use super::facts::Facts;
use super::step::Phase;
use super::{Images, NoPlan, Plan, PlanOptions, Problems, build};
use crate::data::driver;
use crate::disk::tools;
use crate::model::{Description, MIB};
use facts::{as_described, content, empty};

/// Changes to a machine, and what differs after each.
type Cases<'a> = [(fn(&mut Facts), &'a [&'a str])];

const NOTHING: [&str; 0] = [];

/// What `provision` asks for.
const PROVISION: PlanOptions = PlanOptions {
    force: false,
    boot_loader: true,
    images: Images::Trees,
    phases: &[Phase::Partitioning, Phase::ConfigDrive, Phase::CopyImage, Phase::BootLoader],
};
const FORCED: PlanOptions = PlanOptions { force: true, ..PROVISION };

/// What a single phase asks for; as on the command line, the config drive has nothing to do with boot loaders.
fn alone(phase: &'static [Phase]) -> PlanOptions {
    let boot_loader = !phase.contains(&Phase::ConfigDrive);
    PlanOptions { force: false, boot_loader, images: Images::Trees, phases: phase }
}

/// A description of one system.
fn described(policy: &str, partitions: impl IntoIterator<Item = Value>) -> Description {
    let image = json!({"name": "os", "image_pull_url": "h::m/os/", "target": "/"});
    read(&json!({"partitions_policy": policy, "images": [image], "partitions": list(partitions)}))
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    values.into_iter().collect()
}

fn read(description: &Value) -> Description {
    let reading = driver("ironic").expect("there is such a driver").read(&description.to_string());
    reading.unwrap_or_else(|complaints| panic!("{complaints:?}")).description
}

/// A disk of 10 GiB.
fn disk(name: &str, volumes: impl IntoIterator<Item = Value>) -> Value {
    json!({"type": "disk", "id": {"type": "name", "value": name}, "size": "10 GiB", "volumes": list(volumes)})
}

fn partition(mount: &str, file_system: &str, size: &str) -> Value {
    json!({"type": "partition", "mount": mount, "file_system": file_system, "size": size})
}

/// A member of the mirror that has this mount.
fn raid(name: &str, mount: &str, file_system: &str, size: &str) -> Value {
    json!({"type": "raid", "name": name, "mount": mount, "file_system": file_system, "size": size})
}

fn pv(group: &str, size: &str) -> Value {
    json!({"type": "pv", "vg": group, "size": size})
}

fn vg(name: &str, volumes: impl IntoIterator<Item = Value>) -> Value {
    json!({"type": "vg", "id": name, "volumes": list(volumes)})
}

fn lv(name: &str, mount: &str, file_system: &str, size: &str) -> Value {
    json!({"type": "lv", "name": name, "mount": mount, "file_system": file_system, "size": size})
}

/// The same with another value of a key.
fn with(mut value: Value, key: &str, other: impl Into<Value>) -> Value {
    value[key] = other.into();
    value
}

fn plan(description: &Description, facts: &Facts, options: PlanOptions) -> Plan {
    build(description, facts, options).unwrap_or_else(|error| panic!("{error}"))
}

/// What a plan does: the commands of the steps that have any, and the others as they are shown.
fn done(plan: &Plan) -> Vec<String> {
    let mut done = Vec::new();
    for step in &plan.steps {
        match tools::commands(step).as_slice() {
            [] => done.push(step.to_string()),
            commands => done.extend(commands.iter().map(|command| format!("$ {command}"))),
        }
    }
    done
}

/// What differs from the description, one line each.
fn differences(description: &Description, facts: &Facts) -> Vec<String> {
    match build(description, facts, PROVISION) {
        Ok(_) => Vec::new(),
        Err(NoPlan::Differs(problems)) => lines(&problems),
        Err(refused) => panic!("{refused}"),
    }
}

/// Asserts that after each change of the machine this differs and nothing else.
#[track_caller]
fn assert_each_differs(description: &Description, machine: impl Fn() -> Facts, cases: &Cases<'_>) {
    for (change, expected) in cases {
        let mut facts = machine();
        change(&mut facts);
        assert_eq!(differences(description, &facts), *expected);
    }
}

/// Why it is refused, one line each.
fn refusals(description: &Description, facts: &Facts, options: PlanOptions) -> Vec<String> {
    match build(description, facts, options) {
        Err(NoPlan::Refused(problems)) => lines(&problems),
        Err(differs) => panic!("{differs}"),
        Ok(_) => Vec::new(),
    }
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.0.iter().map(|problem| format!("{}: {}", problem.place, problem.message)).collect()
}
