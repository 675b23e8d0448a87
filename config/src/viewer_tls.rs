//! TLS towards viewers: which certificates are shown, and what is spoken.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::distribution::Secret;
use crate::origin::Trust;

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
    /// How [`Certificate::Acme`] is got; `None` where there is none of that kind.
    pub acme: Option<Acme>,
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
    /// One that the edge orders by ACME (RFC 8555). Until it is there, one of its own making stands for it.
    Acme,
}

/// How a certificate is ordered by ACME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The URL of the server's directory (RFC 8555, section 7.1.1), `https://`.
    pub directory: Arc<str>,
    /// URLs by which the server may reach the operator, `mailto:` as a rule; may be empty.
    pub contact: Vec<Arc<str>>,
    /// What the certificate is to be good for: DNS names in lower case, 1 to 100 of them, no wildcard.
    pub domains: Vec<Arc<str>>,
    /// Where the account and the certificate are kept.
    pub folder: PathBuf,
    /// Who vouches for the server.
    pub trust: Trust,
}

impl Acme {
    /// Let's Encrypt, for certificates that browsers trust.
    pub const PRODUCTION: &'static str = "https://acme-v02.api.letsencrypt.org/directory";
    /// Let's Encrypt, for trying it out: with wide limits, and trusted by nobody.
    pub const STAGING: &'static str = "https://acme-staging-v02.api.letsencrypt.org/directory";
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

    /// CloudFront's name of it.
    pub fn as_str(self) -> &'static str {
        let mut names = Self::NAMES.iter();
        let own = names.find(|(_, minimum)| *minimum == self);
        own.map_or("", |(name, _)| name)
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
            Self::Acme => f.write_str("Acme"),
        }
    }
}
