//! The ramdisk of `deployer/ramdisk`, with the shipped program in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use crate::os_tree::cache;

/// The static executable as it is shipped. `scripts/test` builds it.
const DEPLOYER: &str = "x86_64-unknown-linux-musl/ramdisk/deployer-static";
/// How large it may be at most, in bytes.
const MOST: u64 = 40 << 20;
/// What it is made by.
const RECIPE: &str = "deployer/ramdisk";

/// A kernel with its archive.
#[derive(Debug)]
pub struct Ramdisk {
    place: PathBuf,
}

impl Ramdisk {
    /// Makes it, unless it was made of the same parts already.
    ///
    /// # Panics
    /// If it cannot be made: the program was not built, or there is no way to Debian's archive.
    #[must_use]
    pub fn new() -> Self {
        let (top, place) = (top(), Self::place());
        // Tests run in several processes; the first makes it and the others wait.
        let lock = File::create(place.join("lock")).expect("a file can be made in the target directory");
        flock(&lock, FlockOperation::LockExclusive).expect("it can be locked");
        let ramdisk = Self { place };
        let recipe = ["make", "modules", "tools"].map(|name| top.join(RECIPE).join(name));
        let newest = recipe.iter().map(|path| modified(path)).max().flatten();
        let deployer = shipped();
        let built = modified(&deployer).expect("the static executable was built, as scripts/test does");
        if modified(&ramdisk.archive()).is_none_or(|made| made < built || Some(made) < newest) {
            let mut make = Command::new(top.join(RECIPE).join("make"));
            make.arg("--deployer").arg(&deployer).args(["--level", "3"]);
            make.arg("--cache").arg(cache().join("packages")).arg(&ramdisk.place);
            let output = make.output().expect("the recipe can be run");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(
                output.status.success(),
                "the ramdisk was expected to be made: {}\n{said}",
                output.status
            );
        }
        let length = fs::metadata(ramdisk.archive()).expect("it was made").len();
        assert!(length <= MOST, "a ramdisk of at most {MOST} bytes was expected, and it has {length}");
        ramdisk
    }

    /// The directory that it is in, for what is made with it.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn place() -> PathBuf {
        let place = target().join("machines");
        fs::create_dir_all(&place).expect("the target directory can be written to");
        place
    }

    /// When another one is made than before, this says something else.
    ///
    /// # Panics
    /// Never: it was made.
    #[must_use]
    pub fn stamp(&self) -> String {
        format!("{:?}", modified(&self.archive()).expect("it was made"))
    }

    /// Its kernel.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.place.join("vmlinuz")
    }

    /// Everything else.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.place.join("initramfs")
    }
}

impl Default for Ramdisk {
    fn default() -> Self {
        Self::new()
    }
}

/// The program that is in it.
#[must_use]
pub fn shipped() -> PathBuf {
    target().join(DEPLOYER)
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a part of the project")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
