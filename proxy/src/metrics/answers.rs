//! Answers by distribution and class of their status.

use std::sync::Arc;

use http::StatusCode;

use super::Count;

/// One distribution's, by worker. Carried over a reload by its name.
#[derive(Debug)]
pub(crate) struct Answers(Box<[Classes]>);

/// One worker's, written by that worker alone: 1xx (tunnels), 2xx, 3xx, 4xx, 5xx.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Classes([Count; 5]);

/// What they are called.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Answers {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self((0..workers).map(|_| Classes::default()).collect()))
    }

    /// Where `worker` counts.
    pub(crate) fn of(&self, worker: usize) -> Option<&Classes> {
        self.0.get(worker)
    }

    pub(super) fn sum(&self) -> [u64; 5] {
        Classes::sum(&self.0)
    }
}

impl Classes {
    /// A status that is in none of them, such as 600, is counted nowhere.
    pub(super) fn add(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).wrapping_sub(1);
        if let Some(count) = self.0.get(class) {
            count.add(1);
        }
    }

    pub(super) fn sum<'c>(workers: impl IntoIterator<Item = &'c Self>) -> [u64; 5] {
        let mut sum = [0; 5];
        for worker in workers {
            for (sum, count) in sum.iter_mut().zip(&worker.0) {
                *sum += count.get();
            }
        }
        sum
    }
}
