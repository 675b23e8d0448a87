//! When an origin is left alone, and when it gets its requests back.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Breaker, Failure};
use tideover_rules::breaker::{Admission, State, is_too_much, speaks};
use tideover_rules::failover::Outcome;
use tideover_rules::standing::Why;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const OPEN: State = State::OPENED;

const fn open_from(seconds: u64) -> State {
    State::Open {
        admits_from: Some(s(seconds)),
    }
}

const fn recovering(seconds: u64) -> State {
    State::Recovering { since: s(seconds) }
}

fn status(code: u16) -> Outcome {
    Outcome::Status(StatusCode::from_u16(code).expect("a status"))
}

#[test]
fn what_speaks_for_and_against_an_origin() {
    let usual = Breaker::default();
    let strict = Breaker {
        statuses: [StatusCode::SERVICE_UNAVAILABLE].into_iter().collect(),
        ..Breaker::default()
    };
    for code in [200, 302, 403, 404, 429, 500, 503] {
        assert_eq!(speaks(status(code), &usual), Some(true), "{code}");
        assert_eq!(speaks(status(code), &strict), Some(code != 503), "{code}");
    }
    for failure in Failure::ALL {
        let expected = match failure {
            Failure::Dns
            | Failure::Refused
            | Failure::ConnectTimeout
            | Failure::Tls
            | Failure::ResponseTimeout
            | Failure::CompletionTimeout => Some(false),
            Failure::Reset | Failure::WriteStalled | Failure::Malformed | Failure::HeaderTooBig => {
                None
            }
        };
        assert_eq!(
            speaks(Outcome::Failed(failure), &usual),
            expected,
            "{failure}"
        );
    }
    for why in Why::ALL {
        assert_eq!(speaks(Outcome::Skipped(why), &usual), None, "{why}");
    }
}

#[test]
fn a_share_is_too_much_from_half_of_twenty_on() {
    for (failed, all, too_much) in [
        (0, 0, false),
        (19, 19, false),
        (10, 20, true),
        (9, 20, false),
        (20, 20, true),
        (50, 100, true),
        (49, 100, false),
    ] {
        assert_eq!(is_too_much(failed, all), too_much, "{failed} of {all}");
    }
}

#[test]
fn outcomes() {
    let breaker = Breaker::default();
    for (before, in_a_row, after) in [
        (State::Closed, 1, State::Closed),
        (State::Closed, 4, State::Closed),
        (State::Closed, 5, OPEN),
        (State::Closed, 6, OPEN),
        // It has just come back, and is not believed for long.
        (recovering(3), 1, OPEN),
        // The one that tried has failed: the next one waits until somebody has knocked.
        (open_from(3), 1, OPEN),
        (OPEN, 9, OPEN),
    ] {
        assert_eq!(
            before.after_bad(in_a_row, &breaker),
            after,
            "{before:?}, bad {in_a_row}"
        );
    }
    let at_once = Breaker {
        slow_start: Duration::ZERO,
        ..Breaker::default()
    };
    for (before, now, after, without_slow_start) in [
        (State::Closed, 5, State::Closed, State::Closed),
        (OPEN, 5, recovering(5), State::Closed),
        (open_from(9), 5, recovering(5), State::Closed),
        (recovering(5), 14, recovering(5), State::Closed),
        (recovering(5), 15, State::Closed, State::Closed),
    ] {
        assert_eq!(
            before.after_good(&breaker, s(now)),
            after,
            "{before:?}, good at {now}"
        );
        let at_once = before.after_good(&at_once, s(now));
        assert_eq!(at_once, without_slow_start, "{before:?}, good at {now}");
    }
    for (before, after) in [
        (State::Closed, State::Closed),
        (OPEN, open_from(7)),
        // Somebody is trying: one at a time.
        (open_from(12), open_from(12)),
        (recovering(3), recovering(3)),
    ] {
        assert_eq!(before.after_knock(s(7)), after, "{before:?}, knocked");
    }
}

#[test]
fn requests() {
    let breaker = Breaker::default();
    let patience = s(12);
    for (state, now, admission) in [
        (State::Closed, 5, Admission::Goes),
        (OPEN, 5, Admission::Waits),
        (OPEN, 5_000, Admission::Waits),
        (open_from(5), 4, Admission::Waits),
        (open_from(5), 5, Admission::Tries(open_from(17))),
        (open_from(5), 60, Admission::Tries(open_from(72))),
    ] {
        assert_eq!(
            state.admits(&breaker, s(now), 0, patience),
            admission,
            "{state:?} at {now}"
        );
    }
    // Who tries keeps others from trying for a second at least.
    let tries = open_from(5).admits(&breaker, s(5), 0, Duration::ZERO);
    assert_eq!(tries, Admission::Tries(open_from(6)));
}

#[test]
fn requests_come_back_by_sixteenths() {
    let breaker = Breaker {
        slow_start: s(16),
        ..Breaker::default()
    };
    for after in 0..=16 {
        let goes = (0..160)
            .filter(|nth| {
                recovering(100).admits(&breaker, s(100 + after), *nth, s(1)) == Admission::Goes
            })
            .count();
        let sixteenths = usize::try_from(after + 1).expect("a small number").min(16);
        assert_eq!(goes, sixteenths * 10, "{after} s after it closed");
    }
}
