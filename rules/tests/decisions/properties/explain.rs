//! What is told beforehand against what then happens.

use proptest::prelude::*;
use tideover_rules::explain::prospects;
use tideover_rules::failover::is_soft;

use super::chance::{ask, course, target, turns};

proptest! {
    /// No request takes longer than the worst case that was told.
    #[test]
    fn the_worst_case_is_the_worst(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        let told = prospects(&target, ask);
        prop_assert!(course.elapsed <= told.worst_case, "{:?}, not {:?}", course.elapsed, told.worst_case);
    }

    /// Whoever is asked was told to be within reach, with and without an answer that is held.
    #[test]
    fn nobody_is_asked_by_surprise(target in target(), ask in ask(), turns in turns()) {
        let told = prospects(&target, ask);
        let course = course(&target, ask, &turns);
        for (index, attempt) in course.attempts.iter().enumerate() {
            let outlook = &told.members[attempt.member];
            let held = course.attempts[..index].iter().any(|earlier| {
                earlier.member != attempt.member && is_soft(&target, earlier)
            });
            if held {
                prop_assert!(outlook.holding.is_some(), "{attempt:?}");
            } else {
                prop_assert!(outlook.within.is_some(), "{attempt:?}");
            }
        }
    }
}
