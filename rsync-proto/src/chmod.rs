//! Changes of permissions, in the words of `--chmod`: octal numbers and clauses like `Dg+s`, `F644`, `go-w`,
//! `a+rX` or `g=u`, with commas between them. Each clause works on what the one before it left.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Set-user-id, set-group-id and sticky.
const SPECIAL: u32 = 0o7000;
/// All permissions with the special bits.
const ALL: u32 = 0o7777;
/// Permission to execute, for each class.
const EXECUTE: u32 = 0o111;

/// Changes of permissions, in the order in which they are made. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModeChanges {
    clauses: Arc<[Clause]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clause {
    applies_to: AppliesTo,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AppliesTo {
    Everything,
    Directories,
    /// Everything that is no directory.
    Files,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// An octal number: what the permissions become.
    Set(u32),
    Symbolic {
        operator: Operator,
        /// The classes, as the bits by which each may execute.
        classes: u32,
        /// What the clause may touch: where it names no class, not what the umask holds back.
        reach: u32,
        /// The special bits of the classes that were named, which `=` clears where it sets one.
        own_special: u32,
        source: Source,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Assign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Bits {
        /// Read, write and execute, as one class has them.
        permissions: u32,
        special: u32,
        /// `X`: execution only for directories, and for what anybody could execute before all changes.
        execute_if_any: bool,
    },
    /// What the class whose bits lie so far up has now.
    Class(u32),
}

impl ModeChanges {
    /// Reads changes. Where a clause names no class, `umask` holds back what it holds back from new files.
    ///
    /// # Errors
    /// [`Error::Misuse`] that names the clause which means nothing.
    pub fn parse(text: &str, umask: u32) -> Result<Self> {
        let clause = |clause: &str| {
            Clause::parse(clause.as_bytes(), umask).ok_or_else(|| {
                let hint = "write octal numbers or clauses like Dg+s, F644 or go-w, with commas between them";
                Error::Misuse(format!("--chmod={text}: \"{clause}\" is no change of permissions; {hint}"))
            })
        };
        Ok(Self { clauses: text.split(',').map(clause).collect::<Result<_>>()? })
    }

    /// These changes, and then those of `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self { clauses: self.clauses.iter().chain(&*next.clauses).copied().collect() }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// What becomes of these permissions.
    pub fn apply(&self, permissions: u32, directory: bool) -> u32 {
        let may_execute = directory || permissions & EXECUTE != 0;
        self.clauses.iter().fold(permissions, |now, clause| match clause.applies_to {
            AppliesTo::Directories if !directory => now,
            AppliesTo::Files if directory => now,
            _ => clause.change.apply(now, may_execute),
        })
    }
}

impl Clause {
    fn parse(text: &[u8], umask: u32) -> Option<Self> {
        let prefix = text.iter().take_while(|letter| b"DFugoa".contains(letter)).count();
        let (prefix, rest) = text.split_at(prefix);
        let applies_to = match (prefix.contains(&b'D'), prefix.contains(&b'F')) {
            (true, true) => return None,
            (true, false) => AppliesTo::Directories,
            (false, true) => AppliesTo::Files,
            (false, false) => AppliesTo::Everything,
        };
        let named = prefix.iter().any(|letter| b"ugoa".contains(letter));
        let (first, what) = rest.split_first()?;
        let operator = match first {
            b'+' => Operator::Add,
            b'-' => Operator::Remove,
            b'=' => Operator::Assign,
            _ if named => return None,
            _ => return Some(Self { applies_to, change: Change::Set(octal(rest)?) }),
        };
        let bits = |letter: &u8| match letter {
            b'u' => 0o4100,
            b'g' => 0o2010,
            b'o' => 0o0001,
            b'a' => 0o6111,
            _ => 0,
        };
        let named_bits = prefix.iter().map(bits).fold(0, |all, bits| all | bits);
        let own_special = named_bits & SPECIAL;
        let (classes, reach) = if named { (named_bits & EXECUTE, ALL) } else { (EXECUTE, ALL & !umask) };
        let source = Source::parse(what, own_special)?;
        let change = Change::Symbolic { operator, classes, reach, own_special, source };
        Some(Self { applies_to, change })
    }
}

impl Source {
    fn parse(letters: &[u8], own_special: u32) -> Option<Self> {
        if let [class @ (b'u' | b'g' | b'o')] = letters {
            return Some(Self::Class(match class {
                b'u' => 6,
                b'g' => 3,
                _ => 0,
            }));
        }
        let (mut permissions, mut special, mut execute_if_any) = (0, 0, false);
        for letter in letters {
            match letter {
                b'r' => permissions |= 4,
                b'w' => permissions |= 2,
                b'x' => permissions |= 1,
                b'X' => {
                    permissions |= 1;
                    execute_if_any = true;
                }
                b's' => special |= if own_special == 0 { 0o4000 } else { own_special },
                b't' => special |= 0o1000,
                _ => return None,
            }
        }
        Some(Self::Bits { permissions, special, execute_if_any })
    }
}

impl Change {
    fn apply(self, now: u32, may_execute: bool) -> u32 {
        let Self::Symbolic { operator, classes, reach, own_special, source } = self else {
            let Self::Set(permissions) = self else { unreachable!("there are two kinds of change") };
            return permissions;
        };
        let (given, special, cleared_special) = match source {
            Source::Bits { permissions, special, .. } => {
                (permissions, special, if special == 0 { 0 } else { own_special })
            }
            Source::Class(shift) => (now >> shift & 7, 0, special_of(classes)),
        };
        let bits = (classes * given) & reach | special;
        let added = match source {
            Source::Bits { execute_if_any: true, .. } if !may_execute => bits & !EXECUTE,
            _ => bits,
        };
        match operator {
            Operator::Add => now | added,
            Operator::Remove => now & !bits,
            Operator::Assign => now & !((classes * 7) | cleared_special) | added,
        }
    }
}

/// The special bit that stands above each class.
fn special_of(classes: u32) -> u32 {
    (classes & 0o100) << 5 | (classes & 0o010) << 7 | (classes & 0o001) << 9
}

fn octal(digits: &[u8]) -> Option<u32> {
    let value = digits.iter().try_fold(0u32, |value, digit| match digit {
        b'0'..=b'7' => Some(value << 3 | u32::from(digit - b'0')).filter(|value| *value <= ALL),
        _ => None,
    })?;
    (!digits.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(text: &str, permissions: u32, directory: bool) -> u32 {
        ModeChanges::parse(text, 0o022).unwrap().apply(permissions, directory)
    }

    #[test]
    fn clauses_change_what_they_name() {
        for (text, file, directory) in [
            ("600", 0o600, 0o600),
            ("7777", 0o7777, 0o7777),
            ("F644,D2755", 0o644, 0o2755),
            ("D755", 0o640, 0o755),
            ("u+s", 0o4640, 0o6750),
            ("g+s,o+t", 0o3640, 0o3750),
            ("o=s", 0o4640, 0o6750),
            ("a+s", 0o6640, 0o6750),
            ("+t", 0o1640, 0o3750),
            ("ug=s", 0o6000, 0o6000),
            ("g=", 0o600, 0o2700),
            ("+w", 0o640, 0o2750),
            ("a+w", 0o662, 0o2772),
            ("-w", 0o440, 0o2550),
            ("a-w", 0o440, 0o2550),
            ("=rwx", 0o755, 0o2755),
            ("+X", 0o640, 0o2751),
            ("a+X,F+x", 0o751, 0o2751),
            ("g=u", 0o660, 0o770),
            ("go=u", 0o666, 0o777),
            ("o=g,g=", 0o604, 0o2705),
            ("u-g", 0o240, 0o2250),
            ("u+", 0o640, 0o2750),
        ] {
            let found = (apply(text, 0o640, false), apply(text, 0o2750, true));
            let show = |(file, directory): (u32, u32)| format!("{file:o} {directory:o}");
            assert_eq!(show(found), show((file, directory)), "{text}");
        }
    }

    #[test]
    fn execution_is_given_where_it_was_had() {
        assert_eq!(apply("a+X", 0o644, false), 0o644);
        assert_eq!(apply("a+X", 0o744, false), 0o755);
        assert_eq!(apply("a+X", 0o644, true), 0o755);
        // What counts is how it was before all changes.
        assert_eq!(apply("a-x,g+X", 0o744, false), 0o654);
        assert_eq!(apply("a+x,a-x,a+X", 0o644, false), 0o644);
        // Another letter beside X waits for the same condition.
        assert_eq!(apply("a+xX", 0o644, false), 0o644);
    }

    #[test]
    fn what_means_nothing_is_named() {
        for text in [
            "", "u", "Xx", "8", "10000", "u644", "u+r-w", "a+q", "DF+x", "D", "u+x,", ",", "u+gr", "u+rg",
            "a=ug", "r",
        ] {
            let error = ModeChanges::parse(text, 0).unwrap_err().to_string();
            assert!(error.contains("is no change of permissions"), "{text}: {error}");
        }
    }

    #[test]
    fn options_add_up() {
        let first = ModeChanges::parse("F600", 0).unwrap();
        let both = first.then(&ModeChanges::parse("a+r", 0).unwrap());
        assert_eq!(both.apply(0o777, false), 0o644);
        assert!(ModeChanges::default().is_empty() && !both.is_empty());
    }
}
