//! Rules that give users and groups other numbers here, in the words of `--usermap` and `--groupmap`:
//! `FROM:TO` with commas between them, where the first rule that fits counts.

use crate::error::{Error, Result};

/// Rules for users or for groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdRules {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    from: From,
    /// Whom it makes of them.
    pub to: To,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    /// Numbers on the server, both included.
    Numbers(u32, u32),
    /// Exactly this name. The empty one fits numbers without a name.
    Name(Box<[u8]>),
    /// Names that fit a pattern.
    Pattern(Box<[u8]>),
}

/// A user or group of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// By number.
    Number(u32),
    /// By name, which must exist here.
    Name(Box<str>),
}

impl IdRules {
    /// Reads rules. `option` names the option that they stand in.
    ///
    /// # Errors
    /// [`Error::Misuse`] that names the rule which cannot be read.
    pub fn parse(option: &str, text: &str) -> Result<Self> {
        let rule = |rule: &str| {
            let wrong = |what| Error::Misuse(format!("{option}={text}: \"{rule}\" {what}; write FROM:TO"));
            let (from, to) = rule.split_once(':').ok_or_else(|| wrong("has no colon"))?;
            let from = From::parse(from).ok_or_else(|| wrong("begins with no number or range of numbers"))?;
            let to = To::parse(to).ok_or_else(|| wrong("ends with neither a name nor a number"))?;
            Ok(Rule { from, to })
        };
        Ok(Self { rules: text.split(',').map(rule).collect::<Result<_>>()? })
    }

    /// The rule that makes everybody the same.
    ///
    /// # Errors
    /// [`Error::Misuse`] if `to` is neither a name nor a number.
    pub fn everybody(option: &str, to: &str) -> Result<Self> {
        let to = To::parse(to).ok_or_else(|| {
            Error::Misuse(format!("{option}: \"{to}\" is neither a name nor the number of anybody"))
        })?;
        Ok(Self { rules: vec![Rule { from: From::Pattern(b"*"[..].into()), to }] })
    }

    /// Whether files are given to somebody by name.
    #[cfg(feature = "fs")]
    pub(crate) fn names_somebody(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.to, To::Name(_)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

impl Rule {
    /// Whether the rule is about this number, which has this name on the server; an empty name for none.
    pub fn fits(&self, id: u32, name: &[u8]) -> bool {
        match &self.from {
            From::Numbers(first, last) => (*first..=*last).contains(&id),
            From::Name(own) => **own == *name,
            From::Pattern(pattern) => fits_pattern(pattern, name),
        }
    }
}

impl From {
    fn parse(text: &str) -> Option<Self> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            return Some(Self::Numbers(number(first)?, number(last)?));
        }
        let bytes = text.as_bytes().into();
        Some(if text.contains(['*', '?', '[']) { Self::Pattern(bytes) } else { Self::Name(bytes) })
    }
}

impl To {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if text.bytes().all(|letter| letter.is_ascii_digit()) {
            // All ones mean "leave it as it is" to the kernel, and are nobody's.
            return number(text).filter(|number| *number != u32::MAX).map(Self::Number);
        }
        Some(Self::Name(text.into()))
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|letter| letter.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether `name` fits a pattern of `*`, `?` and `[…]`. Going back to the last `*` alone keeps the time bounded
/// by the product of both lengths.
fn fits_pattern(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (rest, left) {
            ([], []) => return true,
            ([b'*', after @ ..], _) => {
                retry = Some((after, left));
                Some((after, left))
            }
            ([_, ..], [letter, after @ ..]) => one(rest, *letter).map(|rest| (rest, after)),
            _ => None,
        };
        (rest, left) = match (step, retry) {
            (Some(step), _) => step,
            (None, Some((pattern, [_, name @ ..]))) => {
                retry = Some((pattern, name));
                (pattern, name)
            }
            _ => return false,
        };
    }
}

/// What follows the element at the beginning of a pattern, if that fits one letter.
fn one(pattern: &[u8], letter: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'\\', literal, rest @ ..] => (*literal == letter).then_some(rest),
        [b'[', set @ ..] => class(set, letter),
        [literal, rest @ ..] => (*literal == letter).then_some(rest),
        [] => None,
    }
}

/// What follows a set of letters, if one letter is of the set. A set that does not end fits nothing.
fn class(set: &[u8], letter: u8) -> Option<&[u8]> {
    let (negated, mut set) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let (mut found, mut first) = (false, true);
    loop {
        let (low, high);
        (low, high, set) = match set {
            [b']', rest @ ..] if !first => return (found != negated).then_some(rest),
            [b'[', b':', rest @ ..] => {
                let end = rest.windows(2).position(|two| two == b":]")?;
                found |= is_of_class(&rest[..end], letter)?;
                set = &rest[end + 2..];
                first = false;
                continue;
            }
            [b'\\', low, rest @ ..] | [low, rest @ ..] => match rest {
                [b'-', b'\\', high, rest @ ..] => (*low, *high, rest),
                [b'-', high, rest @ ..] if *high != b']' => (*low, *high, rest),
                _ => (*low, *low, rest),
            },
            [] => return None,
        };
        found |= (low..=high).contains(&letter);
        first = false;
    }
}

fn is_of_class(class: &[u8], letter: u8) -> Option<bool> {
    Some(match class {
        b"alnum" => letter.is_ascii_alphanumeric(),
        b"alpha" => letter.is_ascii_alphabetic(),
        b"blank" => matches!(letter, b' ' | b'\t'),
        b"cntrl" => letter.is_ascii_control(),
        b"digit" => letter.is_ascii_digit(),
        b"graph" => letter.is_ascii_graphic(),
        b"lower" => letter.is_ascii_lowercase(),
        b"print" => letter.is_ascii_graphic() || letter == b' ',
        b"punct" => letter.is_ascii_punctuation(),
        b"space" => letter.is_ascii_whitespace() || letter == 0x0b,
        b"upper" => letter.is_ascii_uppercase(),
        b"xdigit" => letter.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, id: u32, name: &str) -> Option<To> {
        let rules = IdRules::parse("--usermap", text).unwrap();
        rules.iter().find(|rule| rule.fits(id, name.as_bytes())).map(|rule| rule.to.clone())
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let text = "0:7,root:8,10-19:9,:10,b*:bin,[!x]?z:11,*:12";
        let number = |n| Some(To::Number(n));
        for (id, name, to) in [
            (0, "root", number(7)),
            (1, "root", number(8)),
            (10, "", number(9)),
            (19, "bob", number(9)),
            (20, "", number(10)),
            (20, "bob", Some(To::Name("bin".into()))),
            (20, "abz", number(11)),
            (20, "xbz", number(12)),
        ] {
            assert_eq!(first(text, id, name), to, "{id} {name}");
        }
        assert_eq!(first("1:2", 3, "x"), None);
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[]a]x", "]x", true),
            ("[^]a]x", "bx", true),
            ("[[:digit:]_]*", "7up", true),
            ("[[:digit:]_]*", "up", false),
            ("[[:nothing:]]", "a", false),
            ("[a", "a", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[a\\-z]", "-", true),
            ("[a\\-z]", "b", false),
        ] {
            assert_eq!(fits_pattern(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
        let long = [b'a'; 255];
        assert!(!fits_pattern(b"*a*a*a*a*a*a*a*a*a*a*a*b", &long));
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for text in [
            "",
            "a",
            "a:",
            "1-:2",
            "1-2-3:4",
            "12x:3",
            "4294967296:1",
            "a:4294967295",
            "a:1,",
            "1:99999999999",
        ] {
            let error = IdRules::parse("--usermap", text).unwrap_err().to_string();
            assert!(error.contains("write FROM:TO"), "{text}: {error}");
        }
        assert!(IdRules::everybody("--chown", "").is_err());
    }
}
