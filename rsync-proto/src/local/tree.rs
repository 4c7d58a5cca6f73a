//! The tree on this machine, as the engine sees it: where it is rooted, and which room does what.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit};

use super::attributes::Policy;
use super::dir::{LocalDir, is_empty};
use super::handle::{self, Root};
use super::node::Node;
use super::sink::LocalSink;
use crate::checksum::BlockSummer;
use crate::delta::BlockLayout;
use crate::destination::{Destination, Failure, Verdict};
use crate::error::{Error, Result, printable};
use crate::flist::{EntryRef, Kind, SafePath, Segment};
use crate::limits;
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
    alias: OnceLock<Box<[u8]>>,
    pub(super) stopped: AtomicBool,
}

impl LocalTree {
    /// A tree at `path`. Its last component may be missing: it is made when the transfer begins.
    pub fn new(path: impl Into<PathBuf>, settings: LocalTreeOptions) -> Self {
        let LocalTreeOptions { options, summer } = settings;
        Self {
            path: path.into(),
            policy: Arc::new(Policy::new(&options)),
            options,
            summer,
            root: OnceLock::new(),
            made: AtomicBool::new(false),
            alias: OnceLock::new(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn root(&self) -> &Root {
        self.root.get().expect("a transfer begins before anything else")
    }

    pub(super) fn name<'a>(&'a self, entry: EntryRef<'a>) -> &'a [u8] {
        self.alias.get().map_or(entry.name(), |alias| alias)
    }

    fn local_error(&self, action: &'static str, error: impl Into<io::Error>) -> Error {
        Error::Local { action, path: self.path.clone(), source: error.into() }
    }

    /// A directory takes everything; a single file may also go to a file's name.
    fn open_destination(&self, first: &Segment) -> Result<(Option<OwnedFd>, bool)> {
        let single = first.len() == 1 && first.entry(0).kind() != Kind::Directory;
        let trailing_slash = self.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        match handle::open_root(&self.path) {
            Ok(fd) => Ok((Some(fd), false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if single && !trailing_slash {
                    return self.open_parent().map(|fd| (Some(fd), false));
                }
                if self.options.dry_run {
                    return Ok((None, true));
                }
                rustix::fs::mkdir(&self.path, Mode::from_raw_mode(0o777))
                    .map_err(|error| self.local_error("make the directory", error))?;
                let fd = handle::open_root(&self.path).map_err(|error| self.local_error("open", error))?;
                Ok((Some(fd), true))
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory && single && !trailing_slash => {
                self.open_parent().map(|fd| (Some(fd), false))
            }
            Err(source) => Err(Error::Destination {
                action: "put several files or a directory into",
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn open_parent(&self) -> Result<OwnedFd> {
        let name = self
            .path
            .file_name()
            .ok_or_else(|| Error::Misuse(format!("{} does not name a file", self.path.display())))?;
        let _ = self.alias.set(name.as_encoded_bytes().into());
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        handle::open_root(parent).map_err(|source| Error::Destination {
            action: "open the directory",
            path: parent.to_owned(),
            source,
        })
    }

    /// Whoever fills a directory must be able to use it. Returns the mode that it had if it was changed.
    fn make_usable<F: AsFd>(&self, node: &Node<F>) -> io::Result<Option<u32>> {
        if self.policy.identity.root || self.options.dry_run {
            return Ok(None);
        }
        let stat = node.stat()?;
        if stat.st_mode & 0o700 == 0o700 || stat.st_uid != self.policy.identity.uid {
            return Ok(None);
        }
        node.set_mode(stat.st_mode & mode::PERMISSIONS | 0o700)?;
        Ok(Some(stat.st_mode))
    }

    /// Opens a directory below the root, even one that its owner may not read.
    fn open_below(&self, path: &SafePath) -> io::Result<(OwnedFd, Option<u32>)> {
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

    fn dir(&self, fd: Option<OwnedFd>, fresh: bool, changes: Changes) -> io::Result<LocalDir> {
        let mut gives_list = false;
        let mut mode_before = None;
        if let Some(fd) = &fd {
            let node = Node::borrowed(fd.as_fd());
            mode_before = self.make_usable(&node)?;
            gives_list = self.options.acls && node.xattr(super::acl::DEFAULT)?.is_some();
        }
        Ok(LocalDir { fd, fresh, gives_list, changes, mode_before, disturbed: AtomicBool::new(false) })
    }
}

impl Destination for LocalTree {
    type Dir = LocalDir;
    type Sink = LocalSink;

    fn open_directories(&self) -> u64 {
        // Half of what may be open is left for files and for the rest of the program. Fewer than the deepest
        // path has cannot do: the walk keeps all of them open.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        (limit / 2).clamp(limits::MAX_DEPTH as u64 + 16, 600)
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
        let (fd, fresh) = self.open_destination(first)?;
        let mut changes = Changes::default();
        if let Some(fd) = &fd {
            let again = fd.try_clone().map_err(|error| self.local_error("open", error))?;
            let root = self.root.get_or_init(|| Root::new(again));
            if !fresh && first.iter().next().is_some_and(|entry| entry.is_root()) {
                let entry = first.entry(0);
                let node = Node::borrowed(root.as_fd());
                let stat = node.stat().map_err(|error| self.local_error("look at", error))?;
                let wish = self.policy.wish(entry, Some(&stat));
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
        let empty = fresh || fd.as_ref().is_some_and(is_empty);
        self.learn(first);
        self.dir(fd, empty, changes).map_err(|error| self.local_error("open", error))
    }

    fn made(&self) -> Option<String> {
        let name = self.path.as_os_str().as_encoded_bytes();
        let name = name.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(name);
        self.made.load(Ordering::Relaxed).then(|| printable(name))
    }

    fn learn(&self, segment: &Segment) {
        self.policy.ids.learn(segment);
    }

    fn make_dir(&self, parent: &LocalDir, entry: EntryRef<'_>) -> Result<Changes, Failure> {
        if entry.is_root() {
            return Ok(parent.changes);
        }
        self.make_directory(parent, entry)
            .map_err(|error| Failure::new("make the directory", entry.path(), error))
    }

    fn open_dir(&self, entry: EntryRef<'_>, changes: Changes) -> Result<LocalDir, Failure> {
        let path = entry.path();
        let missing = self.options.dry_run && changes.is_new();
        let open = || {
            if missing {
                return self.dir(None, true, changes);
            }
            let (fd, mode_before) = self.open_below(&path)?;
            let dir = self.dir(Some(fd), changes.is_new(), changes)?;
            Ok(LocalDir { mode_before: mode_before.or(dir.mode_before), ..dir })
        };
        open().map_err(|error| Failure::new("open the directory", path.clone(), error))
    }

    fn leave(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        self.leave_directory(dir, entry).map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn look(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<Verdict, Failure> {
        let look = || {
            let existing = dir.stat(self.name(entry))?;
            if entry.kind() == Kind::File {
                self.look_at_file(dir, entry, existing.as_ref())
            } else {
                self.look_at_other(dir, entry, existing.as_ref())
            }
        };
        look().map_err(|error| Failure::new("look at or make way for", entry.path(), error))
    }

    fn touch(&self, dir: &LocalDir, entry: EntryRef<'_>, changes: Changes) -> Result<(), Failure> {
        let touch = || {
            let node = Node::open(dir.fd(), self.name(entry), entry.kind())?;
            let stat = node.stat()?;
            let wish = self.policy.wish(entry, Some(&stat));
            self.policy.apply(&wish, &node, &stat, changes)
        };
        touch().map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn make(&self, dir: &LocalDir, entry: EntryRef<'_>) -> Result<(), Failure> {
        let attributes =
            self.make_new(dir, entry).map_err(|error| Failure::new("make", entry.path(), error))?;
        attributes.map_err(|error| Failure::attributes(entry.path(), error))
    }

    fn link(
        &self,
        leader: &SafePath,
        dir: &LocalDir,
        entry: EntryRef<'_>,
    ) -> Result<Option<Changes>, Failure> {
        self.link_to(leader, dir, entry)
            .map_err(|error| Failure::new("make the hard link", entry.path(), error))
    }

    fn block_sums(
        &self,
        dir: &LocalDir,
        entry: EntryRef<'_>,
        full: bool,
    ) -> Result<(BlockLayout, Vec<u8>), Failure> {
        // What cannot be read is of no use as a basis, and is replaced as a whole.
        Ok(self.sums(dir, entry, full).unwrap_or_default())
    }

    fn receive(
        &self,
        dir: &Arc<LocalDir>,
        entry: EntryRef<'_>,
        with_basis: bool,
    ) -> Result<LocalSink, Failure> {
        self.open_sink(dir, entry, with_basis)
            .map_err(|error| Failure::new("create a file beside", entry.path(), error))
    }
}
