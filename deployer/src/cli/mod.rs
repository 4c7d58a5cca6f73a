//! What was typed.

pub(crate) mod boot_entry;
pub(crate) mod deploy;
mod documents;
pub(crate) mod serve;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use clap_complete::Shell;
use rsync_proto::Location;

use crate::data::DataDriver;
use crate::exit::{Exit, Failure, TABLE};
use crate::flags::output::{self, Asked, Output};
use crate::flags::{self, unknown};
use crate::init;
use crate::model::PullOptions;

/// A command, ready to be carried out.
pub(crate) enum Command {
    Pull(Pull),
    List(List),
    Serve(serve::Serve),
    Deploy(Box<deploy::Deploy>),
    BootEntry(boot_entry::BootEntry),
    /// Be the first process of a ramdisk.
    Init,
    /// Show what this is.
    Demo,
    /// Print the schema of descriptions.
    Schema(&'static dyn DataDriver),
    /// Print the manual, or write its pages into this directory.
    Manual(Option<PathBuf>),
    /// Print what completes command lines in this shell.
    Completions(Shell),
    /// Print this.
    Text(String),
    /// Help or version, which has been shown.
    Shown(Exit),
}

/// URLs, and behind them the destination.
const OPERANDS: &str = "operands";

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
                Some(
                    "pull"
                    | "list"
                    | "serve"
                    | "schema"
                    | "init"
                    | boot_entry::NAME
                    | "demo"
                    | "man"
                    | "completions",
                ) => "--help shows what is taken",
                _ => "a description is named by --input-data-file",
            };
            return Err(unknown(&error, hint));
        }
        Err(error) if is_mistake(&error) => {
            return Err(Failure::usage(format!("{}; --help shows what is taken", flags::sentence(&error))));
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
        Some(("serve", matches)) => Ok(Command::Serve(serve::read(matches)?)),
        Some(("schema", matches)) => Ok(Command::Schema(deploy::chosen_data_driver(matches))),
        Some((boot_entry::NAME, matches)) => Ok(Command::BootEntry(boot_entry::read(matches))),
        Some(("init", _)) => Ok(Command::Init),
        Some(("man", matches)) => Ok(Command::Manual(matches.get_one("dir").cloned())),
        Some(("completions", matches)) => Ok(Command::Completions(documents::chosen_shell(matches))),
        Some(("demo", _)) => Ok(Command::Demo),
        Some((name, matches)) => Ok(Command::Deploy(Box::new(deploy::read(name, matches)))),
        None => unreachable!("a command is required"),
    }
}

/// Whether something that was typed is wrong; otherwise there is a text to show.
fn is_mistake(error: &clap::Error) -> bool {
    error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// Everything that can be typed.
pub(crate) fn parser() -> Parser {
    Parser::new("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Deploys operating systems onto bare disks, file by file, from rsync daemons")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(deploy::parsers())
        .subcommand(boot_entry::parser())
        .subcommand(
            flags::of_pulls(Parser::new("pull"))
                .next_help_heading(None::<&str>)
                .about("Pull a tree into a directory, moving only what differs")
                .override_usage("deployer pull [OPTIONS] URL... DEST")
                .arg(
                    Arg::new(OPERANDS)
                        .value_name("URL... DEST")
                        .help(
                            "Where to pull from, as rsync://[user@]host[:port]/module/path or [user@]host::module/path, \
                             rsyncs://… for the same with TLS, or [user@]host:path by a remote shell, and a local directory, which is made if it is missing. Without \
                             it, files are listed",
                        )
                        .num_args(1..)
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(OsString)),
                )
                .after_help(format!(
                    "A slash at the end of URL asks for the content of a directory, without it the directory \
                     itself is put into DEST. Further URLs name the same module, and may begin with :: in place of \
                     the host (with : behind a remote shell).\n\nSwitches can be taken back: --no-perms, --no-p. docs/options.md compares all of rsync's options with \
                     these.\n\n{EXAMPLES}\n\n{TABLE}"
                )),
        )
        .subcommand(
            flags::of_listings(Parser::new("list"))
                .next_help_heading(None::<&str>)
                .about("List the modules of a daemon, or the files at a URL")
                .override_usage("deployer list [OPTIONS] URL")
                .arg(url())
                .after_help(format!(
                    "Examples:\n  deployer list rsync://images.example\n  \
                     deployer list rsync://images.example/debian-12/etc/\n\n{TABLE}"
                )),
        )
        .subcommand(serve::parser())
        .subcommand(
            Parser::new("init")
                .about("Be the first process of a ramdisk, which deploys what the kernel's command line names")
                .after_help(format!(
                    "deployer/ramdisk makes such a ramdisk, in which this program is /init.\n\n{}\n\n\
                     Exit codes:\n   1  this is not the first process, which never ends",
                    init::TABLE
                )),
        )
        .subcommand(
            Parser::new("demo").about("Show a deployment and an update, of a small tree that comes with it").after_help(
                "The tree is served from inside this program, on loopback. For root it is deployed onto a disk in a file, in \
                 TMPDIR or /tmp, with partitions; for others, into directories. Nothing else is touched, and nothing is left \
                 behind but /run/deployer, where root deploys.\n\nExit codes:\n   0  it was shown\n  10  the tree cannot be served\n  11  there is no room for \
                 it\n  20  stopped by a signal\n  43  something that it runs failed",
            ),
        )
        .subcommands(documents::parsers())
}

const EXAMPLES: &str = "\
Examples:
  A system image, as root:
    deployer pull -aHAX --numeric-ids rsync://images.example/debian-12/ /mnt
  What would change, and nothing done about it:
    deployer pull -aHAX --numeric-ids -n -i images.example::debian-12/ /mnt
  The same tree again, without what is gone on the server, but with a local directory left alone:
    deployer pull -aHAX --delete --filter='P /var/local/' images.example::debian-12/ /mnt
  Only some of it:
    deployer pull -am -f '+ */' -f '+ *.conf' -f '- *' images.example::debian-12/etc/ conf
    deployer pull -a --files-from=names.txt images.example::debian-12/ copy
  Over a bad line, compressed, going on where it was:
    deployer pull -az --retries=20 --partial-dir=.partial images.example::debian-12/ /mnt
  From a machine without a daemon, by ssh, or from a daemon behind TLS:
    deployer pull -a -e 'ssh -p 2222' admin@host:/srv/tree/ copy
    deployer pull -a --tls-ca=ca.pem rsyncs://images.example/debian-12/ /mnt
  Day after day, with unchanged files as hard links:
    deployer pull -a --link-dest=../monday images.example::home/ tuesday";

fn url() -> Arg {
    Arg::new("url")
        .value_name("URL")
        .help("rsync:// or rsyncs://[user@]host[:port]/module/path, [user@]host::module/path or [user@]host:path")
        .required(true)
        .value_parser(value_parser!(OsString))
}

fn pull(matches: &ArgMatches) -> Result<Command, Failure> {
    let output = match output::read(matches)? {
        Asked::Output(output) => *output,
        Asked::Help(text) => return Ok(Command::Text(text)),
    };
    let operands: Vec<&OsString> = matches.get_many(OPERANDS).into_iter().flatten().collect();
    let (urls, destination) = match &operands[..] {
        [] => {
            return Err(Failure::usage("nothing says what to pull: deployer pull [OPTIONS] URL... DEST"));
        }
        [url] => (std::slice::from_ref(url), None),
        [urls @ .., destination] => (urls, Some(PathBuf::from(destination))),
    };
    let mut source = source(flags::read(matches)?, urls)?;
    source.pull.options.verbose = output.verbose;
    source.pull.options.reports = output.levels.for_server();
    // As rsync has it: without a destination there is only something to see.
    if let Some(text) = destination.as_ref().and_then(|path| path.to_str())
        && (text.starts_with(':') || Location::parse(text).is_ok())
    {
        return Err(Failure::usage(format!(
            "{text} is where to pull to, and names another machine; a local directory of that name is ./{text}"
        )));
    }
    let Some(destination) = destination.filter(|_| !output.list_only) else {
        return listing(source, output);
    };
    if source.location.asks_for_modules() {
        return Err(Failure::usage(
            "the URL names no module to pull from; `deployer list URL` shows the daemon's modules",
        ));
    }
    Ok(Command::Pull(Pull { source, destination, output }))
}

fn list(matches: &ArgMatches) -> Result<Command, Failure> {
    let url = matches.get_one::<OsString>("url").expect("it is required");
    listing(source(flags::read_listing(matches)?, &[url])?, output::read_listing(matches))
}

fn listing(source: Source, output: Output) -> Result<Command, Failure> {
    if source.location.asks_for_modules() && !output.motd {
        return Err(Failure::usage(
            "--no-motd cannot be had with a list of modules: the daemon sends both as one text",
        ));
    }
    Ok(Command::List(List { source, output }))
}

fn source(pull: PullOptions, urls: &[&OsString]) -> Result<Source, Failure> {
    let text = |url: &OsString| {
        let text = url.to_str().map(str::to_owned);
        text.ok_or_else(|| Failure::usage(format!("the URL {} is not UTF-8", url.display())))
    };
    let (first, further) = urls.split_first().expect("the caller has one");
    let mut location = Location::parse(&text(first)?)?;
    for url in further {
        location = location.and(&text(url)?)?;
    }
    if location.scheme.is_daemon() {
        location.port = location.port.or(pull.port);
    }
    Ok(Source { location, pull })
}
