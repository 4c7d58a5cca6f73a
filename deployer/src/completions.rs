//! `deployer completions`: scripts by which shells complete command lines.

use std::io::{self, ErrorKind, Write};

use clap::{Arg, Command as Parser};
use clap_complete::Shell;

use crate::cli;
use crate::exit::{Exit, Failure};

/// Prints the script for a shell.
pub(crate) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&cli::parser()), "deployer", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure {
            message: format!("cannot write to standard output: {error}"),
            exit: Exit::LocalFiles,
        }),
        _ => Ok(Exit::Success),
    }
}

/// What the help shows of a command. The generator would offer hidden options too, such as everything that takes a switch
/// back; and options refer to those, so that they cannot be left out of a copy.
fn shown(parser: &Parser) -> Parser {
    let mut copy = Parser::new(parser.get_name().to_owned()).disable_help_subcommand(true);
    if let Some(about) = parser.get_about() {
        copy = copy.about(about.clone());
    }
    copy.disable_help_flag(parser.is_disable_help_flag_set())
        .args(parser.get_arguments().filter(|arg| !arg.is_hide_set()).map(bare))
        .subcommands(parser.get_subcommands().map(shown))
}

/// An option without what it means for others.
fn bare(arg: &Arg) -> Arg {
    let mut copy = Arg::new(arg.get_id().clone())
        .action(arg.get_action().clone())
        .value_hint(arg.get_value_hint())
        .value_parser(arg.get_value_parser().clone());
    if let Some(long) = arg.get_long() {
        copy = copy.long(long.to_owned());
    }
    if let Some(short) = arg.get_short() {
        copy = copy.short(short);
    }
    copy = copy.visible_aliases(arg.get_visible_aliases().unwrap_or_default().into_iter().map(str::to_owned));
    copy = copy.visible_short_aliases(arg.get_visible_short_aliases().unwrap_or_default());
    if let Some(help) = arg.get_help() {
        copy = copy.help(help.clone());
    }
    if let Some(count) = arg.get_num_args() {
        copy = copy.num_args(count);
    }
    match arg.get_value_names() {
        Some(names) => copy.value_names(names.iter().cloned()),
        None => copy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_help_shows_is_offered() {
        let whole = shown(&cli::parser());
        let pull = whole.find_subcommand("pull").expect("there is such a command");
        let longs: Vec<_> = pull.get_arguments().filter_map(Arg::get_long).collect();
        assert!(longs.contains(&"archive") && longs.contains(&"help"));
        assert!(!longs.contains(&"no-perms") && !longs.contains(&"msgs2stderr"));
    }
}
