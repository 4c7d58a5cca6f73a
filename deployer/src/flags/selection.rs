//! Options that say which entries take part.

use std::fs;
use std::io::{self, Read};

use clap::{Arg, ArgMatches, value_parser};
use rsync_proto::Options;
use rsync_proto::options::{FilesFrom, NameList};

use super::sizes;
use super::switches::{Switch, switch};
use crate::exit::Failure;

pub(super) const SWITCHES: &[Switch] = &[
    switch(
        "relative",
        Some('R'),
        "Keep the whole path of what is named, or what follows /./ in it",
        |options, on| {
            options.selection.relative = on;
        },
    ),
    switch(
        "implied-dirs",
        None,
        "Give directories on the way to what is named their attributes (as is usual with -R)",
        |options, on| options.selection.implied_dirs = on,
    ),
    switch("dirs", Some('d'), "Take directories without descending into them", |options, on| {
        options.dirs = on;
    }),
    switch(
        "one-file-system",
        Some('x'),
        "Stay on one file system on the server; twice: leave mount points out",
        {
            |options, on| {
                let selection = &mut options.selection;
                selection.one_file_system = if on { selection.one_file_system.saturating_add(1) } else { 0 };
            }
        },
    ),
    switch("update", Some('u'), "Leave files alone that are newer here", |options, on| {
        options.selection.update = on;
    }),
    switch("existing", None, "Make nothing new", |options, on| options.selection.existing = on),
    switch("ignore-existing", None, "Leave alone what is here already", |options, on| {
        options.selection.ignore_existing = on;
    }),
    switch("copy-links", Some('L'), "Take what symlinks lead to in place of them", |options, on| {
        options.selection.copy_links = on;
    }),
    switch(
        "copy-dirlinks",
        Some('k'),
        "Take directories that symlinks lead to in place of them",
        |options, on| {
            options.selection.copy_dirlinks = on;
        },
    ),
    switch("copy-unsafe-links", None, "As -L, for symlinks that lead out of the tree", |options, on| {
        options.selection.copy_unsafe_links = on;
    }),
    switch("safe-links", None, "Pass over symlinks that lead out of the tree", |options, on| {
        options.selection.safe_links = on;
    }),
    switch("munge-links", None, "Make symlinks lead nowhere, by a prefix", |options, on| {
        options.selection.munge_links = on;
    }),
    switch(
        "keep-dirlinks",
        Some('K'),
        "Fill directories that symlinks here lead to, as long as these lie beneath DEST",
        |options, on| options.selection.keep_dirlinks = on,
    ),
    switch("ignore-missing-args", None, "It is no error if what is named is missing", |options, on| {
        options.selection.ignore_missing_args = on;
    }),
    switch("mkpath", None, "Make all directories on the way to DEST", |options, on| {
        options.selection.mkpath = on;
    }),
];

/// The options that take a value.
pub(super) fn arguments() -> [Arg; 4] {
    let value = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help)
    };
    [
        value(
            "files-from",
            "FILE",
            "Pull the names in FILE, in - for stdin, or in :FILE on the server; means -R",
        ),
        value("max-size", "SIZE", "Pass over larger files; units as 1.5m, 10KB, 2GiB-1"),
        value("min-size", "SIZE", "Pass over smaller files"),
        value(
            "modify-window",
            "SECONDS",
            "Take times as equal that differ by so little; -1: to the nanosecond",
        )
        .short('@')
        .allow_negative_numbers(true)
        .value_parser(value_parser!(i32)),
    ]
}

/// Takes them over.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    for (id, size) in
        [("max-size", &mut options.selection.max_size), ("min-size", &mut options.selection.min_size)]
    {
        if let Some(text) = matches.get_one::<String>(id) {
            *size = Some(sizes::parse(text, 'b').ok_or_else(|| {
                Failure::usage(format!(
                    "--{id}={text} is no size; write a number with a unit, such as 1.5m or 10KB"
                ))
            })?);
        }
    }
    if let Some(window) = matches.get_one::<i32>("modify-window") {
        options.selection.modify_window = *window;
    }
    if let Some(file) = matches.get_one::<String>("files-from") {
        options.selection.files_from = Some(files_from(file, last(matches, "from0") == Some(true))?);
        options.selection.relative = last(matches, "relative").unwrap_or(true);
        // -a does not descend into what is named; only -r does.
        options.recursive &= last(matches, "recursive") == Some(true);
    }
    Ok(())
}

/// Whether a switch was typed on or off, the last time that it was typed.
fn last(matches: &ArgMatches, switch: &str) -> Option<bool> {
    let last = |id: &str| matches.indices_of(id).and_then(Iterator::max);
    match (last(switch), last(&format!("no-{switch}"))) {
        (None, None) => None,
        (on, off) => Some(on > off),
    }
}

fn files_from(file: &str, nul: bool) -> Result<FilesFrom, Failure> {
    if let Some((host, path)) = file.split_once(':')
        && !host.contains('/')
    {
        if !host.is_empty() {
            return Err(Failure::usage(format!(
                "--files-from={file} names a host: only the source's own can be asked, as :{}",
                path.trim_start_matches(':')
            )));
        }
        return Ok(FilesFrom::Server { path: path.trim_start_matches(':').to_owned(), nul });
    }
    let mut text = Vec::new();
    let read = match file {
        "-" => io::stdin().lock().read_to_end(&mut text).map(drop),
        _ => fs::read(file).map(|read| text = read),
    };
    read.map_err(|error| Failure::usage(format!("cannot read the list of files {file}: {error}")))?;
    let names = if nul { NameList::from_nul(&text) } else { NameList::from_lines(&text) };
    Ok(FilesFrom::Names(names.map_err(|error| Failure::usage(error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::parse_line;

    #[test]
    fn the_order_counts() {
        let selection = |text: &str| parse_line(text).unwrap().options.selection;
        assert_eq!(selection("-axx").one_file_system, 2);
        assert_eq!(selection("-axx --no-x").one_file_system, 0);
        assert!(!selection("-aR --no-R").relative && selection("-a --no-relative -R").relative);
        assert!(
            !selection("-aR --no-implied-dirs").implied_dirs && selection("-a --no-i-d --i-d").implied_dirs
        );
        assert_eq!(selection("-a -@-1").modify_window, -1);
        assert_eq!(selection("-a -@ 2").modify_window, 2);
        assert_eq!(selection("-a --modify-window=-1").modify_window, -1);
        assert!(selection("-a --ignore-non-existing").existing);
    }

    #[test]
    fn a_list_of_files_implies_whole_paths_and_not_all_of_archive() {
        let options = |text: &str| parse_line(text).unwrap().options;
        let from_server = |path: &str, nul| Some(FilesFrom::Server { path: path.to_owned(), nul });
        let plain = options("-a --files-from=:lists/a -0");
        assert_eq!(plain.selection.files_from, from_server("lists/a", true));
        assert!(plain.selection.relative && !plain.recursive);
        assert!(!options("-a --files-from=:a --no-R").selection.relative);
        assert!(
            options("-a -r --files-from=:a").recursive && !options("-r --no-r -a --files-from=:a").recursive
        );
        let list = options("-a --files-from=/dev/null").selection.files_from;
        assert_eq!(list, Some(FilesFrom::Names(NameList::default())));
        for (text, part) in [
            ("-a --files-from=h:a", "names a host"),
            ("-a --files-from=/nonexistent", "cannot read"),
            ("-a --files-from=:-", "does not name a file"),
            ("-a --max-size=x", "--max-size=x"),
            ("-a --delete-missing-args", "--ignore-missing-args"),
        ] {
            let message = parse_line(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
