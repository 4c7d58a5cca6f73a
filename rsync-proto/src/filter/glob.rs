//! Wildcards: a pattern is compiled once into steps, and a text is run through them without recursion.

/// What a pattern is matched against. It may consist of parts that are not stored together.
pub(super) trait Text: Copy {
    fn len(self) -> usize;
    fn at(self, index: usize) -> u8;
}

impl Text for &[u8] {
    fn len(self) -> usize {
        <[u8]>::len(self)
    }

    fn at(self, index: usize) -> u8 {
        self[index]
    }
}

/// A name with something in front of it and, at most, a slash behind it.
#[derive(Clone, Copy)]
pub(super) struct Joined<'a> {
    pub head: &'a [u8],
    pub name: &'a [u8],
    pub slash: bool,
}

impl Text for Joined<'_> {
    fn len(self) -> usize {
        self.head.len() + self.name.len() + usize::from(self.slash)
    }

    fn at(self, index: usize) -> u8 {
        match index.checked_sub(self.head.len()) {
            None => self.head[index],
            Some(index) => self.name.get(index).copied().unwrap_or(b'/'),
        }
    }
}

/// A pattern with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    /// Nothing for a pattern that is cut short, which matches no text.
    steps: Option<Box<[Step]>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Byte(u8),
    /// `?`
    AnyByte,
    /// `[…]`
    OneOf(Box<Set>),
    /// `*`
    WithinComponent,
    /// `**` and longer
    Anything,
}

/// A set of bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Set([u64; 4]);

impl Glob {
    pub fn new(pattern: &[u8]) -> Self {
        Self { steps: compile(pattern).map(Vec::into_boxed_slice) }
    }

    /// Whether the text from `start` on matches as a whole.
    pub fn matches(&self, text: impl Text, start: usize) -> bool {
        self.steps.as_ref().is_some_and(|steps| run(steps, text, start))
    }

    /// As [`Self::matches`], from the start of the text or behind any slash of it.
    pub fn matches_behind_any_slash(&self, text: impl Text) -> bool {
        self.matches(text, 0)
            || (0..text.len()).any(|index| text.at(index) == b'/' && self.matches(text, index + 1))
    }
}

/// Takes the fewest bytes for each star, and more for the last one when that fails. An earlier star need not be
/// tried again: within a component, the last one can make up for those before it, and a `**` for all.
fn run(steps: &[Step], text: impl Text, start: usize) -> bool {
    let (mut step, mut at) = (0, start);
    let mut narrow: Option<(usize, usize)> = None;
    let mut wide: Option<(usize, usize)> = None;
    loop {
        let byte = (at < text.len()).then(|| text.at(at));
        match (steps.get(step), byte) {
            (None, None) => return true,
            (Some(Step::WithinComponent), _) => {
                step += 1;
                narrow = Some((step, at));
                continue;
            }
            (Some(Step::Anything), _) => {
                step += 1;
                if step == steps.len() {
                    return true;
                }
                wide = Some((step, at));
                narrow = None;
                continue;
            }
            (Some(single), Some(byte)) if single.takes(byte) => {
                step += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        match (&mut narrow, &mut wide) {
            (Some((after, from)), _) if *from < text.len() && text.at(*from) != b'/' => {
                *from += 1;
                (step, at) = (*after, *from);
            }
            (_, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (step, at) = (*after, *from);
                narrow = None;
            }
            _ => return false,
        }
    }
}

impl Step {
    /// Whether a step that stands for one byte stands for this one. Only a slash itself stands for a slash.
    fn takes(&self, byte: u8) -> bool {
        match self {
            Step::Byte(own) => *own == byte,
            Step::AnyByte => byte != b'/',
            Step::OneOf(set) => set.has(byte),
            Step::WithinComponent | Step::Anything => unreachable!("stars are no single bytes"),
        }
    }
}

impl Set {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
}

fn compile(pattern: &[u8]) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = pattern;
    while let [first, tail @ ..] = rest {
        rest = tail;
        steps.push(match first {
            b'?' => Step::AnyByte,
            b'*' => {
                let more = rest.iter().take_while(|byte| **byte == b'*').count();
                rest = &rest[more..];
                if more == 0 { Step::WithinComponent } else { Step::Anything }
            }
            b'[' => {
                let (set, tail) = class(rest)?;
                rest = tail;
                Step::OneOf(Box::new(set))
            }
            b'\\' => {
                let (escaped, tail) = rest.split_first()?;
                rest = tail;
                Step::Byte(*escaped)
            }
            byte => Step::Byte(*byte),
        });
    }
    Some(steps)
}

/// What stands behind a `[`: the set, and the pattern behind its `]`.
fn class(pattern: &[u8]) -> Option<(Set, &[u8])> {
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', tail @ ..] => (true, tail),
        _ => (false, pattern),
    };
    let mut set = Set::default();
    // What a range may begin with: the last byte, unless that ended a range or a named class.
    let mut previous = None;
    // A `]` that comes first is a member.
    let mut first = true;
    loop {
        let (byte, tail) = rest.split_first()?;
        rest = tail;
        previous = match (byte, rest) {
            (b']', _) if !first => break,
            (b'\\', [escaped, tail @ ..]) => {
                rest = tail;
                set.add(*escaped);
                Some(*escaped)
            }
            (b'\\', []) => return None,
            (b'-', [next, tail @ ..]) if previous.is_some() && *next != b']' => {
                let (last, tail) = if *next == b'\\' { tail.split_first()? } else { (next, tail) };
                rest = tail;
                (previous?..=*last).for_each(|byte| set.add(byte));
                None
            }
            (b'[', [b':', tail @ ..]) => {
                let end = tail.iter().position(|byte| *byte == b']')?;
                if let Some(name) = tail[..end].strip_suffix(b":") {
                    let holds = named(name)?;
                    (0..=u8::MAX).filter(holds).for_each(|byte| set.add(byte));
                    rest = &tail[end + 1..];
                    None
                } else {
                    set.add(b'[');
                    Some(b'[')
                }
            }
            (byte, _) => {
                set.add(*byte);
                Some(*byte)
            }
        };
        first = false;
    }
    if negated {
        set.0.iter_mut().for_each(|bits| *bits = !*bits);
    }
    set.0[usize::from(b'/' >> 6)] &= !(1 << (b'/' & 63));
    Some((set, rest))
}

fn named(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => super::parse::is_space,
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes()).matches(text.as_bytes(), 0)
    }

    #[test]
    fn stars_stop_at_slashes_unless_doubled() {
        for (pattern, text) in [
            ("*", "name"),
            ("*", ""),
            ("**", "a/b"),
            ("a*c", "abbc"),
            ("*a*b*", "xaxbx"),
            ("**/c", "a/b/c"),
            ("a**b", "a/x/b"),
            ("**x*/y", "a/x/bx1/y"),
            ("a/*/c", "a/b/c"),
            ("?*", "x"),
            ("***", "a/b"),
            ("*/*b*/c", "1/ab2/c"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*", "a/b"),
            ("a*c", "a/c"),
            ("?", "/"),
            ("a/*/c", "a/b/b/c"),
            ("**/c", "c"),
            ("?*", ""),
            ("a*", "ba"),
            ("*a*/b", "a/ca/b"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn classes() {
        for (pattern, text) in [
            ("[a-c]", "b"),
            ("[]a]", "]"),
            ("[!a]", "b"),
            ("[^a]", "b"),
            ("[a-]", "-"),
            ("[\\]]", "]"),
            ("[[:digit:]x]", "7"),
            ("[[:digit:]x]", "x"),
            ("[[:x]", ":"),
            ("[a-c-e]", "-"),
            ("[\\a-\\c]", "b"),
            ("[!]]", "a"),
            ("[[:space:]]", "\x0b"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("[a-c]", "d"),
            ("[!a]", "a"),
            ("[!a]", "/"),
            ("[/]", "/"),
            ("[.-0]", "/"),
            ("[a", "a"),
            ("[", "["),
            ("[[:what:]]", "a"),
            ("[[:alpha:]", "a"),
            ("[a-c-e]", "d"),
            ("x\\", "x\\"),
            ("[a-\\", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_end_in_time() {
        let pattern = "*a".repeat(40) + "b";
        assert!(!matches(&pattern, &"a".repeat(255)));
        let pattern = "**a*".repeat(20) + "b";
        assert!(!matches(&pattern, &"a".repeat(1000)));
    }

    #[test]
    fn parts_are_one_text() {
        let text = Joined { head: b"/", name: b"a/b", slash: true };
        assert!(Glob::new(b"**/a/b/***").matches(text, 0));
        assert!(Glob::new(b"b/**").matches_behind_any_slash(text));
        assert!(!Glob::new(b"c/**").matches_behind_any_slash(text));
    }
}
