//! What pulls leave behind that were killed: files under their temporary names. Nobody else can tell that they are of no
//! use any more, so they are removed on request only.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::handle::{is_temporary_name, open_root};

/// Removes from a tree what pulls left behind that were killed, on all file systems that are mounted in it. Symlinks are
/// not followed. A pull that is under way would lose what it is about to put into place.
///
/// Returns how many there were.
///
/// # Errors
/// A directory cannot be read or a file cannot be removed.
pub fn remove_leftovers(root: &Path) -> io::Result<u64> {
    let mut removed = 0;
    let mut open = vec![Dir::new(open_root(root)?)?];
    while let Some(directory) = open.last_mut() {
        let Some(entry) = directory.next() else {
            open.pop();
            continue;
        };
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let handle = directory.fd()?;
        if matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(handle, name, flags, Mode::empty()) {
                Ok(below) => {
                    open.push(Dir::new(below)?);
                    continue;
                }
                Err(Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if is_temporary_name(name.to_bytes()) {
            unlinkat(handle, name, AtFlags::empty())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::handle::{as_os, temporary_name};
    use super::*;

    #[test]
    fn only_leftovers_are_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let below = scratch.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let leftover = || temporary_name(b"name");
        fs::write(below.join(as_os(&leftover())), "half").unwrap();
        symlink("target", scratch.path().join(as_os(&leftover()))).unwrap();
        fs::write(outside.path().join(as_os(&leftover())), "stays").unwrap();
        symlink(outside.path(), scratch.path().join("link")).unwrap();
        for name in
            [".name.abcdefgh", "name.rsp-abcdefgh", ".name.rsp-ABCDEFGH", ".name.rsp-abc", ".rsp-abcdefgh"]
        {
            fs::write(below.join(name), "of the user").unwrap();
        }
        assert_eq!(remove_leftovers(scratch.path()).unwrap(), 2);
        assert_eq!(fs::read_dir(&below).unwrap().count(), 5);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(remove_leftovers(scratch.path()).unwrap(), 0);
    }

    #[test]
    fn temporary_names_are_known_however_long_their_files_are_called() {
        for name in [&b"a"[..], b".", &[b'x'; 255], b"\xff\n"] {
            let temporary = temporary_name(name);
            assert!(temporary.len() <= 255 && is_temporary_name(&temporary), "{temporary:?}");
        }
    }
}
