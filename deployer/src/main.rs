//! `deployer`: lays out disks and pulls operating system trees onto them from rsync daemons.

use std::process::ExitCode;

fn main() -> ExitCode {
    deployer::main()
}
