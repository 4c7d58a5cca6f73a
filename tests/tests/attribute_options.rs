//! What the options about attributes make of permissions, owners and times, with the destination empty, and with
//! one that an earlier state of the source left behind. rsync says what is right.

mod attribute_cases;

use attribute_cases::{Case, accessed, alike, refused, stamp};
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

/// A test of this name for each set of options.
macro_rules! alike {
    ($($name:ident: $($option:literal),+;)+) => {
        $(#[test] fn $name() { alike(&[$($option),+]); })+
    };
}

alike! {
    chmod_of_files_and_directories: "-a", "--chmod=F640,D2750";
    chmod_octal: "-a", "--chmod=644";
    chmod_removes: "-a", "--chmod=go-rwx";
    chmod_adds_what_the_umask_allows: "-a", "--chmod=+w,-x";
    chmod_executes_what_could_be_executed: "-a", "--chmod=ugo=rwX";
    chmod_conditions_come_from_before: "-a", "--chmod=a-x,g+X";
    chmod_special_bits: "-a", "--chmod=u+s,Dg+s,+t";
    chmod_assigns_special_bits: "-a", "--chmod=ug=rs,o=";
    chmod_given_twice: "-a", "--chmod=F600", "--chmod=a+r";
    chmod_without_permissions: "-rlt", "--chmod=F600,D700";
    chmod_with_executability: "-rltE", "--chmod=a+x";
    chmod_against_executability: "-rltE", "--chmod=F-x";
    chmod_in_a_dry_run: "-an", "--chmod=a=r";
    chmod_with_sums: "-ac", "--chmod=o-r";
    chmod_with_hard_links: "-aH", "--chmod=g-w,o-rx", "--no-inc-recursive";
    executability: "-rlE";
    executability_with_times: "-rltE";
    executability_beside_permissions: "-rlptE";
    chown_of_both: "-a", "--chown=nobody:daemon";
    chown_of_users_by_number: "-a", "--chown=7";
    chown_of_groups_alone: "-rlt", "--chown=:bin";
    chown_taken_back: "-a", "--chown=7:8", "--no-owner";
    chown_on_top_of_numbers: "-a", "--chown=7:8", "--numeric-ids";
    usermap_by_name: "-a", "--usermap=root:nobody,nobody:root";
    usermap_by_number: "-a", "--usermap=0:9,1-99:100,12345:0";
    usermap_by_pattern: "-a", "--usermap=b?n:56,[dn]*:57,:58";
    usermap_of_everybody_else: "-a", "--usermap=root:root,*:65534";
    usermap_of_numbers_alone: "-a", "--usermap=0-70000:9", "--numeric-ids";
    usermap_of_names_that_do_not_come: "-a", "--usermap=root:9,:10", "--numeric-ids";
    groupmap: "-a", "--groupmap=root:bin,*:7";
    both_maps: "-a", "--usermap=*:1", "--groupmap=0-9:99";
    maps_in_a_dry_run: "-an", "--usermap=*:1", "--groupmap=*:2";
    numeric_ids: "-a", "--numeric-ids";
    times_of_links_left_alone: "-a", "-J";
    times_of_links_and_directories_left_alone: "-aJO";
    access_times: "-aU";
    access_times_with_sums: "-aUc";
    access_times_of_hard_links: "-aUH", "--no-inc-recursive";
    access_times_without_links: "-aUJ";
    access_times_without_times: "-rlU";
    access_times_in_a_dry_run: "-aUn";
    access_times_unseen: "-aUU";
    access_times_over_protocol_30: "-aU", "--protocol=30";
    access_times_without_segments: "-aU", "--no-inc-recursive";
    access_times_taken_back: "-aU", "--no-U";
    as_root_without_its_rights: "-a", "--no-super";
    attributes_without_the_rights_of_root: "-aX", "--no-super";
    as_root_insisting: "-aX", "--super";
    attributes_that_hide_others: "-aXX";
    attributes_that_hide_others_by_one_letter: "-aX";
}

/// Reading for sums leaves access times alone, whether the server's are to stay or not.
#[test]
fn files_are_read_unseen() {
    let case = Case::from_nothing();
    case.pair.prepare();
    let destination = case.pair.destination(&Program::deployer());
    let files = ["plain", "odd", "directory/file"];
    for options in [&["-ac", "--open-noatime"][..], &["-ac"]] {
        files.iter().for_each(|file| stamp(&destination.join(file), Some(1_000_000_000), None));
        let _ = case.pull(options);
        let times = accessed(&destination);
        for file in files {
            assert_eq!(times[file.as_bytes()], 1_000_000_000, "{options:?}: {file}");
        }
    }
}

/// Where the source is listed with `-U`, an unchanged tree stays as it is.
#[test]
fn access_times_need_nothing_twice() {
    let case = Case::from_nothing();
    let _ = case.pull(&["-aU"]);
    let before = Snapshot::take(&case.pair.destination(&Program::deployer()));
    // The picture itself read all files; what that changed is set again.
    let _ = case.pull(&["-aU"]);
    let again = case.pull(&["-aU"]);
    assert_eq!(again.deployer.itemized(), Vec::<String>::new());
    let after = Snapshot::take(&case.pair.destination(&Program::deployer()));
    end_to_end::diff::assert_same("pulled twice", &before, &after);
}

#[test]
fn what_cannot_be_is_refused() {
    for (options, sentence) in [
        (&["-a", "--chmod=rwx"][..], "is no change of permissions"),
        (&["-a", "--usermap=root"], "has no colon"),
        (&["-a", "--usermap=a:b", "--chown=c"], "once together"),
        (&["-a", "--usermap=1-:b"], "begins with no number"),
        (&["-aN"], "Linux cannot set the time at which a file was made"),
        (&["-aXX", "--fake-super"], "contradict each other"),
    ] {
        refused(options, sentence);
    }
}

/// rsync passes over a rule whose user it does not know, and leaves files to whom the server says; here nobody
/// gets what was meant for another.
#[test]
fn unknown_names_are_refused_before_anything_is_done() {
    let case = Case::from_nothing();
    for option in ["--chown=no-such-user", "--groupmap=*:no-such-group"] {
        let destination = case.pair.destination(&Program::deployer());
        let outcome =
            Program::deployer().pull(&["-a", option], &case.pair.daemon().url("tree/"), &destination);
        let outcome = outcome.expect(1);
        assert!(outcome.stderr.contains("no-such-"), "{outcome}");
        assert!(!destination.exists(), "{option}: nothing was expected to be made");
    }
}
