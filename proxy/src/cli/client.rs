//! A viewer of one request: a fresh connection, the whole answer, nothing followed, nothing tried again.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Most bytes of an answer's body that are read.
const BODY_LIMIT: usize = 1024 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// From the first packet to the last byte.
    pub(super) took: Duration,
}

impl Answer {
    /// The header's value as text; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Why no whole answer came.
#[derive(Debug)]
pub(super) enum NoAnswer {
    Connect(std::io::Error),
    Exchange(hyper::Error),
    Body(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                f.write_str("connection refused")
            }
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Exchange(error) => write!(f, "no whole answer: {error}"),
            Self::Body(error) => write!(f, "no whole body: {error}"),
        }
    }
}

impl std::error::Error for NoAnswer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their words are said above; what is left is what is behind them.
            Self::Connect(error) => error.source(),
            Self::Exchange(error) => error.source(),
            Self::Body(error) => error.source(),
        }
    }
}

/// `text` as a value in a query: others than letters and digits as %XX.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// [`ask`] of an edge's admin listener, by `token` if there is one; a `change` is sent as JSON.
pub(super) async fn ask_admin(
    address: SocketAddr,
    path: &str,
    change: Option<&serde_json::Value>,
    token: Option<&str>,
) -> Result<Answer, NoAnswer> {
    let mut asked = match change {
        Some(change) => {
            let mut asked = request(
                &address.to_string(),
                &Method::POST,
                path,
                &change.to_string(),
            );
            let json = HeaderValue::from_static("application/json");
            asked.headers_mut().insert(header::CONTENT_TYPE, json);
            asked
        }
        None => request(&address.to_string(), &Method::GET, path, ""),
    };
    let bearer = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    if let Some(bearer) = bearer {
        asked.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    send(address, asked).await
}

/// Asks `address` for `path`; a `form` that is not empty is sent as a body. Without a time limit of its own.
pub(super) async fn ask(
    address: SocketAddr,
    method: &Method,
    path: &str,
    form: &str,
) -> Result<Answer, NoAnswer> {
    ask_as(address, &address.to_string(), method, path, form).await
}

/// The same, asking for `host`.
pub(super) async fn ask_as(
    address: SocketAddr,
    host: &str,
    method: &Method,
    path: &str,
    form: &str,
) -> Result<Answer, NoAnswer> {
    send(address, request(host, method, path, form)).await
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
    let began = Instant::now();
    let stream = TcpStream::connect(address)
        .await
        .map_err(NoAnswer::Connect)?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(NoAnswer::Exchange)?;
    let exchange = async {
        let answer = sender.send_request(request).await;
        let (head, body) = answer.map_err(NoAnswer::Exchange)?.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.map_err(NoAnswer::Body)?.to_bytes(),
            took: began.elapsed(),
        })
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection may be done before its last answer was looked at.
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(NoAnswer::Exchange(error)),
        },
    }
}

fn request(host: &str, method: &Method, path: &str, form: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(form.as_bytes())));
    *request.method_mut() = method.clone();
    *request.uri_mut() = path
        .parse()
        .expect("paths are written in this program or checked with the config");
    let headers = request.headers_mut();
    let host = HeaderValue::try_from(host).expect("an address or a checked name is ASCII");
    headers.insert(header::HOST, host);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if !form.is_empty() {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
    }
    request
}
