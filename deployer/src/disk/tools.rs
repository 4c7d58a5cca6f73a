//! What is made by tools: arrays, groups and file systems. The commands are plain values, so that a plan can name
//! the tools that it needs before it begins.

use std::path::Path;

use uuid::Uuid;

use super::adopt::Adoption;
use super::mkfs;
use crate::command::Command;
use crate::model::MIB;
use crate::plan::step::Step;

/// The commands that carry out a step; none where it needs no tool.
pub(crate) fn commands(step: &Step) -> Vec<Command> {
    let new = |program: &str| Command::new(program);
    match step {
        Step::SwapOff { node } => vec![new("swapoff").arg(node)],
        Step::DeactivateVolumeGroup { group } => {
            vec![new("vgchange").args(["--activate", "n", "--yes"]).arg(group)]
        }
        Step::StopArray { node } => vec![new("mdadm").arg("--stop").arg(node)],
        Step::AssembleArray { node, members } => {
            vec![new("mdadm").args(["--assemble", "--run"]).arg(node).args(members)]
        }
        Step::ActivateVolumeGroup { group } => {
            vec![new("vgchange").args(["--activate", "y", "--yes"]).arg(group), new("vgmknodes").arg(group)]
        }
        Step::CreateArray { node, name, members } => vec![
            new("mdadm")
                .arg("--create")
                .arg(node)
                // The superblock lies at the end, so that a boot loader can read a member as if it stood alone.
                .args(["--level=1", "--metadata=1.0", "--bitmap=internal", "--homehost=any", "--run"])
                .arg(format!("--name={name}"))
                .arg(format!("--raid-devices={}", members.len()))
                .args(members),
        ],
        Step::CreatePhysicalVolume { node, data_start } => vec![
            new("pvcreate")
                .args(["--yes", "--force", "--dataalignment", "1m", "--metadatasize"])
                // What LVM writes in front of it comes to less than a MiB.
                .arg(format!("{}m", (data_start / MIB).saturating_sub(1)))
                .arg(node),
        ],
        Step::CreateVolumeGroup { group, members } => {
            vec![new("vgcreate").args(["--yes", "--physicalextentsize", "4m"]).arg(group).args(members)]
        }
        Step::CreateLogicalVolume { group, name, extents } => vec![
            new("lvcreate")
                .args(["--yes", "--wipesignatures", "y", "--zero", "y", "--extents"])
                .arg(extents.to_string())
                .arg("--name")
                .arg(name)
                .arg(group),
            // Without a device manager nobody else makes the nodes.
            new("vgmknodes").arg(group),
        ],
        Step::MakeFileSystem { node, kind, label } => vec![mkfs::command(node, *kind, label.as_deref())],
        // Its place and UUID are known when it is carried out.
        Step::Adopt { node, kind, label, .. } => {
            Adoption::of(node, *kind, label.as_deref(), Uuid::nil(), Path::new("/")).commands().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn shown(step: &Step) -> Vec<String> {
        commands(step).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn groups_are_made_and_let_go() {
        let nodes = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let home = || "home".to_owned();
        for (step, expected) in [
            (
                Step::CreatePhysicalVolume { node: "/dev/sda4".into(), data_start: 64 * MIB },
                &["pvcreate --yes --force --dataalignment 1m --metadatasize 63m /dev/sda4"][..],
            ),
            (
                Step::CreateVolumeGroup { group: home(), members: nodes(&["/dev/sda4", "/dev/sdb2"]) },
                &["vgcreate --yes --physicalextentsize 4m home /dev/sda4 /dev/sdb2"],
            ),
            (
                Step::CreateLogicalVolume { group: home(), name: "data".to_owned(), extents: 734 },
                &[
                    "lvcreate --yes --wipesignatures y --zero y --extents 734 --name data home",
                    "vgmknodes home",
                ],
            ),
            (Step::SwapOff { node: "/dev/sda3".into() }, &["swapoff /dev/sda3"]),
            (
                Step::ActivateVolumeGroup { group: home() },
                &["vgchange --activate y --yes home", "vgmknodes home"],
            ),
            (Step::DeactivateVolumeGroup { group: home() }, &["vgchange --activate n --yes home"]),
        ] {
            assert_eq!(shown(&step), expected);
        }
    }

    #[test]
    fn mirrors_are_made_and_stopped() {
        let members: Vec<PathBuf> = vec!["/dev/sda2".into(), "/dev/sdb2".into()];
        let node = PathBuf::from("/dev/md/root");
        let create =
            Step::CreateArray { node: node.clone(), name: "root".to_owned(), members: members.clone() };
        assert_eq!(
            shown(&create),
            ["mdadm --create /dev/md/root --level=1 --metadata=1.0 --bitmap=internal --homehost=any --run \
              --name=root --raid-devices=2 /dev/sda2 /dev/sdb2"]
        );
        assert_eq!(shown(&Step::StopArray { node: node.clone() }), ["mdadm --stop /dev/md/root"]);
        assert_eq!(
            shown(&Step::AssembleArray { node, members }),
            ["mdadm --assemble --run /dev/md/root /dev/sda2 /dev/sdb2"]
        );
    }
}
