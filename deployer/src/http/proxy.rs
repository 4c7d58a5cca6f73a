//! The proxy that the environment names, as other programs understand it: `https_proxy` or `http_proxy` by what is asked
//! for, else `all_proxy`; not for the hosts of `no_proxy`.

use std::env;

use ureq::{Proxy, ProxyProtocol};

use super::WebError;

pub(super) fn from_environment(safe: bool) -> Result<Option<Proxy>, WebError> {
    choose(safe, |name| env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

/// `HTTP_PROXY` in capitals is none: to programs behind a web server, whoever asks can set it.
fn choose(safe: bool, get: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, WebError> {
    let names: &[&str] = if safe { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
    let all = ["all_proxy", "ALL_PROXY"];
    let Some((name, value)) = names.iter().chain(&all).find_map(|name| get(name).map(|value| (*name, value)))
    else {
        return Ok(None);
    };
    // What stands there may hold a password.
    let none = |_| WebError::Proxy(format!("{name}; write http://[USER:PASSWORD@]HOST:PORT"));
    let written = Proxy::new(&value).map_err(none)?;
    if !matches!(written.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(none(ureq::Error::InvalidProxyUrl));
    }
    let mut proxy = Proxy::builder(written.protocol()).host(written.host()).port(written.port());
    if let Some(user) = written.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = written.password() {
        proxy = proxy.password(password);
    }
    let exempt = ["no_proxy", "NO_PROXY"].iter().find_map(|name| get(name)).unwrap_or_default();
    for host in exempt.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        // A host, and all below it.
        let host = host.trim_start_matches("*.").trim_start_matches('.');
        proxy = proxy.no_proxy(host);
        if host != "*" {
            proxy = proxy.no_proxy(&format!(".{host}"));
        }
    }
    proxy.build().map(Some).map_err(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(safe: bool, variables: &[(&str, &str)]) -> Option<(String, u16)> {
        let get =
            |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let proxy = choose(safe, get).unwrap()?;
        Some((proxy.host().to_owned(), proxy.port()))
    }

    #[test]
    fn the_proxy_is_the_one_for_what_is_asked_for() {
        let both = [("http_proxy", "http://plain:3128"), ("https_proxy", "http://safe:3129")];
        assert_eq!(chosen(false, &both), Some(("plain".to_owned(), 3128)));
        assert_eq!(chosen(true, &both), Some(("safe".to_owned(), 3129)));
        assert_eq!(chosen(true, &both[..1]), None);
        assert_eq!(chosen(false, &[("HTTP_PROXY", "http://x:1")]), None);
        assert_eq!(chosen(false, &[("ALL_PROXY", "http://all:1")]), Some(("all".to_owned(), 1)));
    }

    #[test]
    fn some_hosts_are_asked_without_it() {
        let get = |name: &str| match name {
            "http_proxy" => Some("http://user:secret@proxy:3128".to_owned()),
            "no_proxy" => Some("localhost, .example.org".to_owned()),
            _ => None,
        };
        let proxy = choose(false, get).unwrap().unwrap();
        assert_eq!((proxy.username(), proxy.password()), (Some("user"), Some("secret")));
        let exempt = |uri: &'static str| proxy.is_no_proxy(&ureq::http::Uri::from_static(uri));
        assert!(exempt("http://localhost/a") && exempt("http://images.example.org/a"));
        assert!(exempt("http://example.org/a"));
        assert!(!exempt("http://example.com/a"));
    }

    #[test]
    fn what_is_no_proxy_is_not_repeated() {
        for value in ["ftp://user:secret@host", "socks5://user:secret@host"] {
            let error = choose(false, |_| Some(value.to_owned())).unwrap_err().to_string();
            assert!(error.contains("http_proxy") && !error.contains("secret"), "{error}");
        }
    }
}
