//! What each option keeps and leaves, with the destination empty, and with one that an earlier state of the
//! source left behind. Every run is also done with `-i`: its lines say why something was done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use end_to_end::acl::{Acl, DEFAULT};
use end_to_end::awkward::Options;
use end_to_end::daemon::{Module, Plan};
use end_to_end::mutate::{self, mutate};
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;
use rustix::fs::{XattrFlags, lsetxattr};

/// From nothing, and onto an older tree.
fn both_starts(options: &[&str]) {
    let planted =
        Options { xattrs: options.contains(&"-X"), acls: options.contains(&"-A"), ..Options::small() };
    let options = [options, &["-i"]].concat();

    let pair = Pair::awkward(&planted);
    pulls_alike(&pair, &options, "from nothing");

    let pair = Pair::awkward(&planted);
    pair.prepare();
    let log = mutate(&pair.source(), &update(&planted));
    println!("{}", log.join("\n"));
    pulls_alike(&pair, &options, "onto an older tree");
}

fn update(planted: &Options) -> mutate::Options {
    mutate::Options {
        xattrs: planted.xattrs,
        acls: planted.acls,
        hidden: true,
        times: 2,
        ..mutate::Options::all()
    }
}

/// Whether an attribute that changed is seen again under the second name of a file depends on whether it was set by then.
/// With `-H`, which of the names is seen at all depends on how much of the list is known by then.
fn unlinked(mut lines: Vec<String>, options: &[&str], source: &Path) -> Vec<String> {
    let seen_again = |line: &String| {
        line.split_at_checked(11)
            .is_some_and(|(code, name)| code.ends_with("........x") && name.starts_with(" links/"))
    };
    lines.retain(|line| !seen_again(line));
    if !options
        .iter()
        .any(|option| option.starts_with('-') && !option.starts_with("--") && option.contains('H'))
    {
        return lines;
    }
    end_to_end::diff::files_once(lines, source)
}

fn pulls_alike(pair: &Pair, options: &[&str], what: &str) {
    let outcomes = pair.pull(options);
    let lines = unlinked(outcomes.rsync.itemized(), options, &pair.source());
    assert!(!lines.is_empty(), "{what}: rsync was expected to print what it did\n{}", outcomes.rsync);
    end_to_end::diff::assert_same_lines(
        &format!("{what}: -i"),
        &lines,
        &unlinked(outcomes.deployer.itemized(), options, &pair.source()),
    );
    for program in Program::both() {
        // A dry run makes nothing.
        let _ = fs::create_dir(pair.destination(&program));
    }
    pair.pictures().assert_same(what);
}

#[test]
fn recursive_alone() {
    both_starts(&["-r"]);
}

#[test]
fn recursive_links() {
    both_starts(&["-rl"]);
}

#[test]
fn recursive_times() {
    both_starts(&["-rt"]);
}

#[test]
fn recursive_permissions() {
    both_starts(&["-rp"]);
}

#[test]
fn no_owners() {
    both_starts(&["-rlptD"]);
}

#[test]
fn archive() {
    both_starts(&["-a"]);
}

#[test]
fn archive_without_owners() {
    both_starts(&["-a", "--no-o", "--no-g"]);
}

#[test]
fn archive_without_times() {
    both_starts(&["-a", "--no-t"]);
}

#[test]
fn archive_without_permissions() {
    both_starts(&["-a", "--no-p"]);
}

#[test]
fn omitted_directory_times() {
    both_starts(&["-a", "-O"]);
}

#[test]
fn devices_only() {
    both_starts(&["-a", "--no-D", "--devices"]);
}

#[test]
fn specials_only() {
    both_starts(&["-a", "--no-D", "--specials"]);
}

#[test]
fn neither_devices_nor_specials() {
    both_starts(&["-a", "--no-D"]);
}

#[test]
fn everything() {
    both_starts(&["-a", "-H", "-A", "-X", "--numeric-ids"]);
}

#[test]
fn hard_links() {
    both_starts(&["-aH"]);
}

#[test]
fn attributes_without_acls() {
    both_starts(&["-a", "-X"]);
}

/// Where the server's permissions are not kept, new entries get no more than the directory's list gives them.
#[test]
fn lists_that_new_entries_inherit() {
    let pair = Pair::new(|source| {
        for (name, mode) in [("d/file", 0o666), ("d/sub/program", 0o777), ("d/sub/deeper/private", 0o600)] {
            let path = source.join(name);
            fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("memory is large enough");
            fs::write(&path, name).expect("memory is large enough");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it was made");
        }
    });
    let list = |mask| Acl { owner: 7, users: vec![(7, 7)], group: 5, groups: vec![], mask, other: 0 };
    for (options, mask) in [(&["-rlt"][..], 5), (&["-rltE"], 7), (&["-rlt", "--inplace"], 4)] {
        for program in Program::both() {
            let destination = pair.destination(&program);
            let _ = fs::remove_dir_all(&destination);
            fs::create_dir_all(destination.join("d")).expect("memory is large enough");
            lsetxattr(destination.join("d"), DEFAULT, &list(mask).encode(), XattrFlags::empty())
                .expect("an ACL can be set");
        }
        pulls_alike(&pair, &[options, &["-i"]].concat(), "below a list");
        let metadata = fs::metadata(pair.destination(&Program::deployer()).join("d/sub/program"));
        let mode = metadata.expect("it came").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700 | u32::from(mask) << 3, "{options:?}: what the list gives was expected");
    }
}

#[test]
fn acls_without_attributes() {
    both_starts(&["-a", "-A"]);
}

#[test]
fn checksum() {
    both_starts(&["-a", "-c"]);
}

#[test]
fn ignore_times() {
    both_starts(&["-a", "-I"]);
}

#[test]
fn size_only() {
    both_starts(&["-a", "--size-only"]);
}

#[test]
fn whole_file() {
    both_starts(&["-a", "-W"]);
}

#[test]
fn no_whole_file() {
    both_starts(&["-a", "--no-whole-file"]);
}

#[test]
fn dry_run() {
    let planted = Options { xattrs: false, acls: false, ..Options::small() };
    let pair = Pair::awkward(&planted);
    pulls_alike(&pair, &["-a", "-n", "-i"], "dry run from nothing");
    let picture = Snapshot::take(&pair.destination(&Program::deployer()));
    assert_eq!(picture.entries.len(), 1, "a dry run was expected to make nothing");

    let pair = Pair::awkward(&planted);
    pair.prepare();
    mutate(&pair.source(), &update(&planted));
    let before = pair.pictures();
    pulls_alike(&pair, &["-a", "-n", "-i"], "dry run onto an older tree");
    let after = pair.pictures();
    let lines = end_to_end::diff::diff(&before.deployer, &after.deployer);
    assert!(
        lines.is_empty(),
        "a dry run was expected to change nothing\n{}",
        end_to_end::diff::summary(&lines)
    );
    after.assert_untouched(&before, "dry run");
}

#[test]
fn whole_files_do_not_use_what_is_there() {
    let pair = Pair::awkward(&Options { crowd: 10, ..Options::all() });
    pair.prepare();
    mutate(&pair.source(), &mutate::Options { clashes: false, ..mutate::Options::all() });
    let outcomes = pair.pull(&["-aHAX", "--numeric-ids", "-W", "--stats"]);
    assert!(outcomes.deployer.stats().literal() > 0, "changed files were expected to come whole");
    assert_eq!(outcomes.deployer.stats().matched(), 0, "nothing was expected to be looked up in old files");
    pair.pictures().assert_same("whole files");
}

#[test]
fn checksum_finds_what_size_and_time_hide() {
    let planted = Options { crowd: 10, ..Options::all() };
    let hidden = mutate::Options { hidden: true, clashes: false, ..mutate::Options::all() };
    let pair = Pair::awkward(&planted);
    pair.prepare();
    mutate(&pair.source(), &hidden);
    let source = Snapshot::take(&pair.source());
    let options = ["-aHAX", "--numeric-ids"];
    let _ = pair.pull(&options);
    let lines = end_to_end::diff::diff(&source, &pair.pictures().deployer);
    assert!(!lines.is_empty(), "the quick check was expected not to see hidden changes");
    let _ = pair.pull(&[&options[..], &["-c"]].concat());
    let pictures = pair.pictures();
    pictures.assert_same("with sums");
    let found = pictures.deployer.clone().without_groups().restricted_to(&source);
    end_to_end::diff::assert_same("with sums, against the source", &source.without_groups(), &found);
}

/// The server names users as its own converter says, and the client gives each name its own number: ids
/// change on the way unless numbers were asked for.
#[test]
fn owners_by_name() {
    let pair = Pair::awkward(&Options::small());
    let converter = pair.scratch().file(
        "converter",
        "#!/bin/sh\nwhile read -r command value; do\n\
         case \"$command $value\" in\n\
         'uid 12345') echo nobody ;; 'gid 54321') echo daemon ;; 'uid 1') echo nosuchuser ;; *) echo ;;\n\
         esac; done\n",
        0o755,
    );
    assert_eq!(
        fs::metadata(&converter).expect("it was written").permissions().mode() & 0o777,
        0o755,
        "it can run"
    );
    let module = Module::new("tree", &pair.source())
        .with("numeric ids = no")
        .with(&format!("name converter = {}", converter.display()));
    let daemon = Plan::new().serve(module).start();
    for (what, more) in [("by name", None), ("by number", Some("--numeric-ids"))] {
        let options: Vec<&str> = ["-aHAX"].into_iter().chain(more).collect();
        let [rsync, deployer] = Program::both().map(|program| {
            let destination = pair.destination(&program);
            let _ = program.pull(&options, &daemon.url("tree/"), &destination).expect(0);
            Snapshot::take(&destination)
        });
        end_to_end::diff::assert_same(&format!("owners {what}"), &rsync, &deployer);
        let owner = &deployer.entries[b"owners/file-12345-54321".as_slice()];
        let expected = if more.is_none() { (65_534, 1) } else { (12_345, 54_321) };
        assert_eq!(
            (owner.user, owner.group),
            expected,
            "owners {what}: nobody and daemon are 65534 and 1 here"
        );
    }
}
