//! The server: its modules, and clients that are served in threads of their own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::list;
use super::limits::Limits;
use super::module::Module;
#[cfg(feature = "tls")]
use super::secure::Secure;
use super::session;
use super::stream::Stream;
use super::told::{Peer, Told, Witness};
#[cfg(feature = "tls")]
use crate::server::tls::ServerTls;

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(200);
/// So many clients beyond the limit are told that there are too many. Others are hung up on.
const TURNED_AWAY: usize = 16;

/// What makes no service.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServiceError(String);

/// A read-only rsync daemon.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("modules", &self.0.modules).finish_non_exhaustive()
    }
}

pub(super) struct Inner {
    pub modules: Vec<Module>,
    pub motd: String,
    pub limits: Limits,
    witness: Option<Arc<dyn Witness>>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
    places: Mutex<Places>,
    /// Told when a client is gone.
    gone: Condvar,
    number: AtomicU64,
    /// All connections are to end at once.
    pub end: Arc<AtomicBool>,
}

/// Who is there.
#[derive(Default)]
struct Places {
    taken: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A client's place among those that are served; given back when its thread is done.
struct Place {
    inner: Arc<Inner>,
    address: Option<IpAddr>,
    /// There are as many as may be: it is only told so.
    full: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.inner.places();
        places.taken -= 1;
        if let Some(address) = self.address
            && let Some(count) = places.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                places.by_address.remove(&address);
            }
        }
        self.inner.gone.notify_all();
    }
}

/// A service that is being made.
#[derive(Default)]
pub struct ServiceBuilder {
    modules: Vec<Module>,
    motd: String,
    limits: Limits,
    witness: Option<Arc<dyn Witness>>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

impl std::fmt::Debug for ServiceBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceBuilder").field("modules", &self.modules).finish_non_exhaustive()
    }
}

impl ServiceBuilder {
    /// Serves a directory.
    #[must_use]
    pub fn module(mut self, module: Module) -> Self {
        self.modules.push(module);
        self
    }

    /// A text for people, which each client gets.
    #[must_use]
    pub fn motd(self, text: impl Into<String>) -> Self {
        Self { motd: text.into(), ..self }
    }

    /// Bounds on what clients may ask for.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Who hears of clients.
    #[must_use]
    pub fn witness(self, witness: Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// Speaks TLS, and nothing else, with all clients. They look for it at port 874.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Makes it. The directories are opened for each client anew, so that another one may take their place.
    ///
    /// # Errors
    /// There is no module, or two have the same name, or one is no directory; or the text for people cannot be sent.
    pub fn build(self) -> Result<Service, ServiceError> {
        let fail = |text: String| Err(ServiceError(text));
        if self.modules.is_empty() {
            return fail("there is no module to serve".to_owned());
        }
        for (at, module) in self.modules.iter().enumerate() {
            if let Some(fault) = module.fault() {
                return fail(fault);
            }
            if self.modules[..at].iter().any(|other| other.name == module.name) {
                return fail(format!("two modules have the name {}", module.name));
            }
        }
        // Clients take such a line for one of the protocol.
        if self.motd.lines().any(|line| line.starts_with("@RSYNCD") || line.starts_with("@ERROR")) {
            return fail("a line of the message of the day begins with @RSYNCD or @ERROR".to_owned());
        }
        if self.motd.len() > crate::limits::MAX_LINES_BYTES / 2 {
            return fail("the message of the day is longer than clients take".to_owned());
        }
        list::remember_owners();
        Ok(Service(Arc::new(Inner {
            modules: self.modules,
            motd: self.motd,
            limits: self.limits,
            witness: self.witness,
            #[cfg(feature = "tls")]
            tls: self.tls,
            places: Mutex::default(),
            gone: Condvar::new(),
            number: AtomicU64::new(0),
            end: Arc::default(),
        })))
    }
}

impl Inner {
    /// What is said to a client, and by it, goes over this.
    pub fn stream(&self, socket: OwnedFd) -> io::Result<Stream> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Stream::Secure(Box::new(Secure::new(socket, tls)?)));
        }
        Ok(Stream::Socket(socket))
    }

    /// Nothing is done with the lock that could panic.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tell(&self, told: &Told<'_>) {
        if let Some(witness) = &self.witness {
            witness.told(told);
        }
    }

    /// A place, unless so many are waiting to be turned away that this one is not even told.
    fn place(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let mut places = self.places();
        if places.taken >= self.limits.connections + TURNED_AWAY {
            return None;
        }
        let same = address.map_or(0, |address| places.by_address.get(&address).copied().unwrap_or(0));
        if same >= self.limits.connections_per_address + TURNED_AWAY {
            return None;
        }
        let full = places.taken >= self.limits.connections || same >= self.limits.connections_per_address;
        places.taken += 1;
        if let Some(address) = address {
            *places.by_address.entry(address).or_default() += 1;
        }
        drop(places);
        Some(Place { inner: Arc::clone(self), address, full })
    }

    fn peer(&self, address: String) -> Peer {
        Peer { number: self.number.fetch_add(1, Ordering::Relaxed) + 1, address }
    }
}

impl Service {
    /// One that is to be described.
    pub fn builder() -> ServiceBuilder {
        ServiceBuilder::default()
    }

    /// Serves all who connect, until `stop` is set. The listener is closed then, and transfers may go on for a while
    /// ([`Limits::grace`]); when it returns, no thread is left.
    ///
    /// # Errors
    /// The listener does not work.
    pub fn serve(&self, listener: TcpListener, stop: &AtomicBool) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let outcome = self.accept(&listener, stop);
        // Nobody is to wait for what does not come.
        drop(listener);
        self.wind_up();
        outcome
    }

    fn accept(&self, listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, from)) => self.take(stream, from.ip(), from.to_string()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for(listener)?,
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    // Too many open files, most likely: it gets better when a client is gone.
                    tracing::warn!("cannot take a connection: {error}");
                    thread::sleep(LOOK);
                }
            }
        }
        Ok(())
    }

    fn take(&self, stream: TcpStream, address: IpAddr, shown: String) {
        // Addresses of IPv4 count the same by either socket.
        let Some(place) = self.0.place(Some(address.to_canonical())) else { return };
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
        let peer = self.0.peer(shown);
        let name = format!("client {}", peer.number);
        // Where no thread can be started, the connection is closed.
        let started = thread::Builder::new().name(name).spawn(move || run(&place, stream.into(), &peer));
        if let Err(error) = started {
            tracing::warn!("cannot start a thread for a client: {error}");
        }
    }

    /// Serves one client, in this thread: over a socket that the caller has accepted, of whatever family.
    pub fn serve_stream(&self, socket: impl Into<OwnedFd>, peer: impl Into<String>) {
        if let Some(place) = self.0.place(None) {
            run(&place, socket.into(), &self.0.peer(peer.into()));
        }
    }

    /// Waits for clients, and does not wait for ever.
    fn wind_up(&self) {
        let until = Instant::now() + self.0.limits.grace;
        let mut places = self.0.places();
        while places.taken > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.0.end.store(true, Ordering::Relaxed);
            }
            let waited = self.0.gone.wait_timeout(places, if left.is_zero() { LOOK } else { left });
            places = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Serves a client to the end. A fault of this program ends its connection and nothing else.
fn run(place: &Place, socket: OwnedFd, peer: &Peer) {
    let inner = &place.inner;
    let work = || session::run(inner, socket, peer, place.full);
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        tracing::error!("an internal error ended the connection with {}", peer.address);
    }
}

fn wait_for(listener: &TcpListener) -> io::Result<()> {
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A connection that broke before it was taken, or what the network says of one.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | TimedOut)
}
