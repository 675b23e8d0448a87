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

/// `ErrorCachingMinTTL` of `status`, where the distribution says one.
pub fn error_ttl(distribution: &Distribution, status: StatusCode) -> Option<Duration> {
    let mut all = distribution.error_responses.iter();
    let response = all.find(|response| response.error_code == status)?;
    let seconds = response.min_ttl_seconds?;
    Some(Duration::from_secs(seconds.into()))
}
