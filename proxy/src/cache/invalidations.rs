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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Cache, Found};
    use super::*;
    use http::HeaderMap;
    use tideover_config::CacheLimits;
    use tideover_rules::fields::Fields;

    fn key(target: &str) -> Vec<u8> {
        let mut key = Vec::new();
        for part in ["site", target] {
            let length = u32::try_from(part.len()).expect("it is short");
            key.extend_from_slice(&length.to_le_bytes());
            key.extend_from_slice(part.as_bytes());
        }
        key
    }

    fn pass(target: &str, generation: u64) -> Kept {
        let lasts = Duration::from_mins(5);
        Kept::pass(&key(target), generation, Duration::ZERO, lasts)
    }

    fn pattern(written: &str) -> Vec<Pattern> {
        vec![Pattern::new(written).expect("it is one")]
    }

    fn gives(orders: &Invalidations, path: &str) -> u64 {
        let ordered = orders.order("site", pattern(path), None, Duration::ZERO);
        assert!(matches!(ordered, Ordered::Done(_)), "{ordered:?}");
        orders.latest()
    }

    #[test]
    fn an_order_looks_at_nothing_that_is_kept_and_a_look_up_at_one_thing() {
        for count in [10, 10_000] {
            let cache = Cache::new(CacheLimits::default());
            for number in 0..count {
                let target = format!("/{number}");
                let since = cache.since(&key(&target));
                cache.keep(pass(&target, since.generation()), since);
            }
            let orders = &cache.invalidations;
            gives(orders, "/1");
            assert_eq!(orders.compared.load(Relaxed), 0, "of {count}");
            let headers = HeaderMap::new();
            let found = |target: &str| {
                let mut key = key(target);
                cache.look_up(&mut key, Fields::of(&headers), Duration::ZERO)
            };
            assert!(matches!(found("/2"), Found::Pass));
            assert!(matches!(found("/2"), Found::Pass));
            assert_eq!(orders.compared.load(Relaxed), 1, "of {count}");
            assert!(matches!(found("/1"), Found::Nothing));
            assert_eq!(orders.compared.load(Relaxed), 2, "of {count}");
        }
    }

    #[test]
    fn what_is_older_than_all_that_is_remembered_counts_as_invalidated() {
        let orders = Invalidations::default();
        let looked_up = pass("/a", 0);
        for _ in 0..REMEMBERED {
            gives(&orders, "/x");
        }
        assert!(!orders.is_about(&pass("/a", 0)));
        assert!(orders.is_about(&pass("/x", 0)));
        assert!(!orders.is_about(&looked_up));
        let latest = gives(&orders, "/x");
        assert!(orders.is_about(&pass("/a", 0)), "the first is forgotten");
        assert!(!orders.is_about(&pass("/a", 1)), "the second is not");
        assert!(!orders.is_about(&looked_up), "it was compared before");
        assert!(!orders.is_about(&pass("/x", latest)), "it came after");
        assert_eq!(orders.list().len(), REMEMBERED);
    }

    #[test]
    fn so_many_bytes_of_orders_are_remembered() {
        let orders = Invalidations::default();
        let long = format!("/{}", "x".repeat(3_999));
        let patterns: Vec<Pattern> = std::iter::repeat_n(pattern(&long), 1_000)
            .flatten()
            .collect();
        for _ in 0..6 {
            orders.order("site", patterns.clone(), None, Duration::ZERO);
        }
        assert_eq!(orders.list().len(), 4);
        assert!(orders.is_about(&pass("/a", 1)));
        assert!(!orders.is_about(&pass("/a", 2)));
    }
}
