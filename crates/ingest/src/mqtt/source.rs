//! A broker and what is taken from it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MqttVersion {
    /// 3.1.1.
    #[default]
    Three,
    /// 5.
    Five,
}

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub is_secure: bool,
}

/// A topic filter and the landing table of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is subscribed to, `$share/GROUP/` included.
    pub filter: String,
    /// The landing table.
    pub table: String,
}

/// A broker and what is taken from it.
#[derive(Clone)]
pub struct MqttSource {
    /// Where it is.
    pub broker: Broker,
    /// The version of the protocol.
    pub version: MqttVersion,
    /// Names the session, which the broker keeps while the client is away.
    pub client_id: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// How the connection is encrypted; `None` if it is not.
    pub tls: Option<Arc<ClientConfig>>,
    /// What is subscribed to. The first filter that takes a topic decides.
    pub routes: Vec<Route>,
    /// How often the connection shows that it is alive.
    pub keep_alive: Duration,
    /// Whether the broker forgets the session with the connection.
    pub is_clean: bool,
}

impl std::fmt::Debug for MqttSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MqttSource")
            .field("broker", &self.broker)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

/// The address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no address of a broker: {0}")]
pub struct BrokerError(&'static str);

impl Broker {
    /// Parses `mqtt://HOST[:PORT]`, `mqtts://HOST[:PORT]` or `HOST:PORT`.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub fn parse(text: &str) -> Result<Self, BrokerError> {
        let full = match text.contains("://") {
            true => text.to_owned(),
            false => format!("mqtt://{text}"),
        };
        let url = Url::parse(&full).map_err(|_| BrokerError("write mqtt://HOST:PORT"))?;
        let (is_secure, port) = match url.scheme() {
            "mqtt" | "tcp" => (false, 1883),
            "mqtts" | "ssl" | "tls" => (true, 8883),
            _ => return Err(BrokerError("the schemes are mqtt and mqtts")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BrokerError("user and password do not belong in it"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(BrokerError("nothing follows the port"));
        }
        let host = url.host_str().ok_or(BrokerError("it has no host"))?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            is_secure,
        })
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// Why the connection cannot be encrypted.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {file} for TLS: {reason}")]
pub struct ClientTlsError {
    /// The file.
    pub file: String,
    /// The reason; nothing of a key.
    pub reason: String,
}

/// What encrypts the connection to a broker: `ca` says whom to trust, if not whom the
/// system trusts; `own` are the client's certificate and its key. All are PEM files.
///
/// # Errors
/// [`ClientTlsError`].
pub fn client_tls(
    ca: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, ClientTlsError> {
    let failed = |file: &Path, reason: &dyn std::fmt::Display| ClientTlsError {
        file: file.display().to_string(),
        reason: reason.to_string(),
    };
    let certificates = |file: &Path| {
        let read = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(file, &error))?;
        match read.is_empty() {
            true => Err(failed(file, &"it holds no certificate")),
            false => Ok(read),
        }
    };
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| failed(file, &e))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let shown = ca.unwrap_or(Path::new("the system's certificates"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(shown, &error))?
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|e| failed(key, &e))?;
            builder
                .with_client_auth_cert(certificates(chain)?, private)
                .map_err(|error| failed(chain, &error))?
        }
    };
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_brokers() {
        for (text, expected) in [
            ("localhost:1884", Some(("localhost", 1884, false))),
            ("mqtt://b.example", Some(("b.example", 1883, false))),
            ("mqtts://b.example", Some(("b.example", 8883, true))),
            ("mqtts://b.example:443/", Some(("b.example", 443, true))),
            ("[::1]:1883", Some(("::1", 1883, false))),
            ("mqtt://user:secret@b.example", None),
            ("mqtt://b.example/topic", None),
            ("http://b.example", None),
            ("", None),
            ("b.example:port", None),
        ] {
            let broker = Broker::parse(text).ok();
            let found = broker
                .as_ref()
                .map(|broker| (broker.host.as_str(), broker.port, broker.is_secure));
            assert_eq!(found, expected, "{text}");
        }
    }
}
