//! A certificate for the program that is counted, made at each start, and a viewer's settings that trust it alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// The host that it is good for.
pub(crate) const NAME: &str = "www.example.com";

/// Writes a certificate (ECDSA, P-256) and its key into `folder`. Returns both files, and the settings of a viewer: TLS 1.3,
/// HTTP/1.1.
pub(crate) fn make(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf, Arc<ClientConfig>)> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let (certificate, key) = (folder.join("viewer.pem"), folder.join("viewer.key"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((certificate, key, Arc::new(config)))
}
