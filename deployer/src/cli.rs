//! What was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::checksum::ChecksumKind;
use rsync_proto::options::{MAX_PROTOCOL, MIN_PROTOCOL};
use rsync_proto::{Location, Options, Timeouts};

use crate::exit::{Exit, Problem, TABLE};
use crate::switches;

/// A command, ready to be carried out.
pub(crate) enum Command {
    Pull(Pull),
    List(List),
    /// Help or version, which has been shown.
    Shown(Exit),
}

/// Where to pull from, and how to talk to the server.
pub(crate) struct Source {
    pub(crate) location: Location,
    pub(crate) options: Options,
    pub(crate) timeouts: Timeouts,
    pub(crate) password_file: Option<PathBuf>,
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
pub(crate) fn parse() -> Result<Command, Problem> {
    let matches = match parser().try_get_matches() {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::UnknownArgument => return Err(unknown(&error)),
        Err(error) => {
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            return Ok(Command::Shown(exit));
        }
    };
    match matches.subcommand() {
        Some(("pull", matches)) => Ok(Command::Pull(pull(matches)?)),
        Some(("list", matches)) => Ok(Command::List(List { source: source(matches)? })),
        _ => unreachable!("a command is required"),
    }
}

/// An option that is not there: named, with the one that may have been meant.
fn unknown(error: &clap::Error) -> Problem {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let option = text(ContextKind::InvalidArg).unwrap_or_default();
    let hint = match text(ContextKind::SuggestedArg) {
        Some(similar) => format!("did you mean {similar}?"),
        None => "`deployer pull --help` lists those there are".to_owned(),
    };
    Problem::usage(format!("there is no option {option} here; {hint}"))
}

fn parser() -> Parser {
    Parser::new("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Pulls operating system trees, file by file, from rsync daemons")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_source_options(Parser::new("pull"))
                .about("Pull a tree into a directory, moving only what differs")
                .override_usage("deployer pull [OPTIONS] URL DEST")
                .args(switches::arguments())
                .arg(flag("verbose", 'v', "Name what is transferred").action(ArgAction::Count))
                .arg(flag("quiet", 'q', "Say nothing but errors").action(ArgAction::SetTrue))
                .arg(
                    flag("itemize-changes", 'i', "Name every change, with what changes of it")
                        .action(ArgAction::SetTrue),
                )
                .arg(Arg::new("stats").long("stats").help("Show figures at the end").action(ArgAction::SetTrue))
                .arg(
                    Arg::new("progress")
                        .long("progress")
                        .help("Show how far it is, even beside other output")
                        .action(ArgAction::SetTrue)
                        .overrides_with("no-progress"),
                )
                .arg(Arg::new("no-progress").long("no-progress").hide(true).action(ArgAction::SetTrue))
                .arg(
                    Arg::new("dest")
                        .value_name("DEST")
                        .help("A local directory; made if it is missing")
                        .required(true)
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
            with_source_options(Parser::new("list"))
                .about("List the modules of a daemon, or the files at a URL")
                .override_usage("deployer list [OPTIONS] URL")
                .args(switches::arguments().filter(|arg| matches!(arg.get_id().as_str(), "recursive" | "links")))
                .after_help(format!(
                    "Examples:\n  deployer list rsync://images.example\n  \
                     deployer list rsync://images.example/debian-12/etc/\n\n{TABLE}"
                )),
        )
}

fn flag(long: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(long).long(long).short(short).help(help)
}

fn with_source_options(parser: Parser) -> Parser {
    let text = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help)
    };
    parser
        // -h is --human-readable in rsync's spelling.
        .disable_help_flag(true)
        // The last one counts, as in rsync.
        .args_override_self(true)
        .arg(Arg::new("help").long("help").help("Show this help").action(ArgAction::Help))
        .arg(
            text("port", "PORT", "Port of the daemon, where the URL names none [default: 873]")
                .value_parser(value_parser!(u16)),
        )
        .arg(
            text("password-file", "FILE", "Take the password from the first line of FILE, or of - for stdin")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            text("timeout", "SECONDS", "Give up after so long without data; 0 for never [default: 60]")
                .value_parser(value_parser!(u32)),
        )
        .arg(
            text("contimeout", "SECONDS", "Give up after so long without a connection [default: 10]")
                .value_parser(value_parser!(u32).range(1..)),
        )
        .arg(
            text("protocol", "NUMBER", "Speak at most this version of the protocol")
                .value_parser(value_parser!(u8)),
        )
        .arg(
            text(
                "checksum-choice",
                "NAME",
                "Checksum in place of a negotiated one: xxh128, xxh3, xxh64, md5, md4, sha1",
            )
            .visible_alias("cc"),
        )
        .arg(
            Arg::new("url")
                .value_name("URL")
                .help("rsync://[user@]host[:port]/module/path or [user@]host::module/path")
                .required(true),
        )
}

fn pull(matches: &ArgMatches) -> Result<Pull, Problem> {
    let mut source = source(matches)?;
    let verbose = matches.get_count("verbose");
    source.options.verbose = verbose;
    let quiet = matches.get_flag("quiet");
    if quiet && (verbose > 0 || matches.get_flag("progress")) {
        return Err(Problem::usage("--quiet contradicts --verbose and --progress: choose one"));
    }
    if source.location.module.is_empty() {
        return Err(Problem::usage(
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

fn source(matches: &ArgMatches) -> Result<Source, Problem> {
    let mut location = Location::parse(matches.get_one::<String>("url").expect("it is required"))?;
    location.port = location.port.or(matches.get_one("port").copied());
    let mut options = Options::default();
    options.protocol = matches.get_one("protocol").copied().unwrap_or(MAX_PROTOCOL);
    if !(MIN_PROTOCOL..=MAX_PROTOCOL).contains(&options.protocol) {
        return Err(Problem {
            message: format!("--protocol takes {MIN_PROTOCOL} to {MAX_PROTOCOL}, not {}", options.protocol),
            exit: Exit::Protocol,
        });
    }
    if let Some(name) = matches.get_one::<String>("checksum-choice").filter(|name| *name != "auto") {
        options.checksum_choice = Some(checksum(name)?);
    }
    switches::apply(matches, &mut options);
    let mut timeouts = Timeouts::default();
    if let Some(seconds) = matches.get_one::<u32>("timeout") {
        options.server_timeout = *seconds;
        timeouts.idle = (*seconds > 0).then(|| Duration::from_secs((*seconds).into()));
        timeouts.handshake = timeouts.idle.map_or(timeouts.handshake, |idle| idle.min(timeouts.handshake));
    }
    if let Some(seconds) = matches.get_one::<u32>("contimeout") {
        timeouts.connect = Duration::from_secs((*seconds).into());
    }
    let password_file = matches.get_one::<PathBuf>("password-file").cloned();
    Ok(Source { location, options, timeouts, password_file })
}

fn checksum(name: &str) -> Result<ChecksumKind, Problem> {
    ChecksumKind::from_name(name.as_bytes()).ok_or_else(|| {
        let known = ChecksumKind::ALL.map(ChecksumKind::name).join(", ");
        let message = match name {
            "none" => format!("--checksum-choice=none would leave files unverified; choose one of {known}"),
            _ => format!("--checksum-choice knows no \"{name}\"; choose one of {known}"),
        };
        Problem { message, exit: Exit::Unsupported }
    })
}
