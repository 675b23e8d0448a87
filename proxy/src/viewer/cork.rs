//! One write for all that a turn of an HTTP/2 connection has to say: the framing flushes after nearly every frame, which
//! over TLS is a record and a system call each.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, Offence};
use crate::clock::Moment;

/// Beyond this many bytes that wait to be written, the framing waits as well.
const ENOUGH: usize = 64 * 1024;

thread_local! {
    /// A buffer that was given back, for the next connection that has something to say: growing one takes several copies.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The connection as HTTP/2 sees it: writes are kept, a flush does nothing. [`Cork::poll_drain`] really writes. What is read
/// is looked at on its way.
#[derive(Debug)]
pub(super) struct Cork<T>(Rc<RefCell<Corked<T>>>);

#[derive(Debug)]
struct Corked<T> {
    io: T,
    kept: Vec<u8>,
    /// What of it was written.
    written: usize,
    /// The framing was told to wait.
    was_full: bool,
    /// What the viewer sent.
    came: Frames,
    offence: Option<Offence>,
}

impl<T> Cork<T> {
    pub(super) fn new(io: T, came: Frames) -> Self {
        Self(Rc::new(RefCell::new(Corked {
            io,
            kept: Vec::new(),
            written: 0,
            was_full: false,
            came,
            offence: None,
        })))
    }

    /// The same connection, for whoever drains it.
    pub(super) fn handle(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Cork<T> {
    /// Nothing more is to be said for a while: gives the buffer back, if it is empty.
    pub(super) fn rest(&self) {
        let mut corked = self.0.borrow_mut();
        if !corked.kept.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut corked.kept);
        SPARE.with_borrow_mut(|spare| {
            // One that grew beyond what is kept as a rule is nobody's to keep.
            if buffer.capacity() > spare.capacity() && buffer.capacity() <= 2 * ENOUGH {
                *spare = buffer;
            }
        });
    }

    /// Since when the rest of a frame or header block is waited for; [`Moment::NEVER`]: it is not.
    pub(super) fn waits_since(&self) -> Moment {
        self.0.borrow().came.waits_since()
    }

    /// The viewer has sent a byte at least.
    pub(super) fn said_something(&self) -> bool {
        self.0.borrow().came.said_something()
    }

    /// The viewer has answered a PING: it has heard whatever was said before that.
    pub(super) fn answered_a_ping(&self) -> bool {
        self.0.borrow().came.answered_a_ping()
    }

    /// Why the viewer was not read from any more.
    pub(super) fn offence(&self) -> Option<Offence> {
        self.0.borrow().offence
    }

    /// The last word on this connection. It comes between two frames: all of what is written at once is kept at once.
    /// Source: RFC 9113, section 6.8.
    pub(super) fn say_go_away(&self, reason: h2::Reason) {
        const HEAD: [u8; 9] = [0, 0, 8, 7, 0, 0, 0, 0, 0];
        let mut corked = self.0.borrow_mut();
        let last_stream = corked.came.last_stream();
        corked.kept.extend_from_slice(&HEAD);
        corked.kept.extend_from_slice(&last_stream.to_be_bytes());
        corked
            .kept
            .extend_from_slice(&u32::from(reason).to_be_bytes());
    }
}

impl<T: AsyncWrite + Unpin> Cork<T> {
    /// Writes what was kept. Ready once all of it is gone.
    pub(super) fn poll_drain(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_drain(context)
    }
}

impl<T: AsyncWrite + Unpin> Corked<T> {
    /// What is to be written is added to this.
    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.kept.capacity() == 0 {
            self.kept = SPARE.take();
        }
        &mut self.kept
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.kept.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.kept.len() {
            let rest = &self.kept[self.written..];
            let written = ready!(Pin::new(&mut self.io).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        // TLS may hold some of it back.
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.written = 0;
        self.kept.clear();
        if std::mem::take(&mut self.was_full) {
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when there is room for more.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.kept.len() - self.written < ENOUGH {
            return Poll::Ready(Ok(()));
        }
        let drained = self.poll_drain(context);
        self.was_full = drained.is_pending();
        drained
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Cork<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let corked = &mut *self.0.borrow_mut();
        if let Some(offence) = corked.offence {
            return Poll::Ready(Err(io::Error::other(offence)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut corked.io).poll_read(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if let Err(offence) = corked.came.came(came) {
            corked.offence = Some(offence);
            return Poll::Ready(Err(io::Error::other(offence)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Cork<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut corked = self.0.borrow_mut();
        ready!(corked.poll_room(context))?;
        corked.buffer().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut corked = self.0.borrow_mut();
        ready!(corked.poll_room(context))?;
        let kept = corked.buffer();
        let before = kept.len();
        for slice in slices {
            kept.extend_from_slice(slice);
        }
        Poll::Ready(Ok(kept.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut corked = self.0.borrow_mut();
        ready!(corked.poll_drain(context))?;
        Pin::new(&mut corked.io).poll_shutdown(context)
    }
}
