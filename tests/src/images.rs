//! Images of file systems, as they are put on web servers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::disk::{Kind, LoopDisk};

/// How an image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Raw,
    /// By the program of this name.
    By(&'static str),
}

/// Makes an image of `mebibytes` with what `fill` puts there; its path.
///
/// # Panics
/// Without root, or if the tools are not there.
#[must_use]
pub fn image(path: &Path, kind: Kind, mebibytes: u64, fill: impl FnOnce(&Path)) -> PathBuf {
    let disk = LoopDisk::new(kind, mebibytes);
    fill(disk.path());
    disk.into_image(path);
    path.to_owned()
}

/// Packs an image; the path of what comes of it.
///
/// # Panics
/// If the program is not there.
#[must_use]
pub fn packed(image: &Path, packing: Packing) -> PathBuf {
    let Packing::By(program) = packing else { return image.to_owned() };
    let mut path = image.as_os_str().to_owned();
    path.push(format!(".{program}"));
    let path = PathBuf::from(path);
    let to = File::create(&path).expect("memory is large enough");
    let from = File::open(image).expect("the image is there");
    let status = Command::new(program)
        .args(["-c", "-1"])
        .stdin(from)
        .stdout(to)
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    assert!(status.success(), "{program}: {status}");
    path
}

/// A sum over a file, by the program of this name.
///
/// # Panics
/// If the program is not there.
#[must_use]
pub fn sum(path: &Path, program: &str) -> String {
    let output = Command::new(program).arg(path).output().expect("coreutils are there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').next().expect("there is a first word").trim_start_matches('\\').to_owned()
}

/// Copies a tree with everything that it has.
///
/// # Panics
/// If something cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    let mut all = from.as_os_str().to_owned();
    all.push("/.");
    let status = Command::new("cp").arg("-a").arg(all).arg(to).status().expect("coreutils are there");
    assert!(status.success());
    let time = fs::metadata(from).and_then(|meta| meta.modified()).expect("it is there");
    File::open(to).and_then(|directory| directory.set_modified(time)).expect("root can set times");
}
