//! What runs a guest: the host's hypervisor where one really does, else an emulator.

use std::fs::{self, File, OpenOptions};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::Vm;
use crate::ramdisk::Ramdisk;

/// How long a guest may take under a hypervisor until its first process speaks. It takes some seconds.
const PATIENCE: Duration = Duration::from_secs(40);
const NODE: &str = "/dev/kvm";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accelerator {
    Kvm,
    Emulator,
}

impl Accelerator {
    /// What this host has. It is tried once for each start of the host: that the node is there says little.
    pub(super) fn of_this_host() -> Self {
        if OpenOptions::new().read(true).write(true).open(NODE).is_err() {
            return Self::Emulator;
        }
        let place = Ramdisk::place();
        // Tests run in several processes; the first tries and the others wait.
        let lock = File::create(place.join("accelerator.lock")).expect("a file can be made in its directory");
        flock(&lock, FlockOperation::LockExclusive).expect("it can be locked");
        let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("the kernel tells it");
        let remembered = place.join("accelerator");
        // Another ramdisk may start where this one did not.
        let ramdisk = Ramdisk::new().stamp();
        let told = |found: Self| format!("{start}{ramdisk}\n{found:?}\n");
        let before = fs::read_to_string(&remembered).unwrap_or_default();
        if let Some(found) = [Self::Kvm, Self::Emulator].into_iter().find(|found| before == told(*found)) {
            return found;
        }
        let found = if runs_a_guest() { Self::Kvm } else { Self::Emulator };
        println!("guests run by: {found:?}");
        fs::write(remembered, told(found)).expect("a file can be made in its directory");
        found
    }

    pub(super) fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Emulator => ["-accel", "tcg,thread=single,tb-size=256", "-cpu", "max"],
        }
    }
}

fn runs_a_guest() -> bool {
    let mut guest = Vm::new().ramdisk(&Ramdisk::new(), "").start_by(Accelerator::Kvm);
    guest.says_within("the first process of this ramdisk", PATIENCE)
}
