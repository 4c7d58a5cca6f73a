//! Pages as files: each appears whole or not at all, and replaces nothing but a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::page::Page;

/// Writes all of them into a directory, whose last component is made if it is missing.
pub(super) fn all(directory: &Path, pages: &[Page]) -> io::Result<()> {
    let at =
        |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(directory, error)),
        _ => {}
    }
    // Before the first is written, so that all are of one version.
    for page in pages {
        let path = directory.join(&page.file);
        if let Ok(meta) = fs::symlink_metadata(&path)
            && !meta.is_file()
        {
            let text = "it is there and no regular file; remove it first";
            return Err(at(&path, io::Error::new(io::ErrorKind::AlreadyExists, text)));
        }
    }
    for page in pages {
        let path = directory.join(&page.file);
        put(directory, &path, page).map_err(|error| at(&path, error))?;
    }
    Ok(())
}

fn put(directory: &Path, path: &Path, page: &Page) -> io::Result<()> {
    let beside = directory.join(format!(".{}.{}", page.file, std::process::id()));
    File::create_new(&beside).and_then(|mut file| {
        let written = file
            .write_all(page.text.as_bytes())
            .and_then(|()| file.set_permissions(fs::Permissions::from_mode(0o644)))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, path));
        // Only what was made here is taken away again.
        written.inspect_err(|_| drop(fs::remove_file(&beside)))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn page(name: &str) -> Page {
        Page { file: name.to_owned(), text: "text\n".to_owned() }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn pages_replace_pages_and_leave_nothing_beside_them() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("man1");
        for _ in 0..2 {
            all(&directory, &[page("a.1"), page("b.1")]).unwrap();
            assert_eq!(names(&directory), ["a.1", "b.1"]);
            assert_eq!(fs::read(directory.join("b.1")).unwrap(), b"text\n");
        }
    }

    #[test]
    fn what_is_no_file_stays_and_nothing_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        let directory = scratch.path().join("man1");
        fs::create_dir(&directory).unwrap();
        symlink(&elsewhere, directory.join("b.1")).unwrap();
        let error = all(&directory, &[page("a.1"), page("b.1")]).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        assert_eq!(names(&directory), ["b.1"]);
        assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    }
}
