//! Requests to an ACME server: over HTTPS only, one connection each, and with a limit on time and size.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use tideover_config::{Acme, OriginTls};

use crate::client::{self, Way};

/// For one request, from the look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A chain of certificates has some thousand.
const MOST_BYTES: usize = 1 << 20;
const PORT: u16 = 443;

/// What the server asked for with an answer that was a refusal.
pub(super) type Asked = Arc<Mutex<Option<Duration>>>;

/// A client that trusts whom the config says.
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    asked: Asked,
}

impl Client {
    /// A pause that the server asks for is put into `asked`.
    pub(super) fn new(said: &Acme, asked: Asked) -> io::Result<Self> {
        let uri: Uri = said.directory.parse().map_err(io::Error::other)?;
        let tls = OriginTls {
            server_name: None,
            trust: said.trust.clone(),
            tls12: true,
        };
        Ok(Self {
            tls: crate::origin::client_config(&tls, host(&uri)?)?,
            asked,
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (tls, asked) = (Arc::clone(&self.tls), Arc::clone(&self.asked));
        Box::pin(async move {
            let exchanged = tokio::time::timeout(TIMEOUT, exchange(tls, request)).await;
            let response = exchanged
                .unwrap_or_else(|_| {
                    let error = "the server took more than 30 s to answer";
                    Err(io::Error::new(io::ErrorKind::TimedOut, error).into())
                })
                .map_err(Error::Other)?;
            if response.parts.status.is_client_error() || response.parts.status.is_server_error() {
                let pause = response.parts.headers.get(header::RETRY_AFTER);
                let pause = pause.and_then(|value| value.to_str().ok()?.trim().parse().ok());
                *asked.lock().unwrap_or_else(PoisonError::into_inner) =
                    pause.map(Duration::from_secs);
            }
            Ok(response)
        })
    }
}

async fn exchange(
    tls: Arc<ClientConfig>,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn StdError + Send + Sync>> {
    let uri = std::mem::take(request.uri_mut());
    if uri.scheme_str() != Some("https") {
        return Err("the server names a URL that is not https".into());
    }
    let host = host(&uri)?;
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let authority = HeaderValue::from_str(authority)?;
    request.headers_mut().insert(header::HOST, authority);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse()?;

    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let way = Way::new(bare, uri.port_u16().unwrap_or(PORT), Some(tls));
    let (response, connection) = client::send(&way, request).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
    drop(connection);
    Ok(BytesResponse {
        parts,
        body: Box::new(body),
    })
}

fn host(uri: &Uri) -> io::Result<&str> {
    uri.host()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a URL names no host"))
}
