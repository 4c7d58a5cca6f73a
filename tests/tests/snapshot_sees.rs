//! The comparison itself: one aspect of one entry is changed at a time, and exactly that has to be reported.

use std::fs;
use std::path::Path;

use end_to_end::acl::{ACCESS, Acl, DEFAULT};
use end_to_end::at::{Place, Tree};
use end_to_end::awkward::{self, Options};
use end_to_end::diff::{Aspect, diff, diff_except};
use end_to_end::mutate;
use end_to_end::scratch::Scratch;
use end_to_end::snapshot::Snapshot;
use rustix::fs::FileType;

fn plant(root: &Path) {
    awkward::plant(root, &Options::small());
}

/// Changes one entry, and expects one line about it that holds `report`; with the aspect left out, none.
#[track_caller]
fn sees(path: &str, report: &str, aspect: Option<Aspect>, change: impl FnOnce(&Place)) {
    let scratch = Scratch::new();
    let root = scratch.directory("tree");
    plant(&root);
    let before = Snapshot::take(&root);
    assert_eq!(
        diff(&before, &Snapshot::take(&root)),
        Vec::<String>::new(),
        "a tree was expected to equal itself"
    );

    let place = Tree::open(&root).expect("the tree can be opened").at(path.as_bytes());
    let time = place.time().ok();
    change(&place);
    // Changing the entry may have changed its own time and its directory's, which is not the subject.
    if let Some(time) = time
        && aspect != Some(Aspect::Times)
        && place.metadata().is_ok()
    {
        place.set_time(time).expect("a time can be set back");
    }
    let after = Snapshot::take(&root);
    let lines = diff_except(&[Aspect::DirectoryTimes], &before, &after);
    assert_eq!(lines.len(), 1, "one line was expected, about {path}: {lines:#?}");
    assert!(lines[0].contains(report), "'{report}' was expected in: {}", lines[0]);
    if let Some(aspect) = aspect {
        let lines = diff_except(&[Aspect::DirectoryTimes, aspect], &before, &after);
        assert!(lines.is_empty(), "nothing was expected without {aspect:?}: {lines:#?}");
    }
}

#[test]
fn a_byte() {
    sees("sizes/random-700", "it is", Some(Aspect::Contents), |it| {
        let mut content = fs::read(it.path()).expect("the file can be read");
        content[350] ^= 1;
        it.write(&content).expect("the file can be written");
    });
}

#[test]
fn a_length() {
    sees("sizes/random-700", "701 bytes", Some(Aspect::Contents), |it| {
        let mut content = fs::read(it.path()).expect("the file can be read");
        content.push(0);
        it.write(&content).expect("the file can be written");
    });
}

#[test]
fn each_bit_of_a_mode() {
    for bit in 0..12 {
        sees("sizes/random-700", "mode", Some(Aspect::Modes), |it| {
            it.set_mode(0o644 ^ (1 << bit)).expect("a mode can be set");
        });
    }
}

#[test]
fn a_directory_mode() {
    sees("modes/directory-1777", "mode", Some(Aspect::Modes), |it| {
        it.set_mode(0o777).expect("a mode can be set");
    });
}

#[test]
fn a_user_and_a_group() {
    for (path, user, group, report) in [
        ("sizes/random-700", 1, 0, "user expected 0, found 1"),
        ("sizes/random-700", 0, 1, "group expected 0, found 1"),
        ("symlinks/up", 7, 0, "user"),
        ("special/fifo", 7, 0, "user"),
        ("empty", 0, 4_000_000_000, "group"),
    ] {
        sees(path, report, Some(Aspect::Owners), |it| {
            it.set_owner(user, group).expect("an owner can be set");
        });
    }
}

#[test]
fn a_nanosecond() {
    for path in ["sizes/random-700", "symlinks/up", "special/fifo"] {
        sees(path, "time", Some(Aspect::Times), |it| {
            let (seconds, nanoseconds) = it.time().expect("it is there");
            it.set_time((seconds, nanoseconds ^ 1)).expect("a time can be set");
        });
    }
}

#[test]
fn a_directory_time() {
    let scratch = Scratch::new();
    plant(&scratch.directory("tree"));
    let before = Snapshot::take(&scratch.join("tree"));
    let place = Tree::open(&scratch.join("tree")).expect("the tree can be opened").at(b"");
    place.set_time((1, 2)).expect("a time can be set");
    let after = Snapshot::take(&scratch.join("tree"));
    assert_eq!(diff(&before, &after).len(), 1, "the root's own time was expected to be reported");
    assert!(diff_except(&[Aspect::DirectoryTimes], &before, &after).is_empty(), "it can be left out");
    assert!(diff_except(&[Aspect::SymlinkTimes], &before, &after).len() == 1, "it is not a symlink's");
}

#[test]
fn a_target() {
    sees("symlinks/up", "a symlink to ../", None, |it| {
        it.remove().and_then(|()| it.make_symlink(b"../")).expect("a symlink can be replaced");
    });
}

#[test]
fn a_device_number_and_kind() {
    sees("special/char-300-300000", "300:300001", None, |it| {
        it.remove()
            .and_then(|()| it.make_node(FileType::CharacterDevice, 300, 300_001))
            .expect("devices can be made");
    });
    sees("special/char-8-255", "kind", None, |it| {
        it.remove().and_then(|()| it.make_node(FileType::BlockDevice, 8, 255)).expect("devices can be made");
    });
    sees("special/fifo", "a socket", None, |it| {
        it.remove().and_then(|()| it.make_node(FileType::Socket, 0, 0)).expect("sockets can be made");
    });
}

#[test]
fn an_attribute() {
    let aspect = Some(Aspect::Xattrs);
    sees("xattrs/several", "xattr user.a", aspect, |it| it.set_xattr(b"user.a", b"").expect("it can be set"));
    sees("xattrs/several", "xattr user.c", aspect, |it| it.set_xattr(b"user.c", b"").expect("it can be set"));
    sees("xattrs/several", "xattr trusted.z", aspect, |it| {
        it.remove_xattr(b"trusted.z").expect("it can be removed");
    });
    sees("xattrs/symlink", "trusted.on", aspect, |it| {
        it.set_xattr(b"trusted.on", b"x").expect("it can be set");
    });
    sees("xattrs/directory", "user.on", aspect, |it| it.remove_xattr(b"user.on").expect("it can be removed"));
    sees("xattrs/capable", "security.capability", aspect, |it| {
        it.remove_xattr(b"security.capability").expect("it can be removed");
    });
}

#[test]
fn an_acl() {
    let acl = Acl { owner: 7, users: vec![(77, 1)], group: 5, groups: vec![], mask: 5, other: 5 }.encode();
    let aspect = Some(Aspect::Acls);
    sees("empty/beside", "system.posix_acl_default", aspect, |it| {
        it.set_xattr(DEFAULT.as_bytes(), &acl).expect("an ACL can be set");
    });
    // The mode is 0755 before and after.
    sees("empty/beside", "system.posix_acl_access", aspect, |it| {
        it.set_xattr(ACCESS.as_bytes(), &acl).expect("an ACL can be set");
    });
}

#[test]
fn a_missing_and_an_unexpected_name() {
    sees("empty/also empty/and this", "missing", None, |it| it.remove().expect("it can be removed"));
    sees("names/surplus", "not expected", None, |it| it.write(b"").expect("a file can be made"));
}

#[test]
fn a_broken_and_a_new_hard_link() {
    let scratch = Scratch::new();
    let root = scratch.directory("tree");
    plant(&root);
    let before = Snapshot::take(&root);
    let tree = Tree::open(&root).expect("the tree can be opened");

    // The same in everything, but alone.
    let (broken, time) = (tree.at(b"links/twin-1b"), tree.at(b"links/twin-1b").time().expect("it is there"));
    broken
        .remove()
        .and_then(|()| broken.write(b"twins"))
        .and_then(|()| broken.set_time(time))
        .expect("it is replaced");
    let lines = diff_except(&[Aspect::DirectoryTimes], &before, &Snapshot::take(&root));
    assert_eq!(lines.len(), 1, "the broken group was expected to be reported once: {lines:#?}");
    assert!(lines[0].contains("hard link expected to links/twin-1b, found to nothing"), "{}", lines[0]);

    // In the other group of equal looks instead.
    broken.remove().and_then(|()| broken.make_link_to(&tree.at(b"links/twin-2a"))).expect("it is linked");
    let lines = diff_except(&[Aspect::DirectoryTimes], &before, &Snapshot::take(&root));
    assert!(!lines.is_empty(), "a name in another group was expected to be reported");
    let without = [Aspect::DirectoryTimes, Aspect::HardLinks];
    assert!(diff_except(&without, &before, &Snapshot::take(&root)).is_empty(), "links can be left out");
}

#[test]
fn equal_seeds_make_equal_trees_and_equal_updates() {
    let scratch = Scratch::new();
    let [a, b] = ["a", "b"].map(|name| {
        let root = scratch.directory(name);
        plant(&root);
        root
    });
    let lines = diff(&Snapshot::take(&a), &Snapshot::take(&b));
    assert!(lines.is_empty(), "one seed was expected to plant one tree: {lines:#?}");
    let options = mutate::Options { hidden: true, ..mutate::Options::all() };
    let logs = [&a, &b].map(|root| mutate::mutate(root, &options));
    assert_eq!(logs[0], logs[1], "one seed was expected to do the same to equal trees");
    let lines = diff(&Snapshot::take(&a), &Snapshot::take(&b));
    assert!(lines.is_empty(), "equal updates were expected to end in equal trees: {lines:#?}");
}

#[test]
fn an_update_does_everything() {
    let scratch = Scratch::new();
    let root = scratch.directory("tree");
    awkward::plant(&root, &Options::all());
    let log = mutate::mutate(&root, &mutate::Options { hidden: true, ..mutate::Options::all() }).join("\n");
    for what in [
        "in the middle",
        "many places",
        "inserted",
        "moved within",
        "appended",
        "truncated",
        "emptied",
        "rewritten",
        "behind its size",
        "file became a directory",
        "file became a symlink",
        "directory became a file",
        "directory became a symlink",
        "symlink became a directory",
        "symlink became a file",
        "another target",
        "FIFO became",
        "another number",
        "file became a device",
        "file became a FIFO",
        "removed with all beneath",
        "renamed",
        "new file",
        "new directory",
        "new symlink",
        "mode changed",
        "owner changed",
        "time changed",
        "attribute set",
        "attributes removed",
        "ACL set",
        "default ACL set",
        "ACLs removed",
        "left its hard-link",
        "another name for it",
        "became another name",
    ] {
        assert!(log.contains(what), "'{what}' was expected among the changes:\n{log}");
    }
}
