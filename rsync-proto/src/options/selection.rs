//! Which entries take part: what the server is asked for, and what of it is passed over here.

use crate::error::{Error, Result};
use crate::limits;

/// Which entries are taken, apart from filter rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Names in place of all that a directory holds (`--files-from`). Directories among them come without their
    /// content, unless the pull is recursive.
    pub files_from: Option<FilesFrom>,
    /// Keep the whole path of what was asked for, from `/./` in it on (`-R`). Names of a list are usually taken
    /// so: the command line implies it with `--files-from`.
    pub relative: bool,
    /// With `relative`, give the directories in front of what was asked for the attributes that they have on the
    /// server. Off (`--no-implied-dirs`), they are made if they are missing, and otherwise left alone; a symlink
    /// to a directory may then stand in their place, within the bounds of `keep_dirlinks`.
    pub implied_dirs: bool,
    /// Do not descend into other file systems on the server (`-x`); from 2 on, leave their mount points out.
    pub one_file_system: u8,
    /// Leave files alone that are newer here (`-u`).
    pub update: bool,
    /// Make nothing new (`--existing`).
    pub existing: bool,
    /// Leave everything alone that is here, but for directories (`--ignore-existing`).
    pub ignore_existing: bool,
    /// Pass over files that are larger, in bytes (`--max-size`).
    pub max_size: Option<u64>,
    /// Pass over files that are smaller, in bytes (`--min-size`).
    pub min_size: Option<u64>,
    /// Take times as equal that differ by at most so many seconds (`-@`); below 0, nanoseconds count too.
    pub modify_window: i32,
    /// Take what symlinks lead to in place of them (`-L`).
    pub copy_links: bool,
    /// The same for symlinks to directories (`-k`).
    pub copy_dirlinks: bool,
    /// The same for symlinks that lead out of the tree (`--copy-unsafe-links`).
    pub copy_unsafe_links: bool,
    /// Pass over symlinks that lead out of the tree (`--safe-links`).
    pub safe_links: bool,
    /// Put `/rsyncd-munged/` in front of the targets of symlinks, so that they lead nowhere (`--munge-links`).
    pub munge_links: bool,
    /// Where a directory comes and a symlink to a directory stands, fill the latter (`-K`). A symlink is followed
    /// only if all of its way lies beneath the destination, so one that is absolute never is: that entry fails,
    /// with everything in it.
    pub keep_dirlinks: bool,
    /// It is no error if something that was asked for is missing on the server (`--ignore-missing-args`).
    pub ignore_missing_args: bool,
    /// Make all directories on the way to the destination (`--mkpath`).
    pub mkpath: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            files_from: None,
            relative: false,
            implied_dirs: true,
            one_file_system: 0,
            update: false,
            existing: false,
            ignore_existing: false,
            max_size: None,
            min_size: None,
            modify_window: 0,
            copy_links: false,
            copy_dirlinks: false,
            copy_unsafe_links: false,
            safe_links: false,
            munge_links: false,
            keep_dirlinks: false,
            ignore_missing_args: false,
            mkpath: false,
        }
    }
}

/// A list of names to pull, relative to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesFrom {
    /// The names, which are sent to the server.
    Names(NameList),
    /// A file on the server.
    Server {
        /// Its path, as the server understands it.
        path: String,
        /// Its names end in NULs, not in line ends.
        nul: bool,
    },
}

/// Names, each with a NUL behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameList(Vec<u8>);

impl NameList {
    /// The lines of a text; empty ones are left out.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name that is too long.
    pub fn from_lines(text: &[u8]) -> Result<Self> {
        Self::new(text.split(|byte| matches!(byte, b'\n' | b'\r' | 0)))
    }

    /// Names with NULs between them; empty ones are left out.
    ///
    /// # Errors
    /// As [`Self::from_lines`].
    pub fn from_nul(text: &[u8]) -> Result<Self> {
        Self::new(text.split(|byte| *byte == 0))
    }

    fn new<'a>(names: impl Iterator<Item = &'a [u8]>) -> Result<Self> {
        let mut list = Vec::new();
        for name in names.filter(|name| !name.is_empty()) {
            if name.len() > limits::MAX_PATH {
                let begin = crate::error::printable(&name[..40]);
                return Err(Error::Misuse(format!(
                    "a name of the list of files is longer than {} bytes: \"{begin}…\"",
                    limits::MAX_PATH
                )));
            }
            list.extend_from_slice(name);
            list.push(0);
        }
        Ok(Self(list))
    }

    /// The names as they are sent, each with its NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == 0).filter(|name| !name.is_empty())
    }
}

impl Selection {
    pub(super) fn check(&self) -> Result<()> {
        if let Some(FilesFrom::Server { path, .. }) = &self.files_from
            && (path.is_empty() || path == "-" || path.contains(['\0', '\n']))
        {
            let text = format!("--files-from=:{path} does not name a file on the server");
            return Err(Error::Misuse(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_read_as_lines_or_with_nuls() {
        let names = |list: NameList| list.iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let lines = NameList::from_lines(b"a\n\nb c\r\n# d\n").unwrap();
        assert_eq!(lines.as_bytes(), b"a\0b c\0# d\0");
        assert_eq!(names(lines), [&b"a"[..], b"b c", b"# d"]);
        assert_eq!(NameList::from_nul(b"\0a\nb\0\0c").unwrap().as_bytes(), b"a\nb\0c\0");
        assert_eq!(NameList::from_lines(b"\n\n").unwrap().as_bytes(), b"");
        assert!(NameList::from_nul(&[b'x'; 4096]).is_err() && NameList::from_nul(&[b'x'; 4095]).is_ok());
    }

    #[test]
    fn files_on_the_server_have_names() {
        for path in ["", "-", "a\nb"] {
            let files_from = Some(FilesFrom::Server { path: path.to_owned(), nul: false });
            assert!(Selection { files_from, ..Selection::default() }.check().is_err(), "{path:?}");
        }
    }
}
