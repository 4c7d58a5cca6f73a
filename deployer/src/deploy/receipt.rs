//! The receipt: what was laid out, what was pulled, how long it took. It is there from the first moment on, so that
//! none of an earlier run is taken for this one's, and is whole again at the end, on success and on failure.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rsync_proto::report::{Progress, Summary};
use serde::Serialize;

use crate::http::shown;
use crate::model::Image;
use crate::plan::step::{NewPartition, Phase, Step};
use crate::plan::{DiskPlan, FsPlan, Plan};

/// Version of the receipt.
const VERSION: u32 = 1;
/// What it says until the end.
const NOT_ENDED: &str = "the deployment is under way, or was killed";

/// What came of a deployment.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    version: u32,
    deployer: &'static str,
    /// Release of the kernel that did the work.
    kernel: String,
    /// Nothing as long as there is no plan; so it is with the lists.
    policy: Option<&'static str>,
    disks: Vec<DiskReceipt>,
    arrays: Vec<PathBuf>,
    groups: Vec<String>,
    file_systems: Vec<FsReceipt>,
    phases: Vec<PhaseReceipt>,
    images: Vec<ImageReceipt>,
    /// What in the description has no effect.
    pub(crate) warnings: Vec<String>,
    /// The step that did not come to its end.
    failed_step: Option<String>,
    #[serde(skip)]
    started: Instant,
}

#[derive(Debug, Serialize)]
struct DiskReceipt {
    node: PathBuf,
    bytes: u64,
    /// Whether its table has been written.
    laid_out: bool,
    partitions: Vec<NewPartition>,
}

#[derive(Debug, Serialize)]
struct FsReceipt {
    node: PathBuf,
    file_system: &'static str,
    mount: Option<String>,
    bytes: u64,
    /// Whether it has been made.
    made: bool,
    /// As far as it was needed.
    uuid: Option<String>,
}

#[derive(Debug, Serialize)]
struct PhaseReceipt {
    phase: Phase,
    seconds: f64,
}

/// What came of an image.
#[derive(Debug, Serialize)]
pub(crate) struct ImageReceipt {
    /// The name of the image, and the tree that it was pulled into.
    pub(crate) image: String,
    pub(crate) tree: String,
    pub(crate) url: String,
    pub(crate) target: PathBuf,
    pub(crate) seconds: f64,
    /// Whether all of it is there.
    pub(crate) complete: bool,
    /// Entries of the image, and the sizes of all its files.
    pub(crate) entries: u64,
    pub(crate) total_bytes: u64,
    /// Entries and bytes of files that were in place at the end.
    pub(crate) entries_done: u64,
    pub(crate) bytes_done: u64,
    /// What came of it, if it came to its end.
    #[serde(flatten)]
    pub(crate) figures: Option<Figures>,
    /// What went over the network, where the image is a file; as far as it came to its end.
    #[serde(rename = "received_bytes", skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    /// The number of warnings, and the first of them.
    pub(crate) warnings: u64,
    pub(crate) messages: Vec<String>,
}

/// The figures of a pull that came to its end.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// Entries that were not there before.
    entries_created: u64,
    /// Entries that failed.
    pub(crate) entries_failed: u64,
    /// Files whose content came, and their sizes.
    files_transferred: u64,
    transferred_bytes: u64,
    /// Content that the server sent, and that was here already.
    literal_bytes: u64,
    matched_bytes: u64,
    /// What went over the network.
    received_bytes: u64,
    sent_bytes: u64,
}

impl ImageReceipt {
    /// Of a pull that took so many seconds; without a summary it broke off.
    pub(crate) fn new(
        tree: &str,
        image: &Image,
        seconds: f64,
        progress: &Progress,
        summary: Option<&Summary>,
    ) -> Self {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let figures = |summary: &Summary| Figures {
            entries_created: summary.created.total(),
            entries_failed: summary.failed + summary.not_sent,
            files_transferred: summary.transferred,
            transferred_bytes: summary.transferred_size,
            literal_bytes: summary.literal,
            matched_bytes: summary.matched,
            received_bytes: summary.bytes_received,
            sent_bytes: summary.bytes_sent,
        };
        Self {
            image: image.name.clone(),
            tree: tree.to_owned(),
            url: image.url.clone(),
            target: image.target.as_path().to_owned(),
            seconds,
            complete: summary.is_some_and(Summary::is_complete),
            entries: get(&progress.entries_listed),
            total_bytes: get(&progress.bytes_listed),
            entries_done: get(&progress.entries_done),
            bytes_done: get(&progress.bytes_done),
            figures: summary.map(figures),
            received: None,
            warnings: 0,
            messages: Vec::new(),
        }
    }

    /// Of an image that is a file system; `received` are the bytes of it that were sent, if it came to its end.
    pub(crate) fn of_file_system(
        tree: &str,
        image: &Image,
        seconds: f64,
        progress: &Progress,
        received: Option<u64>,
    ) -> Self {
        let of_tree = Self::new(tree, image, seconds, progress, None);
        Self { url: shown(&image.url), complete: received.is_some(), received, ..of_tree }
    }
}

impl Receipt {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            version: VERSION,
            deployer: env!("CARGO_PKG_VERSION"),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            policy: None,
            disks: Vec::new(),
            arrays: Vec::new(),
            groups: Vec::new(),
            file_systems: Vec::new(),
            phases: Vec::new(),
            images: Vec::new(),
            warnings: Vec::new(),
            failed_step: None,
            started: Instant::now(),
        }
    }

    /// What is going to be done; that it has been done is said step by step.
    pub(super) fn plan(&mut self, plan: &Plan) {
        self.policy = Some(plan.policy);
        let disk = |disk: &DiskPlan| DiskReceipt {
            node: disk.node.clone(),
            bytes: disk.bytes,
            laid_out: false,
            partitions: disk.after.clone(),
        };
        let file_system = |plan: &FsPlan| FsReceipt {
            node: plan.node.clone(),
            file_system: plan.spec.kind.name(),
            mount: plan.spec.mount.as_ref().map(ToString::to_string),
            bytes: plan.bytes,
            made: false,
            uuid: None,
        };
        self.disks = plan.disks.iter().map(disk).collect();
        self.file_systems = plan.file_systems.iter().map(file_system).collect();
    }

    /// A step that came to its end.
    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::WriteTable { disk, .. } => {
                let here = self.disks.iter_mut().filter(|receipt| receipt.node == *disk);
                here.for_each(|receipt| receipt.laid_out = true);
            }
            Step::MakeFileSystem { node, .. } => {
                let here = self.file_systems.iter_mut().filter(|receipt| receipt.node == *node);
                here.for_each(|receipt| receipt.made = true);
            }
            Step::CreateArray { node, .. } => self.arrays.push(node.clone()),
            Step::CreateVolumeGroup { group, .. } => self.groups.push(group.clone()),
            _ => {}
        }
    }

    /// The step that did not come to its end.
    pub(super) fn failed_step(&mut self, step: &Step) {
        self.failed_step = Some(step.to_string());
    }

    /// The UUID of a file system.
    pub(super) fn uuid(&mut self, node: &Path, uuid: &str) {
        let here = self.file_systems.iter_mut().filter(|receipt| receipt.node == node);
        here.for_each(|receipt| receipt.uuid = Some(uuid.to_owned()));
    }

    pub(super) fn phase(&mut self, phase: Phase, took: Duration) {
        self.phases.push(PhaseReceipt { phase, seconds: took.as_secs_f64() });
    }

    pub(super) fn image(&mut self, image: ImageReceipt) {
        self.images.push(image);
    }

    /// Writes it before there is anything to say.
    pub(crate) fn begin(&self, path: &Path) -> io::Result<()> {
        self.put(path, None, Some(NOT_ENDED))
    }

    /// Writes it, with how it ended.
    pub(crate) fn write(&self, path: &Path, exit: u8, error: Option<&str>) -> io::Result<()> {
        self.put(path, Some(exit), error)
    }

    fn put(&self, path: &Path, exit: Option<u8>, error: Option<&str>) -> io::Result<()> {
        #[derive(Serialize)]
        struct Ended<'a> {
            #[serde(flatten)]
            receipt: &'a Receipt,
            success: bool,
            exit: Option<u8>,
            error: Option<&'a str>,
            seconds: f64,
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let ended = Ended { receipt: self, success: error.is_none(), exit, error, seconds };
        let mut text = serde_json::to_vec_pretty(&ended)?;
        text.push(b'\n');
        // A pipe or a device takes it as it comes.
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            return File::options().write(true).open(path)?.write_all(&text);
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let written = File::create(&beside).and_then(|mut file| file.write_all(&text));
        written.and_then(|()| fs::rename(&beside, path))
    }

    /// The receipt for people, in a few lines.
    pub(crate) fn summary(&self) -> String {
        use crate::model::human;
        let mut lines = Vec::new();
        for image in &self.images {
            if let Some(received) = image.received {
                let (name, written) = (&image.image, human(image.bytes_done));
                let line = format!(
                    "{name}: {written} written, {} received in {:.1} s",
                    human(received),
                    image.seconds
                );
                lines.push(line);
            }
            let Some(figures) = &image.figures else { continue };
            lines.push(format!(
                "{}: {} entries, {} in {} files transferred, {} received ({} literal, {} matched) in {:.1} s",
                image.image,
                image.entries,
                human(figures.transferred_bytes),
                figures.files_transferred,
                human(figures.received_bytes),
                human(figures.literal_bytes),
                human(figures.matched_bytes),
                image.seconds,
            ));
        }
        let phases: Vec<String> =
            self.phases.iter().map(|done| format!("{} {:.1} s", done.phase, done.seconds)).collect();
        let phases = if phases.is_empty() { String::new() } else { format!(": {}", phases.join(", ")) };
        lines.push(format!("done in {:.1} s{phases}", self.started.elapsed().as_secs_f64()));
        lines.join("\n")
    }
}
