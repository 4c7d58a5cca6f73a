//! What the help of a command says behind its options, taken apart: paragraphs, and lists with a title.

/// The parts, in their order.
#[derive(Debug, Default)]
pub(super) struct Help {
    pub(super) paragraphs: Vec<String>,
    pub(super) lists: Vec<List>,
}

/// Lines below a title, without the two blanks before each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

impl Help {
    /// Takes a text apart, at its empty lines.
    pub(super) fn parse(text: &str) -> Self {
        let mut help = Self::default();
        for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
            match block.split_once('\n').and_then(|(first, rest)| Some((first.strip_suffix(':')?, rest))) {
                Some((title, rest)) => {
                    let lines = rest.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned());
                    help.lists.push(List { title: title.to_owned(), lines: lines.collect() });
                }
                None => help.paragraphs.push(block.lines().map(str::trim).collect::<Vec<_>>().join(" ")),
            }
        }
        help
    }

    /// The examples.
    pub(super) fn examples(&self) -> Option<&List> {
        self.lists.iter().find(|list| list.title.starts_with("Example"))
    }

    /// The table of exit codes.
    pub(super) fn exit_codes(&self) -> Option<&List> {
        self.lists.iter().find(|list| list.title == "Exit codes")
    }

    /// All else.
    pub(super) fn others(&self) -> impl Iterator<Item = &List> {
        let known = [self.examples(), self.exit_codes()];
        self.lists.iter().filter(move |list| !known.contains(&Some(*list)))
    }
}

impl List {
    /// The lines as what is explained and its explanation, with blanks in between.
    pub(super) fn items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| {
            let (what, text) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            (what, text.trim())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_lists_are_told_apart() {
        let help = Help::parse(
            "One\ntwo.\n\nExamples:\n  Say:\n    run it\n\nExit codes:\n   0  well\n  11  a b  c",
        );
        assert_eq!(help.paragraphs, ["One two."]);
        assert_eq!(help.examples().unwrap().lines, ["Say:", "  run it"]);
        let codes = help.exit_codes().unwrap();
        assert_eq!(codes.items().collect::<Vec<_>>(), [("0", "well"), ("11", "a b  c")]);
        assert_eq!(help.others().count(), 0);
    }
}
