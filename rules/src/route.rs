//! Host, path and method -> distribution, behavior and target; or what the viewer is told instead.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::{Method, StatusCode, Version};
use tideover_config::{
    Behavior, Distribution, Edge, GetBody, Hosts, Limits, LoopCheck, MethodSet, Target,
    ViewerProtocol, ViewerScheme,
};

use crate::admit::Host;
use crate::fields::{Fields, Known};

/// No path and query is longer, whatever the config says: with any origin path in front it still is a target that the
/// HTTP library can hold (65,534 bytes).
const MOST_URL_BYTES: usize = 65_000;

/// A head larger than this gets the status that RFC 6585, section 5, has for it, as one gets that is too large to be read
/// at all; up to here it is CloudFront's 413.
const MOST_HEAD_BYTES: usize = 65_536;

/// More `Via` elements of CloudFront distributions than this are a chain too long.
/// Source: Developer Guide, "HTTP 403 status code"; whether the answering distribution counts is not said there, so the
/// longer chain is served.
const MOST_DISTRIBUTIONS_IN_VIA: usize = 2;

/// What routing knows of a request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'r> {
    /// As sent.
    pub method: &'r Method,
    /// From [`admit`](crate::admit::admit): no port, any letter case; empty for HTTP/1.0 without `Host`.
    pub host: &'r str,
    /// As sent, starting with `/`, or `*`.
    pub path: &'r str,
    /// As sent, without `?`.
    pub query: Option<&'r str>,
    /// How the viewer came, or is counted as having come.
    pub scheme: ViewerScheme,
    /// As sent.
    pub version: Version,
    /// True if the request has a body (a length above 0, or chunked).
    pub has_body: bool,
    /// For the loop check and the lengths of head and body only.
    pub fields: Fields<'r>,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub struct Route<'e, 'r> {
    /// Who was asked.
    pub distribution: &'e Distribution,
    /// The first behavior that takes the request.
    pub behavior: &'e Behavior,
    /// Its position in the distribution's list.
    pub behavior_index: usize,
    /// Who answers.
    pub target: &'e Target,
    /// The path to ask the origin for: as sent, or the default root object.
    pub path: &'r str,
}

/// What the viewer is told instead of an origin's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No distribution answers to this host: 403.
    UnknownHost,
    /// The viewer opened its connection for a server with another certificate: 421.
    Misdirected,
    /// The distribution is disabled: 403.
    Disabled,
    /// Path and query are too long: 413, and the connection is closed.
    UrlTooLong,
    /// The head is too large: 413, and the connection is closed.
    HeadTooLarge,
    /// The head is larger than any that is meant well: 431, and the connection is closed.
    FieldsTooLarge,
    /// The body will be too large, as its length says: 413, and the connection is closed.
    BodyTooLarge,
    /// The request went in a circle: 403 (`Via`) or 508 (`CDN-Loop`).
    Loop(StatusCode),
    /// The behavior does not allow the method, or nobody knows it: 403, without `Allow`.
    MethodNotAllowed,
    /// GET or HEAD with a body, where that is refused: 403.
    GetWithBody,
    /// Plain HTTP where only HTTPS is served, or that cannot be redirected: a write over HTTP/1.0, a request that names no
    /// host or no path. 403.
    HttpsRequired,
    /// Plain HTTP that is sent to HTTPS: 301 for GET and HEAD, 307 for the rest; same host, path and query.
    RedirectToHttps(StatusCode),
}

impl Refusal {
    /// The status of the answer. Source: Developer Guide, "Request and response behavior for custom origins";
    /// RFC 8586 names no status, 508 is the custom of those who send `CDN-Loop`.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownHost
            | Self::Disabled
            | Self::MethodNotAllowed
            | Self::GetWithBody
            | Self::HttpsRequired => StatusCode::FORBIDDEN,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::UrlTooLong | Self::HeadTooLarge | Self::BodyTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Loop(status) | Self::RedirectToHttps(status) => *status,
        }
    }

    /// Why, as one sentence for the viewer.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownHost => "Nothing is served here under this host name.",
            Self::Misdirected => {
                "This host has another certificate than the one that this connection was opened with."
            }
            Self::Disabled => "This distribution is disabled.",
            Self::UrlTooLong => "The URL is too long.",
            Self::HeadTooLarge | Self::FieldsTooLarge => "The request headers are too large.",
            Self::BodyTooLarge => "The request body is too large.",
            Self::Loop(_) => {
                "The request has passed here before: the origin leads back to this edge."
            }
            Self::MethodNotAllowed => "This request method is not allowed for this path.",
            Self::GetWithBody => "A GET or HEAD request must not have a body.",
            Self::HttpsRequired => "This path is served over HTTPS only.",
            Self::RedirectToHttps(_) => "This path is served over HTTPS.",
        }
    }
}

/// Where the request goes, or why not. A refusal comes with the distribution whose voice it is spoken in, if one was found.
///
/// The order of checks: host, enabled, URL length, head length, body length, loop, behavior, protocol, method, body.
/// Source: Developer Guide, "All distribution settings reference"; "Request and response behavior for custom origins";
/// where the order is not documented it is ours.
pub fn route<'e: 'r, 'r>(
    edge: &'e Edge,
    arrival: &Arrival<'r>,
) -> Result<Route<'e, 'r>, (Refusal, Option<&'e Distribution>)> {
    let distribution = distribution(edge, arrival.host).ok_or((Refusal::UnknownHost, None))?;
    let refused = |refusal| Err((refusal, Some(distribution)));
    if !distribution.enabled {
        return refused(Refusal::Disabled);
    }
    if let Some(refusal) = too_long(&edge.listen.limits, arrival)
        .or_else(|| went_in_a_circle(distribution, arrival.fields))
    {
        return refused(refusal);
    }
    let route = within(edge, distribution, arrival.method, arrival.path);
    match refusal_of(route.behavior, arrival) {
        Some(refusal) => refused(refusal),
        None => Ok(route),
    }
}

/// Where a viewer is sent who came over plain HTTP: the same host, path and query over HTTPS. A host with a port is a set-up
/// on a machine of its own, where 443 would lead nowhere: it gets the port of the edge's listener for TLS, if there is one.
pub fn https_location(host: &Host<'_>, target: &str, port: Option<u16>) -> String {
    let has_port = host
        .sent
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match port {
        Some(443) if has_port => ["https://", host.name, target].concat(),
        Some(port) if has_port => format!("https://{}:{port}{target}", host.name),
        Some(_) | None => ["https://", host.sent, target].concat(),
    }
}

/// Where a request of the edge's own goes: a custom error page is fetched by the distribution's behaviors, and nothing of
/// that is refused.
pub fn within<'e: 'r, 'r>(
    edge: &'e Edge,
    distribution: &'e Distribution,
    method: &Method,
    path: &'r str,
) -> Route<'e, 'r> {
    let path = match &distribution.default_root_object {
        Some(root) if path == "/" => root,
        Some(_) | None => path,
    };
    let (behavior_index, behavior) = behavior(distribution, method, path);
    Route {
        distribution,
        behavior,
        behavior_index,
        target: edge.target(behavior.target),
        path,
    }
}

/// The distribution that answers to `host`, any letter case. An exact name comes before a wildcard, a longer wildcard
/// before a shorter one. An empty host is nobody's but of the one that takes any.
/// Source: Developer Guide, "Use custom URLs by adding alternate domain names".
pub fn distribution<'e>(edge: &'e Edge, host: &str) -> Option<&'e Distribution> {
    let hosts = &edge.hosts;
    let index = exact(hosts, host)
        .or_else(|| wildcard(hosts, host))
        // Whoever takes any name takes these too.
        .or_else(|| {
            hosts
                .local
                .filter(|local| hosts.any == Some(*local) || is_local(host))
        })
        .or(hosts.any)?;
    edge.distributions.get(usize::from(index))
}

/// The path that patterns are compared with: repeated slashes as one, then `.` and `..` resolved (RFC 3986, section
/// 5.2.4). Escapes are left alone. Borrowed where nothing changes; the origin is always sent the path as it came.
/// Source: Developer Guide, "All distribution settings reference", path pattern.
pub fn normalised(path: &str) -> Cow<'_, str> {
    if !path.starts_with('/') || is_normal(path.as_bytes()) {
        return Cow::Borrowed(path);
    }
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_open = false;
    for segment in path.split('/') {
        ends_open = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut normal = String::with_capacity(path.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if ends_open || segments.is_empty() {
        normal.push('/');
    }
    Cow::Owned(normal)
}

/// Neither `//` nor a segment that is `.` or `..`.
fn is_normal(path: &[u8]) -> bool {
    // Nearly always so, and said without a branch per byte: no slash is followed by one, or by a dot.
    #[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
    fn is_suspect(seen: bool, (one, next): (&u8, &u8)) -> bool {
        seen | ((*one == b'/') & ((*next == b'/') | (*next == b'.')))
    }
    let after = path.get(1..).unwrap_or_default();
    if !path.iter().zip(after).fold(false, is_suspect) {
        return true;
    }
    let mut rest = path;
    while let [first, after @ ..] = rest {
        if *first == b'/' {
            match after {
                [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..] => {
                    return false;
                }
                _ => {}
            }
        }
        rest = after;
    }
    true
}

/// The first behavior that takes the request; the last one takes everything.
fn behavior<'e>(
    distribution: &'e Distribution,
    method: &Method,
    path: &str,
) -> (usize, &'e Behavior) {
    let path = normalised(path);
    let behaviors = &distribution.behaviors;
    let last = behaviors.len() - 1;
    behaviors
        .candidates(&path)
        .map(|index| (index, &behaviors[index]))
        .find(|(index, behavior)| {
            // The default behavior needs no comparison: it takes what is left.
            *index == last
                || (behavior
                    .for_methods
                    .is_none_or(|methods| methods.contains(method))
                    && behavior.path.matches(&path))
        })
        .expect("compile checked that there is a default behavior")
}

fn refusal_of(behavior: &Behavior, arrival: &Arrival<'_>) -> Option<Refusal> {
    let method = arrival.method;
    let is_read = MethodSet::READS.contains(method);
    if arrival.scheme == ViewerScheme::Http {
        match behavior.viewer_protocol {
            ViewerProtocol::HttpAndHttps => {}
            ViewerProtocol::HttpsOnly => return Some(Refusal::HttpsRequired),
            // HTTP/1.0 without `Host`, or `OPTIONS *`: there is no URL to send anybody to.
            ViewerProtocol::RedirectToHttps
                if arrival.host.is_empty() || !arrival.path.starts_with('/') =>
            {
                return Some(Refusal::HttpsRequired);
            }
            ViewerProtocol::RedirectToHttps if is_read => {
                return Some(Refusal::RedirectToHttps(StatusCode::MOVED_PERMANENTLY));
            }
            // An HTTP/1.0 client does not know 307 and might turn a write into a GET.
            ViewerProtocol::RedirectToHttps if arrival.version <= Version::HTTP_10 => {
                return Some(Refusal::HttpsRequired);
            }
            ViewerProtocol::RedirectToHttps if MethodSet::ALL.contains(method) => {
                return Some(Refusal::RedirectToHttps(StatusCode::TEMPORARY_REDIRECT));
            }
            ViewerProtocol::RedirectToHttps => return Some(Refusal::MethodNotAllowed),
        }
    }
    if !behavior.allowed_methods.contains(method) {
        return Some(Refusal::MethodNotAllowed);
    }
    (arrival.has_body && is_read && behavior.get_body == GetBody::Refused)
        .then_some(Refusal::GetWithBody)
}

/// Source: Developer Guide, "Quotas": maximum length of a URL; maximum length of a request, headers and query strings included;
/// maximum file size. A body whose length is not told is counted as it comes, elsewhere.
fn too_long(limits: &Limits, arrival: &Arrival<'_>) -> Option<Refusal> {
    let url_bytes = arrival.path.len() + arrival.query.map_or(0, |query| query.len() + 1);
    if url_bytes > limits.url_bytes.min(MOST_URL_BYTES) {
        return Some(Refusal::UrlTooLong);
    }
    let bytes = url_bytes + arrival.fields.bytes();
    if bytes > MOST_HEAD_BYTES.max(limits.head_bytes) {
        return Some(Refusal::FieldsTooLarge);
    }
    if bytes > limits.head_bytes {
        return Some(Refusal::HeadTooLarge);
    }
    let is_too_much = || {
        let said = arrival.fields.first(Known::ContentLength)?.to_str().ok()?;
        // Other than digits was refused before: what does not fit is more than any limit.
        Some(said.parse().map_or(u64::MAX, |bytes: u64| bytes) > limits.body_bytes)
    };
    (arrival.has_body && is_too_much().unwrap_or(false)).then_some(Refusal::BodyTooLarge)
}

fn went_in_a_circle(distribution: &Distribution, fields: Fields<'_>) -> Option<Refusal> {
    match &distribution.loops {
        LoopCheck::Via => {
            let mut others = 0;
            let own = without_comment(distribution.voice.via.received_by());
            let is_own_or_too_many = fields.elements(Known::Via).any(|element| {
                let by = received_by(element);
                others += usize::from(by.ends_with(b".cloudfront.net"));
                by.eq_ignore_ascii_case(own) || others > MOST_DISTRIBUTIONS_IN_VIA
            });
            is_own_or_too_many.then_some(Refusal::Loop(StatusCode::FORBIDDEN))
        }
        LoopCheck::CdnLoop { cdn_id } => fields
            .elements(Known::CdnLoop)
            .any(|element| {
                let id = element.split(|byte| *byte == b';').next();
                id.is_some_and(|id| id.trim_ascii().eq_ignore_ascii_case(cdn_id.as_bytes()))
            })
            .then_some(Refusal::Loop(StatusCode::LOOP_DETECTED)),
    }
}

/// Who an element of `Via` names, after the version. A comment says nothing: anybody on the way may take it out (RFC 9110,
/// section 7.6.3).
fn received_by(element: &[u8]) -> &[u8] {
    let version = element
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace());
    let named = element.get(version.count()..).unwrap_or_default();
    without_comment(named.trim_ascii_start())
}

fn without_comment(received_by: &[u8]) -> &[u8] {
    received_by
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default()
}

fn exact(hosts: &Hosts, host: &str) -> Option<u16> {
    if hosts.exact.is_empty() {
        return None;
    }
    if !host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return hosts.exact.get(host).copied();
    }
    // No name is longer than 253 bytes: lower case needs no allocation.
    let mut space = [0; 253];
    let lower = space.get_mut(..host.len())?;
    lower.copy_from_slice(host.as_bytes());
    lower.make_ascii_lowercase();
    hosts.exact.get(std::str::from_utf8(lower).ok()?).copied()
}

fn wildcard(hosts: &Hosts, host: &str) -> Option<u16> {
    hosts
        .wildcards
        .iter()
        .find(|(suffix, _)| {
            // Something has to stand for the star.
            let end = host.len().checked_sub(suffix.len());
            end.filter(|end| *end > 0)
                .and_then(|end| host.as_bytes().get(end..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
        })
        .map(|(_, index)| *index)
}

/// `localhost`, `*.localhost` (RFC 6761, section 6.3), or a loopback address.
fn is_local(host: &str) -> bool {
    let ends_in_localhost = host
        .len()
        .checked_sub("localhost".len())
        .and_then(|start| Some((host.get(..start)?, host.get(start..)?)))
        .is_some_and(|(before, end)| {
            end.eq_ignore_ascii_case("localhost") && (before.is_empty() || before.ends_with('.'))
        });
    ends_in_localhost
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
        || host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .and_then(|host| host.parse::<Ipv6Addr>().ok())
            .is_some_and(|address| address.is_loopback() || is_mapped_loopback(&address))
}

fn is_mapped_loopback(address: &Ipv6Addr) -> bool {
    address
        .to_ipv4_mapped()
        .is_some_and(|address| address.is_loopback())
}
