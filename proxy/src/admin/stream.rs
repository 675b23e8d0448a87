//! GET /events: what goes on, as server-sent events, once a second at most.
//! Source of the format: HTML Standard, "Server-sent events".
//!
//! Each event is a JSON object with those parts of [`Sight`] that have changed since the one before; the first one has them
//! all. Browsers cannot send a token with an `EventSource`, so the page reads this by `fetch`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::Problem;
use super::guard;
use super::sight::Sight;
use super::{Access, Asked, Outcome};
use crate::worker::Shared;

/// So many are told at once.
const MOST: usize = 16;
const EVERY: Duration = Duration::from_secs(1);
/// Who takes nothing for so long is not told any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever is told what goes on.
#[derive(Debug)]
pub(crate) struct Onlookers(Arc<Semaphore>);

impl Default for Onlookers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn stream(asked: Asked) -> Outcome {
    let shared = &asked.shared;
    if *shared.draining.borrow() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the edge is about to end; nothing is told any more",
        ));
    }
    let Ok(seat) = Arc::clone(&shared.onlookers.0).try_acquire_owned() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{MOST} listeners are told what goes on already; close one of their pages"),
        ));
    };
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(tell(Arc::downgrade(shared), asked.head, sender, seat));
    let mut response = Response::new(Told(events).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Tells one listener what goes on, until that one or the edge is gone, or a reload has that one's token be none any more, or
/// takes the listener away that it came by.
async fn tell(
    shared: Weak<Shared>,
    head: Parts,
    events: mpsc::Sender<Bytes>,
    _seat: OwnedSemaphorePermit,
) {
    let mut sight = Sight::default();
    let Some(mut draining) = shared.upgrade().map(|shared| shared.draining.subscribe()) else {
        return;
    };
    loop {
        let next = Instant::now() + EVERY;
        let news = match shared.upgrade() {
            Some(shared) if may_still_look(&shared, &head) => sight.news(&shared),
            Some(_) | None => return,
        };
        let event = Bytes::from(format!("data: {news}\n\n"));
        if !matches!(timeout(PATIENCE, events.send(event)).await, Ok(Ok(()))) {
            return;
        }
        tokio::select! {
            () = sleep_until(next) => {}
            () = events.closed() => return,
            _ = draining.wait_for(|draining| *draining) => return,
        }
    }
}

fn may_still_look(shared: &Shared, head: &Parts) -> bool {
    let has_listener = shared.live().edge.listen.admin.is_some();
    has_listener && guard::admits(shared, Access::Look, head).is_ok()
}

/// The events as a body.
struct Told(mpsc::Receiver<Bytes>);

impl Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.0.poll_recv(context);
        event.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
