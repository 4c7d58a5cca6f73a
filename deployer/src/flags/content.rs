//! Options about how content comes, where it is put, and what becomes of what it replaces.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Options;
use rsync_proto::limits::MAX_BLOCK;
use rsync_proto::options::{AlternateKind, Alternates, Append, Fuzzy};

use super::sizes;
use super::switches::{Implied, Switch, switch};
use crate::exit::Failure;

pub(super) const SWITCHES: &[Switch] = &[
    switch("inplace", None, "Write into the files that are there, not beside them", |options, on| {
        options.content.inplace = on;
    }),
    switch(
        "append",
        None,
        "Take files that are shorter here as the beginning of what comes",
        |options, on| {
            options.content.append = on.then_some(Append::Trusting);
        },
    ),
    switch("append-verify", None, "The same, but with what is here in the checksum", |options, on| {
        options.content.append = on.then_some(Append::Verifying);
    }),
    switch("sparse", Some('S'), "Make holes of runs of zeros", |options, on| options.content.sparse = on),
    switch("preallocate", None, "Reserve the room of a file before it is written", |options, on| {
        options.content.preallocate = on;
    }),
    switch("partial", None, "Keep what came of a file when the transfer is interrupted", |options, on| {
        options.content.partial = on;
    }),
    switch("delay-updates", None, "Put all files into place at the end", |options, on| {
        options.content.delay_updates = on;
    }),
    switch(
        "backup",
        Some('b'),
        "Keep what is replaced or deleted, under its name with a suffix",
        |options, on| {
            options.content.backup = on;
        },
    ),
    switch("fsync", None, "Wait until a file is on the disk before it gets its name", |options, on| {
        options.content.fsync = on;
    }),
    switch(
        "fuzzy",
        Some('y'),
        "Use a similar file as a basis where there is none; =tree, from anywhere",
        |options, on| {
            options.content.fuzzy = if on { options.content.fuzzy.more() } else { Fuzzy::Nowhere };
        },
    ),
];

/// In the directory that a file is missing from; as the option without a value.
const FUZZY_PLAIN: &str = "directory";
/// Anywhere at the destination.
const FUZZY_TREE: &str = "tree";

/// `-P`, which has no long name.
pub(super) const PARTIAL_PROGRESS: &str = "P";

/// Directories with files that need not be transferred, by the names of the options.
const ALTERNATES: [(AlternateKind, &str, &str); 3] = [
    (AlternateKind::Compare, "compare-dest", "Leave out files that are in DIR as they should be"),
    (AlternateKind::Copy, "copy-dest", "Copy files that are in DIR as they should be"),
    (AlternateKind::Link, "link-dest", "Link files that are in DIR as they should be"),
];

/// Adds them.
pub(super) fn arguments(parser: Parser) -> Parser {
    let path = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help).value_parser(value_parser!(PathBuf))
    };
    parser
        .arg(
            Arg::new(PARTIAL_PROGRESS)
                .short('P')
                .help("The same as --partial --progress")
                .action(ArgAction::SetTrue),
        )
        .arg(
            path("partial-dir", "DIR", "Keep interrupted files in DIR: beside their place if relative")
                // Nothing takes it back.
                .value_parser(OsStringValueParser::new().map(PathBuf::from)),
        )
        .arg(path("temp-dir", "DIR", "Write files in DIR before they are complete").short('T'))
        .arg(path("backup-dir", "DIR", "Keep what is replaced or deleted in DIR; means --backup"))
        .arg(
            Arg::new("suffix")
                .long("suffix")
                .value_name("SUFFIX")
                .help("What names of backups end in [default: ~, or nothing with --backup-dir]"),
        )
        .arg(
            Arg::new("block-size")
                .long("block-size")
                .short('B')
                .value_name("SIZE")
                .help("Length of the blocks of a basis, as 700, 16K or 2KB [default: by its size]"),
        )
        .args(ALTERNATES.map(|(_, name, help)| path(name, "DIR", help).action(ArgAction::Append)))
}

/// `--fuzzy` where it has a value.
pub(super) fn with_value(fuzzy: Arg) -> Arg {
    let values = PossibleValuesParser::new([FUZZY_PLAIN, FUZZY_TREE]);
    fuzzy
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value(FUZZY_PLAIN)
        .value_parser(values)
        .hide_possible_values(true)
        .value_name("WHERE")
}

/// What options with values mean for switches, by their places.
pub(super) fn implied(matches: &ArgMatches) -> Vec<Implied> {
    let places = matches.indices_of("fuzzy").into_iter().flatten();
    let values = matches.get_many::<String>("fuzzy").into_iter().flatten();
    let trees = places.zip(values).filter(|(_, value)| *value == FUZZY_TREE);
    trees
        .map(|(at, _)| {
            (at, (|options: &mut Options| options.content.fuzzy = Fuzzy::Tree) as fn(&mut Options))
        })
        .collect()
}

/// What they come to.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let content = &mut options.content;
    content.partial |= matches.get_flag(PARTIAL_PROGRESS);
    content.partial_dir = path("partial-dir").or_else(|| {
        // Another place for what is kept anyway.
        content.partial.then(|| std::env::var_os("RSYNC_PARTIAL_DIR")).flatten().map(PathBuf::from)
    });
    content.partial_dir = content.partial_dir.take().filter(|dir| !matches!(dir.to_str(), Some("" | ".")));
    content.temp_dir = path("temp-dir");
    content.backup_dir = path("backup-dir");
    content.backup |= path("backup-dir").is_some();
    content.suffix = matches.get_one::<String>("suffix").map(|suffix| suffix.clone().into_bytes());
    if let Some(text) = matches.get_one::<String>("block-size") {
        content.block_size = block_size(text)?;
    }
    content.alternates = alternates(matches)?;
    Ok(())
}

/// Nothing stands for lengths that follow from the size of the basis.
fn block_size(text: &str) -> Result<Option<u32>, Failure> {
    let size = sizes::parse(text, 'b').and_then(|size| u32::try_from(size).ok());
    match size.filter(|size| *size <= MAX_BLOCK) {
        Some(size) => Ok(Some(size).filter(|size| *size > 0)),
        None => Err(Failure::usage(format!(
            "--block-size={text} is no length of blocks: give up to {MAX_BLOCK} bytes, which is 128K, or 0 to leave it \
             to the size of the file"
        ))),
    }
}

fn alternates(matches: &ArgMatches) -> Result<Option<Alternates>, Failure> {
    let mut given = ALTERNATES.iter().filter_map(|(kind, name, _)| {
        let dirs: Vec<PathBuf> = matches.get_many::<PathBuf>(name)?.cloned().collect();
        Some(Alternates { kind: *kind, dirs })
    });
    let first = given.next();
    match (&first, given.next()) {
        (Some(first), Some(second)) => Err(Failure::usage(format!(
            "{} and {} contradict each other: choose one",
            first.kind.option(),
            second.kind.option()
        ))),
        _ => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use rsync_proto::options::{DeleteWhen, Fuzzy};

    use super::super::parse_line;

    #[test]
    fn similar_files_are_looked_for_where_it_was_said() {
        let fuzzy = |text: &str| parse_line(text).map(|flags| flags.options.content.fuzzy);
        for (text, expected) in [
            ("-a", Fuzzy::Nowhere),
            ("-ay", Fuzzy::Directory),
            ("-ayy", Fuzzy::Alternates),
            ("-ayyy", Fuzzy::Alternates),
            ("-a --fuzzy -v", Fuzzy::Directory),
            ("-a --fuzzy=tree", Fuzzy::Tree),
            ("-ay --fuzzy=tree -y", Fuzzy::Tree),
            ("-a --fuzzy=tree --no-fuzzy", Fuzzy::Nowhere),
            ("-a --fuzzy=tree --no-y -y", Fuzzy::Directory),
        ] {
            assert_eq!(fuzzy(text).unwrap(), expected, "{text}");
        }
        assert!(fuzzy("-a --fuzzy=wood").unwrap_err().contains("--fuzzy"));
        let when = |text: &str| parse_line(text).unwrap().options.deletion.when;
        assert_eq!(when("-a --fuzzy=tree --delete"), Some(DeleteWhen::Delay));
        assert_eq!(when("-a --fuzzy=tree --del"), Some(DeleteWhen::During));
        assert_eq!(when("-ay --delete"), Some(DeleteWhen::During));
    }

    #[test]
    fn lengths_of_blocks_have_units() {
        let block_size = |text: &str| {
            parse_line(&format!("-a --block-size={text}")).map(|flags| flags.options.content.block_size)
        };
        for (text, length) in
            [("700", Some(700)), ("16K", Some(16384)), ("2KB", Some(2000)), ("1.5k", Some(1536)), ("0", None)]
        {
            assert_eq!(block_size(text).unwrap(), length, "{text}");
        }
        for text in ["x", "129K", "-1", "1m", "5000000000"] {
            let message = block_size(text).unwrap_err();
            assert!(message.contains("--block-size"), "{text}: {message}");
        }
    }
}
