//! The description against the machine as it is: a list of steps that can be printed and is the very list that is
//! executed. Making a plan changes nothing.

mod build;
mod draft;
pub(crate) mod facts;
mod images;
pub(crate) mod need;
mod partition_types;
mod refuse;
pub(crate) mod show;
mod spans;
pub(crate) mod step;
mod verify;
mod verify_volumes;

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::machine::Firmware;
use crate::machine::blkid::Content;
use crate::model::{FileSystem, Image};
pub(crate) use build::{PlanOptions, build};
pub(crate) use images::Images;
use need::{Capacity, Need};
pub(crate) use partition_types::is_efi;
use step::{NewPartition, Step};
pub(crate) use verify::differs;
pub(crate) use verify_volumes::unusable;

/// Version of the plan's JSON form.
const VERSION: u32 = 1;

/// What is going to be done.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// Version of this form.
    pub(crate) version: u32,
    pub(crate) policy: &'static str,
    pub(crate) firmware: Firmware,
    pub(crate) disks: Vec<DiskPlan>,
    pub(crate) file_systems: Vec<FsPlan>,
    /// Hard links that cross mounts: they become copies. Known once the images have been looked at.
    pub(crate) split_links: u64,
    pub(crate) steps: Vec<Step>,
}

/// A disk before and after.
#[derive(Debug, Serialize)]
pub(crate) struct DiskPlan {
    pub(crate) node: PathBuf,
    pub(crate) model: Option<String>,
    /// All of it, in bytes.
    pub(crate) bytes: u64,
    /// Bytes of a logical sector.
    pub(crate) sector: u64,
    /// What is on all of it, outside of any partition.
    pub(crate) content: Option<String>,
    /// Whether its table is written anew.
    pub(crate) laid_out: bool,
    pub(crate) before: Vec<OldPartition>,
    pub(crate) after: Vec<NewPartition>,
}

/// A partition that is there.
#[derive(Debug, Serialize)]
pub(crate) struct OldPartition {
    pub(crate) number: u32,
    /// In bytes.
    pub(crate) start: u64,
    /// In bytes.
    #[serde(rename = "bytes")]
    pub(crate) length: u64,
    /// What is on it, if anything is known.
    pub(crate) content: Option<String>,
    pub(crate) label: Option<String>,
}

impl OldPartition {
    fn new(number: u32, start: u64, length: u64, content: &Content) -> Self {
        Self { number, start, length, content: content.kind.clone(), label: content.label.clone() }
    }
}

/// A file system and where it is.
#[derive(Debug, Serialize)]
pub(crate) struct FsPlan {
    pub(crate) node: PathBuf,
    /// Of what it is on, in bytes.
    pub(crate) bytes: u64,
    /// Whether it is made anew; else what is on it stays, unless it is replaced.
    pub(crate) made: bool,
    /// Whether an image of a file system takes its place.
    pub(crate) replaced: bool,
    /// What it is.
    #[serde(flatten, serialize_with = "described")]
    pub(crate) spec: FileSystem,
    /// Names of the trees that it belongs to.
    pub(crate) trees: Vec<String>,
    /// What it can hold.
    pub(crate) capacity: Capacity,
    /// What is going to be on it, once the images have been looked at.
    pub(crate) need: Option<Need>,
}

fn described<S: Serializer>(file_system: &FileSystem, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        file_system: &'a str,
        mount: Option<String>,
        label: Option<&'a str>,
    }
    let mount = file_system.mount.as_ref().map(ToString::to_string);
    Shown { file_system: file_system.kind.name(), mount, label: file_system.label.as_deref() }
        .serialize(serializer)
}

impl Plan {
    /// The file systems that are mounted in a tree, those nearer to its root first.
    pub(crate) fn mounts_of(&self, tree: usize) -> Vec<&FsPlan> {
        let belongs = |plan: &&FsPlan| plan.spec.trees.contains(&tree) && plan.spec.mount.is_some();
        let mut mounts: Vec<&FsPlan> = self.file_systems.iter().filter(belongs).collect();
        mounts.sort_by_key(|plan| plan.spec.mount.as_ref().map(|mount| (mount.depth(), mount.clone())));
        mounts
    }

    /// The file system of a tree that an image takes the place of.
    pub(crate) fn place_of(&self, tree: usize, image: &Image) -> Option<&FsPlan> {
        self.mounts_of(tree).into_iter().find(|plan| plan.spec.mount.as_ref() == Some(&image.target))
    }

    /// Whether anything that is there is lost.
    pub(crate) fn destroys(&self) -> bool {
        self.steps.iter().any(Step::destroys)
    }
}

/// Something that is in the way of a deployment: where, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) place: String,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), message: message.into() }
    }
}

/// All that is in the way.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{}", lines(.0))]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("  {}: {}", problem.place, problem.message)).collect();
    lines.join("\n")
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub(crate) enum NoPlan {
    /// What is on the disks is not what is described.
    #[error(
        "what is on the disks is not what is described\n{0}\n  with the policy \"clean\", `deployer provision` or \
         `deployer partition` lays the disks out anew, and what is on them is lost"
    )]
    Differs(Problems),
    /// It would do harm, or could not be carried to its end.
    #[error("refused\n{0}")]
    Refused(Problems),
}

#[cfg(test)]
mod tests;
