//! The daemon of the program under test beside rsync's own: the same content, the same client, the same start. What
//! comes of it has to be the same: the tree, the exit code and the lines on both streams. And then those who do not want
//! a transfer at all: whoever comes, the next client is served.
//!
//! [`field`] has both daemons and compares; [`tree`] is what they serve; [`visitor`] speaks to a daemon by hand.

mod absurd;
mod attributes;
mod content;
mod deletion;
mod doors;
mod ends;
mod field;
mod filters;
mod links;
mod lists;
mod masks;
mod names;
mod options;
mod ours;
mod refused;
mod rounds;
mod rude;
mod selection;
mod tree;
mod unreadable;
mod visitor;
mod wood;
