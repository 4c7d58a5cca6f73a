//! The sending half of the protocol, for tests and fuzzing: says whatever it is told to say, true or not, and checks
//! nothing. It works out orders and numbers by itself, the slow and obvious way.
//!
//! Not a server, and no part of the promises of this library (feature `scripted`).

mod acl;
mod item;
mod list;
mod pack;
mod script;
mod shapes;
mod unpack;

pub use acl::{TestAcl, TestAclName};
pub use item::{Item, segments, sorted};
pub use list::ListEncoder;
pub use pack::Packer;
pub use script::{Part, Script};
pub use shapes::{agreed, asked, everything, options, plain_options};
pub use unpack::Unpack;
