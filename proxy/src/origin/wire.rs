//! The bytes between the edge and one origin connection: counted, dated, and watched for interim answers.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use tideover_config::InterimLimit;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Moment, sockets_first};

/// What is known of an origin connection's bytes. Written by the connection's task, read by the attempt that uses it.
#[derive(Debug)]
pub(crate) struct Meter {
    written: AtomicU64,
    read: AtomicU64,
    /// The [`Moment`] when a byte last moved either way.
    moved: AtomicU64,
    /// The last write found the socket full.
    blocked: AtomicBool,
    /// A request began and nothing of its answer was read yet.
    begun: AtomicBool,
    /// Interim answers since the last request began, and those of them that were 100.
    interim: AtomicU8,
    continues: AtomicU8,
    /// The watched limits were passed: the wire was cut.
    flooded: AtomicBool,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            interim: AtomicU8::new(0),
            continues: AtomicU8::new(0),
            flooded: AtomicBool::new(false),
        }
    }

    /// A new request begins: what follows is counted for it. Returns the bytes written and read before it.
    pub(crate) fn begin(&self) -> (u64, u64) {
        self.begun.store(true, Relaxed);
        self.interim.store(0, Relaxed);
        self.continues.store(0, Relaxed);
        self.touch();
        (self.written.load(Relaxed), self.read.load(Relaxed))
    }

    /// Bytes written so far, over all requests.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Bytes read so far, over all requests.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// The socket was full at the last write.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Relaxed)
    }

    /// The origin sent more interim answers than it may.
    pub(crate) fn is_flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }

    /// When a byte last moved either way.
    pub(crate) fn moved(&self) -> Moment {
        Moment::from_nanos(self.moved.load(Relaxed))
    }

    fn touch(&self) {
        self.moved.store(Moment::now().as_nanos(), Relaxed);
    }

    fn add_written(&self, bytes: usize) {
        self.written
            .store(self.written.load(Relaxed) + bytes as u64, Relaxed);
        self.touch();
    }

    fn add_read(&self, bytes: usize) {
        self.read
            .store(self.read.load(Relaxed) + bytes as u64, Relaxed);
        self.touch();
    }
}

/// An origin connection's IO.
#[derive(Debug)]
pub(crate) struct Wire<T> {
    io: T,
    meter: Arc<Meter>,
    limit: InterimLimit,
    watch: Watch,
    /// Bytes read since something else had its turn.
    in_a_row: usize,
}

/// So many bytes are read before everything else on this worker has its turn. hyper reads on as long as there is nothing
/// to hand on, and an origin can send bytes without end that come to nothing: zeros in front of a chunk's size, for one.
const MOST_IN_A_ROW: usize = 256 * 1024;

impl<T> Wire<T> {
    pub(crate) fn new(io: T, meter: Arc<Meter>, limit: InterimLimit) -> Self {
        Self {
            io,
            meter,
            limit,
            watch: Watch::AtHead,
            in_a_row: 0,
        }
    }
}

/// Where in the origin's bytes we are, as far as interim answers matter. hyper skips those without telling, so they are
/// counted here: a final head is not looked at beyond its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// The next byte begins a status line.
    AtHead,
    /// Within `HTTP/1.1 1xx`: so many of its bytes were seen.
    InStatus { seen: u8, first: u8, second: u8 },
    /// Within an interim head; so many bytes of its closing CR LF CR LF were seen.
    InInterim { ending: u8 },
    /// A final answer: nothing to count until the next request.
    Final,
}

impl Watch {
    /// Reads on. `Some((n, continues))`: that many interim answers began in `bytes`.
    fn see(&mut self, bytes: &[u8]) -> (u8, u8) {
        if *self == Self::AtHead && bytes.get(9).is_some_and(|digit| *digit != b'1') {
            // What nearly every answer is: a final one, of whose status line enough is there.
            *self = Self::Final;
            return (0, 0);
        }
        let (mut all, mut continues) = (0u8, 0u8);
        for &byte in bytes {
            match self {
                Self::Final => break,
                Self::AtHead => {
                    *self = Self::InStatus {
                        seen: 1,
                        first: 0,
                        second: 0,
                    }
                }
                // "HTTP/1.1 " is nine bytes; the status follows.
                Self::InStatus {
                    seen,
                    first,
                    second,
                } => {
                    match *seen {
                        9 if byte != b'1' => *self = Self::Final,
                        10 => *first = byte,
                        11 => {
                            *second = byte;
                            match (*first, *second) {
                                // A protocol switch is final: what follows is not HTTP.
                                (b'0', b'1') => *self = Self::Final,
                                code => {
                                    all = all.saturating_add(1);
                                    continues =
                                        continues.saturating_add(u8::from(code == (b'0', b'0')));
                                    *self = Self::InInterim { ending: 0 };
                                }
                            }
                            continue;
                        }
                        _ => {}
                    }
                    if let Self::InStatus { seen, .. } = self {
                        *seen += 1;
                    }
                }
                Self::InInterim { ending } => {
                    *ending = match (*ending, byte) {
                        (0 | 2, b'\r') => *ending + 1,
                        // A bare LF ends a line for lenient readers, hyper among them.
                        (0 | 1, b'\n') => 2,
                        (2 | 3, b'\n') => 4,
                        (_, b'\r') => 1,
                        _ => 0,
                    };
                    if *ending == 4 {
                        *self = Self::AtHead;
                    }
                }
            }
        }
        (all, continues)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.in_a_row >= MOST_IN_A_ROW {
            this.in_a_row = 0;
            // A plain wake-up would come before the sockets were looked at.
            return std::pin::pin!(sockets_first()).poll(context).map(Ok);
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        if read.is_pending() {
            this.in_a_row = 0;
        }
        std::task::ready!(read)?;
        let fresh = &buffer.filled()[before..];
        this.in_a_row += fresh.len();
        this.meter.add_read(fresh.len());
        if this.meter.begun.load(Relaxed) {
            this.meter.begun.store(false, Relaxed);
            this.watch = Watch::AtHead;
        }
        if this.watch != Watch::Final {
            let (all, continues) = this.watch.see(fresh);
            if all > 0 {
                let all = this.meter.interim.load(Relaxed).saturating_add(all);
                let continues = this.meter.continues.load(Relaxed).saturating_add(continues);
                this.meter.interim.store(all, Relaxed);
                this.meter.continues.store(continues, Relaxed);
                if all > this.limit.all || continues > this.limit.continues {
                    this.meter.flooded.store(true, Relaxed);
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> Wire<T> {
    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                self.meter.add_written(*bytes);
                if self.meter.blocked.load(Relaxed) {
                    self.meter.blocked.store(false, Relaxed);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.meter.blocked.store(true, Relaxed),
        }
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        this.note(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(context);
        // TLS keeps bytes back: once all of them are gone, nothing is blocked any more.
        this.meter.blocked.store(flushed.is_pending(), Relaxed);
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[test]
    fn interim_answers_are_counted_wherever_the_bytes_are_split() {
        for (bytes, all, continues) in [
            (&b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 no\r\n\r\n"[..], 0, 0),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 1, 1),
            (b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 404 No\r\n\r\n", 2, 1),
            (b"HTTP/1.1 102 P\n\nHTTP/1.1 102 P\n\nHTTP/1.1 500 E\r\n\r\n", 2, 0),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, 0),
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(Watch::AtHead.see(bytes), (all, continues), "{text}");
            let mut watch = Watch::AtHead;
            let one_by_one = bytes.chunks(1).map(|byte| watch.see(byte)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            assert_eq!(one_by_one, (all, continues), "{text}, byte by byte");
        }
    }
}
