//! What makes a file system that came as an image one of its device: as large as that, with a UUID that no other has, and
//! the label that is described. Plain commands, in their order.

use std::path::Path;

use uuid::Uuid;

use crate::command::{Command, CommandError};
use crate::model::FsKind;
use crate::stop::Stop;

/// e2fsck has mended something, which is no failure.
const MENDED: [i32; 2] = [1, 2];

/// The commands, by when they are run.
pub(crate) struct Adoption {
    before: Vec<Command>,
    /// While it is mounted at a place.
    mounted: Vec<Command>,
    after: Vec<Command>,
}

impl Adoption {
    /// Of the file system on a node, which is going to be mounted at `place`.
    pub(crate) fn of(node: &Path, kind: FsKind, label: Option<&str>, uuid: Uuid, place: &Path) -> Self {
        let new = |program: &str| Command::new(program);
        let uuid = uuid.to_string();
        let labelled = |command: Command, option: &str| match label {
            Some(label) => command.args([option, label]),
            None => command,
        };
        match kind {
            FsKind::Ext2 | FsKind::Ext3 | FsKind::Ext4 => Self {
                before: vec![
                    // The others insist on it.
                    new("e2fsck").args(["-f", "-p"]).arg(node),
                    labelled(new("tune2fs").args(["-U", &uuid]), "-L").arg(node),
                    new("resize2fs").arg(node),
                ],
                mounted: Vec::new(),
                after: Vec::new(),
            },
            // What its log still holds gets into place when it is mounted; the UUID cannot be changed before.
            FsKind::Xfs => Self {
                before: Vec::new(),
                mounted: vec![new("xfs_growfs").arg("-d").arg(place)],
                after: vec![labelled(new("xfs_admin").args(["-U", &uuid]), "-L").arg(node)],
            },
            // Two of one UUID cannot be mounted, so that comes first.
            FsKind::Btrfs => Self {
                before: vec![new("btrfstune").args(["-f", "-U", &uuid]).arg(node)],
                mounted: vec![new("btrfs").args(["filesystem", "resize", "max"]).arg(place)],
                after: match label {
                    Some(label) => vec![new("btrfs").args(["filesystem", "label"]).arg(node).arg(label)],
                    None => Vec::new(),
                },
            },
            FsKind::Vfat | FsKind::Swap => {
                Self { before: Vec::new(), mounted: Vec::new(), after: Vec::new() }
            }
        }
    }

    /// All commands.
    pub(crate) fn commands(self) -> impl Iterator<Item = Command> {
        self.before.into_iter().chain(self.mounted).chain(self.after)
    }

    /// Runs what comes before it is mounted.
    pub(crate) fn before(&self, stop: &Stop) -> Result<(), CommandError> {
        run(&self.before, stop)
    }

    /// Runs what it has to be mounted for.
    pub(crate) fn mounted(&self, stop: &Stop) -> Result<(), CommandError> {
        run(&self.mounted, stop)
    }

    /// Runs what comes after it was mounted.
    pub(crate) fn after(&self, stop: &Stop) -> Result<(), CommandError> {
        run(&self.after, stop)
    }
}

fn run(commands: &[Command], stop: &Stop) -> Result<(), CommandError> {
    for command in commands {
        let accepted = if command.program() == "e2fsck" { &MENDED[..] } else { &[] };
        command.run_accepting(stop, accepted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: FsKind, label: Option<&str>) -> Vec<String> {
        let adoption = Adoption::of(Path::new("/dev/sda2"), kind, label, Uuid::nil(), Path::new("/mnt"));
        adoption.commands().map(|command| command.to_string()).collect()
    }

    #[test]
    fn each_kind_has_its_tools() {
        let uuid = Uuid::nil();
        assert_eq!(
            shown(FsKind::Ext4, Some("root")),
            [
                "e2fsck -f -p /dev/sda2".to_owned(),
                format!("tune2fs -U {uuid} -L root /dev/sda2"),
                "resize2fs /dev/sda2".to_owned()
            ]
        );
        assert_eq!(
            shown(FsKind::Xfs, Some("root")),
            ["xfs_growfs -d /mnt".to_owned(), format!("xfs_admin -U {uuid} -L root /dev/sda2")]
        );
        assert_eq!(
            shown(FsKind::Btrfs, Some("root")),
            [
                format!("btrfstune -f -U {uuid} /dev/sda2"),
                "btrfs filesystem resize max /mnt".to_owned(),
                "btrfs filesystem label /dev/sda2 root".to_owned()
            ]
        );
        assert_eq!(shown(FsKind::Ext2, None)[1], format!("tune2fs -U {uuid} /dev/sda2"));
    }
}
