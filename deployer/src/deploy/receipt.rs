//! The receipt: what was laid out, what was pulled, how long it took. It is there from the first moment on, so that
//! none of an earlier run is taken for this one's, and is whole again at the end, on success and on failure.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rsync_proto::report::{Progress, Summary};
use serde::Serialize;

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
    /// Entries of the image.
    pub(crate) entries: u64,
    /// Entries that were not there before.
    pub(crate) created: u64,
    /// Files whose content came, and their sizes in bytes.
    pub(crate) transferred: u64,
    pub(crate) transferred_bytes: u64,
    /// Sizes of all files, in bytes.
    pub(crate) total_bytes: u64,
    /// Bytes of content that the server sent, and that were here already.
    pub(crate) literal: u64,
    pub(crate) matched: u64,
    /// Bytes over the network.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Entries that failed, the number of warnings, and the first of them.
    pub(crate) failed: u64,
    pub(crate) warnings: u64,
    pub(crate) messages: Vec<String>,
}

impl ImageReceipt {
    /// Of an image that was pulled to its end.
    pub(crate) fn new(tree: &str, image: &Image, seconds: f64, summary: &Summary) -> Self {
        Self {
            image: image.name.clone(),
            tree: tree.to_owned(),
            url: image.url.clone(),
            target: image.target.as_path().to_owned(),
            seconds,
            complete: summary.is_complete(),
            entries: summary.listed.total(),
            created: summary.created.total(),
            transferred: summary.transferred,
            transferred_bytes: summary.transferred_size,
            total_bytes: summary.total_size,
            literal: summary.literal,
            matched: summary.matched,
            received: summary.bytes_received,
            sent: summary.bytes_sent,
            failed: summary.failed + summary.not_sent,
            warnings: 0,
            messages: Vec::new(),
        }
    }

    /// Of an image whose pull broke off. What was not counted is zero.
    pub(crate) fn broken_off(tree: &str, image: &Image, seconds: f64, progress: &Progress) -> Self {
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        let mut receipt = Self::new(tree, image, seconds, &Summary::default());
        receipt.complete = false;
        (receipt.entries, receipt.total_bytes) = (get(&progress.entries_listed), get(&progress.bytes_listed));
        receipt
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
            Step::CreateGroup { group, .. } => self.groups.push(group.clone()),
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
            lines.push(format!(
                "{}: {} entries, {} in {} files transferred, {} received ({} literal, {} matched) in {:.1} s",
                image.image,
                image.entries,
                human(image.transferred_bytes),
                image.transferred,
                human(image.received),
                human(image.literal),
                human(image.matched),
                image.seconds,
            ));
        }
        let phases: Vec<String> =
            self.phases.iter().map(|done| format!("{} {:.1} s", done.phase, done.seconds)).collect();
        lines.push(format!("done in {:.1} s: {}", self.started.elapsed().as_secs_f64(), phases.join(", ")));
        lines.join("\n")
    }
}
