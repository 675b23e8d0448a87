//! What the cache did, counted. Nothing of it is on the way of a hit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use moka::notification::RemovalCause;

use super::Cache;
use super::kept::{Kept, What};
use crate::metrics::Exposition;

/// Of all workers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers that were put into the store, fresh ones in place of old ones included.
    inserted: AtomicU64,
    /// Answers that could have been kept, and were too large, or for which there was no room while they were fetched.
    refused: AtomicU64,
    /// Answers that had to go, or were not let in, because there was no room.
    evicted: AtomicU64,
    /// Times that an origin said that what was kept is still good.
    revalidated: AtomicU64,
}

impl Tally {
    pub(super) fn inserted(&self, kept: &Kept) {
        if matches!(kept.what, What::Answer(_)) {
            self.inserted.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn revalidated(&self) {
        self.revalidated.fetch_add(1, Relaxed);
    }

    pub(super) fn left(&self, kept: &Arc<Kept>, cause: RemovalCause) {
        if cause == RemovalCause::Size && matches!(kept.what, What::Answer(_)) {
            self.evicted.fetch_add(1, Relaxed);
        }
    }
}

impl Cache {
    /// Writes what is held, and what was done with it.
    pub(crate) fn expose(&self, text: &mut Exposition) {
        let (entries, bytes) = self.held();
        for (name, help, value) in [
            (
                "tideover_cache_entries",
                "What the cache keeps: answers, parts of them, and what it knows of answers that it does not keep.",
                entries,
            ),
            (
                "tideover_cache_bytes",
                "Bytes of memory that this takes, keys and heads included.",
                bytes,
            ),
            (
                "tideover_cache_limit_bytes",
                "Bytes that it may take ([cache] memory).",
                self.limits.memory,
            ),
            (
                "tideover_cache_fill_bytes",
                "Bytes of answers that are fetched at this moment for all who ask, beside the others.",
                self.held_by_fills(),
            ),
        ] {
            text.gauge(name, help);
            text.sample(&[], value);
        }
        let tally = &self.tally;
        for (name, help, count) in [
            (
                "tideover_cache_insertions_total",
                "Answers that were put into the cache.",
                tally.inserted.load(Relaxed),
            ),
            (
                "tideover_cache_refusals_total",
                "Answers that could have been kept, but were larger than [cache] object or found no room while they were fetched.",
                tally.refused.load(Relaxed),
            ),
            (
                "tideover_cache_evictions_total",
                "Answers that were put out of the cache, or not let in, because others are asked for more often and there was no room for both.",
                tally.evicted.load(Relaxed),
            ),
            (
                "tideover_cache_revalidations_total",
                "Times that an origin said that what was kept is still good (304).",
                tally.revalidated.load(Relaxed),
            ),
            (
                "tideover_cache_invalidations_total",
                "Orders to use certain paths no more.",
                self.invalidations.latest(),
            ),
        ] {
            text.counter(name, help);
            text.sample(&[], count);
        }
    }
}
