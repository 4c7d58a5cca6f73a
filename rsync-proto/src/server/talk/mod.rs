//! Connections: from the greeting to the terms of a transfer, and bytes in both directions.

mod inlet;
mod line;
mod outlet;
mod stream;

pub(in crate::server) use line::Line;
