//! What the cache did for requests, by distribution and path pattern.

use std::sync::Arc;

use tideover_rules::cache::verdict::{Role, Verdict};

use super::{Count, Exposition};
use crate::live::Live;

/// Of the behaviors of one distribution that have one path pattern, by worker. Carried over a reload by both names.
#[derive(Debug)]
pub(crate) struct CacheUse(Box<[Used]>);

/// One worker's, written by that worker alone.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Used {
    /// By [`Role`], in order of declaration.
    requests: [Count; Role::ALL.len()],
    /// Of bodies that came from the cache.
    bytes: Count,
}

/// How often something was asked for, and how often no origin had to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) requests: u64,
    pub(crate) hits: u64,
}

impl CacheUse {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self((0..workers).map(|_| Used::default()).collect()))
    }

    /// Where `worker` counts.
    pub(crate) fn of(&self, worker: usize) -> Option<&Used> {
        self.0.get(worker)
    }

    fn requests(&self, role: Role) -> u64 {
        let counts = self.0.iter().map(|used| used.requests[role as usize].get());
        counts.sum()
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|used| used.bytes.get()).sum()
    }

    pub(crate) fn hits(&self) -> Hits {
        Role::ALL.into_iter().fold(Hits::default(), |sum, role| {
            let requests = self.requests(role);
            Hits {
                requests: sum.requests + requests,
                hits: sum.hits + if role.is_hit() { requests } else { 0 },
            }
        })
    }
}

impl Used {
    /// One request is over, whose viewer was sent so many bytes of a body.
    pub(crate) fn note(&self, verdict: Verdict, sent: u64) {
        let role = verdict.role();
        self.requests[role as usize].add(1);
        if role.is_from_the_cache() {
            self.bytes.add(sent);
        }
    }
}

impl Hits {
    pub(crate) fn and(self, more: Self) -> Self {
        Self {
            requests: self.requests + more.requests,
            hits: self.hits + more.hits,
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            hits: self.hits.saturating_sub(before.hits),
        }
    }
}

/// Writes what the cache did for every behavior of `live` that may keep something.
pub(super) fn expose(live: &Live, text: &mut Exposition) {
    if !live.keeps_something() {
        return;
    }
    let help = "Requests by what the cache was to them: no origin was asked for hit, stale and collapsed; one said that what was kept is good for refreshed; miss was fetched and kept, passed fetched and not kept.";
    text.counter("tideover_cache_requests_total", help);
    for (distribution, path, used) in live.cache_use() {
        // Words that several roles share stand together in their list.
        let mut shown: Vec<(&str, u64)> = Vec::new();
        for role in Role::ALL {
            let count = used.requests(role);
            match shown.last_mut() {
                Some((word, sum)) if *word == role.word() => *sum += count,
                _ => shown.push((role.word(), count)),
            }
        }
        for (word, count) in shown {
            let labels = [
                ("distribution", distribution),
                ("behavior", path),
                ("result", word),
            ];
            text.sample(&labels, count);
        }
    }
    let help = "Requests served from the cache with what was too old, by the reason.";
    text.counter("tideover_cache_stale_total", help);
    for (distribution, path, used) in live.cache_use() {
        for role in Role::ALL {
            let Some(why) = role.why_stale() else {
                continue;
            };
            let labels = [
                ("distribution", distribution),
                ("behavior", path),
                ("reason", why),
            ];
            text.sample(&labels, used.requests(role));
        }
    }
    let help = "Bytes of bodies that viewers were sent from the cache.";
    text.counter("tideover_cache_sent_bytes_total", help);
    for (distribution, path, used) in live.cache_use() {
        let labels = [("distribution", distribution), ("behavior", path)];
        text.sample(&labels, used.bytes());
    }
}
