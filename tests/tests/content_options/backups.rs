//! What is kept of what is replaced.

use std::fs;

use end_to_end::run::Program;
use end_to_end::starts::{Start, alike, pulls_alike};

use super::everywhere;

#[test]
fn backup() {
    everywhere(&["-a", "-b"]);
    everywhere(&["-a", "--backup-dir=../kept"]);
    alike(Start::Older, true, &["-a", "-b", "--suffix=.old"]);
    alike(Start::Older, true, &["-a", "--backup-dir=.kept", "--suffix=.old"]);
    alike(Start::Older, true, &["-aH", "-b", "--force"]);
    alike(Start::Older, false, &["-a", "-b", "-n"]);
    // Twice: the backups of the first time are replaced.
    let (pair, _) = alike(Start::Older, false, &["-a", "-b"]);
    fs::write(pair.source().join("a/two"), b"another\n").expect("memory is large enough");
    pulls_alike(&pair, "twice", &["-a", "-b"]);
}

#[test]
fn backups_of_everything_that_is_replaced() {
    let (pair, _) = alike(Start::Older, true, &["-a", "--backup-dir=../kept", "--delete"]);
    let [rsync, _] = Program::both();
    // Both put them into the same place beside their destinations, one after the other.
    assert!(pair.destination(&rsync).join("../kept/a/two").exists());
    for options in
        [&["-a", "--backup-dir=kept", "--delete", "--exclude=/kept"][..], &["-a", "-b", "--delete"]]
    {
        alike(Start::Older, true, options);
        alike(Start::Same, true, options);
    }
}
