//! What is told beside the transfer itself: the topics of `--info` and `--debug`, each with a level, and what `-v`
//! means for them.

use rsync_proto::options::Reports;

/// The highest level of a topic.
const HIGHEST: u8 = 4;

/// A topic of information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Info {
    Backup,
    Copy,
    Del,
    Flist,
    Misc,
    Mount,
    Name,
    Nonreg,
    Progress,
    Remove,
    Skip,
    Stats,
    Symsafe,
}

/// A topic of what goes on inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Debug {
    Cmd,
    Connect,
    Flist,
    Nstr,
    Proto,
}

const INFO: [(Info, &str, &str); 13] = [
    (Info::Backup, "BACKUP", "Mention files that are put aside"),
    (Info::Copy, "COPY", "Mention files that are copied here in place of being received"),
    (Info::Del, "DEL", "Mention deletions"),
    (Info::Flist, "FLIST", "Mention that the file list comes, and with level 2 how long it is"),
    (Info::Misc, "MISC", "Mention what fits nowhere else"),
    (Info::Mount, "MOUNT", "Mention file systems that are not entered"),
    (Info::Name, "NAME", "Mention what is updated, and with level 2 what is as it should be"),
    (Info::Nonreg, "NONREG", "Mention files that are skipped for their kind (0 silences)"),
    (Info::Progress, "PROGRESS", "Show how far it is, on standard error"),
    (Info::Remove, "REMOVE", "Let the server mention files that it removes"),
    (Info::Skip, "SKIP", "Mention files that an option leaves out"),
    (Info::Stats, "STATS", "Show the size of it all at the end, and with level 2 all figures"),
    (Info::Symsafe, "SYMSAFE", "Mention symlinks that lead out of the tree"),
];

const DEBUG: [(Debug, &str, &str); 5] = [
    (Debug::Cmd, "CMD", "Show the arguments that the server gets"),
    (Debug::Connect, "CONNECT", "Show where a connection is opened to"),
    (Debug::Flist, "FLIST", "Show whether differences or whole files are asked for"),
    (Debug::Nstr, "NSTR", "Show checksum and compression as they were agreed on"),
    (Debug::Proto, "PROTO", "Show the protocol version that was agreed on"),
];

/// What rsync can debug in itself and this program has not, or not in that form.
const NOT_HERE: [&str; 19] = [
    "ACL", "BACKUP", "BIND", "CHDIR", "DEL", "DELTASUM", "DUP", "EXIT", "FILTER", "FUZZY", "GENR", "HASH",
    "HLINK", "ICONV", "IO", "OWN", "RECV", "SEND", "TIME",
];

/// What a list of topics may end in, besides levels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// The topics are to be explained.
    Help,
    /// This sentence says what is wrong.
    Wrong(String),
}

/// The levels of all topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    verbose: u8,
    stats: bool,
    info: [Option<u8>; INFO.len()],
    debug: [Option<u8>; DEBUG.len()],
}

impl Levels {
    /// What `-v` so many times and `--stats` mean.
    pub(crate) fn new(verbose: u8, stats: bool) -> Self {
        Self { verbose, stats, ..Self::default() }
    }

    /// Takes the words of one `--info`. They count more than what `-v` means.
    pub(crate) fn info_words(&mut self, words: &str) -> Result<(), Odd> {
        let unknown = |word: &str| format!("--info knows no \"{word}\"; --info=help lists what there is");
        set(words, &mut self.info, |name| INFO.iter().position(|(_, own, _)| *own == name), unknown)
    }

    /// Takes the words of one `--debug`.
    pub(crate) fn debug_words(&mut self, words: &str) -> Result<(), Odd> {
        let unknown = |word: &str| {
            let there_are = DEBUG.map(|(_, name, _)| name).join(", ");
            match NOT_HERE.contains(&word.to_ascii_uppercase().as_str()) {
                true => format!(
                    "--debug={word} would show insides of rsync that are not here; there are {there_are}"
                ),
                false => format!("--debug knows no \"{word}\"; --debug=help lists what there is"),
            }
        };
        set(words, &mut self.debug, |name| DEBUG.iter().position(|(_, own, _)| *own == name), unknown)
    }

    /// The level of a topic of information.
    pub(crate) fn info(&self, topic: Info) -> u8 {
        self.info[topic as usize].unwrap_or_else(|| self.implied(topic))
    }

    /// The level that was asked for by name.
    pub(crate) fn asked(&self, topic: Info) -> Option<u8> {
        self.info[topic as usize]
    }

    fn implied(&self, topic: Info) -> u8 {
        let from = |level: u8| u8::from(self.verbose >= level);
        match topic {
            Info::Nonreg => 1,
            Info::Stats if self.stats => 2,
            Info::Copy | Info::Del | Info::Flist | Info::Stats | Info::Symsafe => from(1),
            Info::Name | Info::Misc => from(1) + from(2),
            Info::Backup | Info::Mount | Info::Remove | Info::Skip => from(2),
            Info::Progress => 0,
        }
    }

    /// The level of a topic of what goes on inside.
    pub(crate) fn debug(&self, topic: Debug) -> u8 {
        let implied_from = match topic {
            Debug::Cmd | Debug::Connect | Debug::Flist => 2,
            Debug::Proto => 4,
            Debug::Nstr => u8::MAX,
        };
        self.debug[topic as usize].unwrap_or(u8::from(self.verbose >= implied_from))
    }

    /// What the server has to know.
    pub(crate) fn for_server(&self) -> Reports {
        Reports {
            misc: self.asked(Info::Misc),
            mount: self.asked(Info::Mount),
            name: self.asked(Info::Name),
            remove: self.asked(Info::Remove),
            stats: self.asked(Info::Stats),
            symsafe: self.asked(Info::Symsafe),
        }
    }
}

fn set(
    words: &str,
    levels: &mut [Option<u8>],
    place: impl Fn(&str) -> Option<usize>,
    unknown: impl Fn(&str) -> String,
) -> Result<(), Odd> {
    for word in words.split(',').filter(|word| !word.is_empty()) {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &word[name.len()..];
        // More digits than fit are a high level all the same.
        let level = if digits.is_empty() { 1 } else { digits.parse().unwrap_or(HIGHEST).min(HIGHEST) };
        match name.to_ascii_uppercase().as_str() {
            "HELP" => return Err(Odd::Help),
            "NONE" => levels.fill(Some(0)),
            "ALL" => levels.fill(Some(level)),
            name_of_topic => match place(name_of_topic) {
                Some(at) => levels[at] = Some(level),
                None => return Err(Odd::Wrong(unknown(if name.is_empty() { word } else { name }))),
            },
        }
    }
    Ok(())
}

/// What `--info=help` says.
pub(crate) fn info_help() -> String {
    let implied = "What -v adds, each time:\n0) NONREG\n1) COPY,DEL,FLIST,MISC,NAME,STATS,SYMSAFE\n\
                   2) BACKUP,MISC2,MOUNT,NAME2,REMOVE,SKIP\n";
    help("--info", INFO.iter().map(|(_, name, text)| (*name, *text)), implied)
}

/// What `--debug=help` says.
pub(crate) fn debug_help() -> String {
    let implied = "What -v adds, each time:\n2) CMD,CONNECT,FLIST\n4) PROTO\n";
    help("--debug", DEBUG.iter().map(|(_, name, text)| (*name, *text)), implied)
}

fn help<'a>(option: &str, topics: impl Iterator<Item = (&'a str, &'a str)>, implied: &str) -> String {
    let general =
        [("ALL", "All of them (ALL2: on level 2)"), ("NONE", "None of them"), ("HELP", "This text")];
    let mut text =
        format!("{option} takes topics with commas between them; a number behind one is its level.\n\n");
    let line = |(name, about): (&str, &str)| format!("{name:<10} {about}\n");
    text.extend(topics.map(line));
    text.push('\n');
    text.extend(general.map(line));
    format!("{text}\n{implied}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_more_than_verbosity() {
        let mut levels = Levels::new(2, false);
        assert_eq!((levels.info(Info::Name), levels.info(Info::Skip), levels.info(Info::Nonreg)), (2, 1, 1));
        levels.info_words("name0,NONREG0,skip9").unwrap();
        assert_eq!((levels.info(Info::Name), levels.info(Info::Skip), levels.info(Info::Nonreg)), (0, 4, 0));
        levels.info_words("none,stats2").unwrap();
        assert_eq!((levels.info(Info::Flist), levels.info(Info::Stats)), (0, 2));
        levels.info_words("all").unwrap();
        assert_eq!((levels.info(Info::Flist), levels.info(Info::Progress)), (1, 1));
        assert_eq!(Levels::new(0, true).info(Info::Stats), 2);
    }

    #[test]
    fn topics_stand_where_they_are_looked_up() {
        assert!(INFO.iter().enumerate().all(|(at, (topic, ..))| *topic as usize == at));
        assert!(DEBUG.iter().enumerate().all(|(at, (topic, ..))| *topic as usize == at));
    }

    #[test]
    fn what_is_not_here_is_named() {
        let mut levels = Levels::default();
        assert_eq!(levels.info_words("name,help"), Err(Odd::Help));
        for (wrong, part) in [
            (levels.info_words("foo"), "--info knows no \"foo\""),
            (levels.debug_words("hash2"), "--debug=hash would show insides"),
            (levels.debug_words("bar"), "--debug knows no \"bar\""),
            (levels.info_words("7"), "knows no \"7\""),
        ] {
            let Err(Odd::Wrong(message)) = wrong else { panic!("{wrong:?}") };
            assert!(message.contains(part), "{message}");
        }
        levels.debug_words("cmd,proto0").unwrap();
        assert_eq!((levels.debug(Debug::Cmd), levels.debug(Debug::Proto)), (1, 0));
    }

    #[test]
    fn the_server_hears_what_was_asked_for() {
        let mut levels = Levels::new(3, true);
        assert_eq!(levels.for_server(), Reports::default());
        levels.info_words("mount,flist2").unwrap();
        assert_eq!(levels.for_server(), Reports { mount: Some(1), ..Reports::default() });
    }
}
