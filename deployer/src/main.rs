//! `deployer`: pulls operating system trees from rsync daemons.

mod cli;
mod console;
mod exit;
mod list;
mod password;
mod progress;
mod pull;
mod stats;
mod switches;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(exit) => exit.into(),
        Err(problem) => {
            console::complain(&problem.message);
            problem.exit.into()
        }
    }
}

fn run() -> Result<exit::Exit, exit::Problem> {
    match cli::parse()? {
        cli::Command::Pull(pull) => pull::run(pull),
        cli::Command::List(list) => list::run(list),
        cli::Command::Shown(exit) => Ok(exit),
    }
}
