//! What answers were told lately: telling it again costs a copy.

use std::cell::RefCell;
use std::time::Duration;

use http::HeaderValue;
use tideover_rules::cache::verdict::{Verdict, cache_status};
use tideover_rules::failover::Attempt;
use tideover_rules::told::AnsweredBy;

use crate::live::Routed;

/// What was tried, in the words of headers.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) proxy_status: HeaderValue,
    pub(super) attempts: Option<HeaderValue>,
}

/// What an answer to a request with one attempt is told by: distribution, target, the attempt, who made it.
pub(super) type OneAttempt = (usize, Routed, Attempt, AnsweredBy);

/// What was told lately. Most answers are told what one of the last few was: the same member, the same status, as many
/// milliseconds; or the same of the cache, at the same age.
#[derive(Debug, Default)]
pub(crate) struct ToldBefore {
    of_attempts: Lately<OneAttempt, Told>,
    /// By the distribution that speaks.
    of_the_cache: Lately<(usize, Verdict), HeaderValue>,
    ages: Lately<u32, HeaderValue>,
}

/// What the last few facts were told as.
#[derive(Debug)]
struct Lately<F, T>([RefCell<Option<(F, T)>>; 8]);

impl<F, T> Default for Lately<F, T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| RefCell::new(None)))
    }
}

impl<F: PartialEq, T: Clone> Lately<F, T> {
    /// What was told for these `facts`, or what `tell` makes of them now. Facts that differ have the same `place` seldom.
    fn recall(&self, place: usize, facts: F, tell: impl FnOnce() -> T) -> T {
        let mut place = self.0[place % self.0.len()].borrow_mut();
        match &*place {
            Some((same, told)) if *same == facts => told.clone(),
            Some(_) | None => place.insert((facts, tell())).1.clone(),
        }
    }
}

impl ToldBefore {
    /// What was told for these `facts`, or what `tell` makes of them now. Facts that are told alike count as the same.
    pub(super) fn recall(&self, facts: OneAttempt, tell: impl FnOnce() -> Told) -> Told {
        let (distribution, target, attempt, by) = facts;
        let ms = attempt.took.as_millis();
        // The rest of the time is not told.
        let took = Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
        let facts = (distribution, target, Attempt { took, ..attempt }, by);
        let place = usize::try_from(ms).unwrap_or(0) ^ usize::from(target.target.0);
        self.of_attempts.recall(place, facts, tell)
    }

    pub(super) fn recall_verdict(
        &self,
        position: usize,
        name: &str,
        verdict: Verdict,
    ) -> HeaderValue {
        let place = match verdict {
            Verdict::Hit(left) => usize::try_from(left).unwrap_or(0),
            Verdict::Stale(..) | Verdict::Revalidated(_) | Verdict::Fetched(_) => 0,
        };
        let tell = || cache_status(name, verdict);
        self.of_the_cache.recall(place, (position, verdict), tell)
    }

    pub(super) fn recall_age(&self, age: u32) -> HeaderValue {
        let place = usize::try_from(age).unwrap_or(0);
        self.ages.recall(place, age, || HeaderValue::from(age))
    }
}
