//! What the kernel can do, where that may be a module.

use std::fs;

use crate::command::{Command, find};
use crate::stop::Stop;

/// Whether the kernel names something in a file, after its modules have been asked for. Loading them changes nothing on
/// any disk.
pub(crate) fn has(file: &str, name: &str, modules: &[&str], stop: &Stop) -> bool {
    let named = || fs::read_to_string(file).is_ok_and(|text| text.contains(name));
    if !named() && find("modprobe".as_ref()).is_some() {
        for module in modules {
            // Whether it helped is seen in the file.
            let _ = Command::new("modprobe").args(["-q", module]).run(stop);
        }
    }
    named()
}
