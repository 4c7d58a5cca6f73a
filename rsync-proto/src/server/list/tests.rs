//! Lists that are written here and read by the decoder of this crate.
