//! A plan for people: each disk before and after, the file systems with what goes onto them, and the steps.

use std::fmt::Write;

use super::step::Step;
use super::{DiskPlan, FsPlan, Plan};
use crate::columns::Columns;
use crate::model::human;

/// The plan as text.
pub(crate) fn text(plan: &Plan) -> String {
    let mut text = format!(
        "policy {}, firmware {}\n",
        plan.policy,
        match plan.firmware {
            crate::machine::Firmware::Bios => "BIOS",
            crate::machine::Firmware::Uefi => "UEFI",
        }
    );
    for disk in &plan.disks {
        show_disk(&mut text, disk, plan);
    }
    text.push_str("\nFile systems\n");
    let mut columns = Columns::default();
    let head = ["on", "mount", "kind", "size", "needed", "capacity", "", "trees"].map(str::to_owned);
    columns.row(head);
    for file_system in &plan.file_systems {
        columns.row(row(file_system));
    }
    columns.write(&mut text);
    if plan.split_links > 0 {
        let _ = writeln!(text, "  hard links that cross mounts and become copies: {}", plan.split_links);
    }
    text.push_str("\nSteps\n");
    if plan.steps.is_empty() {
        text.push_str("  none\n");
    }
    let mut phase = None;
    for (number, step) in plan.steps.iter().enumerate() {
        if phase != Some(step.phase()) {
            let _ = writeln!(text, "  {}", step.phase());
        }
        phase = Some(step.phase());
        let _ = writeln!(text, "  {:>4}. {step}", number + 1);
    }
    let pulls = plan.steps.iter().any(|step| matches!(step, Step::Pull { .. }));
    let verdict = match plan.destroys() {
        false if !pulls => "Nothing is wiped, and no file is replaced.",
        true => "What is on the parts marked \"wiped\", \"made anew\" or \"overwritten\" will be lost.",
        false => "Nothing is wiped; files of the images replace those that differ.",
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

fn row(file_system: &FsPlan) -> [String; 8] {
    let spec = &file_system.spec;
    let offer = file_system.capacity;
    let (need, holds) = match file_system.need {
        Some(need) => (
            format!("{} in {}", human(need.bytes), inodes(need.inodes)),
            match offer.inodes {
                Some(inodes) => format!("{} and {}", human(offer.bytes), self::inodes(inodes)),
                None => human(offer.bytes),
            },
        ),
        None => (String::new(), String::new()),
    };
    [
        file_system.node.display().to_string(),
        spec.mount.as_ref().map_or("-".to_owned(), ToString::to_string),
        spec.kind.name().to_owned(),
        human(file_system.bytes),
        need,
        holds,
        fate(file_system).to_owned(),
        file_system.trees.join(", "),
    ]
}

fn fate(file_system: &FsPlan) -> &'static str {
    match (file_system.made, file_system.replaced) {
        (true, _) => "made anew",
        (false, true) => "overwritten",
        (false, false) => "kept",
    }
}

fn inodes(count: u64) -> String {
    format!("{count} inode{}", if count == 1 { "" } else { "s" })
}

fn show_disk(text: &mut String, disk: &DiskPlan, plan: &Plan) {
    let model = disk.model.as_ref().map_or(String::new(), |model| format!(", {model}"));
    let _ = writeln!(text, "\n{}, {}{model}", disk.node.display(), human(disk.bytes));
    if let Some(content) = &disk.content {
        let fate = if disk.laid_out { "wiped" } else { "kept" };
        let _ = writeln!(text, "  all of it: {content}, {fate}");
    }
    let mut columns = Columns::default();
    let old = |number: u32| disk.before.iter().find(|old| old.number == number);
    let last = disk.before.iter().map(|old| old.number).chain(disk.after.iter().map(|new| new.number)).max();
    for number in 1..=last.unwrap_or(0) {
        let before = old(number).map_or("-".to_owned(), |old| {
            let label = old.label.as_ref().map_or(String::new(), |label| format!(" {label:?}"));
            format!("{} {}{label}", human(old.length), old.content.as_deref().unwrap_or("unknown"))
        });
        let new = disk.after.iter().find(|new| new.number == number);
        let after = new.map_or("-".to_owned(), |new| format!("{} {}", human(new.length), new.name));
        if old(number).is_none() && new.is_none() {
            continue;
        }
        let fate = match new {
            _ if disk.laid_out && old(number).is_some() => "wiped",
            _ if disk.laid_out => "",
            Some(new) if let Some(file_system) = plan.file_systems.iter().find(|fs| fs.node == new.node) => {
                fate(file_system)
            }
            Some(new) if plan.steps.contains(&Step::WriteConfigDrive { node: new.node.clone() }) => {
                "overwritten"
            }
            _ => "kept",
        };
        columns.row([number.to_string(), before, "→".to_owned(), after, fate.to_owned()]);
    }
    columns.write(text);
}
