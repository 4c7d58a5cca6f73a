//! What fuzz targets share. Whatever a target makes up, it makes out of the front of its input, byte by byte, so that
//! seeds can be written by hand and by `examples/seeds.rs`.

pub mod allowed;
pub mod choices;
pub mod clients;
pub mod damage;
pub mod describe;
pub mod framed;
#[cfg(test)]
mod fresh;
pub mod globs;
pub mod items;
pub mod kept;
pub mod lies;
pub mod lists;
pub mod naive;
pub mod names;
pub mod packer;
pub mod player;
pub mod shape;
pub mod story;
