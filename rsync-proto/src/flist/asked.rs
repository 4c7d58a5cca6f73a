//! Which paths were asked for, so that nothing else is taken in: what is named, what lies below it, and, where whole
//! paths are kept, the directories on the way to it.

use std::collections::HashMap;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Anything may come: the server itself has the list of names.
    anything: bool,
    /// Whole paths are kept.
    relative: bool,
    /// Directories are descended into.
    recursive: bool,
    /// A root may come although no content was asked for, because a name begins with `./`.
    dotted: bool,
    /// Whole paths are kept, and were asked for from the root of the server: they come with a slash in front.
    absolute: bool,
    /// How many sources there are.
    sources: usize,
    root: Node,
}

/// A directory on the way to what was asked for, or what was asked for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    literal: HashMap<Box<[u8]>, Node>,
    patterns: Vec<(Box<[u8]>, Node)>,
    /// It was asked for.
    itself: bool,
    /// Its content was asked for, by a slash at the end.
    content: bool,
}

impl Asked {
    /// Nothing yet.
    pub fn new(recursive: bool, relative: bool) -> Self {
        let root = Node::default();
        Self { anything: false, relative, recursive, dotted: false, absolute: false, sources: 0, root }
    }

    /// Whatever the server has.
    pub fn anything() -> Self {
        Self { anything: true, ..Self::new(true, true) }
    }

    /// Asks for a path in which the server resolves patterns.
    pub fn pattern(&mut self, path: &[u8]) {
        self.add(path, true);
    }

    /// Asks for a path as it is.
    pub fn name(&mut self, path: &[u8]) {
        self.add(path, false);
    }

    fn add(&mut self, path: &[u8], patterns: bool) {
        self.sources += 1;
        let kept = if self.relative {
            let place = path.windows(3).position(|piece| piece == b"/./");
            place.map_or(path, |at| &path[at + 3..])
        } else {
            match path.iter().rposition(|byte| *byte == b'/') {
                // What is in front of the last slash is not part of any name.
                Some(slash) => &path[slash + 1..],
                None => path,
            }
        };
        let names: Vec<&[u8]> = kept.split(|byte| *byte == b'/').collect();
        let content = names.last().is_some_and(|last| matches!(*last, b"" | b"." | b".."));
        self.absolute |= self.relative && kept.starts_with(b"/");
        self.dotted |= self.relative && kept.starts_with(b"./");
        let mut node = &mut self.root;
        for name in names.into_iter().filter(|name| !matches!(*name, b"" | b"." | b"..")) {
            node = node.enter(name, patterns);
        }
        node.itself = true;
        node.content |= content;
    }

    /// A path as it comes, below the root of the transfer.
    pub(super) fn below_root<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        match path {
            [b'/', rest @ ..] if self.absolute => rest,
            path => path,
        }
    }

    /// Whether there may be several entries of one name, from several sources.
    pub(super) fn is_several(&self) -> bool {
        self.anything || self.sources > 1
    }

    /// Whether directories may come that only lead to what was asked for.
    pub(super) fn is_relative(&self) -> bool {
        self.relative
    }

    /// Whether the root of the transfer may be sent.
    pub(super) fn takes_root(&self) -> bool {
        self.anything || self.root.itself || self.dotted
    }

    /// Whether the content of the directory `name` in the directory at `dir` was asked for, so that what the server does
    /// not list in it is not there. Where the server itself has the list of names, nobody here knows.
    pub(super) fn covers(&self, dir: &[u8], name: &[u8]) -> bool {
        if self.anything {
            return false;
        }
        if self.recursive && self.root.itself {
            return true;
        }
        let names = dir.split(|byte| *byte == b'/').chain([name]).filter(|name| !name.is_empty());
        self.root.covers(self.recursive, &names.collect::<Vec<_>>())
    }

    /// Whether the directory `name` in the directory at `dir` lies on the way to something that was asked for, and was
    /// not asked for itself. Where the server itself has the list of names, any may.
    pub(super) fn leads_through(&self, dir: &[u8], name: &[u8]) -> bool {
        let names = dir.split(|byte| *byte == b'/').chain([name]).filter(|name| !name.is_empty());
        self.anything || self.root.leads_through(&names.collect::<Vec<_>>())
    }

    /// Whether an entry may come that is called `name` in the directory at `dir`.
    pub(super) fn takes(&self, dir: &[u8], name: &[u8], is_directory: bool) -> bool {
        if self.anything || self.recursive && self.root.itself {
            return true;
        }
        if !self.relative && self.recursive && !dir.is_empty() {
            // It lies in a directory that was taken.
            return true;
        }
        let rest = (!dir.is_empty()).then_some(dir);
        self.root.takes(self, rest, Some(name), is_directory)
    }
}

impl Node {
    fn enter(&mut self, name: &[u8], patterns: bool) -> &mut Self {
        if !patterns || !name.iter().any(|byte| b"*?[\\".contains(byte)) {
            return self.literal.entry(name.into()).or_default();
        }
        let at = self.patterns.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
            self.patterns.push((name.into(), Self::default()));
            self.patterns.len() - 1
        });
        &mut self.patterns[at].1
    }

    /// Whether the content of the directory with this path, seen from this node, was asked for.
    fn covers(&self, recursive: bool, path: &[&[u8]]) -> bool {
        if self.itself && recursive {
            return true;
        }
        let Some((name, rest)) = path.split_first() else { return self.content };
        self.literal.get(*name).is_some_and(|next| next.covers(recursive, rest))
            || self.patterns.iter().any(|(pattern, next)| fits(pattern, name) && next.covers(recursive, rest))
    }

    fn leads_through(&self, path: &[&[u8]]) -> bool {
        let Some((name, rest)) = path.split_first() else { return !self.itself };
        self.literal.get(*name).is_some_and(|next| next.leads_through(rest))
            || self.patterns.iter().any(|(pattern, next)| fits(pattern, name) && next.leads_through(rest))
    }

    /// Whether what lies at `dir`, and in it at `last`, may come; both are seen from this node.
    fn takes(&self, asked: &Asked, dir: Option<&[u8]>, last: Option<&[u8]>, is_directory: bool) -> bool {
        let (name, dir, last) = match (dir, last) {
            (Some(dir), last) => match dir.iter().position(|byte| *byte == b'/') {
                Some(slash) => (&dir[..slash], Some(&dir[slash + 1..]), last),
                None => (dir, None, last),
            },
            (None, Some(last)) => (last, None, None),
            (None, None) => return self.itself || asked.relative && is_directory,
        };
        let is_last = dir.is_none() && last.is_none();
        if self.itself && (asked.recursive || self.content && is_last) {
            return true;
        }
        let on = |next: &Self| next.takes(asked, dir, last, is_directory);
        self.literal.get(name).is_some_and(on)
            || self.patterns.iter().any(|(pattern, next)| fits(pattern, name) && on(next))
    }
}

/// Whether a name can be what a pattern stands for. Character classes and escapes are for the server to know.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    if pattern == name || pattern.iter().any(|byte| b"[\\".contains(byte)) {
        return true;
    }
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                // The last star takes one byte more.
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (at, in_name) = (after, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(recursive: bool, relative: bool, paths: &[&str]) -> Asked {
        let mut asked = Asked::new(recursive, relative);
        paths.iter().for_each(|path| asked.pattern(path.as_bytes()));
        asked
    }

    /// Of these, a slash at the end makes a directory.
    fn taken(asked: &Asked, paths: &[&'static str]) -> Vec<&'static str> {
        let takes = |path: &str| {
            let (whole, is_directory) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
            let (dir, name) = whole.rsplit_once('/').unwrap_or(("", whole));
            asked.takes(dir.as_bytes(), name.as_bytes(), is_directory)
        };
        paths.iter().copied().filter(|path| takes(path)).collect()
    }

    #[test]
    fn a_name_and_what_is_below_it() {
        let all = ["a/", "a/b", "a/b/c", "b", "b/", "ab"];
        assert_eq!(taken(&asked(true, false, &["x/a"]), &all), ["a/", "a/b", "a/b/c"]);
        assert_eq!(taken(&asked(false, false, &["x/a"]), &all), ["a/"]);
        assert_eq!(taken(&asked(true, false, &["x/"]), &all), all);
        assert_eq!(taken(&asked(true, false, &["x/."]), &all), all);
        assert_eq!(taken(&asked(true, false, &[""]), &all), all);
        assert_eq!(taken(&asked(false, false, &["x/"]), &all), ["a/", "b", "b/", "ab"]);
    }

    #[test]
    fn whole_paths_bring_the_directories_on_the_way() {
        let all = ["x/", "x", "x/y/", "x/y", "x/y/z", "x/y/z/deep", "x/other", "y/", "y/z"];
        let below = asked(true, true, &["x/y/z"]);
        assert_eq!(taken(&below, &all), ["x/", "x/y/", "x/y/z", "x/y/z/deep"]);
        assert_eq!(taken(&asked(false, true, &["x/y/z"]), &all), ["x/", "x/y/", "x/y/z"]);
        assert_eq!(taken(&asked(true, true, &["x/./y/z"]), &all), ["y/", "y/z"]);
        assert_eq!(taken(&asked(false, true, &["x/y/"]), &all), ["x/", "x/y/", "x/y", "x/y/z"]);
        assert!(!below.takes_root() && asked(true, true, &["./x/y"]).takes_root());
        assert!(asked(true, true, &["x/./"]).takes_root() && asked(true, false, &["x/"]).takes_root());
    }

    #[test]
    fn patterns_are_the_servers_but_stay_in_their_place() {
        let all = ["a.txt", "b.txt", "c", "d/", "d/a.txt", "e/x.txt"];
        assert_eq!(taken(&asked(false, false, &["*.txt"]), &all), ["a.txt", "b.txt"]);
        assert_eq!(taken(&asked(false, false, &["?.txt", "c"]), &all), ["a.txt", "b.txt", "c"]);
        assert_eq!(taken(&asked(false, true, &["d*/*.txt"]), &all), ["d/", "d/a.txt"]);
        assert_eq!(taken(&asked(false, false, &["[xyz]"]), &all), ["a.txt", "b.txt", "c", "d/"]);
        let mut literal = Asked::new(false, true);
        literal.name(b"*.txt");
        assert_eq!(taken(&literal, &all), [""; 0]);
    }

    #[test]
    fn stars_take_what_they_must() {
        for (pattern, name, fit) in [
            ("*", "", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXcYb", false),
            ("*.tar.*", "x.tar.tar.gz", true),
            ("?", "", false),
            ("**", "x", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn several_sources_are_one_set() {
        let all = ["a", "b", "c"];
        let two = asked(true, false, &["p/a", "q/b"]);
        assert_eq!(taken(&two, &all), ["a", "b"]);
        assert!(two.is_several() && !asked(true, false, &["p/a"]).is_several());
        assert_eq!(taken(&Asked::anything(), &all), all);
    }
}
