//! Names that are not words, paths that are long, deep or crowded, and names that sort differently as files
//! and as directories.

use super::{Options, Planter};
use crate::at::join;

/// Longest path relative to the root: the kernel's 4,096 include the final NUL. With the module's own path in
/// front and the suffix of a temporary name behind, it is longer than any single call takes.
const LONGEST: usize = 4095;

/// How deep the deepest directory is.
const DEPTH: usize = 120;

const STRANGE: &[&[u8]] = &[
    b"latin-\xe9\xff",
    b"\xff\xfe\x80",
    b"new\nline",
    b"ends with newline\n",
    b"carriage\rreturn",
    b"with several  spaces",
    b" space before",
    b"space after ",
    b"-dash",
    b"--delete",
    b"back\\slash",
    b"\\#012",
    b"percent%20%s%n",
    b"...",
    b"..two dots",
    b".hidden",
    b"tab\tbell\x07escape\x1b[31m",
    b"\x01\x7f",
    b"star*",
    b"question?",
    b"[bracket]",
    b"{a,b}",
    b"'single' \"double\"",
    b"$(command) `command` $VARIABLE",
    b"semi;colon|pipe&amp<>",
    b"#hash#",
    b"!bang",
    b"~",
    b"host:path",
    b"host::module",
    b"composed-\xc3\xbc",
    b"decomposed-u\xcc\x88",
    b"right-to-left-\xe2\x80\xae-override",
    // As temporary files of a copy in progress are called.
    b".name.aB3dEf",
    b".~tmp~",
    b"file~",
];

/// Each is a file, except those that end in a slash. In the order of bytes `foo-` and `foo.` come before
/// `foo/`, `foo0` after it: a directory and its content do not follow each other when paths are compared as
/// plain strings.
const NEIGHBOURS: &[&[u8]] = &[
    b"fo",
    b"foo/",
    b"foo/bar",
    b"foo/bar.baz",
    b"foo/baz/",
    b"foo/baz/qux",
    b"foo!",
    b"foo\x01",
    b"foo-bar",
    b"foo-",
    b"foo.bar",
    b"foo.",
    b"foo.d/",
    b"foo.d/file",
    b"foo0",
    b"foo0.d/",
    b"foo0.d/file",
    b"foobar",
    b"foo\xff",
    b"foo \x2e",
    b"foo.d.d/",
];

pub(super) fn plant(planter: &mut Planter, options: &Options) {
    planter.directory(b"names");
    for &name in STRANGE {
        planter.small_file(&join(b"names", name));
    }
    planter.small_file(&join(b"names", &[b'n'; 255]));
    planter.small_file(&join(b"names", &[0xf0; 255]));
    planter.directory(b"names/directories");
    for &name in STRANGE {
        let directory = join(b"names/directories", name);
        planter.directory(&directory);
        planter.small_file(&join(&directory, name));
    }

    planter.directory(b"neighbours");
    for &path in NEIGHBOURS {
        let path = join(b"neighbours", path);
        match path.strip_suffix(b"/") {
            Some(directory) => planter.directory(directory),
            None => planter.small_file(&path),
        }
    }

    planter.directory(b"empty");
    planter.directory(b"empty/also empty");
    planter.directory(b"empty/also empty/and this");
    planter.directory(b"empty/beside");

    let mut deep = b"deep".to_vec();
    planter.directory(&deep);
    for level in 0..DEPTH {
        deep = join(&deep, format!("{}", level % 10).as_bytes());
        planter.directory(&deep);
        if level % 7 == 0 {
            planter.small_file(&join(&deep, b"here"));
        }
    }

    planter.directory(b"crowd");
    for number in 0..options.crowd {
        let length = planter.random.below(300);
        let content = planter.random.text(length);
        planter.file(format!("crowd/file-{number}").as_bytes(), &content);
    }

    if options.longest_path {
        plant_longest(planter);
    }
}

fn plant_longest(planter: &mut Planter) {
    let mut path = b"long".to_vec();
    planter.directory(&path);
    // The last component is a file; every other takes as much as a name may.
    while LONGEST - path.len() > 256 {
        path = join(&path, &[b'l'; 250]);
        planter.directory(&path);
    }
    let rest = LONGEST - path.len() - 1;
    planter.small_file(&join(&path, &vec![b'f'; rest]));
    planter.symlink(&join(&path, b"link"), b"f");
}
