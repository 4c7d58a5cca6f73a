//! The configuration of GRUB where the image brings no tools for it, and for the common boot loader of several
//! systems.

use std::borrow::Cow;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::kernel::{self, Serial};

/// An entry of the menu: one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) title: String,
    /// UUID of the file system with the kernel.
    pub(crate) boot_uuid: String,
    /// UUID of the root.
    pub(crate) root_uuid: String,
    /// Path of the kernel in its file system.
    pub(crate) kernel: String,
    /// Path of its first root, in the same file system.
    pub(crate) initrd: Option<String>,
    pub(crate) parameters: String,
}

/// Seconds until the default starts.
const PATIENCE: u32 = 3;

/// The configuration: one entry for each system, the one at `default` starts when nobody chooses.
pub(crate) fn configuration(entries: &[Entry], default: usize) -> String {
    let mut text = format!("set default={default}\nset timeout={PATIENCE}\n");
    text.push_str("insmod part_gpt\ninsmod ext2\ninsmod xfs\ninsmod btrfs\ninsmod lvm\ninsmod mdraid1x\n");
    if let Some(Serial { unit, speed }) = entries.iter().find_map(|entry| kernel::serial(&entry.parameters)) {
        let _ = writeln!(text, "serial --unit={unit} --speed={speed}");
        text.push_str("terminal_input console serial\nterminal_output console serial\n");
    }
    for entry in entries {
        let Entry { title, boot_uuid, root_uuid, kernel, initrd, parameters } = entry;
        let parameters: Vec<Cow<'_, str>> = parameters.split_whitespace().map(quoted).collect();
        let (title, parameters) = (quoted_always(title), parameters.join(" "));
        let _ = writeln!(text, "menuentry {title} {{");
        let _ = writeln!(text, "    search --no-floppy --fs-uuid --set=root {boot_uuid}");
        let _ = writeln!(text, "    linux {kernel} root=UUID={root_uuid} ro {parameters}");
        if let Some(initrd) = initrd {
            let _ = writeln!(text, "    initrd {initrd}");
        }
        text.push_str("}\n");
    }
    text
}

/// A word as GRUB reads it. Its quoting is a shell's.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,+@%~".contains(letter);
    if word.chars().all(plain) { word.into() } else { quoted_always(word).into() }
}

fn quoted_always(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What is known about the boot entries of a machine, for whoever switches between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootEntries {
    pub(crate) elements: Vec<BootElement>,
    /// UUID of the file system of the common boot loader.
    pub(crate) multiboot_partition: Option<String>,
    /// Which of them starts when nobody chooses.
    pub(crate) current_element: usize,
}

/// A system that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootElement {
    pub(crate) boot_name: String,
    pub(crate) root_uuid: String,
    pub(crate) os_id: String,
    pub(crate) image_name: String,
    pub(crate) image_uuid: String,
    /// Its place in the menu.
    pub(crate) grub_id: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_an_entry() {
        let entry = |title: &str, initrd: Option<&str>| Entry {
            title: title.to_owned(),
            boot_uuid: "b".to_owned(),
            root_uuid: "r".to_owned(),
            kernel: "/boot/vmlinuz-1".to_owned(),
            initrd: initrd.map(str::to_owned),
            parameters: "console=ttyS0".to_owned(),
        };
        let text = configuration(&[entry("one", Some("/boot/initrd-1")), entry("two", None)], 1);
        assert!(text.starts_with("set default=1\n"));
        assert_eq!(text.matches("menuentry '").count(), 2);
        assert_eq!(text.matches("    initrd ").count(), 1);
        assert!(text.contains("    linux /boot/vmlinuz-1 root=UUID=r ro console=ttyS0\n"));
        assert!(text.contains("serial --unit=0 --speed=115200\nterminal_input console serial\n"));
        let odd = Entry { parameters: "a=1;b quiet".to_owned(), ..entry("it's", None) };
        let text = configuration(&[odd], 0);
        assert!(
            text.contains("menuentry 'it'\\''s' {") && text.contains("root=UUID=r ro 'a=1;b' quiet\n"),
            "{text}"
        );
    }
}
