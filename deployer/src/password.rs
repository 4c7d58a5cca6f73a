//! User and password: from a file or the environment, never from the command line, which others can read.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use rsync_proto::Location;
use rsync_proto::handshake::Credentials;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use crate::exit::Failure;
use crate::model::PullOptions;

/// Longest password, in bytes.
const MAX_PASSWORD: u64 = 512;

/// The credentials for a location, if there is a password.
pub(crate) fn credentials(location: &Location, pull: &PullOptions) -> Result<Option<Credentials>, Failure> {
    if !location.scheme.is_daemon() {
        return match &pull.password_file {
            Some(_) => Err(Failure::usage(
                "--password-file is for daemons, and a remote shell leads to none: it asks for its own password, or has a key",
            )),
            None => Ok(None),
        };
    }
    let password = match &pull.password_file {
        Some(path) if path.as_os_str() == "-" => Some(first_line(io::stdin().lock(), "standard input")?),
        Some(path) => Some(read(path)?),
        None => env::var_os("RSYNC_PASSWORD").map(|password| password.into_encoded_bytes()),
    };
    let user = location.user.clone().or_else(|| env::var("USER").ok()).or_else(|| env::var("LOGNAME").ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "nobody".to_owned());
    Ok(password.map(|password| {
        let mut credentials = Credentials::new(user, password);
        credentials.least_digest = pull.least_digest;
        credentials
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    // A link could make the first line of any file go to the server.
    first_line(open_private(path, "password file")?, &path.display().to_string())
}

/// Opens a file that nobody else may read. It is not reached through a link.
pub(crate) fn open_private(path: &Path, what: &str) -> Result<std::fs::File, Failure> {
    let shown = path.display();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty())
        .map_err(|error| Failure::usage(format!("cannot open the {what} {shown}: {error}")))?;
    let stat = fstat(&file)
        .map_err(|error| Failure::usage(format!("cannot look at the {what} {shown}: {error}")))?;
    if stat.st_mode & 0o006 != 0 {
        return Err(Failure::usage(format!(
            "the {what} {shown} is open to others; take that away with: chmod o-rw {shown}"
        )));
    }
    if rustix::process::geteuid().is_root() && stat.st_uid != 0 {
        return Err(Failure::usage(format!("the {what} {shown} must belong to root when root uses it")));
    }
    Ok(std::fs::File::from(file))
}

fn first_line(source: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    let read = BufReader::new(source.take(MAX_PASSWORD)).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::usage(format!("cannot read a password from {name}: {error}")))?;
    let end = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(line.len());
    line.truncate(end);
    if line.is_empty() {
        return Err(Failure::usage(format!("there is no password in {name}")));
    }
    Ok(line)
}
