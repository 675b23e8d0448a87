//! The last five minutes, second by second, for plots.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::live::Live;
use crate::metrics::{Came, Reading};
use crate::worker::Shared;

/// So many are kept.
pub(crate) const KEPT: usize = 300;
const EVERY: Duration = Duration::from_secs(1);

/// What came of one second. Of the wall's clock, whatever the time scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Second {
    /// The seconds of this edge are counted; a later one has a higher number.
    pub(crate) number: u64,
    /// Its end.
    pub(crate) at: SystemTime,
    /// How long it really was.
    pub(crate) span: Duration,
    pub(crate) came: Came,
}

/// What went to one origin, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Attempts that ended.
    pub(crate) asked: u64,
    /// Those whose outcome the viewer got.
    pub(crate) delivered: u64,
}

/// Written by one thread, read by who looks.
#[derive(Debug, Default)]
pub(crate) struct Seconds(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    seconds: VecDeque<Second>,
    /// Of the latest one, by the name of the origin.
    flows: HashMap<Arc<str>, Flow>,
}

impl Seconds {
    /// Those after the one of this number, the oldest first; all of them after 0.
    pub(crate) fn after(&self, number: u64) -> Vec<Second> {
        let kept = self.kept();
        let after = kept.seconds.iter().filter(|second| second.number > number);
        after.copied().collect()
    }

    /// What went to this origin in the latest second.
    pub(crate) fn flow(&self, origin: &str) -> Flow {
        self.kept().flows.get(origin).copied().unwrap_or_default()
    }

    fn push(&self, second: Second, flows: HashMap<Arc<str>, Flow>) {
        let mut kept = self.kept();
        if kept.seconds.len() == KEPT {
            kept.seconds.pop_front();
        }
        kept.seconds.push_back(second);
        kept.flows = flows;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever counts the seconds.
#[derive(Debug, Default)]
pub(super) struct Count {
    last: Option<(Instant, Reading, HashMap<Arc<str>, Flow>)>,
    number: u64,
}

impl Count {
    /// To be called at every look of the recovery loop.
    pub(super) fn look(&mut self, shared: &Shared, live: &Live) {
        let now = Instant::now();
        let span = self
            .last
            .as_ref()
            .map(|(then, ..)| now.saturating_duration_since(*then));
        if span.is_some_and(|span| span < EVERY) {
            return;
        }
        let reading = Reading::now(&shared.counters);
        let flows = flows_so_far(live);
        if let Some((span, (_, before, flowed))) = span.zip(self.last.as_ref()) {
            self.number += 1;
            let second = Second {
                number: self.number,
                at: SystemTime::now(),
                span,
                came: reading.since(before),
            };
            shared.seconds.push(second, since(&flows, flowed));
        }
        self.last = Some((now, reading, flows));
    }
}

fn flows_so_far(live: &Live) -> HashMap<Arc<str>, Flow> {
    let both = live.edge.origins.iter().zip(&live.origins);
    let flows = both.map(|(origin, alive)| {
        let tallied = alive.vitals.tallied();
        let asked = tallied.answered.iter().chain(&tallied.failed).sum();
        let delivered = tallied.delivered;
        (Arc::clone(&origin.id), Flow { asked, delivered })
    });
    flows.collect()
}

fn since(
    now: &HashMap<Arc<str>, Flow>,
    before: &HashMap<Arc<str>, Flow>,
) -> HashMap<Arc<str>, Flow> {
    let flows = now.iter().map(|(name, now)| {
        let before = before.get(name).copied().unwrap_or_default();
        let flow = Flow {
            asked: now.asked.saturating_sub(before.asked),
            delivered: now.delivered.saturating_sub(before.delivered),
        };
        (Arc::clone(name), flow)
    });
    flows.collect()
}
