//! Trees that are awkward: names, attributes, links and times that copies get wrong.

use std::fs;

use end_to_end::awkward::{self, Options};
use end_to_end::snapshot::Snapshot;

use crate::field::{Field, Job};

/// From nothing and again, in each version, with what came before in another one removed.
fn awkward(options: &[&str], tree: &Options, complete: bool) {
    let field = Field::with(|root| awkward::plant(root, tree));
    for protocol in ["--protocol=30", "--protocol=31", "--protocol=32"] {
        field.clear();
        let options = [options, &["-i", "--stats", protocol]].concat();
        let _ = field.alike("from nothing", &Job::rsync(&options));
        // Nanoseconds came with 31.
        if complete && protocol != "--protocol=30" {
            let [_, own] = field.destinations();
            let source = Snapshot::take(&field.source());
            end_to_end::diff::assert_same("from nothing", &source, &Snapshot::take(&own));
        }
        let _ = field.alike("again", &Job::rsync(&options));
    }
}

#[test]
fn with_everything() {
    awkward(&["-aHAX", "--numeric-ids"], &Options::all(), true);
}

#[test]
fn with_everything_by_name() {
    awkward(&["-aHAX"], &Options::small(), false);
}

#[test]
fn without_segments() {
    awkward(&["-aHAX", "--numeric-ids", "--no-inc-recursive"], &Options::small(), true);
}

#[test]
fn compressed_with_sums() {
    awkward(&["-aHAXczS", "--numeric-ids"], &Options::small(), true);
}

#[test]
fn with_access_times_and_attributes_of_rsync() {
    awkward(&["-aHAXXU", "--numeric-ids"], &Options::small(), false);
}

#[test]
fn without_attributes() {
    awkward(&["-rlD"], &Options::small(), false);
}

/// After changes of every kind, onto what came before.
#[test]
fn changed_meanwhile() {
    for seed in 0..3 {
        let field = Field::with(|root| awkward::plant(root, &Options { seed, ..Options::small() }));
        field.clear();
        let options = ["-aHAX", "--numeric-ids", "--delete", "-i", "--stats"];
        let _ = field.alike("before", &Job::rsync(&options));
        let done = end_to_end::mutate::mutate(
            &field.source(),
            &end_to_end::mutate::Options { seed, ..end_to_end::mutate::Options::all() },
        );
        let what = format!("after {} changes of seed {seed}", done.len());
        for more in [&["-n"][..], &["--no-inc-recursive", "-n"], &[]] {
            let _ = field.alike(&what, &Job::rsync(&[&options, more].concat()));
        }
    }
}

/// Very many entries in one directory, and very many directories.
#[test]
fn in_crowds() {
    let field = Field::with(|root| {
        fs::create_dir_all(root.join("files")).expect("memory is large enough");
        for number in 0..12_000 {
            fs::write(root.join(format!("files/{number}")), "").expect("memory is large enough");
        }
        for number in 0..3000 {
            let dir = root.join(format!("dirs/{}/{number}/empty", number % 50));
            fs::create_dir_all(&dir).expect("memory is large enough");
            fs::write(dir.join("file"), number.to_string()).expect("memory is large enough");
        }
    });
    for protocol in ["--protocol=30", "--protocol=32"] {
        for more in [&[][..], &["--no-inc-recursive"]] {
            field.clear();
            let options = [&["-a", "-i", "--stats", protocol], more].concat();
            let _ = field.alike("a crowd", &Job::rsync(&options));
        }
    }
}
