//! The commands that print what is made of the command line itself: the manual, and completions for shells.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command as Parser, ValueHint, value_parser};
use clap_complete::Shell;

/// The commands.
pub(super) fn parsers() -> [Parser; 2] {
    let help = |examples: &str| {
        format!(
            "Examples:\n{examples}\n\nExit codes:\n   0  all is written\n   1  usage: an option or argument that makes \
             no sense\n  11  local files: disk full, read-only, something else in the place of a page"
        )
    };
    let man = Parser::new("man")
        .about("Print the manual, as a page for man(1)")
        .arg(
            Arg::new("dir")
                .long("dir")
                .value_name("DIR")
                .help("Write a page for each command into this directory in place of that")
                .value_hint(ValueHint::DirPath)
                .value_parser(value_parser!(PathBuf)),
        )
        .after_help(help("  deployer man | man -l -\n  deployer man --dir /usr/local/share/man/man1"));
    let completions = Parser::new("completions")
        .about("Print a script by which a shell completes command lines")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .help("The shell")
                .required(true)
                .value_parser(PossibleValuesParser::new(["bash", "fish", "zsh"])),
        )
        .after_help(help(
            "  deployer completions bash >/etc/bash_completion.d/deployer\n  \
             deployer completions fish >~/.config/fish/completions/deployer.fish\n  \
             deployer completions zsh >/usr/local/share/zsh/site-functions/_deployer",
        ));
    [man, completions]
}

/// The shell that was typed.
pub(super) fn chosen_shell(matches: &ArgMatches) -> Shell {
    let name = matches.get_one::<String>("shell").expect("it is required");
    name.parse().expect("only names of shells are taken")
}
