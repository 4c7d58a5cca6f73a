//! What was typed.

pub(crate) mod deploy;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Location;

use crate::data::DataDriver;
use crate::exit::{Exit, Failure, TABLE};
use crate::flags::{self, unknown};
use crate::model::PullOptions;

/// A command, ready to be carried out.
pub(crate) enum Command {
    Pull(Pull),
    List(List),
    Deploy(Box<deploy::Deploy>),
    /// Print the schema of descriptions.
    Schema(&'static dyn DataDriver),
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
    pub(crate) verbose: u8,
    pub(crate) quiet: bool,
    pub(crate) itemize: bool,
    pub(crate) stats: bool,
    /// Shown unless switched off.
    pub(crate) progress: Option<bool>,
}

/// `deployer list`.
pub(crate) struct List {
    pub(crate) source: Source,
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
        Some(("pull", matches)) => Ok(Command::Pull(pull(matches)?)),
        Some(("list", matches)) => Ok(Command::List(List { source: source(matches)? })),
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
            flags::with_output(flags::with_switches(flags::with_connection(Parser::new("pull"))))
                .about("Pull a tree into a directory, moving only what differs")
                .override_usage("deployer pull [OPTIONS] URL... DEST")
                .arg(url().num_args(1..).action(ArgAction::Append))
                .arg(
                    Arg::new("dest")
                        .value_name("DEST")
                        .help("A local directory; made if it is missing")
                        .required(true)
                        .value_parser(value_parser!(PathBuf)),
                )
                .after_help(format!(
                    "A slash at the end of URL asks for the content of a directory, without it the directory \
                     itself is put into DEST. Further URLs name the same module, and may begin with :: in place of \
                     the host.\n\nWhat is kept and how it is compared can be switched off again: --no-perms, --no-p.\n\n\
                     Examples:\n  deployer pull -aHAX --numeric-ids rsync://images.example/debian-12/ /mnt\n  \
                     deployer pull -aHAX --numeric-ids -n -i images.example::debian-12/ /mnt\n\n{TABLE}"
                )),
        )
        .subcommand(
            flags::with_listing_switches(flags::with_connection(Parser::new("list")))
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

fn pull(matches: &ArgMatches) -> Result<Pull, Failure> {
    let mut source = source(matches)?;
    let verbose = matches.get_count("verbose");
    source.pull.options.verbose = verbose;
    let quiet = matches.get_flag("quiet");
    if quiet && (verbose > 0 || matches.get_flag("progress")) {
        return Err(Failure::usage("--quiet contradicts --verbose and --progress: choose one"));
    }
    if source.location.module.is_empty() {
        return Err(Failure::usage(
            "the URL names no module to pull from; `deployer list URL` shows the daemon's modules",
        ));
    }
    Ok(Pull {
        source,
        destination: matches.get_one::<PathBuf>("dest").expect("it is required").clone(),
        verbose,
        quiet,
        itemize: matches.get_flag("itemize-changes"),
        stats: matches.get_flag("stats"),
        progress: match (matches.get_flag("progress"), matches.get_flag("no-progress")) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    })
}

fn source(matches: &ArgMatches) -> Result<Source, Failure> {
    let pull = flags::read(matches)?;
    let mut urls = matches.get_many::<String>("url").expect("it is required");
    let mut location = Location::parse(urls.next().expect("it is required"))?;
    for url in urls {
        location = location.and(url)?;
    }
    location.port = location.port.or(pull.port);
    Ok(Source { location, pull })
}
