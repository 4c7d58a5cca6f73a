//! Why an entry takes no part in a transfer.

use crate::flist::{EntryRef, Kind};

/// Why an entry takes no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// Files of its kind were not asked for.
    NonRegular,
    /// Only root can make devices.
    Privileged,
    /// What is here is newer (`--update`).
    Newer,
    /// Something is here already (`--ignore-existing`).
    Exists,
    /// Nothing is here yet (`--existing`).
    NotThere,
    /// It is larger than was asked for (`--max-size`).
    TooLarge,
    /// It is smaller than was asked for (`--min-size`).
    TooSmall,
    /// It is a symlink that leads out of the tree (`--safe-links`).
    Unsafe,
    /// A reason of the destination's own.
    Other(&'static str),
}

impl Skip {
    /// The sentence about `entry`, in rsync's words. Control characters are escaped.
    pub fn sentence(self, entry: EntryRef<'_>) -> String {
        let path = entry.path();
        match self {
            Skip::NonRegular => format!("skipping non-regular file \"{path}\""),
            Skip::Privileged => format!("skipping non-regular file \"{path}\": only root can make devices"),
            Skip::Newer => format!("{path} is newer"),
            Skip::Exists => format!("{path} exists"),
            Skip::NotThere => {
                let kind = if entry.kind() == Kind::Directory { "directory" } else { "file" };
                format!("not creating new {kind} \"{path}\"")
            }
            Skip::TooLarge => format!("{path} is over max-size"),
            Skip::TooSmall => format!("{path} is under min-size"),
            Skip::Unsafe => {
                let target = crate::error::printable(entry.link_target());
                format!("ignoring unsafe symlink \"{path}\" -> \"{target}\"")
            }
            Skip::Other(reason) => format!("{reason} \"{path}\""),
        }
    }
}
