//! The configuration of GRUB where the image brings no tools for it, and for the common boot loader of several
//! systems, which is read again by whoever chooses among them.

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
/// The first line of a common menu. The number grows when it is to be read in another way.
pub(super) const HEADER: &str =
    "# Common boot menu of deployer, format 1: \"deployer boot-entry\" shows and changes it";
/// What the number of the default stands behind. Bareon's driver for Ironic puts another number behind every such text
/// that it finds, so there is only this one.
pub(super) const DEFAULT: &str = "set default=";
/// The number is filled up to so many places, so that another one takes the room that the first one has.
pub(super) const PLACES: usize = 4;
/// What the description of an entry stands behind.
pub(super) const ENTRY: &str = "# entry ";
/// The variable of GRUB that names what starts once.
pub(crate) const ONCE: &str = "next_entry";

/// The configuration for one system.
pub(crate) fn single(entry: &Entry) -> String {
    let mut text = format!("set timeout={PATIENCE}\n");
    write_settings(&mut text, std::slice::from_ref(&entry.parameters));
    write_entry(&mut text, entry);
    text
}

/// The configuration for several systems: the one at `default` starts when nobody chooses.
///
/// What is to start once is honoured only if GRUB can cross it out before. Where it cannot write, the machine would start
/// it again and again.
pub(crate) fn common(entries: &[(Entry, BootElement)], default: usize) -> String {
    let mut text = format!("{HEADER}\n{DEFAULT}{default:<PLACES$}\nset timeout={PATIENCE}\n");
    let _ = writeln!(text, "if [ -s $prefix/grubenv ]; then\n    load_env {ONCE}\nfi");
    let _ = writeln!(text, "if [ -n \"${ONCE}\" ]; then\n    once=\"${ONCE}\"\n    {ONCE}=");
    let _ = writeln!(text, "    if save_env {ONCE}; then\n        default=\"$once\"\n    fi\nfi");
    let parameters: Vec<String> = entries.iter().map(|(entry, _)| entry.parameters.clone()).collect();
    write_settings(&mut text, &parameters);
    for (entry, element) in entries {
        let described = Described {
            element: element.clone(),
            boot_uuid: entry.boot_uuid.clone(),
            kernel: entry.kernel.clone(),
            initrd: entry.initrd.clone(),
        };
        let described = serde_json::to_string(&described).expect("a description is plain");
        let _ = writeln!(text, "{ENTRY}{described}");
        write_entry(&mut text, entry);
    }
    text
}

fn write_settings(text: &mut String, parameters: &[String]) {
    text.push_str("insmod part_gpt\ninsmod ext2\ninsmod xfs\ninsmod btrfs\ninsmod lvm\ninsmod mdraid1x\n");
    if let Some(Serial { unit, speed }) = parameters.iter().find_map(|parameters| kernel::serial(parameters))
    {
        let _ = writeln!(text, "serial --unit={unit} --speed={speed}");
        text.push_str("terminal_input console serial\nterminal_output console serial\n");
    }
}

fn write_entry(text: &mut String, entry: &Entry) {
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

/// An entry as the menu itself describes it, for those who do not read GRUB's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Described {
    #[serde(flatten)]
    pub(crate) element: BootElement,
    pub(crate) boot_uuid: String,
    pub(crate) kernel: String,
    pub(crate) initrd: Option<String>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn entry(title: &str, initrd: Option<&str>) -> Entry {
        Entry {
            title: title.to_owned(),
            boot_uuid: "b".to_owned(),
            root_uuid: "r".to_owned(),
            kernel: "/boot/vmlinuz-1".to_owned(),
            initrd: initrd.map(str::to_owned),
            parameters: "console=ttyS0".to_owned(),
        }
    }

    pub(crate) fn element(entry: &Entry, grub_id: usize) -> BootElement {
        BootElement {
            boot_name: entry.title.clone(),
            root_uuid: entry.root_uuid.clone(),
            os_id: format!("os{grub_id}"),
            image_name: format!("image-{grub_id}"),
            image_uuid: String::new(),
            grub_id,
        }
    }

    /// A menu of these systems.
    pub(crate) fn menu(entries: &[Entry], default: usize) -> String {
        let entries: Vec<_> = (0..).zip(entries).map(|(id, it)| (it.clone(), element(it, id))).collect();
        common(&entries, default)
    }

    #[test]
    fn each_system_has_an_entry() {
        let text = menu(&[entry("one", Some("/boot/initrd-1")), entry("two", None)], 1);
        assert!(text.starts_with(&format!("{HEADER}\nset default=1   \nset timeout=3\n")), "{text}");
        assert_eq!(text.matches("menuentry '").count(), 2);
        assert_eq!(text.matches("    initrd ").count(), 1);
        assert_eq!(text.matches(DEFAULT).count(), 1, "others put their number behind each");
        assert!(text.contains("    linux /boot/vmlinuz-1 root=UUID=r ro console=ttyS0\n"));
        assert!(text.contains("serial --unit=0 --speed=115200\nterminal_input console serial\n"));
    }

    #[test]
    fn one_system_needs_no_choice() {
        let odd = Entry { parameters: "a=1;b quiet".to_owned(), ..entry("it's", None) };
        let text = single(&odd);
        assert!(text.starts_with("set timeout=3\ninsmod part_gpt\n") && !text.contains("env"), "{text}");
        assert!(
            text.contains("menuentry 'it'\\''s' {") && text.contains("root=UUID=r ro 'a=1;b' quiet\n"),
            "{text}"
        );
    }
}
