//! Certificates and keys for TLS, as clients and servers are given them (feature `tls`).

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result, TlsFault};

/// Certificates and keys for TLS, in PEM. The key is not shown in debug output.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Authorities that are trusted: to a client, in place of the system's; to a server, for the certificates that it wants
    /// of its clients.
    pub authorities: Option<Vec<u8>>,
    /// The own certificate, with those that lead from it to its authority behind it.
    pub certificate: Option<Vec<u8>>,
    /// The key of the own certificate: PKCS #1, PKCS #8 or SEC1, without a password.
    pub key: Option<Vec<u8>>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions").field("has_key", &self.key.is_some()).finish_non_exhaustive()
    }
}

/// An own certificate, with those behind it, and its key.
pub(crate) type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl TlsOptions {
    /// The own certificate and key, where there are any.
    pub(crate) fn own(&self) -> Result<Option<Own>> {
        match (&self.certificate, &self.key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, "the own certificate (--tls-cert)")?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| setup(format!("the own key (--tls-key) is no key in PEM: {error}")))?;
                Ok(Some((chain, key)))
            }
            _ => {
                let both = "a certificate (--tls-cert) and its key (--tls-key) are given together";
                Err(setup(both.to_owned()))
            }
        }
    }

    /// The authorities that are trusted, where some are named.
    pub(crate) fn roots(&self) -> Result<Option<RootCertStore>> {
        let Some(pem) = &self.authorities else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        for one in certificates(pem, "the authorities (--tls-ca)")? {
            roots.add(one).map_err(|error| setup(format!("an authority (--tls-ca): {error}")))?;
        }
        Ok(Some(roots))
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(setup(format!("{what}: there is no certificate in PEM (-----BEGIN CERTIFICATE-----)"))),
        Err(error) => Err(setup(format!("{what}: {error}"))),
    }
}

/// What is given cannot be used.
pub(crate) fn setup(detail: String) -> Error {
    Error::Tls { address: String::new(), fault: TlsFault::Setup, detail }
}

/// What does the arithmetic.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What a certificate and key come to that do not fit each other.
pub(crate) fn unfit(error: &rustls::Error) -> Error {
    setup(format!("the own certificate (--tls-cert) and key (--tls-key) do not fit: {error}"))
}
