//! `deployer serve`, as it was typed.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use rsync_proto::location::DEFAULT_PORT;

use crate::exit::Failure;
use crate::model::Walls;

/// What is served, and to whom.
pub(crate) struct Serve {
    pub(crate) listen: SocketAddr,
    /// Names and directories.
    pub(crate) modules: Vec<(String, PathBuf)>,
    pub(crate) motd: Option<PathBuf>,
    pub(crate) secrets: Option<PathBuf>,
    pub(crate) tls: TlsFiles,
    pub(crate) connections: usize,
    pub(crate) per_address: usize,
    pub(crate) timeout: Duration,
    pub(crate) walls: Walls,
}

/// Files of certificates and keys, in PEM.
#[derive(Debug, Default)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) authorities: Option<PathBuf>,
}

/// A port that nobody has to be root for.
const PORT: u16 = 8730;

const HELP: &str = "\
Clients are rsync since 3.0, `deployer pull`, and all that speak version 30 to 32 of the protocol. They can read, and \
nothing else. Each NAME is a module: what it shows of DIR is all that this user can read, and no link leads out of it. A \
directory may be exchanged while it is served: whoever connects next gets the new one, but for walls of the kernel \
(--no-sandbox).

The first line on standard output says where clients connect to. Each transfer is a further line when it is over. \
SIGINT or SIGTERM: nobody else is taken, transfers have ten seconds to end, and the exit code is 0.

Anybody who reaches the address can read what is served, unless there are --secrets or --tls-ca. Nothing is encrypted \
without --tls-cert; with it, clients write rsyncs:// and reach nothing by rsync://. The lines of --secrets are user:password; \
that file and the key belong to who runs this, and others cannot read them (chmod 600).

Examples:
  An image for machines that are deployed from here:
    deployer serve --listen=10.0.0.1:873 images=/srv/images
    deployer pull -aHAX --numeric-ids rsync://10.0.0.1/images/debian-12/ /mnt
  Two directories for this machine only:
    deployer serve a=/srv/a b=/srv/b
    rsync -a rsync://127.0.0.1:8730/a/ copy/
  On any port that is free, with passwords:
    deployer serve --listen=127.0.0.1:0 --secrets=users.txt tree=.
  Behind TLS, at the port where clients look for it:
    deployer serve --listen=0.0.0.0:874 --tls-cert=chain.pem --tls-key=key.pem images=/srv/images

Exit codes:
   0  stopped by a signal, as it was meant to be
   1  usage: an option or argument that makes no sense, or a file that cannot be read
   4  the kernel has no walls, and they are demanded (--sandbox)
  10  nothing can be listened to at the address
  20  stopped by a signal, with transfers that do not end";

fn number(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).value_name(value).default_value(default).help(help);
    arg.value_parser(value_parser!(u32).range(1..))
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("FILE").help(help).value_parser(value_parser!(PathBuf))
}

pub(super) fn parser() -> Parser {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Parser::new("serve")
        .about("Serve directories to rsync clients, read-only")
        .override_usage("deployer serve [OPTIONS] NAME=DIR...")
        .args_override_self(true)
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS[:PORT]")
                .default_value("127.0.0.1:8730")
                .help(
                    "Where clients connect to; IPv6 in brackets, 0.0.0.0 and [::] for all addresses, port 0 for one \
                     that is free; without a port, 873",
                ),
        )
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .help("The port, in place of that of --listen")
                .value_parser(value_parser!(u16)),
        )
        .arg(file("secrets", "Only users with a line user:password in this file are served"))
        .arg(file("tls-cert", "Speak TLS, with this certificate and those behind it, in PEM").requires("tls-key"))
        .arg(file("tls-key", "The key of --tls-cert, in PEM, without a password").requires("tls-cert"))
        .arg(
            file("tls-ca", "Only clients with a certificate of these authorities are served, in PEM")
                .requires("tls-cert"),
        )
        .arg(file("motd", "A text for people, which each client is sent"))
        .arg(number("max-connections", "N", "64", "So many clients at a time"))
        .arg(number("max-per-address", "N", "64", "So many of them from one address"))
        .arg(number("timeout", "SECONDS", "600", "How long a client may be silent while it is waited for"))
        .arg(flag("sandbox", "Serve only within walls of the kernel (Landlock, seccomp)").overrides_with("no-sandbox"))
        .arg(flag("no-sandbox", "Do without walls of the kernel"))
        .arg(
            Arg::new("modules")
                .value_name("NAME=DIR")
                .help("A name for clients, and the directory that they read under it")
                .required(true)
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(value_parser!(OsString)),
        )
        .after_help(HELP)
}

pub(super) fn read(matches: &ArgMatches) -> Result<Serve, Failure> {
    let mut listen = address(matches.get_one::<String>("listen").expect("it has a default"))?;
    if let Some(port) = matches.get_one("port") {
        listen.set_port(*port);
    }
    let modules = matches.get_many("modules").into_iter().flatten().map(module).collect::<Result<_, _>>()?;
    let number = |name| *matches.get_one::<u32>(name).expect("it has a default");
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    Ok(Serve {
        listen,
        modules,
        motd: path("motd"),
        secrets: path("secrets"),
        tls: TlsFiles { certificate: path("tls-cert"), key: path("tls-key"), authorities: path("tls-ca") },
        connections: number("max-connections") as usize,
        per_address: number("max-per-address") as usize,
        timeout: Duration::from_secs(number("timeout").into()),
        walls: match (matches.get_flag("sandbox"), matches.get_flag("no-sandbox")) {
            (true, _) => Walls::Demanded,
            (_, true) => Walls::None,
            _ => Walls::Possible,
        },
    })
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let port_of = |text: &str| text.strip_prefix(':').and_then(|port| port.parse().ok());
    let address =
        text.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(|ip| (ip, DEFAULT_PORT).into()));
    // A port alone means this machine.
    let address = address.or_else(|| port_of(text).map(|port| (Ipv4Addr::LOCALHOST, port).into()));
    address.ok_or_else(|| {
        Failure::usage(format!(
            "--listen={text} is no address: write 127.0.0.1:{PORT}, [::1]:{PORT}, 0.0.0.0 or [::]; names are not looked up"
        ))
    })
}

fn module(typed: &OsString) -> Result<(String, PathBuf), Failure> {
    let fail = |problem: &str| {
        Err(Failure::usage(format!("\"{}\" is no module: {problem}; write NAME=DIR", typed.display())))
    };
    let bytes = typed.as_bytes();
    let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else {
        return fail("it has no =");
    };
    let Ok(name) = std::str::from_utf8(&bytes[..equals]) else { return fail("its name is not UTF-8") };
    if name.is_empty() || equals + 1 == bytes.len() {
        return fail("its name or its directory is missing");
    }
    Ok((name.to_owned(), OsString::from_vec(bytes[equals + 1..].to_vec()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(arguments: &[&str]) -> Result<Serve, Failure> {
        let matches = parser().try_get_matches_from([&["serve"], arguments].concat());
        read(&matches.map_err(|error| Failure::usage(error.to_string()))?)
    }

    #[test]
    fn addresses_have_several_forms() {
        for (typed, meant) in [
            ("127.0.0.1:99", "127.0.0.1:99"),
            ("0.0.0.0", "0.0.0.0:873"),
            ("[::1]:5", "[::1]:5"),
            ("[::]", "[::]:873"),
            ("::1", "[::1]:873"),
            (":44", "127.0.0.1:44"),
        ] {
            assert_eq!(address(typed).unwrap().to_string(), meant, "{typed}");
        }
        for typed in ["localhost", "", ":", "1.2.3.4:x", "1.2.3.4:99999"] {
            assert!(address(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn what_is_typed_is_read() {
        let serve = read_all(&["--port=0", "--timeout=5", "a=/srv/a", "b==x"]).unwrap();
        assert_eq!(serve.listen.to_string(), "127.0.0.1:0");
        assert_eq!(serve.modules, [("a".to_owned(), "/srv/a".into()), ("b".to_owned(), "=x".into())]);
        assert_eq!((serve.timeout, serve.walls), (Duration::from_secs(5), Walls::Possible));
        assert_eq!(read_all(&["--sandbox", "a=."]).unwrap().walls, Walls::Demanded);
        for wrong in [
            &[][..],
            &["--tls-cert=x", "a=."],
            &["--tls-ca=x", "a=."],
            &["/srv"],
            &["=x"],
            &["x="],
            &["--timeout=0", "a=."],
            &["--listen=x", "a=."],
        ] {
            assert!(read_all(wrong).is_err(), "{wrong:?}");
        }
    }
}
