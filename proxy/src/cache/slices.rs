//! One viewer's way through what is kept in slices: one after the other, and the next one asked for while this one is read.
//! Whatever a slice is, this holds two of them at most.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::fill::{BrokeOff, FillReader, Stage};
use super::kept::{Kept, What};

/// So often a slice is begun anew whose fetch broke off.
const ANEW: u8 = 2;

/// A slice that was looked for.
#[derive(Debug)]
pub(crate) enum Slice {
    /// It is kept.
    Kept(Arc<Kept>),
    /// It is being fetched.
    Comes(FillReader),
}

/// The bytes of an answer, out of its slices.
pub(crate) struct Slices {
    /// What is kept or fetched of the slice of this number. Called once for each, and again for one that broke off.
    look_for: Box<dyn Fn(u64) -> Slice>,
    /// Bytes of one.
    size: u64,
    /// What is still to come.
    rest: Range<u64>,
    now: Option<Current>,
    /// The one after that, if it was begun.
    next: Option<(u64, Slice)>,
    /// How often the current one was begun anew.
    anew: u8,
}

/// What is read now.
struct Current {
    index: u64,
    /// Where the next byte that comes of it lies in the whole.
    at: u64,
    from: From,
}

enum From {
    /// Its head is not here yet.
    Waits(FillReader),
    Flows(FillReader),
    Kept(VecDeque<Bytes>),
}

impl fmt::Debug for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Slices");
        told.field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl Slices {
    /// The bytes `rest` out of slices of `size` bytes, more than none.
    pub(crate) fn new(rest: Range<u64>, size: u64, look_for: Box<dyn Fn(u64) -> Slice>) -> Self {
        Self {
            look_for,
            size: size.max(1),
            rest,
            now: None,
            next: None,
            anew: 0,
        }
    }

    /// The slice `index` was looked for already.
    pub(crate) fn begun(mut self, index: u64, slice: Slice) -> Self {
        self.next = Some((index, slice));
        self
    }

    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    /// Waits for the first byte, or what is as good as that; the stage that says why it will not come.
    pub(crate) async fn begin(&mut self) -> Result<(), Stage> {
        std::future::poll_fn(|context| self.poll_current(context)).await
    }

    /// The next chunk, never empty; or the end.
    pub(crate) fn poll_chunk(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        loop {
            if self.left() == 0 {
                return Poll::Ready(None);
            }
            if ready!(self.poll_current(context)).is_err() {
                return Poll::Ready(Some(Err(BrokeOff)));
            }
            let Some(current) = &mut self.now else {
                continue;
            };
            let chunk = match &mut current.from {
                From::Kept(pieces) => pieces.pop_front().map(Ok),
                From::Flows(reader) => ready!(reader.poll_chunk(context)),
                From::Waits(_) => None,
            };
            if let Some(Ok(chunk)) = chunk {
                let begins = current.at;
                current.at += chunk.len() as u64;
                if let Some(wanted) = self.take(begins, &chunk) {
                    return Poll::Ready(Some(Ok(wanted)));
                }
            } else {
                // It broke off, or ended before its end.
                self.now = None;
                if self.anew == ANEW {
                    return Poll::Ready(Some(Err(BrokeOff)));
                }
                self.anew += 1;
            }
        }
    }

    /// What of `chunk`, which begins at byte `begins` of the whole, is still to come.
    fn take(&mut self, begins: u64, chunk: &Bytes) -> Option<Bytes> {
        let ends = begins + chunk.len() as u64;
        let (from, to) = (self.rest.start.max(begins), self.rest.end.min(ends));
        if from >= to {
            return None;
        }
        let inside = |byte: u64| usize::try_from(byte - begins).unwrap_or_default();
        let wanted = chunk.slice(inside(from)..inside(to));
        self.rest.start = to;
        if to % self.size == 0 {
            self.now = None;
            self.anew = 0;
        }
        Some(wanted)
    }

    /// Ready when the slice of the next byte is there to be read, or its head is; the next one has been begun then.
    fn poll_current(&mut self, context: &Context<'_>) -> Poll<Result<(), Stage>> {
        let index = self.rest.start / self.size;
        loop {
            let begins = index * self.size;
            let current = match &mut self.now {
                Some(current) if current.index == index => current,
                now => {
                    let slice = match self.next.take() {
                        Some((number, slice)) if number == index => slice,
                        Some(_) | None => (self.look_for)(index),
                    };
                    now.insert(Current {
                        index,
                        at: begins,
                        from: From::of(slice),
                    })
                }
            };
            let From::Waits(reader) = &mut current.from else {
                self.look_ahead(index);
                return Poll::Ready(Ok(()));
            };
            match ready!(reader.poll_stage(context)) {
                Stage::Flowing(flowing) => {
                    let placeholder = From::Kept(VecDeque::new());
                    if let From::Waits(mut reader) =
                        std::mem::replace(&mut current.from, placeholder)
                    {
                        reader.flows(flowing);
                        current.from = From::Flows(reader);
                    }
                    self.look_ahead(index);
                    return Poll::Ready(Ok(()));
                }
                // Whoever had it to fetch is gone.
                Stage::Waiting | Stage::Abandoned if self.anew < ANEW => {
                    self.anew += 1;
                    self.now = None;
                }
                stage @ (Stage::Waiting
                | Stage::Abandoned
                | Stage::NotShared
                | Stage::Settled(..)
                | Stage::Failed(_)) => return Poll::Ready(Err(stage)),
            }
        }
    }

    /// Begins the slice after `index`, if anything of it is to come.
    fn look_ahead(&mut self, index: u64) {
        let next = index + 1;
        let is_begun = self.next.as_ref().is_some_and(|(begun, _)| *begun == next);
        if !is_begun && next.saturating_mul(self.size) < self.rest.end {
            self.next = Some((next, (self.look_for)(next)));
        }
    }
}

impl From {
    fn of(slice: Slice) -> Self {
        match slice {
            Slice::Comes(reader) => Self::Waits(reader),
            Slice::Kept(kept) => match &kept.what {
                What::Answer(answer) => Self::Kept(answer.body(&kept).into()),
                What::Fork { .. } | What::Pass { .. } => Self::Kept(VecDeque::new()),
            },
        }
    }
}
