//! What of a request the origin is sent, and what of its answer the viewer is sent: policies, legacy `ForwardedValues`,
//! or the mode's own choice.

use std::sync::Arc;

use http::HeaderName;

use super::defaults::Defaults;
use crate::behavior::{
    AcceptEncoding, CloudFrontHeader, HeaderSelection, NameSelection, OriginRequest,
    ResponseHeadersPolicy, ViewerResponse,
};
use crate::policies;
use crate::problem::Problem;
use crate::spelling::nearest;
use crate::written::{
    At, Behavior, CachePolicy, ForwardedValues, OriginRequestPolicy, Place, Written,
};

pub(super) fn forwarding(
    said: &Behavior,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> (OriginRequest, ViewerResponse) {
    check_styles(said, problems);
    let mut set_cookie = true;
    let (request, named) = if let Some(exact) = &said.origin_request {
        (exact.clone(), Vec::new())
    } else if let Some(legacy) = &said.forwarded_values {
        let request = self::legacy(legacy, defaults, problems);
        // Source: Developer Guide, "Cache content based on cookies": without cookies to the origin, none come back.
        set_cookie = request.cookies != NameSelection::None;
        let named = names(legacy.headers.iter(), &legacy.place, &mut Vec::new());
        (request, named)
    } else if has_policy(said) || defaults.is_faithful() {
        let cache = said
            .cache_policy
            .as_ref()
            .map(|said| cache_policy(said, written, problems));
        let origin = said
            .origin_request_policy
            .as_ref()
            .map(|said| origin_request_policy(said, written, problems));
        let place = said
            .origin_request_policy
            .as_ref()
            .or(said.cache_policy.as_ref())
            .map_or(&said.place, |said| &said.place);
        union(cache.as_ref(), origin.as_ref(), place, defaults, problems)
    } else {
        (everything(defaults), Vec::new())
    };
    let rewrite_location = said
        .rewrite_location
        .as_ref()
        .map_or(defaults.rewrite_location, |said| said.value);
    if let Some(exact) = &said.viewer_response {
        let response = ViewerResponse {
            rewrite_location,
            ..exact.clone()
        };
        return (request, response);
    }
    let vary_kept = match &request.headers {
        // Every header is forwarded, so every name in Vary is one that is forwarded.
        HeaderSelection::All | HeaderSelection::AllExcept(_) => None,
        HeaderSelection::Only(_) | HeaderSelection::LegacyWith(_) => defaults
            .is_faithful()
            .then(|| with_encoding_and_cookie(named)),
    };
    let policy = said
        .response_headers_policy
        .as_ref()
        .and_then(|said| response_headers_policy(said, written, problems));
    let response = ViewerResponse {
        vary_kept,
        set_cookie,
        rewrite_location,
        trailers: defaults.trailers,
        policy,
    };
    (request, response)
}

fn has_policy(said: &Behavior) -> bool {
    said.cache_policy.is_some() || said.origin_request_policy.is_some()
}

/// There are three ways to say what goes to the origin, and one of them is enough. Source: API shape `CacheBehavior`.
fn check_styles(said: &Behavior, problems: &mut Vec<Problem>) {
    let policy = said
        .cache_policy
        .as_ref()
        .or(said.origin_request_policy.as_ref());
    if let (Some(legacy), Some(_)) = (&said.forwarded_values, policy) {
        problems.push(legacy.place.error(
            "stands beside a policy",
            "write policies or the legacy fields, not both",
        ));
    }
    if let (Some(_), Some(policy)) = (&said.origin_request, policy) {
        problems.push(policy.place.error(
            "stands beside origin_request, which says the same in full",
            "write one of them",
        ));
    }
    if let (Some(_), Some(policy)) = (&said.viewer_response, &said.response_headers_policy) {
        problems.push(policy.place.error(
            "stands beside viewer_response, which says the same in full",
            "write one of them",
        ));
    }
    if let Some(legacy) = &said.forwarded_values
        && let (false, Some(key)) = (legacy.query_string, legacy.query_string_cache_keys.first())
    {
        problems.push(key.place.error(
            format!("has {}, and QueryString is false", key.shown()),
            "write true for QueryString, or no keys",
        ));
    }
}

/// Resilient mode without any policy: the origin sees what it would see without an edge.
fn everything(defaults: &Defaults) -> OriginRequest {
    OriginRequest {
        headers: HeaderSelection::All,
        cookies: NameSelection::All,
        query: NameSelection::All,
        accept_encoding: AcceptEncoding::Viewer,
        authorization: true,
        viewer_user_agent: true,
        viewer_host: false,
        forwarded_host_and_proto: true,
        trailers: defaults.trailers,
        cloudfront_headers: Vec::new(),
    }
}

fn cache_policy(said: &At<String>, written: &Written, problems: &mut Vec<Problem>) -> CachePolicy {
    if let Some(policy) = policies::cache_policy(&written.policies, &said.value) {
        return policy;
    }
    problems.push(unknown(
        said,
        "cache",
        &policies::cache_policy_names(&written.policies),
        "CachingDisabled is used",
    ));
    policies::caching_disabled()
}

fn origin_request_policy(
    said: &At<String>,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> OriginRequestPolicy {
    if let Some(policy) = policies::origin_request_policy(&written.policies, &said.value) {
        return policy;
    }
    problems.push(unknown(
        said,
        "origin request",
        &policies::origin_request_policy_names(&written.policies),
        "AllViewerExceptHostHeader is used",
    ));
    policies::all_viewer_except_host_header()
}

fn response_headers_policy(
    said: &At<String>,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<Arc<ResponseHeadersPolicy>> {
    if let Some(policy) = policies::response_headers_policy(&written.policies, &said.value) {
        return Some(Arc::new(policy.compiled));
    }
    problems.push(unknown(
        said,
        "response headers",
        &policies::response_headers_policy_names(&written.policies),
        "no header is added or removed",
    ));
    None
}

fn unknown(said: &At<String>, kind: &str, known: &[String], until_then: &str) -> Problem {
    let meant = nearest(&said.value, known.iter().map(String::as_str));
    let is_id = said.value.len() == 36
        && said
            .value
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let id = if is_id && said.place.template.is_none() {
        &said.value
    } else {
        "ID"
    };
    let instead = match meant {
        Some(meant) => format!("perhaps {meant:?} is meant"),
        None => format!(
            "give it with --policy FILE, the output of `aws cloudfront get-{}-policy --id {id}`",
            kind.replace(' ', "-")
        ),
    };
    said.place.warning(
        format!("is {}, a policy that is not known here", said.shown()),
        format!("{instead}; until then {until_then}"),
    )
}

/// Cache policy and origin request policy together; and the headers they name, for `Vary`.
/// Source: Developer Guide, "Understand how origin request policies and cache policies work together".
fn union(
    cache: Option<&CachePolicy>,
    origin: Option<&OriginRequestPolicy>,
    place: &Place,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> (OriginRequest, Vec<HeaderName>) {
    let nothing = ("none".to_owned(), Vec::new());
    let cache_headers = cache.map_or(&nothing, |policy| &policy.headers);
    let origin_headers = origin.map_or(&nothing, |policy| &policy.headers);
    let (gzip, brotli) = cache.map_or((false, false), |policy| (policy.gzip, policy.brotli));

    let excluded: Option<&[String]> = match origin_headers.0.as_str() {
        "allViewer" | "allViewerAndWhitelistCloudFront" => Some(&[]),
        "allExcept" => Some(&origin_headers.1),
        _ => None,
    };
    let mut named: Vec<&String> = cache_headers.1.iter().collect();
    if matches!(
        origin_headers.0.as_str(),
        "whitelist" | "allViewerAndWhitelistCloudFront"
    ) {
        named.extend(&origin_headers.1);
    }
    let is_named = |name: &str| named.iter().any(|named| named.eq_ignore_ascii_case(name));
    let is_sent = |name: &str| {
        is_named(name)
            || excluded
                .is_some_and(|excluded| !excluded.iter().any(|out| out.eq_ignore_ascii_case(name)))
    };
    let accept_encoding = if gzip || brotli {
        AcceptEncoding::Normalised { gzip, brotli }
    } else if is_sent("accept-encoding") {
        AcceptEncoding::Viewer
    } else {
        AcceptEncoding::Removed
    };
    let cloudfront_headers = cloudfront_headers(named.iter().copied(), place, problems);
    let all_named = header_names(named.iter().map(|name| name.as_str()), place, problems);
    let headers = match excluded {
        None => HeaderSelection::Only(plain(&all_named)),
        // What the cache policy names is sent even where the other policy excludes it.
        Some(excluded) => {
            let out: Vec<&str> = excluded
                .iter()
                .map(String::as_str)
                .filter(|name| !is_named(name))
                .collect();
            if out.is_empty() {
                HeaderSelection::All
            } else {
                HeaderSelection::AllExcept(header_names(out.into_iter(), place, problems))
            }
        }
    };
    let select = |cache: Option<&(String, Vec<String>)>, origin: Option<&(String, Vec<String>)>| {
        either(selection(cache), selection(origin))
    };
    let request = OriginRequest {
        headers,
        cookies: select(
            cache.map(|policy| &policy.cookies),
            origin.map(|policy| &policy.cookies),
        ),
        query: select(
            cache.map(|policy| &policy.query),
            origin.map(|policy| &policy.query),
        ),
        accept_encoding,
        authorization: is_sent("authorization"),
        viewer_user_agent: is_sent("user-agent"),
        viewer_host: is_sent("host"),
        forwarded_host_and_proto: !defaults.is_faithful(),
        trailers: defaults.trailers,
        cloudfront_headers,
    };
    (request, all_named)
}

pub(super) fn selection(said: Option<&(String, Vec<String>)>) -> NameSelection {
    match said.map(|(behavior, names)| (behavior.as_str(), names)) {
        Some(("all", _)) => NameSelection::All,
        Some(("whitelist", names)) => NameSelection::Only(names.clone()),
        Some(("allExcept", names)) => NameSelection::Except(names.clone()),
        Some(_) | None => NameSelection::None,
    }
}

/// What either of two choices lets through.
fn either(a: NameSelection, b: NameSelection) -> NameSelection {
    use NameSelection::{All, Except, None, Only};
    match (a, b) {
        (All, _) | (_, All) => All,
        (None, other) | (other, None) => other,
        (Only(mut a), Only(b)) => {
            let new: Vec<String> = b.into_iter().filter(|name| !a.contains(name)).collect();
            a.extend(new);
            Only(a)
        }
        (Only(only), Except(except)) | (Except(except), Only(only)) => {
            except_or_all(except.into_iter().filter(|name| !only.contains(name)))
        }
        (Except(a), Except(b)) => except_or_all(a.into_iter().filter(|name| b.contains(name))),
    }
}

fn except_or_all(names: impl Iterator<Item = String>) -> NameSelection {
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        NameSelection::All
    } else {
        NameSelection::Except(names)
    }
}

/// Source: API shape `ForwardedValues`; Developer Guide, "Request and response behavior for custom origins".
fn legacy(
    said: &ForwardedValues,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> OriginRequest {
    let all = said.headers.iter().any(|name| name.value == "*");
    let is_named = |name: &str| {
        all || said
            .headers
            .iter()
            .any(|named| named.value.eq_ignore_ascii_case(name))
    };
    let named = names(said.headers.iter(), &said.place, problems);
    OriginRequest {
        headers: if all {
            HeaderSelection::All
        } else {
            HeaderSelection::LegacyWith(plain(&named))
        },
        cookies: legacy_cookies(said),
        query: if said.query_string {
            NameSelection::All
        } else {
            NameSelection::None
        },
        accept_encoding: if is_named("accept-encoding") {
            AcceptEncoding::Viewer
        } else {
            AcceptEncoding::Normalised {
                gzip: true,
                brotli: false,
            }
        },
        authorization: is_named("authorization"),
        viewer_user_agent: is_named("user-agent"),
        viewer_host: is_named("host"),
        forwarded_host_and_proto: !defaults.is_faithful(),
        trailers: defaults.trailers,
        cloudfront_headers: cloudfront_headers(
            said.headers.iter().map(|name| &name.value),
            &said.place,
            problems,
        ),
    }
}

/// Source: API shape `CookiePreference`.
pub(super) fn legacy_cookies(said: &ForwardedValues) -> NameSelection {
    match said
        .cookies_forward
        .as_ref()
        .map(|said| said.value.as_str())
    {
        Some("all") => NameSelection::All,
        Some("whitelist") => NameSelection::Only(
            said.cookie_names
                .iter()
                .map(|name| name.value.clone())
                .collect(),
        ),
        Some(_) | None => NameSelection::None,
    }
}

fn names<'n>(
    said: impl Iterator<Item = &'n At<String>>,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Vec<HeaderName> {
    header_names(
        said.map(|name| name.value.as_str())
            .filter(|name| *name != "*"),
        place,
        problems,
    )
}

fn header_names<'n>(
    said: impl Iterator<Item = &'n str>,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = Vec::new();
    for name in said {
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err(_) => problems.push(place.error(
                format!("names the header {name:?}"),
                "write header names: letters, digits and -",
            )),
        }
    }
    names
}

/// The names that are a matter of plain passing on: the others have a field of their own in [`OriginRequest`].
fn plain(names: &[HeaderName]) -> Vec<HeaderName> {
    const OWN_FIELD: [&str; 5] = [
        "accept-encoding",
        "authorization",
        "cookie",
        "host",
        "user-agent",
    ];
    names
        .iter()
        .filter(|name| !OWN_FIELD.contains(&name.as_str()) && !is_cloudfronts(name.as_str()))
        .cloned()
        .collect()
}

pub(super) fn is_cloudfronts(name: &str) -> bool {
    name.len() > 11 && name.as_bytes()[..11].eq_ignore_ascii_case(b"cloudfront-")
}

/// Those of CloudFront's own headers that this edge makes; the others are warned of.
fn cloudfront_headers<'n>(
    named: impl Iterator<Item = &'n String>,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Vec<CloudFrontHeader> {
    let mut made = Vec::new();
    let mut not_made = Vec::new();
    for name in named.filter(|name| is_cloudfronts(name)) {
        let Some(header) = CloudFrontHeader::named(name) else {
            not_made.push(name.as_str());
            continue;
        };
        if !made.contains(&header) {
            made.push(header);
        }
    }
    if !not_made.is_empty() {
        problems.push(place.warning(
            format!("asks for {}", not_made.join(", ")),
            "this edge does not make these headers: origins will not get them",
        ));
    }
    made
}

/// Source: Developer Guide, "Request and response behavior for custom origins", Vary.
fn with_encoding_and_cookie(mut names: Vec<HeaderName>) -> Vec<HeaderName> {
    let device = names
        .iter()
        .any(|name| name.as_str().starts_with("cloudfront-is-"));
    let mut always = vec![http::header::ACCEPT_ENCODING, http::header::COOKIE];
    if device {
        always.push(http::header::USER_AGENT);
    }
    for name in always {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
