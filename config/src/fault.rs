//! Faults on command: how an origin is made to look broken without being broken. All of it is ours.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// A fault at one origin: what failover does about it is what it would do about the real thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Of so many requests in a hundred, evenly spread: 1 to 100.
    pub percent: u8,
    /// How long it holds, counted from when it began; `None`: as long as the config says so.
    pub lasts: Option<Duration>,
}

/// What is wrong with an origin that has a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Connections are refused.
    Refuse,
    /// Nobody answers to a connection: the connection timeout is used up.
    BlackHole,
    /// The first byte of the answer comes so much later than it would. Where that is longer than the answer is waited for,
    /// nothing is sent at all, and nothing comes.
    Delay(Duration),
    /// The answer is cut off after so many bytes of its body.
    ResetAfter(u64),
    /// This is the answer, and nothing is sent: 200 to 599.
    Status(StatusCode),
    /// The body comes with so many bytes a second, at least 1.
    Throttle(u64),
    /// A connection is made, nothing is sent, and the answer is 200: how a write is rehearsed. No file says it.
    Withhold,
}

impl Fault {
    /// How long a fault lasts that an operator orders and does not say it of.
    pub const USUALLY_LASTS: Duration = Duration::from_mins(10);
    /// The longest that an operator may order, and a file may say.
    pub const LONGEST: Duration = Duration::from_hours(24);
    /// The longest [`FaultKind::Delay`].
    pub const LONGEST_DELAY: Duration = Duration::from_hours(1);

    /// Every request, for as long as the config says so.
    pub fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            percent: 100,
            lasts: None,
        }
    }

    /// Whether it is at the `nth` request, counted from 0.
    pub fn strikes(&self, nth: u64) -> bool {
        let percent = u64::from(self.percent);
        let nth = nth % 100;
        nth * percent / 100 != (nth + 1) * percent / 100
    }
}

impl FaultKind {
    /// A word for logs: lower case, with `-`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::BlackHole => "black-hole",
            Self::Delay(_) => "delay",
            Self::ResetAfter(_) => "reset",
            Self::Status(_) => "status",
            Self::Throttle(_) => "throttle",
            Self::Withhold => "withhold",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("refuses connections"),
            Self::BlackHole => f.write_str("lets nobody connect"),
            Self::Delay(span) => write!(f, "answers {} later", crate::compile::display_span(*span)),
            Self::ResetAfter(bytes) => write!(f, "cuts answers off after {bytes} bytes"),
            Self::Status(status) => write!(f, "answers {}", status.as_u16()),
            Self::Throttle(bytes) => write!(f, "sends {bytes} bytes a second"),
            Self::Withhold => f.write_str("is connected to and sent nothing"),
        }
    }
}

impl fmt::Display for Fault {
    /// `answers 503, 50 % of the time, for 10m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.percent < 100 {
            write!(f, ", {} % of the time", self.percent)?;
        }
        if let Some(lasts) = self.lasts {
            write!(f, ", for {}", crate::compile::display_span(lasts))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind};

    #[test]
    fn a_share_is_kept_to_the_request() {
        for percent in 1..=100 {
            let fault = Fault {
                percent,
                ..Fault::of(FaultKind::Refuse)
            };
            let struck = (0..300).filter(|nth| fault.strikes(*nth)).count();
            assert_eq!(struck, usize::from(percent) * 3, "{percent} %");
        }
    }
}
