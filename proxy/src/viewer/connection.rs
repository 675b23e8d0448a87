//! One viewer's connection: HTTP/1.1, its deadlines, and the seam to the story.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tideover_rules::fields::Fields;
use tideover_rules::told::ResultType;
use tideover_rules::websocket::is_asked_for;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::Service;

use super::Peer;
use super::farewell::Farewell;
use super::screen::{Screened, Verdict};
use super::transport::Transport;
use crate::access_log::{self, Refused, Sender};
use crate::body::Body;
use crate::clock::{Moment, wake_by, with_alarm};
use crate::limit::Limit;
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
        most_body_bytes: limits.body_bytes,
        most_requests: limits.requests_per_connection,
        peer: Rc::clone(&peer),
        verdict: Arc::clone(&verdict),
        requests: Cell::new(0),
    };
    let mut connection = http1::Builder::new()
        // Its own timer would be set and taken back for each request.
        .header_read_timeout(None)
        // A head that is too large is read all the same, to be answered with a page.
        .max_buf_size(READ_AHEAD + 2 * limits.head_bytes)
        .serve_connection(TokioIo::new(screened), seam);
    let patience = Patience {
        head: clock.real(limits.head_timeout),
        idle: clock.real(limits.idle_timeout),
    };
    let ended = with_alarm(to_its_end(
        &mut connection,
        &worker,
        &peer,
        &verdict,
        patience,
    ))
    .await;
    let tunnel = peer.tunnel.take();
    if peer.must_be_reset.get() {
        reset(
            connection
                .into_parts()
                .io
                .into_inner()
                .into_inner()
                .into_tcp(),
        );
    } else if ended == ConnectionEnd::Good {
        if let Some(tunnel) = tunnel {
            let parts = connection.into_parts();
            let switched = parts.io.into_inner().switched();
            let early = [&parts.read_buf[..], &switched.read].concat();
            let tunnel = tunnel.run(Rc::clone(&worker), switched.io, early);
            // Boxed, or it would be part of every connection.
            with_alarm(Box::pin(tunnel)).await;
        } else if verdict.was_asked_to_switch() {
            // hyper leaves that to whoever it would have switched for.
            let _ = connection.into_parts().io.into_inner().shutdown().await;
        }
    }
    worker.counters.connection_end(ended);
    if let Some(refused) = refused(ended, verdict.is_within_head()) {
        tracing::debug!(peer = %peer.address, fault = ?verdict.faulty(), "a head was refused");
        access_log::refused(&worker, Sender::of(&peer, Version::HTTP_11), refused);
    }
}

/// What is read of one answer ahead of its viewer, in bytes, beside what a head may need. By itself hyper keeps 400 KiB and a
/// piece of the same size, of which a thousand viewers who take nothing make half a gigabyte.
const READ_AHEAD: usize = 64 * 1024;

/// How long a viewer is waited for. Real time.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// From the first byte of a head to its last, or from the connection's beginning to the end of the first head.
    pub(super) head: Duration,
    /// From an answer to the first byte of the next head.
    pub(super) idle: Duration,
}

impl Patience {
    /// The limit on what is waited for now.
    pub(super) fn for_what_is_due(self, peer: &Peer) -> (Limit, Duration) {
        if peer.head_began.get() {
            (Limit::HeadTimeout, self.head)
        } else {
            (Limit::IdleTimeout, self.idle)
        }
    }
}

/// Drives `connection` until it ends by itself, after the request at hand if the edge drains, or because no head began or
/// ended in time.
async fn to_its_end(
    connection: &mut http1::Connection<TokioIo<Screened<Transport>>, Seam>,
    worker: &Worker,
    peer: &Peer,
    verdict: &Verdict,
    patience: Patience,
) -> ConnectionEnd {
    let mut farewell = Farewell::default();
    let drives = |context: &mut Context<'_>| {
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
        if verdict.is_within_head() && peer.waits_since.get() != Moment::NEVER {
            peer.begins_a_head();
        }
        let (limit, within) = patience.for_what_is_due(peer);
        let due = peer.waits_since.get() + within;
        if due <= Moment::now() {
            return Poll::Ready(ConnectionEnd::OutOfTime(limit));
        }
        wake_by(due);
        Poll::Pending
    };
    worker.drain.wakes(drives).await
}

/// Hangs up in such a way that the viewer cannot take it for the end of what was sent.
fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

fn how_it_ended(ended: &Result<(), hyper::Error>) -> ConnectionEnd {
    match ended {
        Ok(()) => ConnectionEnd::Good,
        Err(error) if is_timeout(error) => ConnectionEnd::OutOfTime(Limit::BodyTimeout),
        Err(error) => refused_with(error).map_or(ConnectionEnd::Broken, ConnectionEnd::RefusedHead),
    }
}

/// The kernel has broken it off: the viewer took nothing for too long.
fn is_timeout(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// What the log says of a connection that ended within a head. Of one on which nothing was said it says nothing.
fn refused(ended: ConnectionEnd, within_head: bool) -> Option<Refused> {
    let (status, limit) = match ended {
        ConnectionEnd::RefusedHead(status) => (Some(status), Limit::of_refused_head(status)),
        ConnectionEnd::OutOfTime(limit @ Limit::HeadTimeout) if within_head => (None, Some(limit)),
        ConnectionEnd::OutOfTime(_)
        | ConnectionEnd::Faulty(_)
        | ConnectionEnd::Good
        | ConnectionEnd::Broken => return None,
    };
    Some(Refused {
        status,
        result: ResultType::Error,
        detail: "InvalidRequestHeader",
        limit,
        fault: None,
    })
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
    most_body_bytes: u64,
    most_requests: Option<usize>,
    peer: Rc<Peer>,
    verdict: Arc<Verdict>,
    /// How many hyper has handed on so far.
    requests: Cell<u64>,
}

impl hyper::service::Service<Request<Incoming>> for Seam {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Story as Service<Request<ViewerBody>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request
            .map(|incoming| ViewerBody::new(incoming, self.body_timeout, self.most_body_bytes));
        let ordinal = self.requests.get() + 1;
        self.requests.set(ordinal);
        if self
            .most_requests
            .is_some_and(|most| ordinal >= most as u64)
        {
            self.peer.is_last.set(true);
        }
        if let Some(malformed) = self.verdict.malformed(ordinal) {
            request.extensions_mut().insert(malformed);
        }
        let switches =
            request.extensions_mut().remove::<OnUpgrade>().is_some() && self.may_switch(&request);
        let answer = self.story.clone().call(request);
        if !switches {
            return answer;
        }
        let verdict = Arc::clone(&self.verdict);
        Box::pin(async move {
            let answer = answer.await;
            if !matches!(&answer, Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS)
            {
                verdict.stays();
                // hyper may have found nothing to read where something was kept from it.
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    Poll::Ready(())
                })
                .await;
            }
            answer
        })
    }
}

impl Seam {
    /// Whether this request, which has an `Upgrade` field, asks for a protocol that can be switched to; the screen is told.
    fn may_switch(&self, request: &Request<ViewerBody>) -> bool {
        let fields = Fields::of(request.headers());
        let may_switch = is_asked_for(request.method(), request.version(), fields);
        self.verdict.is_asked_to_switch(may_switch);
        may_switch
    }
}
