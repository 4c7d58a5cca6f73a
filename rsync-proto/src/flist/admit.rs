//! Holds each entry against what was asked for: the names, the options and the filter rules. A server that sends more
//! breaks the protocol.

use super::builder::Builder;
use super::options::ListOptions;
use crate::error::{Error, Result, printable};
use crate::wire::flags::entry as flag;

/// An entry that was read and not yet taken.
pub(super) struct Candidate<'a> {
    /// Its path, as it came.
    pub(super) path: &'a [u8],
    pub(super) dir: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) root: bool,
    pub(super) is_directory: bool,
    pub(super) flags: u32,
}

/// What an entry that was asked for is besides.
pub(super) struct Admitted {
    /// A directory that nothing is deleted from.
    pub(super) bare: bool,
    /// A directory that only leads to something.
    pub(super) implied: bool,
}

impl ListOptions {
    /// Takes an entry that was asked for.
    pub(super) fn admit(&self, builder: &Builder, candidate: &Candidate<'_>) -> Result<Admitted> {
        let &Candidate { path, dir, name, root, is_directory, flags } = candidate;
        if root && !is_directory {
            return Err(Error::Violation("it sent \".\" as something else than a directory".to_owned()));
        }
        self.check_asked(builder, candidate)?;
        let on_the_way = flag::NO_CONTENT | flag::TOP_DIRECTORY;
        let implied = self.asked.is_relative()
            && is_directory
            && (self.protocol < 30 || flags & on_the_way == on_the_way)
            && self.asked.leads_through(dir, name);
        let offer = &self.filter.offer;
        // Servers do not apply rules to what only leads to something.
        if !root && !implied && !offer.is_empty() && offer.hides(path, is_directory) {
            let found = printable(path);
            return Err(Error::Violation(format!("it sent \"{found}\", which the filter rules exclude")));
        }
        if is_directory && !self.recursive && !self.dirs && !implied {
            return Err(Error::Violation("it sent a directory, which was not asked for".to_owned()));
        }
        // What is deleted from follows from what was asked for; the server can only leave directories out.
        let bare = is_directory && (flags & flag::NO_CONTENT != 0 || !self.asked.covers(dir, name));
        Ok(Admitted { bare, implied })
    }

    /// Whether an entry was asked for.
    fn check_asked(&self, builder: &Builder, candidate: &Candidate<'_>) -> Result<()> {
        let &Candidate { dir, name, root, is_directory, .. } = candidate;
        let again = builder.has_root && !self.asked.is_several();
        if root && (again || builder.segment.directory.is_some()) {
            return Err(Error::Violation("it sent a second root".to_owned()));
        }
        if !self.recursive && !self.asked.is_relative() && !dir.is_empty() {
            return Err(Error::Violation(
                "it descended into directories, which was not asked for".to_owned(),
            ));
        }
        let asked = if root { self.asked.takes_root() } else { self.asked.takes(dir, name, is_directory) };
        if asked {
            return Ok(());
        }
        let path = if root { b".".to_vec() } else { [dir, b"/", name].concat() };
        let path = printable(path.strip_prefix(b"/").unwrap_or(&path));
        Err(Error::Violation(format!("it sent \"{path}\", which was not asked for")))
    }
}
