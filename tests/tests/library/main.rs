//! The library as a program uses it: destinations of one's own, content that comes damaged, and pulls that are
//! dropped in the middle.
//!
//! Here: pulls into a directory, and what all tests need.

mod damaged;
mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rsync_proto::{Client, Location, Options};
use rustix::fs::XattrFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

fn client(daemon: &Daemon, options: Options) -> Client {
    Client::new(Location::parse(&daemon.url("tree/")).expect("the daemon's URL is one"), options)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}

fn options() -> Options {
    let mut options = Options::archive();
    options.hard_links = true;
    options
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory can be read");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Whether this process has a file without a name open in this directory.
fn has_nameless(directory: &Path) -> bool {
    let fds = fs::read_dir("/proc/self/fd").expect("there is /proc").flatten();
    let mut files = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
    files.any(|file| file.parent() == Some(directory) && file.to_string_lossy().ends_with(" (deleted)"))
}

#[test]
fn a_dropped_pull_leaves_no_temporary_file() {
    for replaces in [false, true] {
        dropped(replaces);
    }
}

/// A new file has no name, one that replaces another a temporary one.
fn dropped(replaces: bool) {
    let source = Scratch::new();
    fs::write(source.join("large"), vec![7; 64 << 20]).expect("a file can be made");
    let daemon = Plan::new().serve(Module::new("tree", source.path())).slow(8192).start();
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    let old: &[u8] = if replaces { b"old" } else { b"" };
    if replaces {
        fs::write(to.join("large"), old).expect("a file can be made");
    }
    let under_way = AtomicBool::new(false);
    run(async {
        let client = client(&daemon, options());
        let pull = client.pull(&to);
        let seen = async {
            let named = || names(&to).iter().any(|name| name.starts_with(".large."));
            while !(if replaces { named() } else { has_nameless(&to) }) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            under_way.store(true, Ordering::Relaxed);
        };
        tokio::select! {
            done = pull => panic!("the pull was expected to take longer: {done:?}"),
            () = seen => {}
        }
    });
    assert!(under_way.load(Ordering::Relaxed), "the file was expected to be under way");
    let left = names(&to);
    if replaces {
        assert_eq!(left, ["large"], "nothing else was expected to be left");
        assert_eq!(fs::read(to.join("large")).expect("it is there"), old);
    } else {
        assert_eq!(left, Vec::<String>::new(), "nothing was expected to be left");
    }
}

/// A file system in memory that has no extended attributes, for as long as this value lasts.
struct Bare(PathBuf);

impl Bare {
    fn mount(at: &Path) -> Self {
        mount("e2e", at, "ramfs", MountFlags::empty(), None).unwrap();
        Self(at.to_owned())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn attributes_that_a_file_system_lacks_are_passed_over_on_request() {
    let source = Scratch::new();
    for name in ["labelled", "plain"] {
        let file = source.file(name, "content", 0o644);
        if name == "labelled" {
            rustix::fs::lsetxattr(&file, "user.label", b"value", XattrFlags::empty()).unwrap();
        }
    }
    let daemon = Daemon::serving(source.path());
    let to = Scratch::new();
    let place = to.directory("bare");
    let _bare = Bare::mount(&place);
    for (lenient, failed) in [(false, 1), (true, 0)] {
        let mut options = options();
        (options.xattrs, options.acls, options.perms) = (true, true, true);
        options.lenient_attributes = lenient;
        let summary = run(client(&daemon, options).pull(&place)).unwrap();
        assert_eq!(summary.failed, failed, "lenient: {lenient}");
        assert_eq!(names(&place), ["labelled", "plain"]);
    }
}
