//! The CORS part of a response headers policy.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tideover_config::{Cors, wildcard_matches};

use super::Request;

/// Whether there is any CORS header: an origin that has one silences a policy that does not override.
pub(super) fn is_answered(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"))
}

/// Adds what a CORS request is answered. Without `Origin` nothing is added.
///
/// An allowed origin that is one of a list is named, with `Vary: Origin`, so that no cache hands it to another. Where the
/// policy overrides and does not allow the viewer's origin, an `Access-Control-Allow-Origin` of the server goes: whether
/// CloudFront does so is not documented, but the policy's word was to count.
/// Source: Developer Guide, "Understand response headers policies", CORS headers.
pub(super) fn answer(cors: &Cors, request: Request<'_>, headers: &mut HeaderMap) {
    let Some(origin) = request.fields.map().get(ORIGIN) else {
        return;
    };
    match allowed(cors, origin) {
        Some(Allowed::Any) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        Some(Allowed::This) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            vary_by_origin(headers);
        }
        None => {
            headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
            return;
        }
    }
    let mut set = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    if cors.allow_credentials {
        set(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            Some(HeaderValue::from_static("true")),
        );
    }
    let is_preflight = *request.method == Method::OPTIONS
        && request
            .fields
            .map()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        set(
            ACCESS_CONTROL_ALLOW_HEADERS,
            allowed_headers(cors, request.fields.map()),
        );
        set(ACCESS_CONTROL_ALLOW_METHODS, cors.allow_methods.clone());
        set(ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
    } else {
        set(ACCESS_CONTROL_EXPOSE_HEADERS, cors.expose_headers.clone());
    }
}

enum Allowed {
    Any,
    This,
}

fn allowed(cors: &Cors, origin: &HeaderValue) -> Option<Allowed> {
    if cors.allow_origins.iter().any(|pattern| pattern == "*") {
        return Some(Allowed::Any);
    }
    let origin = origin.to_str().ok()?;
    cors.allow_origins
        .iter()
        .any(|pattern| matches(pattern, origin))
        .then_some(Allowed::This)
}

/// Whether `origin`, as a browser writes it, is meant by `pattern`: a scheme counts only if the pattern has one, `*.`
/// stands for at least one label, and a port is matched by an equal one or by `*` (which also takes an origin without).
fn matches(pattern: &str, origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    let (is_scheme, pattern) = match pattern.split_once("://") {
        Some((wanted, rest)) => (wanted.eq_ignore_ascii_case(scheme), rest),
        None => (scheme == "http" || scheme == "https", pattern),
    };
    let (wanted, wanted_port) = split_port(pattern);
    let (host, port) = split_port(host);
    let is_host = match wanted.strip_prefix('*') {
        Some(suffix) => {
            // `*` alone, or `*.example.org`, which the bare name is not.
            host.len() > suffix.len()
                && host
                    .as_bytes()
                    .get(host.len() - suffix.len()..)
                    .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
        }
        None => host.eq_ignore_ascii_case(wanted),
    };
    let is_port = match (wanted_port, port) {
        (None, None) => true,
        (Some(wanted), port) => {
            wildcard_matches(wanted.as_bytes(), port.unwrap_or_default().as_bytes())
        }
        (None, Some(_)) => false,
    };
    is_scheme && is_host && is_port
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        Some(_) | None => (host, None),
    }
}

/// The policy's list; names with a wildcard (`x-amz-*`), which no browser understands, as those asked for that they match.
fn allowed_headers(cors: &Cors, sent: &HeaderMap) -> Option<HeaderValue> {
    let list = cors.allow_headers.as_ref()?;
    if list == "*" || !list.as_bytes().contains(&b'*') {
        return Some(list.clone());
    }
    let patterns = || elements(list.as_bytes());
    let asked = sent
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|line| elements(line.as_bytes()));
    let mut answer: Vec<&[u8]> = patterns().filter(|name| !name.contains(&b'*')).collect();
    for name in asked {
        let name_lower = name.to_ascii_lowercase();
        let is_meant = patterns()
            .filter(|pattern| pattern.contains(&b'*'))
            .any(|pattern| wildcard_matches(&pattern.to_ascii_lowercase(), &name_lower));
        // A wildcard never means `Authorization`.
        if is_meant && name_lower != b"authorization" {
            answer.push(name);
        }
    }
    HeaderValue::try_from(answer.join(&b", "[..]))
        .ok()
        .filter(|value| !value.is_empty())
}

fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

fn vary_by_origin(headers: &mut HeaderMap) {
    let has_it = headers
        .get_all(VARY)
        .iter()
        .flat_map(|line| elements(line.as_bytes()))
        .any(|token| token == b"*" || token.eq_ignore_ascii_case(b"origin"));
    if !has_it {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}
