//! Our client beside rsync's: it gets from the own daemon what it gets from rsync's.

use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use end_to_end::starts::Start;

use crate::field::{FEW, Field, Job, TURNS};

#[track_caller]
fn ours(options: &[&str], paths: &[&str]) {
    let options = [options, &["-i", "--stats"]].concat();
    // What our client says of an error holds what the server said.
    Field::new().turns(&FEW, &Job::deployer(&options).paths(paths));
}

macro_rules! ours {
    ($($name:ident: $($option:literal),+ => $($path:literal),+;)+) => {
        $(#[test] fn $name() { ours(&[$($option),+], &[$($path),+]); })+
    };
}

ours! {
    archive: "-a" => "";
    everything: "-aHAX", "--numeric-ids" => "";
    everything_at_once: "-aHAX", "--numeric-ids", "--no-inc-recursive" => "";
    with_deletion: "-aHAX", "--delete" => "";
    excluded_and_deleted: "-a", "--delete-excluded", "--exclude=*.so" => "";
    sums: "-ac" => "";
    sums_of_two_kinds: "-ac", "--checksum-choice=md5,xxh64" => "";
    compressed: "-az" => "";
    compressed_by_lz4: "-a", "--zc=lz4" => "";
    compressed_by_zlib: "-a", "--zc=zlib" => "";
    compressed_by_zlibx: "-a", "--zc=zlibx", "--zl=9" => "";
    whole: "-aW" => "";
    holes: "-aS" => "";
    in_place: "-a", "--inplace" => "";
    appended: "-a", "--append" => "";
    appended_and_verified: "-a", "--append-verify" => "";
    blocks: "-a", "-B1000" => "";
    similar_files: "-ay" => "";
    access_times: "-aU" => "";
    dry: "-an" => "";
    rules: "-aF", "--exclude=*.o" => "";
    rules_of_cvs: "-aC" => "";
    rules_of_all_kinds: "-a", "-f", "H *.o", "-f", "P *.c", "-f", ":n- .cvsignore", "-f", "-! */" => "rules/";
    empty_directories: "-am", "--exclude=*.o" => "";
    several: "-a" => "a", "b/", "big";
    whole_paths: "-aR" => "a/deep/three", "rules/src/", "b";
    patterns: "-a" => "patterns/*.txt", "[ab]";
    missing: "-a" => "missing", "a";
    missing_ignored: "-a", "--ignore-missing-args" => "missing", "a";
    safe_links: "-a", "--safe-links" => "";
    munged_links: "-a", "--munge-links" => "links";
    sizes: "-a", "--max-size=10k" => "";
    one_file_system: "-ax" => "";
    directories: "-d" => "a", "b/";
    list_of_the_server: "-a", "--files-from=:/list" => "";
    bandwidth: "-a", "--bwlimit=50m" => "";
    timeout: "-a", "--timeout=20" => "";
}

#[test]
fn lists() {
    let field = Field::new();
    for options in [&["-a"][..], &["-a", "-r"], &["-a", "--no-R"]] {
        let options = [options, &["-i", "--stats", "--files-from=-"]].concat();
        let input = b"big\na/deep\nname with spaces\nno/such\nrules/src/x.o\n";
        field.turns(&FEW, &Job::deployer(&options).input(input));
    }
}

#[test]
fn links_followed() {
    let field = Field::in_chroot(crate::tree::plant);
    for (options, paths) in [
        (&["-aL", "--exclude=out", "--exclude=here", "--exclude=/stray"][..], &["links", "a"][..]),
        (&["-ak", "--exclude=here"], &[""]),
        (&["-a", "--copy-unsafe-links", "--exclude=out"], &["links"]),
    ] {
        let options = [options, &["--numeric-ids", "-i", "--stats"]].concat();
        field.turns(&FEW, &Job::deployer(&options).paths(paths));
    }
}

/// Listings, and what came is what is there.
#[test]
fn listings_and_trees() {
    let field = Field::new();
    for path in ["", "tree", "tree/", "tree/a", "tree/nodes/", "tree/no/such"] {
        for options in [&[][..], &["-r"]] {
            let [theirs, ours] = [&field.rsync as &dyn Server, &field.own]
                .map(|server| Program::deployer().list(options, &server.url(path)));
            assert_eq!(ours.code(), theirs.code(), "{path}\n{theirs}\n{ours}");
            assert_eq!(ours.sorted_lines(), theirs.sorted_lines(), "{path} {options:?}");
        }
    }
    let source = Snapshot::take(&field.source());
    for (start, foreign, protocol) in TURNS {
        field.begin(start, foreign);
        let version = format!("--protocol={protocol}");
        let options = ["-aHAXXc", "--numeric-ids", "--delete", &version];
        let [_, own] = field.run(&Job::deployer(&options));
        let own = own.expect(0);
        // Nanoseconds came with 31.
        if protocol == 30 {
            continue;
        }
        let found = Snapshot::take(&field.destinations()[1]);
        end_to_end::diff::assert_same(&format!("{start:?} {protocol}\n{own}"), &source, &found);
    }
    field.begin(Start::Same, false);
}
