//! Writes that went well: what was asked for before one of them is neither kept nor read along after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Two URIs may share a slot: then a write to one keeps from the store what is being fetched of the other, and nothing else.
const SLOTS: usize = 1024;

/// How often what shares a slot was written.
#[derive(Debug)]
pub(super) struct Writes {
    slots: Box<[Mutex<u64>]>,
}

impl Writes {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }

    fn slot(&self, uri: u64) -> MutexGuard<'_, u64> {
        let slot = usize::try_from(uri >> 32).unwrap_or_default() % SLOTS;
        self.slots[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How often, until now; `uri` is a hash.
    pub(super) fn count(&self, uri: u64) -> u64 {
        *self.slot(uri)
    }

    /// Once more: `removes` takes from the store what is there. Nothing is put there in between.
    pub(super) fn write(&self, uri: u64, removes: impl FnOnce()) {
        let mut count = self.slot(uri);
        *count += 1;
        removes();
    }

    /// `puts` is called if there was no write since the count was `count`, and none comes before it returns.
    pub(super) fn unless_written(&self, uri: u64, count: u64, puts: impl FnOnce()) {
        let now = self.slot(uri);
        if *now == count {
            puts();
        }
    }
}
