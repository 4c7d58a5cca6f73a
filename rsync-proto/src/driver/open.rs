//! From a location and a way to a connection that stands.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::connection::{Connection, ProgramName};
use super::program::{Opener, Running};
use super::proxy;
use super::resolver::{Resolver, addresses};
use super::stream::{Stream, Wire};
use super::{Timeouts, Tls};
use crate::error::{Clock, Error, Result};
use crate::location::{Location, Scheme};
use crate::route::{Program, Proxy, Route};

/// How a server is reached.
pub(crate) struct Way<'a> {
    pub(crate) route: &'a Route,
    pub(crate) resolver: &'a Arc<dyn Resolver>,
    pub(crate) opener: &'a Arc<dyn Opener>,
    /// Nothing for what the system trusts.
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) timeouts: &'a Timeouts,
    /// For a server without a daemon.
    pub(crate) arguments: Vec<Vec<u8>>,
}

/// A socket, what leads to it, and what already came.
struct Opened {
    wire: Wire,
    program: Option<(Running, ProgramName)>,
    early: Vec<u8>,
}

impl From<Wire> for Opened {
    fn from(wire: Wire) -> Self {
        Self { wire, program: None, early: Vec::new() }
    }
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(location: &Location, way: Way<'_>) -> Result<Self> {
        way.route.check(location)?;
        let opened = match way.route {
            Route::Direct => tcp(&location.host, location.port(), &location.address(), &way).await?.into(),
            Route::Proxy(proxy) => through(proxy, location, &way).await?,
            Route::Socket(path) => unix(path, &way).await?.into(),
            Route::Program(program) => start(program.program(location)?, &way).await?,
            Route::Shell(shell) => start(shell.program(location, way.arguments.clone())?, &way).await?,
        };
        let Opened { wire, program, early } = opened;
        let connection = Self {
            stream: Stream::Plain(wire),
            program,
            address: location.address(),
            early: BytesMut::from(&early[..]),
            #[cfg(feature = "tls")]
            has_certificate: false,
            sent: 0,
            received: 0,
        };
        match location.scheme {
            Scheme::Rsyncs => secured(connection, location, &way).await,
            _ => Ok(connection),
        }
    }
}

/// Connects to a host; addresses of a name are tried in turn. `shown` is the address as it was given.
async fn tcp(host: &str, port: u16, shown: &str, way: &Way<'_>) -> Result<Wire> {
    let limit = way.timeouts.connect;
    let fault = |action, source| Error::Network { action, address: shown.to_owned(), source };
    let connect = async {
        let found = addresses(way.resolver, host, port).await;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let found = found.map_err(|error| fault("cannot find", error))?;
        // An address that swallows everything must leave time for the others.
        let share = limit / found.len().max(1) as u32;
        for socket_address in found {
            match timeout(share, TcpStream::connect(socket_address)).await {
                Ok(Ok(stream)) => {
                    tracing::debug!(%socket_address, "connected");
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        if last.kind() == io::ErrorKind::TimedOut {
            return Err(too_late(way));
        }
        Err(fault("cannot connect to", last))
    };
    let stream = timeout(limit, connect).await.map_err(|_| too_late(way))??;
    // Requests are collected here already; waiting for more of them would only delay the server.
    stream.set_nodelay(true).map_err(|error| fault("cannot set up", error))?;
    Ok(Wire::Tcp(stream))
}

fn too_late(way: &Way<'_>) -> Error {
    Error::Timeout { clock: Clock::Connect, after: way.timeouts.connect }
}

async fn through(proxy: &Proxy, location: &Location, way: &Way<'_>) -> Result<Opened> {
    let wire = tcp(&proxy.host, proxy.port, &format!("the proxy {}", proxy.address()), way).await?;
    let address = location.address();
    let led = timeout(way.timeouts.connect, proxy::connect(&wire, proxy, &address)).await;
    let early = led.map_err(|_| too_late(way))??;
    Ok(Opened { early, ..wire.into() })
}

async fn unix(path: &Path, way: &Way<'_>) -> Result<Wire> {
    let fault =
        |source| Error::Network { action: "cannot connect to", address: path.display().to_string(), source };
    let (opener, owned) = (Arc::clone(way.opener), path.to_owned());
    let connect = tokio::task::spawn_blocking(move || opener.connect(&owned));
    let stream = timeout(way.timeouts.connect, connect).await.map_err(|_| too_late(way))?;
    let stream = stream.map_err(io::Error::other).and_then(|opened| opened).map_err(fault)?;
    Ok(Wire::Unix(in_runtime(stream).map_err(fault)?))
}

async fn start(program: Program, way: &Way<'_>) -> Result<Opened> {
    let (name, remote_shell) = (program.name().to_owned(), program.remote_shell);
    let shown = program.words()[0].to_string_lossy().into_owned();
    tracing::debug!(name, "starting");
    let opener = Arc::clone(way.opener);
    let started = tokio::task::spawn_blocking(move || opener.start(&program)).await;
    let fault = |source| Error::Start { program: shown.clone(), source };
    let mut running = started.map_err(io::Error::other).and_then(|started| started).map_err(fault)?;
    let stream = running.take_stream().expect("nobody has taken it");
    let wire = Wire::Unix(in_runtime(stream).map_err(fault)?);
    Ok(Opened { program: Some((running, ProgramName { name, remote_shell })), ..wire.into() })
}

fn in_runtime(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

#[cfg(feature = "tls")]
async fn secured(mut connection: Connection, location: &Location, way: &Way<'_>) -> Result<Connection> {
    use super::{tls::TlsStream, trust};
    let own;
    let tls = match way.tls {
        Some(tls) => tls,
        None => {
            own = Tls::new(&crate::trust::TlsOptions::default())?;
            &own
        }
    };
    let name = trust::server_name(&location.host)?;
    connection.has_certificate = tls.0.client_auth_cert_resolver.has_certs();
    let Stream::Plain(wire) = connection.stream else { unreachable!("it was opened without") };
    let early = connection.early.split();
    let fault = |source| Error::Network { action: "cannot set up", address: location.address(), source };
    let mut stream = TlsStream::new(wire, Arc::clone(&tls.0), name, &early).map_err(fault)?;
    // A program may have a question for whoever is at the terminal.
    let (clock, after) = match connection.program {
        Some(_) => (Clock::FirstByte, way.timeouts.first_byte),
        None => (Clock::Handshake, way.timeouts.handshake),
    };
    let done = timeout(after, stream.shake_hands()).await;
    connection.stream = Stream::Tls(Box::new(stream));
    let error = match done {
        Ok(Ok(())) => return Ok(connection),
        Ok(Err(error)) => connection.broken(error),
        Err(_) => Error::Timeout { clock, after },
    };
    Err(connection.explain(error).await)
}

#[cfg(not(feature = "tls"))]
async fn secured(_: Connection, _: &Location, way: &Way<'_>) -> Result<Connection> {
    let _ = way.tls;
    Err(Error::Unsupported("this client was made without TLS: build it with the feature tls".to_owned()))
}
