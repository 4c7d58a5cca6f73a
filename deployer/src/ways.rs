//! Which way leads to the server: what was typed, or else what the environment has, as rsync reads it.

use std::env;
use std::path::Path;

use rsync_proto::route::{ConnectProgram, Proxy, RemoteShell, Route};
use rsync_proto::{Error, Location, Scheme, Tls, TlsOptions};

use crate::exit::Failure;
use crate::model::Ways;

/// The way to a location.
pub(crate) fn route(location: &Location, ways: &Ways) -> Result<Route, Error> {
    choose(location, ways, |name| match env::var(name) {
        // Not to be taken for a variable that is not set: it may name the only way that is allowed.
        Err(env::VarError::NotUnicode(_)) => Err(Error::Misuse(format!("{name} is not UTF-8"))),
        found => Ok(found.ok()),
    })
}

fn choose(
    location: &Location,
    ways: &Ways,
    get: impl Fn(&str) -> Result<Option<String>, Error>,
) -> Result<Route, Error> {
    let get = |name| Ok::<_, Error>(get(name)?.filter(|value| !value.is_empty()));
    let shell = |command: &str| {
        let shell = RemoteShell::parse(command)?;
        let shell = match &ways.rsync_path {
            Some(path) => shell.remote_program(path)?,
            None => shell,
        };
        Ok::<_, Error>(Route::Shell(shell))
    };
    let route = match (&ways.unix_socket, &ways.rsh) {
        (Some(_), Some(_)) => {
            let two = "--unix-socket and -e are two ways to one server: leave one of them out";
            return Err(Error::Misuse(two.to_owned()));
        }
        (Some(path), None) => Route::Socket(path.clone()),
        (None, Some(command)) => shell(command)?,
        (None, None) if location.scheme == Scheme::Shell => {
            shell(&get("RSYNC_RSH")?.unwrap_or_else(|| "ssh".to_owned()))?
        }
        (None, None) => match (get("RSYNC_CONNECT_PROG")?, get("RSYNC_PROXY")?) {
            (Some(command), _) => Route::Program(ConnectProgram::new(command)?),
            (None, Some(proxy)) => Route::Proxy(Proxy::parse(&proxy)?),
            (None, None) => Route::Direct,
        },
    };
    route.check(location)?;
    Ok(route)
}

/// How TLS is spoken there, where it is.
pub(crate) fn tls(location: &Location, ways: &Ways) -> Result<Option<Tls>, Failure> {
    let files = [(&ways.tls_ca, "--tls-ca"), (&ways.tls_cert, "--tls-cert"), (&ways.tls_key, "--tls-key")];
    if location.scheme != Scheme::Rsyncs {
        return match files.iter().find(|(file, _)| file.is_some()) {
            Some((_, option)) => Err(Failure::usage(format!(
                "{option} is for TLS, and the server is not asked for it: write rsyncs://{}/…",
                location.host
            ))),
            None => Ok(None),
        };
    }
    let mut options = TlsOptions::default();
    options.authorities = ways.tls_ca.as_deref().map(read).transpose()?;
    options.certificate = ways.tls_cert.as_deref().map(read).transpose()?;
    // One file may have both.
    let key = ways.tls_key.as_deref().or(ways.tls_cert.as_deref());
    options.key = key.map(read).transpose()?;
    Ok(Some(Tls::new(&options)?))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(source: &str, ways: &Ways, environment: &[(&str, &str)]) -> Result<Route, Error> {
        let get =
            |name: &str| Ok(environment.iter().find(|(own, _)| *own == name).map(|(_, it)| (*it).to_owned()));
        choose(&Location::parse(source).unwrap(), ways, get)
    }

    #[test]
    fn what_is_typed_goes_before_the_environment() {
        let all = [("RSYNC_RSH", "rsh"), ("RSYNC_CONNECT_PROG", "nc %H 873"), ("RSYNC_PROXY", "p:3128")];
        let none = Ways::default();
        let typed = Ways { rsh: Some("ssh -p 22".to_owned()), ..Ways::default() };
        let socket = Ways { unix_socket: Some("/s".into()), ..Ways::default() };
        let shell = |text| Route::Shell(RemoteShell::parse(text).unwrap());
        assert_eq!(chosen("h:x", &none, &[]).unwrap(), shell("ssh"));
        assert_eq!(chosen("h:x", &none, &all).unwrap(), shell("rsh"));
        assert_eq!(chosen("h:x", &typed, &all).unwrap(), shell("ssh -p 22"));
        // The environment's remote shell is not for daemons; one that was typed is.
        assert_eq!(chosen("h::m", &none, &all[..1]).unwrap(), Route::Direct);
        assert_eq!(chosen("h::m", &typed, &all).unwrap(), shell("ssh -p 22"));
        assert!(matches!(chosen("h::m", &none, &all), Ok(Route::Program(_))));
        assert!(matches!(chosen("rsyncs://h/m", &none, &all[2..]), Ok(Route::Proxy(_))));
        assert_eq!(chosen("h::m", &none, &[("RSYNC_PROXY", "")]).unwrap(), Route::Direct);
        assert_eq!(chosen("h::m", &socket, &all).unwrap(), Route::Socket("/s".into()));
        assert!(chosen("h:x", &socket, &[]).is_err());
        assert!(chosen("rsyncs://h/m", &typed, &[]).is_err());
        assert!(chosen("h::m", &Ways { rsh: Some("ssh".to_owned()), ..socket }, &[]).is_err());
        assert!(chosen("h::m", &none, &[("RSYNC_PROXY", "http://p")]).is_err());
    }

    #[test]
    fn certificates_are_for_tls() {
        let ways = Ways { tls_ca: Some("/no/such".into()), ..Ways::default() };
        let message = |source| tls(&Location::parse(source).unwrap(), &ways).unwrap_err().message;
        assert!(message("h::m").contains("rsyncs://"), "{}", message("h::m"));
        assert!(message("rsyncs://h/m").contains("/no/such"));
    }
}
