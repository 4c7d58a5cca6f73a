//! Images that have nodes, FIFOs and links where a deployment reads, writes or mounts: nothing beyond their tree is
//! reached, nobody waits for ever, and nothing stays mounted.
//!
//! Not for what the programs of an image do, which runs with the tree as its root.

mod loaders;
mod mounts;
mod written;

const WITHOUT: &[&str] = &["--no-boot-loader"];
