//! What the numbers are at one moment, for who looks at them second by second.

use std::time::Duration;

use super::{EdgeCounters, Histogram, Totals};

/// The numbers so far.
#[derive(Debug)]
pub(crate) struct Reading {
    totals: Totals,
    /// Times to the first byte, in the buckets of a [`Histogram`].
    first_byte: Vec<u64>,
}

/// What came of the time between two readings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    pub(crate) totals: Totals,
    /// Median of the times from a request's head to its answer's; `None`: nothing was answered. Nominal.
    pub(crate) p50: Option<Duration>,
    /// The 99th percentile.
    pub(crate) p99: Option<Duration>,
}

impl Reading {
    pub(crate) fn now(counters: &EdgeCounters) -> Self {
        Self {
            totals: counters.totals(),
            first_byte: Histogram::counts(&counters.each(|c| &c.first_byte)),
        }
    }

    pub(crate) fn since(&self, before: &Self) -> Came {
        let both = self.first_byte.iter().zip(&before.first_byte);
        let first_byte: Vec<u64> = both.map(|(now, then)| now.saturating_sub(*then)).collect();
        let is_empty = first_byte.iter().all(|count| *count == 0);
        let quantile = |share| (!is_empty).then(|| Histogram::quantile_of(&first_byte, share));
        Came {
            totals: self.totals.since(before.totals),
            p50: quantile(0.50),
            p99: quantile(0.99),
        }
    }
}
