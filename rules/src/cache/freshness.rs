//! How long an answer may be used, and what happens then. Times are nominal; ages are in whole seconds.

use std::time::Duration;

use http::header::{AGE, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tideover_config::{CachePolicy, DefaultTtl, StatusRule, VaryRule};

use super::date;
use super::directives::{self, Directives, LONGEST};
use super::vary::{self, Varies};

const A_DAY: u32 = 86_400;

/// What has a validator is kept for so long after it went stale, to ask by it.
const WORTH_VALIDATING: u32 = A_DAY;

/// The request, as far as it says something about keeping its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// What it asked with.
    pub method: &'r Method,
    /// It had `Authorization`.
    pub authorization: bool,
    /// `Cache-Control: no-store`.
    pub no_store: bool,
}

/// An answer, when it came and how long it was on its way.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The final status.
    pub status: StatusCode,
    /// As the origin sent them.
    pub fields: &'a HeaderMap,
    /// Since 1970.
    pub at: Duration,
    /// From the request to the head.
    pub took: Duration,
}

/// Whether an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is, for so long.
    For(Lifetime),
    /// It is not.
    Not(WhyNot),
}

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// The method is none whose answers are kept.
    Method,
    /// The status is none that is kept.
    Status,
    /// `no-store`, of the answer or of the request.
    NoStore,
    /// `private`.
    Private,
    /// The request had `Authorization`, and the answer does not say that it is for all.
    Authorization,
    /// It says nothing of how long, and is given no time by the policy.
    NoTime,
    /// The policy's maximum is 0, or the answer is too old already and cannot be validated.
    TooOld,
    /// `Vary: *`.
    VariesUnknowably,
    /// It is only a part, or it may be changed on its way to each viewer.
    NotWhole,
}

/// How long an answer may be used: spans of its age, in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// How old it was when it came.
    pub age: u32,
    /// Below this age it is used without asking.
    pub fresh: u32,
    /// So much longer it is used while it is asked for anew (`stale-while-revalidate`).
    pub while_revalidate: u32,
    /// So much longer than `fresh` it is used if the origins fail.
    pub if_error: u32,
    /// Beyond this age it counts as absent.
    pub kept: u32,
    /// Never used without asking (`no-cache`), whatever `fresh` says.
    pub always_asks: bool,
}

/// What may be done with what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is used as it is, for so many seconds more.
    Fresh(u32),
    /// It is used as it is, and asked for anew beside that; so many seconds too old.
    WhileRevalidating(u32),
    /// The origins are asked first; it serves to ask whether it is still good, or where they fail. So many seconds too old.
    Ask(u32),
    /// It counts as absent.
    Gone,
}

/// Whether, and for how long, an answer is kept. `error_ttl`: `ErrorCachingMinTTL` of its status, where the distribution has
/// one. Source: RFC 9111, sections 3 and 4.2; Developer Guide, "Manage how long content stays in the cache (expiration)",
/// "How CloudFront processes HTTP 4xx and 5xx status codes from your origin".
///
/// Where the two differ, [`StatusRule`] says whose rules they are:
///
/// | | RFC 9111 | CloudFront |
/// |---|---|---|
/// | `no-store` of the request | heeded | not looked at |
/// | how old an answer is when it comes | by `Age`, `Date` and the time it took | 0 |
/// | `private="…"`, `no-cache="…"` | as without the names | these fields are not kept: [`withheld`] |
/// | `must-understand` | lifts `no-store` where the status is understood | not looked at |
/// | `s-maxage`, `no-cache`, lifetime 0 | end serving stale where the answer does not ask for it | do not |
/// | stale answers | as long as the span says | until `MaxTTL` has passed since they were stored |
pub fn keep(
    policy: &CachePolicy,
    asked: Asked<'_>,
    answered: Answered<'_>,
    error_ttl: Option<Duration>,
) -> Keep {
    let said = Directives::of(answered.fields, policy.targeted.as_ref());
    let case = Case {
        policy,
        answered,
        said: &said,
        min: seconds(policy.ttl.min),
        max: seconds(policy.ttl.max),
        is_by_the_rfc: policy.statuses == StatusRule::Rfc9111,
    };
    match case.lifetime(asked, error_ttl) {
        Ok(lifetime) => Keep::For(lifetime),
        Err(why) => Keep::Not(why),
    }
}

/// The fields of an answer that are not kept with it, because it withholds them from others by their names
/// (`no-cache="set-cookie"`). Where [`keep`] goes by RFC 9111, nothing is kept of such an answer, or it always asks.
/// Source: Developer Guide, "Cache content based on cookies".
pub fn withheld(policy: &CachePolicy, answer: &HeaderMap) -> Vec<HeaderName> {
    match policy.statuses {
        StatusRule::Rfc9111 => Vec::new(),
        StatusRule::CloudFront { .. } => Directives::of(answer, policy.targeted.as_ref()).withheld,
    }
}

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
struct Case<'c> {
    policy: &'c CachePolicy,
    answered: Answered<'c>,
    said: &'c Directives,
    min: u32,
    max: u32,
    is_by_the_rfc: bool,
}

impl Case<'_> {
    fn lifetime(self, asked: Asked<'_>, error_ttl: Option<Duration>) -> Result<Lifetime, WhyNot> {
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
            Standing::ByDefault | Standing::IfSaid => self.time(standing)?,
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
            self.stale(standing, fresh, always_asks)
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
    fn stale(self, standing: Standing, fresh: u32, always_asks: bool) -> (u32, u32) {
        let said = self.said;
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
        let is_never_implied = self.is_by_the_rfc && (said.s_maxage.is_some() || fresh == 0);
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
            StatusRule::Rfc9111 if is_heuristically_cacheable(status) || self.said.public => {
                Ok(Standing::ByDefault)
            }
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

    /// What the answer says of its lifetime, in seconds.
    fn explicit(self) -> Option<u32> {
        self.said.lifetime().or_else(|| self.expires())
    }

    /// A lifetime in seconds within the policy's bounds; `None`: it says nothing, and is given no time.
    fn time(self, standing: Standing) -> Result<Option<u32>, WhyNot> {
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

/// Source: RFC 9110, section 15.1.
fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Whether the cache knows what the status asks of caches: those of RFC 9110, section 15, that it keeps.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=411 | 413..=415 | 417 | 421 | 422 | 426 | 500..=505
    )
}

/// What may be done with what came with `lifetime` and has been here for `resident`.
pub fn reuse(lifetime: &Lifetime, resident: Duration) -> Reuse {
    let age = age(lifetime, resident);
    if age >= lifetime.kept {
        return Reuse::Gone;
    }
    let Some(over) = age.checked_sub(lifetime.fresh) else {
        return if lifetime.always_asks {
            Reuse::Ask(0)
        } else {
            Reuse::Fresh(lifetime.fresh - age)
        };
    };
    if over < lifetime.while_revalidate && !lifetime.always_asks {
        Reuse::WhileRevalidating(over)
    } else {
        Reuse::Ask(over)
    }
}

/// `Age`, whole seconds. Source: RFC 9111, section 4.2.3.
pub fn age(lifetime: &Lifetime, resident: Duration) -> u32 {
    let resident = u32::try_from(resident.as_secs()).unwrap_or(u32::MAX);
    lifetime.age.saturating_add(resident)
}

/// Whether it is served in place of what the origins came to: `status` of 500 to 599, or no answer at all.
/// Source: RFC 5861, section 4; RFC 9111, section 4.2.4.
pub fn stands_in(lifetime: &Lifetime, resident: Duration, status: Option<StatusCode>) -> bool {
    let is_failure = status.is_none_or(|status| status.is_server_error());
    let age = age(lifetime, resident);
    is_failure && age < lifetime.kept && age < lifetime.fresh.saturating_add(lifetime.if_error)
}
