//! A destination on this machine.
//!
//! Everything happens relative to handles on directories, which are opened so that no symlink is followed
//! and nothing outside the root is reached; never by joined path strings. A file is written beside its place
//! under a temporary name, verified, given its attributes, and renamed.

mod acl;
mod alternate;
mod attributes;
mod backup;
mod basis;
mod begin;
mod buffer;
mod compare;
mod copy;
mod dir;
mod direct;
mod fake;
mod fuzzy;
mod handle;
mod ids;
mod leftovers;
mod machine;
mod make;
mod node;
mod offer;
mod old_tree;
mod on_demand;
mod partial;
mod place;
mod reach;
mod remove;
mod same;
mod seen;
mod selection;
mod share;
mod sink;
mod stage;
mod tree;
mod umask;
mod wish;
mod write;
mod xattr;

pub use basis::{Alternate, LocalBasis};
pub use dir::LocalDir;
pub use leftovers::remove_leftovers;
pub use machine::{ListXattrs, Machine};
pub use reach::{Access, Reach, reach};
pub use same::LocalSink;
pub use tree::{LocalTree, LocalTreeOptions};
pub use umask::umask;
