//! What is done where the rights of root are missing, claimed, or faked in attributes; each as root and as
//! nobody. rsync says what is right, and both read what the other faked.

mod attribute_cases;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use attribute_cases::{age, alike, picture, plant, same};
use end_to_end::acl::{self, Acl};
use end_to_end::daemon::Daemon;
use end_to_end::diff::assert_same_lines;
use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};

const NOBODY: u32 = 65_534;

/// A source, and a destination for each program, who run as nobody.
struct Unprivileged {
    scratch: Scratch,
    daemon: Daemon,
    programs: [Program; 2],
}

impl Unprivileged {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let scratch = Scratch::new();
        let source = scratch.directory("source");
        fill(&source);
        let programs = Program::both().map(|program| {
            let destination = scratch.directory(program.name());
            chown(&destination, Some(NOBODY), Some(NOBODY)).expect("an owner can be set");
            program.for_nobody(&scratch.directory(&format!("{}-program", program_name(&destination))))
        });
        Self { daemon: Daemon::serving(&source), scratch, programs }
    }

    fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    fn pull(&self, options: &[&str]) -> [Outcome; 2] {
        let outcomes = self.programs.clone().map(|program| {
            program.pull(options, &self.daemon.url("tree/"), &self.scratch.join(program.name()))
        });
        let [rsync, deployer] = &outcomes;
        assert_eq!(
            deployer.code(),
            rsync.code(),
            "the exit code was expected to be rsync's\n{rsync}\n{deployer}"
        );
        outcomes
    }

    fn alike(&self, options: &[&str], what: &str) {
        let [rsync, deployer] = self.pull(&[options, &["-i"]].concat());
        assert_same_lines(&format!("{what}: -i"), &rsync.itemized(), &deployer.itemized());
        same(what, self.programs.clone().map(|program| picture(&self.scratch.join(program.name()))));
    }
}

fn program_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// From nothing, and when the source was changed since rsync, or deployer, pulled it with the same options.
fn alike_as_nobody(options: &[&str]) {
    let case = Unprivileged::new(|source| {
        plant(source);
        age(source);
    });
    case.alike(options, "from nothing");
    for entry in fs::read_dir(case.source()).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let _ = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
    }
    plant(&case.source());
    case.alike(options, "onto an older tree");
    let [rsync, deployer] = case.pull(&[options, &["-i"]].concat());
    assert_eq!(deployer.itemized(), rsync.itemized(), "nothing was expected to be left to do");
}

macro_rules! as_nobody {
    ($($name:ident: $($option:literal),+;)+) => {
        $(#[test] fn $name() { alike_as_nobody(&[$($option),+]); })+
    };
}

macro_rules! as_root {
    ($($name:ident: $($option:literal),+;)+) => {
        $(#[test] fn $name() { alike(&[$($option),+]); })+
    };
}

as_nobody! {
    nobody_archive: "-a";
    nobody_attributes: "-aX";
    nobody_executability: "-rltE";
    nobody_chmod: "-a", "--chmod=u+s,g-w";
    nobody_chown: "-a", "--chown=3:4";
    nobody_groups_of_theirs: "-a", "--groupmap=*:65534";
    nobody_fakes: "-a", "--fake-super";
    nobody_fakes_attributes: "-aX", "--fake-super";
    nobody_fakes_hard_links: "-aH", "--no-inc-recursive", "--fake-super";
    nobody_fakes_lists: "-aA", "--fake-super";
    nobody_fakes_other_permissions: "-a", "--chmod=u+s,Dg+s,o-r", "--fake-super";
    nobody_fakes_other_owners: "-a", "--chown=nobody:7", "--fake-super";
    nobody_fakes_sums: "-ac", "--fake-super";
    nobody_fakes_numbers: "-aU", "--numeric-ids", "--fake-super";
}

as_root! {
    root_fakes: "-a", "--fake-super";
    root_fakes_attributes: "-aX", "--fake-super";
    root_fakes_hard_links: "-aH", "--no-inc-recursive", "--fake-super";
    root_fakes_access_times: "-aU", "--fake-super";
    root_fakes_other_permissions: "-a", "--chmod=F4711", "--fake-super";
    root_fakes_dry: "-an", "--fake-super";
}

/// Who claims the rights of root and has none is told of everything that fails.
#[test]
fn nobody_insists() {
    let case = Unprivileged::new(plant);
    let [_, deployer] = case.pull(&["-a", "--super"]);
    let deployer = deployer.expect(23);
    for part in ["cannot make", "owner: Operation not permitted"] {
        assert!(deployer.stderr.contains(part), "{part} was expected\n{deployer}");
    }
    let content = fs::read(case.scratch.join("deployer/plain")).expect("it was expected");
    assert_eq!(content, b"plain");
}

/// rsync takes away again what it faked of lists where it also keeps attributes; here they stay.
#[test]
fn faked_lists_stay_beside_attributes() {
    let list = Acl { owner: 7, users: vec![(7, 6)], group: 5, groups: vec![(8, 4)], mask: 7, other: 0 };
    let case = Unprivileged::new(|source| {
        plant(source);
        for (name, attribute) in
            [("plain", acl::ACCESS), ("directory", acl::ACCESS), ("directory", acl::DEFAULT)]
        {
            lsetxattr(source.join(name), attribute, &list.encode(), XattrFlags::empty())
                .expect("a list can be set");
        }
    });
    let deployer = &case.programs[1];
    let to = case.scratch.join("deployer");
    let pull = || deployer.pull(&["-aAX", "--fake-super", "-i"], &case.daemon.url("tree/"), &to).expect(0);
    let _ = pull();
    let mut value = [0; 256];
    for (name, attribute) in [("plain", "user.rsync.%aacl"), ("directory", "user.rsync.%dacl")] {
        let length = lgetxattr(to.join(name), attribute, &mut value[..]).expect("a list was to be faked");
        assert_eq!(length, 32, "{name}: four parts and two names were expected");
    }
    assert_eq!(pull().itemized(), Vec::<String>::new(), "nothing was expected to be left to do");
}

/// What does not say what a file is to be is replaced by what does.
#[test]
fn spoilt_fakes_are_mended() {
    let case = Unprivileged::new(plant);
    let deployer = &case.programs[1];
    let to = case.scratch.join("deployer");
    let pull = || deployer.pull(&["-a", "--fake-super"], &case.daemon.url("tree/"), &to).expect(0);
    let _ = pull();
    let whole = picture(&to);
    for (name, text) in
        [("odd", "rubbish"), ("fifo", "40755 0,0 0:0"), ("directory", "100644 0,0 0:0"), ("link", "")]
    {
        lsetxattr(to.join(name), "user.rsync.%stat", text.as_bytes(), XattrFlags::empty())
            .expect("an attribute can be set");
    }
    let _ = pull();
    end_to_end::diff::assert_same("mended", &whole, &picture(&to));
}
