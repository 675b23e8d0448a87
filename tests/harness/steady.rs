//! A steady load over both protocols, by hyper's clients: they do what they are told about their connections, and count what
//! is lost.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::gate::{ms, patiently};
use crate::secure::{Protocol, client_config, try_to_shake_hands};

/// Between two rounds of a viewer: the load is to be steady, and not all that the machine can do.
const PAUSE: Duration = ms(30);
/// Every so many viewers one makes none: it is always about to ask when its connection ends.
const MAKES_NONE: usize = 8;
/// Every so many viewers one comes anew after so many rounds: there are always some in the accept queue.
const COMES_ANEW: (usize, u32) = (4, 20);

/// Viewers at work: each asks for `/` again and again, over HTTP/2 three times at once. One that is told that its connection
/// ends (`Connection: close`, GOAWAY) opens another. Sent again is a request that GOAWAY has refused, because its stream is
/// beyond the last one that is answered (RFC 9113, section 6.8), or of which not a byte left. Everything else but a whole
/// answer of status 200 is a loss.
#[derive(Debug)]
#[must_use = "what was lost is seen at its end"]
pub struct Steady {
    state: Arc<State>,
    viewers: JoinSet<()>,
}

/// What it came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests that were answered to the last byte.
    pub answered: u64,
    /// What was not, and how.
    pub lost: Vec<String>,
    /// Requests that GOAWAY refused, and that were sent again.
    pub sent_again: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// How many of them were told to end.
    pub told: u64,
}

#[derive(Debug)]
struct State {
    /// Over HTTP/1.1.
    plain: SocketAddr,
    /// Over HTTP/2.
    tls: SocketAddr,
    /// Whoever is told that its connection ends goes.
    goes_when_told: AtomicBool,
    /// By each viewer.
    rounds: Vec<AtomicU64>,
    counted: Mutex<Counted>,
}

impl Steady {
    /// So many viewers over HTTP/1.1 at `plain` and as many over HTTP/2 at `tls`, whose name is `localhost`.
    pub fn begins(plain: SocketAddr, tls: SocketAddr, of_each: usize) -> Self {
        let state = Arc::new(State {
            plain,
            tls,
            goes_when_told: AtomicBool::new(false),
            rounds: (0..2 * of_each).map(|_| AtomicU64::new(0)).collect(),
            counted: Mutex::default(),
        });
        let mut viewers = JoinSet::new();
        for index in 0..2 * of_each {
            let viewer = Viewer {
                state: Arc::clone(&state),
                index,
                is_http2: index >= of_each,
            };
            viewers.spawn(viewer.asks());
        }
        Self { state, viewers }
    }

    /// Returns when every viewer has been answered in so many rounds that began after this was called.
    ///
    /// # Panics
    /// When that takes too long, or something is lost meanwhile.
    pub async fn goes_on_for(&self, rounds: u64) {
        let rounds_of = |state: &State| -> Vec<u64> {
            let rounds = state.rounds.iter();
            rounds.map(|own| own.load(Ordering::SeqCst)).collect()
        };
        // The round at hand may have begun before.
        let until: Vec<u64> = rounds_of(&self.state)
            .iter()
            .map(|own| own + 1 + rounds)
            .collect();
        patiently("each viewer is answered", async {
            loop {
                let lost = self.state.counted().lost.clone();
                assert!(lost.is_empty(), "lost: {lost:#?}");
                let now = rounds_of(&self.state);
                if now.iter().zip(&until).all(|(now, until)| now >= until) {
                    return;
                }
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
    }

    /// From now on whoever is told that its connection ends goes, and nobody comes anew. Returns when all viewers know.
    pub async fn goes_when_told(&self) {
        self.state.goes_when_told.store(true, Ordering::SeqCst);
        // Somebody may be about to come just now.
        self.goes_on_for(1).await;
    }

    /// Returns when every viewer has been told to go, and what it came to.
    ///
    /// # Panics
    /// When they are not told.
    pub async fn goes(mut self) -> Counted {
        patiently("the viewers go", async {
            while let Some(ended) = self.viewers.join_next().await {
                ended.expect("a viewer does not panic");
            }
        })
        .await;
        self.state.counted().clone()
    }
}

impl State {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> bool {
        self.goes_when_told.load(Ordering::SeqCst)
    }
}

struct Viewer {
    state: Arc<State>,
    index: usize,
    is_http2: bool,
}

/// Why a connection is used no longer.
enum End {
    Told,
    /// Nobody said that it ends.
    OwnWish,
    Loss(String),
}

impl Viewer {
    async fn asks(self) {
        loop {
            let end = match self.connects().await {
                Ok(sender) => self.asks_on(sender).await,
                Err(error) => End::Loss(format!("a connection: {error}")),
            };
            match end {
                End::Told => {
                    self.state.counted().told += 1;
                    if self.state.ends() {
                        return;
                    }
                }
                End::OwnWish => {}
                End::Loss(what) => {
                    let over = if self.is_http2 { "HTTP/2" } else { "HTTP/1.1" };
                    return self.state.counted().lost.push(format!("{over}: {what}"));
                }
            }
        }
    }

    async fn connects(&self) -> Result<Sender, Box<dyn Error + Send + Sync>> {
        self.state.counted().connections += 1;
        if self.is_http2 {
            let config = client_config(Protocol::Http2);
            let stream = try_to_shake_hands(self.state.tls, "localhost", config).await?;
            let executor = TokioExecutor::new();
            let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await?;
            // How it ends is told to each request.
            tokio::spawn(connection);
            Ok(Sender::Http2(sender))
        } else {
            let stream = TcpStream::connect(self.state.plain).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok(Sender::Http1(sender))
        }
    }

    async fn asks_on(&self, mut sender: Sender) -> End {
        let (every, most) = COMES_ANEW;
        let comes_anew = self.index.is_multiple_of(every);
        let mut rounds = 0;
        loop {
            if comes_anew && rounds >= most && !self.state.ends() {
                return End::OwnWish;
            }
            if self.index % MAKES_NONE != 1 {
                tokio::time::sleep(PAUSE).await;
            }
            if !sender.is_ready().await {
                return End::Told;
            }
            let mut is_told = false;
            for outcome in sender.round().await {
                match outcome {
                    Outcome::Answered { is_last } => {
                        self.state.counted().answered += 1;
                        is_told |= is_last;
                    }
                    Outcome::NotSent => is_told = true,
                    Outcome::Refused => {
                        self.state.counted().sent_again += 1;
                        is_told = true;
                    }
                    Outcome::Lost(how) => return End::Loss(how),
                }
            }
            rounds += 1;
            if is_told {
                return End::Told;
            }
            if let Some(own) = self.state.rounds.get(self.index) {
                own.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// What became of one request.
enum Outcome {
    Answered {
        /// And no other one will be, on this connection.
        is_last: bool,
    },
    /// Not a byte of it left.
    NotSent,
    /// By GOAWAY: it will not be answered, and nobody has looked at it.
    Refused,
    Lost(String),
}

type Empties = Request<Empty<Bytes>>;

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Sender {
    /// False if it was told to ask no more.
    async fn is_ready(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    async fn round(&mut self) -> Vec<Outcome> {
        match self {
            Self::Http1(sender) => {
                let request = request("/").header(header::HOST, "localhost");
                vec![outcome(sender.try_send_request(whole(request)).await).await]
            }
            Self::Http2(sender) => {
                let ask = || {
                    let mut sender = sender.clone();
                    async move {
                        let request = whole(request("https://localhost/"));
                        outcome(sender.try_send_request(request).await).await
                    }
                };
                let (first, second, third) = tokio::join!(ask(), ask(), ask());
                vec![first, second, third]
            }
        }
    }
}

fn request(target: &str) -> http::request::Builder {
    Request::get(target)
}

fn whole(request: http::request::Builder) -> Empties {
    request.body(Empty::new()).expect("it is a request")
}

async fn outcome(answer: Result<Response<Incoming>, TrySendError<Empties>>) -> Outcome {
    match answer {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            if let Err(error) = body.collect().await {
                return Outcome::Lost(format!("the rest of an answer: {error:?}"));
            }
            if head.status != StatusCode::OK {
                return Outcome::Lost(format!("an answer of status {}", head.status));
            }
            let connection = head.headers.get(header::CONNECTION);
            Outcome::Answered {
                is_last: connection.is_some_and(|said| said.as_bytes() == b"close"),
            }
        }
        Err(mut error) => {
            if error.take_message().is_some() {
                return Outcome::NotSent;
            }
            let error = error.into_error();
            if is_refused(&error) {
                Outcome::Refused
            } else {
                Outcome::Lost(format!("an answer: {error:?}"))
            }
        }
    }
}

/// Whether GOAWAY says so: a stream that it promises to answer, and that is cut, ends otherwise.
fn is_refused(error: &hyper::Error) -> bool {
    let source = error.source();
    source
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        })
}
