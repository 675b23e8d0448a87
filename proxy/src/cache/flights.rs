//! Who fetches which key at this moment: one leader for each, and its followers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Since;
use super::fill::{ChosenBy, Fill, FillReader, Inlet, Stage};
use super::kept::{Head, Kept};

const SHARDS: usize = 64;

/// Fetches under way, over all workers.
#[derive(Debug)]
pub(super) struct Flights {
    shards: [Mutex<HashMap<u64, Arc<Fill>>>; SHARDS],
    /// What the chunks of all of them take.
    held: Arc<AtomicU64>,
}

/// What a request is to a fetch.
#[derive(Debug)]
pub(crate) enum Part {
    /// It makes it.
    Leads(Lead),
    /// It reads what another fetches.
    Follows(FillReader),
    /// Another fetches, and too much of it is gone; or another key has its place.
    Alone,
}

/// The duty to fetch. Dropped before there is a head, it passes to one of those who wait.
#[derive(Debug)]
pub(crate) struct Lead {
    fill: Arc<Fill>,
    hash: u64,
    flights: Arc<Flights>,
    is_settled: bool,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            held: Arc::default(),
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, Arc<Fill>>> {
        let shard = usize::try_from(hash >> 32).unwrap_or_default() % SHARDS;
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that all fills hold.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// What a request for `key` is from here on, which fetches as of `since` if it is to. A fetch that `is_outdated` goes on
    /// for those who read it, and this request is the one who fetches anew.
    pub(super) fn join(
        self: &Arc<Self>,
        hash: u64,
        key: &[u8],
        since: Since,
        is_outdated: impl Fn(Since) -> bool,
    ) -> Part {
        match self.shard(hash).entry(hash) {
            Entry::Occupied(flight) if !flight.get().is_for(key) => Part::Alone,
            Entry::Occupied(mut flight) if is_outdated(flight.get().since) => {
                let lead = self.lead_alone(hash, key, since);
                flight.insert(Arc::clone(&lead.fill));
                Part::Leads(lead)
            }
            Entry::Occupied(flight) => flight.get().join().map_or(Part::Alone, Part::Follows),
            Entry::Vacant(place) => {
                let lead = self.lead_alone(hash, key, since);
                place.insert(Arc::clone(&lead.fill));
                Part::Leads(lead)
            }
        }
    }

    /// Someone who fetches `key` for itself: nobody follows.
    pub(super) fn lead_alone(self: &Arc<Self>, hash: u64, key: &[u8], since: Since) -> Lead {
        Lead {
            fill: Fill::new(key, since, &self.held),
            hash,
            flights: Arc::clone(self),
            is_settled: false,
        }
    }

    /// Who looks under `key`, which is longer than the one that `fill` began with, finds it from now on.
    fn lands_also_at(&self, hash: u64, key: &[u8], fill: &Arc<Fill>) {
        fill.is_also_for(key);
        if let Entry::Vacant(place) = self.shard(hash).entry(hash) {
            place.insert(Arc::clone(fill));
        }
    }

    fn leaves(&self, hash: u64, fill: &Arc<Fill>) {
        let mut shard = self.shard(hash);
        if shard
            .get(&hash)
            .is_some_and(|flight| Arc::ptr_eq(flight, fill))
        {
            shard.remove(&hash);
        }
    }
}

impl Lead {
    /// No later than it began to fetch.
    pub(super) fn since(&self) -> Since {
        self.fill.since
    }

    /// One who reads what a task of its own fetches by this lead.
    pub(crate) fn reader(&self) -> FillReader {
        let reader = self.fill.join();
        reader.unwrap_or_else(|| unreachable!("its first byte did not come yet"))
    }

    /// The fetch ends without a body for all: everybody is told, and the key is free.
    pub(crate) fn settles(mut self, stage: Stage) {
        self.end(stage);
    }

    /// The head is here. The flight goes on until the [`Flight`] is dropped. `longer`: the key, with its hash, that the
    /// answer is kept under, if that is another one.
    pub(super) fn flows(
        mut self,
        longer: Option<(u64, &[u8])>,
        head: Head,
        length: Option<u64>,
        chosen_by: Option<ChosenBy>,
    ) -> (Flight, FillReader) {
        self.is_settled = true;
        let reader = self.fill.join();
        let (inlet, flowing) = Inlet::opens(Arc::clone(&self.fill), head, length, chosen_by);
        let mut reader = reader.unwrap_or_else(|| unreachable!("its first byte did not come yet"));
        reader.flows(flowing);
        if let Some((hash, key)) = longer {
            self.flights.lands_also_at(hash, key, &self.fill);
        }
        let flight = Flight {
            inlet: Some(inlet),
            fill: Arc::clone(&self.fill),
            hashes: [Some(self.hash), longer.map(|(hash, _)| hash)],
            flights: Arc::clone(&self.flights),
        };
        (flight, reader)
    }

    fn end(&mut self, stage: Stage) {
        self.is_settled = true;
        // First: who is woken and asks again is to find the key free.
        self.flights.leaves(self.hash, &self.fill);
        self.fill.becomes(stage);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.is_settled {
            self.end(Stage::Abandoned);
        }
    }
}

/// A fetch whose head is here.
#[derive(Debug)]
pub(super) struct Flight {
    inlet: Option<Inlet>,
    fill: Arc<Fill>,
    /// Where it is found.
    hashes: [Option<u64>; 2],
    flights: Arc<Flights>,
}

impl Flight {
    pub(super) fn inlet(&self) -> Option<&Inlet> {
        self.inlet.as_ref()
    }

    /// Nobody else is to read what was begun: the next request for the key asks anew.
    pub(super) fn closes(&self) {
        for hash in self.hashes.into_iter().flatten() {
            self.flights.leaves(hash, &self.fill);
        }
    }

    /// Its body is whole, and the store has what is `kept` of it.
    pub(super) fn ends(mut self, kept: Option<&Kept>) {
        if let Some(inlet) = self.inlet.take() {
            inlet.ends(kept);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.closes();
    }
}
