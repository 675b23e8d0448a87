//! Failure -> status; final status -> custom error response.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{CustomErrorResponse, Distribution, Failure};

/// The status of the answer that the edge makes for a failed origin: 502 or 504.
/// Source: Developer Guide, "HTTP 502 status code", "HTTP 504 status code"; rows that are not documented there are ours.
pub fn status_of(failure: Failure) -> StatusCode {
    match failure {
        Failure::Dns
        | Failure::Refused
        | Failure::Tls
        | Failure::Reset
        | Failure::Malformed
        | Failure::HeaderTooBig => StatusCode::BAD_GATEWAY,
        Failure::ConnectTimeout
        | Failure::WriteStalled
        | Failure::ResponseTimeout
        | Failure::CompletionTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The custom error response for a final `status`, if the distribution has one that replaces the page.
pub fn custom(distribution: &Distribution, status: StatusCode) -> Option<&CustomErrorResponse> {
    distribution
        .error_responses
        .iter()
        .find(|response| response.error_code == status && response.page.is_some())
}

/// How long an answer with this status is kept at least by `ErrorCachingMinTTL`, whether its page is replaced or not; `None` if
/// nothing is said of it. Source: API shape `CustomErrorResponse`.
pub fn error_ttl(distribution: &Distribution, status: StatusCode) -> Option<Duration> {
    let mut responses = distribution.error_responses.iter();
    let seconds = responses
        .find(|response| response.error_code == status)?
        .min_ttl_seconds?;
    Some(Duration::from_secs(seconds.into()))
}
