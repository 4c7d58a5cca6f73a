//! What of this machine a pull touches, for whoever puts a wall around it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::begin::real;
use super::machine::{GROUPS, USERS};
use super::umask::UMASK;
use crate::options::{AlternateKind, Options};

/// What is done to a file, or to everything below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is read, and other names are given to files of it elsewhere (`--link-dest`). Who may write to them by those
    /// names may write to them here.
    Link,
    /// It is read, written, made and removed.
    Write {
        /// So are device nodes: they are kept, or moved with what is backed up.
        devices: bool,
    },
}

/// A place that a pull touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// A path that is there now. What is missing is made by the pull, so that its place is the nearest directory that is
    /// there.
    pub path: PathBuf,
    /// What is done there.
    pub access: Access,
}

/// Every place of this machine that a pull into `destination` touches with these options, besides the connection and
/// what the system does to look up a host. Files of rules that are found on the way are not looked into: others
/// elsewhere that those name are not among the places.
pub fn reach(destination: &Path, options: &Options) -> Vec<Reach> {
    let content = &options.content;
    let devices = options.devices || content.backs_up();
    let writes = if options.dry_run { Access::Read } else { Access::Write { devices } };
    let beside = |dir: &Path| match real(destination) {
        // It will be a directory by then, which `..` leads out of.
        Some(root) if !destination.exists() => up_and_down(root, dir),
        _ => destination.join(dir),
    };
    // A single file may come under the name of the destination.
    let root = if destination.is_dir() { Some(destination) } else { destination.parent() };
    let mut places = vec![Reach { path: standing(root.unwrap_or(destination)), access: writes }];
    let mut add = |path: PathBuf, access| places.push(Reach { path, access });
    if let Some(alternates) = &content.alternates {
        let access = match alternates.kind {
            AlternateKind::Link if !options.dry_run => Access::Link,
            _ => Access::Read,
        };
        for dir in alternates.dirs.iter().map(|dir| beside(dir)).filter(|dir| dir.is_dir()) {
            add(dir, access);
        }
    }
    let partial = content.partial_dir.as_ref().filter(|dir| dir.is_absolute());
    for dir in [&content.temp_dir, &content.backup_dir].into_iter().flatten().chain(partial) {
        add(standing(&beside(dir)), writes);
    }
    let absolute = std::path::absolute(destination).unwrap_or_else(|_| destination.to_owned());
    for name in options.filters.merged_from_above() {
        let files = absolute.ancestors().skip(1).map(|dir| dir.join(OsStr::from_bytes(name)));
        files.filter(|file| file.is_file()).for_each(|file| add(file, Access::Read));
    }
    let names = [(options.looks_up_users(), USERS), (options.looks_up_groups(), GROUPS)];
    let names = names.into_iter().filter(|(needed, _)| *needed).map(|(_, path)| path);
    for path in names.chain([UMASK]).map(PathBuf::from).filter(|path| path.exists()) {
        add(path, Access::Read);
    }
    places
}

/// Where a relative path leads from a directory that is not there yet, and has no symlinks above it.
fn up_and_down(mut from: PathBuf, path: &Path) -> PathBuf {
    let mut rest = path.components().peekable();
    while let Some(step) = rest.next_if(|step| matches!(step, Component::ParentDir | Component::CurDir)) {
        if step == Component::ParentDir {
            from.pop();
        }
    }
    from.join(rest.collect::<PathBuf>())
}

/// The directory at this path, or the nearest above it that is there.
fn standing(path: &Path) -> PathBuf {
    let here = |dir: &&Path| !dir.as_os_str().is_empty() && dir.is_dir();
    path.ancestors().find(here).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::options::Alternates;

    fn writable(destination: &Path, options: &Options) -> Vec<PathBuf> {
        let places = reach(destination, options).into_iter();
        places.filter(|place| matches!(place.access, Access::Write { .. })).map(|place| place.path).collect()
    }

    #[test]
    fn what_is_missing_is_made_from_what_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path();
        fs::create_dir(top.join("dir")).unwrap();
        fs::write(top.join("file"), "").unwrap();
        let options = Options::archive();
        assert_eq!(writable(&top.join("dir"), &options), [top.join("dir")]);
        assert_eq!(writable(&top.join("new"), &options), [top]);
        assert_eq!(writable(&top.join("file"), &options), [top], "it is replaced");
        assert_eq!(writable(&top.join("dir/a/b/c"), &options), [top.join("dir")]);
        assert_eq!(writable(Path::new("new-and-relative"), &options), [Path::new(".")]);
    }

    #[test]
    fn options_name_further_places() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path();
        for dir in ["to", "old", "kept", "temporary"] {
            fs::create_dir(top.join(dir)).unwrap();
        }
        fs::write(top.join(".rules"), "").unwrap();
        let mut options = Options::archive();
        options.content.temp_dir = Some("../temporary".into());
        options.content.backup_dir = Some(top.join("kept/of/today"));
        options.content.partial_dir = Some("beside".into());
        let dirs = vec!["../old".into(), "../nowhere".into()];
        options.content.alternates = Some(Alternates { kind: AlternateKind::Link, dirs });
        options.filters.add(b": /.rules", &mut |_| unreachable!("it is looked for later")).unwrap();
        let to = top.join("to");
        let places = reach(&to, &options);
        let access = |path: &Path| places.iter().find(|place| place.path == path).map(|place| place.access);
        assert_eq!(access(&to), Some(Access::Write { devices: true }));
        assert_eq!(access(&to.join("../old")), Some(Access::Link));
        assert_eq!(access(&to.join("../temporary")), Some(Access::Write { devices: true }));
        assert_eq!(access(&top.join("kept")), Some(Access::Write { devices: true }));
        assert_eq!(access(&top.join(".rules")), Some(Access::Read));
        assert_eq!(access(Path::new(USERS)), Some(Access::Read));
        assert_eq!(places.len(), 8, "{places:?}");
        // Below a destination that is made first, the same names lead from there.
        options.content.alternates =
            Some(Alternates { kind: AlternateKind::Link, dirs: vec!["./../../../old".into()] });
        options.content.temp_dir = Some("../../../temporary".into());
        options.content.backup_dir = Some("../../../kept/more".into());
        let places = reach(&top.join("to/be/made"), &options);
        let access = |path: &Path| places.iter().find(|place| place.path == path).map(|place| place.access);
        let top = &top.canonicalize().unwrap();
        assert_eq!(access(&top.join("old")), Some(Access::Link));
        assert_eq!(access(&top.join("temporary")), Some(Access::Write { devices: true }));
        assert_eq!(access(&top.join("kept")), Some(Access::Write { devices: true }));
        options.dry_run = true;
        assert!(writable(&to, &options).is_empty(), "nothing is written");
    }
}
