//! Encryption and certificates.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The certificate and key of a server.
#[derive(Clone)]
pub struct ServerTls(pub(crate) TlsAcceptor);

impl ServerTls {
    /// Reads a certificate chain, the server's own first, and its private key from PEM files.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when a file cannot be read or the two do not belong together.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<ServerTls, TlsError> {
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
            .map_err(|e| TlsError::File(certificates.display().to_string(), e.to_string()))?;
        if chain.is_empty() {
            let reason = "there is no certificate in it".to_owned();
            return Err(TlsError::File(certificates.display().to_string(), reason));
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|e| TlsError::File(key.display().to_string(), e.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError::Unusable(e.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| TlsError::Unusable(e.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerTls(TlsAcceptor::from(Arc::new(config))))
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls(…)")
    }
}

/// Which servers a client believes.
#[derive(Clone)]
pub struct ClientTls(pub(crate) TlsConnector);

impl ClientTls {
    /// Believes what the operating system believes. The system is asked once per process.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unusable`] when the system has no certificates.
    pub fn system() -> Result<ClientTls, TlsError> {
        static SYSTEM: OnceLock<Result<ClientTls, TlsError>> = OnceLock::new();
        SYSTEM
            .get_or_init(|| {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    let reason = "the system has no certificates to believe".to_owned();
                    return Err(TlsError::Unusable(reason));
                }
                ClientTls::with_roots(roots)
            })
            .clone()
    }

    /// Believes only the authorities, or the very servers, whose certificates stand in this PEM
    /// file.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when the file cannot be read or has no certificate.
    pub fn from_file(certificates: &Path) -> Result<ClientTls, TlsError> {
        let failed = |e: String| TlsError::File(certificates.display().to_string(), e);
        let mut roots = RootCertStore::empty();
        let file =
            CertificateDer::pem_file_iter(certificates).map_err(|e| failed(e.to_string()))?;
        for certificate in file {
            let certificate = certificate.map_err(|e| failed(e.to_string()))?;
            roots.add(certificate).map_err(|e| failed(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(failed("there is no certificate in it".to_owned()));
        }
        ClientTls::with_roots(roots)
    }

    fn with_roots(roots: RootCertStore) -> Result<ClientTls, TlsError> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError::Unusable(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ClientTls(TlsConnector::from(Arc::new(config))))
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls(…)")
    }
}

/// Why certificates or keys are of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file, by name, and what is wrong with it.
    #[error("{0}: {1}")]
    File(String, String),
    /// The contents do not fit together.
    #[error("{0}")]
    Unusable(String),
}
