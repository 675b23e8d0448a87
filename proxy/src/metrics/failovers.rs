//! How often a member of a group was left for a later one, why, and what that cost viewers in time.

use std::time::Duration;

use tideover_config::{FailoverCriteria, Failure};
use tideover_rules::failover::{Attempt, Outcome};
use tideover_rules::standing::Why;

use super::{Count, Exposition, Histogram};

/// One worker's, written by that worker alone.
#[derive(Debug, Default)]
pub(super) struct Failovers {
    /// By [`FailoverCriteria::STATUSES`].
    statuses: [Count; FailoverCriteria::STATUSES.len()],
    /// By [`Failure`], in order of declaration.
    failures: [Count; Failure::ALL.len()],
    /// By [`Why`], in order of declaration.
    skips: [Count; Why::ALL.len()],
    /// Time before the attempt that was delivered.
    added: Histogram,
}

impl Failovers {
    /// The attempts of one request, and which of them the viewer got.
    pub(super) fn note(&self, attempts: &[Attempt], delivered: Option<&Attempt>) {
        for pair in attempts.windows(2) {
            let [left, next] = pair else { continue };
            if left.member != next.member
                && let Some(count) = self.count(left.outcome)
            {
                count.add(1);
            }
        }
        if let Some(delivered) = delivered.filter(|delivered| delivered.member > 0) {
            let before = attempts
                .iter()
                .take_while(|attempt| !std::ptr::eq(*attempt, delivered));
            self.added
                .note(before.map(|attempt| attempt.took).sum::<Duration>());
        }
    }

    fn count(&self, outcome: Outcome) -> Option<&Count> {
        match outcome {
            Outcome::Status(status) => {
                let mut listed = FailoverCriteria::STATUSES.into_iter();
                let index = listed.position(|listed| listed == status.as_u16())?;
                self.statuses.get(index)
            }
            Outcome::Failed(failure) => self.failures.get(failure as usize),
            Outcome::Skipped(why) => self.skips.get(why as usize),
        }
    }

    pub(super) fn expose(workers: &[&Self], text: &mut Exposition) {
        let help = "Times that a member of a group was left for a later one, by the reason: a status, a failure, or why it was skipped.";
        text.counter("tideover_failovers_total", help);
        let mut reason = |word: &str, pick: &dyn Fn(&Self) -> u64| {
            let count: u64 = workers.iter().map(|worker| pick(worker)).sum();
            text.sample(&[("reason", word)], count);
        };
        for (index, status) in FailoverCriteria::STATUSES.into_iter().enumerate() {
            reason(&status.to_string(), &|it| it.statuses[index].get());
        }
        for failure in Failure::ALL {
            reason(failure.word(), &|it| it.failures[failure as usize].get());
        }
        for why in Why::ALL {
            reason(why.word(), &|it| it.skips[why as usize].get());
        }
        let help = "Time that a request answered by a later member had spent on those before it.";
        text.histogram("tideover_failover_added_seconds", help);
        let added: Vec<&Histogram> = workers.iter().map(|worker| &worker.added).collect();
        Histogram::expose(&added, text);
    }
}
