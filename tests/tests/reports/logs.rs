//! Log files.

use std::fs;

use end_to_end::diff::assert_same_lines;
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;

use super::{change, fill, masked};

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
fn of_quiet_pulls() {
    logged_alike(&["-a"]);
    logged_alike(&["-aq"]);
}

#[test]
fn of_pulls_that_say_something() {
    logged_alike(&["-av"]);
    logged_alike(&["-aHi"]);
    logged_alike(&["-aii"]);
    logged_alike(&["-r", "--stats"]);
}

#[test]
fn in_a_form_of_their_own() {
    logged_alike(&["-aH", "--log-file-format=%o %f %l"]);
    logged_alike(&["-ai", "--log-file-format=%n"]);
    logged_alike(&["-a", "--log-file-format="]);
    logged_alike(&["-a", "--out-format=%n", "--log-file-format=%i %n"]);
}

#[test]
fn are_appended_to_and_tell_failures() {
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
