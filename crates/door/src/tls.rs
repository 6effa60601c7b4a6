//! TLS: a certificate and its key from files.

use std::path::Path;
use std::sync::Arc;

pub use tokio_rustls::rustls::ServerConfig as TlsConfig;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {file} for TLS: {reason}")]
pub struct TlsError {
    /// The file.
    pub file: String,
    /// The reason; nothing of a key.
    pub reason: String,
}

/// What the doors need to speak TLS, with the chain of certificates in one PEM file and the
/// private key in another.
///
/// # Errors
/// [`TlsError`] for files that cannot be read or do not belong together.
pub fn tls(certificates: &Path, key: &Path) -> Result<Arc<TlsConfig>, TlsError> {
    let failed = |file: &Path, reason: &dyn std::fmt::Display| TlsError {
        file: file.display().to_string(),
        reason: reason.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(certificates, &error))?;
    if chain.is_empty() {
        return Err(failed(certificates, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    let builder = TlsConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(certificates, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| failed(certificates, &error))?;
    Ok(Arc::new(config))
}
