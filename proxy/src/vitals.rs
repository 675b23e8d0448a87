//! What is known of each origin while the edge runs. Shared by all threads, without a lock; carried over a reload.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicU8, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::time::Duration;

use tideover_config::{Breaker, Failure, Side};
use tideover_rules::breaker::{State, speaks};
use tideover_rules::failover::Outcome;
use tideover_rules::health::Health;
use tideover_rules::record::Position;
use tideover_rules::standing::{Known, Why};
use tideover_rules::switch::Order;

use crate::metrics::Count;

/// One origin's. In the usual case a request loads `marks`, finds nothing there, and is done.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Vitals {
    /// Of [`Mark`]s.
    marks: AtomicU32,
    /// Requests whose outcome spoke against it, since one spoke for it.
    in_a_row: AtomicU32,
    /// A [`State`], as its word.
    breaker: AtomicU64,
    /// When the breaker last opened: nominal microseconds since the edge began.
    opened_at: AtomicU64,
    openings: AtomicU64,
    /// By worker.
    tallies: Box<[Tally]>,
}

/// What can speak against an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mark {
    /// Its health check fails.
    Unhealthy = 1,
    /// Its breaker is not closed.
    Breaker = 2,
    /// Switched to `drain`.
    Drained = 4,
    /// Switched to `down`.
    Down = 8,
    /// Switched to `only`: this speaks against the others.
    Only = 16,
    /// It has a fault on command: this speaks against nobody, and is looked at when it is asked.
    Fault = 32,
}

impl Mark {
    /// What operators say.
    const SWITCHES: u32 = Self::Drained as u32 | Self::Down as u32 | Self::Only as u32;
}

/// What came of one worker's attempts at one origin. Written by that worker alone.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    /// By class of the status, from 1xx on.
    answered: [Count; 5],
    /// By [`Failure`], in order of declaration.
    failed: [Count; Failure::ALL.len()],
    /// By [`Why`], in order of declaration.
    skipped: [Count; Why::ALL.len()],
    /// Attempts whose outcome the viewer got.
    delivered: Count,
    /// 403 and 404 in whose place the viewer got a later one's answer.
    found_elsewhere: Count,
    /// Requests whose outcome speaks for and against it, as its breaker sees that.
    good: Count,
    bad: Count,
    /// As the worker last looked.
    open: Count,
    idle: Count,
    waiting: Count,
}

/// Connections to an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    /// Idle and in use.
    pub(crate) open: u64,
    pub(crate) idle: u64,
    /// Requests that wait for one.
    pub(crate) waiting: u64,
}

impl Connections {
    pub(crate) fn in_use(self) -> u64 {
        self.open.saturating_sub(self.idle)
    }
}

impl std::ops::AddAssign for Connections {
    fn add_assign(&mut self, more: Self) {
        self.open += more.open;
        self.idle += more.idle;
        self.waiting += more.waiting;
    }
}

/// [`Tally`] as numbers, over all workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tallied {
    /// By class of the status, from 1xx on.
    pub(crate) answered: [u64; 5],
    /// By [`Failure`], in order of declaration.
    pub(crate) failed: [u64; Failure::ALL.len()],
    /// By [`Why`], in order of declaration.
    pub(crate) skipped: [u64; Why::ALL.len()],
    pub(crate) delivered: u64,
    pub(crate) found_elsewhere: u64,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl Tallied {
    /// What came on top of `before`; all of it where the tally was begun anew.
    pub(crate) fn since(&self, before: &Self) -> Self {
        fn less<const N: usize>(now: [u64; N], before: [u64; N]) -> [u64; N] {
            std::array::from_fn(|index| now[index].checked_sub(before[index]).unwrap_or(now[index]))
        }
        let less_one = |now: u64, before| now.checked_sub(before).unwrap_or(now);
        Self {
            answered: less(self.answered, before.answered),
            failed: less(self.failed, before.failed),
            skipped: less(self.skipped, before.skipped),
            delivered: less_one(self.delivered, before.delivered),
            found_elsewhere: less_one(self.found_elsewhere, before.found_elsewhere),
            good: less_one(self.good, before.good),
            bad: less_one(self.bad, before.bad),
        }
    }
}

impl Vitals {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            marks: AtomicU32::new(0),
            in_a_row: AtomicU32::new(0),
            breaker: AtomicU64::new(State::Closed.word()),
            opened_at: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            tallies: (0..workers).map(|_| Tally::default()).collect(),
        }
    }

    /// Of an origin that is another one now, under the same name: what operators said of it still holds.
    pub(crate) fn succeeding(before: &Self) -> Self {
        let new = Self::new(before.tallies.len());
        let switches = before.marks.load(Acquire) & Mark::SWITCHES;
        new.marks.store(switches, Release);
        new
    }

    /// Whether nothing is known that a request would have to look at.
    pub(crate) fn is_plain(&self) -> bool {
        self.marks.load(Relaxed) == 0
    }

    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.marks.load(Acquire) & mark as u32 != 0
    }

    /// True if that is news.
    pub(crate) fn set(&self, mark: Mark, on: bool) -> bool {
        let before = if on {
            self.marks.fetch_or(mark as u32, AcqRel)
        } else {
            self.marks.fetch_and(!(mark as u32), AcqRel)
        };
        (before & mark as u32 != 0) != on
    }

    pub(crate) fn breaker(&self) -> State {
        State::of_word(self.breaker.load(Acquire))
    }

    /// When the breaker last opened; nominal, since the edge began.
    pub(crate) fn opened_at(&self) -> Duration {
        Duration::from_micros(self.opened_at.load(Acquire))
    }

    /// How often the breaker opened so far.
    pub(crate) fn openings(&self) -> u64 {
        self.openings.load(Relaxed)
    }

    /// What is known of it, `breaker` being what the config says of its breaker.
    pub(crate) fn known<'k>(&self, breaker: Option<&'k Breaker>) -> Known<'k> {
        let marks = self.marks.load(Acquire);
        let has = |mark: Mark| marks & mark as u32 != 0;
        let orders = [
            (Mark::Down, Order::Down),
            (Mark::Only, Order::Only),
            (Mark::Drained, Order::Drain),
        ];
        let ordered = orders.into_iter().find(|(mark, _)| has(*mark));
        Known {
            health: if has(Mark::Unhealthy) {
                Health::Unhealthy
            } else {
                Health::Healthy
            },
            order: ordered.map_or(Order::Ready, |(_, order)| order),
            breaker: breaker.map(|breaker| (self.breaker(), breaker)),
        }
    }

    /// Whether this request is the one that tries an origin whose breaker is open, as [`Known::tries`] has it.
    pub(crate) fn may_try(
        &self,
        breaker: &Breaker,
        another_answers: bool,
        now: Duration,
        patience: Duration,
    ) -> bool {
        let known = self.known(Some(breaker));
        let before = known.breaker.map(|(state, _)| state);
        let both = before.zip(known.tries(another_answers, now, patience));
        both.is_some_and(|(before, then)| self.change(before, then))
    }

    fn change(&self, from: State, to: State) -> bool {
        let (from, to) = (from.word(), to.word());
        let changed = self.breaker.compare_exchange(from, to, AcqRel, Acquire);
        changed.is_ok()
    }

    /// One more attempt of `worker`'s.
    pub(crate) fn count(&self, worker: usize, outcome: Outcome) {
        if let Some(tally) = self.tallies.get(worker) {
            tally.note(outcome);
        }
    }

    /// What one of `worker`'s requests found here in the end, however many tries it had, says something about the origin. The
    /// last of these began at `began`.
    pub(crate) fn judge(
        &self,
        worker: usize,
        outcome: Outcome,
        breaker: &Breaker,
        began: impl Fn() -> Duration,
        now: impl Fn() -> Duration,
    ) {
        let tally = self.tallies.get(worker);
        match speaks(outcome, breaker) {
            Some(true) => {
                tally.inspect(|tally| tally.good.add(1));
                if self.in_a_row.load(Relaxed) != 0 {
                    self.in_a_row.store(0, Relaxed);
                }
                if self.has(Mark::Breaker) && micros(began()) >= self.opened_at.load(Acquire) {
                    self.turn(&now, |state| state.after_good(breaker, now()));
                }
            }
            Some(false) => {
                tally.inspect(|tally| tally.bad.add(1));
                let in_a_row = self.in_a_row.fetch_add(1, Relaxed).saturating_add(1);
                self.turn(&now, |state| state.after_bad(in_a_row, breaker));
            }
            None => {}
        }
    }

    /// Too many of many requests failed.
    pub(crate) fn open(&self, now: impl Fn() -> Duration) {
        self.turn(&now, |state| match state {
            State::Closed | State::Recovering { .. } => State::OPENED,
            State::Open { .. } => state,
        });
    }

    /// A connection came about, made for no request.
    pub(crate) fn knocked(&self, now: impl Fn() -> Duration) {
        self.turn(&now, |state| state.after_knock(now()));
    }

    /// Takes the breaker to what `next` makes of it, however many do so at the same time.
    fn turn(&self, now: impl Fn() -> Duration, next: impl Fn(State) -> State) {
        loop {
            let before = self.breaker();
            let after = next(before);
            if after == before {
                return;
            }
            let opens = matches!(after, State::Open { .. })
                && matches!(before, State::Closed | State::Recovering { .. });
            if opens {
                self.opened_at.store(micros(now()), Release);
            }
            if self.change(before, after) {
                self.mark_breaker();
                if opens {
                    self.in_a_row.store(0, Relaxed);
                    self.openings.fetch_add(1, Relaxed);
                }
                return;
            }
        }
    }

    /// Has the mark say what the breaker is, whoever else changes that meanwhile: the last one to look sees the last change.
    fn mark_breaker(&self) {
        loop {
            let state = self.breaker();
            self.set(Mark::Breaker, state != State::Closed);
            if self.breaker() == state {
                return;
            }
        }
    }

    /// The viewer got the outcome of one of `worker`'s attempts.
    pub(crate) fn delivered(&self, worker: usize) {
        if let Some(tally) = self.tallies.get(worker) {
            tally.delivered.add(1);
        }
    }

    /// What `worker` has open there.
    pub(crate) fn note_connections(&self, worker: usize, connections: Connections) {
        if let Some(tally) = self.tallies.get(worker) {
            tally.open.set(connections.open);
            tally.idle.set(connections.idle);
            tally.waiting.set(connections.waiting);
        }
    }

    /// What all workers have open there.
    pub(crate) fn connections(&self) -> Connections {
        let mut sum = Connections::default();
        for tally in &self.tallies {
            sum += Connections {
                open: tally.open.get(),
                idle: tally.idle.get(),
                waiting: tally.waiting.get(),
            };
        }
        sum
    }

    /// The viewer got another one's answer in place of a 403 or 404 that one of `worker`'s attempts brought.
    pub(crate) fn found_elsewhere(&self, worker: usize) {
        if let Some(tally) = self.tallies.get(worker) {
            tally.found_elsewhere.add(1);
        }
    }

    pub(crate) fn tallied(&self) -> Tallied {
        let mut sum = Tallied::default();
        for tally in &self.tallies {
            let add = |sums: &mut [u64], counts: &[Count]| {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count.get();
                }
            };
            add(&mut sum.answered, &tally.answered);
            add(&mut sum.failed, &tally.failed);
            add(&mut sum.skipped, &tally.skipped);
            sum.delivered += tally.delivered.get();
            sum.found_elsewhere += tally.found_elsewhere.get();
            sum.good += tally.good.get();
            sum.bad += tally.bad.get();
        }
        sum
    }
}

impl Tally {
    fn note(&self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Status(status) => self
                .answered
                .get(usize::from(status.as_u16() / 100).saturating_sub(1)),
            Outcome::Failed(failure) => self.failed.get(failure as usize),
            Outcome::Skipped(why) => self.skipped.get(why as usize),
        };
        if let Some(count) = count {
            count.add(1);
        }
    }
}

/// Where one record is. Written by one thread alone.
#[derive(Debug, Default)]
pub(crate) struct RecordState {
    is_on_secondary: AtomicU8,
    /// Nominal microseconds since the edge began, and one; 0: never.
    moved: AtomicU64,
    /// Where an operator has ordered it to be: 0 nowhere, 1 on the primary, 2 on the secondary.
    ordered: AtomicU8,
    /// Writes that the secondary took since the last fail-over. Written by all workers.
    taken: AtomicU64,
}

impl RecordState {
    /// Writes that the secondary took since the last fail-over.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// So many it took so far.
    pub(crate) fn has_taken(&self, writes: u64) {
        self.taken.store(writes, Relaxed);
    }

    /// It took one more.
    pub(crate) fn takes_one(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    pub(crate) fn ordered(&self) -> Option<Side> {
        match self.ordered.load(Acquire) {
            1 => Some(Side::Primary),
            2 => Some(Side::Secondary),
            _ => None,
        }
    }

    pub(crate) fn order(&self, side: Option<Side>) {
        let ordered = match side {
            None => 0,
            Some(Side::Primary) => 1,
            Some(Side::Secondary) => 2,
        };
        self.ordered.store(ordered, Release);
    }

    pub(crate) fn side(&self) -> Side {
        if self.is_on_secondary.load(Acquire) == 0 {
            Side::Primary
        } else {
            Side::Secondary
        }
    }

    pub(crate) fn position(&self) -> Position {
        let moved = self.moved.load(Relaxed).checked_sub(1);
        Position {
            side: self.side(),
            moved: moved.map(Duration::from_micros),
        }
    }

    pub(crate) fn take(&self, position: Position) {
        let moved = position.moved.map_or(0, |moved| micros(moved) + 1);
        self.moved.store(moved, Relaxed);
        let is_on_secondary = u8::from(position.side == Side::Secondary);
        self.is_on_secondary.store(is_on_secondary, Release);
    }
}

/// 584,000 years fit.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX >> 2)
}

/// What an origin of `before` leaves to one of the same name.
pub(crate) fn inherited(before: Option<(&Arc<Vitals>, bool)>, workers: usize) -> Arc<Vitals> {
    match before {
        Some((vitals, true)) => Arc::clone(vitals),
        Some((vitals, false)) => Arc::new(Vitals::succeeding(vitals)),
        None => Arc::new(Vitals::new(workers)),
    }
}
