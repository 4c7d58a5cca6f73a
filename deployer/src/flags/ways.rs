//! The way to the server: a remote shell, a socket, TLS.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::Options;
use rsync_proto::options::RemoteArguments;

use crate::model::Ways;

/// Adds the options.
pub(super) fn arguments(parser: Parser) -> Parser {
    let text = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help)
    };
    let file =
        |id: &'static str, help: &'static str| text(id, "FILE", help).value_parser(value_parser!(PathBuf));
    parser
        .arg(
            text(
                "rsh",
                "COMMAND",
                "Reach HOST:PATH by this remote shell [default: RSYNC_RSH, or ssh]; with HOST::MODULE, it starts the \
                 daemon, too",
            )
            .short('e'),
        )
        .arg(text(
            "rsync-path",
            "PROGRAM",
            "What the remote shell runs, with words for the shell over there: \"sudo rsync\" [default: rsync]",
        ))
        .arg(
            Arg::new("secluded-args")
                .long("secluded-args")
                .visible_alias("protect-args")
                .short('s')
                .help("Tell the server behind a remote shell what to send where no shell sees it")
                .action(ArgAction::SetTrue)
                .overrides_with("no-secluded-args"),
        )
        .arg(
            Arg::new("no-secluded-args")
                .long("no-secluded-args")
                .aliases(["no-protect-args", "no-s"])
                .action(ArgAction::SetTrue)
                .overrides_with("secluded-args")
                .hide(true),
        )
        .arg(
            text("unix-socket", "PATH", "Reach the daemon by this socket of this machine; HOST is only a name then")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(file("tls-ca", "For rsyncs://: trust the authorities in FILE (PEM) in place of the system's"))
        .arg(file("tls-cert", "For rsyncs://: the own certificate (PEM), where the server wants one"))
        .arg(file("tls-key", "The key of --tls-cert (PEM), if it is not in the same file"))
}

/// What was typed of them.
pub(super) fn read(matches: &ArgMatches, options: &mut Options) -> Ways {
    let text = |id: &str| matches.get_one::<String>(id).cloned();
    let path = |id: &str| matches.get_one::<PathBuf>(id).cloned();
    if matches.get_flag("secluded-args") {
        options.transport.remote_arguments = RemoteArguments::Secluded;
    }
    Ways {
        rsh: text("rsh"),
        rsync_path: text("rsync-path"),
        unix_socket: path("unix-socket"),
        tls_ca: path("tls-ca"),
        tls_cert: path("tls-cert"),
        tls_key: path("tls-key"),
    }
}

/// An option that a description cannot have, and why: who writes it is not who runs programs and opens sockets here.
pub(super) fn misplaced(ways: &Ways) -> Option<(&'static str, &'static str)> {
    let program =
        "a description starts no programs: images come from a daemon, as rsync://, rsyncs:// or host::module";
    if ways.rsh.is_some() {
        return Some(("--rsh (-e)", program));
    }
    if ways.rsync_path.is_some() {
        return Some(("--rsync-path", program));
    }
    let socket = "it would lead to whatever listens on the machine that is deployed";
    ways.unix_socket.is_some().then_some(("--unix-socket", socket))
}
