//! Outcomes of requests -> is this origin asked?
//!
//! Closed, all requests go to the origin. Enough failures open the breaker: none goes there, except where nobody else is
//! left. As soon as the origin takes connections again one request at a time may try; one that is answered closes the
//! breaker, and the requests come back little by little.

use std::time::Duration;

use tideover_config::{Breaker, Failure};

use crate::failover::Outcome;

/// How a breaker stands. Times are nominal, since the edge began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All requests go to the origin.
    Closed,
    /// No request goes to the origin.
    Open {
        /// From then on one may; `None`: as soon as the origin is seen to take connections.
        admits_from: Option<Duration>,
    },
    /// Requests come back.
    Recovering {
        /// It closed then.
        since: Duration,
    },
}

/// What a breaker says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes.
    Goes,
    /// It goes if this can be made the state before anybody else changes it: it is the one that tries.
    Tries(State),
    /// It does not: the breaker is open.
    Waits,
    /// It does not: the origin gets few requests as yet.
    WaitsForSlowStart,
}

/// Whether an outcome speaks for the origin (`true`) or against it; `None`: it says nothing about being alive.
///
/// Against it speak connections that did not come about, silence, and the statuses that are configured. An answer cut off
/// or garbled is the fault of one request as likely as the origin's.
pub fn speaks(outcome: Outcome, breaker: &Breaker) -> Option<bool> {
    match outcome {
        Outcome::Status(status) => Some(!breaker.statuses.contains(status)),
        Outcome::Failed(failure) => match failure {
            Failure::Dns
            | Failure::Refused
            | Failure::ConnectTimeout
            | Failure::Tls
            | Failure::ResponseTimeout
            | Failure::CompletionTimeout => Some(false),
            Failure::Reset | Failure::WriteStalled | Failure::Malformed | Failure::HeaderTooBig => {
                None
            }
        },
        Outcome::Skipped(_) => None,
    }
}

/// What this makes of `failed` out of `all` attempts within [`Breaker::SHARE_WITHIN`].
pub fn is_too_much(failed: u64, all: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = failed as f64 / all.max(1) as f64;
    all >= Breaker::SHARE_OF && share >= Breaker::SHARE
}

impl State {
    /// Opened, just now.
    pub const OPENED: Self = Self::Open { admits_from: None };

    /// After one more outcome that speaks against the origin, the `in_a_row`th without one for it.
    #[must_use]
    pub fn after_bad(self, in_a_row: u32, breaker: &Breaker) -> Self {
        match self {
            Self::Closed if in_a_row < breaker.in_a_row => Self::Closed,
            // Who has just come back is not believed for long.
            Self::Closed | Self::Recovering { .. } | Self::Open { .. } => Self::OPENED,
        }
    }

    /// After an outcome that speaks for the origin, of an attempt that began after the breaker opened, if it did.
    #[must_use]
    pub fn after_good(self, breaker: &Breaker, now: Duration) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Open { .. } if breaker.slow_start.is_zero() => Self::Closed,
            Self::Open { .. } => Self::Recovering { since: now },
            Self::Recovering { since } if now.saturating_sub(since) >= breaker.slow_start => {
                Self::Closed
            }
            Self::Recovering { .. } => self,
        }
    }

    /// After a connection to the origin was seen to come about, made for no request.
    #[must_use]
    pub fn after_knock(self, now: Duration) -> Self {
        match self {
            Self::Open { admits_from: None } => Self::Open {
                admits_from: Some(now),
            },
            Self::Closed | Self::Open { .. } | Self::Recovering { .. } => self,
        }
    }

    /// May the `nth` request of its worker go, which would take `patience` at most?
    pub fn admits(
        self,
        breaker: &Breaker,
        now: Duration,
        nth: u64,
        patience: Duration,
    ) -> Admission {
        match self {
            Self::Closed => Admission::Goes,
            Self::Open {
                admits_from: Some(from),
            } if now >= from => Admission::Tries(Self::Open {
                admits_from: Some(now.saturating_add(patience.max(breaker.probe_interval))),
            }),
            Self::Open { .. } => Admission::Waits,
            Self::Recovering { since } => {
                // Sixteenths, the first at once.
                let back = now.saturating_sub(since).as_micros().saturating_mul(16);
                let whole = breaker.slow_start.as_micros().max(1);
                if u128::from(nth % 16) <= back / whole {
                    Admission::Goes
                } else {
                    Admission::WaitsForSlowStart
                }
            }
        }
    }

    /// As one number: what several threads can change without a lock. Zero is [`State::Closed`]. Times are kept to the
    /// microsecond.
    pub fn word(self) -> u64 {
        let (tag, time) = match self {
            Self::Closed => (0, Duration::ZERO),
            Self::Open { admits_from: None } => (1, Duration::ZERO),
            Self::Open {
                admits_from: Some(from),
            } => (2, from),
            Self::Recovering { since } => (3, since),
        };
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        micros.min(u64::MAX >> 2) << 2 | tag
    }

    /// What [`State::word`] said.
    pub fn of_word(word: u64) -> Self {
        let time = Duration::from_micros(word >> 2);
        match word & 3 {
            0 => Self::Closed,
            1 => Self::OPENED,
            2 => Self::Open {
                admits_from: Some(time),
            },
            _ => Self::Recovering { since: time },
        }
    }
}
