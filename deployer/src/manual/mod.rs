//! `deployer man`: the manual, made of the command line as it is parsed, of the help behind it, and of what no help has
//! room for.

mod help;
mod page;
mod put;
mod sheet;
mod text;

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::cli;
use crate::exit::{Exit, Failure};

/// Prints the manual as one page, or writes a page for each command into a directory.
pub(crate) fn run(directory: Option<&Path>) -> Result<Exit, Failure> {
    let parser = page::ready(cli::parser());
    let (doing, result) = match directory {
        Some(directory) => ("write the manual", put::all(directory, &page::each(&parser))),
        None => {
            let written = io::stdout().lock().write_all(page::whole(&parser).as_bytes());
            // Whoever reads it may stop.
            let written = written.or_else(|error| match error.kind() {
                ErrorKind::BrokenPipe => Ok(()),
                _ => Err(error),
            });
            ("write to standard output", written)
        }
    };
    match result {
        Ok(()) => Ok(Exit::Success),
        Err(error) => Err(Failure { message: format!("cannot {doing}: {error}"), exit: Exit::LocalFiles }),
    }
}
