//! How the cache took part in an answer, and how that is told.

use http::{HeaderValue, StatusCode};

use super::freshness::WhyNot;
use crate::told::ResultType;

/// How the cache took part in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was kept, and is good for so many seconds more.
    Hit(u32),
    /// It was kept, is so many seconds too old, and was served all the same.
    Stale(u32, WhyStale),
    /// It was kept, and the origins said that it is still good; for so many seconds from now on.
    Revalidated(u32),
    /// It was fetched.
    Fetched(Fetched),
}

/// Of an answer that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Why it was.
    pub why: Forward,
    /// It is kept, and good for so many seconds; or why it is not.
    pub kept: Result<u32, WhyNot>,
    /// Another request had asked before, and this one read along.
    pub along: bool,
}

/// Why the origins were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Nothing was kept of this URI.
    Nothing,
    /// What was kept was chosen by other requests.
    OtherVariants,
    /// What was kept is too old.
    Stale,
    /// The method's answers are not kept.
    Method,
    /// The request asks for something that is not answered from what is kept.
    Request,
    /// Only a part was kept, and another one is asked for.
    Partial,
    /// The last answer was for its viewer only.
    Known,
}

/// Why an answer was served that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyStale {
    /// It is asked for anew beside that.
    Revalidating,
    /// The origins answered with this.
    Status(StatusCode),
    /// The origins did not answer.
    NoAnswer,
    /// The origins failed a moment ago.
    LeftAlone,
    /// It is known that no origin answers.
    NobodyAnswers,
}

/// How the cache took part, in as few words as are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It was kept, and good.
    Hit,
    /// It was kept, and asked about.
    Refreshed,
    /// It was too old: asked for anew beside that.
    StaleRevalidating,
    /// It was too old: the origins failed.
    StaleIfError,
    /// It was too old: the origins had failed a moment before.
    StaleLeftAlone,
    /// It was too old: no origin answers.
    StaleNobodyAnswers,
    /// Another request had asked before, and this one read along.
    Collapsed,
    /// It was fetched, and is kept.
    Miss,
    /// It was fetched, and is not kept.
    Passed,
}

impl Role {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 9] = [
        Self::Hit,
        Self::Refreshed,
        Self::StaleRevalidating,
        Self::StaleIfError,
        Self::StaleLeftAlone,
        Self::StaleNobodyAnswers,
        Self::Collapsed,
        Self::Miss,
        Self::Passed,
    ];

    /// `hit`, `refreshed`, `stale`, `collapsed`, `miss` or `passed`: of metrics and of the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Refreshed => "refreshed",
            Self::StaleRevalidating
            | Self::StaleIfError
            | Self::StaleLeftAlone
            | Self::StaleNobodyAnswers => "stale",
            Self::Collapsed => "collapsed",
            Self::Miss => "miss",
            Self::Passed => "passed",
        }
    }

    /// Why it was served although it was too old: the word of `Cache-Status`; `None`: it was not.
    pub fn why_stale(self) -> Option<&'static str> {
        match self {
            Self::StaleRevalidating => Some(STALE_WHILE_REVALIDATE),
            Self::StaleIfError => Some(STALE_IF_ERROR),
            Self::StaleLeftAlone => Some(ORIGINS_LEFT_ALONE),
            Self::StaleNobodyAnswers => Some(NO_ORIGIN_ANSWERS),
            Self::Hit | Self::Refreshed | Self::Collapsed | Self::Miss | Self::Passed => None,
        }
    }

    /// Whether no origin had to be asked for the request: what a hit ratio counts.
    pub fn is_hit(self) -> bool {
        match self {
            Self::Hit
            | Self::StaleRevalidating
            | Self::StaleIfError
            | Self::StaleLeftAlone
            | Self::StaleNobodyAnswers
            | Self::Collapsed => true,
            Self::Refreshed | Self::Miss | Self::Passed => false,
        }
    }

    /// Whether the body was no origin's at that moment, or that of another request's fetch.
    pub fn is_from_the_cache(self) -> bool {
        self.is_hit() || self == Self::Refreshed
    }
}

const STALE_WHILE_REVALIDATE: &str = "stale-while-revalidate";
const STALE_IF_ERROR: &str = "stale-if-error";
const ORIGINS_LEFT_ALONE: &str = "origins-left-alone";
const NO_ORIGIN_ANSWERS: &str = "no-origin-answers";

impl WhyStale {
    /// The word for `detail` of `Cache-Status`, and for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revalidating => STALE_WHILE_REVALIDATE,
            Self::Status(_) | Self::NoAnswer => STALE_IF_ERROR,
            Self::LeftAlone => ORIGINS_LEFT_ALONE,
            Self::NobodyAnswers => NO_ORIGIN_ANSWERS,
        }
    }
}

impl Verdict {
    /// The verdict that `X-Cache` and the log begin with, for an answer with this `status`.
    /// Source: Developer Guide, "Standard logging reference", x-edge-result-type.
    pub fn result(self, status: StatusCode) -> ResultType {
        if status.as_u16() >= 400 {
            return ResultType::Error;
        }
        match self {
            Self::Hit(_) | Self::Stale(..) => ResultType::Hit,
            Self::Revalidated(_) => ResultType::RefreshHit,
            Self::Fetched(fetched) if fetched.along => ResultType::Hit,
            Self::Fetched(_) => ResultType::Miss,
        }
    }

    /// The same in the log, which says of what was too old that it is no plain hit.
    /// Source: Developer Guide, "Standard logging reference", x-edge-result-type; that it holds for whatever is served stale is
    /// our reading.
    pub fn logged(self, status: StatusCode) -> ResultType {
        match (self, self.result(status)) {
            (Self::Stale(..), ResultType::Hit) => ResultType::RefreshHit,
            (_, result) => result,
        }
    }

    /// In a word that is counted and logged.
    pub fn role(self) -> Role {
        match self {
            Self::Hit(_) => Role::Hit,
            Self::Revalidated(_) => Role::Refreshed,
            Self::Stale(_, WhyStale::Revalidating) => Role::StaleRevalidating,
            Self::Stale(_, WhyStale::Status(_) | WhyStale::NoAnswer) => Role::StaleIfError,
            Self::Stale(_, WhyStale::LeftAlone) => Role::StaleLeftAlone,
            Self::Stale(_, WhyStale::NobodyAnswers) => Role::StaleNobodyAnswers,
            Self::Fetched(fetched) if fetched.along => Role::Collapsed,
            Self::Fetched(Fetched { kept: Ok(_), .. }) => Role::Miss,
            Self::Fetched(Fetched { kept: Err(_), .. }) => Role::Passed,
        }
    }

    /// Why it is so, in the word of `Cache-Status`; `None` of a hit.
    pub fn why(self) -> Option<&'static str> {
        match self {
            Self::Hit(_) => None,
            Self::Stale(_, why) => Some(why.word()),
            Self::Revalidated(_) => Some(Forward::Stale.word()),
            Self::Fetched(fetched) => Some(fetched.why.word()),
        }
    }

    /// Seconds for which it is good, below 0 if it is too old; `None`: it is not kept.
    pub fn ttl(self) -> Option<i64> {
        match self {
            Self::Hit(left) | Self::Revalidated(left) => Some(i64::from(left)),
            Self::Stale(over, _) => Some(-i64::from(over)),
            Self::Fetched(fetched) => fetched.kept.ok().map(i64::from),
        }
    }

    /// Why an answer that was fetched is not kept, in the word of `Cache-Status`.
    pub fn why_not_kept(self) -> Option<&'static str> {
        match self {
            Self::Hit(_) | Self::Stale(..) | Self::Revalidated(_) => None,
            Self::Fetched(fetched) => fetched.kept.err().map(WhyNot::word),
        }
    }
}

impl Forward {
    /// The word of RFC 9211, section 2.2.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "uri-miss",
            Self::OtherVariants => "vary-miss",
            Self::Stale => "stale",
            Self::Method => "method",
            Self::Request => "request",
            Self::Partial => "partial",
            Self::Known => "bypass",
        }
    }
}

impl WhyNot {
    /// The word for `detail` of `Cache-Status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::NoTime => "no-time",
            Self::TooOld => "too-old",
            Self::VariesUnknowably => "vary-star",
            Self::Steered => "steered",
            Self::NotWhole => "not-whole",
        }
    }
}

/// `Cache-Status` (RFC 9211), one member: `tideover; hit; ttl=30`, `tideover; fwd=uri-miss; stored; ttl=60`,
/// `tideover; hit; ttl=-5; detail=stale-if-error`.
pub fn cache_status(name: &str, verdict: Verdict) -> HeaderValue {
    let mut text = String::with_capacity(64);
    text.push_str(name);
    let number = |text: &mut String, sign: &str, seconds: u32| {
        text.push_str("; ttl=");
        text.push_str(sign);
        text.push_str(itoa::Buffer::new().format(seconds));
    };
    match verdict {
        Verdict::Hit(left) => {
            text.push_str("; hit");
            number(&mut text, "", left);
        }
        Verdict::Stale(over, why) => {
            text.push_str("; hit");
            number(&mut text, if over == 0 { "" } else { "-" }, over);
            if let WhyStale::Status(status) = why {
                text.push_str("; fwd-status=");
                text.push_str(status.as_str());
            }
            text.push_str("; detail=");
            text.push_str(why.word());
        }
        Verdict::Revalidated(left) => {
            text.push_str("; fwd=stale; fwd-status=304; stored");
            number(&mut text, "", left);
        }
        Verdict::Fetched(fetched) => {
            text.push_str("; fwd=");
            text.push_str(fetched.why.word());
            if fetched.along {
                text.push_str("; collapsed");
            }
            match fetched.kept {
                Ok(left) => {
                    text.push_str("; stored");
                    number(&mut text, "", left);
                }
                Err(why) => {
                    text.push_str("; detail=");
                    text.push_str(why.word());
                }
            }
        }
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("cache"))
}
