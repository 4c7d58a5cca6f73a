//! What is said about a transfer, in rsync's spelling. Nothing of it changes what is transferred.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};

use crate::exit::Failure;
use crate::format::Format;
use crate::levels::{Info, Levels, Odd, debug_help, info_help};
use crate::numbers::Form;

/// The format of `-i`, and of log files.
const ITEMIZED: &str = "%i %n%L";
/// The format of `-v`.
const NAMES: &str = "%n%L";

/// When lines on standard output are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buffering {
    /// Each at once.
    Lines,
    /// When there are many, or none for a while.
    Blocks,
}

/// A log file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    /// Of lines about files; nothing for none.
    pub(crate) format: Option<Format>,
}

/// What is said, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) verbose: u8,
    pub(crate) levels: Levels,
    pub(crate) quiet: bool,
    /// Of lines about files on standard output; nothing for none.
    pub(crate) format: Option<Format>,
    /// Whether files that are as they should be have lines, too.
    pub(crate) unchanged: bool,
    pub(crate) log: Option<Log>,
    pub(crate) numbers: Form,
    /// Bytes of names that are not UTF-8 are shown as they are.
    pub(crate) eight_bit: bool,
    /// Nothing where it depends on where the output goes.
    pub(crate) buffering: Option<Buffering>,
    /// Everything goes to standard error.
    pub(crate) all_to_stderr: bool,
    pub(crate) motd: bool,
    /// Shown unless switched off.
    pub(crate) progress: Option<bool>,
    pub(crate) list_only: bool,
    pub(crate) events: Option<String>,
}

/// What there is instead of an output.
pub(crate) enum Asked {
    Output(Box<Output>),
    /// This text was asked for.
    Help(String),
}

fn flag(long: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).help(help).action(ArgAction::SetTrue)
}

/// A flag that may stand several times, and whose place counts.
fn placed(long: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).help(help).num_args(0).default_missing_value("").action(ArgAction::Append)
}

fn value(long: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).value_name(name).help(help)
}

/// `--no-…` of a flag, with the short form of its name.
fn off(long: &'static str, short: &'static str) -> Arg {
    placed(long, "").long(long).alias(short).hide(true)
}

/// Adds what a description may name as well: it changes nothing there.
pub(crate) fn in_descriptions(parser: Parser) -> Parser {
    parser
        .arg(placed("verbose", "Name what is transferred; twice: and what is not").short('v'))
        .arg(off("no-verbose", "no-v"))
        .arg(flag("quiet", "Say nothing but errors").short('q'))
        .arg(
            placed(
                "itemize-changes",
                "Name every change, with what changes of it; twice: and what does not change",
            )
            .short('i'),
        )
        .arg(off("no-itemize-changes", "no-i"))
        .arg(flag("stats", "Show figures at the end"))
        .arg(flag("progress", "Show how far it is, even beside other output").overrides_with("no-progress"))
        .arg(flag("no-progress", "").hide(true))
        .arg(placed("human-readable", "Show numbers in units of 1000; twice: of 1024").short('h'))
        .arg(off("no-human-readable", "no-h").help("Show numbers without commas").hide(false))
        .arg(placed("8-bit-output", "Show bytes of names that are not UTF-8 as they are").short('8'))
        .arg(off("no-8-bit-output", "no-8"))
        .arg(flag("no-motd", "Leave out the daemon's message of the day").overrides_with("motd"))
        .arg(flag("motd", "").hide(true))
}

/// Adds everything.
pub(crate) fn on_the_command_line(parser: Parser) -> Parser {
    in_descriptions(parser)
        .arg(
            value("out-format", "FORMAT", "Name changes in this form, such as \"%i %n%L\"")
                .alias("log-format"),
        )
        .arg(
            value("log-file", "FILE", "Write what is done to this file as well, behind what is there")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(value("log-file-format", "FORMAT", "Form of changes in the log file [default: \"%i %n%L\"]"))
        .arg(
            value("info", "TOPICS", "What to tell beside changes; --info=help lists it")
                .action(ArgAction::Append),
        )
        .arg(
            value("debug", "TOPICS", "What to tell of the inside; --debug=help lists it")
                .action(ArgAction::Append),
        )
        .arg(flag("list-only", "List what is there in place of pulling it"))
        .arg(value("outbuf", "N|L|B", "Let go of output at once (N), by lines (L) or in blocks (B)"))
        .arg(
            value("stderr", "e|a|c", "What goes to standard error: errors, or all")
                .overrides_with_all(["msgs2stderr", "no-msgs2stderr"]),
        )
        .arg(flag("msgs2stderr", "Let everything go to standard error").hide(true))
        .arg(flag("no-msgs2stderr", "").hide(true))
        .arg(value("events", "FILE|fd:N", "Write what happens as JSON lines, for programs"))
}

/// Whether only the command line has this option.
pub(crate) fn is_for_the_command_line(option: &str) -> bool {
    let all = on_the_command_line(Parser::new("all"));
    let long = option.strip_prefix("--");
    long.is_some() && all.get_arguments().any(|arg| arg.get_long() == long)
}

/// Adds what a listing takes.
pub(crate) fn for_listings(parser: Parser) -> Parser {
    let wanted =
        ["human-readable", "no-human-readable", "8-bit-output", "no-8-bit-output", "no-motd", "motd"];
    let all = in_descriptions(Parser::new("all"));
    parser.args(
        all.get_arguments()
            .filter(|arg| wanted.contains(&arg.get_id().as_str()))
            .cloned()
            .map(|arg| arg.help_heading("Output")),
    )
}

/// How often a flag was typed since it was last switched off, and whether it was.
fn count(matches: &ArgMatches, on: &str, off: &str) -> (usize, bool) {
    let places = |id: &str| matches.indices_of(id).into_iter().flatten();
    let last_off = places(off).max();
    let on = places(on).filter(|place| last_off.is_none_or(|off| *place > off)).count();
    (on, last_off.is_some())
}

/// What was asked for.
pub(crate) fn read(matches: &ArgMatches) -> Result<Asked, Failure> {
    let text = |id: &str| matches.get_one::<String>(id);
    let set = |id: &str| matches.get_flag(id);
    let verbose = count(matches, "verbose", "no-verbose").0.min(9) as u8;
    let mut levels = Levels::new(verbose, set("stats"));
    for (id, take, help) in [
        ("info", Levels::info_words as fn(&mut Levels, &str) -> Result<(), Odd>, info_help as fn() -> String),
        ("debug", Levels::debug_words, debug_help),
    ] {
        for words in matches.get_many::<String>(id).into_iter().flatten() {
            match take(&mut levels, words) {
                Ok(()) => {}
                Err(Odd::Help) => return Ok(Asked::Help(help())),
                Err(Odd::Wrong(message)) => return Err(Failure::usage(message)),
            }
        }
    }
    let itemize = count(matches, "itemize-changes", "no-itemize-changes").0;
    let implied = if itemize > 0 { Some(ITEMIZED) } else { (levels.info(Info::Name) > 0).then_some(NAMES) };
    let format = text("out-format").map(String::as_str).or(implied).filter(|text| !text.is_empty());
    let progress = match (
        set("progress") || set(super::content::PARTIAL_PROGRESS),
        set("no-progress"),
        levels.asked(Info::Progress),
    ) {
        (true, ..) => Some(true),
        (_, true, _) => Some(false),
        (.., asked) => asked.map(|level| level > 0),
    };
    let output = Output {
        quiet: set("quiet"),
        unchanged: itemize > 1,
        format: format.map(Format::parse),
        log: log(matches)?,
        numbers: numbers(matches),
        eight_bit: count(matches, "8-bit-output", "no-8-bit-output").0 > 0,
        buffering: text("outbuf").map(|mode| buffering(mode)).transpose()?,
        all_to_stderr: all_to_stderr(text("stderr").map(String::as_str), set("msgs2stderr"))?,
        motd: !set("no-motd"),
        list_only: set("list-only"),
        events: text("events").cloned(),
        progress,
        verbose,
        levels,
    };
    if output.quiet && (output.verbose > 0 || output.progress == Some(true)) {
        return Err(Failure::usage("--quiet contradicts --verbose and --progress: choose one"));
    }
    Ok(Asked::Output(Box::new(output)))
}

/// What was asked for, of a listing.
pub(crate) fn read_listing(matches: &ArgMatches) -> Output {
    Output {
        numbers: numbers(matches),
        eight_bit: count(matches, "8-bit-output", "no-8-bit-output").0 > 0,
        motd: !matches.get_flag("no-motd"),
        list_only: true,
        ..Output::default()
    }
}

fn numbers(matches: &ArgMatches) -> Form {
    let (human, plain) = count(matches, "human-readable", "no-human-readable");
    Form::of(human + usize::from(!plain))
}

fn log(matches: &ArgMatches) -> Result<Option<Log>, Failure> {
    let path = matches.get_one::<PathBuf>("log-file");
    let format = matches.get_one::<String>("log-file-format");
    match (path, format) {
        (Some(path), format) => {
            let format = format.map_or(ITEMIZED, String::as_str);
            Ok(Some(Log { path: path.clone(), format: (!format.is_empty()).then(|| Format::parse(format)) }))
        }
        (None, Some(_)) => Err(Failure::usage("--log-file-format is of no use without --log-file")),
        (None, None) => Ok(None),
    }
}

fn buffering(mode: &str) -> Result<Buffering, Failure> {
    match mode.bytes().next().map(|first| first.to_ascii_uppercase()) {
        Some(b'N' | b'U' | b'L') => Ok(Buffering::Lines),
        Some(b'B' | b'F') => Ok(Buffering::Blocks),
        _ => Err(Failure::usage(format!("--outbuf takes N, L or B, not \"{mode}\""))),
    }
}

fn all_to_stderr(mode: Option<&str>, by_old_name: bool) -> Result<bool, Failure> {
    let is = |word: &str, mode: &str| !mode.is_empty() && word.starts_with(mode);
    match mode {
        None => Ok(by_old_name),
        Some(mode) if is("all", mode) => Ok(true),
        // What a daemon says comes over the connection in any case.
        Some(mode) if is("errors", mode) || is("client", mode) => Ok(false),
        Some(mode) => Err(Failure::usage(format!("--stderr takes errors, all or client, not \"{mode}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Asked, Failure> {
        let parser = super::super::of_pulls(Parser::new("pull"));
        read(&parser.no_binary_name(true).try_get_matches_from(words).unwrap())
    }

    fn output(words: &[&str]) -> Output {
        match parse(words) {
            Ok(Asked::Output(output)) => *output,
            Ok(Asked::Help(text)) => panic!("{text}"),
            Err(failure) => panic!("{}", failure.message),
        }
    }

    #[test]
    fn the_format_follows_from_what_was_typed() {
        assert_eq!(output(&[]).format, None);
        assert_eq!(output(&["-v"]).format, Some(Format::parse(NAMES)));
        assert_eq!(output(&["--info=name"]).format, Some(Format::parse(NAMES)));
        assert_eq!(output(&["-v", "-i"]).format, Some(Format::parse(ITEMIZED)));
        assert_eq!(output(&["-i", "--out-format=%n"]).format, Some(Format::parse("%n")));
        assert_eq!(output(&["-vi", "--no-i", "--no-v"]).format, None);
        assert!(output(&["-ii"]).unchanged && !output(&["-i"]).unchanged);
    }

    #[test]
    fn numbers_take_the_form_that_was_asked_for_last() {
        for (words, form) in [
            (&[][..], Form::Grouped),
            (&["-h"], Form::Decimal),
            (&["-hh"], Form::Binary),
            (&["-h", "--no-h"], Form::Plain),
            (&["--no-human-readable", "-h"], Form::Grouped),
        ] {
            assert_eq!(output(words).numbers, form, "{words:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (words, part) in [
            (&["--outbuf=X"][..], "--outbuf takes"),
            (&["--stderr=x"], "--stderr takes"),
            (&["--info=foo"], "knows no \"foo\""),
            (&["--debug=hash"], "hash"),
            (&["--log-file-format=%n"], "without --log-file"),
            (&["-q", "-v"], "contradicts"),
        ] {
            let Err(failure) = parse(words) else { panic!("{words:?} was taken") };
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        assert!(matches!(parse(&["--info=help"]), Ok(Asked::Help(text)) if text.contains("NONREG")));
    }

    #[test]
    fn both_names_of_an_output_are_known() {
        assert!(output(&["--msgs2stderr"]).all_to_stderr && output(&["--stderr=a"]).all_to_stderr);
        assert!(!output(&["--stderr=client"]).all_to_stderr && !output(&["--no-msgs2stderr"]).all_to_stderr);
        assert_eq!(output(&["--outbuf=l"]).buffering, Some(Buffering::Lines));
        assert_eq!(output(&["--info=progress2"]).progress, Some(true));
    }
}
