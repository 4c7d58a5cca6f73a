//! Drivers: all that the ramdisk has are loaded. It holds few, and no second one is there to ask for them later.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use rustix::system::finit_module;

/// Paths of modules, a line each; each stands behind those that it needs.
const LIST: &str = "/lib/modules/deployer.order";

/// Loads all of them. One that fails is named, and whatever needs it fails in its turn.
pub(super) fn load_all() {
    let list = match fs::read_to_string(LIST) {
        Ok(list) => list,
        // A kernel may have everything built in.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return super::tell(&format!("no modules are loaded: cannot read {LIST}: {error}")),
    };
    for path in list.lines().filter(|line| !line.is_empty()) {
        match load(Path::new(path)) {
            // There is no such device, or the kernel has it by now.
            Ok(()) | Err(Errno::NODEV | Errno::NXIO | Errno::EXIST) => {}
            Err(error) => {
                super::tell(&format!("cannot load the module {path}: {}", std::io::Error::from(error)));
            }
        }
    }
}

fn load(path: &Path) -> Result<(), Errno> {
    let file = File::open(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    finit_module(file, c"", 0)
}
