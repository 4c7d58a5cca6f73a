//! What was typed.

pub(crate) mod deploy;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Location;

use crate::data::DataDriver;
use crate::exit::{Exit, Failure, TABLE};
use crate::flags::output::{self, Asked, Output};
use crate::flags::{self, unknown};
use crate::model::PullOptions;

/// A command, ready to be carried out.
pub(crate) enum Command {
    Pull(Pull),
    List(List),
    Deploy(Box<deploy::Deploy>),
    /// Print the schema of descriptions.
    Schema(&'static dyn DataDriver),
    /// Print this.
    Text(String),
    /// Help or version, which has been shown.
    Shown(Exit),
}

/// Where to pull from, and how to talk to the server.
pub(crate) struct Source {
    pub(crate) location: Location,
    pub(crate) pull: PullOptions,
}

/// `deployer pull`.
pub(crate) struct Pull {
    pub(crate) source: Source,
    pub(crate) destination: PathBuf,
    pub(crate) output: Output,
}

/// `deployer list`, and a pull that is to list.
pub(crate) struct List {
    pub(crate) source: Source,
    pub(crate) output: Output,
}

/// Reads the command line.
pub(crate) fn parse() -> Result<Command, Failure> {
    let matches = match parser().try_get_matches() {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::UnknownArgument => {
            let hint = match std::env::args().nth(1).as_deref() {
                Some("pull" | "list" | "schema") => "--help shows what is taken",
                _ => "a description is named by --input-data-file",
            };
            return Err(unknown(&error, hint));
        }
        Err(error) => {
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            return Ok(Command::Shown(exit));
        }
    };
    match matches.subcommand() {
        Some(("pull", matches)) => pull(matches),
        Some(("list", matches)) => list(matches),
        Some(("schema", matches)) => Ok(Command::Schema(deploy::chosen_data_driver(matches))),
        Some((name, matches)) => Ok(Command::Deploy(Box::new(deploy::read(name, matches)))),
        None => unreachable!("a command is required"),
    }
}

fn parser() -> Parser {
    Parser::new("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Deploys operating systems onto bare disks, file by file, from rsync daemons")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(deploy::parsers())
        .subcommand(
            output::on_the_command_line(flags::with_switches(flags::with_connection(Parser::new("pull"))))
                .about("Pull a tree into a directory, moving only what differs")
                .override_usage("deployer pull [OPTIONS] URL DEST")
                .arg(url().required(false))
                .arg(
                    Arg::new("dest")
                        .value_name("DEST")
                        .help("A local directory; made if it is missing. Without it, files are listed")
                        .value_parser(value_parser!(PathBuf)),
                )
                .after_help(format!(
                    "A slash at the end of URL asks for the content of a directory, without it the directory \
                     itself is put into DEST.\n\nWhat is kept and how it is compared can be switched off again: --no-perms, --no-p.\n\n\
                     Examples:\n  deployer pull -aHAX --numeric-ids rsync://images.example/debian-12/ /mnt\n  \
                     deployer pull -aHAX --numeric-ids -n -i images.example::debian-12/ /mnt\n\n{TABLE}"
                )),
        )
        .subcommand(
            output::for_listings(flags::with_listing_switches(flags::with_connection(Parser::new("list"))))
                .about("List the modules of a daemon, or the files at a URL")
                .override_usage("deployer list [OPTIONS] URL")
                .arg(url())
                .after_help(format!(
                    "Examples:\n  deployer list rsync://images.example\n  \
                     deployer list rsync://images.example/debian-12/etc/\n\n{TABLE}"
                )),
        )
}

fn url() -> Arg {
    Arg::new("url")
        .value_name("URL")
        .help("rsync://[user@]host[:port]/module/path or [user@]host::module/path")
        .required(true)
}

fn pull(matches: &ArgMatches) -> Result<Command, Failure> {
    let output = match output::read(matches)? {
        Asked::Output(output) => *output,
        Asked::Help(text) => return Ok(Command::Text(text)),
    };
    if !matches.contains_id("url") {
        return Err(Failure::usage("nothing says what to pull: deployer pull [OPTIONS] URL DEST"));
    }
    let mut source = source(matches)?;
    source.pull.options.verbose = output.verbose;
    source.pull.options.reports = output.levels.for_server();
    // As rsync has it: without a destination there is only something to see.
    let Some(destination) = matches.get_one::<PathBuf>("dest").filter(|_| !output.list_only) else {
        return listing(source, output);
    };
    if source.location.module.is_empty() {
        return Err(Failure::usage(
            "the URL names no module to pull from; `deployer list URL` shows the daemon's modules",
        ));
    }
    Ok(Command::Pull(Pull { source, destination: destination.clone(), output }))
}

fn list(matches: &ArgMatches) -> Result<Command, Failure> {
    match output::read(matches)? {
        Asked::Output(output) => listing(source(matches)?, *output),
        Asked::Help(text) => Ok(Command::Text(text)),
    }
}

fn listing(source: Source, output: Output) -> Result<Command, Failure> {
    if source.location.module.is_empty() && !output.motd {
        return Err(Failure::usage(
            "--no-motd cannot be had with a list of modules: the daemon sends both as one text",
        ));
    }
    Ok(Command::List(List { source, output }))
}

fn source(matches: &ArgMatches) -> Result<Source, Failure> {
    let pull = flags::read(matches)?;
    let mut location = Location::parse(matches.get_one::<String>("url").expect("it is required"))?;
    location.port = location.port.or(pull.port);
    Ok(Source { location, pull })
}
