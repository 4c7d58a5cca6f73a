//! Options about what is deleted because the server does not have it.

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Options;
use rsync_proto::options::{DeleteWhen, Fuzzy};

use super::switches::{Switch, switch};
use crate::exit::Failure;

pub(super) const SWITCHES: &[Switch] = &[
    switch(
        "force",
        None,
        "Delete directories with their content where something else is to stand",
        |options, on| {
            options.deletion.force = on;
        },
    ),
    switch("ignore-errors", None, "Delete even if the server could not read everything", |options, on| {
        options.deletion.ignore_errors = on;
    }),
];

/// When to delete, by the names of the options.
const WHEN: [(&str, DeleteWhen, &str); 4] = [
    ("delete-before", DeleteWhen::Before, "The same, before anything is transferred"),
    ("delete-during", DeleteWhen::During, "The same, in each directory before its files (as is usual)"),
    ("delete-delay", DeleteWhen::Delay, "The same, at the end, of what was found on the way"),
    ("delete-after", DeleteWhen::After, "The same, at the end"),
];

/// Adds them.
pub(super) fn arguments(parser: Parser) -> Parser {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
    };
    parser
        .arg(flag("delete", "Delete what the server does not have; never mount points, nor after its errors"))
        .args(WHEN.map(|(name, _, help)| match name {
            "delete-during" => flag(name, help).visible_alias("del"),
            _ => flag(name, help),
        }))
        .arg(flag("delete-excluded", "Delete what filter rules exclude, too"))
        .arg(
            Arg::new("max-delete")
                .long("max-delete")
                .value_name("NUM")
                .help("Delete at most so many entries")
                .allow_negative_numbers(true)
                .value_parser(value_parser!(i64)),
        )
}

/// What they come to.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    let typed = |name: &str| matches.get_flag(name);
    let when: Vec<_> = WHEN.iter().filter(|(name, ..)| typed(name)).collect();
    let deletion = &mut options.deletion;
    deletion.excluded = typed("delete-excluded");
    let any = typed("delete") || deletion.excluded;
    deletion.when = match when[..] {
        // What is deleted early is of no use to those that come later.
        [] if options.content.fuzzy == Fuzzy::Tree => any.then_some(DeleteWhen::Delay),
        [] => any.then_some(DeleteWhen::During),
        [(_, when, _)] => Some(*when),
        [(first, ..), (second, ..), ..] => {
            return Err(Failure::usage(format!(
                "--{first} and --{second} contradict each other: choose one"
            )));
        }
    };
    // As in rsync, anything below 0 is 0.
    deletion.max = matches.get_one::<i64>("max-delete").map(|most| u64::try_from(*most).unwrap_or(0));
    Ok(())
}
