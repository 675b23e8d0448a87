//! What operators have declared unusable. Each order has a number; what is kept remembers up to which one it was compared,
//! so that an order costs the same however much is kept, and a look-up no more than one comparison.

use std::collections::VecDeque;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tideover_rules::cache::invalidation::Pattern;
use tideover_rules::cache::key;

use super::kept::Kept;

/// So many orders are remembered one by one; what is older than the oldest of them counts as invalidated.
const REMEMBERED: usize = 10_000;
/// And no more of them than patterns with so many bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// An id has so many characters behind its `I`.
const ID_LENGTH: usize = 13;

/// All orders.
#[derive(Debug, Default)]
pub(crate) struct Invalidations {
    latest: AtomicU64,
    orders: RwLock<Orders>,
    /// How often something kept was compared with orders.
    #[cfg(test)]
    compared: AtomicU64,
}

#[derive(Debug, Default)]
struct Orders {
    list: VecDeque<Arc<Order>>,
    /// Of the patterns of all in `list`.
    bytes: usize,
    /// Up to this number they are forgotten.
    forgotten: u64,
}

/// One order.
#[derive(Debug)]
pub(crate) struct Order {
    number: u64,
    /// `I` and 13 capital letters and digits.
    pub(crate) id: Box<str>,
    /// Its id.
    pub(crate) distribution: Box<str>,
    pub(crate) patterns: Box<[Pattern]>,
    /// What its author calls it, to send it again without doing it again.
    pub(crate) reference: Option<Box<str>>,
    /// Since 1970.
    pub(crate) at: Duration,
}

/// What came of one that was given.
#[derive(Debug)]
pub(crate) enum Ordered {
    /// It is in force.
    Done(Arc<Order>),
    /// It was given before, under the same reference, and is as it was then.
    Before(Arc<Order>),
    /// The reference is that of this one, which has other patterns.
    Taken(Arc<Order>),
}

impl Order {
    fn is_about(&self, distribution: &[u8], target: &[u8]) -> bool {
        self.distribution.as_bytes() == distribution
            && self.patterns.iter().any(|pattern| pattern.is_about(target))
    }

    /// Whether `patterns` are its own, in any order.
    fn has_just(&self, patterns: &[Pattern]) -> bool {
        let sorted = |patterns: &[Pattern]| {
            let mut words: Vec<String> = patterns.iter().map(Pattern::to_string).collect();
            words.sort_unstable();
            words.dedup();
            words
        };
        sorted(&self.patterns) == sorted(patterns)
    }

    fn bytes(&self) -> usize {
        let beside = size_of::<Pattern>();
        let patterns = self.patterns.iter();
        patterns.map(|pattern| pattern.length() + beside).sum()
    }
}

impl Invalidations {
    /// The number of the latest one.
    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Acquire)
    }

    fn read(&self) -> RwLockReadGuard<'_, Orders> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the return on nothing is used that `patterns` of `distribution` are about and that was asked for before, on any
    /// worker; unless an order with this `reference` was given for it before. `at` is since 1970. It costs the same however
    /// much is kept.
    pub(crate) fn order(
        &self,
        distribution: &str,
        patterns: Vec<Pattern>,
        reference: Option<&str>,
        at: Duration,
    ) -> Ordered {
        let mut orders = self.orders.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = reference
            && let Some(before) = orders.of_reference(distribution, reference)
        {
            return if before.has_just(&patterns) {
                Ordered::Before(before)
            } else {
                Ordered::Taken(before)
            };
        }
        let number = self.latest.load(Relaxed) + 1;
        let order = Arc::new(Order {
            number,
            id: new_id(),
            distribution: distribution.into(),
            patterns: patterns.into(),
            reference: reference.map(Box::from),
            at,
        });
        orders.remember(Arc::clone(&order));
        self.latest.store(number, Release);
        Ordered::Done(order)
    }

    /// Those that are remembered, the latest first.
    pub(crate) fn list(&self) -> Vec<Arc<Order>> {
        self.read().list.iter().rev().cloned().collect()
    }

    /// Whether one of them is about `kept`.
    pub(super) fn is_about(&self, kept: &Kept) -> bool {
        let latest = self.latest();
        let compared = kept.generation.load(Relaxed);
        if compared == latest {
            return false;
        }
        let is_about = self.is_about_key(kept.key(), compared);
        if !is_about {
            kept.generation.store(latest, Relaxed);
        }
        is_about
    }

    /// Whether one of them is about what was asked for under `key` when `compared` was the latest.
    pub(super) fn is_about_what_was_asked(&self, key: &[u8], compared: u64) -> bool {
        compared != self.latest() && self.is_about_key(key, compared)
    }

    #[cold]
    fn is_about_key(&self, key: &[u8], compared: u64) -> bool {
        #[cfg(test)]
        self.compared.fetch_add(1, Relaxed);
        let (distribution, target) = (key::distribution(key), key::target(key));
        let orders = self.read();
        if compared < orders.forgotten {
            return true;
        }
        let new = orders.list.iter().rev();
        let mut new = new.take_while(|order| order.number > compared);
        new.any(|order| order.is_about(distribution, target))
    }
}

impl Orders {
    fn of_reference(&self, distribution: &str, reference: &str) -> Option<Arc<Order>> {
        let mut latest_first = self.list.iter().rev();
        let found = latest_first.find(|order| {
            *order.distribution == *distribution && order.reference.as_deref() == Some(reference)
        });
        found.cloned()
    }

    fn remember(&mut self, order: Arc<Order>) {
        self.bytes += order.bytes();
        self.list.push_back(order);
        while self.list.len() > REMEMBERED || (self.bytes > MOST_BYTES && self.list.len() > 1) {
            let Some(oldest) = self.list.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
            self.forgotten = oldest.number;
        }
    }
}

fn new_id() -> Box<str> {
    const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let letter = |()| char::from(LETTERS[fastrand::usize(..LETTERS.len())]);
    let letters = std::iter::repeat_n((), ID_LENGTH).map(letter);
    std::iter::once('I')
        .chain(letters)
        .collect::<String>()
        .into()
}
