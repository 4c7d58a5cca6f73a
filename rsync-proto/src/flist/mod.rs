//! The file list: names, entries, owners, access control lists and extended attributes, in segments.
//!
//! What comes off the wire passes [`ListDecoder`], which checks all of it; what the rest of the crate sees
//! are [`Segment`]s of checked entries.

mod acl;
mod admit;
mod asked;
mod builder;
mod decode;
mod entry;
mod fields;
mod fields29;
mod ids;
#[cfg(feature = "fs")]
mod leads;
mod links;
mod name;
mod options;
mod prune;
mod segment;
mod sort;
#[cfg(test)]
mod tests;
mod tree;
mod xattr;

pub use acl::{Acl, AclName};
pub use asked::Asked;
pub use decode::ListDecoder;
pub use entry::{EntryRef, HardLink, Kind};
#[cfg(feature = "fs")]
pub(crate) use leads::leads_out;
pub use name::SafePath;
pub use options::ListOptions;
pub use segment::{EntryHandle, IdNames, Segment};
pub(crate) use xattr::check_value_len;
pub use xattr::{Xattr, XattrSet};
