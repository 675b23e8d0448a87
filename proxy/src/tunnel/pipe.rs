//! One direction of a tunnel. While nothing goes through it holds no buffer.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use crate::clock::sockets_first;

/// Read at once.
const PIECE: usize = 64 * 1024;
/// So many bytes are moved before everything else on this worker has its turn.
const MOST_IN_A_ROW: usize = 256 * 1024;

thread_local! {
    /// What is read is written on from here; only what the other side does not take at once is copied.
    static PASSING: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Why nothing more goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The sender has said that nothing more comes, and the receiver was told so.
    AtItsEnd,
    /// The sender's connection is broken.
    Unreadable,
    /// The receiver's connection is broken, or the receiver takes nothing more.
    Unwritable,
}

#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Read, and not yet taken from `taken` on.
    left: Vec<u8>,
    taken: usize,
    /// The receiver may still keep back what it took.
    is_unflushed: bool,
    /// The sender has said that nothing more comes.
    is_at_its_end: bool,
    over: Option<Over>,
    bytes: u64,
    steps: u64,
    frames: Frames,
}

impl Pipe {
    /// These bytes were read before.
    pub(super) fn beginning_with(bytes: Vec<u8>) -> Self {
        let mut pipe = Self::default();
        pipe.note_read(&bytes);
        pipe.left = bytes;
        pipe
    }

    /// How many were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Grows with everything that moves.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// All that was read is written, it ends with a frame, and another one may follow.
    pub(super) fn is_between_frames(&self) -> bool {
        self.left.is_empty()
            && !self.is_at_its_end
            && self.over.is_none()
            && self.frames.may_begin()
    }

    /// Moves what there is; ready once nothing more will go through, and from then on.
    pub(super) fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<Over>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if let Some(over) = self.over {
            return Poll::Ready(over);
        }
        let over = ready!(self.poll_over(context, from, to));
        self.left = Vec::new();
        self.over = Some(over);
        self.steps += 1;
        Poll::Ready(over)
    }

    fn poll_over<R, W>(&mut self, context: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Over>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut in_a_row = 0;
        loop {
            if !ready!(self.poll_left(context, to)) {
                return Poll::Ready(Over::Unwritable);
            }
            if self.is_at_its_end {
                // A receiver that is gone needs not be told.
                let _ = ready!(Pin::new(&mut *to).poll_shutdown(context));
                return Poll::Ready(Over::AtItsEnd);
            }
            if in_a_row >= MOST_IN_A_ROW {
                // A plain wake-up would come before the sockets were looked at.
                let _ = pin!(sockets_first()).poll(context);
                return Poll::Pending;
            }
            match self.poll_piece(context, from, to) {
                Poll::Ready(Ok(0)) => self.is_at_its_end = true,
                Poll::Ready(Ok(bytes)) => in_a_row += bytes,
                Poll::Ready(Err(over)) => return Poll::Ready(over),
                Poll::Pending => {
                    if self.is_unflushed {
                        if ready!(Pin::new(&mut *to).poll_flush(context)).is_err() {
                            return Poll::Ready(Over::Unwritable);
                        }
                        self.is_unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Ready when nothing is left, or with `false` when nothing more can be written.
    fn poll_left<W>(&mut self, context: &mut Context<'_>, to: &mut W) -> Poll<bool>
    where
        W: AsyncWrite + Unpin,
    {
        while self.taken < self.left.len() {
            match ready!(Pin::new(&mut *to).poll_write(context, &self.left[self.taken..])) {
                Ok(0) | Err(_) => return Poll::Ready(false),
                Ok(bytes) => {
                    self.taken += bytes;
                    self.note_written();
                }
            }
        }
        if self.taken > 0 {
            self.left = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(true)
    }

    /// Reads once, and writes as much of that as is taken at once; how much was read.
    fn poll_piece<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<Result<usize, Over>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        PASSING.with_borrow_mut(|passing| {
            let mut piece = ReadBuf::new(passing);
            if ready!(Pin::new(from).poll_read(context, &mut piece)).is_err() {
                return Poll::Ready(Err(Over::Unreadable));
            }
            let piece = piece.filled();
            self.note_read(piece);
            if piece.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let taken = match Pin::new(to).poll_write(context, piece) {
                Poll::Ready(Ok(taken)) => {
                    self.note_written();
                    taken
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Over::Unwritable)),
                Poll::Pending => 0,
            };
            self.left.extend_from_slice(&piece[taken..]);
            Poll::Ready(Ok(piece.len()))
        })
    }

    fn note_read(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.steps += 1;
        self.frames.see(bytes);
    }

    fn note_written(&mut self) {
        self.is_unflushed = true;
        self.steps += 1;
    }
}
