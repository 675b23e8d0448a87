//! `Vary`: which request fields chose an answer, beside the key.

use http::header::{
    self, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HOST, ORIGIN,
    REFERER, USER_AGENT, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tideover_config::{
    AcceptEncoding, CachePolicy, CloudFrontHeader, KeyParts, OriginRequest, VaryRule,
};

use super::key::{close, open, push};
use crate::fields::Fields;
use crate::headers::copied::Connection;

/// What an answer's `Vary` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Varies {
    /// It was not chosen by anything but the key.
    Not,
    /// It was chosen by these fields; sorted, each once.
    By(Vec<HeaderName>),
    /// By anything (`*`): no request can be known to match.
    Unknowably,
}

/// What `answer`'s `Vary` says. A name that cannot be one counts as `*`. Source: RFC 9110, section 12.5.5.
pub fn varies(answer: &HeaderMap) -> Varies {
    let mut names = Vec::new();
    for element in answer
        .get_all(VARY)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
    {
        // `*` could be a name by its letters.
        match HeaderName::from_bytes(element) {
            Ok(name) if element != b"*" => names.push(name),
            Ok(_) | Err(_) => return Varies::Unknowably,
        }
    }
    if names.is_empty() {
        return Varies::Not;
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Varies::By(names)
}

/// What `answer`'s `Vary` says beside the key of `policy`, where origins are asked by `plan`. What the edge itself tells them is
/// not in what viewers send: an answer that was chosen by it, and not by the key, matches nobody.
pub fn beside_the_key(policy: &CachePolicy, plan: &OriginRequest, answer: &HeaderMap) -> Varies {
    if policy.vary == VaryRule::KeySaysAll {
        return Varies::Not;
    }
    let mut names = match varies(answer) {
        Varies::By(names) => names,
        other @ (Varies::Not | Varies::Unknowably) => return other,
    };
    names.retain(|name| !is_keyed(name, plan, &policy.key));
    if names.iter().any(|name| is_made(name, plan)) {
        Varies::Unknowably
    } else if names.is_empty() {
        Varies::Not
    } else {
        Varies::By(names)
    }
}

/// Whether the `key` has `name`, or what the edge makes it out of.
fn is_keyed(name: &HeaderName, plan: &OriginRequest, key: &KeyParts) -> bool {
    let has_made = |made: CloudFrontHeader| key.made.contains(&made);
    let is_normalised = matches!(key.accept_encoding, AcceptEncoding::Normalised { .. });
    key.headers.contains(name)
        || match name.as_str() {
            "accept-encoding" => is_normalised,
            "x-forwarded-host" => plan.forwarded_host_and_proto && key.headers.contains(&HOST),
            "x-forwarded-proto" => {
                plan.forwarded_host_and_proto && has_made(CloudFrontHeader::ForwardedProto)
            }
            _ => made(name, plan).is_some_and(has_made),
        }
}

fn is_made(name: &HeaderName, plan: &OriginRequest) -> bool {
    match name.as_str() {
        "x-forwarded-for" => true,
        "x-forwarded-host" | "x-forwarded-proto" => plan.forwarded_host_and_proto,
        _ => made(name, plan).is_some(),
    }
}

fn made(name: &HeaderName, plan: &OriginRequest) -> Option<CloudFrontHeader> {
    let mut all = plan.cloudfront_headers.iter().copied();
    all.find(|made| made.name().eq_ignore_ascii_case(name.as_str()))
}

/// Appends to `key` the `names` of fields and what `request` has in them: the same bytes for two requests if and only if their
/// fields match. An absent field is no empty one; one that `Connection` names counts as absent, as the origin is not sent it.
///
/// Lines are joined, and white space around list elements does not count, except in fields whose values are no lists.
/// Of `Accept-Encoding`, `Accept-Language` and `Accept-Charset` the elements are compared in any order and letter case: only their
/// qualities say which comes first. Nothing is allocated but what `key` grows by. Source: RFC 9111, section 4.1.
pub fn write(names: &[HeaderName], request: Fields<'_>, key: &mut Vec<u8>) {
    let connection = Connection::of(request);
    for name in names {
        // An origin that changes its mind about the names must not have old values taken for those of others.
        push(key, name.as_str().as_bytes());
        let lines = request.map().get_all(name).iter();
        if !request.map().contains_key(name) || connection.names(name) {
            key.push(ABSENT);
            continue;
        }
        key.push(PRESENT);
        match Syntax::of(name) {
            Syntax::Single => {
                for line in lines {
                    key.push(PRESENT);
                    push(key, line.as_bytes());
                }
                key.push(ABSENT);
            }
            Syntax::List => {
                let at = open(key);
                push_list(key, lines);
                close(key, at);
            }
            Syntax::Preferences => {
                let at = open(key);
                push_preferences(key, lines);
                close(key, at);
            }
        }
    }
}

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;

/// What may be changed in a field's value without changing what it means.
enum Syntax {
    /// Nothing: a comma and the white space around it are as good as letters.
    Single,
    /// White space around commas, and which of them are line ends.
    List,
    /// That, and the order of the elements, their letter case, and how a quality is written.
    Preferences,
}

impl Syntax {
    fn of(name: &HeaderName) -> Self {
        match *name {
            ACCEPT_CHARSET | ACCEPT_ENCODING | ACCEPT_LANGUAGE => Self::Preferences,
            AUTHORIZATION | COOKIE | HOST | ORIGIN | REFERER | USER_AGENT => Self::Single,
            header::DATE
            | header::FROM
            | header::IF_MODIFIED_SINCE
            | header::IF_RANGE
            | header::IF_UNMODIFIED_SINCE
            | header::PROXY_AUTHORIZATION => Self::Single,
            _ => Self::List,
        }
    }
}

fn push_list<'h>(key: &mut Vec<u8>, lines: impl Iterator<Item = &'h HeaderValue>) {
    let mut is_first = true;
    for element in lines.flat_map(|line| Elements::of(line.as_bytes())) {
        if !is_first {
            key.push(b',');
        }
        is_first = false;
        key.extend_from_slice(element);
    }
}

/// More elements than any browser sends stay in their order.
const SORTED: usize = 16;

fn push_preferences<'h>(key: &mut Vec<u8>, lines: impl Iterator<Item = &'h HeaderValue>) {
    let begin = key.len();
    let mut places = [const { 0..0 }; SORTED];
    let mut count = 0;
    for element in lines
        .flat_map(|line| Elements::of(line.as_bytes()))
        .filter(|element| !element.is_empty())
    {
        if count > 0 {
            key.push(b',');
        }
        let at = key.len();
        push_preference(key, element);
        if let Some(place) = places.get_mut(count) {
            *place = at..key.len();
        }
        count += 1;
    }
    let Some(places) = places.get_mut(..count) else {
        return;
    };
    let text = |place: &std::ops::Range<usize>| key.get(place.clone()).unwrap_or_default();
    if places.is_sorted_by_key(text) {
        return;
    }
    places.sort_unstable_by(|one, other| text(one).cmp(text(other)));
    // Behind what is there, and then over it: as long, since the elements are the same.
    let end = key.len();
    for (index, place) in places.iter().enumerate() {
        if index > 0 {
            key.push(b',');
        }
        key.extend_from_within(place.clone());
    }
    key.copy_within(end.., begin);
    key.truncate(end);
}

/// `de`, `gzip;q=0.5`: in small letters, without white space; a quality of 1 is none.
fn push_preference(key: &mut Vec<u8>, element: &[u8]) {
    let at = key.len();
    for (index, part) in element.split(|byte| *byte == b';').enumerate() {
        let part = part.trim_ascii();
        if index > 0 {
            if is_full_quality(part) {
                continue;
            }
            key.push(b';');
        }
        key.extend_from_slice(part);
    }
    if let Some(written) = key.get_mut(at..) {
        written.make_ascii_lowercase();
    }
}

/// `q=1`, `q=1.000`. Source: RFC 9110, section 12.4.2.
fn is_full_quality(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', b'1'] => true,
        [b'q' | b'Q', b'=', b'1', b'.', zeros @ ..] => {
            zeros.len() <= 3 && zeros.iter().all(|byte| *byte == b'0')
        }
        _ => false,
    }
}

/// What stands between the commas of a line that are not in a quoted string, white space around it cut off; at least one,
/// and empty ones too. Source: RFC 9110, sections 5.6.1 and 5.6.4.
struct Elements<'h> {
    rest: Option<&'h [u8]>,
}

impl<'h> Elements<'h> {
    fn of(line: &'h [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl<'h> Iterator for Elements<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let line = self.rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let comma = line.iter().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b',' => return !is_quoted,
                _ => {}
            }
            false
        });
        let (element, rest) = match comma.and_then(|at| line.split_at_checked(at)) {
            Some((element, rest)) => (element, rest.get(1..)),
            None => (line, None),
        };
        self.rest = rest;
        Some(element.trim_ascii())
    }
}
