//! What the server is told about filter rules: the same bytes as rsync's client sends.

use std::fs;
use std::path::Path;

use end_to_end::daemon::Daemon;
use end_to_end::relay::{Relay, arguments};
use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::server::Server;

/// The arguments, and the list of rules.
fn told(
    program: &Program,
    daemon: &Daemon,
    scratch: &Scratch,
    options: &[&str],
) -> (Vec<String>, Vec<String>) {
    let relay = Relay::to(daemon.address());
    let outcome = (program.invoke("pull", options))
        .arg(relay.url("tree/"))
        .arg(scratch.join("to"))
        .within(&scratch.join("rules"))
        .env("HOME", &scratch.join("rules").display().to_string())
        .run();
    let said = relay.said();
    parse(&said)
        .unwrap_or_else(|| panic!("{options:?}: no list of rules in {}\n{outcome}", said.escape_ascii()))
}

fn parse(said: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let (arguments, mut rest) = arguments(said)?;
    // Names of checksums.
    rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    let mut data = Vec::new();
    while let Some((&[a, b, c, tag], tail)) = rest.split_first_chunk::<4>() {
        let body = tail.get(..u32::from_le_bytes([a, b, c, 0]) as usize)?;
        if tag == 7 {
            data.extend_from_slice(body);
        }
        rest = &tail[body.len()..];
    }
    let mut rules = Vec::new();
    let mut data = &data[..];
    loop {
        let (len, tail) = data.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len) as usize;
        if len == 0 {
            return Some((arguments, rules));
        }
        rules.push(text(tail.get(..len)?));
        data = &tail[len..];
    }
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(dir.join(name), text).expect("a file can be written");
    }
}

/// Options by which rules are given.
const SETS: &[&[&str]] = &[
    &[],
    &["--exclude=a"],
    &["--exclude=a/"],
    &["--exclude=/a/b/**"],
    &["--exclude=+ a", "--include=- b", "--include=c"],
    &["--exclude=-a", "--exclude=- a", "--exclude=+b"],
    &["--exclude=!", "--exclude=!x", "--exclude=#x", "--exclude= a "],
    &["--exclude=a", "--exclude=!", "--exclude=b"],
    &["--exclude", ""],
    &["--exclude=/"],
    &["--exclude=a//"],
    &["--exclude=[a-z]?*"],
    &["-f", "- a", "-f", "+ b", "-f", "-_c", "-f", "+_d e"],
    &["-f", "exclude a", "-f", "include b", "-f", "exclude,s c", "-f", "include,r d"],
    &["-f", "H a", "-f", "S b", "-f", "P c", "-f", "R d"],
    &["-f", "hide a", "-f", "show b", "-f", "protect c", "-f", "risk d"],
    &["-f", "-! */", "-f", "-/ /mnt/a", "-f", "-p x", "-f", "-x user.*", "-f", "-sr y"],
    &["-f", "-!/xsrp all/", "-f", "+,prsx/! all"],
    &["-f", "- a", "-f", "!", "-f", "- b"],
    &["-f", "- a", "-f", "clear", "-f", "- b"],
    &["-f", ": .rules"],
    &["-f", "dir-merge .rules", "-f", ": .rules", "-f", ": sub/.rules", "-f", ": /.other"],
    &["-f", ":n .a", "-f", ":e .b", "-f", ":w .c", "-f", ":- .d", "-f", ":+ .e", "-f", ":enw+ .f"],
    &["-f", ":s .a", "-f", ":r .b", "-f", ":sr .c", "-f", ":p/ .d", "-f", ":x .e"],
    &["-f", ":C", "-f", "-C"],
    &["-f", ":C .ignored", "-f", "+C", "-f", "-pC"],
    &["-f", "dir-merge,- .a/"],
    &["-F"],
    &["-FF"],
    &["-FFF", "--exclude=x"],
    &["-F", "--exclude=x", "-F"],
    &["-C"],
    &["-C", "--exclude=x", "-f", ":C"],
    &["-C", "-f", "-C"],
    &["--exclude-from=lines"],
    &["--include-from=lines"],
    &["--exclude=a", "--exclude-from=lines", "--include=b"],
    &["-0", "--exclude-from=nuls"],
    &["--from0", "--exclude-from=nuls", "--no-from0", "--exclude-from=lines"],
    &["--exclude-from=lines", "-0"],
    &["-f", "merge rules"],
    &["-f", ". rules", "-f", "- z"],
    &["-f", "merge,- lines", "-f", "merge,+ lines"],
    &["-f", ".s lines-of-rules", "-f", ".p lines-of-rules", "-f", "./ lines-of-rules"],
    &["-f", ".e rules"],
    &["-f", ".w- words", "-f", ".C words"],
    &["-f", ".C"],
    &["-m", "--exclude=a"],
];

#[test]
fn the_server_hears_what_rsync_says() {
    let scratch = Scratch::new();
    let rules = scratch.directory("rules");
    let _ = scratch.directory("to");
    write(
        &rules,
        &[
            ("lines", "a\n# comment\n; comment\n\n+ b\n- c\r\n  d\nlast"),
            ("nuls", "a\nb\0#c\0\0+ d\0e"),
            ("rules", "- a\n+ b/\n. lines-of-rules\n: .nested\nH c\n"),
            ("lines-of-rules", "+ one\nexclude,p two\n"),
            ("words", "one two\n#three\tfour\n"),
            (".cvsignore", "*.mine\n"),
        ],
    );
    let daemon = Daemon::serving(&scratch.directory("source"));
    let mut heard = 0;
    for protocol in ["--protocol=32", "--protocol=31", "--protocol=30"] {
        for set in SETS.iter().filter(|set| protocol != "--protocol=31" || set.len() > 3) {
            let options = [&["-r", "-n", protocol], *set].concat();
            let rsync = told(&Program::rsync(), &daemon, &scratch, &options);
            let deployer = told(&Program::deployer(), &daemon, &scratch, &options);
            // The daemon's own letters for what a client can do differ with how the client was built.
            let flags = |arguments: &[String]| -> Vec<String> {
                arguments.iter().map(|it| it.split("e.").next().unwrap_or(it).to_owned()).collect()
            };
            assert_eq!(flags(&deployer.0), flags(&rsync.0), "{options:?}: arguments");
            let segments = |arguments: &[String]| arguments.iter().any(|it| it.contains("e.i"));
            assert_eq!(segments(&deployer.0), segments(&rsync.0), "{options:?}: incremental recursion");
            assert_eq!(deployer.1, rsync.1, "{options:?}: rules");
            heard += rsync.1.len();
        }
    }
    assert!(heard > 100, "rules were expected to be sent, not {heard}");
}

/// Both refuse the same rules, with the same exit code.
#[test]
fn what_is_no_rule_is_refused_alike() {
    let scratch = Scratch::new();
    let rules = scratch.directory("rules");
    write(&rules, &[("sided", "H a\n"), ("wrong", "- a\nwrong\n"), ("loop", ". loop\n")]);
    let daemon = Daemon::serving(&scratch.directory("source"));
    for (rule, words) in [
        ("x a", "begins with none"),
        ("excluded a", "begins with none"),
        ("-", "nothing stands behind"),
        ("-e a", "modifier 'e'"),
        ("Hs a", "modifier 's'"),
        ("-C- a", "modifier '-'"),
        (":! a", "modifier '!'"),
        ("! a", "nothing may stand behind"),
        ("clear a", "nothing may stand behind"),
        (".s sided", "sided, line 1"),
        (". wrong", "wrong, line 2"),
        (". gone", "gone cannot be read"),
    ] {
        let [rsync, deployer] = Program::both().map(|program| {
            let url = daemon.url("tree/");
            program.invoke("pull", &["-r", "-f", rule]).arg(url).arg(scratch.join("to")).within(&rules).run()
        });
        assert_eq!(deployer.code(), rsync.code(), "{rule}\n{rsync}\n{deployer}");
        let shown = deployer.to_string();
        assert!(shown.contains(words), "{rule}: {words:?} was expected in\n{shown}");
    }
}
