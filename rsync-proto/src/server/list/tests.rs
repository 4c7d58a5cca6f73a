//! Lists that are written here and read by the decoder of this crate.

mod bounds;
mod measure;
mod round_trip;
mod rules;
mod sources;
mod symlinks;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{List, ListBounds, Tree};
use crate::checksum::{BlockSummer, ChecksumKind};
use crate::filter::{Filters, Scope};
use crate::flist::{Asked, EntryRef, Kind, ListDecoder, ListOptions, Segment};
use crate::scripted::options;
use crate::server::failure::Failure;
use crate::server::request::{Names, Request};
use crate::server::terms::Terms;
use crate::server::voice::Voice;
use crate::wire::frame::Tag;
use crate::wire::{Cursor, Index, IndexCodec};

/// Every shape of a list.
const SHAPES: [(u8, bool, bool); 9] = [
    (30, false, false),
    (30, false, true),
    (30, true, true),
    (31, false, false),
    (31, false, true),
    (31, true, true),
    (32, true, false),
    (32, true, true),
    (32, false, true),
];

/// Hears what is said, and hangs up after so many signs of life.
#[derive(Default)]
struct Ear {
    lines: Vec<String>,
    patience: Option<usize>,
}

impl Voice for Ear {
    fn say(&mut self, tag: Tag, line: &[u8]) {
        self.lines.push(format!("{tag:?}: {}", String::from_utf8_lossy(line)));
    }

    fn breathe(&mut self) -> Result<(), Failure> {
        match self.patience.as_mut() {
            Some(0) => Err(Failure::HungUp),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

const BOUNDS: ListBounds = ListBounds { entries: 1_000_000, waiting: 1_000_000, depth: 100 };

fn terms((protocol, varint_flags, inc_recurse): (u8, bool, bool)) -> Terms {
    let kind = ChecksumKind::Md5;
    Terms {
        protocol,
        request: Request {
            paths: vec![Vec::new()],
            recursive: true,
            links: true,
            owner: true,
            group: true,
            devices: true,
            specials: true,
            hard_links: true,
            ..Request::default()
        },
        varint_flags,
        inc_recurse,
        safe_flist: true,
        id0_names: varint_flags,
        xattr_optimisation: false,
        summer: BlockSummer { kind, seed: 0, seed_first: true, seeds_files: false },
        file_checksum: kind,
        compression: None,
        xattr_rules: None,
    }
}

/// As a client with these arguments reads the list, which takes nothing that it did not ask for.
fn reader(terms: &Terms, names: Option<&[Vec<u8>]>) -> ListOptions {
    let request = &terms.request;
    let mut asked = Asked::new(request.recursive, request.relative);
    match (names, &request.names) {
        (Some(names), _) => names.iter().for_each(|name| asked.name(name)),
        (None, Names::None) => request.paths.iter().for_each(|path| asked.pattern(path)),
        _ => asked = Asked::anything(),
    }
    ListOptions {
        recursive: request.recursive,
        dirs: true,
        owner: request.owner,
        group: request.group,
        numeric_ids: request.numeric_ids,
        links: request.links,
        devices: request.devices,
        specials: request.specials,
        hard_links: request.hard_links,
        acls: request.acls,
        xattrs: request.xattrs > 0,
        access_times: request.access_times,
        safe_flist: terms.safe_flist,
        id0_names: terms.id0_names,
        sum_len: if request.checksum { terms.file_checksum.sum_len() } else { 0 },
        asked,
        ..options(terms.protocol, terms.varint_flags, terms.inc_recurse)
    }
}

/// A list, what a client reads of it, and what was said.
struct Told {
    list: List,
    segments: Vec<Segment>,
    said: Vec<String>,
    io_error: u32,
}

fn rules(lines: &[&str]) -> Scope {
    let mut filters = Filters::default();
    for line in lines {
        filters.add(line.as_bytes(), &mut |_| Err(std::io::ErrorKind::Unsupported.into())).unwrap();
    }
    filters.sender(b"")
}

fn told(dir: &Path, terms: &Terms) -> Told {
    told_with(dir, terms, &[], None).unwrap()
}

fn told_with(
    dir: &Path,
    terms: &Terms,
    lines: &[&str],
    names: Option<Vec<Vec<u8>>>,
) -> Result<Told, Failure> {
    let tree = Arc::new(Tree::open(dir).unwrap().named("m"));
    let mut ear = Ear::default();
    let mut out = Vec::new();
    let mut decoder = ListDecoder::new(reader(terms, names.as_deref()));
    let mut list = List::begin(&tree, terms, rules(lines), names, &BOUNDS, &mut out, &mut ear)?;
    let (mut segments, mut io_error) = (Vec::new(), 0);
    let mut read = |decoder: &mut ListDecoder, cursor: &mut Cursor<'_>| {
        loop {
            if let Some((segment, error)) = decoder.read(cursor).unwrap() {
                io_error |= error;
                return segment;
            }
        }
    };
    let mut cursor = Cursor::new(&out);
    decoder.begin();
    segments.push(read(&mut decoder, &mut cursor));
    assert_eq!(cursor.position(), out.len(), "all was read");
    let (mut writes, mut reads) = (IndexCodec::new(terms.protocol), IndexCodec::new(terms.protocol));
    let mut ended = !terms.inc_recurse;
    assert_eq!(list.is_complete(), ended);
    loop {
        let mut out = Vec::new();
        if !list.next_segment(&mut writes, &mut out, &mut ear)? {
            assert!(ended && out.is_empty() && list.is_complete());
            break;
        }
        let mut cursor = Cursor::new(&out);
        while cursor.position() < out.len() {
            match reads.read(&mut cursor).unwrap() {
                Index::Segment(number) => {
                    decoder.begin_directory(number).unwrap();
                    segments.push(read(&mut decoder, &mut cursor));
                }
                Index::ListEnd => ended = true,
                other => panic!("{other:?} is no part of a list"),
            }
        }
    }
    assert_eq!(decoder.open_directories(), 0, "every directory had its segment");
    Ok(Told { list, segments, said: ear.lines, io_error })
}

impl Told {
    fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.segments.iter().flat_map(Segment::iter)
    }

    /// The paths that a client takes, in their order, with a slash behind directories, and an `=` behind those that have no
    /// content. Each is the same for both sides by its index.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for entry in self.entries() {
            let path = entry.path();
            let path = if path.is_root() { b"." } else { path.as_bytes() };
            let path = String::from_utf8(path.to_vec()).unwrap();
            let listed = self.list.entry(entry.index()).unwrap();
            assert_eq!(String::from_utf8(listed.path()).unwrap(), path, "index {}", entry.index());
            assert_eq!((listed.kind(), listed.size()), (entry.kind(), entry.size()), "{path}");
            let end = match entry.kind() {
                Kind::Directory if entry.has_content() => "/",
                Kind::Directory => "=",
                _ => "",
            };
            if !entry.is_duplicate() {
                paths.push(format!("{path}{end}"));
            }
        }
        paths
    }
}

/// The paths of a request with these sources, as [`Told::paths`]; sorted, and the same for every shape.
fn paths_of(dir: &Path, change: impl Fn(&mut Request)) -> (Vec<String>, Vec<String>) {
    let mut found: Option<(Vec<String>, Vec<String>)> = None;
    for shape in SHAPES {
        let mut terms = terms(shape);
        change(&mut terms.request);
        terms.inc_recurse &= terms.request.recursive;
        let told = told(dir, &terms);
        let mut paths = told.paths();
        paths.sort();
        let now = (paths, told.said);
        if let Some(before) = &found {
            assert_eq!(*before, now, "{shape:?}");
        }
        found = Some(now);
    }
    found.unwrap()
}

/// A directory with these files, which hold their names; a slash at the end makes a directory, an arrow a symlink.
fn tree(paths: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let at = dir.path().join(path.split(" -> ").next().unwrap());
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if let Some((_, target)) = path.split_once(" -> ") {
            symlink(target, at).unwrap();
        } else if path.ends_with('/') {
            fs::create_dir_all(at).unwrap();
        } else {
            fs::write(at, path).unwrap();
        }
    }
    dir
}
