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

impl WhyStale {
    /// The word for `detail` of `Cache-Status`, and for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revalidating => "stale-while-revalidate",
            Self::Status(_) | Self::NoAnswer => "stale-if-error",
            Self::LeftAlone => "origins-left-alone",
            Self::NobodyAnswers => "no-origin-answers",
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

    /// Whether no origin had to be asked for this request.
    pub fn is_hit(self) -> bool {
        match self {
            Self::Hit(_) | Self::Stale(..) => true,
            Self::Revalidated(_) => false,
            Self::Fetched(fetched) => fetched.along,
        }
    }
}

impl Forward {
    /// The word of RFC 9211, section 2.2.
    fn word(self) -> &'static str {
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
