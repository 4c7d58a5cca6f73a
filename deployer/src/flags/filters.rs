//! Filter rules, in rsync's spelling and in the order in which they were typed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Options;
use rsync_proto::filter::FilterError;

use super::switches::{Switch, switch};
use crate::exit::{Exit, Failure};

pub(super) const SWITCHES: &[Switch] = &[
    switch("cvs-exclude", Some('C'), "Leave out what CVS ignores, after all other rules", |options, on| {
        options.filters.set_cvs_exclude(on);
    }),
    switch("prune-empty-dirs", Some('m'), "Leave out directories that would be empty", |options, on| {
        options.prune_empty_dirs = on;
    }),
];

/// What adds to the list of rules, by its long name.
const OPTIONS: [(&str, &str, &str); 5] = [
    ("filter", "RULE", "Add a filter rule, as \"- *.bak\" or \"merge FILE\""),
    ("exclude", "PATTERN", "Leave out, and protect, what matches PATTERN"),
    ("include", "PATTERN", "Do not leave out what matches PATTERN"),
    ("exclude-from", "FILE", "Take patterns for --exclude from the lines of FILE, or of - for stdin"),
    ("include-from", "FILE", "Take patterns for --include from the lines of FILE, or of - for stdin"),
];

/// Directories without their content, by a rule.
const OLD_DIRS: &str = "old-dirs";

/// What stands for itself, and counts by its place among the others.
const MARKERS: [(&str, Option<char>, &str); 3] = [
    (
        "F",
        Some('F'),
        "Take rules from each directory's .rsync-filter; given twice, leave these files out as well",
    ),
    (
        "from0",
        Some('0'),
        "In files that are read from here on, rules end with a NUL, not with the line; so do names of --files-from",
    ),
    ("no-from0", None, ""),
];

/// The options as arguments.
pub(super) fn arguments(parser: Parser) -> Parser {
    let valued = OPTIONS.map(|(long, value, help)| {
        let arg = Arg::new(long)
            .long(long)
            .value_name(value)
            .help(help)
            .value_parser(value_parser!(OsString))
            .allow_hyphen_values(true)
            .action(ArgAction::Append);
        if long == "filter" { arg.short('f') } else { arg }
    });
    let markers = MARKERS.map(|(id, short, help)| {
        let mut arg = Arg::new(id).num_args(0).default_missing_value("").action(ArgAction::Append).help(help);
        if id.len() > 1 {
            arg = arg.long(id);
        }
        match short {
            Some(short) => arg.short(short),
            None => arg.hide(true),
        }
    });
    let old_dirs = Arg::new(OLD_DIRS)
        .long(OLD_DIRS)
        .visible_alias("old-d")
        .help("As --dirs, for servers that do not know that: descends, and leaves out what it finds")
        .action(ArgAction::SetTrue);
    parser.args(valued).args(markers).arg(old_dirs)
}

/// Adds the rules that were typed, in their order, and reads the files that they name.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    let mut typed: Vec<(usize, &str, &OsStr)> = Vec::new();
    for (id, ..) in OPTIONS {
        let values = matches.get_many::<OsString>(id).into_iter().flatten();
        let places = matches.indices_of(id).into_iter().flatten();
        typed.extend(places.zip(values).map(|(at, value)| (at, id, value.as_os_str())));
    }
    for (id, ..) in MARKERS {
        typed.extend(matches.indices_of(id).into_iter().flatten().map(|at| (at, id, OsStr::new(""))));
    }
    typed.sort_by_key(|(at, ..)| *at);
    if matches.get_flag(OLD_DIRS) {
        options.recursive = true;
    }
    let filters = &mut options.filters;
    let mut per_directory = 0;
    for (_, option, value) in typed {
        let text = value.as_bytes();
        match option {
            "filter" => filters.add(text, &mut read_named)?,
            "exclude" => filters.exclude(text)?,
            "include" => filters.include(text)?,
            "exclude-from" | "include-from" => {
                let content = read_named(text).map_err(|error| Failure {
                    message: format!("--{option}: {} cannot be read: {error}", value.display()),
                    exit: Exit::LocalFiles,
                })?;
                filters.add_file(text, &content, option == "include-from")?;
            }
            "from0" | "no-from0" => filters.set_from0(option == "from0"),
            _ => {
                per_directory += 1;
                let rule: &[u8] = match per_directory {
                    1 => b": /.rsync-filter",
                    2 => b"- .rsync-filter",
                    _ => continue,
                };
                filters.add(rule, &mut read_named)?;
            }
        }
    }
    if matches.get_flag(OLD_DIRS) {
        filters.add(b"- /*/*", &mut read_named)?;
    }
    if filters.uses_cvs() {
        let (home, variable) = cvs_ignored();
        filters.set_cvs_ignored(home, variable);
    }
    Ok(())
}

/// Whether one of the files of rules is standard input.
pub(super) fn reads_standard_input(matches: &ArgMatches) -> bool {
    let files = ["exclude-from", "include-from"].iter().flat_map(|id| matches.get_many::<OsString>(id));
    let merges = |rule: &OsString| {
        let rule = rule.as_bytes();
        (rule.starts_with(b".") || rule.starts_with(b"merge"))
            && (rule.ends_with(b" -") || rule.ends_with(b"_-"))
    };
    files.flatten().any(|file| file == "-")
        || matches.get_many::<OsString>("filter").is_some_and(|mut rules| rules.any(merges))
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        let exit = if error.is_unreadable_file() { Exit::LocalFiles } else { Exit::Usage };
        Self { message: error.to_string(), exit }
    }
}

/// A file of rules; `-` is standard input.
fn read_named(name: &[u8]) -> io::Result<Vec<u8>> {
    if name == b"-" {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        return Ok(text);
    }
    fs::read(OsStr::from_bytes(name))
}

/// What the user lets CVS ignore: a file in the home directory, which may be missing, and a variable.
fn cvs_ignored() -> (Vec<u8>, Vec<u8>) {
    let home = std::env::var_os("HOME")
        .and_then(|home| fs::read(std::path::Path::new(&home).join(".cvsignore")).ok())
        .unwrap_or_default();
    (home, std::env::var_os("CVSIGNORE").map(OsString::into_vec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::parse_line;
    use rsync_proto::filter::Filters;

    fn filters(text: &str) -> Filters {
        parse_line(&format!("-a {text}"))
            .unwrap_or_else(|message| panic!("{text}: {message}"))
            .options
            .filters
    }

    fn sent(text: &str) -> String {
        String::from_utf8_lossy(&filters(text).on_wire(32, false)).replace(|c: char| c < ' ', "|")
    }

    #[test]
    fn the_order_in_which_they_are_typed_counts() {
        let text = "--exclude a -f '+ b' --include=c -F --filter='H d' -FC --exclude='!' -f-_e";
        assert_eq!(sent("--exclude a -f '+ b' --include=c -F").matches("|||").count(), 5);
        assert!(filters(text).cvs_exclude());
        assert!(sent(text).contains("- e") && !sent(text).contains("+ b"), "{}", sent(text));
        let twice = sent("-FF --exclude x");
        let places = [": /.rsync-filter", "- .rsync-filter", "- x"].map(|part| twice.find(part));
        assert!(places.is_sorted() && places[0].is_some(), "{twice}");
    }

    #[test]
    fn files_are_read_as_they_are_meant() {
        let mut lines = tempfile::NamedTempFile::new().unwrap();
        lines.write_all(b"# no\na b\n\n+ c\n").unwrap();
        let mut nuls = tempfile::NamedTempFile::new().unwrap();
        nuls.write_all(b"d\ne\0f").unwrap();
        let (lines, nuls) = (lines.path().display(), nuls.path().display());
        let text =
            sent(&format!("--exclude-from {lines} -0 --include-from={nuls} --no-from0 -f 'merge,- {lines}'"));
        let places = ["- a b", "+ c", "+ d|e", "+ f", "- a b", "- + c"].map(|part| text.find(part));
        assert!(places.iter().all(Option::is_some), "{text}");
    }

    #[test]
    fn mistakes_name_the_rule_and_its_place() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"- fine\nwrong\n").unwrap();
        let path = file.path().display().to_string();
        for (text, parts) in [
            (format!("-f '. {path}'"), [&path[..], "line 2", "\"wrong\""]),
            ("-f 'x y'".to_owned(), ["\"x y\"", "begins with none", "--exclude"]),
            (
                "--exclude-from /nowhere/at/all".to_owned(),
                ["--exclude-from", "/nowhere/at/all", "cannot be read"],
            ),
            (
                "-f 'merge /nowhere/at/all'".to_owned(),
                ["\"merge /nowhere", "/nowhere/at/all", "cannot be read"],
            ),
        ] {
            let message = parse_line(&format!("-a {text}")).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
        }
    }
}
