//! What a pull says: lines of changes, names, figures, listings and log files are rsync's, on equal starts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use end_to_end::daemon::{Module, Plan};
use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;

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

#[test]
fn itemized() {
    alike(&["-a", "-i"]);
}

#[test]
fn itemized_with_what_is_the_same() {
    alike(&["-a", "-ii"]);
}

#[test]
fn itemized_with_hard_links() {
    alike(&["-aH", "-ii"]);
}

#[test]
fn itemized_without_times() {
    alike(&["-r", "-i"]);
}

#[test]
fn itemized_with_sums() {
    alike(&["-ac", "-ii"]);
}

#[test]
fn itemized_in_a_dry_run() {
    alike(&["-an", "-ii", "-v"]);
}

#[test]
fn names() {
    alike(&["-av"]);
}

#[test]
fn names_of_all() {
    alike(&["-avv"]);
}

#[test]
fn names_of_all_with_hard_links() {
    alike(&["-aHvv"]);
}

#[test]
fn names_without_what_is_skipped() {
    alike(&["-rv"]);
    alike(&["-rv", "--info=nonreg0"]);
}

#[test]
fn names_with_a_whole_list() {
    alike(&["-av", "--no-i-r"]);
    alike(&["-a", "--no-i-r", "--info=flist2"]);
}

#[test]
fn names_and_codes() {
    alike(&["-aHvi"]);
    alike(&["-aivv"]);
}

#[test]
fn nothing() {
    alike(&["-a"]);
    alike(&["-aq", "-i"]);
}

#[test]
fn verbosity_can_be_taken_back() {
    alike(&["-av", "--no-v"]);
    alike(&["-ai", "--no-i", "-v"]);
}

#[test]
fn topics_alone() {
    alike(&["-a", "--info=name"]);
    alike(&["-a", "--info=name2"]);
    alike(&["-a", "--info=stats"]);
    alike(&["-av", "--info=name0,stats0"]);
    alike(&["-ai", "--info=NAME2"]);
}

#[test]
fn topics_all_and_none() {
    alike(&["-av", "--info=none"]);
    alike(&["-avv", "--info=none,name,flist"]);
    alike(&["-a", "--info=all1,progress0"]);
}

#[test]
fn inside() {
    alike(&["-a", "--debug=connect"]);
    alike(&["-aWvv"]);
}

#[test]
fn figures() {
    alike(&["-a", "--stats"]);
    alike(&["-av", "--stats"]);
}

#[test]
fn figures_of_an_older_protocol() {
    alike(&["-a", "--stats", "--protocol=30"]);
}

#[test]
fn figures_in_units() {
    alike(&["-a", "--stats", "-h"]);
    alike(&["-a", "--stats", "-hh"]);
    alike(&["-av", "-h", "--no-h"]);
    alike(&["-a", "--stats", "--no-h"]);
}

#[test]
fn formats_with_names() {
    alike(&["-a", "--out-format=%n"]);
    alike(&["-av", "--out-format=[%f]%L"]);
    alike(&["-aH", "--out-format=%o %n%L"]);
    alike(&["-a", "--log-format=%n %l %'l %''l %'''l"]);
}

#[test]
fn formats_with_codes() {
    alike(&["-aH", "--out-format=%i|%n|%L|%B|%M"]);
    alike(&["-a", "-ii", "--out-format=%n %i"]);
}

#[test]
fn formats_with_widths() {
    alike(&["-aH", "--out-format=%12l|%-12l|%20n|%-20n|%30L|%-30L|%3o|%15i|%5m|"]);
}

#[test]
fn formats_with_owners() {
    alike(&["-a", "--numeric-ids", "--out-format=%U %G %5U %-8G|"]);
    alike(&["-rlt", "--out-format=%n %U %G"]);
}

#[test]
fn formats_with_bytes() {
    alike(&["-a", "--out-format=%n %b %'b %10b %c"]);
    alike(&["-a", "--no-W", "-I", "--out-format=%n %b"]);
    alike(&["-an", "--out-format=%n %b"]);
}

#[test]
fn formats_with_sums() {
    alike(&["-a", "--out-format=%n %C|"]);
    alike(&["-ac", "--out-format=%n %C|"]);
    alike(&["-acn", "--out-format=%40C|%n"]);
    alike(&["-a", "--checksum-choice=md5", "--out-format=%n %C|"]);
    alike(&["-a", "--checksum-choice=xxh64", "--out-format=%n %C|"]);
}

#[test]
fn formats_with_what_is_no_escape() {
    alike(&["-a", "--out-format=%n %% %z %a %h %P %u %5q 100%"]);
    alike(&["-a", "--out-format=%%n %'%n %-5%"]);
}

#[test]
fn formats_with_dates() {
    let pair = Pair::new(fill);
    let outcomes = pair.pull(&["-a", "--out-format=%t %p"]);
    for line in outcomes.deployer.stdout.lines().chain(outcomes.rsync.stdout.lines()) {
        let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert!(shape.starts_with("9999/99/99 99:99:99 9"), "{line}");
    }
}

/// rsync lets control characters through to its log files.
fn logged(pair: &Pair, options: &[&str], what: &str) {
    let [expected, found] = Program::both().map(|program| {
        let file = pair.scratch().join(&format!("log-{}", program.name()));
        let option = format!("--log-file={}", file.display());
        let options = [options, &[&option]].concat();
        let _ = program.pull(&options, &pair.daemon().url("tree/"), &pair.destination(&program)).expect(0);
        let text = fs::read_to_string(&file).expect("a log is written");
        fs::remove_file(&file).expect("it is there");
        let text = text.replace("\u{1}\u{1b}\nfeed", "\\#001\\#033\\#012feed");
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                let (date, rest) = line.split_at(19);
                let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
                assert_eq!(shape, "9999/99/99 99:99:99", "{line}");
                let (pid, rest) = rest.split_once("] ").expect("a process id is in brackets");
                assert!(pid[2..].bytes().all(|digit| digit.is_ascii_digit()), "{line}");
                masked(rest, &program)
            })
            .collect();
        lines.sort_unstable();
        lines
    });
    assert_same_lines(&format!("log of {options:?}, {what}"), &expected, &found);
}

fn logged_alike(options: &[&str]) {
    let pair = Pair::new(|source| {
        fill(source);
        fs::remove_file(source.join("back\\#012slash")).expect("it is there");
    });
    logged(&pair, options, "from nothing");
    pair.prepare();
    change(&pair.source());
    logged(&pair, options, "onto an older tree");
    pair.prepare();
    logged(&pair, options, "onto the same tree");
}

#[test]
fn logs_of_quiet_pulls() {
    logged_alike(&["-a"]);
    logged_alike(&["-aq"]);
}

#[test]
fn logs_of_pulls_that_say_something() {
    logged_alike(&["-av"]);
    logged_alike(&["-aHi"]);
    logged_alike(&["-aii"]);
    logged_alike(&["-r", "--stats"]);
}

#[test]
fn logs_in_a_form_of_their_own() {
    logged_alike(&["-aH", "--log-file-format=%o %f %l"]);
    logged_alike(&["-ai", "--log-file-format=%n"]);
    logged_alike(&["-a", "--log-file-format="]);
    logged_alike(&["-a", "--out-format=%n", "--log-file-format=%i %n"]);
}

#[test]
fn logs_are_appended_to_and_tell_failures() {
    let pair = Pair::new(fill);
    let file = pair.scratch().file("log", "before\n", 0o644);
    let option = format!("--log-file={}", file.display());
    let program = Program::deployer();
    let url = pair.daemon().url("nosuchmodule/");
    let _ = program.pull(&["-a", &option], &url, &pair.destination(&program)).expect(5);
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.starts_with("before\n") && text.contains("] deployer: the server refused"), "{text}");
    let outcome = program.pull(&["-a", "--log-file=/nonexistent/log"], &url, &pair.destination(&program));
    assert!(outcome.expect(11).stderr.contains("cannot open the log file /nonexistent/log"), "it is named");
}

fn listed_alike(options: &[&str]) {
    let pair = Pair::new(fill);
    let [expected, found] = Program::both().map(|program| {
        let outcome = program.invoke("pull", options).arg(pair.daemon().url("tree/")).run().expect(0);
        lines(&outcome, &program)
    });
    assert!(!expected.is_empty() || options.contains(&"-q"), "{options:?} was expected to list something");
    assert_same_lines(&format!("listing with {options:?}"), &expected, &found);
}

#[test]
fn listings_without_a_destination() {
    listed_alike(&[]);
    listed_alike(&["-r"]);
    listed_alike(&["-a"]);
    listed_alike(&["-rc", "-i"]);
    listed_alike(&["-r", "-q"]);
}

#[test]
fn listings_with_numbers() {
    listed_alike(&["-a", "-h"]);
    listed_alike(&["-a", "-hh"]);
    listed_alike(&["-a", "--no-h"]);
}

#[test]
fn listings_with_more() {
    listed_alike(&["-av"]);
    listed_alike(&["-rv", "--no-i-r"]);
    listed_alike(&["-r", "--stats"]);
    listed_alike(&["-r", "--out-format=%n", "--info=flist"]);
}

#[test]
fn listings_leave_a_destination_alone() {
    let pair = Pair::new(fill);
    for program in Program::both() {
        let destination = pair.destination(&program);
        let outcome =
            program.pull(&["-a", "--list-only"], &pair.daemon().url("tree/"), &destination).expect(0);
        assert!(outcome.stdout.contains("link -> a"), "{outcome}");
        assert!(!destination.exists(), "{outcome}");
    }
}

#[test]
fn greetings_can_be_left_out() {
    let pair = Pair::new(fill);
    let greeting = pair.scratch().file("motd", "welcome\nto all\n", 0o644);
    let plan = Plan::new().with(&format!("motd file = {}", greeting.display()));
    let daemon = plan.serve(Module::new("tree", &pair.source())).start();
    for (options, greets) in [(&["-a"][..], true), (&["-a", "--no-motd"], false), (&["-aq"], false)] {
        for program in Program::both() {
            let outcome = program.pull(options, &daemon.url("tree/"), &pair.destination(&program)).expect(0);
            assert_eq!(outcome.stdout.contains("welcome\nto all\n"), greets, "{outcome}");
        }
    }
    let outcome = Program::deployer().list(&["--no-motd"], &daemon.url("")).expect(1);
    assert!(outcome.stderr.contains("--no-motd"), "{outcome}");
}

/// Standard error instead of output; names in another encoding.
#[test]
fn output_goes_where_it_is_wanted() {
    let pair = Pair::new(fill);
    let program = Program::deployer();
    let pull = |options: &[&str]| {
        program.pull(options, &pair.daemon().url("tree/"), &pair.destination(&program)).expect(0)
    };
    for option in ["--stderr=all", "--msgs2stderr"] {
        let outcome = pull(&["-aii", option]);
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains("dir/b\n"), "{outcome}");
    }
    for option in
        ["--stderr=errors", "--stderr=c", "--no-msgs2stderr", "--outbuf=L", "--outbuf=B", "--outbuf=N"]
    {
        let outcome = pull(&["-aii", option]);
        assert!(outcome.stdout.contains("dir/b\n"), "{outcome}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;

    let pair = Pair::new(|source| {
        let name = std::ffi::OsStr::from_bytes(b"gr\xfcn\x01");
        fs::write(source.join(name), b"x").expect("memory is large enough");
    });
    for (options, shown) in [(&["-ai"][..], "gr\\#374n\\#001"), (&["-aii", "-8"], "gr\u{fffd}n\\#001")] {
        for program in Program::both() {
            let url = pair.daemon().url("tree/");
            let outcome = program.pull(options, &url, &pair.destination(&program)).expect(0);
            assert!(outcome.stdout.contains(shown), "{outcome}");
            let outcome = program.invoke("pull", &options[1..]).arg("-r").arg(&url).run().expect(0);
            assert!(outcome.stdout.contains(shown), "{outcome}");
        }
    }
}

#[test]
fn topics_that_make_no_sense_are_named() {
    let pair = Pair::new(fill);
    for (option, part) in [
        ("--info=foo", "--info knows no \"foo\""),
        ("--debug=foo", "--debug knows no \"foo\""),
        ("--debug=hash2", "--debug=hash would show insides of rsync that are not here"),
        ("--outbuf=X", "--outbuf takes"),
        ("--stderr=x", "--stderr takes"),
        ("--log-file-format=%n", "of no use without --log-file"),
    ] {
        let program = Program::deployer();
        let outcome = program.pull(&["-a", option], &pair.daemon().url("tree/"), &pair.destination(&program));
        assert!(outcome.expect(1).stderr.contains(part), "{option}");
    }
    for option in ["--info=help", "--debug=help"] {
        let outcome = Program::deployer().invoke("pull", &[option]).run().expect(0);
        assert!(outcome.stdout.contains("HELP"), "{outcome}");
    }
}
