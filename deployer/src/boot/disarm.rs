//! Boot loaders of UEFI that are put aside while a system is not complete, so that the firmware does not start it. The
//! tools that install a boot loader write new ones, which are put aside until all is on the disk; then all are put back.

use super::grub::GrubError;
use crate::confined::Root;

/// What stands behind the name of a boot loader that is put aside.
const ASIDE: &str = ".incomplete";

/// Puts the boot loaders aside that are on an EFI system partition, mounted at `efi` in a tree: the one where firmware
/// looks by itself, and those that the firmware's variables may name.
pub(crate) fn put_aside(root: &Root, efi: &str) -> Result<(), GrubError> {
    for (directory, name) in files(root, efi)?.iter().filter(|(_, name)| is_loader(name)) {
        let path = format!("{directory}/{name}");
        root.rename(&path, &format!("{name}{ASIDE}")).map_err(GrubError::file("rename", &path))?;
    }
    Ok(())
}

/// Puts back what was put aside and was not installed anew: the firmware's variables may name it.
pub(crate) fn put_back(root: &Root, efi: &str) -> Result<(), GrubError> {
    for (directory, name) in files(root, efi)? {
        let Some(own) = name.strip_suffix(ASIDE) else { continue };
        let path = format!("{directory}/{name}");
        match root.has(&format!("{directory}/{own}")) {
            true => root.remove(std::path::Path::new(&path)).map_err(GrubError::file("remove", &path))?,
            false => root.rename(&path, own).map_err(GrubError::file("rename", &path))?,
        }
    }
    Ok(())
}

/// What is in the directories of the vendors: directory and name of each.
fn files(root: &Root, efi: &str) -> Result<Vec<(String, String)>, GrubError> {
    let top = format!("{efi}/EFI");
    let listed = |path: &str| root.names(path).map_err(GrubError::file("list", path));
    let mut files = Vec::new();
    for vendor in listed(&top)? {
        let directory = format!("{top}/{vendor}");
        // A file beside the directories has no names.
        files.extend(listed(&directory)?.into_iter().map(|name| (directory.clone(), name)));
    }
    Ok(files)
}

/// Whether it is one that starts a system, rather than a tool of the firmware's. FAT ignores case.
fn is_loader(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".efi")
        && ["boot", "grub", "shim", "systemd-boot"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_boot_loaders_are_put_aside() {
        let scratch = tempfile::tempdir().unwrap();
        let all = [
            "BOOT/BOOTX64.EFI",
            "BOOT/fbx64.efi",
            "debian/grubx64.efi",
            "debian/shimx64.efi",
            "debian/grub.cfg",
        ];
        for file in all {
            let path = scratch.path().join("efi/EFI").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(scratch.path().join("efi/EFI/README"), "").unwrap();
        let root = Root::open(scratch.path()).unwrap();
        put_aside(&root, "/efi").unwrap();
        assert_eq!(root.names("/efi/EFI/BOOT").unwrap(), ["BOOTX64.EFI.incomplete", "fbx64.efi"]);
        let debian = ["grub.cfg", "grubx64.efi.incomplete", "shimx64.efi.incomplete"];
        assert_eq!(root.names("/efi/EFI/debian").unwrap(), debian);
        // Again, and where there is nothing.
        put_aside(&root, "/efi").unwrap();
        put_aside(&root, "/elsewhere").unwrap();
        assert_eq!(root.names("/efi/EFI/debian").unwrap(), debian);
        // Of what was installed anew the old one goes; the other one comes back.
        fs::write(scratch.path().join("efi/EFI/debian/grubx64.efi"), "new").unwrap();
        put_back(&root, "/efi").unwrap();
        assert_eq!(root.names("/efi/EFI/debian").unwrap(), ["grub.cfg", "grubx64.efi", "shimx64.efi"]);
        assert_eq!(root.read("/efi/EFI/debian/grubx64.efi").unwrap().as_deref(), Some("new"));
        assert_eq!(root.names("/efi/EFI/BOOT").unwrap(), ["BOOTX64.EFI", "fbx64.efi"]);
    }
}
