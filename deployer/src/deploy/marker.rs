//! The marker: in the root of each system, what its deployment has reached.

use serde::{Deserialize, Serialize};

use super::{DeployError, Job};
use crate::confined::Root;
use crate::plan::step::Phase;

const PATH: &str = "/.deployer-state.json";

/// How far a system got.
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
    complete: bool,
}

/// Whether the last deployment of a system did not come to its end.
pub(super) fn was_cut_off(root: &Root) -> bool {
    let text = root.read(PATH).ok().flatten();
    let marked = text.and_then(|text| serde_json::from_str::<Read>(&text).ok());
    marked.is_some_and(|marked| !marked.complete)
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
