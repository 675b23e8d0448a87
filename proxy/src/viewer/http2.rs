//! One viewer's connection: HTTP/2, its limits and deadlines, and the seam to the story.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tideover_rules::told::{self, ResultType};
use tower::Service;

use super::Peer;
use super::connection::Patience;
use super::cork::Cork;
use super::frames::{Frames, Offence};
use super::transport::Transport;
use crate::access_log::{self, Refused, Sender};
use crate::body::{Body, BoundUntaken};
use crate::clock::{Moment, wake_by, with_alarm};
use crate::limit::Limit;
use crate::message::ViewerBody;
use crate::metrics::{ConnectionEnd, Counters, Fault};
use crate::request::Story;
use crate::worker::Worker;

/// Requests of one connection at a time: what a browser needs, and what CloudFront allows.
/// Source: RFC 9113, section 6.5.2, recommends 100 at least; the number is ours.
const MOST_STREAMS: u32 = 128;
/// What a viewer may send of one request's body before it is taken, in bytes, and of all of them together.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is read of one answer ahead of its viewer, in bytes.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset and are remembered: beyond that many the connection is closed (CVE-2023-44487).
const MOST_PENDING_RESETS: usize = 20;
/// Streams that this side had to reset, by whatever the viewer did wrong: beyond that the connection is closed
/// (CVE-2025-8671).
const MOST_OWN_RESETS: usize = 256;

/// How long a viewer that was told to go, and asks for nothing, is waited for: what it sent before it heard of it is still on
/// its way for a round trip. It answers a PING then, if it lives.
const PARTING: Duration = Duration::from_secs(3);

/// Serves one connection to its end, or until the edge drains.
pub(super) async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, transport: Transport) {
    let view = worker.view();
    let clock = view.live.clock;
    let limits = view.live.edge.listen.limits;
    drop(view);
    let cork = Cork::new(transport, Frames::new(Rc::clone(&peer)));
    let drain = cork.handle();
    let seam = Seam {
        story: Story::new(Rc::clone(&worker), Rc::clone(&peer)),
        body_timeout: clock.real(limits.body_timeout),
        most_body_bytes: limits.body_bytes,
        most_requests: limits.requests_per_connection,
        requests: Cell::new(0),
        worker: Rc::clone(&worker),
        peer: Rc::clone(&peer),
    };
    let streams = Streams {
        counters: Arc::clone(&worker.counters),
        untaken_limit: clock.real(limits.body_timeout),
    };
    let mut connection = http2::Builder::new(streams)
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MOST_PENDING_RESETS)
        .max_local_error_reset_streams(MOST_OWN_RESETS)
        // Counted as the sum of names, values and 32 bytes each: a little more than the limit on a head, which answers with
        // a page.
        .max_header_list_size(u32::try_from(limits.head_bytes * 2).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(cork), seam);
    let patience = Patience {
        head: clock.real(limits.head_timeout),
        idle: clock.real(limits.idle_timeout),
    };
    let ended = with_alarm(to_its_end(
        &mut connection,
        &drain,
        &worker,
        &peer,
        patience,
    ))
    .await;
    worker.counters.connection_end(ended);
    let is_late = drain.waits_since() + patience.head <= Moment::now() && drain.said_something();
    if let Some(refused) = refused(ended, is_late) {
        tracing::debug!(peer = %peer.address, ?refused, "an HTTP/2 connection was ended");
        access_log::refused(&worker, Sender::of(&peer, Version::HTTP_2), refused);
    }
}

/// What the log says of a connection that this side ended: because of what the viewer sent, or because the rest of what it
/// began did not come in time, whatever was counted before that.
fn refused(ended: ConnectionEnd, is_late: bool) -> Option<Refused> {
    let fault = match ended {
        ConnectionEnd::Faulty(fault) => Some(fault),
        ConnectionEnd::OutOfTime(_) | ConnectionEnd::Broken if is_late => None,
        ConnectionEnd::OutOfTime(_)
        | ConnectionEnd::Broken
        | ConnectionEnd::Good
        | ConnectionEnd::RefusedHead(_) => return None,
    };
    let (result, detail) = match fault {
        Some(Fault::EnhanceYourCalm) => (ResultType::LimitExceeded, told::LIMIT_EXCEEDED),
        Some(_) => (ResultType::Error, "InvalidRequest"),
        None => (ResultType::Error, "InvalidRequestHeader"),
    };
    Some(Refused {
        status: None,
        result,
        detail,
        limit: fault.is_none().then_some(Limit::HeadTimeout),
        fault,
    })
}

/// Drives `connection` until it ends by itself, after the requests at hand if the edge drains, or because nothing was asked
/// for long enough.
async fn to_its_end(
    connection: &mut http2::Connection<TokioIo<Cork<Transport>>, Seam, Streams>,
    cork: &Cork<Transport>,
    worker: &Worker,
    peer: &Peer,
    patience: Patience,
) -> ConnectionEnd {
    let mut told_to_go = Moment::NEVER;
    let mut is_counted = false;
    let mut ended = None;
    let drives = |context: &mut Context<'_>| {
        let (limit, idle_timeout) = patience.for_what_is_due(peer);
        let is_idle = peer.waits_since.get() != Moment::NEVER;
        let is_over = is_idle && peer.waits_since.get() + idle_timeout <= Moment::now();
        if (worker.drain.has_begun() || is_over || peer.is_last.get())
            && told_to_go == Moment::NEVER
        {
            told_to_go = Moment::now();
            if is_over {
                is_counted = true;
                worker.counters.limit_reached(limit);
            }
            Pin::new(&mut *connection).graceful_shutdown();
        }
        if ended.is_none() {
            ended = match Pin::new(&mut *connection).poll(context) {
                Poll::Ready(Ok(())) => Some(ConnectionEnd::Good),
                Poll::Ready(Err(error)) => {
                    tracing::debug!(peer = %peer.address, error = &error as &dyn std::error::Error, "an HTTP/2 connection ended");
                    let fault = match cork.offence() {
                        Some(offence) => {
                            let reason = reason(offence);
                            cork.say_go_away(reason);
                            Some(fault_of(reason))
                        }
                        None => fault(&error),
                    };
                    Some(fault.map_or(ConnectionEnd::Broken, ConnectionEnd::Faulty))
                }
                Poll::Pending => None,
            };
        }
        let rest_is_due = cork.waits_since() + patience.head;
        if rest_is_due <= Moment::now() && ended.is_none() {
            // The viewer can say nothing else before that.
            cork.say_go_away(h2::Reason::NO_ERROR);
            let _ = cork.poll_drain(context);
            return Poll::Ready(if is_counted {
                ConnectionEnd::Broken
            } else {
                ConnectionEnd::OutOfTime(Limit::HeadTimeout)
            });
        }
        wake_by(rest_is_due);
        let drained = cork.poll_drain(context);
        match (ended, &drained) {
            (Some(ended), Poll::Ready(_)) => return Poll::Ready(ended),
            // Such a viewer is not waited for.
            (Some(ended @ ConnectionEnd::Faulty(_)), _) => return Poll::Ready(ended),
            (None, Poll::Ready(Err(_))) => return Poll::Ready(ConnectionEnd::Broken),
            (Some(_) | None, _) => {}
        }
        if is_idle && told_to_go != Moment::NEVER {
            // Who has heard of it may still be taking what was answered.
            let parting = if cork.answered_a_ping() || drained.is_pending() {
                idle_timeout
            } else {
                PARTING.min(idle_timeout)
            };
            let due = told_to_go.max(peer.waits_since.get()) + parting;
            if due <= Moment::now() && ended.is_none() {
                return Poll::Ready(ConnectionEnd::Broken);
            }
            wake_by(due);
        } else if is_idle {
            cork.rest();
            wake_by(peer.waits_since.get() + idle_timeout);
        } else {
            // Whoever is served may end without this task being told.
            wake_by(Moment::now() + idle_timeout);
        }
        Poll::Pending
    };
    worker.drain.wakes(drives).await
}

/// What the viewer did, if this is why this side ended the connection.
fn fault(error: &hyper::Error) -> Option<Fault> {
    let error = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    if error.is_io() || error.is_remote() {
        return None;
    }
    match error.reason()? {
        h2::Reason::NO_ERROR => None,
        reason => Some(fault_of(reason)),
    }
}

fn reason(offence: Offence) -> h2::Reason {
    match offence {
        Offence::Flood => h2::Reason::ENHANCE_YOUR_CALM,
        Offence::PseudoTrailer | Offence::StreamSkipped => h2::Reason::PROTOCOL_ERROR,
        Offence::StreamClosed => h2::Reason::STREAM_CLOSED,
        Offence::FrameSize => h2::Reason::FRAME_SIZE_ERROR,
    }
}

fn fault_of(reason: h2::Reason) -> Fault {
    match reason {
        h2::Reason::PROTOCOL_ERROR => Fault::ProtocolError,
        h2::Reason::FLOW_CONTROL_ERROR => Fault::FlowControlError,
        h2::Reason::STREAM_CLOSED => Fault::StreamClosed,
        h2::Reason::FRAME_SIZE_ERROR => Fault::FrameSizeError,
        h2::Reason::COMPRESSION_ERROR => Fault::CompressionError,
        h2::Reason::ENHANCE_YOUR_CALM => Fault::EnhanceYourCalm,
        _ => Fault::Other,
    }
}

/// Runs each request of a connection in a task of its own.
#[derive(Clone)]
struct Streams {
    counters: Arc<Counters>,
    /// For a viewer that asks for nothing more of an answer; real.
    untaken_limit: Duration,
}

impl<F: Future<Output = ()> + Unpin + 'static> Executor<F> for Streams {
    fn execute(&self, mut stream: F) {
        let watch = PanicWatch(Arc::clone(&self.counters));
        let limit = self.untaken_limit;
        tokio::task::spawn_local(async move {
            if with_alarm(BoundUntaken::new(&mut stream, limit)).await {
                watch.0.limit_reached(Limit::BodyTimeout);
            }
        });
    }
}

/// A panic in one request's task resets that stream only, and nobody joins the task: it is counted here.
struct PanicWatch(Arc<Counters>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stream_panicked();
        }
    }
}

/// Turns what hyper read into what the story takes. It is always ready, and so must be what it wraps.
struct Seam {
    story: Story,
    body_timeout: Duration,
    most_body_bytes: u64,
    most_requests: Option<usize>,
    /// How many hyper has handed on so far.
    requests: Cell<usize>,
    worker: Rc<Worker>,
    peer: Rc<Peer>,
}

impl hyper::service::Service<Request<Incoming>> for Seam {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Story as Service<Request<ViewerBody>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request
            .map(|incoming| ViewerBody::new(incoming, self.body_timeout, self.most_body_bytes));
        self.requests.set(self.requests.get() + 1);
        if self.most_requests == Some(self.requests.get()) {
            // The viewer is told by GOAWAY; what it has sent until it hears of that is answered.
            self.peer.is_last.set(true);
            self.worker
                .counters
                .limit_reached(Limit::RequestsPerConnection);
        }
        if !request.headers().contains_key(header::HOST)
            && let Some(authority) = request.uri().authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            // Source: RFC 9113, section 8.3.1.
            request.headers_mut().insert(header::HOST, host);
        }
        join_cookies(request.headers_mut());
        self.story.clone().call(request)
    }
}

/// A viewer may send each cookie in a field of its own, and everybody behind expects one. Source: RFC 9113, section 8.2.3.
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}
