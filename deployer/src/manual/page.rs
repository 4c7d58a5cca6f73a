//! The pages: the order of their sections, and what stands in each.

use clap::{Arg, Command as Parser};
use roff::{Inline, bold, italic, roman};

use super::help::{Help, List};
use super::sheet::Sheet;
use super::text::{self, Text};

/// A page, and the name of its file.
pub(super) struct Page {
    pub(super) file: String,
    pub(super) text: String,
}

/// A command with what there is to say about it.
struct Described<'a> {
    parser: &'a Parser,
    help: Help,
    text: Text,
}

impl<'a> Described<'a> {
    fn of(parser: &'a Parser) -> Self {
        let help = parser.get_after_help().map_or_else(Help::default, |help| Help::parse(&help.to_string()));
        Self { parser, help, text: text::of(parser.get_name()) }
    }

    fn about(&self) -> String {
        self.parser.get_about().map_or_else(String::new, ToString::to_string)
    }

    /// The words of the command, and what follows them.
    fn usage(&self) -> (String, String) {
        let name = self.parser.get_bin_name().unwrap_or(self.parser.get_name()).to_owned();
        let arguments = match self.parser.get_overridden_usage() {
            Some(usage) => usage.to_string().trim_start_matches(&name).trim().to_owned(),
            None => {
                let operands = self.parser.get_positionals().map(|arg| match arg.is_required_set() {
                    true => named(arg),
                    false => format!("[{}]", named(arg)),
                });
                let operands = operands.collect::<Vec<_>>().join(" ");
                format!("[OPTIONS] {operands}").trim().to_owned()
            }
        };
        (name, arguments)
    }
}

/// The parser with all that it adds by itself.
pub(super) fn ready(mut parser: Parser) -> Parser {
    parser = parser.disable_help_subcommand(true);
    parser.build();
    parser
}

fn commands(parser: &Parser) -> Vec<Described<'_>> {
    parser.get_subcommands().filter(|command| !command.is_hide_set()).map(Described::of).collect()
}

/// All of it as one page.
pub(super) fn whole(parser: &Parser) -> String {
    let commands = commands(parser);
    let mut sheet = beginning(parser, &commands);
    sheet.section("Options of each command");
    for command in &commands {
        let (name, _) = command.usage();
        sheet.subsection(&name);
        description(&mut sheet, command);
        options(&mut sheet, command.parser, Sheet::heading);
        for list in command.help.others() {
            sheet.heading(&list.title);
            table(&mut sheet, list);
        }
    }
    sheet.section("Examples");
    for list in commands.iter().filter_map(|command| command.help.examples()) {
        examples(&mut sheet, list);
    }
    ending(&mut sheet, &commands, &[]);
    sheet.finish()
}

/// A page for the program, and one for each command.
pub(super) fn each(parser: &Parser) -> Vec<Page> {
    let commands = commands(parser);
    let others: Vec<_> =
        commands.iter().map(|command| format!("deployer-{}(1)", command.parser.get_name())).collect();
    let mut sheet = beginning(parser, &commands);
    ending(&mut sheet, &commands, &others);
    let mut pages = vec![Page { file: "deployer.1".to_owned(), text: sheet.finish() }];
    pages.extend(commands.into_iter().map(one));
    pages
}

/// The page of one command.
fn one(command: Described<'_>) -> Page {
    let name = format!("deployer-{}", command.parser.get_name());
    let mut sheet = Sheet::new(&name, env!("CARGO_PKG_VERSION"));
    sheet.section("Name");
    sheet.name(&name, &clause(&command.about()));
    sheet.section("Synopsis");
    let (words, arguments) = command.usage();
    sheet.synopsis(&words, &arguments);
    sheet.section("Description");
    description(&mut sheet, &command);
    sheet.section("Options");
    options(&mut sheet, command.parser, Sheet::subsection);
    for list in command.help.others() {
        sheet.section(&list.title);
        table(&mut sheet, list);
    }
    if let Some(list) = command.help.examples() {
        sheet.section("Examples");
        examples(&mut sheet, list);
    }
    ending(&mut sheet, &[command], &["deployer(1)".to_owned()]);
    Page { file: format!("{name}.1"), text: sheet.finish() }
}

/// What the page of the program begins with.
fn beginning(parser: &Parser, commands: &[Described<'_>]) -> Sheet {
    let program = Described::of(parser);
    let mut sheet = Sheet::new("deployer", env!("CARGO_PKG_VERSION"));
    sheet.section("Name");
    sheet.name("deployer", &clause(&program.about()));
    sheet.section("Synopsis");
    for command in commands {
        let (words, arguments) = command.usage();
        sheet.synopsis(&words, &arguments);
    }
    sheet.section("Description");
    description(&mut sheet, &program);
    sheet.section("Commands");
    for command in commands {
        sheet.item(vec![bold(command.parser.get_name())], &sentence(&command.about()));
    }
    sheet
}

/// What every page ends with, as far as it concerns these commands.
fn ending(sheet: &mut Sheet, commands: &[Described<'_>], pages: &[String]) {
    sheet.section("Exit status");
    let mut tables: Vec<(&List, Vec<&str>)> = Vec::new();
    for command in commands {
        let Some(list) = command.help.exit_codes() else { continue };
        match tables.iter_mut().find(|(known, _)| *known == list) {
            Some((_, names)) => names.push(command.parser.get_name()),
            None => tables.push((list, vec![command.parser.get_name()])),
        }
    }
    for (list, names) in &tables {
        if commands.len() > 1 {
            sheet.subsection(&format!("Of {}", names.join(", ")));
        }
        for (code, text) in list.items() {
            sheet.item(vec![bold(code)], &sentence(text));
        }
    }
    for (title, pairs) in [
        ("Environment", of_all(commands, |text| text.environment)),
        ("Files", of_all(commands, |text| text.files)),
    ] {
        if !pairs.is_empty() {
            sheet.section(title);
        }
        for (name, text) in pairs {
            sheet.item(vec![bold(name)], text);
        }
    }
    sheet.section("See also");
    let others = match commands {
        [command] => command.text.see_also,
        _ => text::of("deployer").see_also,
    };
    let others = others.iter().map(|page| (*page).to_owned());
    sheet.pages(&pages.iter().cloned().chain(others).collect::<Vec<_>>());
}

type Pairs = &'static [&'static [(&'static str, &'static str)]];

/// What these commands have to say, once each.
fn of_all(commands: &[Described<'_>], part: impl Fn(&Text) -> Pairs) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for pair in commands.iter().flat_map(|command| part(&command.text)).copied().flatten() {
        if !all.contains(pair) {
            all.push(*pair);
        }
    }
    all
}

fn description(sheet: &mut Sheet, command: &Described<'_>) {
    match command.text.description {
        [] => sheet.paragraph(&sentence(&command.about())),
        paragraphs => paragraphs.iter().for_each(|text| sheet.paragraph(text)),
    }
    command.help.paragraphs.iter().for_each(|text| sheet.paragraph(text));
}

/// The options that the help shows, by its headings.
fn options(sheet: &mut Sheet, parser: &Parser, heading: fn(&mut Sheet, &str)) {
    let shown: Vec<&Arg> = parser.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    let of = |arg: &Arg| match arg.get_help_heading() {
        Some(heading) => heading.to_owned(),
        None if arg.is_positional() => "Arguments".to_owned(),
        None => "Options".to_owned(),
    };
    let mut headings: Vec<String> = Vec::new();
    for arg in &shown {
        let heading = of(arg);
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    // Arguments stand first, as in the help.
    headings.sort_by_key(|heading| heading != "Arguments");
    for title in &headings {
        if headings.len() > 1 {
            heading(sheet, title);
        }
        for arg in shown.iter().filter(|arg| of(arg) == *title) {
            sheet.item(spelled(arg), &explained(arg));
        }
    }
}

/// All names of an option, with what its value is called.
fn spelled(arg: &Arg) -> Vec<Inline> {
    if arg.is_positional() {
        return vec![italic(named(arg))];
    }
    let mut parts = Vec::new();
    let shorts = arg.get_short().into_iter().chain(arg.get_visible_short_aliases().unwrap_or_default());
    let longs = arg.get_long().into_iter().chain(arg.get_visible_aliases().unwrap_or_default());
    let value = arg.get_num_args().is_some_and(|count| count.takes_values()).then(|| named(arg));
    let names =
        shorts.map(|short| (format!("-{short}"), " ")).chain(longs.map(|long| (format!("--{long}"), "=")));
    for (name, between) in names {
        if !parts.is_empty() {
            parts.push(roman(", "));
        }
        parts.push(bold(name));
        if let Some(value) = &value {
            parts.extend([roman(between), italic(value)]);
        }
    }
    parts
}

fn named(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().as_str().to_uppercase(),
    }
}

/// What the help says, as a sentence, with what is taken for granted.
fn explained(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map_or_else(String::new, ToString::to_string);
    let mut text = sentence(&help);
    let takes = arg.get_num_args().is_some_and(|count| count.takes_values());
    let defaults = arg.get_default_values();
    if takes && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        let defaults: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
        text = format!("{} [default: {}].", text.trim_end_matches('.'), defaults.join(", "));
    }
    let possible = arg.get_possible_values();
    if takes && !possible.is_empty() && !arg.is_hide_possible_values_set() {
        let names: Vec<_> = possible.iter().map(|value| format!("`{}`", value.get_name())).collect();
        text = format!("{text} One of {}.", names.join(", "));
    }
    text
}

/// Lines of what is explained and how.
fn table(sheet: &mut Sheet, list: &List) {
    for (what, text) in list.items() {
        sheet.item(vec![bold(what)], text);
    }
}

/// Command lines, and what stands between them to introduce them.
fn examples(sheet: &mut Sheet, list: &List) {
    for line in &list.lines {
        match line.trim() {
            command if command.starts_with("deployer") => sheet.code(command),
            text => sheet.paragraph(text),
        }
    }
}

/// With a full stop.
fn sentence(text: &str) -> String {
    match text.trim_end() {
        "" => String::new(),
        text if text.ends_with(['.', ':', '?']) => text.to_owned(),
        text => {
            let mut chars = text.chars();
            let first = chars.next().into_iter().flat_map(char::to_uppercase);
            format!("{}.", first.chain(chars).collect::<String>())
        }
    }
}

/// As what follows a dash.
fn clause(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn every_option_that_the_help_shows_is_in_both_forms() {
        let parser = ready(cli::parser());
        let plain = |text: &str| text.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
        let (whole, pages) = (plain(&whole(&parser)), each(&parser));
        for command in parser.get_subcommands() {
            let file = format!("deployer-{}.1", command.get_name());
            let page = pages.iter().find(|page| page.file == file).expect("each command has a page");
            let page = plain(&page.text);
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long() else { continue };
                let shown = |text: &str| {
                    text.lines().any(|line| {
                        let mut names = line.split(", ").map(|name| name.split('=').next());
                        line.starts_with('-') && names.any(|name| name == Some(&format!("--{long}")))
                    })
                };
                assert_eq!(shown(&page), !arg.is_hide_set(), "--{long} in {file}");
                assert!(arg.is_hide_set() || shown(&whole), "--{long} in the whole");
            }
        }
    }

    #[test]
    fn every_page_has_its_sections() {
        let parser = ready(cli::parser());
        for page in each(&parser) {
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
                let line = format!(".SH {section}");
                assert!(page.text.lines().any(|text| text == line), "{line} in {}", page.file);
            }
        }
        let whole = whole(&parser);
        for section in ["EXAMPLES", "ENVIRONMENT", "FILES"] {
            assert!(whole.contains(&format!(".SH {section}\n")), "{section}");
        }
    }

    #[test]
    fn texts_are_of_commands_that_there_are() {
        let parser = ready(cli::parser());
        for name in text::COMMANDS {
            assert!(*name == "deployer" || parser.find_subcommand(name).is_some(), "{name}");
        }
    }
}
