//! The parts of a page in the language of man(7).

use roff::{Inline, Roff, bold, italic, roman};

/// A page that is being written.
pub(super) struct Sheet {
    roff: Roff,
    /// Nothing stands below the last heading yet, so that a paragraph needs no space before it.
    fresh: bool,
}

impl Sheet {
    /// A page with this title, in section 1. It bears no date: the same program makes the same page.
    pub(super) fn new(title: &str, version: &str) -> Self {
        let mut roff = Roff::new();
        let (title, source) = (title.to_uppercase(), format!("deployer {version}"));
        roff.control("TH", [&title[..], "1", "\"\"", &source, "User Commands"]);
        Self { roff, fresh: true }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.roff.control("SH", [title.to_uppercase().as_str()]);
        self.fresh = true;
    }

    pub(super) fn subsection(&mut self, title: &str) {
        self.roff.control("SS", [title]);
        self.fresh = true;
    }

    fn begin_paragraph(&mut self) {
        if !std::mem::take(&mut self.fresh) {
            self.roff.control("PP", []);
        }
    }

    /// A heading below those.
    pub(super) fn heading(&mut self, title: &str) {
        self.begin_paragraph();
        self.roff.text([bold(title)]);
    }

    /// The line that indexes of manuals are made of.
    pub(super) fn name(&mut self, name: &str, about: &str) {
        self.roff.text([roman(format!("{name} - {about}"))]);
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.begin_paragraph();
        self.roff.text(styled(text));
    }

    /// A form of a command: its words bold, what stands for something slanted.
    pub(super) fn synopsis(&mut self, command: &str, arguments: &str) {
        if !std::mem::take(&mut self.fresh) {
            self.roff.control("br", []);
        }
        let mut parts = vec![bold(command)];
        for word in arguments.split_whitespace() {
            parts.push(roman(" "));
            match word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
                Some(word) => parts.extend([roman("["), italic(word), roman("]")]),
                None => parts.push(italic(word)),
            }
        }
        self.roff.text(parts);
    }

    /// Something and its explanation.
    pub(super) fn item(&mut self, what: Vec<Inline>, text: &str) {
        self.fresh = false;
        self.roff.control("TP", []);
        self.roff.text(what);
        self.roff.text(styled(text));
    }

    /// As they are.
    pub(super) fn code(&mut self, line: &str) {
        self.begin_paragraph();
        self.roff.control("RS", ["4"]);
        self.roff.control("EX", []);
        self.roff.text([roman(line)]);
        self.roff.control("EE", []);
        self.roff.control("RE", []);
    }

    /// Other pages.
    pub(super) fn pages(&mut self, names: &[String]) {
        let mut parts = Vec::new();
        for (at, page) in names.iter().enumerate() {
            let (name, section) = page.split_once('(').unwrap_or((page, ""));
            let end = if at + 1 < names.len() { ", " } else { "" };
            parts.extend([bold(name), roman(format!("({section}{end}"))]);
        }
        self.roff.text(parts);
    }

    pub(super) fn finish(&self) -> String {
        self.roff.render()
    }
}

/// Between backquotes is what is typed, or stands in a file.
fn styled(text: &str) -> Vec<Inline> {
    text.split('`').enumerate().map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) }).collect()
}
