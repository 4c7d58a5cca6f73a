//! Menus that are read again, and what others may have made of them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use tempfile::TempDir;

use super::*;
use crate::boot::menu::Entry;
use crate::boot::menu::tests::{entry, menu};

const THREE: [&str; 3] = ["System One (6.1)", "it's {odd} \"$x\" (6.2)", "System One (6.1)"];

fn text(default: usize) -> String {
    menu(&THREE.map(|title| entry(title, None)), default)
}

/// A file system with this menu.
fn planted(text: &str) -> (TempDir, Root) {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("grub")).unwrap();
    fs::write(scratch.path().join("grub/grub.cfg"), text).unwrap();
    fs::write(scratch.path().join("grub/grubenv"), Environment::new().bytes().unwrap()).unwrap();
    let root = Root::open(scratch.path()).unwrap();
    (scratch, root)
}

fn refusal(text: &str) -> String {
    let (_scratch, root) = planted(text);
    Menu::read(&root).unwrap_err().to_string()
}

#[test]
fn a_menu_is_read_as_it_was_written() {
    let (_scratch, root) = planted(&text(1));
    let menu = Menu::read(&root).unwrap();
    let titles: Vec<&str> = menu.entries.iter().map(|entry| entry.element.boot_name.as_str()).collect();
    assert_eq!((titles, menu.default, menu.once), (THREE.to_vec(), 1, None));
    assert_eq!(menu.entries[2].kernel, "/boot/vmlinuz-1");
}

#[test]
fn a_default_is_written_over_the_other_one() {
    let (scratch, root) = planted(&text(0));
    let path = scratch.path().join("grub/grub.cfg");
    let file = fs::metadata(&path).unwrap().ino();
    let mut menu = Menu::read(&root).unwrap();
    menu.set_default(&root, 2).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text(2));
    assert_eq!(fs::metadata(&path).unwrap().ino(), file);
    assert_eq!(Menu::read(&root).unwrap().default, 2);
    // Within the first sector.
    assert!(menu.place.end < 512);
}

#[test]
fn what_starts_once_is_in_the_environment_until_the_next_wish() {
    let (scratch, root) = planted(&text(0));
    let block = || fs::read(scratch.path().join("grub/grubenv")).unwrap();
    let empty = block();
    let mut menu = Menu::read(&root).unwrap();
    menu.set_once(&root, 1).unwrap();
    assert!(block().starts_with(b"# GRUB Environment Block\nnext_entry=1\n###"));
    let mut menu = Menu::read(&root).unwrap();
    assert_eq!((menu.default, menu.once), (0, Some(1)));
    menu.set_default(&root, 2).unwrap();
    assert_eq!((Menu::read(&root).unwrap().once, block()), (None, empty.clone()));
    // One that is missing or damaged is made.
    for damage in [&b"nothing"[..], b""] {
        fs::write(scratch.path().join("grub/grubenv"), damage).unwrap();
        let mut menu = Menu::read(&root).unwrap();
        menu.set_once(&root, 0).unwrap();
        assert_eq!((block().len(), Menu::read(&root).unwrap().once), (1024, Some(0)));
    }
}

#[test]
fn other_tools_may_change_the_default() {
    // As bareon's driver does: `s/\(set default=\)[0-9]*/\1N/` in each line.
    let (_scratch, root) = planted(&text(0).replace("set default=0", "set default=2"));
    assert_eq!(Menu::read(&root).unwrap().default, 2);
    // Without room, and with a number that no entry has.
    let (scratch, root) = planted(&text(0).replace("set default=0   ", "set default=9"));
    let mut menu = Menu::read(&root).unwrap();
    assert_eq!(menu.default, 0);
    let many: Vec<Entry> = (0..12).map(|number| entry(&format!("{number}"), None)).collect();
    let many = super::super::menu::tests::menu(&many, 9).replace("=9   ", "=9");
    fs::write(scratch.path().join("grub/grub.cfg"), &many).unwrap();
    menu = Menu::read(&root).unwrap();
    menu.set_default(&root, 11).unwrap();
    assert_eq!(Menu::read(&root).unwrap().default, 11);
}

#[test]
fn names_lead_to_one_entry() {
    let (_scratch, root) = planted(&text(0));
    let menu = Menu::read(&root).unwrap();
    for (name, number) in [("os2", 2), ("image-1", 1), (THREE[1], 1), ("0", 0), ("2", 2)] {
        assert_eq!(menu.find(name).unwrap(), number, "{name}");
    }
    let missing = menu.find("3").unwrap_err().to_string();
    assert!(
        missing
            .starts_with("there is no boot entry \"3\"; there are:\n  0: os0, image-0, System One (6.1)\n")
    );
    assert_eq!(missing.lines().count(), 4);
    let several = menu.find(THREE[0]).unwrap_err().to_string();
    assert!(several.contains("means several boot entries"), "{several}");
    assert!(menu.find("").is_err(), "images without a UUID are not meant by nothing");
}

#[test]
fn menus_of_others_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let root = Root::open(scratch.path()).unwrap();
    assert_eq!(Menu::read(&root).unwrap_err().to_string(), "it has no grub.cfg");
    let good = text(0);
    assert!(refusal("set default=0\nmenuentry 'x' {\n}\n").contains("was not written by this deployer"));
    assert!(refusal(&good.replace("format 1", "format 2")).contains("was not written by this deployer"));
    assert!(refusal(&format!("{good}menuentry 'x' {{\n}}\n")).contains("there are other entries"));
    assert!(refusal(&good.replace("\"grub_id\":1", "\"grub_id\":7")).contains("there are other entries"));
    assert!(refusal(&good.replace("\"kernel\"", "\"colonel\"")).contains("another description"));
    assert!(refusal(&format!("{good}{}", "#\n".repeat(1 << 19))).contains("longer than 1 MiB"));
    assert!(refusal(&good.replace("set default=0", "set default=${x}")).contains("is no number"));
    assert!(refusal(&good.replace("set default=", "set x=")).contains("it has no default"));
}
