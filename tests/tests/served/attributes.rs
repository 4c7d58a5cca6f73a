//! Options about permissions, owners, times, nodes and extended attributes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use end_to_end::at::walk;

use crate::field::{Field, Job, TURNS, everywhere};

everywhere! {
    permissions_left_alone: "-a", "--no-perms";
    executability: "-rltE";
    permissions_changed: "-a", "--chmod=F640,D2750";
    owners_by_number: "-a", "--numeric-ids";
    owners_mapped: "-a", "--usermap=daemon:bin,12345:7,*:9", "--groupmap=bin:daemon,*:8";
    owners_given: "-a", "--chown=1:2";
    owners_left_alone: "-a", "--no-owner";
    groups_left_alone: "-a", "--no-group";
    times_left_alone: "-a", "--no-times";
    times_of_directories_left_alone: "-aO";
    times_of_links_left_alone: "-aJ";
    devices_left_alone: "-a", "--no-devices";
    specials_left_alone: "-a", "--no-specials";
    only_devices: "-r", "--devices";
    only_specials: "-r", "--specials";
    attributes: "-aX";
    attributes_of_rsync_too: "-aXX";
    // With rules, rsync sends the attributes that lists of access are kept in, too; ours does not.
    attributes_by_rules: "-aX", "-f", "-x user.lo*", "-f", "-x trusted.*", "-f", "-x system.*";
    attributes_without_segments: "-aX", "--no-inc-recursive";
    attributes_of_hard_links: "-aHX";
    acls: "-aA";
    acls_by_number: "-aA", "--numeric-ids";
    acls_without_segments: "-aA", "--no-inc-recursive";
    acls_and_attributes_without_owners: "-rltpAX";
}

/// Access times of everything but directories. Those of the tree are far in the future, so reading leaves them alone.
fn accessed(root: &Path) -> BTreeMap<Vec<u8>, i64> {
    let mut times = BTreeMap::new();
    walk(root, &mut |walked| {
        if !walked.metadata.is_dir() {
            // Times of now differ from one run to the next.
            let time = Some(walked.metadata.atime()).filter(|time| *time >= 2_000_000_000);
            times.insert(walked.path, time.unwrap_or(0));
        }
        Ok(())
    })
    .expect("a tree can be walked");
    times
}

#[test]
fn access_times() {
    let field = Field::new();
    let of_source = accessed(&field.source());
    for options in [&["-aU"][..], &["-aUH", "--no-inc-recursive"], &["-aUc"], &["-aUJ"], &["-rlU"], &["-aUU"]]
    {
        for (start, foreign, protocol) in TURNS {
            field.begin(start, foreign);
            let version = format!("--protocol={protocol}");
            let options = [options, &["-i", &version]].concat();
            let [rsync, own] = field.run(&Job::rsync(&options));
            assert_eq!(own.code(), rsync.code(), "{options:?}\n{rsync}\n{own}");
            assert_eq!(own.sorted_lines(), rsync.sorted_lines(), "{start:?} {options:?}");
            // Before any picture, for which files are read.
            let [theirs, ours] = field.destinations().map(|destination| accessed(&destination));
            assert_eq!(ours, theirs, "{start:?} {options:?}");
            let [theirs, ours] = field.pictures();
            end_to_end::diff::assert_same(&format!("{start:?} {options:?}"), &theirs, &ours);
        }
    }
    assert_eq!(accessed(&field.source()), of_source, "the source was expected to be left alone");
}
