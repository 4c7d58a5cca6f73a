//! What images are: trees of files that come onto file systems, or file systems that come onto devices.

use super::Problem;
use super::draft::Draft;
use super::step::Phase;
use crate::machine::blkid::Content;
use crate::model::{FileSystem, FsKind, Image, Policy};

/// What the images of a deployment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Images {
    /// Trees of files, which change what is on file systems.
    Trees,
    /// File systems, each of which takes the place of the one that is mounted where the image goes.
    FileSystems,
}

impl Draft<'_> {
    /// Whether all that is on a file system is going to be another one's.
    pub(super) fn is_replaced(&self, file_system: &FileSystem) -> bool {
        self.options.images == Images::FileSystems
            && self.options.wants(Phase::CopyImage)
            && self.description.images.iter().any(|image| goes_onto(image, file_system))
    }

    /// Whether what is on a file system stays.
    pub(super) fn keeps(&self, file_system: &FileSystem) -> bool {
        !self.makes(file_system) && !self.is_replaced(file_system)
    }
}

/// Whether an image goes to where a file system is mounted, in a tree that both belong to.
pub(super) fn goes_onto(image: &Image, file_system: &FileSystem) -> bool {
    file_system.mount.as_ref() == Some(&image.target)
        && file_system.trees.iter().any(|tree| image.trees.contains(tree))
}

/// Images that are file systems, and have no device to go onto, or one with what shall stay.
pub(super) fn problems(draft: &Draft<'_>) -> Vec<Problem> {
    let description = draft.description;
    if draft.options.images == Images::Trees || !draft.options.wants(Phase::CopyImage) {
        return Vec::new();
    }
    let kept = |file_system: &FileSystem| match description.policy {
        Policy::Clean => false,
        Policy::Verify | Policy::NailgunLegacy => file_system.keep_data,
    };
    let mut problems = Vec::new();
    for image in &description.images {
        let target = &image.target;
        let mut message = None;
        for tree in &image.trees {
            let own = |file_system: &&FileSystem| {
                file_system.mount.as_ref() == Some(target) && file_system.trees.contains(tree)
            };
            let Some(file_system) = description.file_systems().find(own) else {
                message = Some(format!(
                    "the image is a file system of its own, and none is mounted at \"{target}\" whose place it could take"
                ));
                continue;
            };
            if matches!(file_system.kind, FsKind::Vfat | FsKind::Swap) {
                let kind = file_system.kind.name();
                message = Some(format!(
                    "\"{target}\" is {kind}; images of ext2, ext3, ext4, xfs and btrfs are taken"
                ));
            } else if kept(file_system) {
                message = Some(format!(
                    "the image takes the place of what is at \"{target}\", and that has \"keep_data\" (the default); set it to \
                     false there, or the policy to \"clean\""
                ));
            }
        }
        let other = |other: &&Image| {
            !std::ptr::eq(*other, image)
                && description.file_systems().any(|it| goes_onto(other, it) && goes_onto(image, it))
        };
        if let Some(other) = description.images.iter().find(other) {
            message = Some(format!("the image {:?} takes the place of the same file system", other.name));
        }
        problems.extend(message.map(|message| Problem::new(format!("{}.target", image.path), message)));
    }
    problems
}

/// What is in the place of a file system that is replaced, and belongs to something larger than it.
pub(super) fn part_of_more(
    draft: &Draft<'_>,
    there: &Content,
    file_system: &FileSystem,
) -> Option<&'static str> {
    let kind =
        there.kind.as_deref().filter(|_| draft.is_replaced(file_system) && !draft.makes(file_system))?;
    ["LVM2_member", "linux_raid_member", "crypto_LUKS"].into_iter().find(|more| *more == kind)
}
