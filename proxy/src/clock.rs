//! One clock for the whole edge, which a test may run faster than the wall's.

use std::time::{Duration, Instant};

/// Turns the config's timers into real ones and real spans back into the config's: with a scale of 0.01 a timer of
/// 10 s ends after 100 ms, and what took 100 ms is told as 10 s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: f64,
}

impl Clock {
    /// `scale` is above 0: `config` checked it.
    pub(crate) fn new(scale: f64) -> Self {
        Self { scale }
    }

    /// How long a timer of `nominal` really runs.
    pub(crate) fn real(self, nominal: Duration) -> Duration {
        if self.is_the_walls() {
            nominal
        } else {
            nominal.mul_f64(self.scale)
        }
    }

    /// What a `real` span is told as.
    pub(crate) fn nominal(self, real: Duration) -> Duration {
        if self.is_the_walls() {
            real
        } else {
            real.div_f64(self.scale)
        }
    }

    /// Nominal time since `start`.
    pub(crate) fn since(self, start: Instant) -> Duration {
        self.nominal(start.elapsed())
    }

    fn is_the_walls(self) -> bool {
        (self.scale - 1.0).abs() < f64::EPSILON
    }
}

/// Returns when all tasks of this worker have seen what its sockets hold now. To be awaited between the end of a limit and
/// the verdict: a worker that was kept busy finds the limit passed and the answer there at the same time.
pub(crate) async fn sockets_first() {
    tokio::task::yield_now().await;
}
