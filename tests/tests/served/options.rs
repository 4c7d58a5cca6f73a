//! Options about the course of a transfer: the whole list at once or in segments, what is only looked at, what is said.

use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::starts::Start;

use crate::field::{FEW, Field, Job, TURNS, everywhere};
use crate::masks;

everywhere! {
    archive: "-a";
    everything: "-aHAX", "--numeric-ids";
    everything_by_name: "-aHAX";
    everything_at_once: "-aHAX", "--numeric-ids", "--no-inc-recursive";
    names_only: "-r";
    names_and_links: "-rlD";
    a_dry_run: "-an";
    a_dry_run_of_everything: "-nHAXac", "--numeric-ids";
    a_dry_run_with_deletion: "-an", "--delete";
    sums_instead_of_times: "-ac";
    sums_without_segments: "-ac", "--no-inc-recursive";
    sizes_alone: "-a", "--size-only";
    no_quick_check: "-aI";
    a_window_of_times: "-a", "--modify-window=600";
    told_of_all: "-aii";
    told_of_names: "-av";
    arguments_that_are_protected: "-as";
    arguments_as_of_old: "-a", "--old-args";
    a_timeout: "-a", "--timeout=20";
    no_timeout: "-a", "--timeout=0";
    a_bound_on_bandwidth: "-a", "--bwlimit=50m";
    no_rules_of_the_system: "-a", "--no-iconv";
    a_seed: "-a", "--checksum-seed=7";
    preallocated: "-a", "--preallocate";
    delayed: "-a", "--delay-updates";
    synced: "-a", "--fsync", "--whole-file";
    no_access_times_touched: "-a", "--open-noatime";
    messages_of_their_own: "-a", "--msgs2stderr";
    by_rights_of_root: "-a", "--super";
    without_rights_of_root: "-aX", "--no-super";
    into_attributes: "-aX", "--fake-super";
}

/// A server may say less about its doings, but what comes is the same.
#[test]
fn told_of_everything() {
    let field = Field::new();
    for options in [&["-avv"][..], &["-avvv"], &["-a", "--info=all4"], &["-a", "--debug=flist2,filter2,send"]]
    {
        for (start, foreign, _) in FEW {
            field.begin(start, foreign);
            let [rsync, own] = field.run(&Job::rsync(options));
            assert_eq!(own.code(), rsync.code(), "{options:?}\n{rsync}\n{own}");
            let [theirs, ours] = field.pictures();
            end_to_end::diff::assert_same(&format!("{start:?} {options:?}"), &theirs, &ours);
        }
    }
}

/// Listings are the same, line by line.
#[test]
fn listings() {
    let field = Field::new();
    let paths = ["", "a", "a/", "links/", "nodes/", "big", "patterns/*", "crowd/", "no/such"];
    for options in [&[][..], &["-r"], &["-a"], &["-rc"], &["-r", "--exclude=*.o", "-F"], &["-d"]] {
        for path in paths {
            // What links outside lead to is not a matter of both.
            let options = [&["--list-only", "--exclude=out", "--exclude=here"], options].concat();
            let [rsync, own] = [&field.rsync as &dyn Server, &field.own]
                .map(|server| Program::rsync().list(&options, &server.url(&format!("tree/{path}"))));
            assert_eq!(own.code(), rsync.code(), "{options:?} {path}\n{rsync}\n{own}");
            assert_eq!(masks::output(&own), masks::output(&rsync), "{options:?} {path}");
            assert_eq!(masks::errors(&own), masks::errors(&rsync), "{options:?} {path}");
        }
    }
}

/// The client's own list of entries before the transfer begins, in the order in which they come.
#[test]
fn the_order_of_a_listing() {
    let field = Field::new();
    for options in [&["-r"][..], &["-r", "--no-inc-recursive"]] {
        let [rsync, own] = [&field.rsync as &dyn Server, &field.own]
            .map(|server| Program::rsync().list(options, &server.url("tree/")).expect(0).stdout);
        assert_eq!(own, rsync, "{options:?}");
    }
}

/// What came with one version is not sent again in another.
#[test]
fn one_version_after_another() {
    let field = Field::new();
    field.clear();
    for (at, protocol) in ["32", "31", "30", "32"].iter().enumerate() {
        let version = format!("--protocol={protocol}");
        let options = ["-aHAXX", "--numeric-ids", "-i", "--stats", &version];
        let results = field.alike(&format!("pull {at}"), &Job::rsync(&options));
        assert_eq!(results.own.itemized().is_empty(), at > 0, "pull {at}\n{}", results.own);
    }
    let source = end_to_end::snapshot::Snapshot::take(&field.source());
    let [_, own] = field.destinations();
    end_to_end::diff::assert_same("everything", &source, &end_to_end::snapshot::Snapshot::take(&own));
}

#[test]
fn a_second_pull_has_nothing_to_do() {
    let field = Field::new();
    for (_, _, protocol) in TURNS {
        field.begin(Start::Same, false);
        let version = format!("--protocol={protocol}");
        let options = ["-aHAXX", "--numeric-ids", "-i", "--stats", &version];
        let results = field.alike("the same", &Job::rsync(&options));
        assert!(results.own.itemized().is_empty(), "{}", results.own);
    }
}
