//! From text to rules: a single rule, and files of rules by lines or words.

use super::error::FilterError;
use super::pattern::Place;
use super::rule::Marks;
use crate::limits;

/// A rule as it was read, before files that it names are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// `!`
    Clear,
    Pattern(Marks, Vec<u8>),
    /// `.`
    Merge(Marks, Vec<u8>),
    /// `:`
    DirMerge(Marks, Vec<u8>),
    Cvs(Marks, Vec<u8>),
}

/// How rules are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As a pattern, with `+ ` or `- ` in front at most: `--exclude` and the like.
    Old,
    /// With a prefix, as for `--filter`.
    Prefixed,
}

/// Blanks that separate words.
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What the rules of a file have from the rule that names it.
pub(super) fn place_of(marks: Marks, otherwise: &Place) -> Place {
    if marks.absolute { Place::FileSystem } else { otherwise.clone() }
}

/// Hands out the rules of a file one by one.
pub(super) fn each_rule(
    text: &[u8],
    file: &[u8],
    container: Marks,
    style: Style,
    from0: bool,
    take: &mut dyn FnMut(Parsed) -> Result<(), FilterError>,
) -> Result<(), FilterError> {
    let is_end = |byte: &u8| match (from0, container.words) {
        (_, true) if is_space(byte) => true,
        (true, _) => *byte == 0,
        (false, _) => matches!(byte, b'\n' | b'\r'),
    };
    let mut line = 1;
    for piece in text.split_inclusive(is_end) {
        let rule = piece.strip_suffix(&piece[piece.len() - 1..]).filter(|_| is_end(&piece[piece.len() - 1]));
        let rule = rule.unwrap_or(piece);
        let comment = !container.words && matches!(rule.first(), Some(b'#' | b';'));
        if !rule.is_empty() && !comment {
            parse_rule(rule, container, style)
                .and_then(&mut *take)
                .map_err(|error| error.within(file, (!from0).then_some(line)))?;
        }
        line += usize::from(piece.ends_with(b"\n"));
    }
    Ok(())
}

/// One rule. The container is the rule that names the file in which this one stands; on the command line, one that
/// says nothing, or only that rules include.
pub(super) fn parse_rule(text: &[u8], container: Marks, style: Style) -> Result<Parsed, FilterError> {
    let fail = |problem: &str| Err(FilterError::new(text, problem));
    if text.contains(&0) {
        return fail("it contains a NUL");
    }
    let mut marks = Marks {
        include: container.include,
        directory: container.directory,
        absolute: container.absolute,
        perishable: container.perishable,
        ..Marks::default()
    };
    let mut rest = text;
    let mut kind = b'-';
    if container.no_prefixes {
        if text == b"!" && container.cvs {
            return Ok(Parsed::Clear);
        }
    } else if style == Style::Old {
        match text {
            b"!" => return Ok(Parsed::Clear),
            [b'-', b' ', tail @ ..] => (marks.include, rest) = (false, tail),
            [b'+', b' ', tail @ ..] => (marks.include, rest) = (true, tail),
            _ => {}
        }
    } else {
        (kind, rest) = kind_of(text).ok_or_else(|| {
            FilterError::new(
                text,
                "it begins with none of - + . : H S P R ! nor with their names; patterns alone are for --exclude and --include",
            )
        })?;
        match kind {
            b'+' => marks.include = true,
            b'S' | b'H' => (marks.include, marks.sender) = (marks.include || kind == b'S', true),
            b'R' | b'P' => (marks.include, marks.receiver) = (marks.include || kind == b'R', true),
            b'!' if rest.is_empty() => return Ok(Parsed::Clear),
            b'!' => return fail("nothing may stand behind ! or clear"),
            _ => {}
        }
        rest = read_modifiers(text, rest, kind, &mut marks)?;
    }
    if container.names_a_side() {
        if marks.names_a_side() {
            return fail("it names a side, and so does the rule that names its file");
        }
        (marks.sender, marks.receiver) = (container.sender, container.receiver);
    }
    if rest.is_empty() && !marks.cvs {
        return fail("nothing stands behind its prefix");
    }
    if rest.len() > limits::MAX_PATH {
        return fail("it is longer than 4,095 bytes");
    }
    let is_merge = matches!(kind, b'.' | b':');
    let subject = match rest {
        b"" if is_merge => b".cvsignore".to_vec(),
        _ => rest.to_vec(),
    };
    Ok(match kind {
        b'.' => Parsed::Merge(marks, subject),
        b':' => Parsed::DirMerge(marks, subject),
        _ if marks.cvs => Parsed::Cvs(marks, subject),
        _ => Parsed::Pattern(marks, subject),
    })
}

/// The kind of a rule by its short name, and what follows: modifiers, and the pattern behind a blank.
fn kind_of(text: &[u8]) -> Option<(u8, &[u8])> {
    const NAMES: [(&[u8], u8); 9] = [
        (b"clear", b'!'),
        (b"dir-merge", b':'),
        (b"exclude", b'-'),
        (b"hide", b'H'),
        (b"include", b'+'),
        (b"merge", b'.'),
        (b"protect", b'P'),
        (b"risk", b'R'),
        (b"show", b'S'),
    ];
    for (name, kind) in NAMES {
        match text.strip_prefix(name) {
            Some([b',', rest @ ..]) => return Some((kind, rest)),
            Some(rest) if rest.first().is_none_or(|byte| is_space(byte) || *byte == b'_') => {
                return Some((kind, rest));
            }
            _ => {}
        }
    }
    match text {
        [kind @ (b'-' | b'+' | b'.' | b':' | b'H' | b'S' | b'P' | b'R' | b'!'), rest @ ..] => {
            Some((*kind, rest.strip_prefix(b",").unwrap_or(rest)))
        }
        _ => None,
    }
}

/// Reads the modifiers, and returns what stands behind the blank that ends them.
fn read_modifiers<'a>(
    text: &[u8],
    mut rest: &'a [u8],
    kind: u8,
    marks: &mut Marks,
) -> Result<&'a [u8], FilterError> {
    let is_merge = matches!(kind, b'.' | b':');
    let has_side = matches!(kind, b'H' | b'S' | b'P' | b'R');
    while let [modifier, tail @ ..] = rest {
        rest = tail;
        match modifier {
            b' ' | b'_' => break,
            b'-' | b'+' if is_merge && !marks.no_prefixes => {
                marks.no_prefixes = true;
                marks.include |= *modifier == b'+';
            }
            b'/' => marks.absolute = true,
            b'!' if !is_merge => marks.negated = true,
            b'C' if !marks.no_prefixes && !has_side => {
                (marks.no_prefixes, marks.words, marks.no_inherit, marks.cvs) = (true, true, true, true);
            }
            b'e' if is_merge => marks.excludes_itself = true,
            b'n' if is_merge => marks.no_inherit = true,
            b'p' => marks.perishable = true,
            b'r' if !has_side => marks.receiver = true,
            b's' if !has_side => marks.sender = true,
            b'w' if is_merge => marks.words = true,
            b'x' => marks.xattr = true,
            _ => {
                let shown = char::from(*modifier).escape_default();
                return Err(FilterError::new(text, format!("its kind takes no modifier '{shown}'")));
            }
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Parsed, FilterError> {
        parse_rule(text.as_bytes(), Marks::default(), Style::Prefixed)
    }

    fn pattern(text: &str) -> (Marks, String) {
        match parsed(text).unwrap() {
            Parsed::Pattern(marks, pattern) => (marks, String::from_utf8(pattern).unwrap()),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn kinds_and_modifiers_have_two_spellings() {
        let plain = Marks::default();
        for (texts, marks) in [
            (&["- a", "-_a", "-, a", "exclude a", "exclude_a", "exclude, a"][..], plain),
            (&["+ a", "include a"], Marks { include: true, ..plain }),
            (&["H a", "hide a", "-s a", "-,s a", "exclude,s a"], Marks { sender: true, ..plain }),
            (&["S a", "show a", "+s a"], Marks { include: true, sender: true, ..plain }),
            (&["P a", "protect a", "-r a"], Marks { receiver: true, ..plain }),
            (&["R a", "risk a"], Marks { include: true, receiver: true, ..plain }),
            (&["-!/p a"], Marks { negated: true, absolute: true, perishable: true, ..plain }),
            (&["-sr a"], Marks { sender: true, receiver: true, ..plain }),
            (&["-x a"], Marks { xattr: true, ..plain }),
        ] {
            for text in texts {
                assert_eq!(pattern(text), (marks, "a".to_owned()), "{text}");
            }
        }
        assert_eq!(pattern("-  a b ").1, " a b ");
        assert_eq!(parsed("!"), Ok(Parsed::Clear));
        assert_eq!(parsed("clear"), Ok(Parsed::Clear));
    }

    #[test]
    fn files_of_rules() {
        let cvs = Marks { no_prefixes: true, words: true, no_inherit: true, cvs: true, ..Marks::default() };
        assert_eq!(parsed(":C"), Ok(Parsed::DirMerge(cvs, b".cvsignore".to_vec())));
        assert_eq!(parsed("-C"), Ok(Parsed::Cvs(cvs, Vec::new())));
        let marks = Marks { no_prefixes: true, include: true, excludes_itself: true, ..Marks::default() };
        assert_eq!(parsed("merge,+e f"), Ok(Parsed::Merge(marks, b"f".to_vec())));
        assert_eq!(parsed("dir-merge /.f"), Ok(Parsed::DirMerge(Marks::default(), b"/.f".to_vec())));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, part) in [
            ("a", "begins with none"),
            ("excluded a", "begins with none"),
            ("-", "nothing stands behind"),
            ("- ", "nothing stands behind"),
            ("! a", "nothing may stand"),
            ("-e a", "modifier 'e'"),
            ("Hs a", "modifier 's'"),
            (".! a", "modifier '!'"),
            (":C- a", "modifier '-'"),
            ("-q a", "modifier 'q'"),
            ("- a\0b", "NUL"),
        ] {
            let message = parsed(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
        let container = Marks { sender: true, ..Marks::default() };
        let message = parse_rule(b"H a", container, Style::Prefixed).unwrap_err().to_string();
        assert!(message.contains("names a side"), "{message}");
    }

    #[test]
    fn lines_and_words() {
        let all = |text: &str, container, style, from0| {
            let mut rules = Vec::new();
            let result = each_rule(text.as_bytes(), b"file", container, style, from0, &mut |rule| {
                rules.push(match rule {
                    Parsed::Pattern(marks, text) => {
                        let sign = if marks.include { "+" } else { "-" };
                        format!("{sign}{}", String::from_utf8(text).unwrap())
                    }
                    other => format!("{other:?}"),
                });
                Ok(())
            });
            (rules, result.err().map(|error| error.to_string()))
        };
        let none = Marks::default();
        assert_eq!(all("a\n\n# no\n;no\r\n+ b\n!\n", none, Style::Old, false).0, ["-a", "+b", "Clear"]);
        assert_eq!(all("a\nb\0+ c", none, Style::Old, true).0, ["-a\nb", "+c"]);
        let words = Marks { words: true, no_prefixes: true, ..none };
        assert_eq!(all("a #b\n c\t", words, Style::Prefixed, false).0, ["-a", "-#b", "-c"]);
        let (_, error) = all("- a\n\nwrong\n", none, Style::Prefixed, false);
        assert!(error.is_some_and(|error| error.contains("\"wrong\" in file, line 3,")));
    }
}
