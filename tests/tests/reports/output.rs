//! Where output goes and what never comes there: greetings, other streams, bytes that are no text, words that name no
//! topic.

use std::fs;

use end_to_end::daemon::{Module, Plan};
use end_to_end::pair::Pair;
use end_to_end::run::Program;
use end_to_end::server::Server;

use super::fill;

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
