//! Carries out the commands of a deployment.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::deploy::{Action, Deploy, Input};
use crate::data::Reading;
use crate::deploy::{DeployDriver, DeployError, Job};
use crate::exit::{Exit, Problem};
use crate::plan::show;
use crate::plan::step::Phase;
use crate::report::Reporter;
use crate::stop::Stop;

/// How long work may take to end after a signal: what was written has to reach the disks.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest description, in bytes: a config drive may be part of it.
const LARGEST: u64 = 128 << 20;

/// Carries out what was typed.
pub(crate) fn run(deploy: &Deploy) -> Result<Exit, Problem> {
    let reporter = Reporter::new(deploy.quiet, deploy.events.as_deref())
        .map_err(|error| Problem::usage(format!("cannot write events: {error}")))?;
    let reporter = Arc::new(reporter);
    let result = carry_out(deploy, &reporter);
    match &result {
        Ok(()) => reporter.result(0, None),
        Err(error) => reporter.result(error.exit().code(), Some(&error.to_string())),
    }
    result.map(|()| Exit::Success).map_err(Problem::from)
}

fn carry_out(deploy: &Deploy, reporter: &Arc<Reporter>) -> Result<(), DeployError> {
    let Reading { description, warnings } = read(deploy)?;
    for warning in warnings {
        reporter.warn(&warning.to_string());
    }
    if deploy.action == Action::Validate {
        return validate(deploy, &description);
    }
    let stop = Stop::on_signals(PATIENCE);
    let driver = deploy.deploy_driver;
    let lock = deploy.action == Action::Execute;
    let mut job = Job::prepare(driver, &description, &deploy.asked, lock, Arc::clone(reporter), stop)?;
    if deploy.action == Action::Plan {
        let text = match deploy.json {
            true => serde_json::to_string_pretty(&job.plan).expect("a plan is plain") + "\n",
            false => show::text(&job.plan),
        };
        let _ = io::stdout().lock().write_all(text.as_bytes());
        return Ok(());
    }
    let result = execute(driver, &mut job, &deploy.asked.phases);
    if let Some(path) = &deploy.receipt {
        let (exit, message) = match &result {
            Ok(()) => (0, None),
            Err(error) => (error.exit().code(), Some(error.to_string())),
        };
        if let Err(error) = job.receipt.write(path, exit, message.as_deref()) {
            reporter.warn(&format!("cannot write the receipt to {}: {error}", path.display()));
        }
    }
    result?;
    reporter.note(&job.receipt.summary());
    drop(job);
    if deploy.reboot { driver.reboot() } else { Ok(()) }
}

fn execute(driver: &dyn DeployDriver, job: &mut Job<'_>, phases: &[Phase]) -> Result<(), DeployError> {
    if phases.len() > 1 {
        return driver.provisioning(job);
    }
    // Disks that are laid out are made usable by a step of that phase.
    driver.partitioning(job)?;
    match phases {
        [Phase::ConfigDrive] => driver.config_drive(job),
        [Phase::CopyImage] => driver.copy_image(job),
        [Phase::BootLoader] => driver.boot_loader(job),
        _ => Ok(()),
    }
}

fn read(deploy: &Deploy) -> Result<Reading, DeployError> {
    let unreadable = |place: &str| {
        let place = place.to_owned();
        move |source| DeployError::Unreadable { place, source }
    };
    let text = match &deploy.input {
        Input::Text(text) => text.clone(),
        Input::File(path) if path == Path::new("-") => {
            read_all(io::stdin().lock()).map_err(unreadable("standard input"))?
        }
        Input::File(path) => {
            let file = fs::File::open(path).map_err(unreadable(&path.display().to_string()))?;
            read_all(file).map_err(unreadable(&path.display().to_string()))?
        }
    };
    deploy.data_driver.read(&text).map_err(DeployError::Description)
}

fn read_all(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn validate(deploy: &Deploy, description: &crate::model::Description) -> Result<(), DeployError> {
    let unfit = crate::deploy::unfit(deploy.deploy_driver, description);
    if !unfit.is_empty() {
        return Err(DeployError::NotReady(crate::plan::Problems(unfit)));
    }
    let text = match deploy.json {
        true => "{\"valid\": true}\n".to_owned(),
        false => {
            let count =
                |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
            let parts = [
                count(description.disks.len(), "disk"),
                count(description.file_systems().count(), "file system"),
                count(description.images.len(), "image"),
                count(description.systems().count(), "system"),
            ];
            format!("the description is sound: {}\n", parts.join(", "))
        }
    };
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}
