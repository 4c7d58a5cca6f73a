//! Options that are on or off, in rsync's spelling: `--name`, a letter, `--no-name` and `--no-letter`. They
//! take effect in the order in which they were typed, so that `-a --no-o` and `--no-o -a` differ.

use clap::{Arg, ArgAction, ArgMatches};
use rsync_proto::Options;

use super::{attributes, content};

/// One switch.
pub(super) struct Switch {
    long: &'static str,
    short: Option<char>,
    help: &'static str,
    apply: fn(&mut Options, bool),
}

pub(super) const fn switch(
    long: &'static str,
    short: Option<char>,
    help: &'static str,
    apply: fn(&mut Options, bool),
) -> Switch {
    Switch { long, short, help, apply }
}

/// What an option means besides, and the place at which it was typed.
pub(super) type Implied = (usize, fn(&mut Options));

/// What is kept of entries.
pub(super) const KEPT: &[Switch] = &[
    switch("archive", Some('a'), "Everything that makes up an ordinary tree: -rlptgoD", |options, on| {
        options.recursive = on;
        options.links = on;
        options.perms = on;
        options.times = on;
        options.group = on;
        options.owner = on;
        options.devices = on;
        options.specials = on;
    }),
    switch("recursive", Some('r'), "Descend into directories", |options, on| options.recursive = on),
    switch("links", Some('l'), "Take symlinks as symlinks", |options, on| options.links = on),
    switch("perms", Some('p'), "Keep permissions", |options, on| options.perms = on),
    switch("times", Some('t'), "Keep modification times", |options, on| options.times = on),
    switch("omit-dir-times", Some('O'), "Leave times of directories alone", |options, on| {
        options.omit_dir_times = on;
    }),
    switch("group", Some('g'), "Keep groups", |options, on| options.group = on),
    switch("owner", Some('o'), "Keep owners (as root)", |options, on| options.owner = on),
    switch("D", Some('D'), "Keep devices, FIFOs and sockets", |options, on| {
        options.devices = on;
        options.specials = on;
    }),
    switch("devices", None, "Keep devices (as root)", |options, on| options.devices = on),
    switch("specials", None, "Keep FIFOs and sockets", |options, on| options.specials = on),
    switch("hard-links", Some('H'), "Keep hard links", |options, on| options.hard_links = on),
    switch("acls", Some('A'), "Keep access control lists; means -p too", |options, on| {
        options.acls = on;
        options.perms |= on;
    }),
    switch(
        "xattrs",
        Some('X'),
        "Keep extended attributes; twice, those that hide others too",
        |options, on| {
            options.attributes.hidden_xattrs = on && options.xattrs;
            options.xattrs = on;
        },
    ),
    switch(
        "numeric-ids",
        None,
        "Keep the numbers of users and groups, whatever their names here",
        |options, on| {
            options.numeric_ids = on;
        },
    ),
];

/// How files are compared with those that are here, and whether anything is done about it.
pub(super) const COMPARED: &[Switch] = &[
    switch("checksum", Some('c'), "Compare files by checksum, not by size and time", |options, on| {
        options.checksum = on;
    }),
    switch("ignore-times", Some('I'), "Transfer files even if size and time agree", |options, on| {
        options.ignore_times = on;
    }),
    switch("size-only", None, "Take files of the same size as equal", |options, on| options.size_only = on),
    switch("whole-file", Some('W'), "Send changed files whole, not as differences", |options, on| {
        options.whole_file = on;
    }),
    switch("dry-run", Some('n'), "Change nothing, but tell what would be done", |options, on| {
        options.dry_run = on;
    }),
    switch(
        "inc-recursive",
        None,
        "Begin while the server still makes its list (as is usual)",
        |options, on| options.inc_recursive = on,
    ),
];

/// What the switches are given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Pull,
    Listing,
}

impl Of {
    fn takes(self, switch: &Switch) -> bool {
        let changes_listings = ["recursive", "links", "cvs-exclude", "prune-empty-dirs"];
        self == Self::Pull || changes_listings.contains(&switch.long)
    }
}

fn all(of: Of) -> impl Iterator<Item = &'static Switch> {
    KEPT.iter()
        .chain(COMPARED)
        .chain(attributes::SWITCHES)
        .chain(super::selection::SWITCHES)
        .chain(super::filters::SWITCHES)
        .chain(super::content::SWITCHES)
        .chain(super::deletion::SWITCHES)
        .filter(move |switch| of.takes(switch))
}

fn off_id(switch: &Switch) -> String {
    format!("no-{}", switch.long)
}

/// Some switches as arguments.
pub(super) fn arguments(of: Of, switches: &'static [Switch]) -> impl Iterator<Item = Arg> {
    switches.iter().filter(move |switch| of.takes(switch)).flat_map(|switch| {
        let flag = |id: String| Arg::new(id).num_args(0).default_missing_value("").action(ArgAction::Append);
        let mut on = flag(switch.long.to_owned()).help(switch.help);
        if switch.long.len() > 1 {
            on = on.long(switch.long);
        }
        let mut off = flag(off_id(switch)).long(off_id(switch)).hide(true);
        if let Some(short) = switch.short {
            on = on.short(short);
            if switch.long.len() > 1 {
                off = off.alias(format!("no-{short}"));
            }
        }
        match switch.long {
            "inc-recursive" => {
                [on.alias("i-r").alias("inc-recurse"), off.alias("no-i-r").alias("no-inc-recurse")]
            }
            "existing" => [on.visible_alias("ignore-non-existing"), off],
            "implied-dirs" => [on.alias("i-d"), off.alias("no-i-d")],
            "fuzzy" => [content::with_value(on), off],
            _ => [on, off],
        }
    })
}

enum Typed {
    Switch(&'static Switch, bool),
    /// Another option means a switch.
    Implied(fn(&mut Options)),
}

/// What the switches come to, in the order in which they were typed.
pub(super) fn apply(matches: &ArgMatches, of: Of, options: &mut Options) {
    let mut typed = Vec::new();
    for switch in all(of) {
        for (id, on) in [(switch.long.to_owned(), true), (off_id(switch), false)] {
            let places = matches.indices_of(&id).into_iter().flatten();
            typed.extend(places.map(|at| (at, Typed::Switch(switch, on))));
        }
    }
    if of == Of::Pull {
        let implied = attributes::implied(matches).into_iter().chain(content::implied(matches));
        typed.extend(implied.map(|(at, apply)| (at, Typed::Implied(apply))));
    }
    typed.sort_by_key(|(at, _)| *at);
    for (_, typed) in typed {
        match typed {
            Typed::Switch(switch, on) => (switch.apply)(options, on),
            Typed::Implied(apply) => apply(options),
        }
    }
}
