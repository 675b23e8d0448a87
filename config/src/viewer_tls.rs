//! TLS towards viewers: which certificates are shown, and what is spoken.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::distribution::Secret;

/// What holds for all listeners that speak TLS.
#[derive(Clone)]
pub struct ViewerTls {
    /// Never empty. The first one is shown to viewers that name no server, or one that no certificate is good for.
    pub certificates: Vec<Certificate>,
    /// What a viewer has to speak at least.
    pub minimum: MinimumProtocol,
    /// From the connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
}

/// A certificate with its key.
#[derive(Clone)]
pub enum Certificate {
    /// Two files in PEM, as they were when the config was read.
    Files {
        /// Of the certificate and those that lead from it to an authority's, in this order.
        file: PathBuf,
        /// Of its key.
        key_file: PathBuf,
        /// What `file` holds.
        pem: Bytes,
        /// What `key_file` holds.
        key: Secret,
    },
    /// One that the edge makes itself for the hosts that it serves and for local names: nobody trusts it.
    SelfSigned,
}

/// What a viewer has to speak at least. CloudFront's older policies name what this edge does not speak: these are raised
/// to the first one here.
/// Source: Developer Guide, "Supported protocols and ciphers between viewers and CloudFront".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MinimumProtocol {
    /// TLS 1.2 with forward secrecy and AEAD ciphers, and TLS 1.3.
    Tls12From2021,
    /// The same, without ChaCha20 in TLS 1.2.
    Tls12From2025,
    /// TLS 1.3 only.
    Tls13From2025,
}

impl MinimumProtocol {
    /// CloudFront's names, all of them, each with what it comes to here; the first one of several is its own.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("TLSv1.2_2021", Self::Tls12From2021),
        ("TLSv1.2_2025", Self::Tls12From2025),
        ("TLSv1.3_2025", Self::Tls13From2025),
        ("SSLv3", Self::Tls12From2021),
        ("TLSv1", Self::Tls12From2021),
        ("TLSv1_2016", Self::Tls12From2021),
        ("TLSv1.1_2016", Self::Tls12From2021),
        ("TLSv1.2_2018", Self::Tls12From2021),
        ("TLSv1.2_2019", Self::Tls12From2021),
    ];

    /// What CloudFront's policy of this name comes to; `None` for a name that is none.
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, minimum)| *minimum)
    }

    /// CloudFront's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12From2021 => "TLSv1.2_2021",
            Self::Tls12From2025 => "TLSv1.2_2025",
            Self::Tls13From2025 => "TLSv1.3_2025",
        }
    }
}

impl std::fmt::Debug for ViewerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewerTls")
            .field("certificates", &self.certificates)
            .field("minimum", &self.minimum)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { file, .. } => f.debug_tuple("Files").field(file).finish(),
            Self::SelfSigned => f.write_str("SelfSigned"),
        }
    }
}
