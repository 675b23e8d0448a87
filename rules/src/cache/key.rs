//! The bytes that name what a cache keeps.

mod shown;

use http::header::{COOKIE, HOST};
use http::{HeaderName, Method};
use tideover_config::{
    AcceptEncoding, CachePolicy, CloudFrontHeader, KeyParts, NameSelection, ViewerScheme,
};

use crate::fields::{Fields, Known};
use crate::headers::copied::{Connection, chosen_cookies};
use crate::headers::target::kept_of_query;
use crate::headers::{Request, Viewer, made};

pub use shown::{KeyPart, parts};

/// Writes the key of `request` into `key`, which is emptied first: two requests get the same bytes if and only if `policy`
/// does not tell them apart. GET and HEAD share a key. Nothing is allocated but what `key` grows by.
///
/// It begins with the distribution's id and the target (path, and what the policy leaves of the query), which
/// [`target`] and [`distribution`] find again. The query is compared as it stands: no parameter is sorted, and `/a?` is not
/// `/a`. Header values and cookies are compared byte by byte and in their order, an absent header is no empty one, and two
/// lines are not one with a comma. `Host` is compared as a host (RFC 9110, section 4.2.3): letters in either case, without
/// the default port.
///
/// A header that `Connection` names counts as absent, as the origin is not sent it: else whoever named it could have the
/// answer for a request without it kept as that for a request with it.
///
/// Source: Developer Guide, "Understand the cache key".
pub fn write(
    policy: &CachePolicy,
    distribution: &str,
    path: &str,
    request: Request<'_>,
    viewer: &Viewer<'_>,
    key: &mut Vec<u8>,
) {
    let parts = &policy.key;
    let sent = request.fields;
    key.clear();
    push(key, distribution.as_bytes());
    push_target(key, &parts.query, path, request);
    key.push(shape(parts, *request.method == Method::OPTIONS));
    if let [HOST] = *parts.headers {
        push_host(key, viewer);
    } else if !parts.headers.is_empty() {
        push_headers(key, &parts.headers, sent, viewer);
    }
    push_cookies(key, &parts.cookies, sent);
    if let AcceptEncoding::Normalised { gzip, brotli } = parts.accept_encoding {
        let accepted = made::accept_encoding(sent, viewer.version, gzip, brotli);
        push(key, accepted.unwrap_or_default().as_bytes());
    }
    for wanted in &parts.made {
        push_made(key, *wanted, viewer);
    }
}

/// Which of the parts there are, and whether it is one for OPTIONS.
fn shape(parts: &KeyParts, is_options: bool) -> u8 {
    let kind = |selection: &NameSelection| match selection {
        NameSelection::None => 0,
        NameSelection::All => 1,
        NameSelection::Only(_) => 2,
        NameSelection::Except(_) => 3,
    };
    let normalises = matches!(parts.accept_encoding, AcceptEncoding::Normalised { .. });
    kind(&parts.query)
        | kind(&parts.cookies) << 2
        | u8::from(normalises) << 4
        | u8::from(is_options) << 5
}

fn push_target(key: &mut Vec<u8>, selection: &NameSelection, path: &str, request: Request<'_>) {
    let at = open(key);
    key.extend_from_slice(path.as_bytes());
    if let Some(query) = request.target.query() {
        let mut separator = b'?';
        for parameter in kept_of_query(selection, query) {
            key.push(separator);
            key.extend_from_slice(parameter.as_bytes());
            separator = b'&';
        }
    }
    close(key, at);
}

/// By their names, so that a policy with other headers makes other keys.
fn push_headers(key: &mut Vec<u8>, names: &[HeaderName], sent: Fields<'_>, viewer: &Viewer<'_>) {
    let connection = Connection::of(sent);
    for name in names {
        if *name == HOST {
            push_host(key, viewer);
            continue;
        }
        push(key, name.as_str().as_bytes());
        if !connection.names(name) {
            for line in sent.map().get_all(name) {
                push_one_more(key, line.as_bytes());
            }
        }
        key.push(NO_MORE);
    }
}

/// An empty name stands for that of `Host`.
fn push_host(key: &mut Vec<u8>, viewer: &Viewer<'_>) {
    push(key, b"");
    if let Some(host) = viewer.host {
        let default_port: &[u8] = match viewer.scheme {
            ViewerScheme::Http => b"80",
            ViewerScheme::Https => b"443",
        };
        let at = key.len();
        push_one_more(key, without_port(host.as_bytes(), default_port));
        if let Some(written) = key.get_mut(at + 1 + LENGTH..) {
            written.make_ascii_lowercase();
        }
    }
    key.push(NO_MORE);
}

/// `host` without `:port`, or without the `:` of no port; as it is if it has another one. The colons of an IPv6 address are
/// in brackets.
fn without_port<'h>(host: &'h [u8], port: &[u8]) -> &'h [u8] {
    let name = host.strip_suffix(port).unwrap_or(host);
    match name.strip_suffix(b":") {
        Some(name) if name.ends_with(b"]") || !name.contains(&b':') => name,
        Some(_) | None => host,
    }
}

fn push_cookies(key: &mut Vec<u8>, selection: &NameSelection, sent: Fields<'_>) {
    if *selection == NameSelection::None {
        return;
    }
    if sent.has(Known::Cookie) && !Connection::of(sent).names(&COOKIE) {
        for cookie in chosen_cookies(selection, sent) {
            push_one_more(key, cookie);
        }
    }
    key.push(NO_MORE);
}

/// What the edge says of the viewer, in as few bytes as tell it from whatever else it may say.
fn push_made(key: &mut Vec<u8>, wanted: CloudFrontHeader, viewer: &Viewer<'_>) {
    match wanted {
        CloudFrontHeader::ForwardedProto => key.push(match viewer.scheme {
            ViewerScheme::Http => b'h',
            ViewerScheme::Https => b's',
        }),
        CloudFrontHeader::ViewerAddress => {
            key.push(b'a');
            push(key, viewer.address_text.as_bytes());
            key.extend_from_slice(&viewer.port.to_le_bytes());
        }
        CloudFrontHeader::ViewerHttpVersion => {
            key.push(b'v');
            push(key, made::http_version(viewer).as_bytes());
        }
    }
}

/// Bytes of a length.
const LENGTH: usize = size_of::<u32>();
/// Before one more of what there may be any number of.
const ONE_MORE: u8 = 1;
/// Behind the last one.
const NO_MORE: u8 = 0;

/// A part behind its length: whatever is in it, it is not taken for another part.
pub(super) fn push(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&length(part.len()));
    key.extend_from_slice(part);
}

/// One of a list whose end is [`NO_MORE`].
fn push_one_more(key: &mut Vec<u8>, part: &[u8]) {
    key.push(ONE_MORE);
    push(key, part);
}

/// Begins a part that is written in pieces, up to [`close`].
pub(super) fn open(key: &mut Vec<u8>) -> usize {
    key.extend_from_slice(&[0; LENGTH]);
    key.len()
}

/// Ends the part that was [opened](open) `at` there.
pub(super) fn close(key: &mut [u8], at: usize) {
    let length = length(key.len().saturating_sub(at));
    let place = at
        .checked_sub(LENGTH)
        .and_then(|from| key.get_mut(from..at));
    if let Some(place) = place {
        place.copy_from_slice(&length);
    }
}

fn length(bytes: usize) -> [u8; LENGTH] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// The part at the beginning of `key`, and what follows it.
fn part(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

/// The id of the distribution that a key is of; empty if it is no key.
pub fn distribution(key: &[u8]) -> &[u8] {
    part(key).map_or(&[], |(distribution, _)| distribution)
}

/// Path and query that a key is of; empty if it is no key.
pub fn target(key: &[u8]) -> &[u8] {
    let target = part(key).and_then(|(_, rest)| part(rest));
    target.map_or(&[], |(target, _)| target)
}
