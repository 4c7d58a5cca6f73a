//! Remote shells: ssh to an sshd of the test's own, and programs in its place that end in all ways.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use end_to_end::diff::assert_same;
use end_to_end::run::{Invocation, Program};
use end_to_end::scratch::Scratch;
use end_to_end::snapshot::Snapshot;
use end_to_end::ways::Sshd;

use super::{Fixture, as_it_is};

/// A program that does what a remote shell does, on this machine: the words behind the host go to a shell.
fn local_shell(scratch: &Scratch) -> String {
    let script =
        "#!/bin/sh\nwhile [ \"$1\" = -l ]; do shift 2; done\nshift\ncd \"${AWAY:-/}\"\nexec sh -c \"$*\"\n";
    scratch.file("local-shell", script, 0o755).display().to_string()
}

#[test]
fn trees_come_by_ssh() {
    let fixture = Fixture::new();
    let sshd = Sshd::start();
    let (shell, source) = (sshd.shell(), fixture.source().display().to_string());
    let url = format!("root@127.0.0.1:{source}/");
    fixture.comes("by ssh", as_it_is, &["-e", &shell], &url);
    fixture.comes("with secluded arguments", as_it_is, &["-s", "-e", &shell], &url);
    let from_environment = |run: Invocation| run.env("RSYNC_RSH", &shell);
    fixture.comes("by RSYNC_RSH", from_environment, &[], &format!("127.0.0.1:{source}/"));
    for protocol in ["31", "32"] {
        fixture.comes(protocol, as_it_is, &["--protocol", protocol, "-e", &shell], &url);
    }
    // A daemon that ssh starts: it serves what its configuration in the home directory has, so here nothing.
    let words = ["ssh", "exit code"];
    fixture.fails(5, &words[..1], as_it_is, &["-e", &shell], "127.0.0.1::no-such-module/");
}

/// The same start, the same options, both programs: the same end.
#[test]
fn options_mean_what_they_mean_to_rsync() {
    let fixture = Fixture::new();
    let sshd = Sshd::start();
    let (shell, source) = (sshd.shell(), fixture.source().display().to_string());
    let old = fixture.scratch.directory("old");
    fs::write(old.join("gone"), "old").expect("memory is large enough");
    fs::write(old.join("large"), vec![1; 5_000_000]).expect("memory is large enough");
    let since = SystemTime::now();
    for options in [
        &["-a", "--protocol=29"][..],
        &["-aHAX"],
        &["-aHAX", "--protocol=30"],
        &["-aAX"],
        &["-aHAX", "--numeric-ids", "-z"],
        &["-az", "--zc=zlib"],
        &["-a", "--delete"],
        &["-a", "--delete-after", "--no-inc-recursive"],
        &["-ac"],
        &["-aR"],
        &["-a", "--exclude=l*"],
        &["-a", "--include=/large", "--exclude=*"],
        &["-rlt", "--chmod=D700,F600"],
        &["-a", "-n"],
        &["-a", "--max-size=1k"],
        &["-a", "--checksum-choice=md5", "--block-size=1000"],
        &["-a", "-s", "--numeric-ids"],
        &["-d"],
    ] {
        let taken = Program::both().map(|program| {
            let into = Scratch::new();
            let to = into.directory("to");
            let _ =
                Program::rsync().invoke("", &["-a", &format!("{}/", old.display())]).arg(&to).run().expect(0);
            let all = [options, &["-i", "-e", &shell]].concat();
            let outcome = program.pull(&all, &format!("root@127.0.0.1:{source}/"), &to);
            (outcome.code(), outcome.itemized(), Snapshot::take_since(&to, since))
        });
        let [rsync, deployer] = taken;
        assert_eq!(deployer.0, rsync.0, "{options:?}");
        let differ = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|line| !other.contains(line)).cloned().collect()
        };
        // Which name of a file comes first is not the same.
        if !options[0].contains('H') {
            assert_eq!(differ(&deployer.1, &rsync.1), differ(&rsync.1, &deployer.1), "{options:?}");
        }
        assert_same(&format!("{options:?}"), &rsync.2, &deployer.2);
    }
    let [rsync, deployer] = Program::both().map(|program| {
        let url = format!("127.0.0.1:{source}/");
        let verb =
            if program.name() == "rsync" { vec!["-e", &shell, "--list-only"] } else { vec!["-e", &shell] };
        program.list(&verb, &url).expect(0).sorted_lines()
    });
    assert_eq!(deployer, rsync, "listings");
}

/// Paths reach the server as they are, whatever shell reads them on the way.
#[test]
fn paths_are_not_what_a_shell_makes_of_them() {
    let fixture = Fixture::new();
    let away = fixture.scratch.directory("away");
    let shell = local_shell(&fixture.scratch);
    let names = [
        "a b", "-x", "~", "$HOME", "`id`", "$(id)", "a;b", "a'b", "a\"b", "a&b|c", "<a>", "{a,b}", "a\\b",
        "!a", "#a", "a\tb", "a\nb", "ä", "(a)",
    ];
    for name in names {
        let dir = away.join("d").join(name);
        fs::create_dir_all(&dir).expect("memory is large enough");
        fs::write(dir.join("file"), name).expect("memory is large enough");
        fs::create_dir_all(away.join(name)).expect("memory is large enough");
        fs::write(away.join(name).join("file"), name).expect("memory is large enough");
    }
    let at = away.display().to_string();
    for more in [&[][..], &["-s"]] {
        for (path, name) in
            names.iter().flat_map(|name| [(format!("d/{name}"), name), ((*name).to_owned(), name)])
        {
            let into = Scratch::new();
            let options = [&["-a", "--sandbox", "-e", &shell], more].concat();
            let run = Program::deployer()
                .pulling(&options, &format!("h:{path}"), &into.join("to"))
                .env("AWAY", &at);
            let _ = run.run().expect(0);
            let found = fs::read_to_string(into.join("to").join(name).join("file"));
            assert_eq!(found.ok().as_deref(), Some(*name), "{path:?} {more:?}");
        }
        // Globs are for the server.
        let into = Scratch::new();
        let options = [&["-a", "-e", &shell], more].concat();
        let run = Program::deployer().pulling(&options, "h:d/a*", &into.join("to")).env("AWAY", &at);
        let _ = run.run().expect(0);
        let count = fs::read_dir(into.join("to")).expect("it came").count();
        assert_eq!(count, names.iter().filter(|name| name.starts_with('a')).count());
        // No path is the place where one arrives; further ones stand behind a colon.
        let into = Scratch::new();
        let _ =
            Program::deployer().pulling(&options, "h:", &into.join("to")).env("AWAY", &at).run().expect(0);
        assert_eq!(fs::read_dir(into.join("to")).expect("it came").count(), names.len() + 1);
        let into = Scratch::new();
        let run = Program::deployer().invoke("pull", &options).arg("h:a b").arg(":-x").arg(into.join("to"));
        let _ = run.env("AWAY", &at).run().expect(0);
        assert_eq!(fs::read_dir(into.join("to")).expect("it came").count(), 2);
    }
}

#[test]
fn a_shell_that_fails_says_why() {
    let fixture = Fixture::new();
    let sshd = Sshd::start();
    let url = format!("127.0.0.1:{}/", fixture.source().display());
    let stranger = sshd.shell_of_a_stranger();
    let words = ["Host key verification failed", "exit code 255", "could not connect or log in"];
    fixture.fails(12, &words, as_it_is, &["-e", &stranger], &url);
    let shell = sshd.shell();
    let missing = ["--rsync-path=no-such-rsync", "-e", &shell];
    fixture.fails(127, &["no-such-rsync", "exit code 127", "--rsync-path"], as_it_is, &missing, &url);
    fixture.fails(14, &["no-such-shell", "install it"], as_it_is, &["-e", "no-such-shell"], &url);
    fixture.fails(1, &["quote is not closed"], as_it_is, &["-e", "ssh 'x"], &url);
    let greeting = fixture.scratch.file("greets", "#!/bin/sh\necho Welcome to h\nexec cat\n", 0o755);
    let greeting = greeting.display().to_string();
    fixture.fails(12, &["Welcome to h", "ssh HOST true"], as_it_is, &["-e", &greeting], &url);
    for (script, code, word) in [
        ("exit 255", 12, "exit code 255"),
        ("exit 126", 126, "exit code 126"),
        ("exit 0", 12, "exit code 0"),
        ("kill -9 $$", 12, "signal 9"),
    ] {
        let file = fixture.scratch.join("ends");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("memory is large enough");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is there");
        let command = file.display().to_string();
        fixture.fails(code, &[word], as_it_is, &["-e", &command], &url);
    }
    let password = format!("--password-file={}", fixture.scratch.file("password", "x\n", 0o600).display());
    fixture.fails(1, &["--password-file is for daemons"], as_it_is, &[&password], &url);
}

/// A server that is lost is asked again, and what it was started with is gone.
#[test]
fn a_shell_that_was_lost_is_started_again() {
    let fixture = Fixture::new();
    let shell = local_shell(&fixture.scratch);
    let flaky = fixture.scratch.join("flaky");
    let script = format!(
        "#!/bin/sh\nif [ ! -e {0}.once ]; then touch {0}.once; exit 255; fi\nexec {shell} \"$@\"\n",
        flaky.display()
    );
    let flaky = fixture.scratch.file("flaky", &script, 0o755).display().to_string();
    let url = format!("h:{}/", fixture.source().display());
    fixture.comes("at the second try", as_it_is, &["--retries=1", "-e", &flaky], &url);
}

#[test]
fn a_shell_ends_with_the_client() {
    let fixture = Fixture::new();
    let told = fixture.scratch.join("told");
    let script = format!("#!/bin/sh\necho $$ >{0}.new; mv {0}.new {0}\nexec sleep 1000\n", told.display());
    let hangs = fixture.scratch.file("hangs", &script, 0o755).display().to_string();
    let into = Scratch::new();
    let mut running =
        Program::deployer().pulling(&["-a", "--sandbox", "-e", &hangs], "h:x", &into.join("to")).start();
    running.until("the program runs", || told.exists());
    let pid = fs::read_to_string(&told).expect("it is there").trim().to_owned();
    running.signal(rustix::process::Signal::TERM);
    let _ = running.wait().expect(20);
    assert!(
        !fs::exists(format!("/proc/{pid}")).expect("there is /proc"),
        "the program was expected to be gone"
    );
}
