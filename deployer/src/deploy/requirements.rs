//! What a plan needs of this machine: programs, and what its kernel can do.

use std::collections::BTreeSet;

use super::Job;
use crate::command::{find, where_it_is};
use crate::disk::tools;
use crate::machine::modules;
use crate::model::FsKind;
use crate::mount;
use crate::plan::Problem;
use crate::plan::step::{Phase, Step};

/// Programs that are not here, with the packages that have them.
pub(super) fn missing_tools(job: &Job<'_>) -> Vec<Problem> {
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for command in job.plan.steps.iter().flat_map(tools::commands) {
        if find(command.program()).is_none() {
            missing.insert(command.program().to_string_lossy().into_owned());
        }
    }
    let problem = |name: String| {
        let message = format!("this program is missing{}", where_it_is(&name));
        Problem::new(name, message)
    };
    missing.into_iter().map(problem).collect()
}

/// What this kernel cannot do, as far as it can be seen.
pub(super) fn missing_in_kernel(job: &Job<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let kernel = "this kernel";
    let mounts = |phase| job.options.plan.wants(phase);
    if mounts(Phase::CopyImage) || mounts(Phase::BootLoader) {
        if let Err(error) = mount::rehearse() {
            problems.push(Problem::new(kernel, error.to_string()));
        }
        let mut kinds: Vec<FsKind> = Vec::new();
        for file_system in job.plan.file_systems.iter().filter(|plan| plan.spec.mount.is_some()) {
            let kind = file_system.spec.kind;
            if !kinds.contains(&kind) && mount::kernel_knows(kind) == Some(false) {
                let name = kind.name();
                problems.push(Problem::new(
                    kernel,
                    format!("it has no {name}, so nothing could be mounted; its module {name} is missing"),
                ));
            }
            kinds.push(kind);
        }
    }
    let any = |wanted: fn(&Step) -> bool| job.plan.steps.iter().any(wanted);
    let arrays = any(|step| matches!(step, Step::CreateArray { .. } | Step::AssembleArray { .. }));
    if arrays && !modules::has("/proc/mdstat", "[raid1]", &["md-mod", "raid1"], &job.stop) {
        problems.push(Problem::new(kernel, "it has no mirrors; its modules md-mod and raid1 are missing"));
    }
    let groups =
        any(|step| matches!(step, Step::CreateVolumeGroup { .. } | Step::ActivateVolumeGroup { .. }));
    if groups && !modules::has("/proc/misc", "device-mapper", &["dm-mod"], &job.stop) {
        problems.push(Problem::new(
            kernel,
            "it has no device mapper, which LVM needs; its module dm-mod is missing",
        ));
    }
    problems
}
