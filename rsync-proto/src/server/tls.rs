//! How a server speaks TLS (feature `tls`).

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use crate::error::Result;
use crate::trust::{TlsOptions, provider, setup, unfit};

/// How a server speaks TLS: versions 1.2 and 1.3.
#[derive(Clone)]
pub struct ServerTls(pub(super) Arc<ServerConfig>);

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

impl ServerTls {
    /// With this certificate and key. Where authorities are named, only clients with a certificate of theirs are let in.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsFault::Setup`](crate::error::TlsFault::Setup): there is no certificate, or what is given cannot be used.
    pub fn new(options: &TlsOptions) -> Result<Self> {
        let none =
            || setup("a server with TLS has a certificate (--tls-cert) and its key (--tls-key)".to_owned());
        let (chain, key) = options.own()?.ok_or_else(none)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.to_string()))?;
        let builder = match options.roots()? {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
                let verifier =
                    verifier.map_err(|error| setup(format!("the authorities (--tls-ca): {error}")))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(chain, key).map_err(|error| unfit(&error))?;
        Ok(Self(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, TlsFault};

    #[test]
    fn what_is_given_has_to_be_of_use() {
        let text = || Some(b"nothing".to_vec());
        for (options, part) in [
            (TlsOptions::default(), "has a certificate"),
            (TlsOptions { certificate: text(), ..Default::default() }, "given together"),
            (TlsOptions { key: text(), ..Default::default() }, "given together"),
            (TlsOptions { certificate: text(), key: text(), ..Default::default() }, "no certificate in PEM"),
        ] {
            let error = ServerTls::new(&options).unwrap_err();
            assert!(matches!(error, Error::Tls { fault: TlsFault::Setup, .. }), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
