//! Which requests share what is kept. Source: Developer Guide, "Understand the cache key"; RFC 9110, section 4.2.3.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Version};
use tideover_config::{
    AcceptEncoding, CachePolicy, CloudFrontHeader, KeyParts, NameSelection, ViewerScheme,
};
use tideover_rules::cache::key;
use tideover_rules::fields::Fields;
use tideover_rules::headers::{Conditions, Request};

use crate::cast::{Visitor, all_hold, headers};

/// The key of a request: method, target, `Name: value` lines.
pub(crate) fn key_of(
    parts: &KeyParts,
    (method, target, lines): (&str, &str, &[&str]),
    visitor: &Visitor,
) -> Vec<u8> {
    let policy = CachePolicy {
        key: parts.clone(),
        ..CachePolicy::by_the_origins_word()
    };
    let fields = headers(lines);
    let target: PathAndQuery = target.parse().expect("a target");
    let method: Method = method.parse().expect("a method");
    let request = Request {
        method: &method,
        target: &target,
        fields: Fields::of(&fields),
        to_websocket: false,
        conditions: Conditions::Viewers,
    };
    // What was there before is gone.
    let mut written = b"before".to_vec();
    let viewer = visitor.viewer();
    key::write(&policy, "E1", target.path(), request, &viewer, &mut written);
    written
}

/// The same in words.
fn shown(
    parts: &KeyParts,
    (method, target, lines): (&str, &str, &[&str]),
    visitor: &Visitor,
) -> Vec<key::KeyPart> {
    let policy = CachePolicy {
        key: parts.clone(),
        ..CachePolicy::by_the_origins_word()
    };
    let fields = headers(lines);
    let target: PathAndQuery = target.parse().expect("a target");
    let method: Method = method.parse().expect("a method");
    let request = Request {
        method: &method,
        target: &target,
        fields: Fields::of(&fields),
        to_websocket: false,
        conditions: Conditions::Viewers,
    };
    key::parts(&policy, target.path(), request, &visitor.viewer())
}

/// Nothing but path and method.
fn least() -> KeyParts {
    KeyParts {
        headers: Vec::new(),
        cookies: NameSelection::None,
        query: NameSelection::None,
        accept_encoding: AcceptEncoding::Removed,
        made: Vec::new(),
    }
}

fn by_headers(names: &[&'static str]) -> KeyParts {
    let names = names.iter().copied().map(HeaderName::from_static);
    KeyParts {
        headers: names.collect(),
        ..least()
    }
}

fn by_cookies(cookies: NameSelection) -> KeyParts {
    KeyParts { cookies, ..least() }
}

fn by_query(query: NameSelection) -> KeyParts {
    KeyParts { query, ..least() }
}

fn by_encoding(gzip: bool, brotli: bool) -> KeyParts {
    KeyParts {
        accept_encoding: AcceptEncoding::Normalised { gzip, brotli },
        ..least()
    }
}

fn only(names: &[&str]) -> NameSelection {
    NameSelection::Only(names.iter().map(ToString::to_string).collect())
}

fn except(names: &[&str]) -> NameSelection {
    NameSelection::Except(names.iter().map(ToString::to_string).collect())
}

type Ask = (&'static str, &'static str, &'static [&'static str]);

/// By what, two requests, and whether they share a key.
type Row = (KeyParts, Ask, Ask, bool);

fn check(rows: Vec<Row>) {
    let mut failures = Vec::new();
    for (parts, one, other, expected) in rows {
        let visitor = Visitor::new();
        let shared = key_of(&parts, one, &visitor) == key_of(&parts, other, &visitor);
        if shared != expected {
            failures.push(format!(
                "{parts:?}\n  {one:?}\n  {other:?}: not shared: {expected}"
            ));
        }
        // Who is shown two keys sees what tells them apart, and nothing where nothing does.
        let is_shown_alike = shown(&parts, one, &visitor) == shown(&parts, other, &visitor);
        if is_shown_alike != expected {
            failures.push(format!(
                "{parts:?}\n  {one:?}\n  {other:?}: not shown alike: {expected}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_key_is_shown_part_by_part() {
    let parts = KeyParts {
        headers: vec![
            HeaderName::from_static("accept-language"),
            HeaderName::from_static("x-none"),
        ],
        cookies: only(&["id"]),
        query: only(&["b"]),
        accept_encoding: AcceptEncoding::Normalised {
            gzip: true,
            brotli: true,
        },
        made: vec![CloudFrontHeader::ViewerHttpVersion],
    };
    let lines = &[
        "accept-language: en",
        "cookie: x=1; id=7",
        "accept-encoding: br, zstd",
    ];
    let words = |part: &key::KeyPart| match &part.value {
        Some(value) => format!("{}={value}", part.what),
        None => format!("no {}", part.what),
    };
    let shown = shown(&parts, ("OPTIONS", "/a?b=1&c=2", lines), &Visitor::new());
    let shown: Vec<String> = shown.iter().map(words).collect();
    let expected = [
        "path=/a",
        "query=b=1",
        "method=OPTIONS",
        "header accept-language=en",
        "no header x-none",
        "cookie=id=7",
        "encodings=br",
        "HTTP version=1.1",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn the_path_is_compared_as_it_came_and_options_apart() {
    #[rustfmt::skip]
    let rows = vec![
        (least(), ("GET", "/a", &[][..]), ("GET", "/a", &["x-any: 1", "cookie: a=1", "user-agent: u"][..]), true),
        (least(), ("GET", "/a", &[]), ("HEAD", "/a", &[]), true),
        (least(), ("GET", "/a", &[]), ("OPTIONS", "/a", &[]), false),
        (least(), ("GET", "/a", &[]), ("GET", "/A", &[]), false),
        (least(), ("GET", "/a", &[]), ("GET", "/a/", &[]), false),
        (least(), ("GET", "/a", &[]), ("GET", "//a", &[]), false),
        (least(), ("GET", "/a~", &[]), ("GET", "/a%7E", &[]), false),
        (least(), ("GET", "/a%7e", &[]), ("GET", "/a%7E", &[]), false),
    ];
    check(rows);
}

#[test]
fn the_query_counts_as_it_stands_as_far_as_it_is_chosen() {
    use NameSelection::{All, None};
    let get = |target| ("GET", target, &[][..]);
    #[rustfmt::skip]
    let rows = vec![
        (by_query(None), get("/a"), get("/a?b=1"), true),
        (by_query(None), get("/a"), get("/a?"), true),
        (by_query(All), get("/a?b=1&c=2"), get("/a?b=1&c=2"), true),
        (by_query(All), get("/a?b=1&c=2"), get("/a?c=2&b=1"), false),
        (by_query(All), get("/a?b=1"), get("/a?B=1"), false),
        (by_query(All), get("/a?b=1"), get("/a?b=1&"), false),
        (by_query(All), get("/a"), get("/a?"), false),
        (by_query(only(&["b"])), get("/a?b=1&c=2"), get("/a?c=3&b=1"), true),
        (by_query(only(&["b"])), get("/a?b=1"), get("/a?b=2"), false),
        (by_query(only(&["b"])), get("/a?b=1"), get("/a?B=1"), false),
        (by_query(only(&["b"])), get("/a?b"), get("/a?b="), false),
        (by_query(only(&["b"])), get("/a"), get("/a?c=1"), true),
        (by_query(only(&["b"])), get("/a?b=1&b=2"), get("/a?b=2&b=1"), false),
        (by_query(only(&["b", "c"])), get("/a?b=1&c=2"), get("/a?c=2&b=1"), false),
        (by_query(only(&["b*"])), get("/a"), get("/a?bc=1"), true),      // no wildcards in names of parameters
        (by_query(except(&["b"])), get("/a?c=1"), get("/a?b=1&c=1"), true),
        (by_query(except(&["b"])), get("/a?c=1"), get("/a?c=2"), false),
        (by_query(except(&["b"])), get("/a"), get("/a?b=1"), true),
    ];
    check(rows);
}

#[test]
fn chosen_headers_count_byte_by_byte_and_line_by_line() {
    let get = |lines: &'static [&'static str]| ("GET", "/a", lines);
    let two = || by_headers(&["x-a", "x-b"]);
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        (two(), get(&["x-a: 1"]), get(&["x-a: 1", "x-c: 2"]), true),
        (two(), get(&["x-a: 1", "x-b: 2"]), get(&["x-b: 2", "x-a: 1"]), true),
        (two(), get(&["x-a: v"]), get(&["x-a: V"]), false),
        (two(), get(&["x-a: 1"]), get(&["x-b: 1"]), false),
        (two(), get(&["x-a: 1"]), get(&[]), false),
        (two(), get(&["x-a:"]), get(&[]), false),
        (two(), get(&["x-a: 1", "x-a: 2"]), get(&["x-a: 1, 2"]), false),
        (two(), get(&["x-a: 1", "x-a: 2"]), get(&["x-a: 2", "x-a: 1"]), false),
        (two(), get(&["x-a: 1", "x-a: 2"]), get(&["x-a: 1"]), false),
        (two(), get(&["x-a: 1,2"]), get(&["x-a: 1, 2"]), false),
        // What the origin is not sent is not there.
        (two(), get(&["x-a: 1", "connection: x-a"]), get(&[]), true),
        (two(), get(&["x-a: 1", "connection: x-a"]), get(&["x-a: 1"]), false),
        (two(), get(&["x-a: 1", "connection: close, X-A"]), get(&["connection: keep-alive"]), true),
    ];
    check(rows);
}

#[test]
fn chosen_cookies_count_in_their_order() {
    use NameSelection::All;
    let get = |lines: &'static [&'static str]| ("GET", "/a", lines);
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        (by_cookies(All), get(&["cookie: a=1; b=2"]), get(&["cookie: a=1; b=2"]), true),
        (by_cookies(All), get(&["cookie: a=1; b=2"]), get(&["cookie: a=1;b=2;"]), true),
        (by_cookies(All), get(&["cookie: a=1; b=2"]), get(&["cookie: a=1", "cookie: b=2"]), true),
        (by_cookies(All), get(&["cookie: a=1; b=2"]), get(&["cookie: b=2; a=1"]), false),
        (by_cookies(All), get(&["cookie: a=1"]), get(&["cookie: A=1"]), false),
        (by_cookies(All), get(&["cookie: a=1"]), get(&["cookie: a=1x"]), false),
        (by_cookies(All), get(&["cookie: a"]), get(&["cookie: a="]), false),
        (by_cookies(All), get(&["cookie: a=1", "connection: cookie"]), get(&[]), true),
        (by_cookies(only(&["a"])), get(&["cookie: a=1; b=2"]), get(&["cookie: c=3; a=1"]), true),
        (by_cookies(only(&["a"])), get(&["cookie: a=1"]), get(&["cookie: a=2"]), false),
        (by_cookies(only(&["a"])), get(&["cookie: b=1"]), get(&[]), true),
        (by_cookies(only(&["s*"])), get(&["cookie: session=1"]), get(&["cookie: session=2"]), false),
        (by_cookies(except(&["_g?"])), get(&["cookie: a=1; _ga=2"]), get(&["cookie: _ga=3; a=1"]), true),
        (by_cookies(except(&["_g?"])), get(&["cookie: a=1"]), get(&["cookie: a=1; _gat=1"]), false),
    ];
    check(rows);
}

#[test]
fn accept_encoding_counts_by_what_is_left_of_it() {
    let get = |lines: &'static [&'static str]| ("GET", "/a", lines);
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        (by_encoding(true, true), get(&["accept-encoding: gzip, deflate, br, zstd"]), get(&["accept-encoding: br,gzip"]), true),
        (by_encoding(true, true), get(&["accept-encoding: BR;q=0.1, gzip"]), get(&["accept-encoding: gzip", "accept-encoding: br"]), true),
        (by_encoding(true, true), get(&["accept-encoding: gzip"]), get(&["accept-encoding: br"]), false),
        (by_encoding(true, true), get(&["accept-encoding: gzip"]), get(&[]), false),
        (by_encoding(true, true), get(&["accept-encoding: identity"]), get(&[]), true),
        (by_encoding(true, false), get(&["accept-encoding: gzip"]), get(&["accept-encoding: gzip, br"]), true),
        (by_encoding(false, true), get(&["accept-encoding: gzip"]), get(&[]), true),
        (least(), get(&["accept-encoding: gzip"]), get(&[]), true),
    ];
    check(rows);
}

#[test]
fn hosts_count_as_hosts_and_what_the_edge_says_of_the_viewer_as_it_says_it() {
    let visitor = |host: Option<&'static str>, scheme, version| Visitor {
        host: host.map(HeaderValue::from_static),
        scheme,
        version,
        ..Visitor::new()
    };
    let host = || by_headers(&["host"]);
    let made = |made| KeyParts { made, ..least() };
    let (http, https) = (ViewerScheme::Http, ViewerScheme::Https);
    let (v1, v2) = (Version::HTTP_11, Version::HTTP_2);
    #[rustfmt::skip]
    let rows = [
        (host(), (Some("a.example"), https, v1), (Some("A.Example"), https, v2), true),
        (host(), (Some("a.example"), https, v1), (Some("a.example:443"), https, v1), true),
        (host(), (Some("a.example"), https, v1), (Some("a.example:"), https, v1), true),
        (host(), (Some("a.example"), https, v1), (Some("a.example:80"), https, v1), false),
        (host(), (Some("a.example"), http, v1), (Some("a.example:80"), http, v1), true),
        (host(), (Some("a.example"), http, v1), (Some("a.example:443"), http, v1), false),
        (host(), (Some("a.example"), http, v1), (Some("a.example"), https, v1), true),
        (host(), (Some("a.example"), https, v1), (Some("a.example:8443"), https, v1), false),
        (host(), (Some("a.example80"), http, v1), (Some("a.example"), http, v1), false),
        (host(), (Some("[::1]"), https, v1), (Some("[::1]:443"), https, v1), true),
        (host(), (Some("[::443]"), https, v1), (Some("[::]"), https, v1), false),
        (host(), (Some("1::80"), http, v1), (Some("1:"), http, v1), false),        // no host, and no other one either
        (host(), (Some("a.example"), https, v1), (Some("b.example"), https, v1), false),
        (host(), (Some("a.example"), https, v1), (None, https, v1), false),
        (host(), (Some(""), https, v1), (None, https, v1), false),
        (least(), (Some("a.example"), https, v1), (Some("b.example"), http, v2), true),
        (made(vec![CloudFrontHeader::ForwardedProto]), (None, http, v1), (None, https, v1), false),
        (made(vec![CloudFrontHeader::ForwardedProto]), (None, http, v1), (None, http, v2), true),
        (made(vec![CloudFrontHeader::ViewerHttpVersion]), (None, http, v1), (None, http, v2), false),
        (made(vec![CloudFrontHeader::ViewerHttpVersion]), (None, http, Version::HTTP_09), (None, https, Version::HTTP_10), true),
        (made(vec![CloudFrontHeader::ViewerAddress]), (None, http, v1), (None, https, v2), true),
    ];
    let mut failures = Vec::new();
    for (parts, one, other, expected) in rows {
        let of = |(host, scheme, version)| {
            key_of(&parts, ("GET", "/a", &[]), &visitor(host, scheme, version))
        };
        if (of(one) == of(other)) != expected {
            failures.push(format!("{parts:?}: {one:?} and {other:?}: not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_key_tells_whose_it_is_and_for_what() {
    let visitor = Visitor::new();
    let all = by_query(NameSelection::All);
    let written = key_of(&all, ("GET", "/a%20b?c=1&d", &[]), &visitor);
    assert_eq!(key::distribution(&written), b"E1");
    assert_eq!(key::target(&written), b"/a%20b?c=1&d");
    let chosen = key_of(&by_query(only(&["d"])), ("GET", "/a?c=1&d", &[]), &visitor);
    assert_eq!(key::target(&chosen), b"/a?d");
    for no_key in [&b""[..], b"E1", &[255, 255, 255, 255, 0], &[1, 0, 0, 0]] {
        assert_eq!(key::distribution(no_key), b"", "{no_key:?}");
        assert_eq!(key::target(no_key), b"", "{no_key:?}");
    }
}

#[test]
fn another_policy_makes_another_key() {
    let visitor = Visitor::new();
    let ask: Ask = ("GET", "/a", &["x-a: 1", "x-b: 1", "cookie: a=1"]);
    let policies = [
        least(),
        by_headers(&["x-a"]),
        by_headers(&["x-b"]),
        by_headers(&["host"]),
        by_cookies(NameSelection::All),
        by_cookies(only(&["a"])),
        by_query(NameSelection::All),
        by_query(only(&["a"])),
        by_encoding(true, false),
        KeyParts {
            made: vec![CloudFrontHeader::ForwardedProto],
            ..least()
        },
    ];
    let mut keys: Vec<Vec<u8>> = policies
        .iter()
        .map(|parts| key_of(parts, ask, &visitor))
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), policies.len());
}
