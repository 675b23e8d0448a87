//! How a viewer asks over TLS, by HTTP/1.1 or HTTP/2: with hyper's client, which trusts the scenarios' authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::authority_pem;
use crate::gate::patiently;
use crate::response::Response;
use crate::wire::{Body, Head};

/// What a viewer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 over TCP.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::Http2];

    fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::Plain | Self::Tls => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
        }
    }
}

/// The client's side of TLS: trusts the scenarios' authority, and asks for this protocol.
///
/// # Panics
/// Never.
pub fn client_config(protocol: Protocol) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks them")
        .with_root_certificates(roots())
        .with_no_client_auth();
    config.alpn_protocols = protocol.alpn();
    config
}

/// The scenarios' authority, as somebody who is trusted.
///
/// # Panics
/// Never.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let pem = authority_pem();
    let authority = CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is PEM");
    roots.add(authority).expect("it is an authority");
    roots
}

/// Connects and shakes hands, asking for the server of this name.
///
/// # Panics
/// When the name is none, or nobody accepts.
pub async fn shakes_hands(
    address: SocketAddr,
    server_name: &str,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = patiently("a connection", TcpStream::connect(address))
        .await
        .expect("the server accepts connections");
    greets(tcp, server_name, config).await
}

/// The same, and no panic when nobody accepts.
pub(crate) async fn try_to_shake_hands(
    address: SocketAddr,
    server_name: &str,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    greets(TcpStream::connect(address).await?, server_name, config).await
}

async fn greets(
    tcp: TcpStream,
    server_name: &str,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    tcp.set_nodelay(true).expect("a socket takes options");
    let name = ServerName::try_from(server_name.to_owned()).expect("it is a name");
    let connector = TlsConnector::from(Arc::new(config));
    patiently("a handshake", connector.connect(name, tcp)).await
}

/// The certificate that is shown to a new viewer there, in DER.
///
/// # Panics
/// When none is shown that is good.
pub async fn shown_certificate(address: SocketAddr, server_name: &str) -> Vec<u8> {
    let stream = shakes_hands(address, server_name, client_config(Protocol::Tls))
        .await
        .expect("the certificate is good");
    let (_, tls) = stream.get_ref();
    let chain = tls.peer_certificates().unwrap_or_default();
    chain.first().expect("there is one").to_vec()
}

/// One request on a connection of its own.
pub(crate) async fn exchange(
    address: SocketAddr,
    protocol: Protocol,
    host: &str,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Response {
    let started = Instant::now();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let stream = shakes_hands(address, name, client_config(protocol))
        .await
        .expect("the handshake succeeds");
    let request = request
        .body(Full::new(Bytes::from(body)))
        .expect("it is a request");
    let io = TokioIo::new(stream);
    let answer = if protocol == Protocol::Http2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2 is spoken");
        tokio::spawn(connection);
        patiently("an answer", sender.send_request(request)).await
    } else {
        let (mut sender, connection) = http1::handshake(io).await.expect("HTTP/1.1 is spoken");
        tokio::spawn(connection);
        patiently("an answer", sender.send_request(request)).await
    };
    let (head, mut incoming) = answer.expect("an answer comes").into_parts();
    let mut response = Response::new(Head {
        first_line: format!("{:?} {}", head.version, head.status),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
    });
    response.head_took = started.elapsed();
    let mut body = Body::default();
    loop {
        match patiently("a piece of the body", incoming.frame()).await {
            Some(Ok(frame)) => {
                match frame.into_data() {
                    Ok(data) => body.bytes.extend_from_slice(&data),
                    Err(frame) => {
                        body.trailers
                            .extend(frame.trailers_ref().into_iter().flatten().map(
                                |(name, value)| {
                                    let value =
                                        String::from_utf8_lossy(value.as_bytes()).into_owned();
                                    (name.to_string(), value)
                                },
                            ))
                    }
                }
            }
            Some(Err(_)) => break,
            None => {
                body.whole = true;
                break;
            }
        }
    }
    response.set_body(body);
    response.took = started.elapsed();
    response
}
