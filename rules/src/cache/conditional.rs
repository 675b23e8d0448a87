//! Who has it already: a viewer's conditions against what is kept, and the edge's own towards the origin.

use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::date;
use super::freshness::PROXY_AUTHENTICATION_INFO;
use crate::fields::{Fields, HOP_BY_HOP, Known};

/// Chooses the century of a year of two digits in a condition: 2027.
const ABOUT_NOW: i64 = 1_800_000_000;

/// Whether the viewer has what is `kept`: 304 is its answer. `If-None-Match` is compared weakly and decides alone where it is
/// there; else `If-Modified-Since` is compared with `Last-Modified`, and where there is none, with `Date`.
///
/// It is asked for GET and HEAD, of a kept answer whose status is 2xx: other methods and answers have no conditions.
///
/// Source: RFC 9110, sections 13.1.2, 13.1.3 and 13.2.2; RFC 9111, section 4.3.2.
pub fn is_not_modified(viewer: Fields<'_>, kept: &HeaderMap) -> bool {
    if viewer.has(Known::IfNoneMatch) {
        return matches_any(viewer, kept.get(ETAG));
    }
    let Some(since) = viewer.first(Known::IfModifiedSince) else {
        return false;
    };
    let Some(changed) = kept.get(LAST_MODIFIED).or_else(|| kept.get(DATE)) else {
        return false;
    };
    if viewer.repeats(Known::IfModifiedSince) {
        return false;
    }
    let at = |value: &HeaderValue| date::parse(value.as_bytes(), ABOUT_NOW);
    at(since).is_some_and(|since| at(changed).is_some_and(|changed| changed <= since))
}

/// Whether one of the tags of `If-None-Match` is the `kept` one, or stands for any.
fn matches_any(viewer: Fields<'_>, kept: Option<&HeaderValue>) -> bool {
    let mut lines = viewer.lines(Known::IfNoneMatch);
    let is_any = |line: &HeaderValue| line.as_bytes().trim_ascii() == b"*";
    if !viewer.repeats(Known::IfNoneMatch) && viewer.first(Known::IfNoneMatch).is_some_and(is_any) {
        return true;
    }
    let Some(kept) = kept else {
        return false;
    };
    let kept = opaque(kept.as_bytes());
    lines.any(|line| {
        let mut rest = line.as_bytes();
        std::iter::from_fn(|| next_tag(&mut rest)).any(|tag| opaque(tag) == kept)
    })
}

/// The part of a tag that a weak comparison looks at; what is no tag is compared as it is.
fn opaque(tag: &[u8]) -> &[u8] {
    match tag {
        [b'W', b'/', opaque @ ..] if opaque.first() == Some(&b'"') => opaque,
        _ => tag,
    }
}

/// The next element of a list of tags, whose commas may stand in quotes.
fn next_tag<'v>(rest: &mut &'v [u8]) -> Option<&'v [u8]> {
    let is_separator = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
    let start = rest.iter().position(|byte| !is_separator(byte))?;
    let (_, text) = rest.split_at(start);
    let mut is_quoted = false;
    let end = text.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && *byte == b','
    });
    let (tag, after) = text.split_at(end.unwrap_or(text.len()));
    *rest = after;
    Some(tag.trim_ascii())
}

/// The conditions to ask the origin by whether what is `kept` is still good; both `None` where it has no validator.
/// Source: RFC 9111, section 4.3.1.
pub fn validators(kept: &HeaderMap) -> [(HeaderName, Option<HeaderValue>); 2] {
    [
        (IF_NONE_MATCH, kept.get(ETAG).cloned()),
        (IF_MODIFIED_SINCE, kept.get(LAST_MODIFIED).cloned()),
    ]
}

/// Whether a 304 with the fields `fresh` is about what is `kept`. It is not if it has another strong `ETag`: then what is kept
/// is not [`freshened`] by it, nor used. Source: RFC 9111, section 4.3.4.
pub fn confirms(kept: &HeaderMap, fresh: &HeaderMap) -> bool {
    match (kept.get(ETAG), fresh.get(ETAG)) {
        (Some(kept), Some(fresh)) => {
            fresh.as_bytes().starts_with(b"W/") || opaque(kept.as_bytes()) == fresh.as_bytes()
        }
        _ => true,
    }
}

/// Whether a 200 to HEAD with the fields `fresh` is about what is `kept`, which has a body of `length` bytes: then it may be
/// [`freshened`] by it. It names at least one validator, and all that it names are the kept ones; so is the length, if it
/// tells one. Without a validator nothing says that the body is still the same. Source: RFC 9111, section 4.3.5.
pub fn head_confirms(kept: &HeaderMap, length: u64, fresh: &HeaderMap) -> bool {
    let mut named = [ETAG, LAST_MODIFIED]
        .into_iter()
        .filter(|name| fresh.contains_key(name))
        .peekable();
    named.peek().is_some()
        && named.all(|name| fresh.get(&name) == kept.get(&name))
        && fresh
            .get_all(CONTENT_LENGTH)
            .iter()
            .all(|said| said.as_bytes() == itoa::Buffer::new().format(length).as_bytes())
}

/// What is `kept`, freshened by a 304 with the fields `fresh`: each of them replaces the kept lines of its name.
///
/// Left as they are: what says how the kept body is coded and how long it is, and what belongs to one connection. `Age` and
/// `Date` are those of the 304, or none. A cookie is for the one who asked.
///
/// Source: RFC 9111, sections 3.1 and 3.2.
pub fn freshened(mut kept: HeaderMap, fresh: &HeaderMap) -> HeaderMap {
    kept.remove(AGE);
    kept.remove(DATE);
    let named = named_by_connection(fresh);
    for name in fresh.keys() {
        let is_left = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE].contains(name)
            || is_of_a_connection(name)
            || named.contains(name)
            || *name == SET_COOKIE;
        if is_left {
            continue;
        }
        let mut lines = fresh.get_all(name).iter();
        if let Some(first) = lines.next() {
            kept.insert(name, first.clone());
        }
        for line in lines {
            kept.append(name, line.clone());
        }
    }
    kept
}

fn is_of_a_connection(name: &HeaderName) -> bool {
    Known::of(name).is_some_and(|known| HOP_BY_HOP.has(known)) || *name == PROXY_AUTHENTICATION_INFO
}

fn named_by_connection(fields: &HeaderMap) -> Vec<HeaderName> {
    fields
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}
