//! Host, path and method -> distribution, behavior and target; or what the viewer is told instead.

use http::{HeaderMap, Method, StatusCode, Version};
use tideover_config::{Behavior, Distribution, Edge, Target, ViewerScheme};

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
    /// For the loop check only.
    pub headers: &'r HeaderMap,
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
    /// The distribution is disabled: 403.
    Disabled,
    /// Path and query are too long: 413, and the connection is closed.
    UrlTooLong,
    /// The head is too large: 413, and the connection is closed.
    HeadTooLarge,
    /// The request went in a circle: 403 (`Via`) or 508 (`CDN-Loop`).
    Loop(StatusCode),
    /// The behavior does not allow the method, or nobody knows it: 403, without `Allow`.
    MethodNotAllowed,
    /// GET or HEAD with a body, where that is refused: 403.
    GetWithBody,
    /// Plain HTTP where only HTTPS is served, or a write over HTTP/1.0 that cannot be redirected: 403.
    HttpsRequired,
    /// Plain HTTP that is sent to HTTPS: 301 for GET and HEAD, 307 for the rest; same host, path and query.
    RedirectToHttps(StatusCode),
}

/// Where the request goes, or why not. A refusal comes with the distribution whose voice it is spoken in, if one was found.
///
/// The order of checks: host, enabled, URL length, head length, loop, behavior, protocol, method, body.
/// Source: Developer Guide, "All distribution settings reference"; "Request and response behavior for custom origins";
/// where the order is not documented it is ours.
pub fn route<'e: 'r, 'r>(
    edge: &'e Edge,
    arrival: &Arrival<'r>,
) -> Result<Route<'e, 'r>, (Refusal, Option<&'e Distribution>)> {
    let _ = (edge, arrival);
    todo!()
}

/// The distribution that answers to `host`, any letter case.
pub fn distribution<'e>(edge: &'e Edge, host: &str) -> Option<&'e Distribution> {
    let _ = (edge, host);
    todo!()
}
