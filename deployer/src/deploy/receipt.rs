//! The receipt: what was laid out, what was pulled, how long it took. Written on success and on failure.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rsync_proto::report::Summary;
use serde::Serialize;

use crate::plan::Plan;
use crate::plan::step::Phase;

/// Version of the receipt.
const VERSION: u32 = 1;

/// What came of a deployment.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    version: u32,
    deployer: &'static str,
    policy: &'static str,
    disks: Vec<DiskReceipt>,
    file_systems: Vec<FsReceipt>,
    phases: Vec<PhaseReceipt>,
    images: Vec<ImageReceipt>,
    #[serde(skip)]
    started: Instant,
}

#[derive(Debug, Serialize)]
struct DiskReceipt {
    node: PathBuf,
    bytes: u64,
    laid_out: bool,
    partitions: Vec<crate::plan::step::NewPartition>,
}

#[derive(Debug, Serialize)]
struct FsReceipt {
    node: PathBuf,
    file_system: &'static str,
    mount: Option<String>,
    bytes: u64,
    made: bool,
}

#[derive(Debug, Serialize)]
struct PhaseReceipt {
    phase: Phase,
    seconds: f64,
}

/// What came of an image.
#[derive(Debug, Serialize)]
pub(crate) struct ImageReceipt {
    pub(crate) tree: String,
    pub(crate) url: String,
    pub(crate) target: PathBuf,
    pub(crate) seconds: f64,
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
    /// Entries that failed, messages about what is odd, and the first of them.
    pub(crate) failed: u64,
    pub(crate) odd: u64,
    pub(crate) messages: Vec<String>,
}

impl ImageReceipt {
    pub(crate) fn new(tree: &str, url: &str, target: &Path, seconds: f64, summary: &Summary) -> Self {
        Self {
            tree: tree.to_owned(),
            url: url.to_owned(),
            target: target.to_owned(),
            seconds,
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
            odd: 0,
            messages: Vec::new(),
        }
    }
}

impl Receipt {
    pub(super) fn new(plan: &Plan) -> Self {
        let disk = |disk: &crate::plan::DiskPlan| DiskReceipt {
            node: disk.node.clone(),
            bytes: disk.bytes,
            laid_out: disk.laid_out,
            partitions: disk.after.clone(),
        };
        let file_system = |plan: &crate::plan::FsPlan| FsReceipt {
            node: plan.node.clone(),
            file_system: plan.spec.kind.name(),
            mount: plan.spec.mount.as_ref().map(ToString::to_string),
            bytes: plan.bytes,
            made: plan.made,
        };
        Self {
            version: VERSION,
            deployer: env!("CARGO_PKG_VERSION"),
            policy: plan.policy,
            disks: plan.disks.iter().map(disk).collect(),
            file_systems: plan.file_systems.iter().map(file_system).collect(),
            phases: Vec::new(),
            images: Vec::new(),
            started: Instant::now(),
        }
    }

    pub(super) fn phase(&mut self, phase: Phase, took: Duration) {
        self.phases.push(PhaseReceipt { phase, seconds: took.as_secs_f64() });
    }

    pub(super) fn image(&mut self, image: ImageReceipt) {
        self.images.push(image);
    }

    /// Writes it, with how it ended.
    pub(crate) fn write(&self, path: &Path, exit: u8, error: Option<&str>) -> io::Result<()> {
        #[derive(Serialize)]
        struct Ended<'a> {
            #[serde(flatten)]
            receipt: &'a Receipt,
            success: bool,
            exit: u8,
            error: Option<&'a str>,
            seconds: f64,
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let ended = Ended { receipt: self, success: error.is_none(), exit, error, seconds };
        let mut text = serde_json::to_vec_pretty(&ended)?;
        text.push(b'\n');
        let mut file = File::create(path)?;
        file.write_all(&text)
    }

    /// The receipt for people, in a few lines.
    pub(crate) fn summary(&self) -> String {
        use crate::model::human;
        let mut lines = Vec::new();
        for image in &self.images {
            lines.push(format!(
                "{}: {} entries, {} in {} files transferred, {} received ({} literal, {} matched) in {:.1} s",
                image.tree,
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
