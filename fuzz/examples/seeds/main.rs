//! Writes the seeds of all targets anew: from sessions with a real rsync daemon, of every protocol version and
//! compression, and from what has no session. Other files among the seeds, such as those that once crashed a target, are
//! left alone. `scripts/fuzz-seeds` runs it; as root, for owners, devices and attributes are real.

mod made;
mod real;
mod sliced;

use std::fs;
use std::path::{Path, PathBuf};

/// Where the seeds are.
struct Seeds(PathBuf);

impl Seeds {
    fn write(&self, target: &str, name: &str, parts: &[&[u8]]) {
        let directory = self.0.join(target);
        fs::create_dir_all(&directory).expect("the directory of seeds can be made");
        fs::write(directory.join(name), parts.concat()).expect("a seed can be written");
    }
}

fn main() {
    let seeds = Seeds(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds"));
    real::write(&seeds);
    made::write(&seeds);
}
