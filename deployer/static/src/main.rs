//! `deployer` for a ramdisk. It is a package of its own since the last, common optimisation goes by the level of the package
//! that holds `main`: at that of `deployer`, which is for size, loops over the content of files would take three times as long.

use std::process::ExitCode;

fn main() -> ExitCode {
    deployer::main()
}
