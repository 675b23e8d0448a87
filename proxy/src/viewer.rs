//! The viewer's side: accepts connections, lets hyper read requests from them, and hands each to the story.

mod connection;
mod farewell;
mod listen;
mod screen;
mod socket;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::HeaderValue;
use tideover_config::ViewerScheme;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) use listen::{Accepting, REST, Shortage, accept};
pub(crate) use socket::{Close, Closing, ListeningSocket, bind, welcome_new};

use crate::clock::{Alarm, Moment};
use crate::worker::Worker;

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
    /// An answer was cut that is to end with the connection: only a reset tells it from a whole one.
    pub(crate) must_be_reset: Cell<bool>,
}

impl Peer {
    fn new(address: SocketAddr, scheme: ViewerScheme) -> Self {
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
            must_be_reset: Cell::new(false),
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
    }
}

/// What viewers speak at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Plain HTTP/1.1.
    Http,
}

impl Protocol {
    /// As in `listening http 127.0.0.1:8000`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
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

/// Serves the connection in a task of its own, among `viewers`.
pub(crate) fn welcome(worker: &Rc<Worker>, viewers: &mut JoinSet<()>, arrival: Arrival) {
    worker.counters.viewer_came();
    let scheme = match arrival.protocol {
        Protocol::Http => worker.view().live.edge.listen.viewer_scheme,
    };
    let peer = Rc::new(Peer::new(arrival.address, scheme));
    viewers.spawn_local(connection::serve(Rc::clone(worker), peer, arrival.stream));
}
