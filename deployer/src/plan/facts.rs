//! What a plan is made from besides the description: the described disks as they are.

use std::path::{Path, PathBuf};

use super::{Problem, Problems};
use crate::machine::blkid::{self, Content};
use crate::machine::holders::{Holder, Usage, same_device};
use crate::machine::lvm::{self, Groups};
use crate::machine::md::{self, RunningArray};
use crate::machine::table::{self, Entry, Table};
use crate::machine::{BlockDevice, Firmware};
use crate::model::{Description, Disk};
use crate::stop::Stop;

/// The machine, as far as a plan needs it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) firmware: Firmware,
    /// The described disks, in the order of the description.
    pub(crate) disks: Vec<DiskFacts>,
    /// What LVM knows.
    pub(crate) groups: Groups,
    /// Whether there is an LVM that would know.
    pub(crate) has_lvm: bool,
    /// The arrays that are running, with what is on them.
    pub(crate) arrays: Vec<(RunningArray, Content)>,
    /// The described logical volumes that are active: nodes, with what is on them.
    pub(crate) logical: Vec<(PathBuf, Content)>,
}

/// A disk as it is.
#[derive(Debug)]
pub(crate) struct DiskFacts {
    pub(crate) device: BlockDevice,
    pub(crate) table: Table,
    pub(crate) holders: Vec<Holder>,
    /// What is on the disk itself, outside of any partition.
    pub(crate) content: Content,
    /// The partitions of its GPT; where it has none, those that the kernel knows.
    pub(crate) partitions: Vec<PartitionFacts>,
    /// Partitions that the kernel knows and the table does not.
    pub(crate) stale: Vec<PartitionFacts>,
}

/// A partition as it is.
#[derive(Debug, Clone)]
pub(crate) struct PartitionFacts {
    pub(crate) number: u32,
    pub(crate) node: PathBuf,
    /// In bytes.
    pub(crate) start: u64,
    /// In bytes.
    pub(crate) length: u64,
    pub(crate) content: Content,
    /// Whether the kernel knows it.
    pub(crate) kernel: KernelView,
}

/// What the kernel knows of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KernelView {
    /// It is where the table has it.
    Agrees,
    /// It has none of this number.
    LacksIt,
    /// It has one of this number, at another place.
    HasAnother,
}

impl Facts {
    /// Looks at the described disks. With `locked`, also whether something unseen uses them: those who work on disks
    /// that are not locked would be disturbed by that.
    ///
    /// # Errors
    /// All disks that are not there or cannot be read.
    pub(crate) fn look(description: &Description, locked: bool, stop: &Stop) -> Result<Self, Problems> {
        let usage = Usage::now().map_err(|error| {
            let message = format!("cannot tell which disks are in use: {error}; is /proc mounted?");
            Problems(vec![Problem::new("this machine", message)])
        })?;
        let mut problems = Vec::new();
        let mut disks: Vec<DiskFacts> = Vec::new();
        for disk in &description.disks {
            match look_at(disk, &usage, locked, stop) {
                Ok(facts) => match disks.iter().find(|other| other.device.name == facts.device.name) {
                    Some(_) => {
                        let message =
                            format!("{} is {}, which is described twice", disk.id, facts.device.name);
                        problems.push(Problem::new(&disk.path, message));
                    }
                    None => disks.push(facts),
                },
                Err(problem) => problems.push(problem),
            }
        }
        let groups = Groups::now(stop).unwrap_or_else(|error| {
            problems.push(Problem::new("LVM", error.to_string()));
            Groups::default()
        });
        let mut probe = |node: PathBuf| {
            let content = blkid::probe(&node, stop).unwrap_or_else(|error| {
                problems.push(Problem::new(node.display(), error.to_string()));
                Content::default()
            });
            (node, content)
        };
        let volumes = description
            .groups
            .iter()
            .flat_map(|group| group.volumes.iter().map(|volume| logical_node(&group.name, &volume.name)));
        let logical = volumes.filter(|node| node.exists()).map(&mut probe).collect();
        let arrays = md::arrays().into_iter().map(|array| {
            let content =
                if array.level.is_some() { probe(array.node.clone()).1 } else { Content::default() };
            (array, content)
        });
        let arrays = arrays.collect();
        let (firmware, has_lvm) = (Firmware::of_this_machine(), lvm::is_here());
        match problems.is_empty() {
            true => Ok(Self { firmware, disks, groups, has_lvm, arrays, logical }),
            false => Err(Problems(problems)),
        }
    }

    /// Whether the node is one of the described disks or a partition of one.
    pub(crate) fn is_described(&self, node: &Path) -> bool {
        self.disks.iter().any(|disk| {
            same_device(&disk.device.node(), node)
                || disk
                    .partitions
                    .iter()
                    .chain(&disk.stale)
                    .any(|partition| same_device(&partition.node, node))
        })
    }
}

/// The node of a logical volume.
pub(super) fn logical_node(group: &str, volume: &str) -> PathBuf {
    PathBuf::from(format!("/dev/{group}/{volume}"))
}

fn look_at(disk: &Disk, usage: &Usage, locked: bool, stop: &Stop) -> Result<DiskFacts, Problem> {
    let device = BlockDevice::find(&disk.id).map_err(|error| Problem::new(&disk.path, error.to_string()))?;
    let failed = |message: String| Problem::new(device.node().display(), message);
    let table = table::read(&device).map_err(|error| failed(error.to_string()))?;
    let mut known: Vec<PartitionFacts> = Vec::new();
    for (number, partition) in device.partitions() {
        let start =
            partition.attribute("start").and_then(|start| start.parse::<u64>().ok()).unwrap_or(0) * 512;
        let node = partition.node();
        let content = blkid::probe(&node, stop).map_err(|error| failed(error.to_string()))?;
        let (length, kernel) = (partition.bytes, KernelView::Agrees);
        known.push(PartitionFacts { number, start, length, content, node, kernel });
    }
    let (partitions, stale) = match &table {
        Table::Gpt { entries, .. } => {
            let found: Result<Vec<PartitionFacts>, Problem> =
                entries.iter().map(|entry| look_in_table(&device, entry, &known, stop)).collect();
            let stale =
                |partition: &PartitionFacts| entries.iter().all(|entry| entry.number != partition.number);
            (found?, known.into_iter().filter(stale).collect())
        }
        Table::Mbr | Table::None => (known, Vec::new()),
    };
    let content = blkid::probe(&device.node(), stop).map_err(|error| failed(error.to_string()))?;
    let mut holders = usage.of(&device);
    if locked && usage.has_unseen(&device) {
        holders.push(Holder::Unseen);
    }
    Ok(DiskFacts { table, holders, content, partitions, stale, device })
}

/// A partition of a table, whether the kernel knows it or not.
fn look_in_table(
    disk: &BlockDevice,
    entry: &Entry,
    known: &[PartitionFacts],
    stop: &Stop,
) -> Result<PartitionFacts, Problem> {
    let Entry { number, start, length, .. } = *entry;
    let node = disk.partition_node(number);
    let kernel = match known.iter().find(|partition| partition.number == number) {
        Some(partition) if (partition.start, partition.length) == (start, length) => {
            return Ok(partition.clone());
        }
        Some(_) => KernelView::HasAnother,
        None => KernelView::LacksIt,
    };
    // A damaged table may name what is not on the disk.
    let inside = length > 0 && start.checked_add(length).is_some_and(|end| end <= disk.bytes);
    let content = match inside {
        true => blkid::probe_part(&disk.node(), start, length, stop)
            .map_err(|error| Problem::new(node.display(), error.to_string()))?,
        false => Content::default(),
    };
    Ok(PartitionFacts { number, node, start, length, content, kernel })
}
