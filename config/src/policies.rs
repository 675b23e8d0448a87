//! Policies by id or name.

use crate::written::{CachePolicy, OriginRequestPolicy, Policies, ResponseHeadersPolicy};

pub(crate) fn cache_policy(own: &Policies, named: &str) -> Option<CachePolicy> {
    let mut own = own.cache.iter();
    own.find(|policy| policy.id == named || policy.name == named)
        .cloned()
}

pub(crate) fn origin_request_policy(own: &Policies, named: &str) -> Option<OriginRequestPolicy> {
    let mut own = own.origin_request.iter();
    own.find(|policy| policy.id == named || policy.name == named)
        .cloned()
}

pub(crate) fn response_headers_policy(
    own: &Policies,
    named: &str,
) -> Option<ResponseHeadersPolicy> {
    let mut own = own.response_headers.iter();
    own.find(|policy| policy.id == named || policy.name == named)
        .cloned()
}
