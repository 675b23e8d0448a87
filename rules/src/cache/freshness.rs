//! How long an answer may be used, and what happens then. Times are nominal; ages are in whole seconds.

mod case;

use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, StatusCode};
use tideover_config::{CachePolicy, StatusRule};

use self::case::Case;
use super::directives::Directives;
use crate::fields::{Fields, Known};

/// The request, as far as it says something about keeping its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// What it asked with.
    pub method: &'r Method,
    /// It had `Authorization`.
    pub authorization: bool,
    /// It had `Cookie`.
    pub cookie: bool,
    /// `Cache-Control: no-store`.
    pub no_store: bool,
}

impl<'r> Asked<'r> {
    /// What a request with this method and the `viewer`'s fields says.
    pub fn of(method: &'r Method, viewer: Fields<'_>) -> Self {
        Self {
            method,
            authorization: viewer.has(Known::Authorization),
            cookie: viewer.has(Known::Cookie),
            no_store: Directives::of(viewer.map(), None).no_store,
        }
    }
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
    /// The request has a field by which some applications answer something else, and the key has not.
    Steered,
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
    let case = Case::new(policy, answered, &said);
    match case.lifetime(asked, error_ttl) {
        Ok(lifetime) => Keep::For(lifetime),
        Err(why) => Keep::Not(why),
    }
}

/// The fields of an answer that are not kept with it: what a proxy says to the one who asked it, and what the answer withholds
/// from others by name (`no-cache="set-cookie"`). Where [`keep`] goes by RFC 9111, nothing is kept of an answer that
/// withholds something, or it always asks.
/// Source: RFC 9111, section 3.1; Developer Guide, "Cache content based on cookies".
pub fn withheld(policy: &CachePolicy, answer: &HeaderMap) -> Vec<HeaderName> {
    let mut names = match policy.statuses {
        StatusRule::Rfc9111 => Vec::new(),
        StatusRule::CloudFront { .. } => Directives::of(answer, policy.targeted.as_ref()).withheld,
    };
    if answer.contains_key(&PROXY_AUTHENTICATION_INFO) {
        names.push(PROXY_AUTHENTICATION_INFO);
    }
    names
}

/// Not among the fields of one connection, and for the one who asked all the same.
pub(super) const PROXY_AUTHENTICATION_INFO: HeaderName =
    HeaderName::from_static("proxy-authentication-info");

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
