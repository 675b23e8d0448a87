//! What was fetched before: looked up, kept, and fetched once for all who ask at the same time.
//!
//! [`kept`] is what is kept, [`store`] where; [`flights`] knows who fetches what, [`fill`] is one such fetch as its readers
//! see it, [`compress`] what is done to its body on the way; [`slices`] is what is too large for that, read one after the other;
//! [`invalidations`] is what must not be used any more, and [`writes`] what must not be kept. What may be kept and used is decided in
//! `tideover_rules::cache`; the request's way through all this is in `request`.

mod compress;
mod fill;
mod flights;
mod head;
mod invalidations;
mod kept;
mod slices;
mod store;
mod tally;
mod writes;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use tideover_config::CacheLimits;
use tideover_rules::cache::{key, vary};
use tideover_rules::fields::Fields;

pub(crate) use compress::Compressor;
use compress::Compressors;
pub(crate) use fill::{BrokeOff, ChosenBy, Failed, FillReader, Flowing, Settled, Stage};
use flights::{Flight, Flights};
pub(crate) use flights::{Lead, Part};
use invalidations::Invalidations;
pub(crate) use invalidations::{Order, Ordered};
pub(crate) use kept::{Answer, Head, Kept, What};
pub(crate) use slices::{Slice, Slices};
use store::Store;
use tally::Tally;
use writes::Writes;

use crate::clock::Clock;

/// So long nobody waits for another's fetch of a key whose last answer was for its viewer only. What may be kept is kept all the
/// same.
const PASS: Duration = Duration::from_mins(5);

/// The cache of all workers.
#[derive(Debug)]
pub(crate) struct Cache {
    store: Store,
    flights: Arc<Flights>,
    pub(crate) compressors: Compressors,
    pub(crate) invalidations: Invalidations,
    writes: Writes,
    pub(crate) limits: CacheLimits,
    pub(crate) tally: Arc<Tally>,
    /// Numbers for forks.
    forks: AtomicU64,
    /// Nominal nanoseconds by which its time is ahead of the clock's. Tests only.
    ahead: AtomicU64,
}

/// A moment of a key. What is asked for from then on is made unusable by nothing that was ordered or written before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    /// The latest order.
    generation: u64,
    /// Writes until then.
    written: u64,
}

impl Since {
    /// The number of the latest order then.
    pub(crate) fn generation(self) -> u64 {
        self.generation
    }
}

/// What a look-up found.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer, however old.
    Answer(Arc<Kept>),
    /// Nothing under this key.
    Nothing,
    /// Answers under this key, but none that was chosen by such a request.
    OtherVariants,
    /// The last answer was for its viewer only.
    Pass,
}

impl Cache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let tally = Arc::default();
        Self {
            store: Store::new(limits.memory, &tally),
            tally,
            flights: Arc::new(Flights::new()),
            compressors: Compressors::default(),
            invalidations: Invalidations::default(),
            writes: Writes::new(),
            limits,
            // Not the numbers of a process before this one, should the store ever outlive one.
            forks: AtomicU64::new(fastrand::u64(..)),
            ahead: AtomicU64::new(0),
        }
    }

    /// The cache's time, nominal: what ages are counted by.
    pub(crate) fn now(&self, clock: Clock) -> Duration {
        let ahead = Duration::from_nanos(self.ahead.load(Relaxed));
        clock.elapsed().saturating_add(ahead)
    }

    /// Everything that is kept is older by `span` from now on, and so is what will be.
    pub(crate) fn moves_on(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(span, Relaxed);
    }

    /// What is kept for `request` under `key`, which grows by what chose among several answers under it.
    pub(crate) fn look_up(&self, key: &mut Vec<u8>, request: Fields<'_>, now: Duration) -> Found {
        let mut is_forked = false;
        loop {
            let hash = self.store.hash(key);
            let Some(kept) = self.store.get(hash, key) else {
                return if is_forked {
                    Found::OtherVariants
                } else {
                    Found::Nothing
                };
            };
            if self.invalidations.is_about(&kept) {
                self.store.remove(hash);
                return Found::Nothing;
            }
            match &kept.what {
                What::Answer(_) => return Found::Answer(kept),
                What::Pass { lasts } if kept.resident(now) < *lasts => return Found::Pass,
                What::Pass { .. } => return Found::Nothing,
                // A longer key has none below it.
                What::Fork { .. } if is_forked => return Found::Nothing,
                What::Fork { names, number } => {
                    is_forked = true;
                    write_choice(names, *number, request, key);
                }
            }
        }
    }

    /// What is kept under `key` now, which is a whole one.
    pub(crate) fn look_up_again(&self, key: &[u8]) -> Option<Arc<Kept>> {
        let kept = self.store.get(self.store.hash(key), key)?;
        let is_answer = matches!(kept.what, What::Answer(_));
        (is_answer && !self.invalidations.is_about(&kept)).then_some(kept)
    }

    /// It is known that what is under `key`, which is a whole one, is for its viewer only.
    pub(crate) fn passes(&self, key: &[u8], now: Duration) -> bool {
        let kept = self.store.get(self.store.hash(key), key);
        kept.is_some_and(|kept| match &kept.what {
            What::Pass { lasts } => kept.resident(now) < *lasts,
            What::Answer(_) | What::Fork { .. } => false,
        })
    }

    /// Whether `kept` is what is kept under its key, and may be used.
    pub(crate) fn still_has(&self, kept: &Arc<Kept>) -> bool {
        let found = self.look_up_again(kept.key());
        found.is_some_and(|found| Arc::ptr_eq(&found, kept))
    }

    fn uri(&self, key: &[u8]) -> u64 {
        self.store.uri(key::distribution(key), key::target(key))
    }

    /// This moment of `key`. Who fetches takes it before what is kept is looked at: an order or a write after that may be
    /// about what was seen.
    pub(crate) fn since(&self, key: &[u8]) -> Since {
        Since {
            generation: self.invalidations.latest(),
            written: self.writes.count(self.uri(key)),
        }
    }

    /// What a request for `key` is from here on: the one who fetches, as of `since`, or one who reads along. Nobody reads
    /// what was begun before an order or a write that is about it.
    pub(crate) fn join(&self, key: &[u8], since: Since) -> Part {
        let is_outdated = |begun: Since| {
            let orders = &self.invalidations;
            begun.written != self.writes.count(self.uri(key))
                || orders.is_about_what_was_asked(key, begun.generation)
        };
        let hash = self.store.hash(key);
        self.flights.join(hash, key, since, is_outdated)
    }

    /// Someone who fetches `key` for itself and the store, and whom nobody reads along with.
    pub(crate) fn lead_alone(&self, key: &[u8], since: Since) -> Lead {
        self.flights.lead_alone(self.store.hash(key), key, since)
    }

    /// Whether one more fetch of so many bytes may be held in memory while it goes on.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        let most = self.limits.memory / 4;
        bytes <= self.limits.object && self.flights.held().saturating_add(bytes) <= most
    }

    /// Whether what fetches hold already may stay: what each was let begin with, and what its chunks take beside that.
    fn has_room_to_go_on(&self) -> bool {
        let memory = self.limits.memory;
        self.flights.held() <= memory / 4 + memory / 32
    }

    /// Bytes that fetches hold which go on now.
    pub(crate) fn held_by_fills(&self) -> u64 {
        self.flights.held()
    }

    /// How many things are kept, and how many bytes they take.
    pub(crate) fn held(&self) -> (u64, u64) {
        self.store.held()
    }

    /// The last answer under `key` was for its viewer only.
    pub(crate) fn remember_to_pass(&self, key: &[u8], since: Since, now: Duration) {
        let kept = Kept::pass(key, since.generation, now, PASS);
        self.keep(kept, since);
    }

    /// Answers under `key` are chosen by the fields `names`, too. `key` grows by what `request` has in them. What was kept of
    /// other choices is not found any more, unless they are by the same fields.
    pub(crate) fn fork(
        &self,
        key: &mut Vec<u8>,
        names: &[HeaderName],
        request: Fields<'_>,
        since: Since,
        now: Duration,
    ) {
        let before = self.store.get(self.store.hash(key), key);
        let before = before.filter(|kept| !self.invalidations.is_about(kept));
        let number = match before.as_deref().map(|kept| &kept.what) {
            Some(What::Fork {
                names: same,
                number,
            }) if **same == *names => *number,
            _ => {
                let number = self.forks.fetch_add(1, Relaxed);
                let kept = Kept::fork(key, since.generation, now, names, number);
                self.keep(kept, since);
                number
            }
        };
        write_choice(names, number, request, key);
    }

    /// `kept`, which was asked for as of `since`, in place of what was under its key; unless an order or a write since then
    /// is about it.
    pub(crate) fn keep(&self, kept: Kept, since: Since) -> Arc<Kept> {
        let kept = Arc::new(kept);
        // An order from here on is seen by whoever looks it up.
        if !self.invalidations.is_about(&kept) {
            let (uri, hash) = (self.uri(kept.key()), self.store.hash(kept.key()));
            let puts = || {
                self.tally.inserted(&kept);
                self.store.put(hash, Arc::clone(&kept));
            };
            self.writes.unless_written(uri, since.written, puts);
        }
        kept
    }

    /// Nothing is kept under `key` any more, whatever chose it.
    pub(crate) fn remove(&self, key: &[u8]) {
        self.store.remove(self.store.hash(key));
    }

    /// The URI of `key` was written. From the return on nothing is used that was asked for under `key` before, whatever
    /// chose it.
    pub(crate) fn was_written(&self, key: &[u8]) {
        self.writes.write(self.uri(key), || self.remove(key));
    }
}

fn write_choice(names: &[HeaderName], number: u64, request: Fields<'_>, key: &mut Vec<u8>) {
    key.extend_from_slice(&number.to_le_bytes());
    vary::write(names, request, key);
}

/// A fetch of which the head is here: pours `body` to its readers, and keeps it if it is whole and not too large. To be run
/// by a task of its own: whoever asked first may leave.
pub(crate) async fn pour<B>(cache: &Cache, flight: Pouring, body: B)
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut body = pin!(body);
    let Pouring {
        flight,
        key,
        since,
        began,
    } = flight;
    let Some(inlet) = flight.inlet() else { return };
    let mut is_kept = true;
    loop {
        if poll_fn(|context| inlet.poll_room(context)).await.is_err() {
            return;
        }
        match poll_fn(|context| body.as_mut().poll_frame(context)).await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    inlet.push(data);
                }
                let fits = inlet.arrived() <= cache.limits.object && cache.has_room_to_go_on();
                if is_kept && !fits {
                    is_kept = false;
                    cache.tally.refused();
                    flight.closes();
                    inlet.lets_go();
                }
            }
            Some(Err(error)) => {
                tracing::debug!(?error, "a fetch for the cache broke off");
                return;
            }
            None => break,
        }
    }
    let is_as_said = inlet.head().fits(inlet.arrived());
    let kept = (is_kept && is_as_said).then(|| {
        let chunks = inlet.chunks();
        let kept = Kept::answer(&key, since.generation, began, inlet.head(), &chunks);
        cache.keep(kept, since)
    });
    flight.ends(kept.as_deref());
}

/// A fetch with what it is kept by.
#[derive(Debug)]
pub(crate) struct Pouring {
    flight: Flight,
    key: Box<[u8]>,
    since: Since,
    /// When its head came, by the cache's time.
    began: Duration,
}

impl Lead {
    /// The head of an answer that is kept under `key`: from now on its body is [poured](pour), and read by the leader among
    /// others.
    pub(crate) fn pours(
        self,
        cache: &Cache,
        key: &[u8],
        began: Duration,
        head: Head,
        length: Option<u64>,
        chosen_by: Option<ChosenBy>,
    ) -> (Pouring, FillReader) {
        let since = self.since();
        let longer = chosen_by.is_some().then(|| (cache.store.hash(key), key));
        let (flight, reader) = self.flows(longer, head, length, chosen_by);
        let pouring = Pouring {
            flight,
            key: key.into(),
            since,
            began,
        };
        (pouring, reader)
    }
}
