//! Which of the viewer's headers an origin is sent as they came.

use http::header::{self, CONNECTION, COOKIE, Entry};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tideover_config::{
    AcceptEncoding, Behavior, HeaderSelection, MethodSet, NameSelection, OriginRequest,
    wildcard_matches,
};

use super::{Frame, Request};
use crate::fields::{Fields, Known, Names};

/// Adds those that go on to `headers`, which has the frame.
pub(super) fn add(
    behavior: &Behavior,
    frame: &Frame,
    request: Request<'_>,
    headers: &mut HeaderMap,
) {
    let connection = Connection::of(request.fields);
    for (name, value) in request.fields.map() {
        if goes_on(behavior, request.method, name) && !connection.names(name) && !frame.has(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let Some(cookies) = cookies(&behavior.origin_request.cookies, request.fields) {
        headers.insert(COOKIE, cookies);
    }
}

/// Up to so many headers it is cheaper to add them to the frame than the frame to them.
const FEW: usize = 5;

/// Whether [`whole`] does for these fields, and costs less than to add them one by one: [`goes_on`] must say no to names
/// only that [`Fields`] knows, whatever the method.
pub(super) fn is_cheaper_whole(plan: &OriginRequest, sent: Fields<'_>) -> bool {
    sent.map().len() > FEW
        && plan.headers == HeaderSelection::All
        && plan.authorization
        && plan.forwarded_host_and_proto
        && plan.viewer_user_agent
        && !Connection::of(sent).names_headers
}

/// Those that go on, with room for `more`: a copy of all of them without the few that do not. What the frame overwrites
/// may still be in it.
pub(super) fn whole(plan: &OriginRequest, sent: Fields<'_>, more: usize) -> HeaderMap {
    let mut headers = sent.map().clone();
    headers.reserve(more);
    for known in sent.names().and(NEVER).iter() {
        headers.remove(known.name());
    }
    if !plan.trailers && sent.has(Known::Trailer) {
        headers.remove(header::TRAILER);
    }
    if plan.accept_encoding != AcceptEncoding::Viewer && sent.has(Known::AcceptEncoding) {
        headers.remove(header::ACCEPT_ENCODING);
    }
    if sent.has(Known::Cookie)
        && (plan.cookies != NameSelection::All || sent.repeats(Known::Cookie))
    {
        headers.remove(COOKIE);
        if let Some(cookies) = cookies(&plan.cookies, sent) {
            headers.insert(COOKIE, cookies);
        }
    }
    headers
}

/// The names that [`goes_on`] knows from everywhere, but `Host`, `Via` and `X-Forwarded-*`, which are always overwritten.
const NEVER: Names = Names::of(&[
    Known::Connection,
    Known::ContentLength,
    Known::Expect,
    Known::Http2Settings,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Te,
    Known::TideoverToken,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::XForwardedHost,
    Known::XRealIp,
]);

/// How a header fares under the two selections that name what they let through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Goes with every request.
    Always,
    /// Not without being listed; `ForwardedValues` lets it through unasked.
    Ordinary,
    /// Not without being listed, by `ForwardedValues` neither.
    Listed,
}

/// Whether a header goes on as it is; what the edge makes or adds to by itself does not. The rows are those of the
/// Developer Guide, "Request and response behavior for custom origins", HTTP request headers and CloudFront behavior.
///
/// What describes a body, conditions and ranges always go: a policy's caching would ask for them, and without a cache it
/// is the viewer's that are asked for.
fn goes_on(behavior: &Behavior, method: &Method, name: &HeaderName) -> bool {
    let plan = &behavior.origin_request;
    match *name {
        // Hop by hop, or the framing of a body; `Expect` is answered by this hop. The last three are made, or added to.
        CONNECTION
        | header::CONTENT_LENGTH
        | header::EXPECT
        | header::PROXY_AUTHENTICATE
        | header::PROXY_AUTHORIZATION
        | header::TE
        | header::TRANSFER_ENCODING
        | header::UPGRADE
        | header::HOST
        | header::VIA
        | COOKIE => false,
        header::TRAILER => plan.trailers,
        header::USER_AGENT => plan.viewer_user_agent,
        header::ACCEPT_ENCODING => plan.accept_encoding == AcceptEncoding::Viewer,
        header::AUTHORIZATION => {
            authorization_goes_on(behavior, method) && selects(&plan.headers, name, Row::Always)
        }
        header::IF_MATCH
        | header::IF_MODIFIED_SINCE
        | header::IF_NONE_MATCH
        | header::IF_RANGE
        | header::IF_UNMODIFIED_SINCE
        | header::RANGE => selects(&plan.headers, name, Row::Always),
        header::ACCEPT | header::ACCEPT_CHARSET | header::ACCEPT_LANGUAGE | header::REFERER => {
            selects(&plan.headers, name, Row::Listed)
        }
        _ => other_goes_on(plan, name),
    }
}

/// The names that http has no constant for, and those that nobody has a rule for.
///
/// `X-Real-IP` and `X-Forwarded-Proto` are the edge's to say, whoever asks for them. The names that CloudFront makes
/// itself (`CloudFront-*`, `X-Edge-*`) are no viewer's where the edge stands in for CloudFront; an edge that tells
/// origins about viewers in `X-Forwarded-*` may stand behind the real one, and lets them through.
fn other_goes_on(plan: &OriginRequest, name: &HeaderName) -> bool {
    match name.as_str() {
        "keep-alive" | "proxy-connection" | "http2-settings" | "x-forwarded-for" | "x-real-ip"
        | "x-forwarded-proto" | "tideover-token" => false,
        "x-forwarded-host" if plan.forwarded_host_and_proto => false,
        "x-http-method-override" => selects(&plan.headers, name, Row::Listed),
        text if text.starts_with("content-") => selects(&plan.headers, name, Row::Always),
        text if !plan.forwarded_host_and_proto
            && (text.starts_with("x-edge-") || is_about_the_viewer(text)) =>
        {
            false
        }
        _ => selects(&plan.headers, name, Row::Ordinary),
    }
}

fn selects(selection: &HeaderSelection, name: &HeaderName, row: Row) -> bool {
    match selection {
        HeaderSelection::All => true,
        HeaderSelection::AllExcept(dropped) => !dropped.contains(name),
        HeaderSelection::Only(kept) => row == Row::Always || kept.contains(name),
        HeaderSelection::LegacyWith(kept) => row != Row::Listed || kept.contains(name),
    }
}

/// Writes always carry it; GET and HEAD where the behavior says so; OPTIONS also where it is not a cached method, which
/// shows in its not falling through.
fn authorization_goes_on(behavior: &Behavior, method: &Method) -> bool {
    behavior.origin_request.authorization
        || MethodSet::WRITES.contains(method)
        || (*method == Method::OPTIONS && !behavior.falls_through.contains(method))
}

/// The names of Developer Guide, "Add CloudFront request headers".
fn is_about_the_viewer(name: &str) -> bool {
    name.strip_prefix("cloudfront-").is_some_and(|rest| {
        rest.starts_with("viewer-") || rest.starts_with("is-") || rest == "forwarded-proto"
    })
}

/// `Cookie` with the chosen ones, in one line; `None` if none is left.
fn cookies(selection: &NameSelection, sent: Fields<'_>) -> Option<HeaderValue> {
    if !sent.has(Known::Cookie)
        || *selection == NameSelection::None
        || Connection::of(sent).names(&COOKIE)
    {
        return None;
    }
    let mut lines = sent.lines(Known::Cookie);
    let first = lines.next()?;
    if *selection == NameSelection::All && lines.next().is_none() {
        return Some(first.clone());
    }
    let mut chosen = Vec::new();
    for cookie in chosen_cookies(selection, sent) {
        if !chosen.is_empty() {
            chosen.extend_from_slice(b"; ");
        }
        chosen.extend_from_slice(cookie);
    }
    HeaderValue::try_from(chosen)
        .ok()
        .filter(|value| !value.is_empty())
}

/// The chosen cookies of all lines in the order in which they came, `name=value` each, white space around them cut off.
pub(crate) fn chosen_cookies<'h>(
    selection: &NameSelection,
    sent: Fields<'h>,
) -> impl Iterator<Item = &'h [u8]> {
    let patterns_have = |names: &[String], name: &[u8]| {
        names
            .iter()
            .any(|pattern| wildcard_matches(pattern.as_bytes(), name))
    };
    let is_kept = move |cookie: &&[u8]| {
        let name = cookie.split(|byte| *byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii_end();
        match selection {
            NameSelection::All => true,
            NameSelection::None => false,
            NameSelection::Only(kept) => patterns_have(kept, name),
            NameSelection::Except(dropped) => !patterns_have(dropped, name),
        }
    };
    sent.lines(Known::Cookie)
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|cookie| !cookie.is_empty())
        .filter(is_kept)
}

/// What `Connection` says of other headers. Source: RFC 9110, section 7.6.1.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'h> {
    fields: Fields<'h>,
    /// False for `keep-alive` and `close`, which are no headers of anybody: nothing needs comparing then.
    names_headers: bool,
}

impl<'h> Connection<'h> {
    pub(crate) fn of(fields: Fields<'h>) -> Self {
        let names_headers = fields.elements(Known::Connection).any(|option| {
            !option.eq_ignore_ascii_case(b"keep-alive") && !option.eq_ignore_ascii_case(b"close")
        });
        Self {
            fields,
            names_headers,
        }
    }

    pub(crate) fn names(self, name: &HeaderName) -> bool {
        self.names_headers
            && self
                .fields
                .elements(Known::Connection)
                .any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
    }

    /// The lines of `known`, unless it is for this connection only.
    pub(super) fn unless_named(self, known: Known) -> impl Iterator<Item = &'h HeaderValue> {
        (!(self.names_headers && self.names(&known.name())))
            .then(|| self.fields.lines(known))
            .into_iter()
            .flatten()
    }
}

/// Takes `Connection` out, and returns the names that stand in it; no `Vec` is allocated for `keep-alive` and `close`.
pub(super) fn take_connection(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let Entry::Occupied(connection) = headers.entry(CONNECTION) else {
        return Vec::new();
    };
    let named = connection
        .iter()
        .filter(|line| *line != "keep-alive" && *line != "close")
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        .collect();
    connection.remove();
    named
}
