//! Lists of modules in which something stands that has no place there.

use end_to_end::run::Program;
use end_to_end::scripted::{ScriptedServer, Shape, Tale};
use end_to_end::server::Server;

use crate::count;
use crate::rows::{LIMIT, PROTOCOL, REFUSED};

fn listing(reply: &str) -> Tale {
    let mut tale = Tale::honest(Shape::RECENT);
    tale.reply = reply.as_bytes().to_vec();
    tale
}

/// What is said in place of a list of modules, and what comes as near to it as honesty allows.
fn tell(what: &str, lie: &str, twin: &str, code: i32, says: &str) {
    if count::twin(what, &["list"], || listing(twin)) | count::lie(what, &["list"], &listing(lie)) {
        return;
    }
    let list = |reply| Program::deployer().list(&[], &ScriptedServer::telling(listing(reply)).url(""));
    let outcome = list(twin);
    assert_eq!(outcome.code(), 0, "the twin of {what}\n{outcome}");
    let outcome = list(lie);
    assert_eq!(outcome.code(), code, "{what}\n{outcome}");
    assert!(outcome.stderr.contains(says), "{what}\n{outcome}");
}

#[test]
pub fn of_modules() {
    let module = "module         \tcomment\n";
    let end = "@RSYNCD: EXIT\n";
    tell(
        "a transfer in place of a listing",
        &format!("{module}@RSYNCD: OK\n"),
        &format!("{module}{end}"),
        PROTOCOL,
        "a transfer in place of a listing",
    );
    tell(
        "a password for a listing",
        "@RSYNCD: AUTHREQD challenge\n",
        end,
        PROTOCOL,
        "a password to list its modules",
    );
    tell(
        "a listing of 501 lines",
        &format!("{}{end}", module.repeat(499)),
        &format!("{}{end}", module.repeat(498)),
        LIMIT,
        "the message of the day",
    );
    tell(
        "a listing that is refused",
        &format!("{module}@ERROR: not today\n"),
        &format!("{module}ERROR: not today\n{end}"),
        REFUSED,
        "not today",
    );
}
