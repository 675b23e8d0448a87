//! Requests of the edge's own, beside viewers' traffic: one connection each. The limit on time is the caller's.

use std::error::Error as StdError;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tideover_config::is_nearby;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

/// What went wrong. It names no more of the URL than host and port.
pub(crate) type Failure = Box<dyn StdError + Send + Sync>;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whom its certificate has to be for.
    pub(crate) name: String,
    /// Nobody is sent anything who is neither on this machine nor at a private address.
    pub(crate) only_nearby: bool,
    /// `None`: without TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Way {
    /// To `host`, whose certificate has to be its own.
    pub(crate) fn new(host: &str, port: u16, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            host: host.to_owned(),
            port,
            name: host.to_owned(),
            only_nearby: false,
            tls,
        }
    }
}

/// The connection of an answer: it is closed when this is gone.
#[derive(Debug)]
pub(crate) struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends `request`, whose target is path and query alone, and returns the answer once its head is there. Its body can be read
/// as long as the connection is kept.
pub(crate) async fn send<B>(
    way: &Way,
    mut request: Request<B>,
) -> Result<(Response<Incoming>, Connection), Failure>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    // A server may serve by it, or tell its operator of it (RFC 8555, section 6.1).
    let agent = concat!("tideover/", env!("CARGO_PKG_VERSION"));
    request
        .headers_mut()
        .insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let tcp = TcpStream::connect((way.host.as_str(), way.port)).await?;
    if way.only_nearby && !is_nearby(tcp.peer_addr()?.ip()) {
        return Err("it is not nearby, and its certificate is not checked".into());
    }
    let Some(tls) = &way.tls else {
        return exchange(TokioIo::new(tcp), request).await;
    };
    let name = ServerName::try_from(way.name.clone())?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, tcp)
        .await?;
    exchange(TokioIo::new(stream), request).await
}

async fn exchange<IO, B>(
    io: IO,
    request: Request<B>,
) -> Result<(Response<Incoming>, Connection), Failure>
where
    IO: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let (mut sender, connection) = http1::handshake(io).await?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(request).await?;
    Ok((response, connection))
}
