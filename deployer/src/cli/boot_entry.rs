//! `deployer boot-entry`: which of several systems starts.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};

/// The command.
pub(super) const NAME: &str = "boot-entry";

/// What is done with the common boot menu, as it was typed.
pub(crate) struct BootEntry {
    /// What starts, or nothing if the menu is only shown.
    pub(crate) set: Option<Set>,
    /// The file system that the menu is on, if it is not to be looked for.
    pub(crate) device: Option<PathBuf>,
    pub(crate) json: bool,
}

/// A choice.
pub(crate) struct Set {
    pub(crate) name: String,
    /// For the next start only.
    pub(crate) once: bool,
}

const ABOUT: &str = "\
Where a description has several systems, they have a common boot menu, on a small partition of the first disk that no
system mounts. It is found by itself, in a system that has this program as in a ramdisk, at whose console it can be typed
when a deployment has failed, and mounted where nobody else sees it.

Examples:
  deployer boot-entry list
  deployer boot-entry set debian-13
  deployer boot-entry set --once 1

Exit codes:
   0  done
   1  usage: no such entry, or an option or argument that makes no sense
  20  stopped by a signal
  41  refused: there is no common boot menu, there are several, or it is not deployer's
  43  a tool failed
  44  a disk or file system failed";

pub(super) fn parser() -> Parser {
    let list = with_options(Parser::new("list").about("Show the systems that can be started"));
    let set = with_options(Parser::new("set").about("Choose the system that starts when nobody chooses at the menu"))
        .arg(
            Arg::new("name")
                .value_name("NAME|NUMBER")
                .help("Its name in the description, its image by name or UUID, its title in the menu, or its number")
                .required(true),
        )
        .arg(
            Arg::new("once")
                .long("once")
                .help("For the next start only")
                .action(ArgAction::SetTrue),
        );
    Parser::new(NAME)
        .about("Show and choose which of several deployed systems starts")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([list, set])
        .after_help(ABOUT)
}

fn with_options(parser: Parser) -> Parser {
    let device = "The partition of the boot menu [default: the one with the label boot-menu]";
    parser
        .arg(
            Arg::new("device")
                .long("device")
                .value_name("NODE")
                .help(device)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(Arg::new("json").long("json").help("Print for programs, as JSON").action(ArgAction::SetTrue))
        .after_help(ABOUT)
}

/// What was typed.
pub(super) fn read(matches: &ArgMatches) -> BootEntry {
    let (command, matches) = matches.subcommand().expect("one is required");
    let set = || Set {
        name: matches.get_one::<String>("name").expect("it is required").clone(),
        once: matches.get_flag("once"),
    };
    BootEntry {
        set: (command == "set").then(set),
        device: matches.get_one::<PathBuf>("device").cloned(),
        json: matches.get_flag("json"),
    }
}
