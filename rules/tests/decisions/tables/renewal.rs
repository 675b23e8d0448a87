//! When a certificate is ordered anew.

use std::time::Duration;

use proptest::prelude::*;
use tideover_rules::renewal::{Validity, due, pause};

const fn days(count: u64) -> Duration {
    Duration::from_hours(24 * count)
}

const fn span(from: u64, to: u64) -> Validity {
    Validity {
        not_before: days(from),
        not_after: days(to),
    }
}

#[test]
fn a_certificate_is_renewed_in_time() {
    for (window, share, expected) in [
        // At two thirds, or up to a twentieth of the lifetime before.
        (None, 0.0, 160.0),
        (None, 1.0, 155.5),
        // Where the authority says so.
        (Some(span(120, 124)), 0.0, 120.0),
        (Some(span(120, 124)), 0.5, 122.0),
        (Some(span(120, 124)), 1.0, 124.0),
        // It was revoked: the window is over.
        (Some(span(1, 2)), 0.5, 1.5),
        // After its end, or no window.
        (Some(span(190, 200)), 0.0, 160.0),
        (Some(span(124, 120)), 0.0, 160.0),
    ] {
        let seen = due(span(100, 190), window, share).as_secs_f64() / 86_400.0;
        assert!(
            (seen - expected).abs() < 0.001,
            "{window:?} {share}: {seen}"
        );
    }
}

#[test]
fn failures_are_followed_by_longer_pauses() {
    let minutes = |count| Duration::from_mins(count);
    for (failures, asked, expected) in [
        (1, None, minutes(5)),
        (2, None, minutes(10)),
        (3, None, minutes(20)),
        (8, None, minutes(640)),
        (9, None, minutes(720)),
        (u32::MAX, None, minutes(720)),
        (1, Some(minutes(1)), minutes(5)),
        (1, Some(minutes(60)), minutes(60)),
        (1, Some(Duration::MAX), days(7)),
    ] {
        assert_eq!(
            pause(failures, asked, 0.0),
            expected,
            "{failures} {asked:?}"
        );
    }
    assert_eq!(pause(1, None, 1.0), Duration::from_secs(225));
}

proptest! {
    /// Whatever an authority says, and whatever stands in the certificate: nothing panics, and a certificate with a time is
    /// renewed before it ends.
    #[test]
    fn a_certificate_is_never_renewed_too_late(
        before in 0..u64::MAX / 4, lifetime in 2..u64::MAX / 4, from in any::<u64>(), to in any::<u64>(), share in -1.0..2.0_f64,
    ) {
        let seconds = Duration::from_secs;
        let validity = Validity { not_before: seconds(before), not_after: seconds(before + lifetime) };
        let window = Validity { not_before: seconds(from), not_after: seconds(to) };
        for window in [None, Some(window)] {
            prop_assert!(due(validity, window, share) < validity.not_after);
        }
    }

    #[test]
    fn a_pause_is_never_short_and_never_endless(failures in 1..u32::MAX, asked in any::<Option<Duration>>(), share in -1.0..2.0_f64) {
        let pause = pause(failures, asked, share);
        prop_assert!(pause >= Duration::from_secs(225) && pause <= days(7));
    }
}
