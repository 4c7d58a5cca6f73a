//! What a plan is made from besides the description: the described disks as they are.

use std::path::{Path, PathBuf};

use super::{Problem, Problems};
use crate::machine::blkid::{self, Content};
use crate::machine::lvm::Groups;
use crate::machine::table::{self, Table};
use crate::machine::users::{Usage, User};
use crate::machine::{BlockDevice, Firmware};
use crate::model::Description;
use crate::stop::Stop;

/// The machine, as far as a plan needs it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) firmware: Firmware,
    /// The described disks, in the order of the description.
    pub(crate) disks: Vec<DiskFacts>,
    pub(crate) groups: Groups,
}

/// A disk as it is.
#[derive(Debug)]
pub(crate) struct DiskFacts {
    pub(crate) device: BlockDevice,
    pub(crate) table: Table,
    pub(crate) users: Vec<User>,
    /// What is on the disk itself, outside of any partition.
    pub(crate) content: Content,
    /// The partitions that the kernel knows.
    pub(crate) partitions: Vec<PartitionFacts>,
}

/// A partition as it is.
#[derive(Debug)]
pub(crate) struct PartitionFacts {
    pub(crate) number: u32,
    pub(crate) node: PathBuf,
    pub(crate) start: u64,
    pub(crate) length: u64,
    pub(crate) content: Content,
}

impl Facts {
    /// Looks at the described disks.
    ///
    /// # Errors
    /// All disks that are not there or cannot be read.
    pub(crate) fn look(description: &Description, stop: &Stop) -> Result<Self, Problems> {
        let usage = Usage::now();
        let mut problems = Vec::new();
        let mut disks: Vec<DiskFacts> = Vec::new();
        for disk in &description.disks {
            match look_at(disk, &usage, stop) {
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
        match problems.is_empty() {
            true => Ok(Self { firmware: Firmware::of_this_machine(), disks, groups }),
            false => Err(Problems(problems)),
        }
    }

    /// Whether the node is one of the described disks or a partition of one.
    pub(crate) fn is_described(&self, node: &Path) -> bool {
        let same = |other: &Path| other == node;
        self.disks.iter().any(|disk| {
            same(&disk.device.node()) || disk.partitions.iter().any(|partition| same(&partition.node))
        })
    }
}

fn look_at(disk: &crate::model::Disk, usage: &Usage, stop: &Stop) -> Result<DiskFacts, Problem> {
    let device = BlockDevice::find(&disk.id).map_err(|error| Problem::new(&disk.path, error.to_string()))?;
    let failed = |message: String| Problem::new(&device.name, message);
    let probe = |node: &Path| blkid::probe(node, stop).map_err(|error| failed(error.to_string()));
    let table = table::read(&device).map_err(|error| failed(error.to_string()))?;
    let mut partitions = Vec::new();
    for (number, partition) in device.partitions() {
        let start =
            partition.attribute("start").and_then(|start| start.parse::<u64>().ok()).unwrap_or(0) * 512;
        let node = partition.node();
        let content = probe(&node)?;
        partitions.push(PartitionFacts { number, start, length: partition.bytes, content, node });
    }
    let content = probe(&device.node())?;
    let users = usage.of(&device);
    Ok(DiskFacts { table, users, content, partitions, device })
}
