//! One fetch that several viewers read: what has arrived, who waits for more, and how it ended.
//!
//! Nothing here belongs to a worker: readers on any of them wait on the same fill. The lock is held for as long as it takes
//! to copy one `Bytes`; wakers are woken outside of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::Since;
use super::kept::{Head, Kept, What};
use crate::error::Fault;
use tideover_rules::cache::verdict::WhyStale;
use tideover_rules::failover::Attempt;

/// A fill whose length turns out to be beyond all bounds is so far ahead of its slowest reader at most.
const WINDOW: u64 = 1024 * 1024;
/// What a chunk takes beside its bytes: an origin that sends them one by one is not to be held for nothing.
const BESIDE: u64 = 64;

/// One fetch, as its readers see it.
#[derive(Debug)]
pub(crate) struct Fill {
    key: Box<[u8]>,
    /// The longer key that it is kept under, where its answer was chosen by more.
    longer: OnceLock<Box<[u8]>>,
    /// No later than its fetch began.
    pub(super) since: Since,
    state: Mutex<State>,
    /// What all fills together hold.
    held: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    chunks: VecDeque<Chunk>,
    /// So many chunks were dropped at the front.
    dropped: usize,
    /// Bytes that came so far.
    arrived: u64,
    /// What the chunks take that are here.
    held: u64,
    /// Chunks stay until the end, so that anybody may still begin to read.
    is_kept: bool,
    readers: Vec<Option<Waiting>>,
    /// Wants to know when the slowest reader has gone on.
    pump: Option<Waker>,
    end: End,
    /// All of the body, as it is kept: it stands in for the chunks once these are whole.
    kept: Option<Vec<Bytes>>,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    /// So many have not read it. Counted only where chunks do not stay.
    unread: usize,
}

impl Chunk {
    fn takes(&self) -> u64 {
        self.bytes.len() as u64 + BESIDE
    }
}

#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// The chunk that it reads next, from the very first one on.
    next: usize,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// No head yet.
    Waiting,
    /// The leader went away before there was a head: somebody else asks.
    Abandoned,
    /// The answer is for the leader only: everybody asks for themselves.
    NotShared,
    /// What was kept before is good, or serves in place of failed origins: it is looked up anew.
    Settled(Arc<Kept>, Settled),
    /// No origin brought an answer.
    Failed(Arc<Failed>),
    /// The head is here, and the body on its way.
    Flowing(Arc<Flowing>),
}

/// What became of asking for what was kept already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// 304.
    Fresh,
    /// The origins failed.
    Stale(WhyStale),
}

/// What its readers begin with.
#[derive(Debug)]
pub(crate) struct Flowing {
    pub(crate) head: Head,
    /// Of the body, if it was told.
    pub(crate) length: Option<u64>,
    /// What of the leader's request chose it, beside the fill's key.
    pub(crate) chosen_by: Option<ChosenBy>,
}

/// The fields that chose an answer, and what the leader's had in them.
#[derive(Debug)]
pub(crate) struct ChosenBy {
    pub(crate) names: Vec<http::HeaderName>,
    pub(crate) suffix: Vec<u8>,
}

/// Why no origin brought an answer.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) delivered: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    Whole,
    Broken,
}

/// It broke off: the viewer's connection can only be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fetch that this answer was read from broke off")]
pub(crate) struct BrokeOff;

impl Fill {
    pub(super) fn new(key: &[u8], since: Since, held: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            key: key.into(),
            longer: OnceLock::new(),
            since,
            state: Mutex::new(State {
                stage: Stage::Waiting,
                chunks: VecDeque::new(),
                dropped: 0,
                arrived: 0,
                held: 0,
                is_kept: true,
                readers: Vec::new(),
                pump: None,
                end: End::NotYet,
                kept: None,
            }),
            held: Arc::clone(held),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is asked for under `key` is what it fetches.
    pub(super) fn is_for(&self, key: &[u8]) -> bool {
        *self.key == *key || self.longer.get().is_some_and(|longer| **longer == *key)
    }

    /// It is for those who look under this key, too.
    pub(super) fn is_also_for(&self, key: &[u8]) {
        // A fill has one head, and so one longer key.
        self.longer.get_or_init(|| key.into());
    }

    /// One more reader, from the first byte on; `None` if those are gone.
    pub(super) fn join(self: &Arc<Self>) -> Option<FillReader> {
        // Under one lock: in between the first bytes may go.
        let mut state = self.lock();
        let slot = state.is_kept.then(|| state.takes_a_seat())?;
        drop(state);
        Some(FillReader {
            fill: Arc::clone(self),
            slot,
            flowing: None,
            read: 0,
        })
    }

    /// The next stage.
    pub(super) fn becomes(&self, stage: Stage) {
        let mut state = self.lock();
        state.stage = stage;
        let waiting = state.take_waiting();
        drop(state);
        wake(waiting);
    }

    /// One more chunk.
    fn push(&self, bytes: Bytes) {
        let mut state = self.lock();
        let unread = if state.is_kept {
            0
        } else {
            state.readers.iter().flatten().count()
        };
        state.arrived += bytes.len() as u64;
        let chunk = Chunk { bytes, unread };
        state.held += chunk.takes();
        self.held.fetch_add(chunk.takes(), Relaxed);
        state.chunks.push_back(chunk);
        let waiting = state.take_waiting();
        drop(state);
        wake(waiting);
    }

    /// Who has not begun to read can do so no more, and what all have read is dropped.
    fn lets_go(&self) {
        let mut state = self.lock();
        if !state.is_kept {
            return;
        }
        state.is_kept = false;
        let State {
            chunks,
            readers,
            dropped,
            ..
        } = &mut *state;
        // How many begin with each chunk.
        for reader in readers.iter().flatten() {
            let begins_with = reader.next.checked_sub(*dropped);
            if let Some(chunk) = begins_with.and_then(|at| chunks.get_mut(at)) {
                chunk.unread += 1;
            }
        }
        // Whoever is behind has not read the later ones either.
        let mut unread = 0;
        for chunk in chunks {
            unread += chunk.unread;
            chunk.unread = unread;
        }
        self.forget(&mut state);
    }

    /// Drops what all have read.
    fn forget(&self, state: &mut State) {
        if state.is_kept {
            return;
        }
        while let Some(chunk) = state.chunks.pop_front_if(|chunk| chunk.unread == 0) {
            state.dropped += 1;
            state.held -= chunk.takes();
            self.held.fetch_sub(chunk.takes(), Relaxed);
        }
    }

    /// Ready when there is room for one more chunk; an error if nobody reads any more and nothing is kept.
    fn poll_room(&self, context: &Context<'_>) -> Poll<Result<(), BrokeOff>> {
        let mut state = self.lock();
        if state.is_kept {
            return Poll::Ready(Ok(()));
        }
        if state.readers.iter().all(Option::is_none) {
            return Poll::Ready(Err(BrokeOff));
        }
        if state.held < WINDOW {
            return Poll::Ready(Ok(()));
        }
        state.pump = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn takes_a_seat(&mut self) -> usize {
        let free = self.readers.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.readers.push(None);
            self.readers.len() - 1
        });
        if let Some(seat) = self.readers.get_mut(slot) {
            *seat = Some(Waiting::default());
        }
        slot
    }

    fn take_waiting(&mut self) -> Vec<Waker> {
        let readers = self.readers.iter_mut().flatten();
        readers.filter_map(|reader| reader.waker.take()).collect()
    }
}

fn wake(waiting: impl IntoIterator<Item = Waker>) {
    waiting.into_iter().for_each(Waker::wake);
}

impl Drop for Fill {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.held.fetch_sub(state.held, Relaxed);
    }
}

/// What pours the body in. Dropped before the end, it says that it broke off.
#[derive(Debug)]
pub(crate) struct Inlet {
    fill: Arc<Fill>,
    flowing: Arc<Flowing>,
}

impl Inlet {
    /// The head is here: readers may begin.
    pub(super) fn opens(
        fill: Arc<Fill>,
        head: Head,
        length: Option<u64>,
        chosen_by: Option<ChosenBy>,
    ) -> (Self, Arc<Flowing>) {
        let flowing = Arc::new(Flowing {
            head,
            length,
            chosen_by,
        });
        fill.becomes(Stage::Flowing(Arc::clone(&flowing)));
        let inlet = Self {
            fill,
            flowing: Arc::clone(&flowing),
        };
        (inlet, flowing)
    }

    pub(super) fn head(&self) -> &Head {
        &self.flowing.head
    }

    pub(super) fn push(&self, chunk: Bytes) {
        self.fill.push(chunk);
    }

    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<Result<(), BrokeOff>> {
        self.fill.poll_room(context)
    }

    /// Nothing of it is kept, and nobody else may begin to read.
    pub(super) fn lets_go(&self) {
        self.fill.lets_go();
    }

    /// Bytes that came so far.
    pub(super) fn arrived(&self) -> u64 {
        self.fill.lock().arrived
    }

    /// All of it, in order; the chunks that are held.
    pub(super) fn chunks(&self) -> Vec<Bytes> {
        let state = self.fill.lock();
        let chunks = state.chunks.iter();
        chunks.map(|chunk| chunk.bytes.clone()).collect()
    }

    /// It is whole. Who still reads goes on with what is `kept`, so that a slow one does not hold it a second time.
    pub(super) fn ends(self, kept: Option<&Kept>) {
        let body = kept.and_then(|kept| match &kept.what {
            What::Answer(answer) => Some(answer.body(kept)),
            What::Fork { .. } | What::Pass { .. } => None,
        });
        self.set_end(End::Whole, body);
    }

    fn set_end(&self, end: End, kept: Option<Vec<Bytes>>) {
        let mut state = self.fill.lock();
        let mut gone = VecDeque::new();
        if state.end == End::NotYet {
            state.end = end;
            if kept.is_some() {
                state.kept = kept;
                self.fill.held.fetch_sub(state.held, Relaxed);
                state.held = 0;
                gone = std::mem::take(&mut state.chunks);
            }
        }
        let waiting = state.take_waiting();
        drop(state);
        drop(gone);
        wake(waiting);
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.set_end(End::Broken, None);
    }
}

/// One viewer's way through a fill.
#[derive(Debug)]
pub(crate) struct FillReader {
    fill: Arc<Fill>,
    slot: usize,
    flowing: Option<Arc<Flowing>>,
    /// Bytes so far.
    read: u64,
}

impl FillReader {
    /// What came of the fetch: its head, or why there is none for this reader.
    pub(crate) async fn stage(&mut self) -> Stage {
        std::future::poll_fn(|context| self.poll_stage(context)).await
    }

    /// [`FillReader::stage`], for what is polled itself.
    pub(super) fn poll_stage(&self, context: &Context<'_>) -> Poll<Stage> {
        let mut state = self.fill.lock();
        if matches!(state.stage, Stage::Waiting) {
            if let Some(Some(waiting)) = state.readers.get_mut(self.slot) {
                waiting.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let broke_off = state.end == End::Broken;
        if broke_off && matches!(state.stage, Stage::Flowing(_)) {
            // Nothing of it was given to this reader's viewer yet.
            return Poll::Ready(Stage::Abandoned);
        }
        Poll::Ready(state.stage.clone())
    }

    /// It reads the body from here on.
    pub(crate) fn flows(&mut self, flowing: Arc<Flowing>) {
        self.flowing = Some(flowing);
    }

    /// The next chunk, or the end.
    pub(crate) fn poll_chunk(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        let mut guard = self.fill.lock();
        let state = &mut *guard;
        let Some(Some(waiting)) = state.readers.get_mut(self.slot) else {
            return Poll::Ready(Some(Err(BrokeOff)));
        };
        if let Some(kept) = &state.kept {
            let rest = rest_of_a_piece(kept, self.read);
            self.read += rest.as_ref().map_or(0, |rest| rest.len() as u64);
            return Poll::Ready(rest.map(Ok));
        }
        let at = waiting.next.checked_sub(state.dropped);
        if let Some(chunk) = at.and_then(|at| state.chunks.get_mut(at)) {
            let bytes = chunk.bytes.clone();
            waiting.next += 1;
            self.read += bytes.len() as u64;
            if !state.is_kept {
                chunk.unread = chunk.unread.saturating_sub(1);
                self.fill.forget(state);
                let pump = state.pump.take();
                drop(guard);
                wake(pump);
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
        match state.end {
            End::Whole => Poll::Ready(None),
            End::Broken => Poll::Ready(Some(Err(BrokeOff))),
            End::NotYet => {
                waiting.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Bytes of the body that are still to come, if they were told.
    pub(crate) fn left(&self) -> Option<u64> {
        let length = self.flowing.as_ref().and_then(|flowing| flowing.length)?;
        Some(length.saturating_sub(self.read))
    }

    /// Whether nothing more will come, as far as that is known without waiting.
    pub(crate) fn is_at_its_end(&self) -> bool {
        if self.left() == Some(0) {
            return true;
        }
        let state = self.fill.lock();
        state.end == End::Whole && self.read >= state.arrived
    }

    /// What it begins with.
    pub(crate) fn flowing(&self) -> Option<&Arc<Flowing>> {
        self.flowing.as_ref()
    }
}

/// From byte `from` on to the end of the piece that it is in.
fn rest_of_a_piece(pieces: &[Bytes], from: u64) -> Option<Bytes> {
    let mut before = usize::try_from(from).ok()?;
    for piece in pieces {
        if before < piece.len() {
            return Some(piece.slice(before..));
        }
        before -= piece.len();
    }
    None
}

impl Drop for FillReader {
    fn drop(&mut self) {
        let mut guard = self.fill.lock();
        let state = &mut *guard;
        let seat = state.readers.get_mut(self.slot).and_then(Option::take);
        if let Some(seat) = &seat
            && !state.is_kept
        {
            let read = seat.next.saturating_sub(state.dropped);
            for chunk in state.chunks.iter_mut().skip(read) {
                chunk.unread = chunk.unread.saturating_sub(1);
            }
            self.fill.forget(state);
        }
        let pump = state.pump.take();
        drop(guard);
        wake(pump);
    }
}

#[cfg(test)]
mod tests;
