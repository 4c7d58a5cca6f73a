//! What starts a machine is put into its place last. Boot loaders read file systems as they lie on the disk, and know
//! nothing of what a journal has still to complete: after a power cut, one that is in place and whose files are in the
//! journal only would not start the system, and would keep the firmware from asking the next device.

use std::path::{Path, PathBuf};

use super::boot_loader::efi_of;
use crate::boot::disarm;
use crate::confined::Root;
use crate::deploy::{DeployError, Job};
use crate::disk::boot_code::{self, BootCode};
use crate::machine::Firmware;
use crate::mount::MountedTree;
use crate::plan::{FsPlan, is_efi};

/// Where an EFI system partition is seen while its boot loaders are put aside, or back.
pub(super) const EFI: &str = "/efi";

/// Boot code, or boot loaders of UEFI, that were installed and are not in their places.
pub(super) struct HeldBack<'a> {
    codes: Vec<(&'a Path, BootCode)>,
    efi: Option<&'a FsPlan>,
}

impl<'a> HeldBack<'a> {
    /// Takes away what has just been installed for a tree, which is mounted, on these disks.
    pub(super) fn new(
        job: &'a Job<'_>,
        tree: usize,
        root: &Root,
        disks: &'a [PathBuf],
    ) -> Result<Self, DeployError> {
        let mut held = Self { codes: Vec::new(), efi: None };
        match job.plan.firmware {
            Firmware::Bios => {
                for disk in disks {
                    held.codes.push((disk, boot_code::take(disk)?));
                }
            }
            Firmware::Uefi => {
                if let Some(efi) = efi_of(job, tree) {
                    disarm::put_aside(root, &efi)?;
                    held.efi = job.plan.mounts_of(tree).into_iter().find(|plan| is_efi(&plan.spec));
                }
            }
        }
        Ok(held)
    }

    /// Puts it into its place: everything that it reads is on the disk, and nothing is mounted.
    pub(super) fn release(self) -> Result<(), DeployError> {
        for (disk, code) in &self.codes {
            boot_code::put(disk, code)?;
        }
        if let Some(efi) = self.efi {
            let mounted = MountedTree::alone(efi, EFI)?;
            disarm::put_back(mounted.root(), EFI)?;
            mounted.close()?;
        }
        Ok(())
    }
}
