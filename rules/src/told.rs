//! What the viewer and the log are told about a request: `X-Cache`, `Proxy-Status`, `Tideover-Attempts`, log words.

use http::{HeaderValue, StatusCode};
use tideover_config::{Failure, Origin, Target};

use crate::failover::Attempt;
use crate::route::Refusal;

/// How a request ended, in CloudFront's words. Source: Developer Guide, "Standard logging reference", x-edge-result-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// Fetched from an origin.
    Miss,
    /// A final status of 400 or above, or an answer that the edge made.
    Error,
    /// http -> https.
    Redirect,
    /// Refused by one of the edge's own limits on load.
    LimitExceeded,
}

/// Who made the answer that the viewer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The outcome of this attempt (an index), an origin's own answer.
    Attempt(usize),
    /// The edge, because this attempt (an index) failed.
    FailedAttempt(usize),
    /// The edge, before any origin was asked: a refusal, or a head that is not fit to be forwarded.
    Edge,
    /// One of the edge's own limits on load.
    Limit,
}

impl ResultType {
    /// `Miss`, `Error`, `Redirect`, `LimitExceeded`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Miss => "Miss",
            Self::Error => "Error",
            Self::Redirect => "Redirect",
            Self::LimitExceeded => "LimitExceeded",
        }
    }
}

/// The `X-Cache` value: `Miss from cloudfront`, `Error from tideover`, …; an edge-made answer in resilient mode is told apart
/// from an origin's error.
pub fn x_cache(voice_name: &str, result: ResultType) -> HeaderValue {
    let _ = (voice_name, result);
    todo!()
}

/// `Tideover-Attempts`: an RFC 9651 list, one item per attempt in order:
/// `azure-vm;status=404;ms=12, azure-swa;error=refused;ms=1`.
pub fn attempts(target: &Target, origins: &[Origin], past: &[Attempt]) -> HeaderValue {
    let _ = (target, origins, past);
    todo!()
}

/// `Proxy-Status` (RFC 9209), one member: this edge, with `next-hop` and `received-status` or `error`.
pub fn proxy_status(
    voice_name: &str,
    target: Option<&Target>,
    origins: &[Origin],
    past: &[Attempt],
    answered_by: AnsweredBy,
    refusal: Option<&Refusal>,
) -> HeaderValue {
    let _ = (voice_name, target, origins, past, answered_by, refusal);
    todo!()
}

/// `x-edge-detailed-result-type` for a failed origin: `OriginConnectError`, `OriginDnsError`, `OriginCommError`, ….
pub fn detailed_result(failure: Failure) -> &'static str {
    let _ = failure;
    todo!()
}

/// The same for a refusal: `InvalidRequestMethod`, ….
pub fn detailed_refusal(refusal: &Refusal) -> &'static str {
    let _ = refusal;
    todo!()
}

/// True when an answer with this status counts as an error in logs and `X-Cache`.
pub fn is_error(status: StatusCode) -> bool {
    status.as_u16() >= 400
}
