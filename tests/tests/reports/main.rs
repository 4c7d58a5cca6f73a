//! What a pull says: lines of changes, names, figures, listings and log files are rsync's, on equal starts.
//!
//! Here: the trees, and how what two programs said is compared.

mod formats;
mod lines;
mod listings;
mod logs;
mod output;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::{Outcome, Program};

/// A little of everything but devices, which rsync counts among the links.
fn fill(source: &Path) {
    let write =
        |name: &str, content: &[u8]| fs::write(source.join(name), content).expect("memory is large enough");
    fs::create_dir_all(source.join("dir/deeper")).expect("a new directory can be made");
    write("a", b"hello\n");
    write("empty", b"");
    write("large", &vec![7; 300_000]);
    write("gr\u{fc}n", b"y");
    write("line\u{1}\u{1b}\nfeed", b"x");
    write("back\\#012slash", b"x");
    write("dir/b", b"world\n");
    write("dir/deeper/c", b"below\n");
    fs::hard_link(source.join("a"), source.join("hard")).expect("a link can be made");
    symlink("a", source.join("link")).expect("a link can be made");
    let fifo = Command::new("mkfifo").arg(source.join("fifo")).status().expect("mkfifo is installed");
    assert!(fifo.success(), "a FIFO can be made");
    age(source, &["a", "dir/b", "dir/deeper", "dir"], 0);
}

/// Gives files times of their own.
fn age(source: &Path, names: &[&str], days: u32) {
    for name in names {
        let date = format!("2020-01-{:02} 12:00:00", 1 + days);
        let touch = Command::new("touch").args(["-h", "-d", &date]).arg(source.join(name)).status();
        assert!(touch.expect("touch is installed").success(), "{name} can be touched");
    }
}

/// Content, mode, time and target of something change each.
fn change(source: &Path) {
    fs::write(source.join("dir/b"), b"another world\n").expect("memory is large enough");
    fs::write(source.join("dir/new"), b"new\n").expect("memory is large enough");
    fs::set_permissions(source.join("empty"), PermissionsExt::from_mode(0o600)).expect("modes can be set");
    fs::remove_file(source.join("link")).expect("it is there");
    symlink("empty", source.join("link")).expect("a link can be made");
    age(source, &["fifo", "dir"], 3);
}

/// Standard output without what is a matter of luck, sorted.
fn lines(outcome: &Outcome, program: &Program) -> Vec<String> {
    let mut lines: Vec<String> = outcome.sorted_lines().iter().map(|line| masked(line, program)).collect();
    lines.sort_unstable();
    lines
}

fn masked(line: &str, program: &Program) -> String {
    let until = |word: &str| line.find(word).map(|at| line[..at + word.len()].to_owned());
    for (begin, word) in [
        ("sent ", "sent "),
        ("total size is ", "speedup is "),
        ("Total bytes ", ": "),
        ("File list ", ": "),
        ("sending daemon args", ": "),
        ("opening tcp connection", "port "),
    ] {
        if line.starts_with(begin) {
            return until(word).unwrap_or_else(|| line.to_owned());
        }
    }
    // Each has its own destination.
    match line.strip_prefix("created directory ") {
        Some(path) if path.ends_with(&format!("/{}", program.name())) => "created directory X".to_owned(),
        _ => line.to_owned(),
    }
}

fn compare(pair: &Pair, options: &[&str], what: &str) {
    let outcomes = pair.pull(options);
    let [rsync, deployer] = Program::both();
    let expected = lines(&outcomes.rsync, &rsync);
    let found = lines(&outcomes.deployer, &deployer);
    assert_same_lines(&format!("{options:?}, {what}"), &expected, &found);
}

/// From nothing, onto an older tree, and onto the same one.
fn alike(options: &[&str]) {
    let pair = Pair::new(fill);
    compare(&pair, options, "from nothing");
    pair.prepare();
    change(&pair.source());
    compare(&pair, options, "onto an older tree");
    pair.prepare();
    compare(&pair, options, "onto the same tree");
}
