//! The public face: a [`Client`] lists and pulls.

#[cfg(feature = "fs")]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;

use crate::destination::Destination;
#[cfg(feature = "tls")]
pub use crate::driver::Tls;
use crate::driver::{self, Connection, Way, persist};
pub use crate::driver::{Opener, Resolver, Running, SystemOpener, SystemResolver, Timeouts};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::flist::Segment;
use crate::handshake::{Agreed, Credentials, Handshake, Outcome, shell_arguments};
#[cfg(feature = "fs")]
use crate::local::{ListXattrs, LocalTree, LocalTreeOptions, Machine};
use crate::location::{Location, Scheme};
use crate::options::Options;
use crate::report::{Earlier, Monitor, Progress, Report, Silent, Summary};
use crate::route::Route;
use crate::session::Session;

/// Where files that are not complete are kept for the next try, beside their places.
#[cfg(feature = "fs")]
pub const RETRY_DIR: &str = ".rsp-partial";

/// A server that computes checksums of large files says nothing meanwhile: its patience is ours times this.
const CHECKSUM_PATIENCE: u32 = 10;

/// A client for one location. Every call makes a connection of its own.
///
/// Dropping the future of a call ends it: threads and programs are waited for, and files that were not complete leave
/// nothing behind but what [`Client::retries`] and the options for partial files keep for the next pull.
#[derive(Clone)]
pub struct Client {
    location: Location,
    options: Options,
    credentials: Option<Credentials>,
    timeouts: Timeouts,
    route: Route,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    resolver: Arc<dyn Resolver>,
    opener: Arc<dyn Opener>,
    #[cfg(feature = "fs")]
    list_xattrs: Option<ListXattrs>,
    retries: u32,
    monitor: Arc<dyn Monitor>,
    progress: Arc<Progress>,
}

impl Client {
    /// A client with these options, without credentials, that reports to nobody.
    pub fn new(location: Location, options: Options) -> Self {
        Self {
            location,
            options,
            credentials: None,
            timeouts: Timeouts::default(),
            route: Route::Direct,
            #[cfg(feature = "tls")]
            tls: None,
            resolver: Arc::new(SystemResolver),
            opener: Arc::new(SystemOpener),
            #[cfg(feature = "fs")]
            list_xattrs: None,
            retries: 0,
            monitor: Arc::new(Silent),
            progress: Arc::default(),
        }
    }

    /// User and password, for modules that want them.
    pub fn credentials(mut self, credentials: Option<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// How long to wait for the server.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The way to the server, in place of TCP to its port. Programs are started for nobody who does not ask for it here.
    pub fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    /// How TLS is spoken, in place of trusting whom the system trusts.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Who starts programs and connects to Unix sockets, in place of the system.
    pub fn opener(mut self, opener: Arc<dyn Opener>) -> Self {
        self.opener = opener;
        self
    }

    /// Who finds the addresses of the host, in place of the system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// What lists the extended attributes of files that are there, where the kernel has a call for that (Linux 6.13): a pull
    /// that finds nothing to do takes a third less time of the processor.
    #[cfg(feature = "fs")]
    pub fn list_xattrs(mut self, by: ListXattrs) -> Self {
        self.list_xattrs = Some(by);
        self
    }

    /// How often to connect again where that is worth another try ([`Error::is_worth_another_try`]), with growing waits in
    /// between. What is complete by then is not transferred again; of a file that is not, a pull into a
    /// directory keeps what came in [`RETRY_DIR`], unless the options say where.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Who takes the reports.
    pub fn monitor(mut self, monitor: Arc<dyn Monitor>) -> Self {
        self.monitor = monitor;
        self
    }

    /// Counters to look at while a pull runs.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// The lines of the daemon's list of modules, with its message of the day in front, as it sends them
    /// but for control characters.
    ///
    /// # Errors
    /// No connection, a refusal, or a server that breaks the protocol.
    pub async fn modules(&self) -> Result<Vec<String>> {
        let location = Location {
            module: String::new(),
            path: String::new(),
            more: Vec::new(),
            ..self.location.clone()
        };
        if !location.scheme.is_daemon() {
            return Err(Error::Misuse("only a daemon has modules".to_owned()));
        }
        let mut connection = Connection::open(&location, self.way(Vec::new())).await?;
        let handshake = Handshake::new(location, self.options.clone(), None, false);
        let mut input = BytesMut::new();
        match connection.shake_hands(handshake, &self.timeouts, &mut input, &Silent).await? {
            Outcome::Listed(lines) => {
                connection.end().await;
                Ok(lines)
            }
            Outcome::Agreed(_) => {
                Err(Error::Violation("it began a transfer in place of a listing".to_owned()))
            }
        }
    }

    /// Reports each entry of the location ([`Report::Listed`]), without transferring anything.
    ///
    /// # Errors
    /// As [`Self::pull`].
    pub async fn list(&self) -> Result<Summary> {
        let told = AtomicBool::new(false);
        let once = async || self.list_once(&told).await;
        // What was told of once is not told of again.
        let again = || !told.load(Ordering::Relaxed);
        let (summary, _) = persist(self.retries, &*self.monitor, again, once).await?;
        Ok(summary)
    }

    async fn list_once(&self, told: &AtomicBool) -> Result<Summary> {
        let options = Options { dirs: true, ..self.options.clone() };
        let (connection, agreed, input) = self.connect(&options, true).await?;
        let whole = !agreed.list.inc_recurse;
        let mut summary = Summary::default();
        let take = |segment: &Segment| {
            if whole {
                self.monitor.report(&Report::ListComplete(segment.len() as u64));
            }
            for entry in segment.iter().filter(|entry| !entry.is_left_out()) {
                summary.listed.add(entry.kind());
                summary.total_size += entry.counted_size();
                told.store(true, Ordering::Relaxed);
                self.monitor.report(&Report::Listed(entry));
            }
        };
        let session = Session::new(&agreed);
        let figures = driver::list(connection, session, input, take, self.idle(), &*self.monitor).await?;
        Ok(Summary { listed: summary.listed, total_size: summary.total_size, ..figures })
    }

    /// Pulls the location into the directory `to`, whose last component is made if it is missing. A single
    /// file may also be given a new name.
    ///
    /// # Errors
    /// No connection, a refusal, a server that breaks the protocol, or a destination that cannot be written.
    /// What failed with single entries is reported and counted in the [`Summary`].
    #[cfg(feature = "fs")]
    pub async fn pull(&self, to: &Path) -> Result<Summary> {
        let mut options = self.options.clone();
        let content = &mut options.content;
        if self.retries > 0 && !content.writes_in_place() && !content.keeps_partial() && !options.dry_run {
            content.partial_dir = Some(RETRY_DIR.into());
        }
        let client = Self { options, ..self.clone() };
        let machine = Machine::read(&client.options)?.list_xattrs(client.list_xattrs);
        let earlier = Earlier::default();
        let once = async || {
            client.progress.begin();
            client.pull_once(to, &machine, &earlier).await
        };
        let (summary, retries) = persist(self.retries, &*self.monitor, || true, once).await?;
        Ok(Summary { retries, ..summary })
    }

    #[cfg(feature = "fs")]
    async fn pull_once(&self, to: &Path, machine: &Machine, earlier: &Earlier) -> Result<Summary> {
        let (options, machine) = (self.options.clone(), machine.clone());
        let tree = |agreed: &Agreed| {
            Ok(LocalTree::new(to, LocalTreeOptions { options, summer: agreed.summer, machine }))
        };
        self.try_into(tree, earlier).await
    }

    /// Pulls the location into the destination that `make` returns, once it is known what was agreed on.
    ///
    /// # Errors
    /// As [`Self::pull`].
    pub async fn pull_into<D: Destination>(
        &self,
        make: impl FnOnce(&Agreed) -> Result<D>,
    ) -> Result<Summary> {
        self.try_into(make, &Earlier::default()).await
    }

    async fn try_into<D: Destination>(
        &self,
        make: impl FnOnce(&Agreed) -> Result<D>,
        earlier: &Earlier,
    ) -> Result<Summary> {
        let options = self.options.with_implied_rules();
        let (connection, agreed, input) = self.connect(&options, false).await?;
        let destination = make(&agreed)?;
        let (monitor, progress) = (Arc::clone(&self.monitor), Arc::clone(&self.progress));
        let mut engine =
            Engine::start(destination, &options, &agreed, monitor, progress, earlier.deletions())?;
        if !agreed.list.inc_recurse {
            engine.one_segment();
        }
        let session = Session::new(&agreed);
        driver::pull(connection, session, input, engine, self.idle(), &*self.monitor, earlier).await
    }

    async fn connect(
        &self,
        options: &Options,
        list_only: bool,
    ) -> Result<(Connection, Box<Agreed>, BytesMut)> {
        options.check()?;
        if self.location.asks_for_modules() {
            return Err(Error::Misuse("the source names no module, only a daemon".to_owned()));
        }
        if options.selection.files_from.is_some() && !self.location.more.is_empty() {
            let text = "names of files (--files-from) are relative to one source, and there are several";
            return Err(Error::Misuse(text.to_owned()));
        }
        if options.selection.relative && self.location.scheme == Scheme::Shell {
            // The two are not in one order on both sides.
            let absolute = |path: &str| path.starts_with('/') && !path.contains("/./");
            let count = self.location.paths().filter(|path| absolute(path)).count();
            if count != 0 && count != self.location.paths().count() {
                let text = "with -R, either all paths begin with a slash or none: pull them in two steps";
                return Err(Error::Misuse(text.to_owned()));
            }
        }
        let arguments = match self.location.scheme {
            Scheme::Shell => shell_arguments(options, &self.location, list_only),
            _ => Vec::new(),
        };
        let mut connection = Connection::open(&self.location, self.way(arguments)).await?;
        let credentials = self.credentials.clone();
        let handshake = Handshake::new(self.location.clone(), options.clone(), credentials, list_only);
        let mut input = BytesMut::new();
        match connection.shake_hands(handshake, &self.timeouts, &mut input, &*self.monitor).await? {
            Outcome::Agreed(agreed) => {
                self.monitor.report(&Report::Begins(&agreed));
                Ok((connection, agreed, input))
            }
            Outcome::Listed(_) => Err(Error::Violation("it listed modules in place of files".to_owned())),
        }
    }

    fn way(&self, arguments: Vec<Vec<u8>>) -> Way<'_> {
        Way {
            route: &self.route,
            resolver: &self.resolver,
            opener: &self.opener,
            #[cfg(feature = "tls")]
            tls: self.tls.as_ref(),
            #[cfg(not(feature = "tls"))]
            tls: None,
            timeouts: &self.timeouts,
            arguments,
        }
    }

    fn idle(&self) -> Option<Duration> {
        let factor = if self.options.checksum { CHECKSUM_PATIENCE } else { 1 };
        self.timeouts.idle.map(|idle| idle * factor)
    }
}
