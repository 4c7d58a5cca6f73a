//! The first process of a ramdisk: makes a machine of it in which a deployment can run, fetches the description that the
//! kernel's command line names, and deploys.
//!
//! The deployment is a child. Whatever becomes of it, the machine is left with somebody who says what happened. Nobody waits
//! for processes that lose their parents: the programs of a deployment end with it.

mod address;
mod description;
mod dhcp;
mod ending;
mod error;
mod modules;
mod mounts;
mod network;
mod parameters;

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;

use rustix::system::{RebootCommand, reboot};

use self::error::InitError;
use self::parameters::{Ends, Parameters};
use crate::command::Command;
use crate::console::complain;
use crate::exit::{Exit, Failure};
use crate::kmsg::KernelLog;

pub(crate) use self::parameters::TABLE;

/// This program, whatever it is called.
const OWN: &str = "/proc/self/exe";

/// Whether this is the first process, started by the kernel as `init`.
pub(crate) fn is_first() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    rustix::process::getpid().is_init() && Path::new(&name).file_name() == Some("init".as_ref())
}

/// Is the first process. Does not return, but to refuse to be it.
pub(crate) fn run() -> Result<Exit, Failure> {
    if !rustix::process::getpid().is_init() {
        return Err(Failure::usage(
            "init is for the first process of a ramdisk; on a system that runs, use `deployer provision`",
        ));
    }
    let mut prepared = prepare();
    loop {
        let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
        let words = parameters::words(&line);
        let ends = Ends::of(&words);
        match prepared.and_then(|()| attempt(words)) {
            Ok(()) => {
                tell("deployed");
                ending::end(ends.then);
            }
            Err(error) => {
                tell(&error.to_string());
                ending::after_failure(ends.on_failure);
            }
        }
        // Somebody wants it again, and may have mended something.
        prepared = prepare();
    }
}

/// Says something, to whoever is at the console and to the kernel's log.
fn tell(message: &str) {
    complain(message);
    if let Some(log) = KernelLog::open() {
        log.write(message);
    }
}

/// What comes before everything else; what is done already does no harm.
fn prepare() -> Result<(), InitError> {
    let mounted = mounts::mount_all();
    mounts::open_console();
    // Otherwise the kernel drops what one process says in many lines.
    let _ = fs::write("/proc/sys/kernel/printk_devkmsg", "on\n");
    // A machine that is half deployed is not restarted by a keyboard.
    let _ = reboot(RebootCommand::CadOff);
    mounted?;
    tell(concat!("version ", env!("CARGO_PKG_VERSION"), ", the first process of this ramdisk"));
    modules::load_all();
    mounts::mount_variables();
    Ok(())
}

/// Deploys, in a thread of its own: the kernel gives up when the first process ends, however that comes about.
fn attempt(words: Vec<String>) -> Result<(), InitError> {
    let thread = thread::Builder::new().name("deployment".into()).spawn(move || deploy(&words));
    thread.map_err(InitError::system("start", "a thread"))?.join().unwrap_or(Err(InitError::Panic))
}

fn deploy(words: &[String]) -> Result<(), InitError> {
    let parameters = Parameters::read(words).map_err(InitError::Parameters)?;
    network::bring_up(&parameters.network)?;
    // A link to itself would be that of the child.
    let own = fs::read_link(OWN).map_err(InitError::system("find", OWN))?;
    let description = description::fetch(&parameters, &own)?;
    let status = provision(&parameters, &own, &description)?;
    match status.success() {
        true => Ok(()),
        false => Err(InitError::Failed { what: "the deployment", status }),
    }
}

fn provision(parameters: &Parameters, own: &Path, description: &Path) -> Result<ExitStatus, InitError> {
    let mut command = Command::new(own).arg("provision").arg("--input-data-file").arg(description);
    for (option, value) in [("--deploy-driver", &parameters.driver), ("--events", &parameters.events)] {
        if let Some(value) = value {
            command = command.arg(option).arg(value);
        }
    }
    if let Some(path) = &parameters.ca_file {
        command = command.arg("--ca-file").arg(path);
    }
    Ok(command.args(&parameters.options).attended()?)
}
