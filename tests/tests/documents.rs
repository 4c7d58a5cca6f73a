//! What the program prints about itself: manual pages that groff takes without a warning, and completions that the
//! shells themselves read.

use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::run::{Outcome, Program};
use end_to_end::scratch::Scratch;

fn deployer(verb: &str, arguments: &[&str]) -> Outcome {
    Program::deployer().invoke(verb, arguments).run()
}

/// What a program says that is run with these arguments; it succeeds, and complains of nothing.
fn said(program: &str, arguments: &[&str]) -> String {
    // Shells make a home where there is none.
    let home = Scratch::with_size(1024);
    let output = Command::new(program).args(arguments).env("HOME", home.path()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} was expected to be installed: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {arguments:?}: {complaints}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A page as a terminal shows it, without bold and slanted letters.
fn formatted(page: &Path) -> String {
    let page = page.to_str().expect("scratch names are UTF-8");
    said("groff", &["-K", "utf8", "-man", "-Tutf8", "-ww", "-P-cbou", page])
}

fn script(scratch: &Scratch, shell: &str) -> String {
    let text = deployer("completions", &[shell]).expect(0).stdout;
    scratch.file(shell, &text, 0o644).to_str().expect("scratch names are UTF-8").to_owned()
}

#[test]
fn the_whole_manual_is_one_page() {
    let scratch = Scratch::new();
    let text = deployer("man", &[]).expect(0).stdout;
    let shown = formatted(&scratch.file("deployer.1", &text, 0o644));
    for part in
        ["NAME", "deployer pull [OPTIONS] URL... DEST", "--numeric-ids", "EXIT STATUS", "RSYNC_PASSWORD"]
    {
        assert!(shown.contains(part), "{part} was expected in:\n{shown}");
    }
}

#[test]
fn every_command_has_a_page() {
    let scratch = Scratch::new();
    let to = scratch.join("man1");
    let arguments = ["--dir", to.to_str().expect("scratch names are UTF-8")];
    // The second time, pages are replaced.
    for _ in 0..2 {
        deployer("man", &arguments).expect(0);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&to).expect("the directory was made") {
        let path = entry.expect("it can be read").path();
        let shown = formatted(&path);
        assert!(shown.contains("SYNOPSIS") && shown.contains("EXIT STATUS"), "{shown}");
        names.push(path.file_name().expect("it has a name").to_string_lossy().into_owned());
    }
    for name in ["deployer.1", "deployer-pull.1", "deployer-provision.1"] {
        assert!(names.iter().any(|it| it == name), "{name} was expected among {names:?}");
    }
    assert!(names.iter().all(|name| name.ends_with(".1")), "nothing else was expected: {names:?}");
}

#[test]
fn a_page_does_not_replace_what_is_no_file() {
    let scratch = Scratch::new();
    let to = scratch.directory("man1");
    let elsewhere = scratch.file("elsewhere", "mine", 0o644);
    std::os::unix::fs::symlink(&elsewhere, to.join("deployer.1")).expect("a link can be made");
    let outcome = deployer("man", &["--dir", to.to_str().expect("scratch names are UTF-8")]).expect(11);
    assert!(outcome.stderr.contains("no regular file"), "{outcome}");
    assert_eq!(fs::read_to_string(&elsewhere).expect("it is there"), "mine");
    assert_eq!(fs::read_dir(&to).expect("it is there").count(), 1, "no page was expected");
}

#[test]
fn bash_completes_commands_and_options() {
    let scratch = Scratch::new();
    let script = script(&scratch, "bash");
    let complete = |line: &str| {
        let body = format!(
            "source '{script}'; complete -p deployer >/dev/null; COMP_WORDS=({line}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; \
             _deployer deployer \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        said("bash", &["--norc", "--noprofile", "-c", &body])
    };
    assert_eq!(complete("deployer pu"), "pull\n");
    assert_eq!(complete("deployer pull --numeric"), "--numeric-ids\n");
    assert_eq!(complete("deployer completions z"), "zsh\n");
}

#[test]
fn fish_completes_commands_and_options() {
    let scratch = Scratch::new();
    let script = script(&scratch, "fish");
    let complete = |line: &str| {
        let body = format!("source '{script}'; complete --do-complete '{line}'");
        let shown = said("fish", &["--no-config", "-c", &body]);
        shown.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("deployer pu"), ["pull"]);
    assert_eq!(complete("deployer pull --numeric"), ["--numeric-ids"]);
}

#[test]
fn zsh_reads_its_script() {
    let scratch = Scratch::new();
    said("zsh", &["-n", &script(&scratch, "zsh")]);
}

#[test]
fn other_shells_are_refused() {
    let outcome = deployer("completions", &["csh"]).expect(1);
    assert!(outcome.stderr.contains("bash, fish, zsh"), "{outcome}");
}
