//! Options of a pull, in rsync's spelling: what is kept, how it is compared, how long to wait. The command line
//! and deploy descriptions take the same ones.

mod absent;
mod attributes;
mod content;
mod deletion;
mod described;
mod filters;
pub(crate) mod output;
mod selection;
mod sizes;
mod switches;
mod transport;
mod ways;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::checksum::ChecksumKind;
use rsync_proto::handshake::Digest;
use rsync_proto::options::{ChecksumChoice, MAX_PROTOCOL, MIN_PROTOCOL};
use rsync_proto::{Options, Timeouts};

use self::switches::Of;
use crate::exit::{Exit, Failure};
use crate::model::{PullOptions, Walls};

/// What a description that has no `rsync_flags` means.
const DEFAULT: &str = "-a -A -X";

/// The options of a description that names none.
pub(crate) fn default() -> PullOptions {
    parse_text(DEFAULT).expect("the default options are options")
}

/// Options in one line, as in a description.
pub(crate) fn parse_text(text: &str) -> Result<PullOptions, String> {
    let flags = parse_line(text)?;
    match described::misplaced(&flags.options).or_else(|| ways::misplaced(&flags.ways)) {
        Some((option, why)) => Err(format!("{option} has no place in a description: {why}")),
        None => Ok(flags),
    }
}

/// The same for any pull that needs no standard input.
fn parse_line(text: &str) -> Result<PullOptions, String> {
    let words = shlex::split(text).ok_or("a quote is not closed")?;
    let parser = output::in_descriptions(with_connection(with_transfer(Parser::new("rsync_flags"))))
        .no_binary_name(true);
    let matches = parser.try_get_matches_from(words).map_err(|error| match error.kind() {
        ErrorKind::UnknownArgument if output::is_for_the_command_line(&option_of(&error)) => {
            format!("{} is for the command line: a deployment says itself what it does", option_of(&error))
        }
        ErrorKind::UnknownArgument => unknown(&error, "only options stand here")
            .message
            .replace("--help lists", "`deployer pull --help` lists"),
        ErrorKind::DisplayHelp => "--help is for the command line".to_owned(),
        _ => sentence(&error),
    })?;
    if matches.get_one::<PathBuf>("password-file").is_some_and(|path| path.as_os_str() == "-") {
        return Err("the password cannot come from standard input here".to_owned());
    }
    if matches.get_one::<String>("files-from").is_some_and(|file| file == "-")
        || filters::reads_standard_input(&matches)
    {
        return Err("standard input cannot be read here: name a file".to_owned());
    }
    let flags = read(&matches).map_err(|problem| problem.message)?;
    if flags.options.dry_run {
        return Err("-n would leave the disks empty; `deployer plan` shows what would be done".to_owned());
    }
    if !flags.options.recursive && flags.options.selection.files_from.is_none() {
        return Err("without -a or -r nothing is pulled".to_owned());
    }
    flags.options.check().map_err(|error| error.to_string())?;
    Ok(flags)
}

/// Adds the options of a pull on the command line.
pub(crate) fn of_pulls(parser: Parser) -> Parser {
    let parser = with_connection(with_transfer(parser));
    output::on_the_command_line(parser.next_help_heading("Output"))
}

/// Adds those that matter for a listing.
pub(crate) fn of_listings(parser: Parser) -> Parser {
    let parser = output::for_listings(with_connection(parser).next_help_heading("Output"));
    filters::arguments(parser.next_help_heading("Which entries")).args(
        [switches::KEPT, filters::SWITCHES]
            .into_iter()
            .flat_map(|list| switches::arguments(Of::Listing, list)),
    )
}

fn with_transfer(parser: Parser) -> Parser {
    let switches = |list| switches::arguments(Of::Pull, list);
    let parser = parser.next_help_heading("What is kept").args(switches(switches::KEPT));
    let parser = parser.args(switches(attributes::SWITCHES)).args(attributes::arguments());
    let parser = parser.next_help_heading("Which entries").args(switches(selection::SWITCHES));
    let parser = filters::arguments(parser.args(selection::arguments()).args(switches(filters::SWITCHES)));
    let parser =
        parser.next_help_heading("How files are compared, and come").args(switches(switches::COMPARED));
    let parser = transport::arguments(content::arguments(parser.args(switches(content::SWITCHES))));
    let parser = parser.next_help_heading("Deletion");
    deletion::arguments(parser).args(switches(deletion::SWITCHES))
}

/// Adds what concerns the connection.
fn with_connection(parser: Parser) -> Parser {
    let text = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help)
    };
    ways::arguments(parser.next_help_heading("Connection"))
        // -h is --human-readable in rsync's spelling.
        .disable_help_flag(true)
        // The last one counts, as in rsync.
        .args_override_self(true)
        .arg(Arg::new("help").long("help").help("Show this help").action(ArgAction::Help))
        .arg(
            text("port", "PORT", "Port of the daemon, where the URL names none [default: 873]")
                .value_parser(value_parser!(u16)),
        )
        .arg(
            text("password-file", "FILE", "Take the password from the first line of FILE, or of - for stdin")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            text("require-digest", "NAME", "Give the password by this digest at least: sha512, sha256, sha1, md5, md4")
                .value_parser(PossibleValuesParser::new(Digest::ALL.map(Digest::name)))
                .hide_possible_values(true),
        )
        .arg(
            text("timeout", "SECONDS", "Give up after so long without data; 0 for never [default: 60]")
                .value_parser(value_parser!(u32))
                .overrides_with("no-timeout"),
        )
        .arg(
            text("contimeout", "SECONDS", "Give up after so long without a connection [default: 10]")
                .value_parser(value_parser!(u32).range(1..))
                .overrides_with("no-contimeout"),
        )
        // As --timeout=0 in rsync; and without a --contimeout, the default holds.
        .arg(Arg::new("no-timeout").long("no-timeout").action(ArgAction::SetTrue).hide(true))
        .arg(Arg::new("no-contimeout").long("no-contimeout").action(ArgAction::SetTrue).hide(true))
        .arg(
            text("retries", "NUM", "Connect again so often if the connection is lost or the server has no room [default: 0]")
                .value_parser(value_parser!(u32)),
        )
        .arg(
            Arg::new("sandbox")
                .long("sandbox")
                .help("Transfer nothing where the kernel cannot wall it in [default: wall it in where that can be]")
                .action(ArgAction::SetTrue)
                .overrides_with("no-sandbox"),
        )
        .arg(
            Arg::new("no-sandbox")
                .long("no-sandbox")
                .help("Do without walls of the kernel around the transfer")
                .action(ArgAction::SetTrue),
        )
        .arg(
            text("protocol", "NUMBER", "Speak at most this version of the protocol")
                .value_parser(value_parser!(u8)),
        )
        .arg(
            text(
                "checksum-choice",
                "NAME",
                "Checksum in place of a negotiated one: xxh128, xxh3, xxh64, md5, md4, sha1; two with a comma: the second \
                 for -c",
            )
            .visible_alias("cc"),
        )
}

/// What the options of a pull come to.
pub(crate) fn read(matches: &ArgMatches) -> Result<PullOptions, Failure> {
    let mut pull = read_for(Of::Pull, matches)?;
    let options = &mut pull.options;
    attributes::apply(matches, options)?;
    content::apply(matches, options)?;
    deletion::apply(matches, options)?;
    selection::apply(matches, options)?;
    transport::apply(matches, options)?;
    Ok(pull)
}

/// What those of a listing come to.
pub(crate) fn read_listing(matches: &ArgMatches) -> Result<PullOptions, Failure> {
    read_for(Of::Listing, matches)
}

fn read_for(of: Of, matches: &ArgMatches) -> Result<PullOptions, Failure> {
    let mut options = Options::default();
    options.protocol = matches.get_one("protocol").copied().unwrap_or(MAX_PROTOCOL);
    if !(MIN_PROTOCOL..=MAX_PROTOCOL).contains(&options.protocol) {
        return Err(Failure {
            message: format!("--protocol takes {MIN_PROTOCOL} to {MAX_PROTOCOL}, not {}", options.protocol),
            exit: Exit::Protocol,
        });
    }
    if let Some(name) =
        matches.get_one::<String>("checksum-choice").filter(|name| !name.eq_ignore_ascii_case("auto"))
    {
        options.checksum_choice = Some(checksums(name)?);
    }
    switches::apply(matches, of, &mut options);
    filters::apply(matches, &mut options)?;
    let mut timeouts = Timeouts::default();
    let never = matches.get_flag("no-timeout").then_some(&0);
    if let Some(seconds) = matches.get_one::<u32>("timeout").or(never) {
        options.server_timeout = *seconds;
        timeouts.idle = (*seconds > 0).then(|| Duration::from_secs((*seconds).into()));
        timeouts.first_byte = timeouts.idle.map_or(timeouts.first_byte, |idle| idle.min(timeouts.first_byte));
        timeouts.handshake = timeouts.idle.map_or(timeouts.handshake, |idle| idle.min(timeouts.handshake));
    }
    if let Some(seconds) = matches.get_one::<u32>("contimeout") {
        timeouts.connect = Duration::from_secs((*seconds).into());
    }
    let password_file = matches.get_one::<PathBuf>("password-file").cloned();
    let least_digest = matches.get_one::<String>("require-digest").and_then(|name| Digest::from_name(name));
    let retries = matches.get_one("retries").copied().unwrap_or(0);
    let port = matches.get_one("port").copied();
    let walls = match (matches.get_flag("sandbox"), matches.get_flag("no-sandbox")) {
        (true, _) => Walls::Demanded,
        (_, true) => Walls::None,
        _ => Walls::Possible,
    };
    let ways = ways::read(matches, &mut options);
    Ok(PullOptions { options, timeouts, retries, password_file, least_digest, port, ways, walls })
}

/// One name for both, or one for what is transferred and one for whole files (`-c`).
fn checksums(names: &str) -> Result<ChecksumChoice, Failure> {
    match names.split_once(',') {
        Some((transfer, files)) => {
            Ok(ChecksumChoice { transfer: checksum(transfer)?, files: checksum(files)? })
        }
        None => Ok(checksum(names)?.into()),
    }
}

fn checksum(name: &str) -> Result<ChecksumKind, Failure> {
    let name = &name.to_ascii_lowercase()[..];
    ChecksumKind::from_name(name.as_bytes()).ok_or_else(|| {
        let known = ChecksumKind::ALL.map(ChecksumKind::name).join(", ");
        let message = match name {
            "none" => format!("--checksum-choice=none would leave files unverified; choose one of {known}"),
            _ => format!("--checksum-choice knows no \"{name}\"; choose one of {known}"),
        };
        Failure { message, exit: Exit::Unsupported }
    })
}

/// What is wrong, in one line.
pub(crate) fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

/// The option that is wrong, as it was typed but for its value.
fn option_of(error: &clap::Error) -> String {
    context(error, ContextKind::InvalidArg).unwrap_or_default()
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    }
}

/// An option that is not there: named, with the one that may have been meant.
/// What does not begin with a dash gets another hint.
pub(crate) fn unknown(error: &clap::Error, for_words: &str) -> Failure {
    let option = option_of(error);
    if !option.starts_with('-') {
        return Failure::usage(format!("there is no place for {option:?} here; {for_words}"));
    }
    if let Some(sentence) = absent::sentence(&option) {
        let option = option.split('=').next().unwrap_or_default();
        return Failure::usage(format!("{option} is not here: {sentence}"));
    }
    let hint = match context(error, ContextKind::SuggestedArg) {
        Some(similar) => format!("did you mean {similar}?"),
        None => "--help lists those there are".to_owned(),
    };
    Failure::usage(format!("there is no option {option} here; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_take_the_options_of_a_pull() {
        let flags = parse_text("-aHAX --timeout 300 --password-file '/etc/a secret' --no-g").unwrap();
        assert!(flags.options.hard_links && flags.options.acls && !flags.options.group);
        assert_eq!(flags.timeouts.idle, Some(Duration::from_secs(300)));
        assert_eq!(flags.password_file, Some(PathBuf::from("/etc/a secret")));
        assert!(default().options.xattrs && default().options.recursive);
    }

    /// The table in the documentation against the parser: what is there is taken, and what is not has a sentence.
    #[test]
    fn the_table_of_options_is_true() {
        let parser = of_pulls(Parser::new("pull"));
        let known = |name: &str| {
            let letter = name.strip_prefix('-').and_then(|rest| rest.chars().next());
            parser.get_arguments().any(|arg| match name.strip_prefix("--") {
                Some(long) => {
                    arg.get_long() == Some(long) || arg.get_all_aliases().unwrap_or_default().contains(&long)
                }
                None => {
                    arg.get_short() == letter
                        || arg.get_all_short_aliases().unwrap_or_default().contains(&letter.unwrap())
                }
            })
        };
        let table = include_str!("../../../docs/options.md");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split(" | ").map(|cell| cell.trim_matches([' ', '|'])).collect())
            .collect();
        assert!(rows.len() > 140, "{} rows", rows.len());
        for row in rows {
            let value = if row[0].contains('=') { "=x" } else { "" };
            let names = row[0].split(", ").map(|name| name.trim_matches('`').split('=').next().unwrap());
            for name in names {
                match row[1] {
                    "same" | "safer" => assert!(known(name), "{name} is not taken"),
                    "no" => {
                        assert!(row.len() > 2 && !row[2].is_empty(), "{name}: there is no reason");
                        let value = if name.starts_with("--") { value } else { "" };
                        let message = parse_text(&format!("-a {name}{value}")).unwrap_err();
                        let bare =
                            message.contains("did you mean") || message.contains("lists those there are");
                        assert!(message.contains(name) && !bare, "{name}: {message}");
                    }
                    other => panic!("{name}: {other}"),
                }
            }
        }
    }

    #[test]
    fn options_that_make_no_sense_are_named() {
        for (text, part) in [
            ("-a --tims", "--tims"),
            ("-a --out-format=%n", "--out-format is for the command line"),
            ("-a --events=fd:3", "--events is for the command line"),
            ("-an", "-n would leave"),
            ("-AX", "without -a or -r"),
            ("-a 'open", "quote"),
            ("-a --timeout x", "--timeout"),
            ("-a somewhere", "somewhere"),
            ("-a --password-file -", "standard input"),
            ("-a --files-from -", "standard input"),
            ("-a --exclude-from -", "standard input"),
            ("-a --filter '. -'", "standard input"),
            ("-a --filter 'merge,- -'", "standard input"),
        ] {
            let message = parse_text(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
