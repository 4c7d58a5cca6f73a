//! Attributes in the way of each other, of the file system, and of who may set them.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use end_to_end::daemon::{Daemon, Module, Plan};
use end_to_end::diff::{Aspect, assert_same, diff_except, summary};
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};

const EVERYTHING: &[&str] = &["-aHAX", "--numeric-ids"];
/// `CAP_NET_RAW`, permitted and effective, as the kernel stores it.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A mounted file system, for the length of a test.
struct Mount(PathBuf);

impl Mount {
    fn new(kind: &str, at: PathBuf) -> Self {
        fs::create_dir_all(&at).expect("a directory can be made");
        let mounted = Command::new("mount").args(["-t", kind, "none"]).arg(&at).status();
        assert!(mounted.expect("mount runs").success(), "{kind} was expected to be mounted");
        Self(at)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn write(path: &Path, content: &str, permissions: u32) {
    fs::write(path, content).expect("a file can be made");
    fs::set_permissions(path, Permissions::from_mode(permissions)).expect("a mode can be set");
}

/// The kernel takes a file's capabilities away with its owner.
#[test]
fn capabilities_survive_a_change_of_owner() {
    let source = Scratch::new();
    let file = source.join("ping");
    write(&file, "program", 0o755);
    lsetxattr(&file, "security.capability", CAPABILITY, XattrFlags::empty())
        .expect("a capability can be set");
    // rsync leaves a directory's time alone when it is off by less than a second.
    let directory = File::open(source.path()).expect("a directory can be opened");
    directory.set_modified(UNIX_EPOCH + Duration::from_secs(1_500_000_000)).expect("a time can be set");
    let daemon = Daemon::serving(source.path());
    let [rsync, deployer] = Program::both().map(|program| {
        let scratch = Scratch::new();
        let to = scratch.directory("new");
        let _ = program.pull(EVERYTHING, &daemon.url("tree/"), &to).expect(0);
        let copy = to.join("ping");
        chown(&copy, Some(1000), Some(1000)).expect("an owner can be set");
        lsetxattr(&copy, "security.capability", CAPABILITY, XattrFlags::empty())
            .expect("it can be set again");
        let _ = program.pull(EVERYTHING, &daemon.url("tree/"), &to).expect(0);
        let mut value = [0u8; 64];
        let len = lgetxattr(&copy, "security.capability", &mut value).expect("the capability was expected");
        assert_eq!(&value[..len], CAPABILITY, "{}: the capability was expected to stay", program.name());
        Snapshot::take(&to)
    });
    assert_same("capabilities", &rsync, &deployer);
}

/// Set-group-id without group execution survives a change of owner, which must not be taken for granted.
#[test]
fn set_group_id_goes_where_the_source_has_none() {
    let source = Scratch::new();
    write(&source.join("file"), "content", 0o644);
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let to = scratch.directory("new");
    let program = Program::deployer();
    let _ = program.pull(EVERYTHING, &daemon.url("tree/"), &to).expect(0);
    let file = to.join("file");
    chown(&file, Some(1000), Some(0)).expect("an owner can be set");
    fs::set_permissions(&file, Permissions::from_mode(0o2644)).expect("a mode can be set");
    let _ = program.pull(EVERYTHING, &daemon.url("tree/"), &to).expect(0);
    assert_eq!(mode(&file), 0o644, "the mode was expected to be the source's");
}

/// Where attributes cannot be kept, the file is there all the same, and the exit code tells.
#[test]
fn an_attribute_that_cannot_be_set_does_not_lose_the_file() {
    let source = Scratch::new();
    write(&source.join("file"), "content", 0o640);
    lsetxattr(source.join("file"), "user.note", b"value", XattrFlags::empty())
        .expect("an attribute can be set");
    let daemon = Daemon::serving(source.path());
    for program in Program::both() {
        let scratch = Scratch::new();
        let ramfs = Mount::new("ramfs", scratch.join("ram"));
        let outcome = program.pull(EVERYTHING, &daemon.url("tree/"), &ramfs.0).expect(23);
        let file = ramfs.0.join("file");
        assert_eq!(fs::read(&file).expect("the file was expected"), b"content", "{outcome}");
        assert_eq!(mode(&file), 0o640, "{}: the other attributes were expected", program.name());
    }
}

/// The server remembers which long values it was asked for; a file that it then cannot send must not take the
/// value from the others that share it.
#[test]
fn a_long_value_survives_the_file_that_it_was_asked_for_with() {
    let source = Scratch::new();
    for (name, permissions) in [("a", 0o000), ("b", 0o644), ("c", 0o644)] {
        write(&source.join(name), name, permissions);
        let value = [b'x'; 200];
        lsetxattr(source.join(name), "security.test", &value, XattrFlags::empty()).expect("it can be set");
    }
    let module = Module::new("tree", source.path()).with("uid = nobody").with("gid = nogroup");
    let daemon = Plan::new().serve(module).start();
    for more in [&[][..], &["--no-inc-recursive"]] {
        let [rsync, deployer] = Program::both().map(|program| {
            let scratch = Scratch::new();
            let to = scratch.directory("new");
            let options = [&["-aX", "-O"], more].concat();
            let _ = program.pull(&options, &daemon.url("tree/"), &to).expect(23);
            Snapshot::take(&to)
        });
        assert!(deployer.entries.contains_key(b"b".as_slice()), "what can be read was expected to come");
        let but_times = [Aspect::DirectoryTimes];
        let lines = diff_except(&but_times, &rsync, &deployer);
        assert!(lines.is_empty(), "shared values: rsync's result was expected\n{}", summary(&lines));
    }
}

/// No hard link leads across file systems: each has a file of its own, and that is said.
#[test]
fn links_across_file_systems_become_copies() {
    let source = Scratch::new();
    for directory in ["a", "b"] {
        let _ = source.directory(directory);
    }
    write(&source.join("a/file"), "content", 0o644);
    for name in ["b/one", "b/two"] {
        fs::hard_link(source.join("a/file"), source.join(name)).expect("a link can be made");
    }
    let daemon = Daemon::serving(source.path());
    for more in [&[][..], &["--no-inc-recursive"]] {
        let scratch = Scratch::new();
        let to = scratch.directory("new");
        let _mount = Mount::new("tmpfs", to.join("b"));
        let options = [EVERYTHING, more].concat();
        for round in ["first", "second"] {
            let outcome = Program::deployer().pull(&options, &daemon.url("tree/"), &to).expect(0);
            assert!(
                outcome.stderr.contains("becomes a copy"),
                "{round} pull: the copies were expected to be named\n{outcome}"
            );
            for name in ["a/file", "b/one", "b/two"] {
                let found = fs::read(to.join(name)).expect("each name was expected");
                assert_eq!(found, b"content", "{round} pull: {name} was expected to have the content");
            }
        }
    }
}

/// The program as somebody who is not root, and a directory of his.
fn for_nobody(scratch: &Scratch) -> (Program, PathBuf) {
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("a mode can be set");
    let to = scratch.directory("new");
    chown(&to, Some(65_534), Some(65_534)).expect("an owner can be set");
    (Program::deployer().for_nobody(scratch.path()), to)
}

/// Who is not root can fill directories that its owner may not even read, and leaves them as they have to be.
#[test]
fn closed_directories_without_root() {
    let source = Scratch::new();
    let closed = source.directory("closed");
    write(&closed.join("file"), "content", 0o444);
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).expect("a mode can be set");
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let (program, to) = for_nobody(&scratch);
    let tree = to.join("tree");
    for round in ["first", "second"] {
        let _ = program.pull(&["-a"], &daemon.url("tree/"), &tree).expect(0);
        assert_eq!(
            mode(&tree.join("closed")),
            0o000,
            "{round} pull: the mode was expected to be the source's"
        );
        assert_eq!(fs::read(tree.join("closed/file")).expect("it was expected"), b"content", "{round} pull");
    }
    // Without -p, what is there keeps its mode.
    fs::set_permissions(tree.join("closed"), Permissions::from_mode(0o555)).expect("a mode can be set");
    fs::remove_file(tree.join("closed/file")).expect("it can be removed");
    let _ = program.pull(&["-rt"], &daemon.url("tree/"), &tree).expect(0);
    assert_eq!(mode(&tree.join("closed")), 0o555, "the mode was expected to be what it was");
    assert_eq!(fs::read(tree.join("closed/file")).expect("it was expected"), b"content", "filled again");
}

/// Who is not root cannot give extended attributes to what he may not write.
#[test]
fn attributes_of_what_nobody_may_write_without_root() {
    let source = Scratch::new();
    for (name, mode) in [("read", 0o444), ("shut", 0o000), ("usual", 0o644)] {
        let path = source.join(name);
        write(&path, "content", mode);
        rustix::fs::setxattr(&path, "user.note", b"kept", rustix::fs::XattrFlags::empty())
            .expect("it can be set");
    }
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    let (program, to) = for_nobody(&scratch);
    let _ = program.pull(&["-aX"], &daemon.url("tree/"), &to).expect(0);
    for (name, expected) in [("read", 0o444), ("shut", 0o000), ("usual", 0o644)] {
        let mut value = [0; 16];
        let len = rustix::fs::getxattr(to.join(name), "user.note", &mut value).expect("it has the attribute");
        assert_eq!((&value[..len], mode(&to.join(name))), (&b"kept"[..], expected), "{name}");
    }
}

#[test]
fn closed_directories_that_are_come_back_to() {
    let nobody = |path: &Path| chown(path, Some(65_534), Some(65_534)).expect("an owner can be set");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode can be set");
    };
    let modes = [("shut", 0o555), ("blind", 0o300)];
    let source = Scratch::new();
    for (name, mode) in modes {
        write(&source.directory(name).join("file"), "content", 0o444);
        set_mode(&source.join(name), mode);
    }
    let daemon = Daemon::serving(source.path());
    let scratch = Scratch::new();
    set_mode(scratch.path(), 0o755);
    let program = Program::deployer().for_nobody(scratch.path());
    for option in ["--delete", "--delete-after", "--delete-delay", "--delay-updates"] {
        let to = scratch.directory(option);
        nobody(&to);
        let tree = to.join("tree");
        let _ = program.pull(&["-a"], &daemon.url("tree/"), &tree).expect(0);
        for (name, _) in modes {
            write(&tree.join(name).join("foreign"), "foreign", 0o444);
            let kept = tree.join(name).join("kept");
            fs::create_dir(&kept).expect("memory is large enough");
            write(&kept.join("a.keep"), "kept", 0o444);
            write(&kept.join("foreign"), "foreign", 0o444);
            [kept.join("a.keep"), kept.join("foreign"), tree.join(name).join("foreign")]
                .iter()
                .for_each(|path| nobody(path));
            nobody(&kept);
            set_mode(&kept, 0o500);
        }
        let _ =
            program.pull(&["-a", "-I", option, "--filter=P *.keep"], &daemon.url("tree/"), &tree).expect(0);
        for (name, expected) in modes {
            assert_eq!(mode(&tree.join(name)), expected, "{option}: {name}");
            assert_eq!(mode(&tree.join(name).join("kept")), 0o500, "{option}: kept in {name}");
            assert!(tree.join(name).join("kept/a.keep").exists(), "{option}: {name}");
            assert_eq!(
                tree.join(name).join("foreign").exists(),
                option == "--delay-updates",
                "{option}: {name}"
            );
        }
    }
}
