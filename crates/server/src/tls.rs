//! Connections that nobody else can read.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The chain is no PEM, or has no certificate in it.
    #[error("the certificate chain cannot be read: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The key is no PEM, or has no private key in it.
    #[error("the private key cannot be read: {reason}")]
    Key {
        /// What is wrong with it.
        reason: String,
    },
    /// The two do not go together.
    #[error("certificate and key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// A server's certificate and key, ready for use. Cheap to clone.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key, both as PEM.
    ///
    /// # Errors
    /// When either is missing or malformed, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Certificate { reason: error.to_string() })?;
        if chain.is_empty() {
            return Err(TlsError::Certificate { reason: "there is none in it".to_owned() });
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError::Key { reason: error.to_string() })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_are_read_and_others_are_refused() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert!(Tls::from_pem(chain.as_bytes(), key.as_bytes()).is_ok());
        let certificate = Tls::from_pem(b"", key.as_bytes()).expect_err("no certificate");
        assert!(matches!(certificate, TlsError::Certificate { .. }), "{certificate}");
        let no_key = Tls::from_pem(chain.as_bytes(), b"").expect_err("no key");
        assert!(matches!(no_key, TlsError::Key { .. }), "{no_key}");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        let other = other.signing_key.serialize_pem();
        assert!(Tls::from_pem(chain.as_bytes(), other.as_bytes()).is_err());
    }
}
