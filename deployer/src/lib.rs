//! What the program `deployer` consists of. The program is all that there is to use: nothing here is promised to anybody
//! but the fuzz targets, which read descriptions without a process around them.

mod boot;
mod boot_entry;
mod cli;
mod columns;
mod command;
mod completions;
mod confined;
mod console;
#[doc(hidden)]
pub mod data;
mod demo;
mod deploy;
mod disk;
mod events;
mod exit;
mod flags;
mod format;
mod http;
mod image;
mod init;
mod kmsg;
mod levels;
mod list;
mod listing;
mod logfile;
mod machine;
mod manual;
mod model;
mod mount;
mod numbers;
mod password;
mod plan;
mod progress;
mod provision;
mod pull;
mod report;
mod sandbox;
mod serve;
mod stats;
mod stop;
mod system;
mod terminal;
mod told;
mod ways;

use std::io::Write;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the program does.
pub fn main() -> ExitCode {
    match run() {
        Ok(exit) => exit.into(),
        Err(problem) => {
            console::complain(&problem.message);
            problem.exit.into()
        }
    }
}

/// As many as the deepest tree needs with the most alternate directories, twice.
const MOST_FILES: u64 = 16 * 1024;

/// A pull keeps many directories open; the usual limit on that is low for historical reasons only.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MOST_FILES, |maximum| maximum.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

fn run() -> Result<exit::Exit, exit::Failure> {
    raise_file_limit();
    if init::is_first() {
        return init::run();
    }
    match cli::parse()? {
        cli::Command::Init => init::run(),
        cli::Command::Demo => demo::run(),
        cli::Command::Pull(pull) => pull::run(pull),
        cli::Command::List(list) => list::run(list),
        cli::Command::Serve(serve) => serve::run(&serve),
        cli::Command::Deploy(deploy) => provision::run(&deploy),
        cli::Command::BootEntry(asked) => boot_entry::run(&asked),
        cli::Command::Schema(driver) => {
            let text = serde_json::to_string_pretty(&driver.schema()).expect("a schema is plain");
            let _ = writeln!(std::io::stdout().lock(), "{text}");
            Ok(exit::Exit::Success)
        }
        cli::Command::Manual(directory) => manual::run(directory.as_deref()),
        cli::Command::Completions(shell) => completions::run(shell),
        cli::Command::Text(text) => {
            let _ = write!(std::io::stdout().lock(), "{text}");
            Ok(exit::Exit::Success)
        }
        cli::Command::Shown(exit) => Ok(exit),
    }
}
