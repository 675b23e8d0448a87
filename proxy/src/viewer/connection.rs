//! One viewer's connection: HTTP/1.1, its deadlines, and the seam to the story.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::Peer;
use super::farewell::Farewell;
use super::screen::{Screened, Verdict};
use super::transport::Transport;
use crate::access_log;
use crate::body::Body;
use crate::clock::{Moment, wake_by, with_alarm};
use crate::message::ViewerBody;
use crate::metrics::ConnectionEnd;
use crate::request::Story;
use crate::worker::Worker;

/// Serves one connection to its end, or until the edge drains.
pub(super) async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, transport: Transport) {
    let view = worker.view();
    let clock = view.live.clock;
    let limits = view.live.edge.listen.limits;
    drop(view);
    let screened = Screened::new(transport);
    let verdict = screened.verdict();
    let seam = Seam {
        story: Story::new(Rc::clone(&worker), Rc::clone(&peer)),
        body_timeout: clock.real(limits.body_timeout),
        verdict: Arc::clone(&verdict),
        requests: Cell::new(0),
    };
    let mut connection = http1::Builder::new()
        // Its own timer would be set and taken back for each request.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(screened), seam);
    let head_timeout = clock.real(limits.head_timeout);
    let ended = with_alarm(to_its_end(
        &mut connection,
        &worker,
        &peer,
        &verdict,
        head_timeout,
    ))
    .await;
    if peer.must_be_reset.get() {
        reset(
            connection
                .into_parts()
                .io
                .into_inner()
                .into_inner()
                .into_tcp(),
        );
    }
    worker.counters.connection_end(ended);
    if let ConnectionEnd::RefusedHead(status) = ended {
        tracing::debug!(peer = %peer.address, fault = ?verdict.faulty(), "a head was refused");
        access_log::refused_head(&worker, &peer, status);
    }
}

/// Drives `connection` until it ends by itself, after the request at hand if the edge drains, or because a head is not
/// complete `head_timeout` after the connection began to wait for it.
async fn to_its_end(
    connection: &mut http1::Connection<TokioIo<Screened<Transport>>, Seam>,
    worker: &Worker,
    peer: &Peer,
    verdict: &Verdict,
    head_timeout: Duration,
) -> ConnectionEnd {
    let mut drain_begins = pin!(worker.drain.begins());
    let mut is_heard_of = false;
    let mut farewell = Farewell::default();
    poll_fn(|context| {
        if !is_heard_of {
            // Polled once, it wakes this task.
            is_heard_of = true;
            let _ = drain_begins.as_mut().poll(context);
        }
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(how_it_ended(&ended));
        }
        if farewell.is_due(worker, peer, context) {
            Pin::new(&mut *connection).graceful_shutdown();
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
                return Poll::Ready(how_it_ended(&ended));
            }
        }
        if verdict.is_blocked() && peer.waits_since.get() != Moment::NEVER {
            // The last answer is not taken yet, and there is another limit on that.
            peer.waits_anew();
        }
        let due = peer.waits_since.get() + head_timeout;
        if due <= Moment::now() {
            return Poll::Ready(ConnectionEnd::Broken);
        }
        wake_by(due);
        Poll::Pending
    })
    .await
}

/// Hangs up in such a way that the viewer cannot take it for the end of what was sent.
fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

fn how_it_ended(ended: &Result<(), hyper::Error>) -> ConnectionEnd {
    match ended {
        Ok(()) => ConnectionEnd::Good,
        Err(error) => refused_with(error).map_or(ConnectionEnd::Broken, ConnectionEnd::RefusedHead),
    }
}

/// The status that hyper answered a head with which it refused.
fn refused_with(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_too_large() {
        // It has one predicate for both, and tells them apart in its words only.
        return Some(if error.to_string().contains("URI") {
            StatusCode::URI_TOO_LONG
        } else {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        });
    }
    error.is_parse().then_some(StatusCode::BAD_REQUEST)
}

/// Turns what hyper read into what the story takes, and says of a head that hyper took but should not have taken what is
/// wrong with it. It is always ready, and so must be what it wraps.
struct Seam {
    story: Story,
    body_timeout: Duration,
    verdict: Arc<Verdict>,
    /// How many hyper has handed on so far.
    requests: Cell<u64>,
}

impl hyper::service::Service<Request<Incoming>> for Seam {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Story as Service<Request<ViewerBody>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(|incoming| ViewerBody::new(incoming, self.body_timeout));
        let ordinal = self.requests.get() + 1;
        self.requests.set(ordinal);
        if let Some(malformed) = self.verdict.malformed(ordinal) {
            request.extensions_mut().insert(malformed);
        }
        self.story.clone().call(request)
    }
}
