//! The viewer's side: accepts connections, lets hyper read requests from them, and hands each to the story.

mod connection;
mod crowd;
mod listen;
mod proxy_protocol;
mod screen;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::{HeaderValue, StatusCode};
use tideover_config::{Network, ViewerScheme};
use tideover_rules::told::{self, ResultType};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use crowd::{Crowd, most_connections};
pub(crate) use listen::{REST, Shortage, accept, bind};

use crate::access_log::{self, Refused};
use crate::clock::{Alarm, Moment};
use crate::limit::Limit;
use crate::respond;
use crate::worker::{View, Worker};
use crowd::Place;

/// What is known about a viewer's connection. Made once, not per request.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// `address` as text.
    pub(crate) address_text: HeaderValue,
    pub(crate) scheme: ViewerScheme,
    /// The one timer of the connection's task.
    pub(crate) alarm: Rc<Alarm>,
    /// Since when a head is waited for; [`Moment::NEVER`] while a request is served.
    pub(crate) waits_since: Cell<Moment>,
    /// The first byte of that head has come; true for the first head, which is waited for as a whole.
    pub(crate) head_began: Cell<bool>,
    /// The connection ends with the answer to the request at hand.
    pub(crate) is_last: Cell<bool>,
    /// An answer was cut that is to end with the connection: only a reset tells it from a whole one.
    pub(crate) must_be_reset: Cell<bool>,
    /// As long as anything of the connection lives.
    _place: Place,
}

impl Peer {
    fn new(address: SocketAddr, scheme: ViewerScheme, place: Place) -> Self {
        // A mapped IPv4 address is told as what it is.
        let ip = address.ip().to_canonical();
        let address_text =
            HeaderValue::from_str(&ip.to_string()).expect("an address is a header value");
        Self {
            address: ip,
            port: address.port(),
            address_text,
            scheme,
            alarm: Rc::new(Alarm::new()),
            waits_since: Cell::new(Moment::now()),
            head_began: Cell::new(true),
            is_last: Cell::new(false),
            must_be_reset: Cell::new(false),
            _place: place,
        }
    }
}

impl Peer {
    /// Its request is served: no head is waited for.
    pub(crate) fn is_served(&self) {
        self.waits_since.set(Moment::NEVER);
    }

    /// Its request is over: the next head is waited for from now on.
    pub(crate) fn has_its_turn(&self) {
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

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) address: SocketAddr,
}

/// Serves the connection in a task of its own, among `viewers`, if there is a place for it.
pub(crate) fn welcome(worker: &Rc<Worker>, viewers: &mut JoinSet<()>, arrival: Arrival) {
    let most = worker.view().live.most_connections;
    let Some(place) = worker.shared.crowd.admit_connection(most) else {
        return turn_away(worker, arrival, Limit::Connections);
    };
    worker.counters.viewer_came();
    viewers.spawn_local(receive(Rc::clone(worker), arrival, place));
}

/// Finds out who the viewer is, and serves it unless there are too many from there.
async fn receive(worker: Rc<Worker>, mut arrival: Arrival, mut place: Place) {
    let view = worker.view();
    let listen = &view.live.edge.listen;
    let speaks_for_others = |network: &Network| network.contains(arrival.address.ip());
    if listen.proxy_protocol_from.iter().any(speaks_for_others) {
        // Boxed: rare.
        match Box::pin(named_by_header(&worker, &view, &mut arrival)).await {
            Some(viewer) => arrival.address = viewer,
            None => return,
        }
    }
    if let Some(most) = listen.limits.connections_per_address
        && !place.is_among_neighbours(arrival.address.ip(), most)
    {
        return turn_away(&worker, arrival, Limit::ConnectionsPerAddress);
    }
    let peer = Rc::new(Peer::new(arrival.address, listen.viewer_scheme, place));
    drop(view);
    connection::serve(worker, peer, arrival.stream).await;
}

/// The viewer that a PROXY protocol header names. If it does not come in time or is none, that is counted and logged, and
/// the connection is to be closed.
async fn named_by_header(
    worker: &Worker,
    view: &View,
    arrival: &mut Arrival,
) -> Option<SocketAddr> {
    let limit = view
        .live
        .clock
        .real(view.live.edge.listen.limits.head_timeout);
    let header = proxy_protocol::take(&mut arrival.stream, arrival.address);
    let drain_begins = worker.drain.begins();
    if worker.drain.has_begun() {
        return None;
    }
    let (limit, error) = tokio::select! {
        header = timeout(limit, header) => match header {
            Ok(Ok(viewer)) => return Some(viewer),
            Ok(Err(error)) => (Limit::ProxyProtocol, error),
            Err(late) => (Limit::HeadTimeout, late.into()),
        },
        () = drain_begins => return None,
    };
    tracing::debug!(peer = %arrival.address, %error, "no PROXY protocol header came");
    worker.counters.limit_reached(limit);
    let refused = Refused {
        status: None,
        result: ResultType::Error,
        detail: "InvalidRequestHeader",
        limit: Some(limit),
    };
    access_log::refused(worker, arrival.address, refused);
    None
}

/// Says 503 and closes: one write, and nothing of what the viewer asks is read.
fn turn_away(worker: &Worker, arrival: Arrival, limit: Limit) {
    worker.counters.limit_reached(limit);
    let refused = Refused {
        status: Some(StatusCode::SERVICE_UNAVAILABLE),
        result: ResultType::LimitExceeded,
        detail: told::LIMIT_EXCEEDED,
        limit: Some(limit),
    };
    access_log::refused(worker, arrival.address, refused);
    // Not by the runtime, which has not heard yet that the socket takes anything.
    if let Ok(mut stream) = arrival.stream.into_std() {
        let _ = stream.write(&respond::no_place(&worker.view()));
        // With bytes unread a close is a reset, which may overtake the answer: what has come is thrown away.
        let _ = stream.read(&mut [0; 4_096]);
    }
}
