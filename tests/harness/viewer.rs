//! The viewer: an HTTP/1.1 client that can send any bytes and sees what really came back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::gate::patiently;
use crate::response::Response;
use crate::secure::{Protocol, exchange};
use crate::wire::{Body, Framing, Reader};

/// Somebody who asks the server at one address.
#[derive(Clone, Debug)]
pub struct Viewer {
    address: SocketAddr,
    protocol: Protocol,
    host: String,
    from: Option<IpAddr>,
}

/// A viewer of whatever listens at `address`.
pub fn viewer_of(address: SocketAddr) -> Viewer {
    Viewer {
        address,
        protocol: Protocol::Plain,
        host: "localhost".to_owned(),
        from: None,
    }
}

impl Viewer {
    /// Speaks this to whatever listens at its address.
    #[must_use]
    pub fn speaks(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Asks for this host instead of `localhost`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Connects from this address of the machine's own, such as 127.0.0.2; for [`Viewer::connects`].
    #[must_use]
    pub fn from(mut self, address: impl Into<IpAddr>) -> Self {
        self.from = Some(address.into());
        self
    }

    /// A request with this method; send it by awaiting it.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request {
            viewer: self.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// GET.
    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    /// HEAD.
    pub fn head(&self, target: &str) -> Request {
        self.request("HEAD", target)
    }

    /// POST with a body of known length.
    pub fn post(&self, target: &str, body: &str) -> Request {
        self.request("POST", target).body(body)
    }

    /// A connection to say anything on.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn connects(&self) -> Line {
        let stream = patiently("a connection", self.stream())
            .await
            .expect("the server accepts connections");
        stream.set_nodelay(true).expect("a socket takes options");
        Line {
            reader: Reader::new(stream),
            started: Instant::now(),
        }
    }

    async fn stream(&self) -> io::Result<TcpStream> {
        let Some(from) = self.from else {
            return TcpStream::connect(self.address).await;
        };
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(self.address).await
    }

    /// Sends these bytes on a new connection and reads one answer; the body is read as that of a GET.
    pub async fn sends(&self, bytes: impl AsRef<[u8]>) -> Response {
        let mut line = self.connects().await;
        line.sends(bytes).await;
        let mut response = line.receives("GET").await;
        response.closed = Some(line);
        response
    }
}

/// A request that is not sent yet.
#[derive(Debug)]
#[must_use = "a request is sent by awaiting it"]
pub struct Request {
    viewer: Viewer,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a body and its length.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    async fn send(self) -> Response {
        let viewer = &self.viewer;
        if viewer.protocol != Protocol::Plain {
            return self.send_by_hyper().await;
        }
        let started = Instant::now();
        let mut line = viewer.connects().await;
        line.started = started;
        let (method, target) = (&self.method, &self.target);
        let mut lines = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", viewer.host);
        for (name, value) in &self.headers {
            lines += &format!("{name}: {value}\r\n");
        }
        let mut bytes = lines.into_bytes();
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        line.sends(&bytes).await;
        line.receives(&self.method).await
    }

    async fn send_by_hyper(self) -> Response {
        let viewer = &self.viewer;
        let mut request = http::Request::builder().method(self.method.as_str());
        if viewer.protocol == Protocol::Http2 {
            request = request.uri(format!("https://{}{}", viewer.host, self.target));
        } else {
            request = request.uri(&self.target).header("Host", &viewer.host);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        exchange(
            viewer.address,
            viewer.protocol,
            &viewer.host,
            request,
            self.body,
        )
        .await
    }
}

impl IntoFuture for Request {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// One connection of a viewer.
pub struct Line {
    reader: Reader<TcpStream>,
    started: Instant,
}

impl Line {
    /// Sends these bytes. A peer that no longer reads is no failure here: it shows in what comes back.
    pub async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.started = Instant::now();
        let _ = patiently(
            "the server reads",
            self.reader.stream.write_all(bytes.as_ref()),
        )
        .await;
    }

    /// Sends these bytes until the peer stops taking them; how many it took within `limit`.
    pub async fn sends_as_much_as_is_taken(
        &mut self,
        bytes: &[u8],
        limit: std::time::Duration,
    ) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match tokio::time::timeout(limit, self.reader.stream.write(&bytes[sent..])).await {
                Ok(Ok(count)) => sent += count,
                Ok(Err(_)) | Err(_) => break,
            }
        }
        sent
    }

    /// Says that nothing more will come.
    pub async fn ends(&mut self) {
        let _ = self.reader.stream.shutdown().await;
    }

    /// The connection itself, for whoever wants both directions at once.
    ///
    /// # Panics
    /// When more was read of it than was asked for.
    pub fn into_stream(self) -> TcpStream {
        assert_eq!(self.left_over(), "", "read and not asked for");
        self.reader.stream
    }

    /// Hangs up with a reset.
    pub fn resets(self) {
        let socket = socket2::SockRef::from(&self.reader.stream);
        let _ = socket.set_linger(Some(std::time::Duration::ZERO));
    }

    /// The next answer, interim ones included; `method` says whether it has a body.
    ///
    /// # Panics
    /// When no head comes.
    pub async fn receives(&mut self, method: &str) -> Response {
        match self.tries_to_receive(method).await {
            Ok(Some(response)) => response,
            Ok(None) => panic!("the connection was closed without an answer"),
            Err(error) => panic!("no answer: {error}; read {:?}", self.left_over()),
        }
    }

    /// The next answer; `None` when the peer hangs up in order before its first byte.
    pub async fn tries_to_receive(&mut self, method: &str) -> io::Result<Option<Response>> {
        let Some(mut response) = self.tries_to_receive_a_head().await? else {
            return Ok(None);
        };
        let body = self.receives_the_body(method, &response).await;
        response.set_body(body);
        response.took = self.started.elapsed();
        Ok(Some(response))
    }

    /// The head of the next answer, interim ones included, without its body.
    ///
    /// # Panics
    /// When no head comes.
    pub async fn receives_a_head(&mut self) -> Response {
        self.tries_to_receive_a_head()
            .await
            .expect("a head arrives")
            .expect("the connection stays open until a head arrives")
    }

    async fn tries_to_receive_a_head(&mut self) -> io::Result<Option<Response>> {
        let mut interim = Vec::new();
        loop {
            let Some(head) = patiently("the head of an answer", self.reader.head()).await? else {
                return Ok(None);
            };
            let response = Response::new(head);
            if (100..200).contains(&response.status) && response.status != 101 {
                interim.push(response.status);
                continue;
            }
            return Ok(Some(Response {
                interim,
                head_took: self.started.elapsed(),
                took: self.started.elapsed(),
                ..response
            }));
        }
    }

    async fn receives_the_body(&mut self, method: &str, response: &Response) -> Body {
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return Body {
                whole: true,
                ..Body::default()
            };
        }
        let framing = response.head.framing().unwrap_or(Framing::UntilClose);
        patiently("the body of an answer", self.reader.body(framing)).await
    }

    /// The rest of a body whose head was taken by [`Line::receives_a_head`].
    pub async fn receives_the_rest(&mut self, response: &mut Response) {
        let body = self.receives_the_body("GET", response).await;
        response.set_body(body);
        response.took = self.started.elapsed();
    }

    /// The next line, without its end: for looking at interim answers.
    ///
    /// # Panics
    /// When none comes.
    pub async fn receives_line(&mut self) -> String {
        patiently("a line", self.reader.line())
            .await
            .expect("a line arrives")
    }

    /// Exactly this many bytes, as soon as they are there.
    ///
    /// # Panics
    /// When fewer come.
    pub async fn receives_bytes(&mut self, count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let came = patiently("bytes of a body", self.reader.take(count, &mut bytes)).await;
        assert!(came.unwrap_or(false), "only {bytes:?} came");
        bytes
    }

    /// Waits until the peer hangs up; true if in order, false by a reset.
    pub async fn until_closed(&mut self) -> bool {
        patiently("the server hangs up", self.reader.drain()).await
    }

    fn left_over(&self) -> String {
        String::from_utf8_lossy(self.reader.left_over()).into_owned()
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}
