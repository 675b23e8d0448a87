//! When a certificate is ordered anew.
//!
//! Times are spans since 1970. What is left to chance comes in as a share from 0 to 1, so that many edges that were started
//! together do not order together.

use std::time::Duration;

/// How early, of its lifetime, a certificate may be renewed before two thirds of it are over.
const EARLY: f64 = 0.05;
/// Before an order is tried again that failed once; doubled with each failure.
const FIRST_PAUSE: Duration = Duration::from_mins(5);
/// Most that is waited unless the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_hours(12);
/// Most that is waited if the server asks for more.
const LONGEST_ASKED: Duration = Duration::from_hours(7 * 24);

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub not_before: Duration,
    /// Its last second.
    pub not_after: Duration,
}

/// When to order the certificate's successor: at a point of the `window` that the authority suggests; where it suggests none,
/// or none within the certificate's time, a little before two thirds of its lifetime are over.
/// Source: RFC 9773, section 4.2; the two thirds are what Let's Encrypt asks for.
pub fn due(validity: Validity, window: Option<Validity>, share: f64) -> Duration {
    let share = share.clamp(0.0, 1.0);
    let suggested = window
        .filter(|window| window.not_before <= window.not_after)
        .map(|window| {
            let width = window.not_after.saturating_sub(window.not_before);
            window.not_before.saturating_add(width.mul_f64(share))
        })
        .filter(|suggested| *suggested < validity.not_after);
    suggested.unwrap_or_else(|| {
        let lifetime = validity.not_after.saturating_sub(validity.not_before);
        validity
            .not_before
            .saturating_add(lifetime.mul_f64(2.0 / 3.0 - EARLY * share))
    })
}

/// How long to wait after so many failures in a row, one at least, before the next order. The server may have `asked` for a
/// pause: that one is kept, up to a week.
pub fn pause(failures: u32, asked: Option<Duration>, share: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE)
        // Between three quarters of it and all of it.
        .mul_f64(1.0 - share.clamp(0.0, 1.0) / 4.0);
    pause.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}
