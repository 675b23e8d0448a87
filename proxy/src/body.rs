//! The body of an answer: an origin's or our own, with the request's log line riding in it. It is the end of the story:
//! when it is dropped, the request is over.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;

use crate::access_log::{Ending, Line};
use crate::cache::{BrokeOff, FillReader, Slices};
use crate::clock::{Moment, wake_by};
use crate::origin::{OriginBody, OriginBodyError, Switched};

/// An answer's body on its way to the viewer.
#[derive(Debug)]
pub(crate) struct Body {
    source: Source,
    trailers: bool,
    line: Option<Box<Line>>,
}

#[derive(Debug)]
enum Source {
    Empty,
    Full(Bytes),
    /// In pieces, all of them at hand; none is empty.
    Pieces(VecDeque<Bytes>),
    Origin(OriginBody),
    /// What another request fetches, or this one among others.
    Fill(FillReader),
    /// What is kept, or fetched, in slices. Boxed: rare, and large.
    Slices(Box<Slices>),
}

/// The viewer's connection has to be cut: what was promised cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The origin did not deliver all of it.
    #[error(transparent)]
    Origin(#[from] OriginBodyError),
    /// Nor did it to whoever fetched it for all.
    #[error(transparent)]
    Fill(#[from] BrokeOff),
}

thread_local! {
    /// Since when the viewer whose task is being polled could have asked for the next piece of its answer;
    /// [`Moment::NEVER`]: it is not its turn.
    static OWES_SINCE: Cell<Moment> = const { Cell::new(Moment::NEVER) };
}

/// The answer's head is handed over: the viewer can take the body.
pub(crate) fn viewers_turn() {
    OWES_SINCE.set(Moment::now());
}

/// Runs one answer's task until it ends, or until its viewer has asked for nothing more of it for a while: an HTTP/2 viewer
/// that opens no window holds up nothing but itself, but would for ever. Whether the limit ended it is returned. Needs
/// [`with_alarm`](crate::clock::with_alarm).
pub(crate) struct BoundUntaken<'t, F> {
    // Borrowed: what is moved from one future into another is there twice.
    task: &'t mut F,
    limit: Duration,
    owes_since: Moment,
}

impl<'t, F: Future<Output = ()> + Unpin> BoundUntaken<'t, F> {
    /// `limit` is real.
    pub(crate) fn new(task: &'t mut F, limit: Duration) -> Self {
        Self {
            task,
            limit,
            owes_since: Moment::NEVER,
        }
    }
}

impl<F: Future<Output = ()> + Unpin> Future for BoundUntaken<'_, F> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        OWES_SINCE.set(self.owes_since);
        let ended = Pin::new(&mut *self.task).poll(context);
        self.owes_since = OWES_SINCE.get();
        if ended.is_pending() && self.owes_since != Moment::NEVER {
            let due = self.owes_since + self.limit;
            if due <= Moment::now() {
                return Poll::Ready(true);
            }
            wake_by(due);
        }
        ended.map(|()| false)
    }
}

impl Body {
    /// All of it, at hand.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() {
            Source::Empty
        } else {
            Source::Full(bytes)
        })
    }

    /// All of it, at hand; no piece is empty.
    pub(crate) fn pieces(pieces: VecDeque<Bytes>) -> Self {
        Self::of(Source::Pieces(pieces))
    }

    /// What is fetched for all who ask.
    pub(crate) fn fill(reader: FillReader) -> Self {
        Self::of(Source::Fill(reader))
    }

    /// What is too large to be kept in one.
    pub(crate) fn slices(slices: Box<Slices>) -> Self {
        Self::of(Source::Slices(slices))
    }

    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self::of(Source::Empty)
    }

    /// An origin's, with or without its trailers.
    pub(crate) fn origin(body: OriginBody, trailers: bool) -> Self {
        Self {
            source: Source::Origin(body),
            trailers,
            line: None,
        }
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            trailers: false,
            line: None,
        }
    }

    /// Nobody wants it any more; an origin's connection may still be good.
    pub(crate) fn set_aside(mut self) {
        match std::mem::replace(&mut self.source, Source::Empty) {
            Source::Origin(body) => body.drain(),
            Source::Empty
            | Source::Full(_)
            | Source::Pieces(_)
            | Source::Fill(_)
            | Source::Slices(_) => {}
        }
    }

    /// The origin's connection, if that has switched protocols: then there is no body.
    pub(crate) fn switched(mut self, upgrade: OnUpgrade) -> Option<Switched> {
        match std::mem::replace(&mut self.source, Source::Empty) {
            Source::Origin(body) => body.switched(upgrade),
            Source::Empty
            | Source::Full(_)
            | Source::Pieces(_)
            | Source::Fill(_)
            | Source::Slices(_) => None,
        }
    }

    /// From here on the request ends where this body does.
    pub(crate) fn carry(&mut self, line: Box<Line>) {
        self.line = Some(line);
    }

    fn sent(&mut self, bytes: usize) {
        if let Some(line) = &mut self.line {
            line.add_sent(bytes as u64);
            line.peer.earned.sent(bytes);
        }
    }

    /// The rest of it will not come, because of `error`.
    fn is_cut(&mut self, error: &(dyn std::error::Error + 'static), ends_with_connection: bool) {
        tracing::debug!(error, "an answer was cut");
        if let Some(line) = &self.line
            && line.request.version <= http::Version::HTTP_10
            && ends_with_connection
        {
            line.peer.must_be_reset.set(true);
        }
        self.ended(Ending::CutByOrigin);
    }

    fn ended(&mut self, ending: Ending) {
        if let Some(line) = &mut self.line {
            line.end(ending);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        OWES_SINCE.set(Moment::NEVER);
        let frame = this.poll_source(context);
        if frame.is_ready() {
            viewers_turn();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Full(_) => false,
            Source::Pieces(pieces) => pieces.is_empty(),
            Source::Origin(body) => body.is_end_stream(),
            Source::Fill(reader) => reader.is_at_its_end(),
            Source::Slices(slices) => slices.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Pieces(pieces) => {
                SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            Source::Origin(body) => body.size_hint(),
            Source::Fill(reader) => reader
                .left()
                .map_or_else(SizeHint::new, SizeHint::with_exact),
            Source::Slices(slices) => SizeHint::with_exact(slices.left()),
        }
    }
}

impl Body {
    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self;
        match &mut this.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.source = Source::Empty;
                this.sent(bytes.len());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Source::Pieces(pieces) => {
                let Some(bytes) = pieces.pop_front() else {
                    return Poll::Ready(None);
                };
                this.sent(bytes.len());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Source::Fill(reader) => match ready!(reader.poll_chunk(context)) {
                Some(Ok(bytes)) => {
                    this.sent(bytes.len());
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                Some(Err(error)) => {
                    let ends_with_connection = reader.left().is_none();
                    this.is_cut(&error, ends_with_connection);
                    Poll::Ready(Some(Err(error.into())))
                }
                None => {
                    this.source = Source::Empty;
                    Poll::Ready(None)
                }
            },
            Source::Slices(slices) => match ready!(slices.poll_chunk(context)) {
                Some(Ok(bytes)) => {
                    this.sent(bytes.len());
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                Some(Err(error)) => {
                    this.is_cut(&error, false);
                    Poll::Ready(Some(Err(error.into())))
                }
                None => {
                    this.source = Source::Empty;
                    Poll::Ready(None)
                }
            },
            Source::Origin(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        let Some(data) = frame.data_ref() else {
                            if this.trailers {
                                return Poll::Ready(Some(Ok(frame)));
                            }
                            continue;
                        };
                        let bytes = data.len();
                        this.sent(bytes);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Some(Err(error)) => {
                        let ends_with_connection = body.size_hint().exact().is_none();
                        this.is_cut(&error, ends_with_connection);
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    None => {
                        this.source = Source::Empty;
                        return Poll::Ready(None);
                    }
                }
            },
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.ended(Ending::Whole);
        }
    }
}
