//! What is amiss, look by look -> when somebody is told, and when it is over.
//!
//! How bad something is is a level: 0 is well, and each thing that can be amiss says itself what its levels mean. Times are
//! nominal, since the edge began.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{AlarmKind, HealthCheck};

use crate::failover::{Attempt, Outcome};

/// One thing that can be amiss, and what was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    level: u8,
    /// When `level` last changed.
    changed: Duration,
    /// Since when it is amiss, if it is.
    since: Duration,
    /// What was last told.
    told_level: u8,
    /// When something was last told while it was amiss, and how often it was only repeated since.
    told: Duration,
    repeated: u32,
    /// When it last got worse, the latest first.
    worsened: [Option<Duration>; Self::OFTEN],
    is_restless: bool,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is amiss.
    Begins,
    /// It was amiss before, and is worse.
    Worsens,
    /// It is better, and not well.
    Eases,
    /// It is still as it was told.
    Lasts,
    /// It is well again.
    Ends,
    /// It comes and goes. From now on nothing is told until it has kept still for [`Alarm::STILL`].
    Flaps,
}

impl Word {
    /// `begins`, `worsens`, `eases`, `lasts`, `ends`, `flaps`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Worsens => "worsens",
            Self::Eases => "eases",
            Self::Lasts => "lasts",
            Self::Ends => "ends",
            Self::Flaps => "flaps",
        }
    }
}

impl Alarm {
    /// So often it may get worse within [`Alarm::LATELY`]; the next time it flaps.
    pub const OFTEN: usize = 3;
    /// See [`Alarm::OFTEN`].
    pub const LATELY: Duration = Duration::from_mins(10);
    /// What flaps has to keep still for so long before it is told of again.
    pub const STILL: Duration = Duration::from_mins(5);
    /// After that it is said that it lasts; the next time after twice as long, and so on.
    pub const REPEATED_AFTER: Duration = Duration::from_hours(1);
    /// At the least so often.
    pub const REPEATED_WITHIN: Duration = Duration::from_hours(24);

    /// It stands like this now. What is to be told, if anything.
    pub fn stands(&mut self, level: u8, now: Duration) -> Option<Word> {
        let before = self.level;
        if level == before {
            return None;
        }
        self.level = level;
        self.changed = now;
        if before == 0 {
            self.since = now;
        }
        let is_worse = level > before;
        if is_worse {
            let oldest = self.worsened[Self::OFTEN - 1];
            self.worsened.rotate_right(1);
            self.worsened[0] = Some(now);
            let too_often = oldest.is_some_and(|then| now.saturating_sub(then) < Self::LATELY);
            if too_often && !self.is_restless {
                self.is_restless = true;
                return Some(Word::Flaps);
            }
        }
        if self.is_restless {
            return None;
        }
        Some(self.tell(now))
    }

    /// Some time has gone by. What is to be told, if anything.
    pub fn look(&mut self, kind: AlarmKind, now: Duration) -> Option<Word> {
        if self.is_restless {
            if now.saturating_sub(self.changed) < Self::STILL {
                return None;
            }
            self.is_restless = false;
            self.worsened = [None; Self::OFTEN];
            // That it flaps was told as something that is amiss.
            self.told_level = self.told_level.max(1);
            return Some(self.tell(now));
        }
        let is_due = now.saturating_sub(self.told) >= Self::pause(self.repeated);
        if self.level == 0 || !is_due || !is_repeated(kind) {
            return None;
        }
        self.told = now;
        self.repeated += 1;
        Some(Word::Lasts)
    }

    fn tell(&mut self, now: Duration) -> Word {
        let before = std::mem::replace(&mut self.told_level, self.level);
        self.told = now;
        self.repeated = 0;
        match (before, self.level) {
            (_, 0) => Word::Ends,
            (0, _) => Word::Begins,
            (before, level) if level > before => Word::Worsens,
            (before, level) if level < before => Word::Eases,
            _ => Word::Lasts,
        }
    }

    /// Before it is repeated that it lasts, after so many repetitions.
    fn pause(repeated: u32) -> Duration {
        Self::REPEATED_AFTER
            .saturating_mul(1 << repeated.min(8))
            .min(Self::REPEATED_WITHIN)
    }

    /// How bad it is: 0 is well.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Since when it is amiss; `None`: it is not.
    pub fn since(&self) -> Option<Duration> {
        (self.level > 0).then_some(self.since)
    }

    /// Nothing would be different if it had never been.
    pub fn is_forgotten(&self, now: Duration) -> bool {
        let is_long_ago =
            self.worsened[0].is_none_or(|then| now.saturating_sub(then) >= Self::LATELY);
        self.level == 0 && !self.is_restless && is_long_ago
    }
}

/// Whether it is said again and again that this lasts. A certificate has days of its own for that.
fn is_repeated(kind: AlarmKind) -> bool {
    kind != AlarmKind::Certificate
}

/// Days before a certificate's end, by level from 1 on; above the last of them it has ended.
pub const CERTIFICATE_DAYS: [u64; 5] = [30, 14, 7, 3, 1];

/// How bad it is that a certificate ends at `not_after`: 0 with more than 30 days left, then one more from 30, 14, 7, 3 and 1
/// days on, and 6 when it has ended. Times are spans since 1970.
pub fn of_certificate(not_after: Duration, now: Duration) -> u8 {
    const DAY: Duration = Duration::from_hours(24);
    let left = not_after.saturating_sub(now);
    let passed = CERTIFICATE_DAYS
        .iter()
        .filter(|days| left <= DAY.saturating_mul(u32::try_from(**days).unwrap_or(u32::MAX)))
        .count();
    let has_ended = usize::from(left.is_zero());
    u8::try_from(passed + has_ended).unwrap_or(u8::MAX)
}

/// How bad it is that so many of a group's `servers` may be asked: 1 where one is left of several, 2 where none is. Pages do
/// not count: they are for when it comes to that.
pub fn of_group(left: usize, servers: usize) -> u8 {
    match (left, servers) {
        (_, 0) | (1, 1) => 0,
        (0, _) => 2,
        (1, _) => 1,
        (_, _) => 0,
    }
}

/// Answers of one origin within [`NotFound::WITHIN`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotFound {
    /// All of them.
    pub answers: u64,
    /// 403 and 404 in whose place a later member's answer was delivered.
    pub found_elsewhere: u64,
}

impl NotFound {
    /// The answers that are looked at.
    pub const WITHIN: Duration = Duration::from_mins(5);
    /// Of fewer answers nothing is said.
    pub const FEWEST: u64 = 50;
    /// One in so many is too many.
    pub const TOO_MANY: u64 = 10;
    /// What was too many is so until it is fewer than one in so many.
    pub const FEW: u64 = 20;

    /// How bad that is, where it `was` so bad before: 0 or 1.
    pub fn level(self, was: u8) -> u8 {
        let one_in = if was == 0 { Self::TOO_MANY } else { Self::FEW };
        let is_known = was > 0 || self.answers >= Self::FEWEST;
        let is_much =
            self.found_elsewhere > 0 && self.found_elsewhere.saturating_mul(one_in) >= self.answers;
        u8::from(is_known && is_much)
    }
}

/// The members, as indices, whose 403 or 404 was not the last word: the viewer got a good answer of a later one, which is the
/// outcome of `past[delivered]`. What they said is not there, or not allowed, somebody else had. A member is named once for
/// each of its attempts of that kind.
pub fn found_elsewhere(past: &[Attempt], delivered: usize) -> impl Iterator<Item = usize> {
    let is_good = past.get(delivered).is_some_and(
        |answer| matches!(answer.outcome, Outcome::Status(status) if status.as_u16() < 400),
    );
    let before = past.get(..delivered).filter(|_| is_good);
    let is_not_there = |attempt: &&Attempt| {
        matches!(
            attempt.outcome,
            Outcome::Status(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        )
    };
    let not_there = before.unwrap_or_default().iter().filter(is_not_there);
    not_there.map(|attempt| attempt.member)
}

/// Whether a check that passes is wrong about an origin whose breaker is open for so long: it has had the time to find out.
pub fn contradicts(open_for: Duration, check: &HealthCheck) -> bool {
    let probes = u32::from(check.failure_threshold).saturating_add(1);
    let finds_out = check
        .interval
        .saturating_mul(probes)
        .saturating_add(check.whole_within());
    !check.disabled && !check.inverted && open_for >= finds_out
}

/// What became of one try to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Taken,
    /// It may be taken another time.
    Later,
    /// It would be refused another time too.
    Refused,
}

/// What a status says of a delivery; `None`: no answer came. A redirection is not followed.
pub fn delivery(status: Option<u16>) -> Delivery {
    match status {
        Some(200..=299) => Delivery::Taken,
        None | Some(408 | 425 | 429 | 500..) => Delivery::Later,
        Some(_) => Delivery::Refused,
    }
}

/// How long to wait after so many tries, 1 at least, before the next one; `None`: that was the last. The receiver may have
/// `asked` for a pause: it gets up to [`LONGEST_PAUSE`]. Without that five tries take five minutes.
pub fn pause(tries: u32, asked: Option<Duration>) -> Option<Duration> {
    const SECONDS: [u64; 4] = [10, 30, 80, 180];
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = Duration::from_secs(*SECONDS.get(index)?);
    Some(pause.max(asked.unwrap_or_default().min(LONGEST_PAUSE)))
}

/// Whatever a receiver asks for.
pub const LONGEST_PAUSE: Duration = Duration::from_mins(5);
