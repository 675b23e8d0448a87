//! A small HTTP server on loopback that does what it is told: work, answer an error to everything, refuse, stay silent,
//! or be a black hole. The demo and the drill play their tiers with it.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Tells who answered, whatever the edge says about it.
pub(super) const TIER_HEADER: HeaderName = HeaderName::from_static("demo-tier");

/// Most bytes of a form that a tier reads.
const FORM_LIMIT: usize = 64 * 1024;

/// How a tier behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It works.
    Up,
    /// It answers every request with this status.
    Answers(StatusCode),
    /// Its port refuses connections, as after a crash.
    Refuses,
    /// It accepts connections, reads requests and never answers.
    Silent,
    /// Its packets get lost: a connection is neither made nor refused.
    BlackHole,
}

impl Condition {
    fn listens(self) -> bool {
        match self {
            Self::Up | Self::Answers(_) | Self::Silent => true,
            Self::Refuses | Self::BlackHole => false,
        }
    }
}

impl fmt::Display for Condition {
    /// What it does, as a clause that follows its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("is up"),
            Self::Answers(status) => write!(f, "answers {}", status.as_u16()),
            Self::Refuses => f.write_str("refuses connections"),
            Self::Silent => f.write_str("accepts and stays silent"),
            Self::BlackHole => f.write_str("is a black hole"),
        }
    }
}

impl FromStr for Condition {
    type Err = ();

    /// From the last part of a switch's path: `up`, `down`, `silent`, `black-hole`, `503`.
    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Refuses),
            "silent" => Ok(Self::Silent),
            "black-hole" => Ok(Self::BlackHole),
            status => match status.parse::<u16>().ok().map(StatusCode::from_u16) {
                Some(Ok(status)) if status.as_u16() >= 200 => Ok(Self::Answers(status)),
                Some(_) | None => Err(()),
            },
        }
    }
}

/// A request as an application sees it: read whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Starts with `/`.
    pub(super) path: String,
    /// Without `?`; empty if there is none.
    pub(super) query: String,
    pub(super) body: Bytes,
}

/// What answers the requests of a tier.
pub(super) trait App: 'static {
    /// The whole answer.
    fn answer(&self, asked: &Asked) -> impl Future<Output = Response<Bytes>>;
}

/// A running tier; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Tier {
    name: &'static str,
    address: SocketAddr,
    condition: Rc<Cell<Condition>>,
    writes_seen: Rc<Cell<u32>>,
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    condition: Condition,
    done: oneshot::Sender<io::Result<()>>,
}

impl Tier {
    /// Starts `app` as `name` on a free port of loopback, inside a tokio `LocalRuntime`.
    pub(super) fn start(name: &'static str, app: impl App) -> io::Result<Self> {
        let first = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = local_address(&first)?;
        let stage = Stage::Open(listening(first)?);
        let condition = Rc::new(Cell::new(Condition::Up));
        let writes_seen = Rc::default();
        let (orders, received) = mpsc::channel(1);
        let play = Rc::new(Play {
            name,
            app,
            condition: Rc::clone(&condition),
            writes_seen: Rc::clone(&writes_seen),
        });
        tokio::task::spawn_local(perform(play, address, stage, received));
        Ok(Self {
            name,
            address,
            condition,
            writes_seen,
            orders,
        })
    }

    /// As in the config.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The same for the tier's whole life.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it behaves now.
    pub(super) fn condition(&self) -> Condition {
        self.condition.get()
    }

    /// How many requests other than GET, HEAD and OPTIONS reached it.
    pub(super) fn writes_seen(&self) -> u32 {
        self.writes_seen.get()
    }

    /// Changes how it behaves; when this returns, the next connection or request meets the new way.
    pub(super) async fn turn(&self, condition: Condition) -> io::Result<()> {
        let (done, ready) = oneshot::channel();
        let gone = || io::Error::other("the tier has ended");
        self.orders
            .send(Order { condition, done })
            .await
            .map_err(|_| gone())?;
        ready.await.map_err(|_| gone())?
    }
}

/// What stands at the tier's address.
enum Stage {
    /// Nothing: between two ways of standing there.
    Gone,
    Open(TcpListener),
    /// Bound, so that nobody else takes the port, and not listening, so that the kernel refuses.
    Closed {
        _holds_the_port: Socket,
    },
    /// Listening with a full queue: the kernel drops further packets, as a dead host does.
    Full {
        _listener: Socket,
        _fillers: Vec<TcpStream>,
    },
}

impl Stage {
    async fn set(address: SocketAddr, condition: Condition) -> io::Result<Self> {
        let socket = bound(address)?;
        match condition {
            Condition::Up | Condition::Answers(_) | Condition::Silent => {
                Ok(Self::Open(listening(socket)?))
            }
            Condition::Refuses => Ok(Self::Closed {
                _holds_the_port: socket,
            }),
            Condition::BlackHole => {
                socket.listen(0)?;
                let mut fillers = Vec::new();
                // Linux keeps one more than it was told; a few more rounds do no harm elsewhere.
                while fillers.len() < 16 {
                    match timeout(Duration::from_millis(50), TcpStream::connect(address)).await {
                        Ok(filler) => fillers.push(filler?),
                        Err(_full) => {
                            return Ok(Self::Full {
                                _listener: socket,
                                _fillers: fillers,
                            });
                        }
                    }
                }
                Err(io::Error::other(
                    "this kernel accepts more connections than it was told",
                ))
            }
        }
    }

    async fn accept(&self) -> TcpStream {
        match self {
            Self::Open(listener) => loop {
                match listener.accept().await {
                    Ok((stream, _)) => return stream,
                    // Out of open files, or the peer has gone: neither is worth a busy loop.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            },
            Self::Gone | Self::Closed { .. } | Self::Full { .. } => pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address
        .as_socket()
        .ok_or_else(|| io::Error::other("no IP address"))
}

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

struct Play<A> {
    name: &'static str,
    app: A,
    condition: Rc<Cell<Condition>>,
    writes_seen: Rc<Cell<u32>>,
}

async fn perform<A: App>(
    play: Rc<Play<A>>,
    address: SocketAddr,
    mut stage: Stage,
    mut orders: mpsc::Receiver<Order>,
) {
    let mut viewers = JoinSet::new();
    loop {
        tokio::select! {
            stream = stage.accept() => {
                viewers.spawn_local(serve(Rc::clone(&play), stream));
            }
            Some(_) = viewers.join_next() => {}
            order = orders.recv() => {
                let Some(Order { condition, done }) = order else { return };
                let before = play.condition.get();
                play.condition.set(condition);
                let mut turned = Ok(());
                if !(before.listens() && condition.listens() && before != Condition::Silent) {
                    viewers.shutdown().await;
                    // The old socket has to be gone before a new one can listen at the same address.
                    stage = Stage::Gone;
                    match Stage::set(address, condition).await {
                        Ok(set) => stage = set,
                        Err(error) => turned = Err(error),
                    }
                }
                // Whoever gave the order may have left.
                let _ = done.send(turned);
            }
        }
    }
}

async fn serve<A: App>(play: Rc<Play<A>>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| {
        let play = Rc::clone(&play);
        async move { Ok::<_, Infallible>(play.answer(request).await) }
    });
    // A viewer that breaks off, or sends what is not HTTP, is no news for a demo.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

impl<A: App> Play<A> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) {
            self.writes_seen.set(self.writes_seen.get() + 1);
        }
        let (head, body) = request.into_parts();
        let mut response = match (
            self.condition.get(),
            Limited::new(body, FORM_LIMIT).collect().await,
        ) {
            (Condition::Silent, _) => pending().await,
            (Condition::Answers(status), _) => error_answer(self.name, status),
            (_, Err(_too_long_or_broken)) => error_answer(self.name, StatusCode::PAYLOAD_TOO_LARGE),
            (Condition::Up | Condition::Refuses | Condition::BlackHole, Ok(body)) => {
                let asked = Asked {
                    method: head.method,
                    path: head.uri.path().to_owned(),
                    query: head.uri.query().unwrap_or_default().to_owned(),
                    body: body.to_bytes(),
                };
                self.app.answer(&asked).await
            }
        };
        let headers = response.headers_mut();
        headers.insert(TIER_HEADER, HeaderValue::from_static(self.name));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.map(Full::new)
    }
}

fn error_answer(name: &str, status: StatusCode) -> Response<Bytes> {
    let words = status.canonical_reason().unwrap_or("told to say so");
    page(
        status,
        format!(
            "<!DOCTYPE html>\n<title>{status}</title>\n<h1>{code} {words}</h1>\n<hr><p>{name}</p>\n",
            code = status.as_u16()
        ),
    )
}

/// An HTML page.
pub(super) fn page(status: StatusCode, html: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hello;

    impl App for Hello {
        async fn answer(&self, _: &Asked) -> Response<Bytes> {
            page(StatusCode::OK, "hello".to_owned())
        }
    }

    fn locally<T>(play: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("a runtime")
            .block_on(play)
    }

    async fn status(tier: &Tier) -> Result<u16, String> {
        let ask = crate::cli::client::ask(tier.address(), &Method::GET, "/", "");
        match timeout(Duration::from_millis(300), ask).await {
            Ok(Ok(answer)) => Ok(answer.status.as_u16()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("nothing came".to_owned()),
        }
    }

    #[test]
    fn a_tier_does_what_it_is_told_and_comes_back() {
        locally(async {
            let tier = Tier::start("hello", Hello).expect("a port");
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            for _ in 0..2 {
                assert_eq!(status(&tier).await, Ok(200));
                for (condition, expected) in [
                    (Condition::Answers(unavailable), Ok(503)),
                    (Condition::Refuses, Err("refused")),
                    (Condition::Silent, Err("nothing came")),
                    (Condition::BlackHole, Err("nothing came")),
                    (Condition::Up, Ok(200)),
                ] {
                    tier.turn(condition).await.expect("it turns");
                    assert_eq!(tier.condition(), condition);
                    match (status(&tier).await, expected) {
                        (Ok(seen), Ok(expected)) => assert_eq!(seen, expected, "{condition:?}"),
                        (Err(seen), Err(expected)) => {
                            assert!(seen.contains(expected), "{condition:?}: {seen}");
                        }
                        (seen, expected) => panic!("{condition:?}: {seen:?}, not {expected:?}"),
                    }
                }
            }
        });
    }

    #[test]
    fn a_switch_is_read_from_a_word() {
        for (word, condition) in [
            ("up", Ok(Condition::Up)),
            ("down", Ok(Condition::Refuses)),
            ("404", Ok(Condition::Answers(StatusCode::NOT_FOUND))),
            ("100", Err(())),
            ("99999", Err(())),
            ("sideways", Err(())),
        ] {
            assert_eq!(word.parse(), condition, "{word}");
        }
    }
}
