//! TLS towards viewers: certificates by server name, and the handshake.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, InvalidMessage, ProtocolVersion, ServerConfig};
use tideover_config::{Certificate, Edge, MinimumProtocol, ViewerTls};
use tideover_rules::certificate::CertificateNames;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::Ordered;
use crate::tcp::Tcp;

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";
/// How long a viewer whose handshake failed may take to hear why, and how much of what it goes on sending is thrown away
/// meanwhile, in bytes.
const LAST_WORD: Duration = Duration::from_millis(500);
const MOST_UNREAD: usize = 256 * 1024;
/// Names that reach this machine only, for a certificate that the edge makes itself.
const LOCAL_NAMES: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// Why a certificate cannot be shown to viewers.
#[derive(Debug, thiserror::Error)]
#[error("{what}{}", file.as_ref().map_or_else(String::new, |file| format!(" ({})", file.display())))]
pub struct CertificateError {
    /// The file at fault, if it came from one.
    pub file: Option<PathBuf>,
    what: String,
}

impl CertificateError {
    fn new(file: &std::path::Path, what: impl Into<String>) -> Self {
        Self {
            file: Some(file.to_owned()),
            what: what.into(),
        }
    }

    fn of_ours(error: impl std::fmt::Display) -> Self {
        Self {
            file: None,
            what: error.to_string(),
        }
    }
}

/// What viewers are shown. Replaced by a reload; tickets and sessions that were handed out stay good.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
    ordered: Arc<Ordered>,
    handshake_timeout: Duration,
}

/// The certificates, the first one for whoever names none of their names.
#[derive(Debug)]
struct Shown {
    keys: Vec<Arc<CertifiedKey>>,
    names: CertificateNames,
    /// The one that was made here, and for which names.
    self_signed: Option<(Vec<String>, Arc<CertifiedKey>)>,
    /// The position of the one that is ordered, for which the one in `keys` only stands.
    ordered: Option<(usize, Arc<Ordered>)>,
}

/// A certificate that viewers are shown.
#[derive(Clone, Debug)]
pub(crate) struct ShownCertificate {
    /// The first of those that it is good for.
    pub(crate) name: String,
    /// Its last second, since 1970.
    pub(crate) not_after: Duration,
    /// By ACME.
    pub(crate) is_ordered: bool,
}

/// What a handshake came to.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    /// As sent (SNI).
    pub(crate) server_name: Option<Box<str>>,
    /// `TLSv1.3`.
    pub(crate) protocol: &'static str,
    /// `TLS_AES_128_GCM_SHA256`, or OpenSSL's name for a suite of TLS 1.2.
    pub(crate) cipher: &'static str,
    /// HTTP/2 was agreed upon.
    pub(super) is_http2: bool,
}

impl Tls {
    /// `None` if the config has no listener for it.
    pub(crate) fn new(
        edge: &Edge,
        before: Option<&Self>,
    ) -> Result<Option<Self>, CertificateError> {
        let Some(said) = &edge.listen.tls else {
            return Ok(None);
        };
        let provider = Arc::new(provider(said.minimum));
        let ordered = before.map_or_else(Arc::default, |before| Arc::clone(&before.ordered));
        let shown = Arc::new(Shown::new(edge, said, before, &ordered, &provider)?);
        let versions: &[&rustls::SupportedProtocolVersion] = match said.minimum {
            MinimumProtocol::Tls12From2021 | MinimumProtocol::Tls12From2025 => {
                &[&rustls::version::TLS13, &rustls::version::TLS12]
            }
            MinimumProtocol::Tls13From2025 => &[&rustls::version::TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(CertificateError::of_ours)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        // The policy's order holds, not the viewer's.
        config.ignore_client_order = true;
        if said.http2 {
            config.alpn_protocols.push(HTTP_2.to_vec());
        }
        config.alpn_protocols.push(HTTP_1.to_vec());
        let tickets = match before {
            Some(before) => Arc::clone(&before.tickets),
            None => aws_lc_rs::Ticketer::new().map_err(CertificateError::of_ours)?,
        };
        let sessions = match before {
            Some(before) => Arc::clone(&before.sessions),
            None => Arc::clone(&config.session_storage),
        };
        config.ticketer = Arc::clone(&tickets);
        config.session_storage = Arc::clone(&sessions);
        Ok(Some(Self {
            config: Arc::new(config),
            shown,
            tickets,
            sessions,
            ordered,
            handshake_timeout: said.handshake_timeout,
        }))
    }

    /// From the connection to the end of the handshake; nominal.
    pub(super) fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// The certificates that viewers are shown, but for one that the edge made itself.
    pub(crate) fn shown(&self) -> Vec<ShownCertificate> {
        let ordered = self.shown.ordered.as_ref();
        let own = self.shown.self_signed.as_ref().map(|(_, key)| key);
        let keys = self.shown.keys.iter().enumerate();
        let shown = keys.filter_map(|(position, key)| {
            let ordered = ordered.filter(|(place, _)| *place == position);
            let key = match ordered {
                Some((_, ordered)) => ordered.certificate()?,
                None => Arc::clone(key),
            };
            if own.is_some_and(|own| Arc::ptr_eq(own, &key)) {
                return None;
            }
            let facts = crate::x509::facts(key.cert.first()?)?;
            let mut names = dns_names(&key).into_iter();
            Some(ShownCertificate {
                name: names
                    .next()
                    .unwrap_or_else(|| format!("no name (number {})", position + 1)),
                not_after: facts.validity.not_after,
                is_ordered: ordered.is_some(),
            })
        });
        shown.collect()
    }

    /// Which name has which certificate.
    pub(crate) fn names(&self) -> &CertificateNames {
        &self.shown.names
    }

    /// The certificate that is ordered, where the config has one.
    pub(crate) fn ordered(&self) -> &Arc<Ordered> {
        &self.ordered
    }

    /// Whether the config has one.
    pub(crate) fn orders(&self) -> bool {
        self.shown.ordered.is_some()
    }

    /// Shakes hands. The caller bounds the time.
    pub(super) async fn handshake(&self, tcp: Tcp) -> io::Result<(Box<TlsStream<Tcp>>, Handshake)> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let stream = match acceptor.accept(tcp).into_fallible().await {
            Ok(stream) => stream,
            Err((error, tcp)) => {
                // Late is as good as not at all.
                let _ = tokio::time::timeout(LAST_WORD, refuse(tcp, &error)).await;
                return Err(error);
            }
        };
        let (_, connection) = stream.get_ref();
        let handshake = Handshake {
            server_name: connection.server_name().map(Into::into),
            protocol: protocol(connection.protocol_version()),
            cipher: connection
                .negotiated_cipher_suite()
                .map_or("-", |suite| cipher(suite.suite())),
            is_http2: connection.alpn_protocol() == Some(HTTP_2),
        };
        Ok((Box::new(stream), handshake))
    }
}

/// Sees to it that the viewer hears what is wrong with its handshake: with bytes unread a close is a reset, which may overtake
/// the alert.
async fn refuse(mut tcp: Tcp, error: &io::Error) -> io::Result<()> {
    /// Fatal: the message cannot be decoded. Source: RFC 8446, sections 5.1 and 6.
    const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];
    if error.kind() != io::ErrorKind::InvalidData {
        return Ok(());
    }
    let cause: Option<&rustls::Error> = error.get_ref().and_then(|cause| cause.downcast_ref());
    // Of all that can be wrong, the library says nothing to a message that is too large, or too large for its buffer.
    if matches!(
        cause,
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
        )) | None
    ) {
        tcp.write_all(&DECODE_ERROR).await?;
    }
    tcp.shutdown().await?;
    let mut left = vec![0; 4_096];
    for _ in 0..MOST_UNREAD / left.len() {
        if tcp.read(&mut left).await? == 0 {
            break;
        }
    }
    Ok(())
}

impl Shown {
    fn new(
        edge: &Edge,
        said: &ViewerTls,
        before: Option<&Tls>,
        ordered: &Arc<Ordered>,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let mut keys = Vec::new();
        let mut names = Vec::new();
        let mut self_signed = None;
        let mut is_ordered = None;
        for certificate in &said.certificates {
            let key = match certificate {
                Certificate::Files {
                    file,
                    key_file,
                    pem,
                    key,
                } => {
                    let chain = chain(pem).map_err(|what| CertificateError::new(file, what))?;
                    let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
                        .map_err(|_| CertificateError::new(key_file, "holds no private key"))?;
                    let key = CertifiedKey::from_der(chain, key, provider)
                        .map_err(|error| CertificateError::new(key_file, mismatch(&error, file)))?;
                    Arc::new(key)
                }
                Certificate::SelfSigned | Certificate::Acme => {
                    let wanted = names_to_serve(edge);
                    let kept = before
                        .and_then(|before| before.shown.self_signed.as_ref())
                        .filter(|(names, _)| *names == wanted);
                    let key = match kept {
                        Some((_, key)) => Arc::clone(key),
                        None => Arc::new(self_signed_key(&wanted, provider)?),
                    };
                    self_signed = Some((wanted, Arc::clone(&key)));
                    key
                }
            };
            let is_acme = matches!(certificate, Certificate::Acme);
            names.push(match &said.acme {
                // Whichever is shown: what it is meant for is what was ordered.
                Some(acme) if is_acme => acme.domains.iter().map(ToString::to_string).collect(),
                Some(_) | None => dns_names(&key),
            });
            if is_acme {
                is_ordered = Some((keys.len(), Arc::clone(ordered)));
            }
            keys.push(key);
        }
        let names =
            CertificateNames::of(names.iter().map(|names| names.iter().map(String::as_str)));
        Ok(Self {
            keys,
            names,
            self_signed,
            ordered: is_ordered,
        })
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let position = hello
            .server_name()
            .and_then(|name| self.names.find(name))
            .unwrap_or(0);
        if let Some((ordered_position, ordered)) = &self.ordered
            && *ordered_position == position
            && let Some(certificate) = ordered.certificate()
        {
            return Some(certificate);
        }
        self.keys.get(position).cloned()
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is no good PEM: {error}"))?;
    if chain.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    Ok(chain)
}

fn mismatch(error: &rustls::Error, certificate: &std::path::Path) -> String {
    if matches!(error, rustls::Error::InconsistentKeys(_)) {
        format!(
            "is not the key of the certificate in {}",
            certificate.display()
        )
    } else {
        format!("cannot be used: {error}")
    }
}

/// The host names that a certificate is good for; what cannot be read is good for none.
fn dns_names(key: &CertifiedKey) -> Vec<String> {
    let Some(certificate) = key.cert.first() else {
        return Vec::new();
    };
    match webpki::EndEntityCert::try_from(certificate) {
        Ok(certificate) => certificate
            .valid_dns_names()
            .map(ToOwned::to_owned)
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "a certificate's names cannot be read: it is shown to those who name no other's");
            Vec::new()
        }
    }
}

/// Every name that a viewer of this edge may ask.
fn names_to_serve(edge: &Edge) -> Vec<String> {
    let mut names: Vec<String> = LOCAL_NAMES.map(ToOwned::to_owned).to_vec();
    names.extend(edge.hosts.known());
    names.sort();
    names.dedup();
    names
}

fn self_signed_key(
    names: &[String],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let made = rcgen::generate_simple_self_signed(names).map_err(CertificateError::of_ours)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    CertifiedKey::from_der(vec![made.cert.der().clone()], key, provider)
        .map_err(CertificateError::of_ours)
}

/// The suites of the policy. Source: Developer Guide, "Supported protocols and ciphers between viewers and CloudFront".
fn provider(minimum: MinimumProtocol) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|suite| SUITES.iter().position(|(known, _)| *known == suite.suite()));
    match minimum {
        MinimumProtocol::Tls12From2021 => {}
        MinimumProtocol::Tls12From2025 | MinimumProtocol::Tls13From2025 => {
            provider.cipher_suites.retain(|suite| {
                !matches!(
                    suite.suite(),
                    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
                )
            });
        }
    }
    provider
}

fn protocol(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(_) | None => "-",
    }
}

/// What is spoken, the cheapest that is strong enough first, with OpenSSL's names, which CloudFront's log has.
/// Source: Developer Guide, "Supported protocols and ciphers between viewers and CloudFront"; "Standard logging reference".
const SUITES: [(CipherSuite, &str); 9] = [
    (
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
    ),
    (
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
    ),
    (
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];

fn cipher(suite: CipherSuite) -> &'static str {
    SUITES
        .iter()
        .find(|(known, _)| *known == suite)
        .map_or("-", |(_, name)| name)
}
