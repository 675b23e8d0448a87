//! The viewer's side: accepts connections, lets hyper read requests from them, and hands each to the story.

mod balance;
mod connection;
mod cork;
mod crowd;
mod door;
mod farewell;
mod frames;
mod http2;
mod listen;
mod proxy_protocol;
mod screen;
mod socket;
mod tls;
mod transport;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use tideover_config::ViewerScheme;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub(crate) use balance::Staff;
pub(crate) use crowd::{Crowd, most_connections, most_requests};
pub(crate) use listen::{Accepting, REST, Shortage, accept};
pub(crate) use socket::{Close, Closing, Families, ListeningSocket, bind, welcome_new};
pub use tls::CertificateError;
pub(crate) use tls::{Handshake, Tls};

use crate::clock::Moment;
use crate::limit::Limit;
use crate::metrics::ConnectionEnd;
use crate::tcp::Tcp;
use crate::tunnel::Tunnel;
use crate::worker::{View, Worker};
use crowd::Place;
use frames::Earned;
use transport::Transport;

/// What is known about a viewer's connection. Made once, not per request.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// `address` as text.
    pub(crate) address_text: HeaderValue,
    pub(crate) scheme: ViewerScheme,
    /// `None` for a plain connection.
    pub(crate) tls: Option<Handshake>,
    /// Requests that are served now.
    serving: Cell<u32>,
    /// Since when a head is waited for; [`Moment::NEVER`] while a request is served.
    pub(crate) waits_since: Cell<Moment>,
    /// The first byte of that head has come; true for the first head, which is waited for as a whole.
    pub(crate) head_began: Cell<bool>,
    /// The connection ends with the answer to the request at hand.
    pub(crate) is_last: Cell<bool>,
    /// An answer was cut that is to end with the connection: only a reset tells it from a whole one.
    pub(crate) must_be_reset: Cell<bool>,
    /// What answers on it earned; counts over HTTP/2 only.
    pub(crate) earned: Earned,
    /// The last answer switched protocols: what follows it goes through here.
    pub(crate) tunnel: RefCell<Option<Box<Tunnel>>>,
    /// As long as anything of the connection lives.
    _place: Place,
}

impl Peer {
    fn new(
        address: SocketAddr,
        scheme: ViewerScheme,
        tls: Option<Handshake>,
        place: Place,
    ) -> Self {
        // A mapped IPv4 address is told as what it is.
        let ip = address.ip().to_canonical();
        let address_text =
            HeaderValue::from_str(&ip.to_string()).expect("an address is a header value");
        Self {
            address: ip,
            port: address.port(),
            address_text,
            scheme,
            tls,
            serving: Cell::new(0),
            waits_since: Cell::new(Moment::now()),
            head_began: Cell::new(true),
            is_last: Cell::new(false),
            must_be_reset: Cell::new(false),
            earned: Earned::default(),
            tunnel: RefCell::new(None),
            _place: place,
        }
    }
}

impl Peer {
    /// A request of it is served: no head is waited for.
    pub(crate) fn is_served(&self) {
        self.serving.set(self.serving.get() + 1);
        self.waits_since.set(Moment::NEVER);
    }

    /// A request of it is over: if it was the only one, the next head is waited for from now on.
    pub(crate) fn has_its_turn(&self) {
        self.serving.set(self.serving.get() - 1);
        if self.serving.get() == 0 {
            self.waits_anew();
        }
    }

    /// The next head is waited for from now on.
    fn waits_anew(&self) {
        self.waits_since.set(Moment::now());
        self.head_began.set(false);
    }

    /// The first byte of a head has come: from now on the rest is waited for.
    fn begins_a_head(&self) {
        if !self.head_began.replace(true) {
            self.waits_since.set(Moment::now());
        }
    }
}

/// What viewers speak at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Protocol {
    /// As in `listening http 127.0.0.1:8000`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

/// The same on its way to another worker.
#[derive(Debug)]
pub(crate) struct HandedOn {
    stream: std::net::TcpStream,
    address: SocketAddr,
    protocol: Protocol,
}

impl Arrival {
    fn hand_on(self) -> io::Result<HandedOn> {
        Ok(HandedOn {
            stream: self.stream.into_std()?,
            address: self.address,
            protocol: self.protocol,
        })
    }
}

impl HandedOn {
    /// It is where it was to go.
    pub(crate) fn arrive(self) -> io::Result<Arrival> {
        Ok(Arrival {
            stream: TcpStream::from_std(self.stream)?,
            address: self.address,
            protocol: self.protocol,
        })
    }
}

/// What serves a connection to its end.
type Course = Pin<Box<dyn Future<Output = ()>>>;

/// Serves the connection in a task of its own, among `viewers`, if there is a place for it; false if not.
pub(crate) fn welcome(worker: &Rc<Worker>, viewers: &mut JoinSet<()>, arrival: Arrival) -> bool {
    let view = worker.view();
    let Some((arrival, place)) = door::admit(worker, &view, arrival) else {
        return false;
    };
    let course = if door::is_introduced(&view, &arrival) {
        Some(Box::pin(introduce(Rc::clone(worker), arrival, place)) as Course)
    } else {
        receive(worker, &view, arrival, place)
    };
    let Some(course) = course else {
        return false;
    };
    worker.counters.viewer_came();
    viewers.spawn_local(course);
    true
}

/// Finds out first who the viewer is.
async fn introduce(worker: Rc<Worker>, arrival: Arrival, place: Place) {
    let view = worker.view();
    let Some(arrival) = door::introduced(&worker, &view, arrival).await else {
        return;
    };
    let course = receive(&worker, &view, arrival, place);
    drop(view);
    if let Some(course) = course {
        course.await;
    }
}

/// What serves this viewer, unless there are too many from there. Boxed: an idle connection is no larger than what it speaks
/// needs.
fn receive(worker: &Rc<Worker>, view: &View, arrival: Arrival, place: Place) -> Option<Course> {
    let (arrival, place) = door::admit_among_neighbours(worker, view, arrival, place)?;
    let listen = &view.live.edge.listen;
    bound_unread(
        &arrival.stream,
        view.live.clock.real(listen.limits.body_timeout),
    );
    let tcp = Tcp::new(arrival.stream);
    let worker = Rc::clone(worker);
    Some(match arrival.protocol {
        Protocol::Http => {
            let peer = Peer::new(arrival.address, listen.viewer_scheme, None, place);
            let transport = Transport::Plain(tcp);
            if listen.h2c {
                Box::pin(sniff(worker, Rc::new(peer), transport))
            } else {
                Box::pin(connection::serve(worker, Rc::new(peer), transport))
            }
        }
        Protocol::Https => Box::pin(shake_hands(worker, arrival.address, tcp, place)),
    })
}

/// TLS first, then what was agreed upon in it.
async fn shake_hands(worker: Rc<Worker>, address: SocketAddr, tcp: Tcp, place: Place) {
    let view = worker.view();
    let Some(tls) = &view.live.tls else {
        // A reload took TLS out of the config while the viewer was on its way.
        return;
    };
    let limit = Instant::now() + view.live.clock.real(tls.handshake_timeout());
    // Boxed: large, and over soon.
    let shaken = Box::pin(async {
        let speaks = tokio::select! {
            biased;
            speaks = timeout_at(limit, tcp.begins()) => speaks,
            () = farewell::is_past_waiting(&worker) => return None,
        };
        Some(match speaks {
            Ok(Ok(())) => timeout_at(limit, tls.handshake(tcp)).await,
            Ok(Err(error)) => Ok(Err(error)),
            Err(late) => Err(late),
        })
    });
    let Some(shaken) = shaken.await else { return };
    let (stream, handshake) = match shaken {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => {
            tracing::debug!(peer = %address, %error, "a TLS handshake failed");
            return worker.counters.handshake_failed();
        }
        Err(_) => {
            tracing::debug!(peer = %address, "a TLS handshake took too long");
            worker.counters.limit_reached(Limit::HandshakeTimeout);
            return worker.counters.handshake_failed();
        }
    };
    drop(view);
    let is_http2 = handshake.is_http2;
    let peer = Rc::new(Peer::new(
        address,
        ViewerScheme::Https,
        Some(handshake),
        place,
    ));
    let transport = Transport::Tls(stream);
    if is_http2 {
        http2::serve(worker, peer, transport).await;
    } else {
        connection::serve(worker, peer, transport).await;
    }
}

/// A plain connection on which HTTP/2 may be spoken at once: its first bytes tell (RFC 9113, section 3.4).
async fn sniff(worker: Rc<Worker>, peer: Rc<Peer>, transport: Transport) {
    let view = worker.view();
    let limit = view
        .live
        .clock
        .real(view.live.edge.listen.limits.head_timeout);
    drop(view);
    let sniffed = tokio::select! {
        biased;
        sniffed = tokio::time::timeout(limit, transport.begins_with_http2()) => sniffed,
        () = farewell::is_past_waiting(&worker) => {
            return worker.counters.connection_end(ConnectionEnd::Good);
        }
    };
    match sniffed {
        Ok(Ok(true)) => http2::serve(worker, peer, transport).await,
        Ok(Ok(false)) => connection::serve(worker, peer, transport).await,
        Ok(Err(_)) => worker.counters.connection_end(ConnectionEnd::Broken),
        Err(_) => worker
            .counters
            .connection_end(ConnectionEnd::OutOfTime(Limit::HeadTimeout)),
    }
}

/// Has the kernel break off a connection whose peer takes nothing for `limit` of what is sent to it. Only the kernel sees
/// how much is taken: a writer hears of it again once a good part of a large buffer is free, which with a slow viewer
/// can take longer than any sensible limit.
fn bound_unread(stream: &TcpStream, limit: Duration) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // 0 would mean the system's own limit.
    let _ = socket2::SockRef::from(stream)
        .set_tcp_user_timeout(Some(limit.max(Duration::from_millis(1))));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (stream, limit);
}
