//! What a write that went well makes unusable.

use http::header::{ACCEPT_ENCODING, CONTENT_LOCATION, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};
use tideover_config::{AcceptEncoding, MethodSet};
use tideover_rules::cache::key;
use tideover_rules::cache::written::also_written;
use tideover_rules::fields::Fields;
use tideover_rules::headers::Request;
use tideover_rules::route::within;

use crate::origin::Wanted;
use crate::respond::{Reply, Speaker};

/// What is kept of a URI is not used any more after a write to it that went well, and so it is with what the answer names by
/// `Location` and `Content-Location`. Source: RFC 9111, section 4.4.
///
/// What a cache key tells apart by cookies or by headers other than `Host` and `Accept-Encoding` goes for the writer's own
/// values of them: what others have of the same URI is not looked for.
pub(super) fn was_written(speaker: Speaker<'_>, wanted: Wanted<'_>, reply: &Reply) {
    let status = reply.status();
    let went_well = status.is_success() || status.is_redirection();
    if !went_well || MethodSet::READS_AND_OPTIONS.contains(wanted.request.method) {
        return;
    }
    let own = wanted.request.target;
    is_unusable(speaker, wanted, own);
    let host = wanted.viewer.host.and_then(|host| host.to_str().ok());
    let scheme = wanted.viewer.scheme.as_str();
    let headers = reply.response.headers();
    for named in [LOCATION, CONTENT_LOCATION].map(|name| headers.get(name)) {
        let named = named.and_then(|named| named.to_str().ok());
        let target =
            named.and_then(|named| also_written(named, scheme, host.unwrap_or(""), own.as_str()));
        let target = target.and_then(|target| PathAndQuery::try_from(target).ok());
        if let Some(target) = target.filter(|target| target != own) {
            is_unusable(speaker, wanted, &target);
        }
    }
}

/// What is kept for `target`, by the behavior that reads it.
fn is_unusable(speaker: Speaker<'_>, wanted: Wanted<'_>, target: &PathAndQuery) {
    let line = speaker.line();
    let edge = &line.view.live.edge;
    let route = within(edge, wanted.route.distribution, &Method::GET, target.path());
    let Some(policy) = &route.behavior.cache else {
        return;
    };
    if !policy.writes_invalidate {
        return;
    }
    let cache = &line.worker.shared.cache;
    let mut key = Vec::new();
    let mut forget = |method: &Method, fields: Fields<'_>| {
        let read = Request {
            method,
            target,
            fields,
            ..wanted.request
        };
        let distribution = &route.distribution.id;
        key::write(
            policy,
            distribution,
            route.path,
            read,
            wanted.viewer,
            &mut key,
        );
        cache.was_written(&key);
    };
    let reads = [Method::GET, Method::OPTIONS];
    // HEAD is in the key as GET is.
    let reads = reads
        .iter()
        .filter(|method| policy.methods.contains(method));
    for method in reads {
        forget(method, wanted.request.fields);
        if let AcceptEncoding::Normalised { .. } = policy.key.accept_encoding {
            // Whoever writes may accept other encodings than those who read.
            for accepted in ["", "gzip", "br", "gzip, br"] {
                let mut headers: HeaderMap = wanted.request.fields.map().clone();
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
                forget(method, Fields::of(&headers));
            }
        }
    }
}
