//! The tree on this machine, as the engine sees it: where it is rooted, and which room does what.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustix::fs::fstat;
use rustix::process::{Resource, getrlimit};

use super::attributes::Policy;
use super::basis::LocalBasis;
use super::dir::{LocalDir, is_empty};
use super::handle::Root;
use super::machine::Machine;
use super::node::Node;
use super::old_tree::OldTree;
use super::partial::PartialRoom;
use super::place::Places;
use super::remove::is_no_directory;
use super::same::LocalSink;
use super::seen::Attributes;
use crate::checksum::BlockSummer;
use crate::destination::{
    Destination, DirChanges, Failure, Foreign, Found, Incoming, Linking, Making, Offering, Removed, Verdict,
};
use crate::error::{Error, Result, printable};
use crate::flist::{EntryRef, Kind, SafePath, Segment};
use crate::options::Options;
use crate::report::Changes;
use crate::wire::flags::mode;

/// What a [`LocalTree`] needs to know.
#[derive(Debug, Clone)]
pub struct LocalTreeOptions {
    /// The options of the transfer.
    pub options: Options,
    /// How blocks are summed; its algorithm also verifies whole files.
    pub summer: BlockSummer,
    /// What of this machine counts for it.
    pub machine: Machine,
}

/// A directory of this machine as the destination of a pull.
#[derive(Debug)]
pub struct LocalTree {
    pub(super) path: PathBuf,
    pub(super) options: Options,
    pub(super) summer: BlockSummer,
    pub(super) policy: Arc<Policy>,
    pub(super) root: OnceLock<Root>,
    /// The root was missing and was made, or with a dry run would have been.
    made: AtomicBool,
    /// The name that a single file gets here in place of its own.
    pub(super) alias: OnceLock<Box<[u8]>>,
    pub(super) stopped: Arc<AtomicBool>,
    places: OnceLock<Arc<Places>>,
    /// Where else files may be that missing ones can be made of; listed when the first is missed.
    old_tree: OnceLock<OldTree>,
    pub(super) alternates: OnceLock<Vec<Option<Root>>>,
    /// Where the caller keeps something or takes it from, as far as it lies in the destination, beneath its root.
    pub(super) in_use: OnceLock<Vec<Vec<u8>>>,
    odd: Mutex<Vec<String>>,
}

impl LocalTree {
    /// A tree at `path`. Its last component may be missing: it is made when the transfer begins.
    pub fn new(path: impl Into<PathBuf>, settings: LocalTreeOptions) -> Self {
        let LocalTreeOptions { options, summer, machine } = settings;
        Self {
            path: path.into(),
            policy: Arc::new(Policy::new(&options, &machine)),
            options,
            summer,
            root: OnceLock::new(),
            made: AtomicBool::new(false),
            alias: OnceLock::new(),
            stopped: Arc::default(),
            places: OnceLock::new(),
            old_tree: OnceLock::new(),
            alternates: OnceLock::new(),
            in_use: OnceLock::new(),
            odd: Mutex::default(),
        }
    }

    pub(super) fn places(&self) -> &Arc<Places> {
        self.places.get().expect("a transfer begins before anything else")
    }

    pub(super) fn old_tree(&self) -> &OldTree {
        let is_new = self.made.load(Ordering::Relaxed);
        let root = self.root.get().filter(|_| !is_new);
        let go_on = || !self.stopped.load(Ordering::Relaxed);
        self.old_tree.get_or_init(|| root.map(|root| OldTree::of(root, go_on)).unwrap_or_default())
    }

    pub(super) fn root(&self) -> &Root {
        self.root.get().expect("a transfer begins before anything else")
    }

    pub(super) fn name<'a>(&'a self, entry: EntryRef<'a>) -> &'a [u8] {
        self.alias.get().map_or(entry.name(), |alias| alias)
    }

    /// Whoever fills a directory must be able to use it. Returns the mode that it had if it was changed.
    pub(super) fn make_usable<F: AsFd>(&self, node: &Node<F>) -> io::Result<Option<u32>> {
        let identity = &self.policy.identity;
        if identity.root && !identity.fake || self.options.dry_run {
            return Ok(None);
        }
        let stat = node.stat()?;
        if stat.st_mode & 0o700 == 0o700 || stat.st_uid != self.policy.identity.uid {
            return Ok(None);
        }
        node.set_mode(stat.st_mode & mode::PERMISSIONS | 0o700)?;
        Ok(Some(stat.st_mode))
    }

    /// Opens a directory below the root, even one that its owner may not read. Returns the mode that it had if it was
    /// changed.
    pub(super) fn open_below(&self, path: &SafePath) -> io::Result<(OwnedFd, Option<u32>)> {
        match self.root().open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !path.is_root() => {
                let (parent, name) = path.split_last();
                let parent = self.root().open(&parent)?;
                let before = self.make_usable(&Node::hold(parent.as_fd(), name)?)?;
                Ok((self.root().open(path)?, before))
            }
            opened => Ok((opened?, None)),
        }
    }

    pub(super) fn dir(
        &self,
        fd: Option<OwnedFd>,
        path: SafePath,
        fresh: bool,
        changes: Changes,
    ) -> io::Result<LocalDir> {
        let mut gives_list = false;
        let mut allows_new = 0o777 & !self.policy.umask;
        let mut mode_before = None;
        if let Some(fd) = &fd {
            let node = Node::borrowed(fd.as_fd());
            mode_before = self.make_usable(&node)?;
            if self.options.acls {
                gives_list = node.xattr(super::acl::DEFAULT)?.is_some();
            } else if !self.policy.perms && !self.policy.identity.fake {
                let list = node.xattr(super::acl::DEFAULT)?;
                allows_new = list.and_then(|list| super::acl::allowed(&list)).unwrap_or(allows_new);
            }
        }
        let alternates = self.alternates.get().map_or(&[][..], |alternates| alternates);
        let open = |root: &Option<Root>| match root.as_ref().map(|root| root.open(&path)) {
            None => Ok(None),
            Some(Err(error))
                if is_no_directory(&error) || error.kind() == io::ErrorKind::PermissionDenied =>
            {
                Ok(None)
            }
            Some(opened) => opened.map(Some),
        };
        Ok(LocalDir {
            alternates: alternates.iter().map(open).collect::<io::Result<_>>()?,
            fd,
            path,
            similar: OnceLock::new(),
            partial: PartialRoom::default(),
            fresh,
            gives_list,
            allows_new,
            changes,
            is_listed: false,
            fake: self.policy.identity.fake,
            mode_before,
            is_visited: false,
            takes_names_only: AtomicBool::new(false),
            disturbed: AtomicBool::new(false),
        })
    }
}

impl Destination for LocalTree {
    type Dir = LocalDir;
    type Sink = LocalSink;
    type Basis = LocalBasis;

    fn open_directories(&self) -> u64 {
        // Half of what may be open is left for files and for the rest of the program.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let content = &self.options.content;
        let others = content.alternates.as_ref().map_or(0, |alternates| alternates.dirs.len()) as u64;
        let each = 1 + others + u64::from(content.partial_dir().is_some());
        (limit / 2 / each).clamp(16, 600)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn locate(&self, path: &SafePath) -> String {
        match (path.is_root(), self.alias.get()) {
            (false, None) => format!("{}/{path}", self.path.display().to_string().trim_end_matches('/')),
            _ => self.path.display().to_string(),
        }
    }

    fn begin(&self, first: &Segment) -> Result<LocalDir> {
        if self.options.selection.munge_links && Path::new("/rsyncd-munged").is_dir() {
            let text = "--munge-links makes no link safe while there is a directory /rsyncd-munged";
            return Err(Error::Unsupported(text.to_owned()));
        }
        if let Some(unknown) = &self.policy.unknown_name {
            return Err(unknown.error());
        }
        self.learn(first);
        let (fd, fresh) = self.open_destination(first)?;
        let mut changes = Changes::default();
        let root_entry = first.iter().next().filter(EntryRef::is_root);
        let root_entry = root_entry.filter(|entry| !self.is_on_the_way(*entry));
        if let Some(fd) = &fd {
            let again = fd.try_clone().map_err(|error| self.local_error("open", error))?;
            let root = self.root.get_or_init(|| Root::new(again));
            if let Some(entry) = root_entry.filter(|_| !fresh) {
                let node = Node::borrowed(root.as_fd());
                let stat = self.policy.stat(&node).map_err(|error| self.local_error("look at", error))?;
                let wish = self.policy.wish(entry, &stat);
                changes = self
                    .policy
                    .differences(&wish, &stat, || Ok(node))
                    .map_err(|error| self.local_error("look at", error))?;
            }
        }
        if fresh {
            changes = Changes::NEW;
            self.made.store(true, Ordering::Relaxed);
        }
        let (alternates, odd) = self.open_alternates();
        let _ = self.alternates.set(alternates);
        *self.odd.lock().expect("no thread panics with the lock") = odd;
        let _ = self.places.set(Arc::new(self.open_places(self.root.get())?));
        let _ = self.in_use.set(self.places_in_use());
        let empty = fresh || fd.as_ref().is_some_and(is_empty);
        let dir = self.dir(fd, SafePath::root(), empty, changes);
        let mut dir = dir.map_err(|error| self.local_error("open", error))?;
        dir.is_listed = root_entry.is_some();
        Ok(dir)
    }

    fn made(&self) -> Option<String> {
        let name = self.path.as_os_str().as_encoded_bytes();
        let name = name.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(name);
        self.made.load(Ordering::Relaxed).then(|| printable(name))
    }

    fn learn(&self, segment: &Segment) {
        self.policy.ids.learn(segment);
    }

    fn make_dir(&self, parent: &LocalDir, entry: EntryRef<'_>) -> Result<Making, Failure> {
        if entry.is_root() {
            let told = match parent.changes.is_new() {
                true => self.told_of_directory(parent, entry),
                false => Ok(parent.changes),
            };
            let told = told.map_err(|error| Failure::new("look at", entry.path(), error))?;
            return Ok(Making::Done(DirChanges { changes: parent.changes, told }));
        }
        self.make_directory(parent, entry)
            .map_err(|error| Failure::new("make the directory", entry.path(), error))
    }

    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<LocalDir, Failure> {
        let path = entry.path();
        let missing = self.options.dry_run && changes.is_new();
        let open = || {
            if missing {
                return self.dir(None, path.clone(), true, changes);
            }
            let (fd, mode_before) = self.open_below(&path)?;
            let mut dir = self.dir(Some(fd), path.clone(), changes.is_new(), changes)?;
            dir.mode_before = mode_before.or(dir.mode_before);
            dir.is_listed = !self.is_on_the_way(entry);
            Ok(dir)
        };
        open().map_err(|error| Failure::new("open the directory", path.clone(), error))
    }

    fn leave(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.leave_directory(dir, entry).map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn looks_take_long(&self, dir: &LocalDir, entry: EntryRef<'_>) -> bool {
        let is_there = !dir.fresh && dir.fd.is_some() || self.options.content.alternates.is_some();
        self.options.checksum && is_there && entry.kind() == Kind::File && entry.size() > 0
    }

    fn look(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Verdict<LocalBasis>, Failure> {
        let look = || self.look_at(dir, entry, dir.stat(self.name(entry))?);
        look().map_err(|error| failed_look(entry, error))
    }

    fn look_ahead(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> Option<Result<Verdict<LocalBasis>, Failure>> {
        let existing = dir.stat(self.name(entry)).ok()?;
        // By its other names it may be changed before its turn comes.
        if existing.as_ref().is_some_and(|stat| stat.st_nlink > 1) {
            return None;
        }
        Some(self.look_at(dir, entry, existing).map_err(|error| failed_look(entry, error)))
    }

    fn touch(&self, dir: &LocalDir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure> {
        let touch = || {
            let node = self.policy.open(dir.fd(), self.name(entry), entry.kind())?;
            let stat = self.policy.stat(&node)?;
            let wish = self.policy.wish(entry, &stat);
            self.policy.apply(&wish, &node, &stat, changes)
        };
        touch().map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn make(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        let attributes =
            self.make_new(dir, entry).map_err(|error| Failure::new("make", entry.path(), error))?;
        attributes.map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn link(&self, leader: &SafePath, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Linking, Failure> {
        self.link_to(leader, dir, entry)
            .map_err(|error| Failure::new("make the hard link", entry.path(), error))
    }

    fn bring(&self, dir: &LocalDir, entry: EntryRef<'_>, basis: &LocalBasis) -> Result<bool, Failure> {
        let LocalBasis::Alternate(place) = basis else { return Ok(false) };
        let attributes = self
            .bring_alternate(dir, entry, *place)
            .map_err(|error| Failure::new("copy", entry.path(), error))?;
        attributes.map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn offer(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        basis: &LocalBasis,
        again: bool,
    ) -> Result<Offering, Failure> {
        // What cannot be read is of no use as a basis, and is replaced as a whole.
        Ok(self.offer_of(dir, entry, basis, again).unwrap_or_default())
    }

    fn receive(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        incoming: Incoming<'_, LocalBasis>,
    ) -> Result<LocalSink, Failure> {
        let action = match self.options.content.writes_in_place() {
            true => "write into",
            false => "create a file beside",
        };
        self.open_sink(dir, entry, &incoming).map_err(|error| Failure::new(action, entry.path(), error))
    }

    fn conclude(&self) -> Vec<Failure> {
        self.places
            .get()
            .map(|places| places.conclude(|path| self.reopen_directory(path)))
            .unwrap_or_default()
    }

    fn oddities(&self) -> Vec<String> {
        std::mem::take(&mut *self.odd.lock().expect("no thread panics with the lock"))
    }

    fn entries(&self, dir: &LocalDir) -> io::Result<Vec<Found>> {
        self.entries_of(dir)
    }

    fn read_small(&self, dir: &LocalDir, name: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
        self.read_small_file(dir, name, most)
    }

    fn read_outside(&self, path: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
        use std::io::Read;
        let file = match std::fs::File::open(super::handle::as_os(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        file.take(most as u64).read_to_end(&mut content)?;
        Ok(Some(content))
    }

    fn absolute(&self) -> Vec<u8> {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        path.into_os_string().into_encoded_bytes()
    }

    fn open_foreign(&self, dir: &LocalDir, path: &SafePath) -> io::Result<Foreign<LocalDir>> {
        self.open_foreign_directory(dir, path)
    }

    fn reopen(&self, path: &SafePath) -> io::Result<Option<LocalDir>> {
        self.reopen_directory(path)
    }

    fn remove(&self, dir: &LocalDir, name: &[u8], kind: Kind) -> io::Result<Removed> {
        self.remove_entry(dir, name, kind)
    }

    fn unnoticed(&self, dir: &LocalDir, work: &mut dyn FnMut()) -> io::Result<()> {
        let Some(fd) = dir.fd.as_ref().filter(|_| !self.options.dry_run) else {
            work();
            return Ok(());
        };
        let before = fstat(fd)?;
        work();
        if dir.is_disturbed() { self.policy.put_time_back(fd.as_fd(), &before) } else { Ok(()) }
    }
}

fn failed_look(entry: EntryRef<'_>, error: io::Error) -> Failure {
    let action = match error.kind() {
        io::ErrorKind::DirectoryNotEmpty => "replace, without --delete or --force, the directory",
        _ => "look at or make way for",
    };
    Failure::new(action, entry.path(), error)
}
