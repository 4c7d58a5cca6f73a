//! Settings for the tools of GRUB in a tree: they stay when the system updates its own configuration.

use super::grub::{GrubError, tool};
use super::kernel::{self, Serial};
use crate::confined::Root;

/// Settings of ours in the tree, where the image's tools read a directory of them.
const DROP_IN: &str = "/etc/default/grub.d/zz-deployer.cfg";
/// Settings of the image.
const SETTINGS: &str = "/etc/default/grub";
/// What our lines in a file of the image stand between.
const BEGIN: &str = "# deployer: begin";
const END: &str = "# deployer: end";

/// Writes the kernel's parameters, and what keeps the configuration to this system.
pub(super) fn write(root: &Root, parameters: &str) -> Result<(), GrubError> {
    let make =
        tool(root, "grub-mkconfig").and_then(|path| root.read(&path).ok().flatten()).unwrap_or_default();
    let own = text_of(parameters);
    if make.contains("default/grub.d") {
        return root.write(DROP_IN, &own).map_err(GrubError::file("write", DROP_IN));
    }
    let before = root.read(SETTINGS).map_err(GrubError::file("read", SETTINGS))?.unwrap_or_default();
    root.write(SETTINGS, &with_block(&before, &own)).map_err(GrubError::file("write", SETTINGS))
}

fn text_of(parameters: &str) -> String {
    // Single quotes end in a shell only at the next one.
    let quoted = parameters.replace('\'', "'\\''");
    // Entries in the form of the boot loader specification name the root that the image was built on.
    let mut text = "GRUB_DISABLE_OS_PROBER=true\nGRUB_ENABLE_BLSCFG=false\n".to_owned();
    if !parameters.is_empty() {
        text.push_str(&format!("GRUB_CMDLINE_LINUX='{quoted}'\n"));
    }
    if let Some(Serial { unit, speed }) = kernel::serial(parameters) {
        text.push_str("GRUB_TERMINAL='console serial'\n");
        text.push_str(&format!("GRUB_SERIAL_COMMAND='serial --unit={unit} --speed={speed}'\n"));
    }
    text
}

/// The text with our lines at its end, and no older ones of ours.
fn with_block(text: &str, own: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in text.lines() {
        match line {
            BEGIN => ours = true,
            END => ours = false,
            _ if !ours => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    format!("{kept}{BEGIN}\n{own}{END}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_in_a_shell() {
        let text = text_of("console=ttyS1,9600n8 it's");
        assert!(text.contains("GRUB_CMDLINE_LINUX='console=ttyS1,9600n8 it'\\''s'\n"));
        assert!(text.contains("GRUB_SERIAL_COMMAND='serial --unit=1 --speed=9600'\n"));
        assert!(!text_of("quiet").contains("SERIAL"));
        assert!(!text_of("").contains("CMDLINE"), "the image's own parameters are left alone");
    }

    #[test]
    fn our_lines_are_replaced_not_doubled() {
        let once = with_block("GRUB_TIMEOUT=5\n", "A=1\n");
        assert_eq!(once, "GRUB_TIMEOUT=5\n# deployer: begin\nA=1\n# deployer: end\n");
        assert_eq!(with_block(&once, "A=2\n"), once.replace("A=1", "A=2"));
    }
}
