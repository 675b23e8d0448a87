//! A read-only screen of what a viewer sends, below hyper: it sees what the parser hides.
//!
//! Hyper is strict about most of what makes two parsers disagree over where a request ends, but it takes a bare LF
//! for a line end, `Content-Length` beside `Transfer-Encoding`, the same `Content-Length` twice and any number of
//! empty lines before a request, and it drops a fragment; none of this can be seen in what it hands on. `Screened`
//! stands between hyper and the socket, reads along, and says so:
//!
//! - **A faulty head** is published in the [`Verdict`] before hyper can hand on that request, whose service asks
//!   [`Verdict::malformed`], answers 400 and closes. Nothing behind that head is ever given to hyper, so it
//!   cannot become another request, whatever the service does.
//! - **A faulty body** is cut before the byte at fault; hyper's next read, and so the body, ends in
//!   [`io::ErrorKind::InvalidData`].
//!
//! Behind a request that asks to switch protocols nothing is judged until it is known what follows: it is
//! kept, and hyper has none of it. Once the service says that [it may switch](Verdict::is_asked_to_switch), it stays so
//! until [the answer is another one](Verdict::stays), and then it is screened like everything else; if the answer switches,
//! hyper is done with the connection, and what was kept is [part of it](Screened::switched).
//!
//! What it deliberately does not know: hosts, methods and targets that the header map shows (`rules::admit` judges
//! these), and the size of a head (it keeps no bytes and so needs no limit).
//! What is in a field line besides its end (names that are no tokens, control bytes, a bare CR) is left to hyper's parser,
//! which refuses it; for everything else the screen does not rely on it, and a test holds the two against each other.
//!
//! [`reading`] is the state machine, [`plain`] its short cut for lines that are plainly fine.

mod plain;
mod reading;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tideover_rules::admit::Malformed;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use reading::{Screen, Watching};

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its head. Where no word of [`Malformed`] fits because hyper refuses such a head before anybody can ask, the
    /// nearest one stands: `InvalidTarget` for a request line, `LineEnding` for a field line.
    Head(Malformed),
    /// Its body: chunks that are not as RFC 9112, section 7.1 has them, or beyond a limit.
    Body,
}

/// A fault and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Faulty {
    /// The ordinal of the request on its connection, from 1.
    pub(crate) request: u64,
    /// What is wrong with it.
    pub(crate) fault: Fault,
}

/// What the screen of one connection has to say to the service on it.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    faulty: OnceLock<Faulty>,
    /// The last write found the socket full.
    blocked: AtomicBool,
    /// A request asked to switch protocols.
    was_asked: AtomicBool,
    /// What follows the last request may not be HTTP.
    undecided: AtomicBool,
    /// Some of a head has come, and not all of it.
    within_head: AtomicBool,
}

impl Verdict {
    /// Why the request with this ordinal (from 1, in the order in which hyper calls the service) must be answered
    /// with 400 and its connection closed; none for a good head.
    pub(crate) fn malformed(&self, request: u64) -> Option<Malformed> {
        match self.faulty.get()? {
            Faulty {
                request: faulty,
                fault: Fault::Head(malformed),
            } if *faulty <= request => Some(*malformed),
            Faulty { .. } => None,
        }
    }

    /// The connection's first fault, and so the only one; for the log.
    pub(crate) fn faulty(&self) -> Option<Faulty> {
        self.faulty.get().copied()
    }

    /// The request that was handed on asks to switch protocols. If it `may_switch`, whether that is done is to be decided.
    pub(crate) fn is_asked_to_switch(&self, may_switch: bool) {
        self.was_asked.store(true, Relaxed);
        self.undecided.store(may_switch, Relaxed);
    }

    /// Some request on this connection asked to switch protocols.
    pub(crate) fn was_asked_to_switch(&self) -> bool {
        self.was_asked.load(Relaxed)
    }

    /// It was decided: the connection stays with HTTP. Whoever says this has the connection polled again.
    pub(crate) fn stays(&self) {
        self.undecided.store(false, Relaxed);
    }

    /// Whether the viewer has not taken all that there was to write.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Relaxed)
    }

    /// Whether a head has begun and is not complete.
    pub(crate) fn is_within_head(&self) -> bool {
        self.within_head.load(Relaxed)
    }
}

/// A viewer's connection with the screen in front of it.
#[derive(Debug)]
pub(crate) struct Screened<T> {
    io: T,
    screen: Screen,
    verdict: Arc<Verdict>,
    /// How many bytes behind a fault were thrown away.
    discarded: usize,
    /// A request that may switch protocols is over; or there is more of what was `kept` then.
    is_held: bool,
    /// What was read behind it, and not looked at.
    kept: Vec<u8>,
}

/// A connection that has switched protocols.
#[derive(Debug)]
pub(crate) struct Switched<T> {
    pub(crate) io: T,
    /// What was read of the other protocol.
    pub(crate) read: Vec<u8>,
}

/// What is read and thrown away behind a fault, in bytes: closing a socket with unread bytes in it resets the
/// connection, and the viewer may then never see its answer.
const MOST_DISCARDED: usize = 256 * 1024;

impl<T> Screened<T> {
    /// Screens everything that is read from `io`, which must be at the start of an HTTP/1 connection.
    pub(crate) fn new(io: T) -> Self {
        Self {
            io,
            screen: Screen::new(),
            verdict: Arc::default(),
            discarded: 0,
            is_held: false,
            kept: Vec::new(),
        }
    }

    /// What it read from.
    pub(crate) fn into_inner(self) -> T {
        self.io
    }

    /// Once the answer was given that switches.
    pub(crate) fn switched(self) -> Switched<T> {
        Switched {
            io: self.io,
            read: self.kept,
        }
    }

    /// Where the service on this connection finds what the screen saw.
    pub(crate) fn verdict(&self) -> Arc<Verdict> {
        Arc::clone(&self.verdict)
    }

    /// How many of these bytes hyper may have.
    fn look(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        loop {
            let seen = self.screen.see(&bytes[passed..]);
            passed += seen;
            if self.screen.may_switch() {
                self.is_held = true;
                break;
            }
            if seen == 0 || passed == bytes.len() {
                break;
            }
        }
        self.verdict
            .within_head
            .store(self.screen.is_within_head(), Relaxed);
        if let Some(faulty) = self.screen.faulty() {
            // Set once: the screen has one fault at most.
            let _ = self.verdict.faulty.set(faulty);
        }
        passed
    }
}

impl<T> Screened<T> {
    fn note<W>(&mut self, written: Poll<W>) -> Poll<W> {
        self.verdict.blocked.store(written.is_pending(), Relaxed);
        written
    }
}

impl<T: AsyncRead + Unpin> Screened<T> {
    /// What comes after a request that asked to switch protocols. Ready with nothing in `buf`: it is over, or, if
    /// `is_held` is no longer so, there is nothing left to wait for.
    fn poll_held(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.verdict.undecided.load(Relaxed) {
            if self.kept.is_empty() {
                // A viewer that leaves is not to be waited for.
                let before = buf.filled().len();
                ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
                let fresh = &buf.filled()[before..];
                if fresh.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.kept.extend_from_slice(fresh);
                buf.set_filled(before);
            }
            // Whoever decides has hyper ask again.
            return Poll::Pending;
        }
        self.is_held = false;
        if self.kept.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut kept = std::mem::take(&mut self.kept);
        let most = kept.len().min(buf.remaining());
        let passed = self.look(&kept[..most]);
        buf.put_slice(&kept[..passed]);
        if self.screen.watching() == Watching::On && passed < kept.len() {
            kept.drain(..passed);
            self.kept = kept;
            self.is_held = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Throws away what has come, up to a limit; never waits.
    fn discard(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) {
        let before = buf.filled().len();
        while self.discarded < MOST_DISCARDED {
            let Poll::Ready(Ok(())) = Pin::new(&mut self.io).poll_read(cx, buf) else {
                break;
            };
            let more = buf.filled().len() - before;
            buf.set_filled(before);
            self.discarded += more;
            if more == 0 {
                break;
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Screened<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.screen.watching() {
                Watching::On => {}
                Watching::Shut => {
                    // Neither an end nor an error, which would have hyper give up the answer: this side has nothing
                    // more to say, and the connection ends with the answer, or by hyper's own limit on waiting.
                    this.discard(cx, buf);
                    return Poll::Pending;
                }
                Watching::Broken => return Poll::Ready(Err(broken())),
            }
            if this.is_held {
                let before = buf.filled().len();
                ready!(this.poll_held(cx, buf))?;
                if this.is_held || buf.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
            let fresh = &buf.filled()[before..];
            if fresh.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let passed = this.look(fresh);
            if this.is_held {
                let behind = &buf.filled()[before + passed..];
                this.kept.extend_from_slice(behind);
            }
            buf.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the body's chunks are malformed",
    )
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Screened<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.note(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.screen.faulty().is_some() {
            this.discard(cx, &mut ReadBuf::new(&mut [0; 1024]));
        }
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
