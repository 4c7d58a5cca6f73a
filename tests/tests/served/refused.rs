//! What clients of rsync ask for and a read-only daemon does not do: it says so, and leaves everything as it is.

use end_to_end::run::{Outcome, Program};
use end_to_end::server::Server;
use end_to_end::snapshot::Snapshot;

use crate::field::{Field, Job};

/// The client fails, the source stays, and somebody says why.
#[track_caller]
fn refused(field: &Field, what: &str, run: impl Fn(&dyn Server) -> Outcome) {
    let before = Snapshot::take(&field.source());
    let [rsync, own] = [&field.rsync as &dyn Server, &field.own].map(run);
    assert_ne!(rsync.code(), 0, "{what}: rsync's own daemon was expected to refuse\n{rsync}");
    assert_ne!(own.code(), 0, "{what}\n{own}\n{}", field.own.said());
    let said = own.stderr.lines().filter(|line| !line.starts_with("rsync error: ")).count();
    assert!(said > 0, "{what}: a reason was expected\n{own}");
    end_to_end::diff::assert_same(what, &before, &Snapshot::take(&field.source()));
}

#[test]
fn what_would_write() {
    let field = Field::new();
    let gift = field.scratch.file("gift", "a gift", 0o644);
    for options in [&["-a"][..], &["-a", "--delete"], &["-an"], &["-a", "--protocol=30"]] {
        refused(&field, "a push", |server| {
            Program::rsync().invoke("", options).arg(&gift).arg(server.url("tree/")).run()
        });
    }
    field.clear();
    refused(&field, "--remove-source-files", |server| {
        Program::rsync().pull(
            &["-a", "--remove-source-files"],
            &server.url("tree/"),
            &field.destinations()[0],
        )
    });
}

#[test]
fn what_nobody_knows() {
    let field = Field::new();
    for option in ["-M--no-such-option", "-M--log-file=/tmp/no-such-log", "-M--config=x"] {
        field.clear();
        refused(&field, option, |server| {
            Program::rsync().pull(&["-a", option], &server.url("tree/"), &field.destinations()[0])
        });
    }
    assert!(!std::path::Path::new("/tmp/no-such-log").exists());
}

/// Either as with rsync's daemon, or refused in words.
#[test]
fn what_may_be_missing() {
    let field = Field::new();
    for options in [
        &["-a", "--iconv=utf-8,latin1"][..],
        &["-aX", "-M--fake-super"],
        &["-a", "--copy-devices"],
        &["-a", "--protocol=29"],
        &["-a", "--protocol=28"],
        &["-aH", "--protocol=29"],
        &["-a", "--no-inc-recursive", "--protocol=27"],
        &["-a", "--ignore-errors", "-M--omit-dir-times"],
        &["-aN"],
        &["-a", "--checksum-choice=none"],
        &["-a", "--delete-missing-args"],
    ] {
        field.clear();
        let [rsync, own] = field.run(&Job::rsync(options));
        if own.code() == 0 {
            assert_eq!(rsync.code(), 0, "{options:?}\n{rsync}\n{own}");
            let [theirs, ours] = field.pictures();
            end_to_end::diff::assert_same(&format!("{options:?}"), &theirs, &ours);
        } else {
            let reason = own.stderr.lines().any(|line| !line.starts_with("rsync error: "));
            assert!(reason && !own.stderr.contains("unexpectedly closed"), "{options:?}\n{own}");
        }
    }
}
