//! Carries out the commands of a deployment.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cli::deploy::{Action, Deploy, Input};
use crate::data::{Complaint, Reading};
use crate::deploy::{DeployError, Job, Receipt};
use crate::exit::{Exit, Failure};
use crate::model::{Description, Policy};
use crate::plan::{Images, NoPlan, Problems, show};
use crate::report::Reporter;
use crate::stop::Stop;

/// How long work may take to end after a signal: what was written has to reach the disks.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest description, in bytes: a config drive may be part of it.
const LARGEST: u64 = 128 << 20;

/// Carries out what was typed.
pub(crate) fn run(deploy: &Deploy) -> Result<Exit, Failure> {
    if deploy.deploy_driver.images() == Images::Trees && !deploy.options.web.asks_as_usual() {
        let message = "--http-timeout and --http-retries are about images on web servers; leave them out, or use \
                       --deploy-driver swift";
        return Err(Failure::usage(message));
    }
    let reporter = Reporter::new(deploy.quiet, deploy.events.as_deref()).map_err(|error| {
        let to = deploy.events.as_deref().unwrap_or_default();
        Failure::usage(format!("cannot write events to {to}: {error}"))
    })?;
    let reporter = Arc::new(reporter);
    let mut receipt = Receipt::new();
    if let Some(path) = &deploy.receipt {
        receipt.begin(path).map_err(|error| {
            let message = format!("cannot write the receipt to {}: {error}", path.display());
            reporter.result(Exit::Usage.code(), Some(&message));
            Failure::usage(message)
        })?;
    }
    let mut changed = None;
    let result = carry_out(deploy, &reporter, &mut receipt, &mut changed);
    let (exit, message) = match &result {
        Ok(()) => (Exit::Success, None),
        Err(error) => (error.exit(), Some(with_consequence(deploy.action, changed, error))),
    };
    if let Some(path) = &deploy.receipt
        && let Err(error) = receipt.write(path, exit.code(), message.as_deref())
    {
        reporter.warn(&format!("cannot write the receipt to {}: {error}", path.display()));
    }
    // After a restart nobody writes anything.
    reporter.result(exit.code(), message.as_deref());
    if deploy.json
        && let Err(error) = &result
    {
        tell(deploy.action, error, exit);
    }
    if let Some(message) = message {
        return Err(Failure { message, exit });
    }
    if deploy.reboot {
        deploy.deploy_driver.reboot()?;
    }
    Ok(exit)
}

/// A failure, with what it has left behind and what to do.
fn with_consequence(action: Action, changed: Option<Policy>, error: &DeployError) -> String {
    let text = error.to_string();
    let again = match changed {
        None if action == Action::Validate || action == Action::Reboot => return text,
        None => {
            return match text.split_once('\n') {
                Some((head, rest)) => format!("{head}; nothing was changed\n{rest}"),
                None => format!("{text}; nothing was changed"),
            };
        }
        Some(Policy::Clean) => "begins anew",
        Some(Policy::Verify | Policy::NailgunLegacy) => "goes on",
    };
    let mend = if error.exit() == Exit::Stopped { "" } else { "when that is mended, " };
    format!(
        "{text}\nthe disks were changed and the deployment is not complete; {mend}the same command {again}"
    )
}

/// Whoever asked for JSON reads standard output, also for what is wrong.
fn tell(action: Action, error: &DeployError, exit: Exit) {
    let mut told = json!({"success": false, "exit": exit.code(), "error": error.to_string(), "problems": error.problems()});
    if action == Action::Validate {
        told["valid"] = false.into();
    }
    let _ = writeln!(io::stdout().lock(), "{told:#}");
}

/// `changed` becomes the policy once something has been changed.
fn carry_out(
    deploy: &Deploy,
    reporter: &Arc<Reporter>,
    receipt: &mut Receipt,
    changed: &mut Option<Policy>,
) -> Result<(), DeployError> {
    if deploy.action == Action::Reboot {
        return before_reboot(deploy);
    }
    let Reading { description, warnings } = read(deploy)?;
    for warning in warnings.iter().map(ToString::to_string) {
        reporter.warn(&warning);
        receipt.warnings.push(warning);
    }
    if deploy.action == Action::Validate {
        return validate(deploy, &description, &warnings);
    }
    let last_words = Arc::clone(reporter);
    let stop = Stop::on_signals(PATIENCE, move || {
        last_words.result(Exit::Stopped.code(), Some("stopped by a signal, with work that does not end"));
    });
    let driver = deploy.deploy_driver;
    let lock = deploy.action == Action::Execute;
    let reporter = Arc::clone(reporter);
    let mut job = Job::prepare(driver, &description, &deploy.options, lock, reporter, receipt, stop)?;
    if deploy.action == Action::Plan {
        let text = match deploy.json {
            true => serde_json::to_string_pretty(&job.plan).expect("a plan is plain") + "\n",
            false => show::text(&job.plan),
        };
        let _ = io::stdout().lock().write_all(text.as_bytes());
        return Ok(());
    }
    // The plan has the steps of the wanted phases only.
    let result = driver.provisioning(&mut job);
    *changed = job.changed.then_some(description.policy);
    result?;
    if job.plan.steps.is_empty() {
        job.reporter.note("there was nothing to do: nothing is described that this phase would carry out");
    }
    job.reporter.note(&job.receipt.summary());
    Ok(())
}

/// A description that was named is looked at as in every other phase; that in the default place need not be there any more.
fn before_reboot(deploy: &Deploy) -> Result<(), DeployError> {
    if !matches!(deploy.input, Input::Default(_)) {
        read(deploy)?;
    }
    if deploy.dry_run {
        let _ = writeln!(io::stdout().lock(), "the machine would be restarted");
    }
    Ok(())
}

fn read(deploy: &Deploy) -> Result<Reading, DeployError> {
    let unreadable = |place: &str| {
        let place = place.to_owned();
        move |source| DeployError::Unreadable { place, source }
    };
    let from_file = |path: &Path, trusted: bool| {
        let file = fs::File::open(path)?;
        let owner = file.metadata()?;
        // Everybody may put a file into the default place, and root would do what it says.
        if trusted && (owner.uid() != 0 || owner.mode() & 0o022 != 0) {
            return Err(io::Error::other(
                "it is not root's alone; name it with --input-data-file if it is meant",
            ));
        }
        read_all(file)
    };
    let text = match &deploy.input {
        Input::Text(text) => text.clone(),
        Input::File(path) if path == Path::new("-") => {
            read_all(io::stdin().lock()).map_err(unreadable("standard input"))?
        }
        Input::File(path) => from_file(path, false).map_err(unreadable(&path.display().to_string()))?,
        Input::Default(path) => {
            let place = format!("{} (no other is named by --input-data-file)", path.display());
            from_file(path, true).map_err(unreadable(&place))?
        }
    };
    deploy.data_driver.read(&text).map_err(DeployError::Description)
}

fn read_all(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LARGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LARGEST {
        true => Err(io::Error::other(format!("it is larger than {}", crate::model::human(LARGEST)))),
        false => Ok(text),
    }
}

fn validate(deploy: &Deploy, description: &Description, warnings: &[Complaint]) -> Result<(), DeployError> {
    let unfit = crate::deploy::unfit(deploy.deploy_driver, description);
    if !unfit.is_empty() {
        return Err(NoPlan::Refused(Problems(unfit)).into());
    }
    let text = match deploy.json {
        true => {
            let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            format!("{:#}\n", json!({"valid": true, "warnings": warnings}))
        }
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
