//! What an origin counts as, whatever its probes find.

use proptest::prelude::*;
use tideover_config::HealthCheck;
use tideover_rules::health::{Finding, Health};

use crate::tables::health::check;

proptest! {
    /// What is told is what changed; it changes only after as many in a row as the threshold says, and then it does.
    #[test]
    fn what_is_told_is_what_changed(
        probes in proptest::collection::vec(any::<bool>(), 0..200),
        failure in 1_u8..=10,
        recovery in 1_u8..=10,
        inverted in any::<bool>(),
    ) {
        let check = HealthCheck { inverted, ..check(failure, recovery) };
        let mut finding = Finding::default();
        let mut in_a_row = (true, 0_u8);
        for passed in probes {
            let before = finding.counts_as(&check);
            let news = finding.record(passed, &check);
            let after = finding.counts_as(&check);
            prop_assert_eq!(news, (before != after).then_some(after));

            in_a_row = if in_a_row.0 == passed {
                (passed, in_a_row.1.saturating_add(1))
            } else {
                (passed, 1)
            };
            let threshold = if passed { recovery } else { failure };
            let says = if passed == inverted { Health::Unhealthy } else { Health::Healthy };
            if in_a_row.1 >= threshold {
                prop_assert_eq!(after, says);
            } else if news.is_some() {
                prop_assert!(false, "told after {} of {}", in_a_row.1, threshold);
            }
        }
    }
}
