//! Where kept things are found again, within a bound of bytes: the seam behind which another tier can stand.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use moka::policy::EvictionPolicy;

use super::kept::Kept;
use super::tally::Tally;

/// Beyond this weight the bound is seen to at once, and not some insertions later.
const HEAVY: u32 = 64 * 1024;

/// The memory tier. Of all workers.
#[derive(Debug)]
pub(crate) struct Store {
    /// By the hash of the key. Two keys with one hash take each other's place, and neither is taken for the other.
    entries: moka::sync::Cache<u64, Arc<Kept>, AsItIs>,
    hashes: RandomState,
}

impl Store {
    /// A store for so many bytes. An admission policy by frequency keeps a walk over everything from emptying it.
    pub(crate) fn new(bytes: u64, tally: &Arc<Tally>) -> Self {
        let tally = Arc::clone(tally);
        let entries = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, kept: &Arc<Kept>| kept.weight())
            .eviction_policy(EvictionPolicy::tiny_lfu())
            .eviction_listener(move |_, kept, cause| tally.left(&kept, cause))
            .build_with_hasher(AsItIs);
        Self {
            entries,
            hashes: RandomState::new(),
        }
    }

    /// What finds `key`.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// What stands for a URI of a distribution where many share a slot.
    pub(super) fn uri(&self, distribution: &[u8], target: &[u8]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(distribution);
        hasher.write(target);
        hasher.finish()
    }

    /// What is kept under `key`, whose hash is `hash`.
    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<Arc<Kept>> {
        let kept = self.entries.get(&hash)?;
        (kept.key() == key).then_some(kept)
    }

    /// In place of what was there.
    pub(super) fn put(&self, hash: u64, kept: Arc<Kept>) {
        let weight = kept.weight();
        self.entries.insert(hash, kept);
        if weight > HEAVY {
            self.entries.run_pending_tasks();
        }
    }

    pub(super) fn remove(&self, hash: u64) {
        self.entries.invalidate(&hash);
    }

    /// How many things are kept, and how many bytes they take.
    pub(crate) fn held(&self) -> (u64, u64) {
        // Who puts something in leaves the counting for later.
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

/// The keys of the index are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs;

/// Takes one number, and gives it back.
#[derive(Clone, Copy, Debug, Default)]
struct Taken(u64);

impl BuildHasher for AsItIs {
    type Hasher = Taken;

    fn build_hasher(&self) -> Taken {
        Taken(0)
    }
}

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
