//! The marker: in the root of each system, what its deployment has reached.

use serde::{Deserialize, Serialize};

use super::{DeployError, Job};
use crate::confined::Root;
use crate::plan::Images;
use crate::plan::step::Phase;

const PATH: &str = "/.deployer-state.json";

/// How far a system got: the last phase that came to its end.
#[derive(Serialize)]
struct Marker<'a> {
    version: u32,
    deployer: &'a str,
    tree: &'a str,
    reached: Phase,
    complete: bool,
}

/// What is read again of it, whatever version has written it.
#[derive(Deserialize)]
struct Read {
    reached: Phase,
    complete: bool,
}

fn read(root: &Root) -> Option<Read> {
    serde_json::from_str(&root.read(PATH).ok().flatten()?).ok()
}

/// Whether the last deployment of a system came to its end.
pub(super) fn is_complete(root: &Root) -> bool {
    read(root).is_some_and(|read| read.complete)
}

/// Whether the last deployment of a system ended before its images were in place. Images that are file systems bring no
/// marker, and with those of trees it is there from the beginning; systems that were deployed by others have none.
pub(super) fn lacks_images(root: &Root, images: Images) -> bool {
    match read(root) {
        Some(read) => !read.complete && read.reached < Phase::CopyImage,
        None => images == Images::FileSystems,
    }
}

/// Writes it.
pub(super) fn write(
    job: &Job<'_>,
    tree: usize,
    root: &Root,
    reached: Phase,
    complete: bool,
) -> Result<(), DeployError> {
    let name = &job.description.trees[tree].name;
    let marker = Marker { version: 1, deployer: env!("CARGO_PKG_VERSION"), tree: name, reached, complete };
    let mut text = serde_json::to_string(&marker).expect("a marker is plain");
    text.push('\n');
    super::write(root, PATH, &text)
}
