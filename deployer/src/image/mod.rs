//! Images of file systems: where they come from, how they are packed, what is in them, and how they get onto a device.
//! Whatever they are, they pass through a few mebibytes of memory.

mod content;
mod device;
mod error;
mod packing;
mod source;
mod stream;
mod sum;

pub(crate) use device::write;
pub(crate) use error::{ImageError, Trouble};
pub(crate) use source::{Address, Line};
pub(crate) use stream::ImageStream;
