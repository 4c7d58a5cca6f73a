//! Connections: from the greeting to the terms of a transfer, and bytes in both directions.

mod arguments;
mod auth;
mod greeting;
mod inlet;
mod limits;
mod line;
mod module;
mod negotiate;
mod outlet;
mod rules;
#[cfg(feature = "tls")]
mod secure;
mod service;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod told;

pub use limits::Limits;
pub(in crate::server) use line::Line;
pub use module::Module;
pub use service::{Service, ServiceBuilder, ServiceError};
pub use told::{Figures, Peer, Subject, Told, Witness};
