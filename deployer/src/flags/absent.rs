//! Options of rsync that are not here: why, and what to use instead.

/// A long name, the letter if it has one, and the sentence about it.
const ABSENT: &[(&str, Option<char>, &str)] = &[
    (
        "blocking-io",
        None,
        "remote shells are given a socket, and may do with it what they like: leave it out",
    ),
    ("remove-source-files", None, "a pull leaves the server as it is: remove files there"),
    ("remove-sent-files", None, "a pull leaves the server as it is: remove files there"),
    ("copy-devices", None, "what is on a device is not pulled: let the server have it as a file"),
    ("write-devices", None, "devices are not written to: pull into a file, and write that with dd"),
    (
        "delete-missing-args",
        None,
        "what is missing on the server goes with --delete, or is passed over with --ignore-missing-args",
    ),
    ("crtimes", Some('N'), "Linux cannot set the time at which a file was made"),
    ("copy-as", None, "run the program as that user, for example with setpriv"),
    ("max-alloc", None, "memory is bounded by limits of its own"),
    ("trust-sender", None, "the server's list is always held against what was asked for"),
    ("old-args", None, "no path is split by the shell of a server: put several sources on the command line"),
    ("address", None, "the system chooses the own address of a connection, by its routes"),
    ("sockopts", None, "sockets are set up as the system has them"),
    ("ipv4", Some('4'), "addresses of a name are tried in turn: name an IPv4 address in the URL"),
    ("ipv6", Some('6'), "addresses of a name are tried in turn: name an IPv6 address in the URL, as [::1]"),
    ("remote-option", Some('M'), "the server gets no options but those that a pull needs"),
    ("early-input", None, "a daemon's early exec gets no input from here"),
    ("stop-after", None, "run it under timeout(1): what is complete by then stays"),
    ("time-limit", None, "run it under timeout(1): what is complete by then stays"),
    ("stop-at", None, "run it under timeout(1): what is complete by then stays"),
    ("write-batch", None, "there are no batch files here: pull from a server on each machine"),
    ("only-write-batch", None, "there are no batch files here: pull from a server on each machine"),
    ("read-batch", None, "there are no batch files here: pull from a server on each machine"),
    ("iconv", None, "names are bytes and stay what they are on the server"),
    ("checksum-seed", None, "the server chooses the seed"),
    ("daemon", None, "this is a client: rsync has the daemon"),
    ("server", None, "this is a client: rsync has the server"),
    ("compress-threads", None, "content is unpacked here, not packed: the server has this option"),
    ("zt", None, "content is unpacked here, not packed: the server has this option"),
    ("insecure-links", None, "links are never followed out of the destination"),
    ("confine-root", None, "nothing is ever written outside of the destination"),
    ("drop-D", None, "leave -D out, or take it back with --no-D"),
    ("config", None, "this is a client: rsync has the daemon"),
    ("dparam", None, "this is a client: rsync has the daemon"),
    ("no-detach", None, "this is a client: rsync has the daemon"),
    ("qsort", None, "the order of the list is the protocol's"),
    ("use-qsort", None, "the order of the list is the protocol's"),
];

/// The sentence about an option that rsync has, as it was typed, with or without a value.
pub(super) fn sentence(typed: &str) -> Option<&'static str> {
    let name = typed.split('=').next().unwrap_or(typed);
    let is = |(long, short, _): &&(&str, Option<char>, &str)| match name.strip_prefix("--") {
        Some(name) => name == *long || name.strip_prefix("no-") == Some(long),
        None => {
            name.strip_prefix('-').is_some_and(|letter| short.is_some_and(|short| letter.starts_with(short)))
        }
    };
    ABSENT.iter().find(is).map(|(_, _, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_by_all_of_their_names() {
        for typed in ["--iconv", "--iconv=x", "-N", "--no-old-args", "-4", "--no-blocking-io"] {
            assert!(sentence(typed).is_some(), "{typed}");
        }
        for typed in ["--rs", "-a", "--archive", "-", "--"] {
            assert_eq!(sentence(typed), None, "{typed}");
        }
    }
}
