//! One answer under one policy: is it kept, and for how long?

use std::time::Duration;

use http::StatusCode;
use http::header::{AGE, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE};
use tideover_config::{CachePolicy, DefaultTtl, StatusRule, VaryRule};

use super::{Answered, Asked, Lifetime, WhyNot};
use crate::cache::date;
use crate::cache::directives::{self, Directives, LONGEST};
use crate::cache::vary::{self, Varies};

const A_DAY: u32 = 86_400;

/// What has a validator is kept for so long after it went stale, to ask by it.
const WORTH_VALIDATING: u32 = A_DAY;

/// What a status means for keeping an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is kept for the default time if it says nothing.
    ByDefault,
    /// It is kept if it says how long.
    IfSaid,
    /// An error that is kept this long at least.
    Error(u32),
}

/// One answer under one policy.
#[derive(Clone, Copy)]
pub(super) struct Case<'c> {
    policy: &'c CachePolicy,
    answered: Answered<'c>,
    said: &'c Directives,
    min: u32,
    max: u32,
    is_by_the_rfc: bool,
}

impl<'c> Case<'c> {
    pub(super) fn new(
        policy: &'c CachePolicy,
        answered: Answered<'c>,
        said: &'c Directives,
    ) -> Self {
        Self {
            policy,
            answered,
            said,
            min: seconds(policy.ttl.min),
            max: seconds(policy.ttl.max),
            is_by_the_rfc: policy.statuses == StatusRule::Rfc9111,
        }
    }

    /// What it may be used for, or why it is not kept.
    pub(super) fn lifetime(
        self,
        asked: Asked<'_>,
        error_ttl: Option<Duration>,
    ) -> Result<Lifetime, WhyNot> {
        if !self.policy.methods.contains(asked.method) || !asked.method.is_safe() {
            return Err(WhyNot::Method);
        }
        let standing = self.standing(error_ttl)?;
        if self.max == 0 {
            return Err(WhyNot::TooOld);
        }
        if self.is_by_the_rfc && asked.no_store {
            return Err(WhyNot::NoStore);
        }
        let is_refused_but_kept = match self.refusal() {
            Some(_) if self.beats_refusal(standing) => true,
            Some(why) => return Err(why),
            None => false,
        };
        let is_for_all =
            self.said.public || self.said.must_revalidate || self.said.s_maxage.is_some();
        if self.policy.authorization_needs_permission && asked.authorization && !is_for_all {
            return Err(WhyNot::Authorization);
        }
        if vary::varies(self.answered.fields) == Varies::Unknowably
            && (self.policy.vary == VaryRule::Selects || self.min == 0)
        {
            return Err(WhyNot::VariesUnknowably);
        }

        let no_cache = self.no_cache();
        let always_asks = no_cache && !self.beats_refusal(standing);
        let refused = is_refused_but_kept || no_cache;
        let time = match standing {
            _ if always_asks => Some(0),
            Standing::Error(at_least) => {
                let explicit = self.explicit().filter(|_| !refused);
                let time = explicit.unwrap_or(0).max(at_least).min(self.max);
                (explicit.is_some() || time > 0).then_some(time)
            }
            Standing::ByDefault | Standing::IfSaid if refused => Some(self.min.min(self.max)),
            Standing::ByDefault | Standing::IfSaid => self.time(standing, asked)?,
        };
        self.span(standing, time, always_asks, refused && !always_asks)
    }

    /// The spans around a lifetime of `time` seconds; `None`: it is only good to ask whether it is still good.
    fn span(
        self,
        standing: Standing,
        time: Option<u32>,
        always_asks: bool,
        is_refused_but_kept: bool,
    ) -> Result<Lifetime, WhyNot> {
        let fresh = time.unwrap_or(0);
        let age = if self.is_by_the_rfc { self.age() } else { 0 };
        let (while_revalidate, if_error) = if is_refused_but_kept {
            (0, 0)
        } else {
            self.stale(standing, time, always_asks)
        };
        let has_validator = [ETAG, LAST_MODIFIED]
            .iter()
            .any(|name| self.answered.fields.contains_key(name));
        let mut kept = fresh.saturating_add(while_revalidate.max(if_error));
        if has_validator && !self.is_failure(standing) {
            kept = kept.max(fresh.max(age).saturating_add(WORTH_VALIDATING));
        }
        if kept <= age {
            return Err(if time.is_none() {
                WhyNot::NoTime
            } else {
                WhyNot::TooOld
            });
        }
        Ok(Lifetime {
            age,
            fresh,
            while_revalidate,
            if_error,
            kept,
            always_asks,
        })
    }

    /// `stale-while-revalidate` and `stale-if-error`, as far as they go.
    fn stale(self, standing: Standing, time: Option<u32>, always_asks: bool) -> (u32, u32) {
        let said = self.said;
        let fresh = time.unwrap_or(0);
        if self.is_failure(standing) || said.must_revalidate || said.proxy_revalidate {
            return (0, 0);
        }
        if self.is_by_the_rfc && always_asks {
            return (0, 0);
        }
        let longest = if self.is_by_the_rfc {
            self.max
        } else {
            self.max.saturating_sub(fresh)
        };
        let while_revalidate = match said.stale_while_revalidate {
            Some(span) if !always_asks => span,
            _ => 0,
        };
        // What was never fresh for anybody but the one who asked is not given to others because nobody answers.
        let is_never_implied =
            time.is_none() || self.is_by_the_rfc && (said.s_maxage.is_some() || fresh == 0);
        let if_error = match said.stale_if_error {
            Some(span) => span,
            None if is_never_implied => 0,
            None => seconds(self.policy.stale.if_error),
        };
        (while_revalidate.min(longest), if_error.min(longest))
    }

    /// It is of no use once it is stale: nothing is won by giving one failure in place of another.
    fn is_failure(self, standing: Standing) -> bool {
        self.answered.status.is_server_error() || matches!(standing, Standing::Error(_))
    }

    /// A minimum TTL keeps it although it says that it must not be. An error has a minimum of its own.
    fn beats_refusal(self, standing: Standing) -> bool {
        let min = match standing {
            Standing::Error(at_least) => at_least,
            Standing::ByDefault | Standing::IfSaid => self.min,
        };
        self.policy.minimum_beats_refusal && min > 0
    }

    fn refusal(self) -> Option<WhyNot> {
        let said = self.said;
        if self.is_by_the_rfc && said.must_understand {
            if !is_understood(self.answered.status) {
                return Some(WhyNot::Status);
            }
        } else if said.no_store {
            return Some(WhyNot::NoStore);
        }
        let is_private = said.private || self.is_by_the_rfc && said.private_of_fields;
        is_private.then_some(WhyNot::Private)
    }

    fn no_cache(self) -> bool {
        self.said.no_cache || self.is_by_the_rfc && self.said.no_cache_of_fields
    }

    fn standing(self, error_ttl: Option<Duration>) -> Result<Standing, WhyNot> {
        let status = self.answered.status.as_u16();
        if status == 206 {
            return Err(WhyNot::NotWhole);
        }
        match self.policy.statuses {
            // 412 and 416 are about the conditions and ranges of one request.
            StatusRule::Rfc9111 if matches!(status, ..200 | 304 | 412 | 416) => Err(WhyNot::Status),
            StatusRule::Rfc9111 if self.allows_heuristics() => Ok(Standing::ByDefault),
            StatusRule::Rfc9111 => Ok(Standing::IfSaid),
            StatusRule::CloudFront { errors } => {
                let at_least = seconds(error_ttl.unwrap_or(errors));
                match status {
                    200 | 203 | 204 | 301 | 302 | 303 => Ok(Standing::ByDefault),
                    307 | 308 => Ok(Standing::IfSaid),
                    404 | 414 | 500..=504 => Ok(Standing::Error(at_least)),
                    400 | 403 | 405 | 412 | 415 if self.said.lifetime().is_some() => {
                        Ok(Standing::Error(at_least))
                    }
                    _ => Err(WhyNot::Status),
                }
            }
        }
    }

    /// Source: RFC 9110, section 15.1; RFC 9111, section 4.2.2.
    fn allows_heuristics(self) -> bool {
        self.said.public
            || matches!(
                self.answered.status.as_u16(),
                200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
            )
    }

    /// What the answer says of its lifetime, in seconds.
    fn explicit(self) -> Option<u32> {
        self.said.lifetime().or_else(|| self.expires())
    }

    /// A lifetime in seconds within the policy's bounds; `None`: it says nothing, and is given no time.
    fn time(self, standing: Standing, asked: Asked<'_>) -> Result<Option<u32>, WhyNot> {
        let clamp = |time: u32| Some(time.max(self.min).min(self.max));
        if let Some(time) = self.explicit() {
            return Ok(clamp(time));
        }
        // Nobody meant a cookie for all who said nothing of caches.
        let has_cookie = self.is_by_the_rfc && self.answered.fields.contains_key(SET_COOKIE);
        if standing != Standing::ByDefault || has_cookie {
            return Err(WhyNot::NoTime);
        }
        Ok(match self.policy.ttl.default {
            DefaultTtl::Fixed(time) => clamp(seconds(time)),
            // Whoever said nothing of caches may have made it for the one whose cookie it was.
            DefaultTtl::Heuristic if asked.cookie || !self.allows_heuristics() => {
                return Err(WhyNot::NoTime);
            }
            DefaultTtl::Heuristic => match self.heuristic() {
                Some(time) => clamp(time),
                None if self.min > 0 => clamp(0),
                None => None,
            },
        })
    }

    fn now(self) -> i64 {
        i64::try_from(self.answered.at.as_secs()).unwrap_or(i64::MAX)
    }

    /// `Date`, or the time when it came.
    fn date(self) -> i64 {
        let date = self.answered.fields.get(DATE);
        date.and_then(|date| date::parse(date.as_bytes(), self.now()))
            .unwrap_or(self.now())
    }

    /// By `Expires`; what cannot be understood, or is said twice, is past.
    fn expires(self) -> Option<u32> {
        if self.said.are_targeted {
            return None;
        }
        let mut lines = self.answered.fields.get_all(EXPIRES).iter();
        let first = lines.next()?;
        let at = match lines.next() {
            None => date::parse(first.as_bytes(), self.now()),
            Some(_) => None,
        };
        let since = if self.is_by_the_rfc {
            self.date()
        } else {
            self.now()
        };
        Some(at.map_or(0, |at| span(at.saturating_sub(since))))
    }

    /// A tenth of the time since it was changed, at most a day. Source: RFC 9111, section 4.2.2.
    fn heuristic(self) -> Option<u32> {
        let changed = self.answered.fields.get(LAST_MODIFIED)?;
        let changed = date::parse(changed.as_bytes(), self.now())?;
        let unchanged = span(self.date().saturating_sub(changed));
        Some((unchanged / 10).min(A_DAY))
    }

    /// How old it was when it came. Source: RFC 9111, section 4.2.3.
    fn age(self) -> u32 {
        let apparent = span(self.now().saturating_sub(self.date()));
        let took = u32::try_from(self.answered.took.as_secs()).unwrap_or(u32::MAX);
        let said = self.answered.fields.get(AGE).and_then(|line| {
            // The first of several counts; what follows a semicolon is about it.
            let first = line
                .as_bytes()
                .split(|byte| matches!(byte, b',' | b';'))
                .next()?;
            directives::seconds(first.trim_ascii())
        });
        apparent.max(said.unwrap_or(0).saturating_add(took).min(LONGEST))
    }
}

/// Whole seconds, at most [`LONGEST`].
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs())
        .unwrap_or(u32::MAX)
        .min(LONGEST)
}

/// Seconds from one time to another, 0 if it is the other way round.
fn span(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0))
        .unwrap_or(u32::MAX)
        .min(LONGEST)
}

/// Whether the cache knows what the status asks of caches: those of RFC 9110, section 15, that it keeps.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=411 | 413..=415 | 417 | 421 | 422 | 426 | 500..=505
    )
}
