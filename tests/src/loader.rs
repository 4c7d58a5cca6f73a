//! Stand-ins for the programs of GRUB: scripts that write where those write, and tell what they see.
//!
//! Not for starting anything: see [`crate::os_tree`] for the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::bare::{BareDisk, output};
use crate::deploy::write;

/// What the stand-in of an image puts at the start of each disk.
pub const BOOT_CODE: &[u8] = b"boot code\n";

/// In an image there is a shell, and no other program. Devices below `/srv/devices` are tried.
const OF_AN_IMAGE: &str = r#"#!/bin/sh
for word in "$@"; do
    case $word in
    --boot-directory=*) boot=${word#*=} ;;
    /dev/*) disk=$word ;;
    esac
done
echo "boot code" > "$disk" || exit 1
exec >> "$boot/grub/seen"
echo "called: $*"
echo "devices:" /dev/*
while read -r line; do echo "mount: $line"; done < /proc/self/mountinfo
for place in /srv/devices/* "$disk"; do
    if true < "$place"; then echo "opened: $place"; fi
done
"#;

const CONFIGURATOR: &str = "#!/bin/sh\necho '# made by the image' > \"$2\"\n";

/// Like the real one, it follows what is in its directory, and takes the names of disks from a map in there.
const OF_A_MACHINE: &str = r#"#!/bin/sh
set -e
for word in "$@"; do
    case $word in
    --boot-directory=*) grub=${word#*=}/grub ;;
    esac
done
mkdir -p "$grub/i386-pc" "$grub/fonts"
for file in i386-pc/core.img fonts/unicode.pf2 grubenv; do
    echo "of GRUB" > "$grub/$file"
done
if read -r name disk < "$grub/device.map"; then
    echo "boot code" > "$disk"
fi
"#;

/// Plants programs in an image that is to install its own boot loader, with a shell and a kernel.
///
/// # Panics
/// If this machine has no shell with shared libraries.
pub fn plant(root: &Path) {
    let shell = fs::canonicalize("/bin/sh").expect("there is a shell");
    let copy = |from: &Path, to: &str| {
        let place = root.join(to.trim_start_matches('/'));
        let directory = place.parent().expect("a file is in a directory");
        fs::create_dir_all(directory).expect("memory is large enough");
        fs::copy(from, place).expect("memory is large enough");
    };
    copy(&shell, "/bin/sh");
    let libraries = output(Command::new("ldd").arg(&shell));
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(library), library);
    }
    for (path, script) in [("usr/sbin/grub-install", OF_AN_IMAGE), ("usr/sbin/grub-mkconfig", CONFIGURATOR)] {
        write(root, path, script.as_bytes());
        fs::set_permissions(root.join(path), PermissionsExt::from_mode(0o755)).expect("modes can be set");
    }
    write(root, "usr/lib/grub/i386-pc/normal.mod", b"a part of GRUB\n");
    plant_kernel(root);
}

/// Plants a kernel.
///
/// # Panics
/// If it cannot be written.
pub fn plant_kernel(root: &Path) {
    write(root, "boot/vmlinuz-1.0", b"a kernel\n");
    write(root, "boot/initrd.img-1.0", b"its first root\n");
}

/// A kernel for x86 that boot loaders start: it says its command line on the first serial line, and restarts the machine.
#[must_use]
pub fn kernel_that_tells() -> Vec<u8> {
    const CODE: [u8; 39] = [
        0x8b, 0x9e, 0x28, 0x02, 0x00, 0x00, // mov ebx, [esi + 0x228]: the command line
        0x8a, 0x0b, // next: mov cl, [ebx]
        0x84, 0xc9, // test cl, cl
        0x74, 0x15, // jz end
        0xba, 0xfd, 0x03, 0x00, 0x00, // mov edx, 0x3fd
        0xec, // wait: in al, dx
        0xa8, 0x20, // test al, 0x20
        0x74, 0xfb, // jz wait
        0x88, 0xc8, // mov al, cl
        0xba, 0xf8, 0x03, 0x00, 0x00, // mov edx, 0x3f8
        0xee, // out dx, al
        0x43, // inc ebx
        0xeb, 0xe5, // jmp next
        0xb0, 0xfe, // end: mov al, 0xfe
        0xe6, 0x64, // out 0x64, al
        0xeb, 0xfe, // jmp here
    ];
    // The head that Linux documents as its boot protocol, version 2.06: one sector of it, and no code of its own.
    let mut kernel = vec![0; 1536];
    let mut put = |at: usize, bytes: &[u8]| kernel[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[1]);
    put(0x1f4, &32_u32.to_le_bytes());
    put(0x1fe, &[0x55, 0xaa, 0xeb, 0x66]);
    put(0x202, b"HdrS");
    put(0x206, &0x0206_u16.to_le_bytes());
    put(0x211, &[1]);
    put(0x214, &0x10_0000_u32.to_le_bytes());
    put(0x22c, &0x37ff_ffff_u32.to_le_bytes());
    put(0x230, &0x10_0000_u32.to_le_bytes());
    put(0x238, &2047_u32.to_le_bytes());
    put(0x400, &CODE);
    kernel
}

/// What a shell does, so that this machine has a stand-in, and starts by BIOS. `directory` is for the script.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn on_this_machine(directory: &Path) -> String {
    let script = directory.join("grub-install");
    fs::write(&script, OF_A_MACHINE).expect("memory is large enough");
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("modes can be set");
    format!(
        "mount -t tmpfs none /usr/local/sbin\ncp {} /usr/local/sbin\nmount -t tmpfs none /usr/share\n\
         mkdir -p /usr/share/grub/i386-pc\n[ ! -d /sys/firmware/efi ] || mount -t tmpfs none /sys/firmware",
        script.display()
    )
}

/// Whether the stand-in of an image was there last.
#[must_use]
pub fn has_boot_code(disk: &BareDisk) -> bool {
    disk.head(BOOT_CODE.len()) == BOOT_CODE
}
