//! The head that an origin is sent, and what is left of an origin's head for the viewer.
//!
//! [`for_origin`] and [`for_viewer`] are the two passages; the folder holds their details:
//! `target` (path and query), `frame` (what every head has), `copied` (which of the viewer's headers go on), `made` (values),
//! `location`, `cors`.

pub(crate) mod copied;
mod cors;
mod frame;
mod location;
pub(crate) mod made;
pub(crate) mod target;

pub use frame::Frame;

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{self, LOCATION, SERVER, SET_COOKIE, USER_AGENT, VARY, VIA};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tideover_config::{
    AcceptEncoding, Distribution, Edge, HostHeader, OriginRequest, ResponseHeadersPolicy, Server,
    ViewerScheme, Voice,
};

use crate::fields::{Fields, HOP_BY_HOP, Known, Names, Survey};
use crate::route::Route;
use crate::websocket;

/// What the edge knows about the viewer and adds to requests. Made once per connection, except the request id.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'r> {
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's port.
    pub port: u16,
    /// `address` as text: what `X-Forwarded-For` gets.
    pub address_text: &'r HeaderValue,
    /// How it came.
    pub scheme: ViewerScheme,
    /// `Host` as sent; absent for HTTP/1.0 without one.
    pub host: Option<&'r HeaderValue>,
    /// HTTP version of the request.
    pub version: Version,
    /// This request's id.
    pub request_id: &'r HeaderValue,
}

/// The viewer's request, as far as heads are made from it. For a custom error page the target is the page's.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// What the origin is asked with.
    pub method: &'r Method,
    /// As the viewer sent it. Where nothing has to change the origin is sent a cheap copy of it.
    pub target: &'r PathAndQuery,
    /// As the viewer sent them.
    pub fields: Fields<'r>,
    /// It [asks to switch to WebSocket](crate::websocket::is_asked_for), and the origin may agree.
    pub to_websocket: bool,
    /// Under which conditions, and for which part.
    pub conditions: Conditions<'r>,
}

/// The fields that make an answer another than the whole of it.
pub static CONDITIONS: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// Whose conditions an origin is sent: `If-*` and `Range`.
#[derive(Clone, Copy, Debug)]
pub enum Conditions<'r> {
    /// The viewer's.
    Viewers,
    /// These, of the edge's own, in place of the viewer's: the answer is for others, too.
    Own(&'r [(HeaderName, HeaderValue)]),
}

/// The target and headers of a request to an origin.
#[derive(Debug)]
pub struct OriginHead {
    /// Path and query, origin path included: always starts with `/` (or is `*` for OPTIONS).
    pub path_and_query: PathAndQuery,
    /// All headers but those that frame the body (`Content-Length` and `Transfer-Encoding` are the connection's business).
    pub headers: HeaderMap,
}

/// The head for `server`, made from the viewer's: [`Route::path`] is asked for, with the query of `request.target`. `frame` is
/// that of the route's behavior.
///
/// Hop-by-hop headers, those named in `Connection`, and `Expect` are gone; `Host`, `Via`, `X-Forwarded-For`, the request
/// id, `CDN-Loop`, `X-Forwarded-Host`/`-Proto` and the origin's own headers are there as the behavior says. The viewer's
/// headers are read, never changed.
///
/// `TE` is reduced to `trailers` where trailers are passed on, and then `Connection: te` says so (RFC 9110, section
/// 10.1.4). Of a request that asks for WebSocket, `Upgrade`, `Connection` and `Sec-WebSocket-*` go on. A list header that the edge adds to (`Via`, `X-Forwarded-For`, `CDN-Loop`) is sent as one line, and so is
/// `Cookie` (RFC 9113, section 8.2.3): many applications read only the first line.
///
/// Source: Developer Guide, "Request and response behavior for custom origins", HTTP request headers and CloudFront
/// behavior; RFC 9110, section 7.6.1.
pub fn for_origin(
    route: &Route<'_, '_>,
    frame: &Frame,
    server: &Server,
    request: Request<'_>,
    viewer: &Viewer<'_>,
) -> OriginHead {
    let plan = &route.behavior.origin_request;
    let mut headers = if copied::is_cheaper_whole(plan, request.fields) {
        let mut headers = copied::whole(plan, request.fields, frame.len());
        frame.put_over(&mut headers, route, server, request, viewer);
        headers
    } else {
        let mut headers = frame.filled(route, server, request, viewer);
        copied::add(route.behavior, frame, request, &mut headers);
        headers
    };
    if viewer.host.is_none() && plan.forwarded_host_and_proto {
        headers.remove(Known::XForwardedHost.name());
    }
    add_made(plan, request.fields, viewer, &mut headers);
    for (name, value) in &server.headers {
        headers.insert(name.clone(), value.clone());
    }
    if request.to_websocket {
        websocket::ask(plan, request.fields, &mut headers);
    }
    if let Conditions::Own(own) = request.conditions {
        put_in_place(own, &mut headers);
    }
    OriginHead {
        path_and_query: target::for_origin(&plan.query, &server.path, route.path, request.target),
        headers,
    }
}

/// The viewer's headers with the conditions that hold for the origin: what one that is no server goes by.
pub fn conditioned(request: Request<'_>) -> Cow<'_, HeaderMap> {
    match request.conditions {
        Conditions::Viewers => Cow::Borrowed(request.fields.map()),
        Conditions::Own(own) => {
            let mut headers = request.fields.map().clone();
            put_in_place(own, &mut headers);
            Cow::Owned(headers)
        }
    }
}

/// The edge's `own` conditions, in place of the viewer's.
fn put_in_place(own: &[(HeaderName, HeaderValue)], headers: &mut HeaderMap) {
    for name in &CONDITIONS {
        headers.remove(name);
    }
    for (name, value) in own {
        headers.insert(name.clone(), value.clone());
    }
}

/// Headers that some plans have the edge make.
fn add_made(plan: &OriginRequest, sent: Fields<'_>, viewer: &Viewer<'_>, headers: &mut HeaderMap) {
    if !plan.viewer_user_agent {
        headers.insert(USER_AGENT, made::user_agent());
    }
    if let AcceptEncoding::Normalised { gzip, brotli } = plan.accept_encoding
        && let Some(value) = made::accept_encoding(sent, viewer.version, gzip, brotli)
    {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
    }
    for wanted in &plan.cloudfront_headers {
        if let (name, Some(value)) = made::about_the_viewer(*wanted, viewer) {
            headers.insert(name.clone(), value);
        }
    }
    if plan.trailers && made::accepts_trailers(sent) {
        headers.insert(header::TE, made::trailers());
        headers.insert(header::CONNECTION, made::te());
    }
}

/// `Host` for this server: also the name for SNI and the certificate when it is not the server's own.
/// A viewer without `Host` (HTTP/1.0) leaves the server its own.
/// Source: Developer Guide, "Control origin requests with a policy"; the server's own choice is ours and comes first.
pub fn host_for<'a>(
    plan: &OriginRequest,
    server: &'a Server,
    viewer_host: Option<&'a HeaderValue>,
) -> &'a HeaderValue {
    match &server.host {
        HostHeader::Own if plan.viewer_host => viewer_host.unwrap_or(&server.own_host),
        HostHeader::Own => &server.own_host,
        HostHeader::Viewer => viewer_host.unwrap_or(&server.own_host),
        HostHeader::Named(name) => name,
    }
}

/// Edits an origin's response head in place for the viewer: hop-by-hop headers (and those named in `Connection`) and
/// edge-owned names removed, `Vary`, `Set-Cookie` and `Location` by the behavior, the response headers policy applied,
/// `Via` appended. What the edge adds about this request (`X-Cache`, ids, attempts) is [`told`](crate::told)'s.
/// `survey` is that of `headers`; `request` is the viewer's own (for CORS); `edge` is there for the names of the target's members (for `Location`).
///
/// A 101 keeps `Upgrade` and `Connection`. `Via` has `1.1`, the version of the hop from the origin. An origin's `Proxy-Status` stays: RFC 9209 has every
/// intermediary append its member. `Public-Key-Pins` and `Alternate-Protocol` pass: that CloudFront still removes them is
/// unconfirmed.
/// Source: Developer Guide, "Request and response behavior for custom origins", HTTP response headers that CloudFront
/// removes or updates; "Understand response headers policies"; RFC 9110, sections 7.6.1 and 7.6.3.
pub fn for_viewer(
    edge: &Edge,
    route: &Route<'_, '_>,
    viewer: &Viewer<'_>,
    request: Request<'_>,
    status: StatusCode,
    survey: Survey,
    headers: &mut HeaderMap,
) {
    let distribution = route.distribution;
    let plan = &route.behavior.viewer_response;
    let names = survey.fields(headers).names();
    remove_what_is_not_for_viewers(&distribution.voice, plan.trailers, names, headers);
    if let Some(kept) = &plan.vary_kept
        && names.has(Known::Vary)
    {
        reduce_vary(kept, headers);
    }
    if !plan.set_cookie && names.has(Known::SetCookie) {
        headers.remove(SET_COOKIE);
    }
    // RFC 9110, section 10.2.2: elsewhere `Location` means nothing.
    let is_followed = status.is_redirection() || status == StatusCode::CREATED;
    if plan.rewrite_location
        && is_followed
        && let Some(location) = headers.get(LOCATION)
        && let Some(turned) = location::for_viewer(location, edge, route, viewer)
    {
        headers.insert(LOCATION, turned);
    }
    if let Some(policy) = &plan.policy {
        apply(policy, distribution, request, headers);
    }
    let before = names.has(Known::Via).then(|| headers.get_all(VIA).iter());
    let before = before.into_iter().flatten();
    if let Some(via) = made::added_to(before, distribution.voice.via.by_http_1_1()) {
        headers.insert(VIA, via);
    }
    if status == StatusCode::SWITCHING_PROTOCOLS {
        websocket::agree(headers);
    }
}

/// Removes what an origin says to this hop, and what only this edge says to viewers.
fn remove_what_is_not_for_viewers(
    voice: &Voice,
    trailers: bool,
    names: Names,
    headers: &mut HeaderMap,
) {
    let mut must_go = HOP_BY_HOP.with(Known::TideoverAttempts).with(Known::XCache);
    let pop = voice.pop.as_ref().map(|(name, _)| name);
    for own in [Some(&voice.request_id), pop].into_iter().flatten() {
        if let Some(known) = Known::of(own) {
            must_go = must_go.with(known);
        }
    }
    for known in names.and(must_go).iter() {
        if known == Known::Connection {
            for name in copied::take_connection(headers) {
                headers.remove(name);
            }
        } else if !(trailers && known == Known::Trailer) {
            headers.remove(known.name());
        }
    }
}

/// Leaves `Accept-Encoding`, `Cookie`, `*` and the names in `kept`. What `Vary: *` becomes without a cache is not
/// documented: it is left, since taking it away could let a cache behind us mix up answers.
fn reduce_vary(kept: &[HeaderName], headers: &mut HeaderMap) {
    let stays = |token: &&[u8]| {
        token.eq_ignore_ascii_case(b"accept-encoding")
            || token.eq_ignore_ascii_case(b"cookie")
            || *token == b"*"
            || kept
                .iter()
                .any(|name| token.eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    let tokens = || {
        headers
            .get_all(VARY)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
    };
    if tokens().all(|token| stays(&token)) {
        return;
    }
    let reduced = tokens().filter(stays).collect::<Vec<_>>().join(&b", "[..]);
    match HeaderValue::try_from(reduced) {
        Ok(vary) if !vary.is_empty() => {
            headers.insert(VARY, vary);
        }
        Ok(_) | Err(_) => {
            headers.remove(VARY);
        }
    }
}

/// Removals first, then additions. A removed `Server` is followed by the edge's own; a removed `Date` by the connection's.
fn apply(
    policy: &ResponseHeadersPolicy,
    distribution: &Distribution,
    request: Request<'_>,
    headers: &mut HeaderMap,
) {
    for name in &policy.removed {
        headers.remove(name);
    }
    if policy.removed.contains(&SERVER) {
        headers.insert(SERVER, distribution.voice.server.clone());
    }
    // Before the policy speaks: its own headers are no word of the origin's on CORS.
    let has_cors = cors::is_answered(headers);
    for (name, value, replaces) in &policy.set {
        if *replaces || !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if let Some(cors) = &policy.cors
        && (cors.origin_override || !has_cors)
    {
        cors::answer(cors, request, headers);
    }
}
