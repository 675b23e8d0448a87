//! What operators have declared unusable. Each order has a number; what is kept remembers up to which one it was compared,
//! so that an order costs the same however much is kept, and a look-up no more than one comparison.

use std::collections::VecDeque;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tideover_rules::cache::invalidation::Pattern;
use tideover_rules::cache::key;

use super::kept::Kept;

/// So many orders are remembered one by one; what is older than the oldest of them counts as invalidated.
const REMEMBERED: usize = 10_000;

/// All orders.
#[derive(Debug, Default)]
pub(crate) struct Invalidations {
    latest: AtomicU64,
    orders: Mutex<Orders>,
}

#[derive(Debug, Default)]
struct Orders {
    list: VecDeque<Order>,
    /// Up to this number they are forgotten.
    forgotten: u64,
}

/// One order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) number: u64,
    /// Its id.
    pub(crate) distribution: Box<str>,
    pub(crate) patterns: Box<[Pattern]>,
    /// Since 1970.
    pub(crate) at: Duration,
}

impl Invalidations {
    /// The number of the latest one.
    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the return on nothing is used that `patterns` of `distribution` are about and that was asked for before. The
    /// order's number is returned.
    pub(crate) fn order(&self, distribution: &str, patterns: Vec<Pattern>, at: Duration) -> u64 {
        let mut orders = self.lock();
        let number = self.latest.load(Relaxed) + 1;
        orders.list.push_back(Order {
            number,
            distribution: distribution.into(),
            patterns: patterns.into(),
            at,
        });
        if orders.list.len() > REMEMBERED
            && let Some(oldest) = orders.list.pop_front()
        {
            orders.forgotten = oldest.number;
        }
        self.latest.store(number, Release);
        number
    }

    /// Those that are remembered, the latest first.
    pub(crate) fn list(&self) -> Vec<Order> {
        self.lock().list.iter().rev().cloned().collect()
    }

    /// Whether one of them is about `kept`.
    pub(super) fn is_about(&self, kept: &Kept) -> bool {
        let latest = self.latest();
        kept.generation.load(Relaxed) != latest && self.looks_closer(kept, latest)
    }

    #[cold]
    fn looks_closer(&self, kept: &Kept, latest: u64) -> bool {
        let compared = kept.generation.load(Relaxed);
        let (distribution, target) = (key::distribution(kept.key()), key::target(kept.key()));
        let orders = self.lock();
        if compared < orders.forgotten {
            return true;
        }
        let new = orders.list.iter().rev();
        let mut new = new.take_while(|order| order.number > compared);
        let is_about = new.any(|order| {
            order.distribution.as_bytes() == distribution
                && order
                    .patterns
                    .iter()
                    .any(|pattern| pattern.is_about(target))
        });
        if !is_about {
            kept.generation.store(latest, Relaxed);
        }
        is_about
    }
}
