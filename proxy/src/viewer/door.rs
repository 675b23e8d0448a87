//! Who comes in: the places there are, the header in which somebody else says who the viewer is, and what those are told
//! for whom there is no place.

use std::io::{Read, Write};

use http::StatusCode;
use tideover_config::{Network, ViewerScheme};
use tideover_rules::told::{self, ResultType};
use tokio::time::timeout;

use super::crowd::Place;
use super::{Arrival, Protocol, farewell, proxy_protocol};
use crate::access_log::{self, Refused, Sender};
use crate::limit::Limit;
use crate::respond;
use crate::worker::{View, Worker};

/// A place for this arrival among all connections; without one it is turned away.
pub(super) fn admit(worker: &Worker, view: &View, arrival: Arrival) -> Option<(Arrival, Place)> {
    if let Some(place) = worker
        .shared
        .crowd
        .admit_connection(view.live.most_connections)
    {
        return Some((arrival, place));
    }
    turn_away(worker, view, arrival, Limit::Connections);
    None
}

/// The same among the connections of its address, once that is known.
pub(super) fn admit_among_neighbours(
    worker: &Worker,
    view: &View,
    arrival: Arrival,
    mut place: Place,
) -> Option<(Arrival, Place)> {
    let most = view.live.edge.listen.limits.connections_per_address;
    if most.is_none_or(|most| place.is_among_neighbours(arrival.address.ip(), most)) {
        return Some((arrival, place));
    }
    turn_away(worker, view, arrival, Limit::ConnectionsPerAddress);
    None
}

/// Whether a PROXY protocol header is due on this connection.
pub(super) fn is_introduced(view: &View, arrival: &Arrival) -> bool {
    let networks = &view.live.edge.listen.proxy_protocol_from;
    let speaks_for_others = |network: &Network| network.contains(arrival.address.ip());
    networks.iter().any(speaks_for_others)
}

/// The arrival with the address that its header names. If none comes in time, that is counted and logged, and the connection
/// is closed.
pub(super) async fn introduced(
    worker: &Worker,
    view: &View,
    mut arrival: Arrival,
) -> Option<Arrival> {
    let limit = view
        .live
        .clock
        .real(view.live.edge.listen.limits.head_timeout);
    let header = proxy_protocol::take(&mut arrival.stream, arrival.address);
    let (limit, error) = tokio::select! {
        biased;
        header = timeout(limit, header) => match header {
            Ok(Ok(viewer)) => {
                arrival.address = viewer;
                return Some(arrival);
            }
            Ok(Err(error)) => (Limit::ProxyProtocol, error),
            Err(late) => (Limit::HeadTimeout, late.into()),
        },
        () = farewell::is_past_waiting(worker) => return None,
    };
    tracing::debug!(peer = %arrival.address, %error, "no PROXY protocol header came");
    worker.counters.limit_reached(limit);
    let refused = Refused {
        status: None,
        result: ResultType::Error,
        detail: "InvalidRequestHeader",
        limit: Some(limit),
        fault: None,
    };
    access_log::refused(worker, sender(view, &arrival), refused);
    None
}

/// Says 503 and closes: one write, and nothing of what the viewer asks is read. Where TLS would come first, nothing is said.
fn turn_away(worker: &Worker, view: &View, arrival: Arrival, limit: Limit) {
    worker.counters.limit_reached(limit);
    let is_told = arrival.protocol == Protocol::Http;
    let refused = Refused {
        status: is_told.then_some(StatusCode::SERVICE_UNAVAILABLE),
        result: ResultType::LimitExceeded,
        detail: told::LIMIT_EXCEEDED,
        limit: Some(limit),
        fault: None,
    };
    access_log::refused(worker, sender(view, &arrival), refused);
    if !is_told {
        return;
    }
    // Not by the runtime, which has not heard yet that the socket takes anything.
    if let Ok(mut stream) = arrival.stream.into_std() {
        let _ = stream.write(&respond::no_place(view));
        // With bytes unread a close is a reset, which may overtake the answer: what has come is thrown away.
        let _ = stream.read(&mut [0; 4_096]);
    }
}

/// Before hands were shaken or anything was read.
fn sender(view: &View, arrival: &Arrival) -> Sender<'static> {
    Sender {
        address: arrival.address,
        scheme: match arrival.protocol {
            Protocol::Http => view.live.edge.listen.viewer_scheme,
            Protocol::Https => ViewerScheme::Https,
        },
        tls: None,
        version: None,
    }
}
