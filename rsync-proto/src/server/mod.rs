//! A read-only rsync daemon: serves directories to clients of the protocol versions 30 to 32.

mod failure;
mod list;
mod request;
mod send;
mod talk;
mod terms;
#[cfg(feature = "tls")]
mod tls;
mod voice;

pub use failure::Failure;
pub use talk::{
    Figures, Limits, Module, Peer, Service, ServiceBuilder, ServiceError, Subject, Told, Witness,
};
#[cfg(feature = "tls")]
pub use tls::ServerTls;
