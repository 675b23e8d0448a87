//! One probe, from the look-up of the name to the verdict. Source of the limits: Developer Guide of Route 53, "How Amazon Route 53
//! determines whether a health check is healthy"; of the words, what its GetHealthCheckStatus is seen to say.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tideover_config::{CheckKind, FaultKind, HealthCheck, HttpCheck, is_nearby};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::search::{Coding, Search, Verdict};
use super::{Tls, Way};
use crate::clock::Clock;
use crate::origin::race;
use crate::tcp::Tcp;

/// Source: Developer Guide of Route 53, "Quotas": of all headers together.
const HEADER_LIMIT: usize = 16_384;
/// More than fit into that, for whoever has a name and a value in each.
const MOST_HEADERS: usize = 4_096;

/// How far a probe came that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The name has no address.
    Resolve,
    /// No connection came about.
    Connect,
    /// No handshake.
    Tls,
    /// No head of an answer came, or none that can be read.
    FirstByte,
    /// The answer has another status than is expected.
    Status,
    /// Its body does not hold the text.
    Body,
}

impl Stage {
    /// In order of declaration.
    pub(crate) const ALL: [Self; 6] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::FirstByte,
        Self::Status,
        Self::Body,
    ];

    /// A word for status and logs: lower case, with `-`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first-byte",
            Self::Status => "status",
            Self::Body => "body",
        }
    }
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fell {
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    NoSuchName,
    ResolveTimeout,
    ConnectTimeout,
    /// What the system said.
    NotConnected(io::ErrorKind, String),
    /// `https+insecure://`, and the name leads to an address that is not private.
    FarAway,
    TlsTimeout,
    /// What rustls said.
    NoTls(String),
    NoAnswer,
    Closed,
    HeaderTooBig,
    Malformed,
    Status(StatusCode, String),
    BodyTimeout,
    BodyCut,
    TextMissing,
}

impl Fell {
    /// How far it came.
    pub(crate) fn stage(&self) -> Stage {
        match &self.why {
            Why::NoSuchName | Why::ResolveTimeout => Stage::Resolve,
            Why::ConnectTimeout | Why::NotConnected(..) | Why::FarAway => Stage::Connect,
            Why::TlsTimeout | Why::NoTls(_) => Stage::Tls,
            Why::NoAnswer | Why::Closed | Why::HeaderTooBig | Why::Malformed => Stage::FirstByte,
            Why::Status(..) => Stage::Status,
            Why::BodyTimeout | Why::BodyCut | Why::TextMissing => Stage::Body,
        }
    }

    /// As Route 53 puts it, after `Failure: `. Only the first four are known to be its own words.
    fn at_length(&self) -> String {
        match &self.why {
            Why::Status(status, reason) => said(*status, reason),
            Why::ConnectTimeout => "Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by your firewall".to_owned(),
            Why::Closed => "The connection was closed by the endpoint".to_owned(),
            Why::NoSuchName => "DNS resolution failed".to_owned(),
            Why::ResolveTimeout => "DNS resolution timed out".to_owned(),
            Why::NotConnected(_, error) => format!("The connection could not be established: {error}"),
            Why::FarAway => "The name leads to an address that is neither loopback nor private, and https+insecure:// goes to no other".to_owned(),
            Why::TlsTimeout => "The TLS handshake timed out".to_owned(),
            Why::NoTls(error) => format!("The TLS handshake failed: {error}"),
            Why::NoAnswer => "The endpoint did not answer within the timeout limit".to_owned(),
            Why::HeaderTooBig => format!("The response headers exceed {HEADER_LIMIT} bytes"),
            Why::Malformed => "The endpoint did not return a valid HTTP response".to_owned(),
            Why::BodyTimeout => "The response body was not received within the timeout limit".to_owned(),
            Why::BodyCut => "The connection was closed by the endpoint before the search string was received".to_owned(),
            Why::TextMissing => "The search string was not found in the response body".to_owned(),
        }
    }
}

impl fmt::Display for Fell {
    /// In few words: `connect timeout`, `status 503`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match &self.why {
            Why::NoSuchName => "name not found",
            Why::ResolveTimeout => "name not looked up in time",
            Why::ConnectTimeout => "connect timeout",
            Why::NotConnected(io::ErrorKind::ConnectionRefused, _) => "connection refused",
            Why::NotConnected(..) => "no connection",
            Why::FarAway => "address not private",
            Why::TlsTimeout => "TLS timeout",
            Why::NoTls(error) => return write!(f, "TLS failed ({error})"),
            Why::NoAnswer => "no answer in time",
            Why::Closed => "connection closed",
            Why::HeaderTooBig => "header too big",
            Why::Malformed => "malformed answer",
            Why::Status(status, _) => return write!(f, "status {}", status.as_u16()),
            Why::BodyTimeout => "body not in time",
            Why::BodyCut => "body cut short",
            Why::TextMissing => "text not found",
        };
        f.write_str(words)
    }
}

impl From<Why> for Fell {
    fn from(why: Why) -> Self {
        Self { why }
    }
}

/// What probes of `origin` call themselves, so that a line in its log can be traced to them.
pub(super) fn user_agent(origin: &str) -> HeaderValue {
    const PROGRAM: &str = concat!("tideover/", env!("CARGO_PKG_VERSION"));
    HeaderValue::from_str(&format!("{PROGRAM} (health check of {origin})"))
        .unwrap_or_else(|_| HeaderValue::from_static(PROGRAM))
}

/// Sends one probe and waits for what comes of it. Where it failed, and how Route 53 would put it. `fault` is what is wrong
/// with the origin on purpose: what can be seen by a probe is seen by it, or nobody could rehearse that.
pub(super) async fn send(
    check: &HealthCheck,
    way: &Way,
    agent: &HeaderValue,
    clock: Clock,
    fault: Option<FaultKind>,
) -> (Option<Fell>, String) {
    let limits = Limits {
        check,
        clock,
        fault,
        whole: Instant::now() + clock.real(check.whole_within()),
    };
    let mut resolved = None;
    let passed = limits.probe(way, agent, &mut resolved).await;
    // Whoever is called by an address is not told it.
    let is_name = check.endpoint.host.parse::<IpAddr>().is_err();
    let address = resolved.filter(|_| is_name);
    let resolved = address.map_or_else(String::new, |address: SocketAddr| {
        format!(". Resolved IP: {}", address.ip())
    });
    match passed {
        Ok(words) => (None, format!("Success: {words}{resolved}")),
        Err(fell) => {
            let words = format!("Failure: {}{resolved}.", fell.at_length());
            (Some(fell), words)
        }
    }
}

/// `HTTP Status Code 200, OK`.
fn said(status: StatusCode, reason: &str) -> String {
    format!("HTTP Status Code {}, {reason}", status.as_u16())
}

/// Whether an answer with this status passes.
fn judged(http: &HttpCheck, status: StatusCode, reason: &str) -> Result<String, Fell> {
    if http.expected.contains(status) {
        Ok(said(status, reason))
    } else {
        Err(Why::Status(status, reason.to_owned()).into())
    }
}

/// How long things may take.
struct Limits<'c> {
    check: &'c HealthCheck,
    clock: Clock,
    fault: Option<FaultKind>,
    /// Everything ends here.
    whole: Instant,
}

impl Limits<'_> {
    /// So long from now.
    fn within(&self, nominal: std::time::Duration) -> Instant {
        self.whole.min(Instant::now() + self.clock.real(nominal))
    }

    async fn probe(
        &self,
        way: &Way,
        agent: &HeaderValue,
        resolved: &mut Option<SocketAddr>,
    ) -> Result<String, Fell> {
        let tcp = self.connect(way, resolved).await?;
        let (CheckKind::Http(http), Some(uri)) = (&self.check.kind, &way.uri) else {
            return Ok("TCP connection established".to_owned());
        };
        if let Some(FaultKind::Status(status)) = self.fault {
            return judged(http, status, status.canonical_reason().unwrap_or_default());
        }
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, http.host.clone());
        headers.insert(header::USER_AGENT, agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity,gzip,deflate"),
        );
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let answer_by = self.within(HealthCheck::ANSWER_WITHIN);
        if let Some(FaultKind::Delay(by)) = self.fault {
            let begins = Instant::now() + self.clock.real(by);
            tokio::time::sleep_until(begins.min(answer_by)).await;
            if begins >= answer_by {
                return Err(Why::NoAnswer.into());
            }
        }
        match &way.tls {
            None => self.ask(tcp, request, http, answer_by).await,
            Some(tls) => {
                let shaken = timeout_at(answer_by, self.shake(tcp, tls, http, way)).await;
                let stream = shaken.map_err(|_| Fell::from(Why::TlsTimeout))??;
                self.ask(stream, request, http, answer_by).await
            }
        }
    }

    async fn connect(&self, way: &Way, resolved: &mut Option<SocketAddr>) -> Result<Tcp, Fell> {
        let by = self.within(self.check.connect_within());
        match self.fault {
            Some(FaultKind::Refuse) => {
                let kind = io::ErrorKind::ConnectionRefused;
                return Err(Why::NotConnected(kind, kind.to_string()).into());
            }
            Some(FaultKind::BlackHole) => {
                tokio::time::sleep_until(by).await;
                return Err(Why::ConnectTimeout.into());
            }
            // What becomes of a request says nothing about the way to it.
            Some(
                FaultKind::Delay(_)
                | FaultKind::ResetAfter(_)
                | FaultKind::Status(_)
                | FaultKind::Throttle(_)
                | FaultKind::Withhold,
            )
            | None => {}
        }
        let addresses = timeout_at(by, way.addresses.get())
            .await
            .map_err(|_| Why::ResolveTimeout)?
            .map_err(|_| Why::NoSuchName)?;
        *resolved = addresses.first().copied();
        if way.only_nearby && !addresses.iter().all(|address| is_nearby(address.ip())) {
            return Err(Why::FarAway.into());
        }
        let tcp = timeout_at(by, race(&addresses))
            .await
            .map_err(|_| Why::ConnectTimeout)?
            .map_err(|error| {
                if error.kind() == io::ErrorKind::TimedOut {
                    Why::ConnectTimeout
                } else {
                    Why::NotConnected(error.kind(), error.to_string())
                }
            })?;
        *resolved = tcp.peer().or(*resolved);
        Ok(tcp)
    }

    /// Source: API shape `HealthCheckConfig`, `EnableSNI`: if the certificate is another's, Route 53 tries once more without
    /// the name.
    async fn shake(
        &self,
        tcp: Tcp,
        tls: &Tls,
        http: &HttpCheck,
        way: &Way,
    ) -> Result<TlsStream<Tcp>, Fell> {
        let name = http
            .server_name
            .as_ref()
            .unwrap_or(&self.check.endpoint.host);
        let name = ServerName::try_from(name.to_string())
            .map_err(|error| Why::NoTls(error.to_string()))?;
        let stream = handshake(&tls.config, &name, tcp).await?;
        let Some(without_name) = &tls.without_name else {
            return Ok(stream);
        };
        if is_good_for(&stream, &name) {
            return Ok(stream);
        }
        let tcp = self.connect(way, &mut None).await?;
        handshake(without_name, &name, tcp).await
    }

    async fn ask<T>(
        &self,
        io: T,
        request: Request<Empty<Bytes>>,
        http: &HttpCheck,
        answer_by: Instant,
    ) -> Result<String, Fell>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Whatever ends this ends the connection.
        let mut mover = JoinSet::new();
        let asked = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_header_size(HEADER_LIMIT)
                .max_headers(MOST_HEADERS)
                .handshake(TokioIo::new(io))
                .await?;
            mover.spawn(connection);
            sender.send_request(request).await
        };
        let response = timeout_at(answer_by, asked)
            .await
            .map_err(|_| Why::NoAnswer)?
            .map_err(|error| why(&error))?;
        let (status, reason) = (response.status(), reason(&response));
        let words = judged(http, status, &reason)?;
        if let Some(text) = &http.search {
            let by = self.within(HealthCheck::ANSWER_WITHIN);
            timeout_at(by, search(response, text))
                .await
                .map_err(|_| Why::BodyTimeout)??;
        }
        Ok(words)
    }
}

async fn handshake(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    tcp: Tcp,
) -> Result<TlsStream<Tcp>, Fell> {
    let shaken = TlsConnector::from(Arc::clone(config))
        .connect(name.clone(), tcp)
        .await;
    shaken.map_err(|error| Why::NoTls(error.to_string()).into())
}

/// Whether the certificate is of this name, whoever signed it.
fn is_good_for(stream: &TlsStream<Tcp>, name: &ServerName<'_>) -> bool {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    certificate
        .and_then(|certificate| webpki::EndEntityCert::try_from(certificate).ok())
        .is_some_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
}

/// What the status line says, or would usually say.
fn reason(response: &Response<Incoming>) -> String {
    const LONGEST: usize = 80;
    let written = response.extensions().get::<ReasonPhrase>();
    let written = written.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let reason = written.unwrap_or_else(|| {
        let usual = response.status().canonical_reason();
        usual.unwrap_or_default().to_owned()
    });
    let clean = reason.chars().filter(|c| !c.is_control());
    clean.take(LONGEST).collect()
}

fn why(error: &hyper::Error) -> Why {
    if error.is_parse_too_large() {
        return Why::HeaderTooBig;
    }
    if error.is_parse() {
        return Why::Malformed;
    }
    let source = error.source();
    let source = source.and_then(|source| source.downcast_ref::<io::Error>());
    let inner = source.and_then(io::Error::get_ref);
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => Why::NoTls(error.to_string()),
        None => Why::Closed,
    }
}

async fn search(response: Response<Incoming>, text: &str) -> Result<(), Fell> {
    let coding = response.headers().get(header::CONTENT_ENCODING);
    let coding = coding.map_or(Coding::None, |name| Coding::named(name.as_bytes()));
    let mut search = Search::new(text, coding);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Why::BodyCut)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        match search.take(data) {
            Verdict::Found => return Ok(()),
            Verdict::NotYet => {}
            Verdict::NotThere => break,
        }
    }
    Err(Why::TextMissing.into())
}
