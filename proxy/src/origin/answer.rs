//! An origin's answer while its body is on the way, and what becomes of its connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tideover_rules::fields::Survey;
use tokio::time::{timeout, timeout_at};

use super::faulty::{FaultyBody, FaultyEnd};
use super::folder::FolderBody;
use super::pool::Lease;
use crate::clock::{LastLook, Moment, wake_by};
use crate::message::BodyWatch;

/// Most of a rejected answer that is read so that its connection can be kept.
const DRAIN_BYTES: u64 = 64 * 1024;
/// Longest time for that.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// An origin's answer whose head is complete and fit to be passed on.
#[derive(Debug)]
pub(crate) struct OriginAnswer {
    pub(crate) response: Response<OriginBody>,
    /// Of the response's headers.
    pub(crate) survey: Survey,
}

/// The body of an origin's answer. It carries the connection: read to its end, the connection goes back to its pool;
/// dropped before, the connection is closed.
#[derive(Debug)]
pub(crate) struct OriginBody {
    source: Source,
    lease: Option<Lease>,
    /// The request's body: while it is still being sent, the connection is not free, however early the answer ends.
    request_body: Option<Rc<BodyWatch>>,
    /// Between two pieces; real time.
    gap: Duration,
    complete_by: Moment,
    /// Until when the next piece is waited for; [`Moment::NEVER`]: none is waited for.
    waits_until: Moment,
    /// When that time is over: what is in the socket counts all the same.
    last_look: LastLook,
}

/// Where the pieces come from.
#[derive(Debug)]
pub(super) enum Source {
    Origin(Incoming),
    /// From a file, or in place of one.
    Folder(FolderBody),
    /// From an origin with a fault on command.
    Faulty(Box<FaultyBody>),
    /// From nowhere: a fault on command answered.
    Nothing,
}

impl Source {
    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginBodyError>>> {
        match self {
            Self::Folder(body) => {
                let frame = ready!(body.poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(OriginBodyError::File)))
            }
            Self::Origin(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(OriginBodyError::Cut)))
            }
            Self::Faulty(body) => {
                let frame = ready!(body.poll_frame(context));
                Poll::Ready(frame.map(|frame| {
                    frame.map_err(|end| match end {
                        FaultyEnd::Cut => OriginBodyError::CutOnCommand,
                        FaultyEnd::ByItself(error) => error,
                    })
                }))
            }
            Self::Nothing => Poll::Ready(None),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Folder(body) => body.is_end_stream(),
            Self::Origin(incoming) => incoming.is_end_stream(),
            Self::Faulty(body) => body.is_end_stream(),
            Self::Nothing => true,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Folder(body) => body.size_hint(),
            Self::Origin(incoming) => incoming.size_hint(),
            Self::Faulty(body) => body.size_hint(),
            Self::Nothing => SizeHint::with_exact(0),
        }
    }
}

/// A connection that has switched protocols. It will not go back to its pool, and counts there as open while this value
/// lives.
#[derive(Debug)]
pub(crate) struct Switched {
    #[expect(dead_code, reason = "held for what its drop gives back")]
    lease: Lease,
    upgrade: OnUpgrade,
}

impl Switched {
    /// Its bytes both ways, from the first one after the head of the answer; an error if it has broken since.
    pub(crate) async fn io(&mut self) -> Result<TokioIo<Upgraded>, hyper::Error> {
        (&mut self.upgrade).await.map(TokioIo::new)
    }
}

/// Why an origin's body ended early. The viewer's connection can only be cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginBodyError {
    /// The connection ended, or the framing is broken.
    #[error("the origin's body was cut off")]
    Cut(#[source] hyper::Error),
    /// A fault on command.
    #[error("the origin's body was cut off by a fault on command")]
    CutOnCommand,
    /// A folder's file could not be read to its end.
    #[error("the file could not be read to its end")]
    File(#[source] std::io::Error),
    /// No piece arrived within the response timeout.
    #[error("the origin's body stopped arriving")]
    Stalled,
    /// The response completion timeout ended it.
    #[error("the origin's body took longer than the response completion timeout")]
    TookTooLong,
}

impl OriginBody {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        request_body: Option<Rc<BodyWatch>>,
        gap: Duration,
        complete_by: Moment,
    ) -> Self {
        Self {
            source: Source::Origin(incoming),
            lease: Some(lease),
            request_body,
            gap,
            complete_by,
            waits_until: Moment::NEVER,
            last_look: LastLook::default(),
        }
    }

    /// Of an answer that a fault on command gave.
    pub(crate) fn made() -> Self {
        Self {
            source: Source::Nothing,
            lease: None,
            request_body: None,
            gap: Duration::ZERO,
            complete_by: Moment::NEVER,
            waits_until: Moment::NEVER,
            last_look: LastLook::default(),
        }
    }

    /// Of a folder's answer: no connection is behind it.
    pub(super) fn of_folder(body: FolderBody, gap: Duration, complete_by: Moment) -> Self {
        let mut made = Self::made();
        made.source = Source::Folder(body);
        made.gap = gap;
        made.complete_by = complete_by;
        made
    }

    /// The same body, with a fault on command.
    pub(super) fn with_fault(mut self, fault: impl FnOnce(Source) -> FaultyBody) -> Self {
        let source = std::mem::replace(&mut self.source, Source::Nothing);
        self.source = Source::Faulty(Box::new(fault(source)));
        self
    }

    /// Reads the rest in a task of its own, within bounds, so that the connection can be used again.
    pub(crate) fn drain(mut self) {
        if self.source.is_end_stream() || self.lease.is_none() {
            return;
        }
        // A body that is known to be too long is not worth reading.
        if self.source.size_hint().lower() > DRAIN_BYTES {
            return;
        }
        tokio::task::spawn_local(async move {
            let to_its_end = async {
                let mut seen = 0;
                // Not by `poll_frame`: no alarm is set in this task.
                while let Some(frame) = poll_fn(|context| self.source.poll_frame(context)).await {
                    let Ok(frame) = frame else { return false };
                    seen += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if seen > DRAIN_BYTES {
                        return false;
                    }
                }
                true
            };
            if timeout(DRAIN_TIME, to_its_end).await == Ok(true) {
                self.release();
            }
        });
    }

    /// The connection of an answer that switched protocols, with what hyper hands over of it.
    pub(crate) fn switched(mut self, upgrade: OnUpgrade) -> Option<Switched> {
        let lease = self.lease.take()?;
        Some(Switched { lease, upgrade })
    }

    fn release(&mut self) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        if self.request_body.take().is_none_or(|body| body.done.get()) {
            lease.give_back();
        } else {
            tokio::task::spawn_local(see_out(lease, self.gap));
        }
    }

    /// Nothing is there now: ready when that has lasted too long.
    fn overdue(&mut self, context: &mut Context<'_>) -> Poll<OriginBodyError> {
        let now = Moment::now();
        if self.waits_until == Moment::NEVER {
            self.waits_until = self.complete_by.min(now + self.gap);
        }
        if self.waits_until > now {
            wake_by(self.waits_until);
            return Poll::Pending;
        }
        ready!(self.last_look.poll_taken(context));
        Poll::Ready(if self.is_complete_time_over() {
            OriginBodyError::TookTooLong
        } else {
            OriginBodyError::Stalled
        })
    }

    fn is_complete_time_over(&self) -> bool {
        self.complete_by <= Moment::now()
    }
}

/// The answer is complete, and the viewer still sends what it was the answer to: the origin may have the rest, as long as
/// it takes it. Until then the connection is open, and counts. Then it is closed: to an origin that answers before it has
/// read, what comes after may be another request.
async fn see_out(mut lease: Lease, patience: Duration) {
    let connection = &mut *lease.connection;
    let meter = &connection.meter;
    loop {
        let now = Moment::now();
        let since = if meter.is_blocked() {
            meter.moved()
        } else {
            now
        };
        let until = since + patience;
        if until <= now {
            return;
        }
        // hyper wants the next request once it has sent all of this one; and it tells when it gives up, because the body
        // has turned bad or the origin has hung up.
        let over = connection.sender.ready();
        if timeout_at(until.instant().into(), over).await.is_ok() {
            return;
        }
    }
}

impl http_body::Body for OriginBody {
    type Data = Bytes;
    type Error = OriginBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginBodyError>>> {
        let Poll::Ready(frame) = self.source.poll_frame(context) else {
            let error = ready!(self.overdue(context));
            self.lease = None;
            return Poll::Ready(Some(Err(error)));
        };
        self.waits_until = Moment::NEVER;
        self.last_look.give_back();
        Poll::Ready(match frame {
            Some(Ok(_)) if self.is_complete_time_over() => {
                self.lease = None;
                Some(Err(OriginBodyError::TookTooLong))
            }
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                self.lease = None;
                Some(Err(error))
            }
            None => {
                self.release();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl Drop for OriginBody {
    /// hyper's server does not poll past a known length, so the end is seen here.
    fn drop(&mut self) {
        if self.source.is_end_stream() {
            self.release();
        }
    }
}
