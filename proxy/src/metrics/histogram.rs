//! How spans of time are spread.

use std::time::Duration;

use super::{Count, Exposition};

/// Spans in buckets that grow by a quarter of a power of two, from 1 µs up.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [Count; Self::BUCKETS],
    /// All of them together, in microseconds.
    sum: Count,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| Count::default()),
            sum: Count::default(),
        }
    }
}

impl Histogram {
    const BUCKETS: usize = 128;
    /// Powers of two, in microseconds, that are shown to be counted up to: from 64 µs to 67 s, each four times the one before.
    const SHOWN: [u32; 11] = [6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26];

    fn bucket(micros: u64) -> usize {
        if micros < 4 {
            return usize::try_from(micros).unwrap_or(0);
        }
        let exponent = micros.ilog2();
        let quarter = (micros >> (exponent - 2)) & 3;
        (usize::try_from(exponent).unwrap_or(0) * 4 + usize::try_from(quarter).unwrap_or(0) - 4)
            .min(Self::BUCKETS - 1)
    }

    /// The largest span, in microseconds, that falls into `bucket`.
    fn upper(bucket: usize) -> u64 {
        if bucket < 4 {
            return bucket as u64;
        }
        let (exponent, quarter) = ((bucket + 4) / 4, (bucket % 4) as u64);
        ((5 + quarter) << (exponent - 2)) - 1
    }

    pub(super) fn note(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.counts[Self::bucket(micros)].add(1);
        self.sum.add(micros);
    }

    fn counts(workers: &[&Self]) -> Vec<u64> {
        let count = |bucket: usize| {
            let counts = workers.iter().map(|worker| worker.counts[bucket].get());
            counts.sum()
        };
        (0..Self::BUCKETS).map(count).collect()
    }

    /// Writes the samples of all `workers` together, in a family that was begun.
    pub(super) fn expose(workers: &[&Self], text: &mut Exposition) {
        let counts = Self::counts(workers);
        for power in Self::SHOWN {
            let most = 1_u64 << power;
            let below = counts.iter().take(Self::bucket(most)).sum::<u64>();
            let most = Duration::from_micros(most).as_secs_f64().to_string();
            text.sample_of("_bucket", &[("le", &most)], below);
        }
        let all: u64 = counts.iter().sum();
        text.sample_of("_bucket", &[("le", "+Inf")], all);
        let sum: u64 = workers.iter().map(|worker| worker.sum.get()).sum();
        let sum = Duration::from_micros(sum).as_secs_f64();
        text.sample_of("_sum", &[], sum);
        text.sample_of("_count", &[], all);
    }

    /// The span that this share of them is not above.
    pub(super) fn quantile(workers: &[&Self], share: f64) -> Duration {
        let counts = Self::counts(workers);
        let total: u64 = counts.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in counts.into_iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return Duration::from_micros(Self::upper(bucket));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_falls_into_a_bucket_that_holds_it_and_is_a_quarter_wide_at_most() {
        for micros in (0..5_000).chain([10_000, 1_000_000, 60_000_000]) {
            let bucket = Histogram::bucket(micros);
            let upper = Histogram::upper(bucket);
            assert!(micros <= upper, "{micros} in bucket {bucket} up to {upper}");
            assert!(
                upper <= micros + micros / 4 + 1,
                "{micros} in bucket {bucket} up to {upper}"
            );
        }
    }

    #[test]
    fn what_is_shown_counts_all_that_is_no_longer() {
        let histogram = Histogram::default();
        for micros in [0, 63, 64, 1_023, 1_024, 2_000_000] {
            histogram.note(Duration::from_micros(micros));
        }
        let mut text = Exposition::default();
        text.histogram("tideover_test_seconds", "A test.");
        Histogram::expose(&[&histogram], &mut text);
        let text = text.finish();
        for line in [
            "tideover_test_seconds_bucket{le=\"0.000064\"} 2",
            "tideover_test_seconds_bucket{le=\"0.000256\"} 3",
            "tideover_test_seconds_bucket{le=\"0.001024\"} 4",
            "tideover_test_seconds_bucket{le=\"1.048576\"} 5",
            "tideover_test_seconds_bucket{le=\"4.194304\"} 6",
            "tideover_test_seconds_bucket{le=\"+Inf\"} 6",
            "tideover_test_seconds_sum 2.002174",
            "tideover_test_seconds_count 6",
        ] {
            assert!(text.lines().any(|is| is == line), "no {line} in\n{text}");
        }
    }
}
