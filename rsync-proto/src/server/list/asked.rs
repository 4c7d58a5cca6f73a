//! The paths that are asked for: those in the arguments, with their patterns resolved, or those in a list of names.

use super::ListBounds;
use super::expand::Expansion;
use super::shown;
use super::source::{clean, names_in, without_dots};
use super::tree::{DIRECTORY, Place, Tree};
use crate::error::printable;
use crate::server::failure::Failure;
use crate::server::request::Names;
use crate::server::terms::Terms;
use crate::server::voice::Voice;

/// Largest file of names in the module, in bytes.
const MAX_NAMES_FILE: u64 = 64 * 1024 * 1024;

/// The paths that are asked for, with their patterns resolved, and the directory that they are relative to.
pub(super) fn asked(
    tree: &Tree,
    terms: &Terms,
    names: Option<Vec<Vec<u8>>>,
    bounds: &ListBounds,
    voice: &mut dyn Voice,
) -> Result<(Vec<u8>, Vec<Vec<u8>>), Failure> {
    let request = &terms.request;
    let names = match (names, &request.names) {
        (Some(names), _) => Some(names),
        (None, Names::File(path)) => {
            let cleaned = clean(path);
            let place = Place { base: b"", path: &cleaned, follow: true };
            let refused = |why: String| {
                Failure::Refused(format!("failed to open files-from file {}: {why}", printable(path)))
            };
            let text = tree.read_file(place, MAX_NAMES_FILE).map_err(|error| refused(error.to_string()))?;
            let text = text.ok_or_else(|| refused("No such file or directory".to_owned()))?;
            Some(names_in(&text, request.from0))
        }
        (None, _) => None,
    };
    if let Some(names) = names {
        let within = request.paths.first().map(|path| clean(path)).unwrap_or_default();
        let within = without_dots(&within);
        let place = Place { base: b"", path: &within, follow: true };
        if let Err(error) = tree.at(place, DIRECTORY) {
            shown::failed(voice, tree, "change_dir", place, error);
            return Err(Failure::Sources(
                "the directory that names are relative to cannot be entered".to_owned(),
            ));
        }
        return Ok((within, names));
    }
    let mut found = Vec::new();
    let mut expansion = Expansion { tree, voice, looked: 0, found: 0, limit: bounds.entries };
    for path in &request.paths {
        expansion.expand(path, &mut found)?;
    }
    Ok((Vec::new(), found))
}
