//! The pattern of one rule: which part of a path it is matched against, and how.

use super::glob::{Glob, Joined, Text};

/// A pattern as it was written, without the slash that limits it to directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: Box<[u8]>,
    /// Only directories match.
    directory: bool,
    place: Place,
    extent: Extent,
    /// Compiled without the slash in front; nothing where the text has no wildcards, and none of its bytes has a
    /// meaning.
    glob: Option<Glob>,
    /// A `***` at the end matches the directory in front of it as well.
    directory_too: bool,
}

/// Where the path begins that the pattern is matched against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At the root of the transfer.
    Root,
    /// At the root of the file system.
    FileSystem,
    /// At this directory below the root of the transfer.
    Below(Box<[u8]>),
    /// At a directory above the root of the transfer: so many bytes into its path.
    Above(usize),
}

/// How much of the path is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The last component.
    Name,
    /// So many components at the end.
    Last(usize),
    /// All of it.
    Whole,
    /// All of it, with a slash in front, so that a leading `**/` can match nothing.
    WholeWithSlash,
    /// From its start, or from behind any slash.
    AnyStart,
}

impl Pattern {
    /// The pattern of a rule. Anchors are relative to `place`.
    pub fn new(text: &[u8], directory: bool, place: Place) -> Self {
        let (text, directory) = match text {
            [head @ .., b'/'] if !head.is_empty() => (head, true),
            _ => (text, directory),
        };
        let (anchored, bare) = match text {
            [b'/', bare @ ..] => (true, bare),
            _ => (false, text),
        };
        // An anchor counts; without one, a pattern is looked for wherever a path reaches to.
        let place = match place {
            Place::Below(_) | Place::Above(_) if !anchored => Place::Root,
            place => place,
        };
        let slashes = text.iter().filter(|byte| **byte == b'/').count();
        let wild = text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
        let deep = text.windows(2).any(|pair| pair == b"**");
        let extent = match (anchored, slashes, deep) {
            (false, 0, false) => Extent::Name,
            (true, ..) => Extent::Whole,
            (false, _, false) => Extent::Last(slashes + 1),
            (false, ..) if !text.starts_with(b"**") => Extent::AnyStart,
            (false, ..) => Extent::WholeWithSlash,
        };
        Self {
            directory,
            place,
            extent,
            glob: wild.then(|| Glob::new(bare)),
            directory_too: deep && text.ends_with(b"***"),
            text: text.into(),
        }
    }

    /// As it was written, without a slash at the end.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    pub fn is_for_directories(&self) -> bool {
        self.directory
    }

    /// Whether it depends on where the root of the transfer lies.
    pub fn needs_root(&self) -> bool {
        self.place == Place::FileSystem && self.extent != Extent::Name
    }

    /// Whether it matches a path relative to the root of the transfer. `root` is the path of that, without a slash
    /// at either end, and empty for the root of the file system.
    pub fn matches(&self, path: &[u8], is_dir: bool, root: &[u8]) -> bool {
        if self.directory && !is_dir {
            return false;
        }
        let slash = self.directory_too && is_dir;
        let (above, name) = match &self.place {
            _ if self.extent == Extent::Name => {
                let from = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
                (&b""[..], &path[from..])
            }
            Place::Root => (&b""[..], path),
            Place::FileSystem => (root, path),
            Place::Above(offset) => (&root[*offset..], path),
            Place::Below(dir) => match path.strip_prefix(&**dir).and_then(|rest| rest.strip_prefix(b"/")) {
                Some(rest) => (&b""[..], rest),
                None => return false,
            },
        };
        match (above, self.extent == Extent::WholeWithSlash, slash) {
            (b"", false, false) => self.matches_text(name),
            (b"", with_slash, slash) => {
                let head: &[u8] = if with_slash { b"/" } else { b"" };
                self.matches_text(Joined { head, name, slash })
            }
            _ => {
                // Rules about places outside of the transfer are rare: joining once is cheap enough.
                let head = [above, b"/"].concat();
                self.matches_text(Joined { head: &head, name, slash })
            }
        }
    }

    fn matches_text(&self, text: impl Text) -> bool {
        let Some(glob) = &self.glob else { return self.is_literally(text) };
        match self.extent {
            Extent::Name | Extent::Whole | Extent::WholeWithSlash => glob.matches(text, 0),
            Extent::Last(count) => last(text, count).is_some_and(|start| glob.matches(text, start)),
            Extent::AnyStart => glob.matches_behind_any_slash(text),
        }
    }

    fn is_literally(&self, text: impl Text) -> bool {
        let bare = self.text.strip_prefix(b"/").unwrap_or(&self.text);
        let Some(start) = text.len().checked_sub(bare.len()) else { return false };
        let at_border = match self.extent {
            Extent::Last(_) => start == 0 || text.at(start - 1) == b'/',
            _ => start == 0,
        };
        at_border && bare.iter().enumerate().all(|(index, byte)| text.at(start + index) == *byte)
    }
}

/// Where the last so many components begin, if there are as many.
fn last(text: impl Text, count: usize) -> Option<usize> {
    let mut slashes = (0..text.len()).rev().filter(|index| text.at(*index) == b'/');
    let slashes_before = slashes.by_ref().take(count - 1).count();
    match slashes.next() {
        _ if slashes_before < count - 1 => None,
        Some(slash) => Some(slash + 1),
        None => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let (path, is_dir) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        Pattern::new(pattern.as_bytes(), false, Place::Root).matches(path.as_bytes(), is_dir, b"mnt/to")
    }

    #[test]
    fn anchors_and_slashes_decide_what_is_looked_at() {
        for (pattern, path) in [
            ("foo", "a/foo"),
            ("/foo", "foo"),
            ("foo/", "a/foo/"),
            ("a/b", "x/a/b"),
            ("a/*", "x/a/b"),
            ("/a/*", "a/b"),
            ("a/**", "x/a/b/c"),
            ("**/b", "b"),
            ("**b", "a/xb"),
            ("/a/***", "a/"),
            ("a/***", "x/a/"),
            ("a/***", "x/a/b"),
            ("a\\b", "a\\b"),
            ("a\\*", "a*"),
            ("?/b", "a/b"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("foo", "foo/a"),
            ("/foo", "a/foo"),
            ("foo/", "foo"),
            ("a/b", "xa/b"),
            ("/a/*", "x/a/b"),
            ("a/*", "a/b/c"),
            ("/a/***", "a"),
            ("/", "a"),
            ("/a/**/b", "a/b"),
            ("oo", "foo"),
            ("a\\b*", "a\\b"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn other_places_than_the_root() {
        let at = |text: &str, place| Pattern::new(text.as_bytes(), false, place);
        assert!(at("/mnt/to/a", Place::FileSystem).matches(b"a", false, b"mnt/to"));
        assert!(at("to/a", Place::FileSystem).matches(b"a", false, b"mnt/to"));
        assert!(!at("/a", Place::FileSystem).matches(b"a", false, b"mnt/to"));
        assert!(at("/a", Place::FileSystem).matches(b"a", false, b""));
        let below = at("/f*", Place::Below(b"sub/dir"[..].into()));
        assert!(below.matches(b"sub/dir/foo", false, b"mnt"));
        assert!(!below.matches(b"sub/dir/x/foo", false, b"mnt") && !below.matches(b"foo", false, b"mnt"));
        let above = at("/to/a", Place::Above(4));
        assert!(above.matches(b"a", false, b"mnt/to") && !above.matches(b"to/a", false, b"mnt/to"));
    }
}
