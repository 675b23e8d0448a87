//! The bodies that cross the edge from the viewer, and the rule that one is sent once.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tideover_rules::admit::may_be_trailers;
use tokio::time::{Instant, Sleep};

use crate::clock::LastLook;

/// A viewer's request body on its way to an origin: it ends, or it turns bad.
#[derive(Debug)]
pub(crate) enum ViewerBody {
    /// No body.
    Empty,
    /// A body that arrives over HTTP/1.1.
    Http(Box<HttpBody>),
}

/// What is known of a viewer's body while and after it is read.
#[derive(Debug, Default)]
pub(crate) struct BodyWatch {
    /// Bytes read so far.
    pub(crate) bytes: Cell<u64>,
    /// It was read to its end.
    pub(crate) done: Cell<bool>,
    /// Why it could not be read to its end.
    pub(crate) fault: Cell<Option<ViewerBodyError>>,
}

/// A body that arrives over HTTP/1.1, with the deadline for its next piece.
#[derive(Debug)]
pub(crate) struct HttpBody {
    incoming: Incoming,
    watch: Rc<BodyWatch>,
    drop_trailers: bool,
    stall_limit: Duration,
    /// More than this is too much.
    most_bytes: u64,
    /// Runs only while a piece is waited for.
    stall: Option<Pin<Box<Sleep>>>,
    /// When it has run out: what is in the socket counts all the same.
    last_look: LastLook,
}

/// Why a viewer's body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ViewerBodyError {
    /// Its framing is broken, or the connection ended within it.
    #[error("the request body is malformed or was cut off")]
    Broken,
    /// No piece of it arrived within the limit.
    #[error("the request body stopped arriving")]
    Stalled,
    /// More of it arrived than may.
    #[error("the request body is too large")]
    TooLarge,
}

impl ViewerBody {
    /// A body as hyper delivers it. `stall_limit` is real time; more than `most_bytes` makes it turn bad.
    pub(crate) fn new(incoming: Incoming, stall_limit: Duration, most_bytes: u64) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        Self::Http(Box::new(HttpBody {
            incoming,
            watch: Rc::default(),
            drop_trailers: false,
            stall_limit,
            most_bytes,
            stall: None,
            last_look: LastLook::default(),
        }))
    }

    /// What is to be known of the body once it has been handed over; `None` if there is none.
    pub(crate) fn watch(&self) -> Option<Rc<BodyWatch>> {
        match self {
            Self::Empty => None,
            Self::Http(body) => Some(Rc::clone(&body.watch)),
        }
    }

    /// Trailers are not passed on.
    pub(crate) fn drop_trailers(&mut self) {
        match self {
            Self::Empty => {}
            Self::Http(body) => body.drop_trailers = true,
        }
    }

    /// True if there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl http_body::Body for ViewerBody {
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http(body) => body.incoming.size_hint(),
        }
    }
}

impl HttpBody {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
                let limit = self.stall_limit;
                let stall = self
                    .stall
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(stall.as_mut().poll(context));
                ready!(self.last_look.poll_taken(context));
                return Poll::Ready(Some(Err(self.fail(ViewerBodyError::Stalled))));
            };
            if let Some(stall) = &mut self.stall {
                self.last_look.give_back();
                stall.as_mut().reset(Instant::now() + self.stall_limit);
            }
            return Poll::Ready(match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        let bytes = self.watch.bytes.get() + data.len() as u64;
                        self.watch.bytes.set(bytes);
                        if bytes > self.most_bytes {
                            return Poll::Ready(Some(Err(self.fail(ViewerBodyError::TooLarge))));
                        }
                    } else if frame
                        .trailers_ref()
                        .is_some_and(|fields| !may_be_trailers(fields))
                    {
                        return Poll::Ready(Some(Err(self.fail(ViewerBodyError::Broken))));
                    } else if self.drop_trailers {
                        continue;
                    }
                    // hyper stops asking once a known length is complete, so the end is seen here as well.
                    self.watch.done.set(self.incoming.is_end_stream());
                    Some(Ok(frame))
                }
                Some(Err(_)) => Some(Err(self.fail(ViewerBodyError::Broken))),
                None => {
                    self.watch.done.set(true);
                    None
                }
            });
        }
    }

    fn fail(&self, error: ViewerBodyError) -> ViewerBodyError {
        self.watch.fault.set(Some(error));
        error
    }
}

/// A request body that can be sent once: here, or gone to an origin.
#[derive(Debug)]
pub(crate) enum Once {
    /// Not a byte of it was sent.
    Here(ViewerBody),
    /// Some or all of it was sent.
    Gone,
}

impl Once {
    /// True if it is here and there is nothing in it to send.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Here(body) if body.is_empty())
    }

    /// The body, if it is still here; it is gone afterwards, unless there is nothing in it that could be gone.
    pub(crate) fn take(&mut self) -> Option<ViewerBody> {
        match std::mem::replace(self, Self::Gone) {
            Self::Here(ViewerBody::Empty) => {
                *self = Self::Here(ViewerBody::Empty);
                Some(ViewerBody::Empty)
            }
            Self::Here(body) => Some(body),
            Self::Gone => None,
        }
    }
}
