//! What a path of the client asks for: where its transfer has its root, under what name it comes, and what the end of
//! the path says about that.

/// How a source ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// In a name.
    Name,
    /// In a slash, where whole paths are kept: a symlink is followed.
    Slash,
    /// In nothing, so that the content of a directory comes, as the root of the transfer.
    Root,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The directory that names are relative to, in the module; empty for the module itself.
    pub base: Vec<u8>,
    /// The name, relative to that; empty for the directory itself.
    pub path: Vec<u8>,
    pub ending: Ending,
    /// The path has a `./` in front, which asks for the root of the transfer as well.
    pub dotted: bool,
}

impl Source {
    /// Takes a path apart. `within` is the directory that it is relative to, with `relative` whole paths are kept.
    pub fn new(within: &[u8], path: &[u8], relative: bool) -> Self {
        let path = clean(path);
        if relative { Self::relative(within, &path) } else { Self::plain(within, &path) }
    }

    fn plain(within: &[u8], path: &[u8]) -> Self {
        let (dir, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        let is_root = matches!(name, b"" | b".");
        Self {
            base: join(within, &without_dots(dir)),
            path: if is_root { Vec::new() } else { name.to_vec() },
            ending: if is_root { Ending::Root } else { Ending::Name },
            dotted: false,
        }
    }

    fn relative(within: &[u8], path: &[u8]) -> Self {
        let place = path.windows(3).position(|piece| piece == b"/./");
        let (dir, kept) = place.map_or((&path[..0], path), |at| (&path[..at], &path[at + 3..]));
        let name = without_dots(kept);
        let ending = match kept {
            _ if name.is_empty() => Ending::Root,
            [.., b'/'] | [.., b'/', b'.'] => Ending::Slash,
            _ => Ending::Name,
        };
        Self {
            base: join(within, &without_dots(dir)),
            dotted: kept.starts_with(b"./") && !name.is_empty(),
            path: name,
            ending,
        }
    }
}

/// `a/b`, or the one that is not empty.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match (dir, name) {
        (b"", name) => name.to_vec(),
        (dir, b"") => dir.to_vec(),
        (dir, name) => [dir, b"/", name].concat(),
    }
}

/// A path without a slash in front, doubled slashes and `..`, which leads no further up than to the module. Components
/// that are `.` stay, and so does a slash at the end.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut names = path.split(|byte| *byte == b'/').peekable();
    let mut ends_in_slash = false;
    while let Some(name) = names.next() {
        let is_last = names.peek().is_none();
        ends_in_slash = is_last && matches!(name, b"" | b"..");
        match name {
            b"" => {}
            b".." => {
                // What is gone up from may have dots behind it.
                while kept.pop().is_some_and(|name| name == b".") {}
            }
            name => kept.push(name),
        }
    }
    let mut out = kept.join(&b'/');
    if ends_in_slash && !out.is_empty() {
        out.push(b'/');
    }
    out
}

/// A path without components that are `.`, and without a slash at an end.
pub(super) fn without_dots(path: &[u8]) -> Vec<u8> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    names.collect::<Vec<_>>().join(&b'/')
}

/// Names in a file of the module: in lines, or each up to a NUL. Empty ones and comments are passed over.
pub(super) fn names_in(text: &[u8], from0: bool) -> Vec<Vec<u8>> {
    let ends = |byte: &u8| if from0 { *byte == 0 } else { matches!(byte, b'\n' | b'\r') };
    let names = text.split(ends).filter(|name| !matches!(name, [] | [b'#' | b';', ..]));
    // A NUL within a line is the end of a name for whoever keeps names as the system does.
    names.map(|name| name.split(|byte| *byte == 0).next().unwrap_or(name).to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, relative: bool) -> (String, String, Ending, bool) {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let Source { base, path, ending, dotted } = Source::new(b"", path.as_bytes(), relative);
        (text(base), text(path), ending, dotted)
    }

    fn is(base: &str, path: &str, ending: Ending) -> (String, String, Ending, bool) {
        (base.into(), path.into(), ending, false)
    }

    #[test]
    fn a_name_or_a_content() {
        for (path, found) in [
            ("", is("", "", Ending::Root)),
            (".", is("", "", Ending::Root)),
            ("a", is("", "a", Ending::Name)),
            ("a/", is("a", "", Ending::Root)),
            ("a/.", is("a", "", Ending::Root)),
            ("a/b//c", is("a/b", "c", Ending::Name)),
            ("a/./b/", is("a/b", "", Ending::Root)),
            ("a/b/..", is("a", "", Ending::Root)),
        ] {
            assert_eq!(source(path, false), found, "{path}");
        }
    }

    #[test]
    fn whole_paths() {
        for (path, found) in [
            ("", is("", "", Ending::Root)),
            ("a/b", is("", "a/b", Ending::Name)),
            ("a/b/", is("", "a/b", Ending::Slash)),
            ("a/b/.", is("", "a/b", Ending::Slash)),
            ("a/./b/c", is("a", "b/c", Ending::Name)),
            ("a/./b/./c/", is("a", "b/c", Ending::Slash)),
            ("a/./", is("a", "", Ending::Root)),
            ("a/././", is("a", "", Ending::Root)),
        ] {
            assert_eq!(source(path, true), found, "{path}");
        }
        assert_eq!(source("./a", true), ("".into(), "a".into(), Ending::Name, true));
        assert!(!source("./", true).3);
    }

    #[test]
    fn nothing_leads_out() {
        for (path, kept) in [
            ("../a", "a"),
            ("/../../a/", "a/"),
            ("a/../../b", "b"),
            ("..", ""),
            ("a/./../b", "b"),
            ("/etc", "etc"),
            ("...", "..."),
            ("a/..b", "a/..b"),
        ] {
            assert_eq!(clean(path.as_bytes()), kept.as_bytes(), "{path}");
        }
        assert_eq!(Source::new(b"in", b"../x", true).base, b"in");
    }

    #[test]
    fn names_of_a_file() {
        assert_eq!(names_in(b"a\n#b\n\nc d\r\n;e", false), [&b"a"[..], b"c d"]);
        assert_eq!(names_in(b"a\nb\0c\0", true), [&b"a\nb"[..], b"c"]);
    }
}
