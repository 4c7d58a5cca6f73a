//! Symlinks: as they are, and what they lead to. Nothing outside of the module is ever shown.

use std::fs;
use std::os::unix::fs::symlink;

use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;
use end_to_end::snapshot::{Kind, Snapshot};

use crate::field::{FEW, Field, Job, everywhere, from};
use crate::tree;

everywhere! {
    left_out: "-a", "--no-links";
    safe_ones_only: "-a", "--safe-links";
    safe_ones_only_at_once: "-a", "--safe-links", "--no-inc-recursive";
    made_harmless: "-a", "--munge-links";
    kept_where_directories_are: "-aKO";
    hard: "-aH";
    hard_without_segments: "-aH", "--no-inc-recursive";
    hard_with_sums: "-aHc";
    hard_in_place: "-aH", "--inplace";
}

from! {
    hard_links_of_a_part: "-aH" => "hard/";
    hard_links_of_several_parts: "-aH" => "hard", "a", "crowd";
    safe_links_of_a_part: "-a", "--safe-links" => "links";
    safe_links_of_the_content: "-a", "--safe-links" => "links/";
}

/// rsync's daemon stands in a chroot, in which links lead where they lead in the module.
#[test]
fn followed() {
    let field = Field::in_chroot(tree::plant);
    for (options, paths) in [
        (&["-aL", "--exclude=out", "--exclude=here", "--exclude=/stray"][..], &[""][..]),
        (&["-aL", "--exclude=out", "--exclude=here", "--exclude=/stray"], &["links/", "a"]),
        (&["-aL", "--exclude=out", "--exclude=here", "--exclude=/stray", "--no-inc-recursive"], &["links"]),
        (&["-ak", "--exclude=here"], &[""]),
        (&["-ak", "--exclude=here"], &["links"]),
        (&["-ak", "--exclude=here", "-c"], &["links/", "hard"]),
        (&["-akH", "--exclude=here", "--no-inc-recursive"], &[""]),
        (&["-a", "--copy-unsafe-links", "--exclude=out", "--exclude=/stray"], &[""]),
        (&["-a", "--copy-unsafe-links", "--exclude=out", "--exclude=/stray"], &["links"]),
        (&["-a"], &["links/directory/"]),
        (&["-a"], &["links/directory/three", "links/file"]),
        (&["-aR"], &["links/directory/three"]),
        (&["-aRk"], &["links/directory/three"]),
        (&["-aL"], &["links/file", "links/again"]),
    ] {
        // Names of owners are not found in the chroot.
        let options = [options, &["--numeric-ids", "-i", "--stats"]].concat();
        field.turns(&FEW, &Job::rsync(&options).paths(paths));
    }
}

/// A link to the directory that it lies in ends where the kernel says that it is too many.
#[test]
fn followed_in_circles() {
    let field = Field::with(|root| {
        fs::write(root.join("file"), "x").expect("memory is large enough");
        fs::create_dir(root.join("dir")).expect("memory is large enough");
        for (target, name) in
            [(".", "here"), ("..", "dir/up"), ("itself", "itself"), ("two", "one"), ("one", "two")]
        {
            symlink(target, root.join(name)).expect("links can be made");
        }
    });
    for options in [&["-aL"][..], &["-ak"]] {
        let (own, into) = (field.own.url("tree/"), field.scratch.join("own/new"));
        let _ = fs::remove_dir_all(&into);
        // All ways through both links are more than anybody waits for; the server is not to hang without a word.
        let run = Program::rsync().pulling(&[options, &["--exclude=dir/"]].concat(), &own, &into).run();
        assert!([0, 23].contains(&run.code()), "{run}");
        assert!(into.join("file").exists(), "{run}");
    }
    let outcome = Program::rsync().pull(&["-a"], &field.own.url("tree/"), &field.scratch.join("own/again"));
    let _ = outcome.expect(0);
}

/// What a file of the server names, in [`leading_out`].
const NAMES: &str = "link-0/secret\nlink-4/dir\ndir/link-0/secret\nfile\n";

/// Whatever the options, nothing from outside comes; what is inside comes all the same.
#[test]
fn leading_out() {
    let scratch = Scratch::new();
    let source = scratch.directory("source");
    let outside = scratch.directory("outside");
    fs::write(outside.join("secret"), "SECRET").expect("memory is large enough");
    fs::create_dir(outside.join("dir")).expect("memory is large enough");
    fs::write(outside.join("dir/secret"), "SECRET").expect("memory is large enough");
    fs::create_dir(source.join("dir")).expect("memory is large enough");
    fs::write(source.join("dir/file"), "inside").expect("memory is large enough");
    fs::write(source.join("file"), "inside").expect("memory is large enough");
    let absolute = outside.display().to_string();
    for (number, target) in [
        "../outside",
        "../outside/secret",
        "../outside/dir",
        "dir/../../outside/secret",
        &absolute,
        &format!("{absolute}/secret"),
        "../source/../outside/secret",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd",
        "..",
        "/",
        "../..",
    ]
    .iter()
    .enumerate()
    {
        symlink(target, source.join(format!("link-{number}"))).expect("links can be made");
        symlink(target, source.join(format!("dir/link-{number}"))).expect("links can be made");
    }
    fs::write(source.join("names"), NAMES).expect("memory is large enough");
    let mut daemon = end_to_end::own_daemon::OwnDaemon::serving(&source);
    let ways: &[&[&str]] = &[
        &[""],
        &["link-0/"],
        &["link-0/secret", "file"],
        &["link-4/dir/", "file"],
        &["dir/../../outside/secret", "file"],
        &["../outside/secret"],
        &["..//../outside/"],
        &["link-*/secret", "file"],
        &["link-*/*", "*/link-*/*", "fil?"],
        &["./../outside/./secret"],
        &["link-9/outside/"],
        &["file/../../outside/secret"],
        &["dir/link-0/dir/./secret"],
    ];
    let mut came = 0;
    for options in [
        &["-a"][..],
        &["-aL"],
        &["-ak"],
        &["-a", "--copy-unsafe-links"],
        &["-aR"],
        &["-aRL"],
        &["-aLc"],
        &["-aLX"],
        &["-a", "--munge-links", "-L"],
        &["-a", "--files-from=:/names"],
        &["-aL", "--files-from=:/names"],
        &["-aL", "--files-from=:/link-1"],
        &["-aL", "--files-from=:/../outside/secret"],
        &["-a", "-f", ": /../outside/secret"],
        &["-a", "-f", ":- link-1"],
        &["-aL", "--copy-dest=../../outside"],
    ] {
        for paths in ways {
            let into = scratch.directory(&format!("into-{came}"));
            came += 1;
            let run = paths.iter().fold(Program::rsync().invoke("pull", options), |run, path| {
                run.arg(daemon.url(&format!("tree/{path}")))
            });
            let run = run.arg(&into).run();
            let found = Snapshot::take(&into).entries;
            for (path, entry) in &found {
                if !matches!(entry.kind, Kind::File { .. }) {
                    continue;
                }
                let content = fs::read(into.join(String::from_utf8_lossy(path).as_ref())).expect("it came");
                assert!(
                    content == b"inside" || content == NAMES.as_bytes(),
                    "{options:?} {paths:?}: {} came from outside\n{run}",
                    path.escape_ascii()
                );
            }
            assert!(
                !run.stdout.contains("SECRET") && !run.stderr.contains("SECRET"),
                "{options:?} {paths:?}\n{run}"
            );
            fs::remove_dir_all(&into).expect("it is there");
        }
        daemon.assert_runs();
    }
    let into = scratch.join("last");
    let _ = Program::rsync().pull(&["-a"], &daemon.url("tree/"), &into).expect(0);
    assert_eq!(fs::read(into.join("dir/file")).expect("it came"), b"inside");
    let _ = daemon.stop();
}
