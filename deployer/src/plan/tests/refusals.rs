//! What stands against a plan: whatever its policy, with force and without.

use std::path::Path;

use super::facts::{array, member, mounted};
use super::*;
use crate::machine::holders::Holder;

/// The usual end of a refusal.
const OVERRULE: &str = "--force does it nevertheless";

/// A mirror and a group on two disks.
fn description(policy: &str) -> Description {
    let volumes = || [raid("start", "/boot", "ext2", "512 MiB"), pv("office", "remaining")];
    described(
        policy,
        [disk("sda", volumes()), disk("sdb", volumes()), vg("office", [lv("root", "/", "ext4", "50%")])],
    )
}

/// What is refused with and without force, after a change to empty disks.
fn refused(change: impl FnOnce(&mut Facts)) -> (Vec<String>, Vec<String>) {
    let description = description("clean");
    let mut facts = empty(&description);
    change(&mut facts);
    (refusals(&description, &facts, PROVISION), refusals(&description, &facts, FORCED))
}

#[test]
fn disks_in_use_are_refused_unless_forced() {
    let user_array = |name: &str| Holder::Array { name: name.into(), node: "/dev/md127".into() };
    for (holder, reason) in [
        (mounted("/mnt", 1), "it is in use: mounted at /mnt"),
        (mounted("/boot", 1), "the running system stands on it (/boot)"),
        (mounted("/boot/efi", 1), "the running system stands on it (/boot/efi)"),
        (Holder::Swap("/dev/sda9".into()), "it is in use: /dev/sda9 is swap"),
        (Holder::VolumeGroup("attic".into()), "the volume group attic, which is not described, lies on it"),
        (user_array("attic"), "the array attic, which is not described, lies on it"),
    ] {
        let (refused, forced) = refused(|facts| facts.disks[0].holders.push(holder.clone()));
        assert_eq!(refused, [format!("/dev/sda: {reason}; {OVERRULE}")]);
        assert_eq!(forced, NOTHING, "{holder:?}");
        // Whatever the policy.
        let description = description("verify");
        let mut facts = as_described(&description);
        facts.disks[0].holders.push(holder);
        assert_eq!(refusals(&description, &facts, PROVISION), refused);
    }
    for holder in [Holder::VolumeGroup("office".into()), user_array("start")] {
        let (refused, _) = refused(|facts| facts.disks[0].holders.push(holder.clone()));
        assert_eq!(refused, NOTHING, "{holder:?}");
    }
}

#[test]
fn some_uses_not_even_force_ends() {
    for (holder, reason) in [
        (mounted("/", 1), "the running system stands on it (/)"),
        (
            Holder::Other("crypt".into()),
            "crypt stands on it, which is neither LVM nor an array; stop it first",
        ),
        (
            Holder::Unseen,
            "it is in use by something that is not seen from here, perhaps mounted in another mount namespace; end \
             that first",
        ),
    ] {
        let (refused, forced) = refused(|facts| facts.disks[1].holders.push(holder));
        assert_eq!(refused, [format!("/dev/sdb: {reason}")]);
        assert_eq!(forced, refused);
    }
}

#[test]
fn everything_that_stands_against_it_is_told_at_once() {
    let (refused, forced) = refused(|facts| {
        facts.disks[0].holders = vec![mounted("/", 1), mounted("/usr", 2)];
        facts.disks[1].holders = vec![Holder::Swap("/dev/sdb1".into())];
    });
    assert_eq!(
        refused,
        [
            "/dev/sda: the running system stands on it (/)".to_owned(),
            format!("/dev/sda: the running system stands on it (/usr); {OVERRULE}"),
            format!("/dev/sdb: it is in use: /dev/sdb1 is swap; {OVERRULE}"),
        ]
    );
    assert_eq!(forced, ["/dev/sda: the running system stands on it (/)"]);
}

#[test]
fn groups_that_reach_onto_other_disks_are_refused_even_when_forced() {
    let reaches = |node: &str| format!("it lies on {node} too, which is not described and stays as it is");
    // One that is described, with no member here; one that is not, with a member here.
    for (group, members, expected) in [
        ("office", &["/dev/sdc1"][..], vec![reaches("/dev/sdc1")]),
        ("attic", &["/dev/sda", "/dev/sdc1", "/dev/sdd"], vec![reaches("/dev/sdc1"), reaches("/dev/sdd")]),
        ("attic", &["/dev/sdc1", "/dev/sdd"], vec![]),
        // Members of no group.
        ("", &["/dev/sda", "/dev/sdc1"], vec![]),
    ] {
        let (_, forced) = refused(|facts| {
            let members = members.iter().map(|member| ((*member).into(), group.to_owned()));
            facts.groups.physical.extend(members);
        });
        let expected: Vec<String> =
            expected.iter().map(|reason| format!("volume group {group}: {reason}")).collect();
        assert_eq!(forced, expected, "{group} {members:?}");
    }
}

#[test]
fn a_group_on_an_array_stands_on_the_disks_of_that() {
    let on_array = |other: &'static str| {
        refused(move |facts| {
            facts.groups.physical =
                vec![("/dev/sda".into(), "attic".into()), ("/dev/md127".into(), "attic".into())];
            facts.arrays.push((array("x", "/dev/md127", &["/dev/sdb", other]), content("LVM2_member")));
        })
        .1
    };
    assert_eq!(on_array("/dev/sdb"), NOTHING);
    assert_eq!(
        on_array("/dev/sdc"),
        [
            "volume group attic: it lies on /dev/md127 too, which is not described and stays as it is",
            "array x (/dev/md127): it lies on /dev/sdc too, which is not described and stays as it is"
        ]
    );
}

#[test]
fn arrays_that_reach_onto_other_disks_are_refused_even_when_forced() {
    let description = described("clean", [disk("sda", [partition("/", "ext4", "1 GiB")])]);
    let there = as_described(&description);
    let with_array = |members: &[&str], level: Option<&str>| {
        let mut facts = as_described(&description);
        let mut array = array("start", "/dev/md127", members);
        array.level = level.map(str::to_owned);
        facts.arrays.push((array, content("ext4")));
        refusals(&description, &facts, FORCED)
    };
    let reaches =
        "array start (/dev/md127): it lies on /dev/sdc2 too, which is not described and stays as it is";
    // Whether it runs or only holds its members.
    for level in [Some("raid1"), None] {
        assert_eq!(with_array(&["/dev/sda2", "/dev/sdc2"], level), [reaches]);
    }
    assert_eq!(with_array(&["/dev/sdc2", "/dev/sdd2"], Some("raid1")), NOTHING);
    assert_eq!(with_array(&["/dev/sda2"], Some("raid1")), NOTHING);
    // A partition that only the kernel knows is one of the disk too.
    let mut facts = empty(&description);
    facts.disks[0].stale = there.disks.into_iter().next().unwrap().partitions;
    facts.arrays.push((array("start", "/dev/md127", &["/dev/sda2", "/dev/sdc2"]), content("ext4")));
    assert_eq!(refusals(&description, &facts, FORCED), [reaches]);
}

#[test]
fn groups_that_are_not_active_are_refused_unless_forced() {
    let (refused, forced) = refused(|facts| {
        // The usual one, one that is described, and members of none.
        let members = [("/dev/sda", "attic"), ("/dev/sdb", "office"), ("/dev/sda", "")];
        facts.groups.physical = members.map(|(node, group)| (node.into(), group.into())).to_vec();
    });
    assert_eq!(
        refused,
        [format!("/dev/sda: it belongs to the volume group attic, which is not described; {OVERRULE}")]
    );
    assert_eq!(forced, NOTHING);
    // What is active is told once.
    let (refused, _) = self::refused(|facts| {
        facts.groups.physical = vec![("/dev/sda".into(), "attic".into())];
        facts.disks[0].holders = vec![Holder::VolumeGroup("attic".into())];
    });
    assert_eq!(
        refused,
        [format!("/dev/sda: the volume group attic, which is not described, lies on it; {OVERRULE}")]
    );
}

#[test]
fn members_that_lvm_does_not_show_are_refused_unless_forced() {
    let description = description("clean");
    let mut facts = as_described(&description);
    // It is not known to the kernel, or left out by LVM's settings.
    facts.groups.physical.retain(|(node, _)| node != Path::new("/dev/sdb3"));
    let reason = format!("/dev/sdb3: it belongs to a volume group that LVM does not show; {OVERRULE}");
    assert_eq!(refusals(&description, &facts, PROVISION), [reason]);
    assert_eq!(refusals(&description, &facts, FORCED), NOTHING);
}

#[test]
fn without_lvm_every_member_of_a_group_is_refused_unless_forced() {
    let description = description("clean");
    let mut facts = as_described(&description);
    facts.disks[1].content = content("LVM2_member");
    facts.has_lvm = false;
    facts.groups = Default::default();
    let reason = "it belongs to a volume group, and without lvm2 nobody can tell which: install that, or";
    let expected = ["/dev/sda3", "/dev/sdb", "/dev/sdb3"].map(|node| format!("{node}: {reason} {OVERRULE}"));
    assert_eq!(refusals(&description, &facts, PROVISION), expected);
    assert_eq!(refusals(&description, &facts, FORCED), NOTHING);
}

#[test]
fn arrays_that_are_not_running_are_refused_unless_forced() {
    let (refused, forced) = refused(|facts| {
        facts.disks[0].content = member("attic");
        facts.disks[1].content = content("linux_raid_member");
    });
    let reason = |name: &str| format!("it belongs to the array {name}, which is not described; {OVERRULE}");
    assert_eq!(
        refused,
        [format!("/dev/sda: {}", reason("attic")), format!("/dev/sdb: {}", reason("without a name"))]
    );
    assert_eq!(forced, NOTHING);
    // One that is described may lie anywhere, whatever machine has made it.
    let (refused, _) = self::refused(|facts| {
        facts.disks[0].content = member("start");
        facts.disks[1].content.clone_from(&member("start"));
        facts.disks[1].content.label = Some("start".into());
    });
    assert_eq!(refused, NOTHING);
}

#[test]
fn a_group_cannot_have_the_name_of_something_else() {
    // There on every machine.
    let name = "shm";
    let root = [partition("/", "ext4", "1 GiB"), pv(name, "remaining")];
    let description =
        described("clean", [disk("sda", root), vg(name, [lv("home", "/home", "ext4", "1 GiB")])]);
    let taken =
        "/dev/shm: a volume group of this name cannot be: there is something else; give it another name";
    assert_eq!(refusals(&description, &empty(&description), FORCED), [taken]);
    // What is there is this group.
    assert_eq!(refusals(&description, &as_described(&description), FORCED), NOTHING);
}

#[test]
fn what_does_not_fit_is_refused() {
    let description = description("clean");
    let mut facts = empty(&description);
    facts.disks[1].device.bytes = 5 << 30;
    assert_eq!(
        refusals(&description, &facts, FORCED),
        ["/dev/sdb: the description wants to use 10 GiB of it, it has 5 GiB"]
    );
}
