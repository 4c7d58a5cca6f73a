//! The `rsync` driver: images are trees of files, pulled from an rsync daemon straight into place.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rsync_proto::local::{Reach, reach};
use rsync_proto::report::{Monitor, Report};
use rsync_proto::session::Severity;
use rsync_proto::{Client, Error, Location, Options, Scheme, Tls};

use super::bootable::Bootable;
use super::kept;
use super::preflight::Survey;
use super::receipt::ImageReceipt;
use super::{DeployDriver, DeployError, Job, phases};
use crate::exit::Failure;
use crate::machine::Firmware;
use crate::model::{Image, MountPoint, Ways};
use crate::mount::MountedTree;
use crate::password;
use crate::plan::Images;
use crate::plan::need::Tally;
use crate::progress::Display;
use crate::report::PullMonitor;
use crate::sandbox::Sandbox;
use crate::system::list_xattrs;
use crate::ways;

/// Complaints of a server that are shown.
const SHOWN: usize = 10;

/// Pulls trees of files.
pub(super) struct Rsync;

impl DeployDriver for Rsync {
    fn name(&self) -> &'static str {
        "rsync"
    }

    fn about(&self) -> &'static str {
        "pulls trees of files from an rsync daemon, straight into place"
    }

    fn images(&self) -> Images {
        Images::Trees
    }

    fn takes(&self, image: &Image) -> Result<(), String> {
        if !image.checks.is_empty() {
            return Err("the rsync driver copies trees of files, which have no checksum and no length; take image_checksum, \
                        os_hash_algo, os_hash_value and image_size out"
                .to_owned());
        }
        if ["http://", "https://", "file:///"].iter().any(|scheme| image.url.starts_with(scheme)) {
            return Err("the rsync driver cannot copy it: it is no address of an rsync daemon; an image of a file system is \
                        for --deploy-driver swift"
                .to_owned());
        }
        match Location::parse(&image.url) {
            Ok(location) if !location.scheme.is_daemon() => Err(
                "the rsync driver cannot copy it: it is no address of an rsync daemon, but of a remote shell"
                    .to_owned(),
            ),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the rsync driver cannot copy it: {error}")),
        }
    }

    fn survey(&self, job: &Job<'_>, image: &Image, mounts: &[&MountPoint]) -> Result<Survey, DeployError> {
        let surveyor = Arc::new(Surveyor::new(image, mounts, job.plan.firmware));
        let (client, sandbox) = client(job, image, |_| Vec::new())?;
        let client = client.monitor(Arc::clone(&surveyor) as Arc<dyn Monitor>);
        let listed = sandbox.run(|why| job.reporter.warn(why), || job.stop.or_until(client.list()))?;
        let summary = listed.map_err(|source| failed(image, source))?;
        drop(client);
        let surveyor = Arc::into_inner(surveyor).expect("the client is gone");
        if summary.server_errors != 0 || summary.server_failed {
            let said = surveyor.said.into_inner().expect("no thread panics with the lock");
            return Err(DeployError::OutOfReach { url: image.url.clone(), said });
        }
        Ok(surveyor.finish())
    }

    fn copy_image(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        phases::copy_image(job, pull)
    }
}

fn failed(image: &Image, source: Error) -> DeployError {
    match source {
        Error::Cancelled => DeployError::Stopped,
        source => DeployError::Image { url: image.url.clone(), source },
    }
}

/// A client for an image, and the walls within which it works: those places can be reached that `places` has for its
/// options.
fn client(
    job: &Job<'_>,
    image: &Image,
    places: impl FnOnce(&Options) -> Vec<Reach>,
) -> Result<(Client, Sandbox), DeployError> {
    let flags = &job.description.pull;
    let mut location = Location::parse(&image.url).map_err(|source| failed(image, source))?;
    location.port = location.port.or(flags.port);
    let credentials = password::credentials(&location, flags)
        .map_err(|problem| DeployError::Password { url: image.url.clone(), message: problem.message })?;
    // A tree may lie on FAT in part.
    let mut options = flags.options.clone();
    options.lenient_attributes = true;
    if options.deletion.when.is_some() {
        kept::protect(job.description, image, &mut options.filters);
    }
    let route = ways::route(&location, &flags.ways).map_err(|source| failed(image, source))?;
    let tls = tls_for(&location, &flags.ways)
        .map_err(|problem| DeployError::Certificates { url: image.url.clone(), message: problem.message })?;
    let sandbox = Sandbox::new(flags.walls, places(&options), route.tcp_port(&location));
    let client = Client::new(location, options).credentials(credentials).route(route);
    let client = client.resolver(sandbox.resolver()).opener(sandbox.opener()).list_xattrs(list_xattrs);
    let client = match tls {
        Some(tls) => client.tls(tls),
        None => client,
    };
    Ok((client.timeouts(flags.timeouts).retries(flags.retries), sandbox))
}

/// How TLS is spoken with the server of an image. Of all images of a description, certificates are for those that come over
/// TLS.
fn tls_for(location: &Location, given: &Ways) -> Result<Option<Tls>, Failure> {
    match location.scheme {
        Scheme::Rsyncs => ways::tls(location, given),
        _ => Ok(None),
    }
}

/// Takes the list of an image.
struct Surveyor {
    firmware: Firmware,
    target: MountPoint,
    seen: Mutex<(Tally, Bootable)>,
    /// What the server complains about, the first of it.
    said: Mutex<Vec<String>>,
}

impl Surveyor {
    fn new(image: &Image, mounts: &[&MountPoint], firmware: Firmware) -> Self {
        let mounts = mounts.iter().map(|mount| (*mount).clone()).collect();
        let tally = Tally::new(mounts, image.target.clone());
        let seen = Mutex::new((tally, Bootable::default()));
        Self { firmware, target: image.target.clone(), seen, said: Mutex::default() }
    }

    fn finish(self) -> Survey {
        let (tally, bootable) = self.seen.into_inner().expect("no thread panics with the lock");
        let (needs, split_links) = tally.finish();
        Survey { needs, bootable: Some(bootable), split_links }
    }
}

impl Monitor for Surveyor {
    fn report(&self, report: &Report<'_>) {
        match report {
            Report::Listed(entry) => {
                let mut seen = self.seen.lock().expect("no thread panics with the lock");
                let (tally, bootable) = &mut *seen;
                tally.add(*entry);
                let path = entry.path();
                let path = self.target.as_path().join(Path::new(OsStr::from_bytes(path.as_bytes())));
                bootable.see(&path, self.firmware);
            }
            Report::Server(Severity::Error | Severity::Partial, text) => {
                let mut said = self.said.lock().expect("no thread panics with the lock");
                if said.len() < SHOWN {
                    said.push((*text).to_string());
                }
            }
            _ => {}
        }
    }
}

fn pull(job: &mut Job<'_>, image: &Image, tree: &str, mounted: &MountedTree) -> Result<(), DeployError> {
    let destination = phases::directory(mounted, image.target.as_path())?;
    let monitor = Arc::new(PullMonitor::new(Arc::clone(&job.reporter)));
    let (client, sandbox) = client(job, image, |options| reach(&destination, options))?;
    let client = client.monitor(Arc::clone(&monitor) as Arc<dyn Monitor>);
    let display = Display::choose(!job.reporter.is_quiet());
    job.reporter.beside(display.bar());
    let started = Instant::now();
    let transfer = async || {
        tokio::select! {
            result = client.pull(&destination) => result,
            () = display.follow(client.progress(), |line| job.reporter.line(line)) => {
                unreachable!("following has no end")
            }
            () = super::tell(&job.reporter, client.progress()) => unreachable!("telling has no end"),
        }
    };
    let result = sandbox.run(|why| job.reporter.warn(why), || job.stop.or_until(transfer()))?;
    job.reporter.beside(None);
    display.clear();
    let seconds = started.elapsed().as_secs_f64();
    let (progress, summary) = (client.progress(), result.as_ref().ok());
    let mut receipt = ImageReceipt::new(tree, image, seconds, &progress, summary);
    (receipt.warnings, receipt.messages) = monitor.messages();
    let entries_failed = receipt.figures.as_ref().map_or(0, |figures| figures.entries_failed);
    job.receipt.image(receipt);
    match result.map_err(|source| failed(image, source))?.is_complete() {
        true => Ok(()),
        false => Err(DeployError::Incomplete { url: image.url.clone(), failed: entries_failed }),
    }
}
