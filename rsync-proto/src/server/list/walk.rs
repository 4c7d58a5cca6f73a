//! Walks through directories. Each is opened below the module by its handle and read in batches; what lies in it is
//! looked at relative to it, judged by the rules, and sent.

use std::collections::HashMap;
use std::mem::take;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, RawDir, fstat};
use rustix::io::Errno;

use super::handle::Handle;
use super::look::{LinkRules, Look, Unseen};
use super::segment::{ROOT, Segment};
use super::sender::{Item, Sender};
use super::tree::{DIRECTORY, HELD, Place, Tree};
use super::visit::{Ancestor, Role, Visit, Within};
use super::{ListBounds, shown};
use crate::filter::{MergeFile, Scope, Verdict};
use crate::limits::{MAX_NAME, MAX_PATH};
use crate::server::failure::Failure;
use crate::server::terms::Terms;
use crate::server::voice::Voice;
use crate::wire::flags::{entry as flag, io_error, mode};
use crate::wire::frame::Tag;

/// How much of a directory is read at once, in bytes.
const BATCH: usize = 64 * 1024;
/// Largest file of rules in the module, in bytes.
const MAX_MERGE: u64 = 64 * 1024;

/// What walks.
#[derive(Debug)]
pub(super) struct Walk {
    pub tree: Arc<Tree>,
    pub sender: Sender,
    pub links: LinkRules,
    /// Where transfers have their roots, in the module.
    pub bases: Vec<Vec<u8>>,
    /// Their numbers.
    pub numbers: HashMap<Vec<u8>, u32>,
    /// Directories that are to be visited, the next one last.
    pub stack: Vec<Visit>,
    /// Directories of the segment at hand, by the number in their entries.
    pub fresh: Vec<Option<Visit>>,
    /// The last directory on the way to something that was sent in this segment: where its transfer has its root, its
    /// path, and its visit.
    pub on_the_way: Option<(u32, Vec<u8>, Option<u32>)>,
    pub segments: bool,
    pub recursive: bool,
    pub directories: bool,
    pub relative: bool,
    pub ignores_missing: bool,
    one_file_system: u8,
    depth: usize,
    pub path: Vec<u8>,
    pub target: Vec<u8>,
    batch: Vec<u8>,
}

impl Walk {
    pub fn new(tree: &Arc<Tree>, terms: &Terms, bounds: &ListBounds) -> Self {
        let request = &terms.request;
        let named = request.names != crate::server::request::Names::None;
        Self {
            tree: Arc::clone(tree),
            sender: Sender::new(terms, bounds),
            links: LinkRules::new(request),
            bases: Vec::new(),
            numbers: HashMap::new(),
            stack: Vec::new(),
            fresh: Vec::new(),
            on_the_way: None,
            segments: terms.inc_recurse,
            recursive: request.recursive,
            directories: request.recursive || request.dirs || request.list_only || named,
            relative: request.relative,
            ignores_missing: request.ignore_missing_args,
            one_file_system: request.one_file_system,
            depth: bounds.depth,
            path: Vec::new(),
            target: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Whether symlinks are followed within paths: those on the way to what was asked for always are.
    pub fn follows(&self) -> bool {
        self.relative || self.links.follow_any()
    }

    pub fn place<'a>(&'a self, base: u32, path: &'a [u8]) -> Place<'a> {
        Place { base: &self.bases[base as usize], path, follow: self.follows() }
    }

    /// A step of work. Rules of a client may make each of them long.
    pub fn step(&mut self, within: &Within, voice: &mut dyn Voice) -> Result<(), Failure> {
        if within.scope.is_empty() { self.sender.step(voice) } else { voice.breathe() }
    }

    /// The scope inside a directory.
    pub fn enter(
        &mut self,
        above: &Arc<Scope>,
        base: u32,
        path: &[u8],
        voice: &mut dyn Voice,
    ) -> Result<Arc<Scope>, Failure> {
        if above.is_empty() {
            return Ok(Arc::clone(above));
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let mut unreadable = None;
        let mut read = |file: MergeFile<'_>| {
            let (base, path) = match file {
                MergeFile::Here(name) => (&self.bases[base as usize][..], super::source::join(path, name)),
                MergeFile::At(path) => (&b""[..], super::source::clean(path)),
            };
            let place = Place { base, path: &path, follow: true };
            self.tree.read_file(place, MAX_MERGE).or_else(|error| {
                unreadable = Some((place.whole(), error.raw_os_error().map(Errno::from_raw_os_error)));
                // What is too large is refused: half of the rules are none.
                if error.raw_os_error().is_some() { Ok(None) } else { Err(error) }
            })
        };
        let scope = above.enter(name, &mut read).map_err(|error| Failure::Refused(error.to_string()))?;
        // Where nothing in the directory can be seen, that is said of the directory.
        let is_there = |path: &[u8]| self.tree.at(Place { base: b"", path, follow: true }, HELD).is_ok();
        if let Some((path, Some(error))) = unreadable.filter(|(path, _)| is_there(path)) {
            self.sender.io_error |= io_error::GENERAL;
            shown::failed(voice, &self.tree, "open", Place { base: b"", path: &path, follow: true }, error);
        }
        Ok(Arc::new(scope))
    }

    /// Lists what is to be listed of a directory.
    pub fn visit(
        &mut self,
        visit: Visit,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        if !visit.content && visit.later.is_empty() {
            return Ok(());
        }
        let scope = self.enter(&visit.above, visit.base, &visit.path, voice)?;
        let mut within = Within {
            base: visit.base,
            path: visit.path,
            scope,
            depth: visit.depth,
            up: visit.up,
            device: None,
        };
        let opened = self.tree.at(self.place(within.base, &within.path), DIRECTORY);
        if let (Ok(dir), true) = (&opened, self.links.follow_any() || self.one_file_system > 0) {
            let stat = fstat(dir).map_err(|error| self.lost(error))?;
            within.device = Some(stat.st_dev);
            within.up = Some(Ancestor::new(&stat, within.up.take()));
        }
        if visit.content {
            match opened {
                Ok(dir) => self.read(&dir, &within, segment, out, voice)?,
                Err(error) => {
                    let place = self.place(within.base, &within.path);
                    let bits = shown::unseen(voice, &self.tree, "directory", "opendir", place, error);
                    self.sender.io_error |= bits;
                }
            }
        }
        self.names_below(&within, visit.later, segment, out, voice)?;
        voice.breathe()
    }

    fn lost(&self, error: Errno) -> Failure {
        Failure::Local { action: "look at an open directory".to_owned(), source: error.into() }
    }

    /// Lists the content of a directory.
    pub fn read(
        &mut self,
        dir: &OwnedFd,
        within: &Within,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        let mut batch = take(&mut self.batch);
        batch.clear();
        batch.reserve(BATCH);
        let mut path = take(&mut self.path);
        path.clear();
        path.extend_from_slice(&within.path);
        if !path.is_empty() {
            path.push(b'/');
        }
        let stem = path.len();
        let first = self.stack.len();
        let number = segment.dir(within.base, &within.path);
        let role = Role { top: false, content: self.recursive, implied: false, judged: true };
        let mut entries = RawDir::new(dir, batch.spare_capacity_mut());
        let mut result = Ok(());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    self.sender.io_error |= io_error::GENERAL;
                    let place = self.place(within.base, &within.path);
                    shown::failed(voice, &self.tree, "readdir", place, error);
                    break;
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            path.truncate(stem);
            path.extend_from_slice(name.to_bytes());
            result = self.step(within, voice);
            if result.is_err() {
                break;
            }
            if self.is_hidden(within, &path, entry.file_type()) {
                continue;
            }
            let place =
                Place { base: &self.bases[within.base as usize], path: &path, follow: self.follows() };
            let looked = self.links.look_in(&self.tree, dir.as_fd(), name, place, &mut self.target);
            result = match looked {
                Ok(look) => {
                    let handle = Handle::Entry(dir.as_fd(), name);
                    self.list(within, number, &path, &look, Some(handle), role, segment, out, voice)
                        .map(|_| ())
                }
                Err(unseen) => {
                    self.unseen(within, &path, unseen, role, voice);
                    Ok(())
                }
            };
            if result.is_err() {
                break;
            }
        }
        self.stack[first..].reverse();
        self.path = path;
        self.batch = batch;
        result
    }

    /// Whether rules exclude what is known to be of this kind, so that it need not be looked at.
    fn is_hidden(&self, within: &Within, path: &[u8], kind: FileType) -> bool {
        match kind {
            _ if within.scope.is_empty() => false,
            FileType::Unknown => false,
            FileType::Symlink if self.links.follow_any() => false,
            kind => within.scope.verdict(path, kind == FileType::Directory, false) == Verdict::Excluded,
        }
    }

    /// Says that something could not be looked at, unless rules exclude it anyway.
    pub fn unseen(
        &mut self,
        within: &Within,
        path: &[u8],
        unseen: Unseen,
        role: Role,
        voice: &mut dyn Voice,
    ) {
        let excludes = |is_dir| within.scope.verdict(path, is_dir, false) == Verdict::Excluded;
        if role.judged && !within.scope.is_empty() && (excludes(false) || excludes(true)) {
            return;
        }
        let place = Place { base: &self.bases[within.base as usize], path, follow: false };
        self.sender.io_error |= match unseen {
            Unseen::Failed(error) => shown::unseen(voice, &self.tree, "file", "readlink_stat", place, error),
            Unseen::Dangling => {
                shown::about(voice, Tag::ErrorTransfer, &self.tree, "symlink has no referent:", place);
                io_error::GENERAL
            }
        };
    }

    /// Lists what was looked at. Returns the number of the visit that follows in the segment, if it is a directory that
    /// gets one.
    #[allow(clippy::too_many_arguments, reason = "one entry, and all that it depends on")]
    pub fn list(
        &mut self,
        within: &Within,
        dir: u32,
        path: &[u8],
        look: &Look,
        by_name: Option<Handle<'_>>,
        role: Role,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<Option<u32>, Failure> {
        let is_directory = look.is_directory();
        let mut content = role.content && is_directory;
        let place = Place { base: &self.bases[within.base as usize], path, follow: self.follows() };
        if is_directory && role.judged {
            if !self.directories && !role.implied {
                voice.say(Tag::Info, &[b"skipping directory ", path].concat());
                return Ok(None);
            }
            let foreign = within.device.is_some_and(|device| device != look.stat.st_dev);
            if self.one_file_system > 0 && foreign && content && !role.top {
                if self.one_file_system > 1 {
                    return Ok(None);
                }
                content = false;
            }
        }
        let scope = &within.scope;
        if role.judged && scope.verdict(path, is_directory, false) == Verdict::Excluded {
            return Ok(None);
        }
        let name = match path.rsplit(|byte| *byte == b'/').next() {
            Some(name @ [_, ..]) => name,
            _ => ROOT,
        };
        let depth = within.depth + usize::from(!path.is_empty());
        let slash = usize::from(!place.base.is_empty() && !path.is_empty());
        let fault = if name.len() > MAX_NAME || place.base.len() + slash + path.len() > MAX_PATH {
            Some("skipping overly long name:")
        } else if depth > self.depth {
            Some("skipping overly deep name:")
        } else if is_directory && look.followed && content && within.lies_in(&look.stat) {
            Some("skipping symlink to a directory that it lies in:")
        } else {
            None
        };
        if let Some(fault) = fault {
            shown::about(voice, Tag::ErrorTransfer, &self.tree, fault, place);
            self.sender.io_error |= io_error::GENERAL;
            return Ok(None);
        }
        let Some(handle) = look.handle(by_name) else { return Ok(None) };
        let flags = match (is_directory, content) {
            (false, _) => 0,
            (true, true) if role.top => flag::TOP_DIRECTORY,
            (true, true) => 0,
            (true, false) if role.implied => flag::TOP_DIRECTORY | flag::NO_CONTENT,
            (true, false) => flag::NO_CONTENT,
        };
        let is_link = look.stat.st_mode & mode::TYPE == mode::SYMLINK;
        let target = if is_link { &self.target[..] } else { &[] };
        let item = Item { look, handle, place, name, dir, target, flags };
        if !self.sender.send(&self.tree, &item, segment, out, voice)? || !is_directory {
            return Ok(None);
        }
        let entry = segment.entries.last_mut().expect("it was just sent");
        if !self.segments && !content {
            return Ok(None);
        }
        let visit = Visit {
            base: within.base,
            path: path.into(),
            content,
            later: Vec::new(),
            above: Arc::clone(&within.scope),
            depth,
            up: within.up.clone(),
            mode: entry.mode,
            xattrs: entry.xattrs,
            number: 0,
            again: false,
        };
        if !self.segments {
            self.stack.push(visit);
            return Ok(None);
        }
        entry.size = self.fresh.len() as u64;
        self.fresh.push(Some(visit));
        Ok(Some(self.fresh.len() as u32 - 1))
    }
}
