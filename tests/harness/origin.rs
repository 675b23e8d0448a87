//! Scripted origins over raw TCP: they do what their script says, and remember every request as it came.

mod bad;
mod object;
mod script;
mod serve;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use object::{Content, Object, object};
pub use script::{Answer, Script, Step, answer};

use crate::certificates::Certificate;
use crate::gate::patiently;
use crate::wire::{Body, Head};

/// A request as an origin got it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// As sent.
    pub method: String,
    /// As sent.
    pub target: String,
    /// Request line and headers.
    pub head: Head,
    /// As far as it came and was read.
    pub body: Vec<u8>,
    /// After a chunked body.
    pub trailers: Vec<(String, String)>,
    /// The body was read to its proper end, or there was none.
    pub is_whole: bool,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Seen {
    /// The first value of this header, or an empty text.
    pub fn value(&self, name: &str) -> &str {
        self.head.header(name).unwrap_or_default()
    }

    /// Whether there is a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.head.header(name).is_some()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An origin of this name that answers 200 with its name as the body, until told otherwise.
pub fn origin(name: &str) -> OriginBuilder {
    OriginBuilder {
        name: name.to_owned(),
        place: Place::Listens,
        loopback: Ipv4Addr::LOCALHOST.into(),
        tls: None,
        answer: answer(200).body(format!("from {name}")),
        in_turn: Vec::new(),
        by_path: Vec::new(),
        on_reuse: None,
    }
}

/// An origin that has not started yet.
#[derive(Debug)]
#[must_use = "an origin plays once it is started"]
pub struct OriginBuilder {
    name: String,
    place: Place,
    loopback: IpAddr,
    tls: Option<Arc<ServerConfig>>,
    answer: Answer,
    in_turn: Vec<Script>,
    by_path: Vec<(String, Script)>,
    on_reuse: Option<Script>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Listens,
    Refuses,
    BlackHole,
}

impl OriginBuilder {
    /// Answers every request with this status, without a body.
    pub fn answers(mut self, status: u16) -> Self {
        self.answer = answer(status);
        self
    }

    /// Gives the usual answer this body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.answer = self.answer.body(body);
        self
    }

    /// Gives the usual answer this header too.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.answer = self.answer.header(name, value);
        self
    }

    /// Does this for every request.
    pub fn plays(mut self, script: impl Into<Script>) -> Self {
        self.in_turn = vec![script.into()];
        self
    }

    /// Answers 200 with so many bytes, as fast as they are taken.
    pub fn streams(self, bytes: u64) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
        self.plays([Step::ReadBody, Step::Send(head.into()), Step::Stream(bytes)])
    }

    /// Does these one after the other, one each request, and the last one from then on.
    pub fn in_turn<S: Into<Script>>(mut self, scripts: impl IntoIterator<Item = S>) -> Self {
        self.in_turn = scripts.into_iter().map(Into::into).collect();
        self
    }

    /// Does this for requests of exactly this path (the query apart).
    pub fn at(mut self, path: &str, script: impl Into<Script>) -> Self {
        self.by_path.push((path.to_owned(), script.into()));
        self
    }

    /// Speaks TLS with a good certificate.
    pub fn https(self) -> Self {
        let certificate = Certificate::good(&self.domain_name());
        self.shows(&certificate)
    }

    /// Speaks TLS with this certificate.
    pub fn shows(mut self, certificate: &Certificate) -> Self {
        self.tls = Some(certificate.server_config());
        self
    }

    /// Is at this address of loopback; usually at 127.0.0.1.
    pub fn on(mut self, loopback: IpAddr) -> Self {
        self.loopback = loopback;
        self
    }

    fn placed(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    fn domain_name(&self) -> String {
        format!("{}.test", self.name)
    }

    /// Starts to play.
    ///
    /// # Panics
    /// When loopback gives no port.
    pub async fn start(self) -> Origin {
        let domain_name = self.domain_name();
        let is_https = self.tls.is_some();
        let state = Arc::new(State::default());
        let plan = Plan {
            tls: self.tls,
            by_path: self.by_path,
            in_turn: if self.in_turn.is_empty() {
                vec![self.answer.into()]
            } else {
                self.in_turn
            },
            next: AtomicUsize::new(0),
            on_reuse: self.on_reuse,
        };
        let loopback = SocketAddr::from((self.loopback, 0));
        let socket =
            Socket::new(Domain::for_address(loopback), Type::STREAM, None).expect("a socket");
        socket.bind(&loopback.into()).expect("a port of loopback");
        let address = socket
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket())
            .expect("a bound socket has an address");
        let presence = match self.place {
            Place::Refuses => Presence::Refuses { _bound: socket },
            Place::BlackHole => Presence::BlackHole {
                _hole: fills_the_queue(socket, address).await,
            },
            Place::Listens => {
                socket.listen(1024).expect("a bound socket listens");
                socket
                    .set_nonblocking(true)
                    .expect("a socket takes options");
                let listener = tokio::net::TcpListener::from_std(socket.into())
                    .expect("a listening socket is a listener");
                let task = tokio::spawn(serve::accepts(listener, plan.into(), state.clone()));
                Presence::Listens(task.abort_handle())
            }
        };
        Origin {
            name: self.name,
            domain_name,
            address,
            is_https,
            state,
            presence,
        }
    }
}

/// Listens with the shortest queue there is and connects to it until nothing goes in any more.
pub(crate) async fn fills_the_queue(socket: Socket, address: SocketAddr) -> BlackHole {
    socket.listen(0).expect("a bound socket listens");
    let mut queued = Vec::new();
    loop {
        let connects = tokio::task::spawn_blocking(move || {
            TcpStream::connect_timeout(&address, Duration::from_millis(200))
        });
        match connects.await {
            Ok(Ok(stream)) if queued.len() < 64 => queued.push(stream),
            Ok(Ok(_)) => panic!("the accept queue has no end"),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    BlackHole {
        _listening: socket,
        _queued: queued,
    }
}

/// A port to which connecting never ends, as long as this value lives.
#[derive(Debug)]
pub struct BlackHole {
    _listening: Socket,
    _queued: Vec<TcpStream>,
}

/// What an origin will do.
#[derive(Debug)]
struct Plan {
    tls: Option<Arc<ServerConfig>>,
    by_path: Vec<(String, Script)>,
    in_turn: Vec<Script>,
    next: AtomicUsize,
    on_reuse: Option<Script>,
}

impl Plan {
    fn script(&self, head: &Head, reused: bool) -> Script {
        if let (true, Some(script)) = (reused, &self.on_reuse) {
            return script.clone();
        }
        let target = head.first_line.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        if let Some((_, script)) = self.by_path.iter().find(|(own, _)| own == path) {
            return script.clone();
        }
        let turn = self.next.fetch_add(1, Ordering::SeqCst);
        self.in_turn[turn.min(self.in_turn.len() - 1)].clone()
    }
}

/// What an origin has seen.
#[derive(Debug, Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    bytes_sent: AtomicU64,
    /// Requests, completed bodies, departures and hang-ups so far; grows with each.
    events: watch::Sender<u64>,
    departures: AtomicUsize,
    hang_ups: AtomicUsize,
    closed_idle: AtomicUsize,
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, request: Seen) -> usize {
        let mut seen = self.seen();
        seen.push(request);
        let index = seen.len() - 1;
        drop(seen);
        self.events.send_modify(|count| *count += 1);
        index
    }

    fn complete(&self, index: usize, body: Body) {
        if let Some(request) = self.seen().get_mut(index) {
            request.body = body.bytes;
            request.trailers = body.trailers;
            request.is_whole = body.whole;
        }
        self.events.send_modify(|count| *count += 1);
    }

    fn note_that_the_peer_left(&self) {
        self.departures.fetch_add(1, Ordering::SeqCst);
        self.events.send_modify(|count| *count += 1);
    }

    fn note_that_it_hung_up(&self) {
        self.hang_ups.fetch_add(1, Ordering::SeqCst);
        self.events.send_modify(|count| *count += 1);
    }

    fn note_that_it_was_closed(&self) {
        self.closed_idle.fetch_add(1, Ordering::SeqCst);
        self.events.send_modify(|count| *count += 1);
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let mut events = self.events.subscribe();
        patiently(what, async {
            while !holds() {
                let _ = events.changed().await;
            }
        })
        .await;
    }
}

/// What stands at an origin's port.
#[derive(Debug)]
enum Presence {
    Listens(AbortHandle),
    /// Bound, so that nobody else gets the port; not listening, so that the kernel refuses.
    Refuses {
        _bound: Socket,
    },
    BlackHole {
        _hole: BlackHole,
    },
}

/// An origin at play; it ends with this value.
#[derive(Debug)]
pub struct Origin {
    name: String,
    domain_name: String,
    address: SocketAddr,
    is_https: bool,
    state: Arc<State>,
    presence: Presence,
}

impl Origin {
    /// Its id in configs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name on the net, which nothing resolves: `NAME.test`.
    pub fn domain_name(&self) -> &str {
        &self.domain_name
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// `http://127.0.0.1:PORT` or `https://…`.
    pub fn url(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen().clone()
    }

    /// How many that are.
    pub fn count(&self) -> usize {
        self.state.seen().len()
    }

    /// The only request so far.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub fn request(&self) -> Seen {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests at {}: {requests:?}", self.name);
        requests.remove(0)
    }

    /// It got exactly these requests, in this order: `GET /path`.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn saw<const N: usize>(&self, expected: [&str; N]) {
        let requests = self.requests();
        let seen: Vec<String> = requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.target))
            .collect();
        assert_eq!(seen, expected, "what {} saw", self.name);
    }

    /// It got no request.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn saw_nothing(&self) {
        self.saw([]);
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Bytes that its scripts could send so far.
    pub fn bytes_sent(&self) -> u64 {
        self.state.bytes_sent.load(Ordering::SeqCst)
    }

    /// Waits until it has got the head of this many requests.
    pub async fn until_it_saw(&self, count: usize) {
        let what = format!("{} sees {count} requests", self.name);
        self.state
            .until(&what, || self.state.seen().len() >= count)
            .await;
    }

    /// Waits until it has read this many requests to their end.
    pub async fn until_it_read(&self, count: usize) {
        let what = format!("{} reads {count} requests", self.name);
        let read = || {
            let seen = self.state.seen();
            seen.iter().filter(|request| request.is_whole).count() >= count
        };
        self.state.until(&what, read).await;
    }

    /// Waits until a peer has hung up on it while it was silent or sending.
    pub async fn until_it_was_left(&self) {
        let what = format!("{} is left", self.name);
        let left = || self.state.departures.load(Ordering::SeqCst) > 0;
        self.state.until(&what, left).await;
    }

    /// Waits until peers have closed this many connections between two requests.
    pub async fn until_it_was_closed(&self, count: usize) {
        let what = format!("{count} idle connections of {} are closed", self.name);
        let closed = || self.state.closed_idle.load(Ordering::SeqCst) >= count;
        self.state.until(&what, closed).await;
    }

    /// Waits until it has closed this many connections in order: its end of stream has reached the peer's socket.
    pub async fn until_it_hung_up(&self, count: usize) {
        let what = format!("{} hangs up {count} times", self.name);
        let hung_up = || self.state.hang_ups.load(Ordering::SeqCst) >= count;
        self.state.until(&what, hung_up).await;
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Presence::Listens(task) = &self.presence {
            task.abort();
        }
    }
}
