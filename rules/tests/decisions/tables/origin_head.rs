//! What an origin is sent of a viewer's head. Source: Developer Guide, "Request and response behavior for custom origins",
//! HTTP request headers and CloudFront behavior; the third column is ours.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use tideover_config::{
    AcceptEncoding, Behavior, CloudFrontHeader, Distribution, Edge, HeaderSelection, HostHeader,
    MethodSet, NameSelection, OriginKind, OriginRequest, Server, ViewerScheme,
};
use tideover_rules::fields::Fields;
use tideover_rules::headers::{Conditions, Frame, OriginHead, Request, for_origin};
use tideover_rules::route::within;
use tideover_rules::websocket::is_asked_for;

use crate::cast::{
    Visitor, all_hold, behavior, distribution, edge, headers, legacy_request, lines, origin,
    policy_request, resilient, resilient_request, server, single, small_edge,
};

/// Legacy `ForwardedValues`, policies with nothing selected, resilient mode without policies.
const COLUMNS: [&str; 3] = ["legacy", "policy", "resilient"];

fn in_column(column: usize) -> Edge {
    let with = |origin_request| Behavior {
        origin_request,
        ..behavior("*", 0)
    };
    match column {
        0 => small_edge(server("vm"), with(legacy_request())),
        1 => small_edge(server("vm"), with(policy_request())),
        _ => edge(
            vec![origin("vm", server("vm"))],
            vec![single(0)],
            vec![resilient(distribution(vec![with(resilient_request())]))],
        ),
    }
}

pub(super) fn head(
    edge: &Edge,
    visitor: &Visitor,
    method: &str,
    target: &str,
    sent: &HeaderMap,
) -> OriginHead {
    let method: Method = method.parse().expect("a method");
    let target: PathAndQuery = target.parse().expect("a target");
    let distribution: &Distribution = &edge.distributions[0];
    let route = within(edge, distribution, &method, target.path());
    let OriginKind::Server(server) = &edge.origins[0].kind else {
        panic!("it is a server")
    };
    let request = Request {
        method: &method,
        target: &target,
        fields: Fields::of(sent),
        to_websocket: is_asked_for(&method, Version::HTTP_11, Fields::of(sent)),
        conditions: Conditions::Viewers,
    };
    let frame = Frame::of(route.distribution, route.behavior);
    for_origin(&route, &frame, server, request, &visitor.viewer())
}

/// The lines of `name`, as they stand in the head; `-`: none.
pub(super) fn seen(head: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> = head
        .get_all(name)
        .iter()
        .map(|value| value.to_str().expect("text"))
        .collect();
    if values.is_empty() {
        "-".to_owned()
    } else {
        values.join(" | ")
    }
}

#[test]
fn each_header_fares_as_its_row_says() {
    const VIA: &str = "1.0 front, 1.1 0123abcd.cloudfront.net (CloudFront)";
    const AGENT: &str = "Amazon CloudFront";
    // `=`: as it came; `-`: not at all.
    #[rustfmt::skip]
    let rows: &[(&str, [&str; 3])] = &[
        //                                                legacy       policy       resilient
        ("Accept: text/html",                           ["-",         "-",         "="]),
        ("Accept-Charset: utf-8",                       ["-",         "-",         "="]),
        ("Accept-Encoding: gzip",                       ["-",         "-",         "="]),
        ("Accept-Language: de",                         ["-",         "-",         "="]),
        ("Referer: http://a.example/",                  ["-",         "-",         "="]),
        ("X-HTTP-Method-Override: PUT",                 ["-",         "-",         "="]),
        ("Authorization: Basic eDp5",                   ["-",         "-",         "="]),
        ("Cookie: a=1; b=2",                            ["-",         "-",         "="]),
        ("Origin: http://a.example",                    ["=",         "-",         "="]),
        ("Cache-Control: no-cache",                     ["=",         "-",         "="]),
        ("Pragma: no-cache",                            ["=",         "-",         "="]),
        ("Date: Tue, 15 Nov 1994 08:12:31 GMT",         ["=",         "-",         "="]),
        ("From: a@a.example",                           ["=",         "-",         "="]),
        ("Max-Forwards: 3",                             ["=",         "-",         "="]),
        ("Warning: 110 - x",                            ["=",         "-",         "="]),
        ("Forwarded: for=10.0.0.1",                     ["=",         "-",         "="]),
        ("X-Amz-Date: x",                               ["=",         "-",         "="]),
        ("X-Anything: at all",                          ["=",         "-",         "="]),
        ("Content-Type: text/plain",                    ["=",         "=",         "="]),
        ("Content-MD5: x",                              ["=",         "=",         "="]),
        ("Content-Encoding: gzip",                      ["=",         "=",         "="]),
        ("Content-Range: bytes 0-1/2",                  ["=",         "=",         "="]),
        ("If-Match: \"x\"",                             ["=",         "=",         "="]),
        ("If-None-Match: \"x\"",                        ["=",         "=",         "="]),
        ("If-Modified-Since: x",                        ["=",         "=",         "="]),
        ("If-Unmodified-Since: x",                      ["=",         "=",         "="]),
        ("If-Range: \"x\"",                             ["=",         "=",         "="]),
        ("Range: bytes=0-9",                            ["=",         "=",         "="]),
        // What the edge says itself, or adds to.
        ("Host: www.shop.example",                      ["vm.example", "vm.example", "vm.example"]),
        ("User-Agent: curl/8",                          [AGENT,       AGENT,       "="]),
        ("Via: 1.0 front",                              [VIA,         VIA,         "1.0 front, 1.1 tideover"]),
        ("X-Forwarded-For: 10.0.0.1",                   ["10.0.0.1, 203.0.113.7"; 3]),
        ("X-Forwarded-Proto: gopher",                   ["-",         "-",         "https"]),
        ("X-Forwarded-Host: evil.example",              ["=",         "-",         "www.shop.example"]),
        ("CDN-Loop: other",                             ["=",         "-",         "other, tideover-1"]),
        ("X-Amz-Cf-Id: forged",                         ["id-1",      "id-1",      "="]),
        ("X-Request-Id: forged",                        ["=",         "-",         "id-1"]),
        ("X-Real-IP: 10.0.0.1",                         ["-",         "-",         "-"]),
        ("X-Edge-Location: forged",                     ["-",         "-",         "="]),
        ("CloudFront-Viewer-Country: forged",           ["-",         "-",         "="]),
        ("CloudFront-Is-Mobile-Viewer: forged",         ["-",         "-",         "="]),
        ("CloudFront-Forwarded-Proto: forged",          ["-",         "-",         "="]),
        ("Tideover-Token: secret",                      ["-",         "-",         "-"]),
        // For this connection only, or the framing of the body.
        ("Connection: keep-alive",                      ["-",         "-",         "-"]),
        ("Keep-Alive: timeout=5",                       ["-",         "-",         "-"]),
        ("Proxy-Connection: keep-alive",                ["-",         "-",         "-"]),
        ("Proxy-Authenticate: Basic",                   ["-",         "-",         "-"]),
        ("Proxy-Authorization: Basic eDp5",             ["-",         "-",         "-"]),
        ("Upgrade: h2c",                                ["-",         "-",         "-"]),
        ("HTTP2-Settings: x",                           ["-",         "-",         "-"]),
        ("Expect: 100-continue",                        ["-",         "-",         "-"]),
        ("Content-Length: 5",                           ["-",         "-",         "-"]),
        ("Transfer-Encoding: chunked",                  ["-",         "-",         "-"]),
        ("TE: gzip;q=1",                                ["-",         "-",         "-"]),
        ("TE: gzip, Trailers",                          ["-",         "-",         "trailers"]),
        ("Trailer: X-Sum",                              ["-",         "-",         "="]),
    ];
    let edges = [0, 1, 2].map(in_column);
    let visitor = Visitor::new();
    let mut failures = Vec::new();
    for (line, expected) in rows {
        let (name, value) = line.split_once(": ").expect("a header");
        let sent = headers(&[line]);
        for (column, edge) in edges.iter().enumerate() {
            let head = head(edge, &visitor, "GET", "/", &sent);
            let expected = match expected[column] {
                "=" => value,
                other => other,
            };
            let seen = seen(&head.headers, name);
            if seen != expected {
                failures.push(format!(
                    "{line} in {}: {seen}, not {expected}",
                    COLUMNS[column]
                ));
            }
        }
    }
    all_hold(&failures);
}

/// The whole head for a viewer that says no more than it must.
#[test]
fn what_a_plain_request_becomes() {
    let expected: [&[&str]; 3] = [
        &[
            "host: vm.example",
            "user-agent: Amazon CloudFront",
            "via: 1.1 0123abcd.cloudfront.net (CloudFront)",
            "x-amz-cf-id: id-1",
            "x-forwarded-for: 203.0.113.7",
        ],
        &[
            "host: vm.example",
            "user-agent: Amazon CloudFront",
            "via: 1.1 0123abcd.cloudfront.net (CloudFront)",
            "x-amz-cf-id: id-1",
            "x-forwarded-for: 203.0.113.7",
        ],
        &[
            "cdn-loop: tideover-1",
            "host: vm.example",
            "via: 1.1 tideover",
            "x-forwarded-for: 203.0.113.7",
            "x-forwarded-host: www.shop.example",
            "x-forwarded-proto: https",
            "x-request-id: id-1",
        ],
    ];
    let sent = headers(&["Host: www.shop.example"]);
    for (column, expected) in expected.into_iter().enumerate() {
        let head = head(&in_column(column), &Visitor::new(), "GET", "/x?y", &sent);
        assert_eq!(lines(&head.headers), expected, "{}", COLUMNS[column]);
        assert_eq!(head.path_and_query.path(), "/x");
    }
}

#[test]
fn what_connection_names_goes_no_further() {
    #[rustfmt::skip]
    let rows: &[(&[&str], &str, &str)] = &[
        (&["Connection: X-Hop", "X-Hop: 1"], "x-hop", "-"),
        (&["Connection: close, x-hop", "X-Hop: 1", "X-Hop: 2"], "x-hop", "-"),
        (&["Connection: close", "Connection:  X-HOP ", "X-Hop: 1"], "x-hop", "-"),
        (&["Connection: X-Hopp", "X-Hop: 1"], "x-hop", "1"),
        (&["Connection: ,, ;", "X-Hop: 1"], "x-hop", "1"),
        (&["Connection: keep-alive", "X-Hop: 1"], "x-hop", "1"),
        (&["Connection: Cookie", "Cookie: a=1"], "cookie", "-"),
        (&["Connection: Range", "Range: bytes=0-1"], "range", "-"),
        (&["Connection: TE", "TE: trailers"], "te", "trailers"),                 // made anew
        // What the edge says of itself it says all the same; what was said before is gone.
        (&["Connection: Via", "Via: 1.0 front"], "via", "1.1 tideover"),
        (&["Connection: X-Forwarded-For", "X-Forwarded-For: 10.0.0.1"], "x-forwarded-for", "203.0.113.7"),
        (&["Connection: X-Forwarded-Proto"], "x-forwarded-proto", "https"),
        (&["Connection: Host"], "host", "vm.example"),
        (&["Connection: X-Request-Id"], "x-request-id", "id-1"),
        // RFC 8586 does not let it go.
        (&["Connection: CDN-Loop", "CDN-Loop: other"], "cdn-loop", "other, tideover-1"),
    ];
    let edge = in_column(2);
    let mut failures = Vec::new();
    for (sent, name, expected) in rows {
        let head = head(&edge, &Visitor::new(), "GET", "/", &headers(sent));
        let seen = seen(&head.headers, name);
        if seen != *expected {
            failures.push(format!("{sent:?}: {seen}, not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn lists_that_are_added_to_become_one_line() {
    #[rustfmt::skip]
    let rows: &[(&[&str], &str, &str)] = &[
        (&["Via: 1.0 a, 1.1 b", "Via: 1.1 c"], "via", "1.0 a, 1.1 b, 1.1 c, 1.1 tideover"),
        (&["Via:", "Via: 1.1 c"], "via", "1.1 c, 1.1 tideover"),
        (&["X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2, x"], "x-forwarded-for", "10.0.0.1, 10.0.0.2, x, 203.0.113.7"),
        (&["X-Forwarded-For:"], "x-forwarded-for", "203.0.113.7"),
        (&["CDN-Loop: a; v=1", "CDN-Loop: b"], "cdn-loop", "a; v=1, b, tideover-1"),
        (&["Cookie: a=1", "Cookie: b=2"], "cookie", "a=1; b=2"),
        // These are nobody's to join.
        (&["X-Anything: 1", "X-Anything: 2"], "x-anything", "1 | 2"),
    ];
    let edge = in_column(2);
    let mut failures = Vec::new();
    for (sent, name, expected) in rows {
        let head = head(&edge, &Visitor::new(), "GET", "/", &headers(sent));
        let seen = seen(&head.headers, name);
        if seen != *expected {
            failures.push(format!("{sent:?}: {seen}, not {expected}"));
        }
    }
    all_hold(&failures);
}

/// Source of the selections: Developer Guide, "Control origin requests with a policy".
#[test]
fn policies_choose_headers() {
    let names = |names: &[&str]| -> Vec<HeaderName> {
        names
            .iter()
            .map(|name| name.parse().expect("a name"))
            .collect()
    };
    let only = |kept: &[&str]| HeaderSelection::Only(names(kept));
    let except = |dropped: &[&str]| HeaderSelection::AllExcept(names(dropped));
    let legacy = |kept: &[&str]| HeaderSelection::LegacyWith(names(kept));
    #[rustfmt::skip]
    let rows = [
        (only(&["accept"]), "Accept: a/b", true),
        (only(&["accept"]), "Accept-Language: de", false),
        (only(&["x-one"]), "X-One: 1", true),
        (only(&["x-one"]), "X-Two: 1", false),
        (only(&["origin", "referer"]), "Origin: http://a.example", true),
        (only(&["x-http-method-override"]), "X-HTTP-Method-Override: PUT", true),
        (only(&["connection"]), "Connection: close", false),              // nobody may ask for these
        (only(&["x-real-ip"]), "X-Real-IP: 1", false),
        (only(&["x-forwarded-proto"]), "X-Forwarded-Proto: http", false),
        (only(&["te"]), "TE: trailers", false),
        (only(&["expect"]), "Expect: 100-continue", false),
        (except(&["x-one"]), "X-One: 1", false),
        (except(&["x-one"]), "X-Two: 1", true),
        (except(&["accept"]), "Accept: a/b", false),
        (except(&["accept"]), "Referer: x", true),
        (except(&["range"]), "Range: bytes=0-1", false),
        (except(&["host"]), "Keep-Alive: 1", false),
        (legacy(&["accept"]), "Accept: a/b", true),
        (legacy(&["accept"]), "Referer: x", false),
        (legacy(&["x-one"]), "X-Two: 1", true),
        (HeaderSelection::All, "X-HTTP-Method-Override: PUT", true),
        (HeaderSelection::All, "X-Real-IP: 1", false),
    ];
    let mut failures = Vec::new();
    for (selection, line, expected) in rows {
        let plan = OriginRequest {
            headers: selection.clone(),
            ..policy_request()
        };
        let edge = small_edge(
            server("vm"),
            Behavior {
                origin_request: plan,
                ..behavior("*", 0)
            },
        );
        let (name, _) = line.split_once(':').expect("a header");
        let head = head(&edge, &Visitor::new(), "GET", "/", &headers(&[line]));
        if head.headers.contains_key(name) != expected {
            failures.push(format!("{selection:?} {line}: {}", !expected));
        }
    }
    all_hold(&failures);
}

/// GET and HEAD only where the behavior says so; OPTIONS unless it is a cached method; writes always.
#[test]
fn authorization_goes_with_what_is_not_cached() {
    #[rustfmt::skip]
    let rows = [
        ("GET", false, MethodSet::READS, false),
        ("HEAD", false, MethodSet::READS, false),
        ("OPTIONS", false, MethodSet::READS, true),
        ("OPTIONS", false, MethodSet::READS_AND_OPTIONS, false),
        ("POST", false, MethodSet::READS, true),
        ("PUT", false, MethodSet::READS, true),
        ("PATCH", false, MethodSet::READS, true),
        ("DELETE", false, MethodSet::READS, true),
        ("GET", true, MethodSet::READS, true),
        ("OPTIONS", true, MethodSet::READS_AND_OPTIONS, true),
    ];
    let sent = headers(&["Authorization: Basic eDp5"]);
    for (method, authorization, falls_through, expected) in rows {
        let edge = small_edge(
            server("vm"),
            Behavior {
                falls_through,
                origin_request: OriginRequest {
                    authorization,
                    ..policy_request()
                },
                ..behavior("*", 0)
            },
        );
        let head = head(&edge, &Visitor::new(), method, "/", &sent);
        assert_eq!(
            head.headers.contains_key("authorization"),
            expected,
            "{method} {authorization} {falls_through:?}"
        );
    }
}

/// Source: Developer Guide, "Serve compressed files".
#[test]
fn accept_encoding_is_reduced_to_what_is_enabled() {
    let normalised = |gzip, brotli| AcceptEncoding::Normalised { gzip, brotli };
    #[rustfmt::skip]
    let rows: &[(AcceptEncoding, &[&str], &str)] = &[
        (normalised(true, true), &["Accept-Encoding: gzip, deflate, br"], "br,gzip"),
        (normalised(true, true), &["Accept-Encoding: br"], "br"),
        (normalised(true, true), &["Accept-Encoding: GZIP;q=0.5"], "gzip"),
        (normalised(true, true), &["Accept-Encoding: deflate", "Accept-Encoding: gzip"], "gzip"),
        (normalised(true, true), &["Accept-Encoding: gzip;q=0, br;q=0.000"], "-"),
        (normalised(true, true), &["Accept-Encoding: gzip; q=0, br"], "br"),
        (normalised(true, true), &["Accept-Encoding: identity"], "-"),
        (normalised(true, true), &["Accept-Encoding: gzipped"], "-"),
        (normalised(true, true), &[], "-"),
        (normalised(true, false), &["Accept-Encoding: gzip, br"], "gzip"),
        (normalised(false, true), &["Accept-Encoding: gzip, br"], "br"),
        (AcceptEncoding::Removed, &["Accept-Encoding: gzip"], "-"),
        (AcceptEncoding::Viewer, &["Accept-Encoding: gzip;q=0.1, x"], "gzip;q=0.1, x"),
    ];
    let mut failures = Vec::new();
    for (accept_encoding, sent, expected) in rows {
        let plan = OriginRequest {
            accept_encoding: *accept_encoding,
            headers: HeaderSelection::All,
            ..policy_request()
        };
        let edge = small_edge(
            server("vm"),
            Behavior {
                origin_request: plan,
                ..behavior("*", 0)
            },
        );
        let head = head(&edge, &Visitor::new(), "GET", "/", &headers(sent));
        let seen = seen(&head.headers, "accept-encoding");
        if seen != *expected {
            failures.push(format!(
                "{accept_encoding:?} {sent:?}: {seen}, not {expected}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn cookies_are_chosen_by_name() {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let only = |names: &[&str]| NameSelection::Only(strings(names));
    let except = |names: &[&str]| NameSelection::Except(strings(names));
    #[rustfmt::skip]
    let rows: Vec<(NameSelection, &[&str], &str)> = vec![
        (NameSelection::All, &["Cookie: a=1;b=2"], "a=1;b=2"),                  // not touched
        (NameSelection::All, &["Cookie: a=1;b=2", "Cookie: c=3"], "a=1; b=2; c=3"),
        (NameSelection::None, &["Cookie: a=1"], "-"),
        (only(&["a"]), &["Cookie: a=1; b=2; aa=3"], "a=1"),
        (only(&["a"]), &["Cookie: b=2"], "-"),
        (only(&["a*"]), &["Cookie: a=1; b=2; aa=3"], "a=1; aa=3"),
        (only(&["a?"]), &["Cookie: a=1; b=2; aa=3"], "aa=3"),
        (only(&["a"]), &["Cookie: b=2", "Cookie: a=1", "Cookie: a=2"], "a=1; a=2"),
        (only(&["a"]), &["Cookie: A=1"], "-"),                                  // names are case-sensitive
        (only(&["a"]), &["Cookie: a=x=y; a = 2;a"], "a=x=y; a = 2; a"),
        (except(&["a"]), &["Cookie: a=1; b=2; aa=3"], "b=2; aa=3"),
        (except(&["a*"]), &["Cookie: a=1; aa=3"], "-"),
        (only(&["a"]), &[], "-"),
    ];
    let mut failures = Vec::new();
    for (cookies, sent, expected) in rows {
        let plan = OriginRequest {
            cookies: cookies.clone(),
            ..policy_request()
        };
        let edge = small_edge(
            server("vm"),
            Behavior {
                origin_request: plan,
                ..behavior("*", 0)
            },
        );
        let head = head(&edge, &Visitor::new(), "GET", "/", &headers(sent));
        let seen = seen(&head.headers, "cookie");
        if seen != expected {
            failures.push(format!("{cookies:?} {sent:?}: {seen}, not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn the_target_is_the_origin_path_the_path_and_what_is_left_of_the_query() {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let only = |names: &[&str]| NameSelection::Only(strings(names));
    let except = |names: &[&str]| NameSelection::Except(strings(names));
    let (all, none) = (NameSelection::All, NameSelection::None);
    #[rustfmt::skip]
    let rows = [
        ("", "/", all.clone(), "/", "/"),
        ("", "/a//b/../%2e?x=1&&y", all.clone(), "/", "/a//b/../%2e?x=1&&y"),     // as it came
        ("", "/a?", all.clone(), "/", "/a?"),
        ("", "/a?x=1", none.clone(), "/", "/a"),
        ("", "/a?", none.clone(), "/", "/a"),
        ("/app", "/a?x=1", all.clone(), "/", "/app/a?x=1"),
        ("/app", "/", none.clone(), "/", "/app/"),
        ("/app/v1", "//a", all.clone(), "/", "/app/v1//a"),
        ("/app", "*", all.clone(), "/", "*"),                                    // the server's, not a path's
        // The default root object stands in for exactly the root.
        ("", "/", all.clone(), "/index.html", "/index.html"),
        ("", "/?x=1", all.clone(), "/index.html", "/index.html?x=1"),
        ("", "/?x=1", none.clone(), "/index.html", "/index.html"),
        ("/app", "/", all, "/index.html", "/app/index.html"),
        ("/app", "/sub/", none, "/index.html", "/app/sub/"),
        // Parameters by name, in their order.
        ("", "/a?x=1&y=2&x=3&z", only(&["x", "z"]), "/", "/a?x=1&x=3&z"),
        ("", "/a?y=2", only(&["x"]), "/", "/a"),
        ("", "/a?X=1&%78=2", only(&["x"]), "/", "/a"),                           // as they were sent
        ("", "/a?x=1=2&x=&xx=1", only(&["x"]), "/", "/a?x=1=2&x="),
        ("", "/a?x=1&y=2", except(&["x"]), "/", "/a?y=2"),
        ("", "/a?x=1", except(&["x"]), "/", "/a"),
        ("/app", "/a?x=1&y=2", except(&["y"]), "/", "/app/a?x=1"),
    ];
    let mut failures = Vec::new();
    for (path, target, query, root, expected) in rows {
        let server = Server {
            path: path.into(),
            ..server("vm")
        };
        let behavior = Behavior {
            origin_request: OriginRequest {
                query: query.clone(),
                ..policy_request()
            },
            ..behavior("*", 0)
        };
        let root = (root != "/").then(|| root.into());
        let edge = edge(
            vec![origin("vm", server)],
            vec![single(0)],
            vec![Distribution {
                default_root_object: root,
                ..distribution(vec![behavior])
            }],
        );
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let head = head(&edge, &Visitor::new(), method, target, &HeaderMap::new());
        if head.path_and_query != expected {
            failures.push(format!(
                "{path} {target} {query:?}: {}, not {expected}",
                head.path_and_query
            ));
        }
    }
    all_hold(&failures);
}

/// The server's own choice comes first, then the policy's.
#[test]
fn hosts_are_chosen_by_server_and_policy() {
    let named = HostHeader::Named(HeaderValue::from_static("other.example:81"));
    #[rustfmt::skip]
    let rows = [
        (HostHeader::Own, false, Some("www.shop.example"), "vm.example"),
        (HostHeader::Own, true, Some("www.shop.example"), "www.shop.example"),
        (HostHeader::Own, true, Some("www.shop.example:8080"), "www.shop.example:8080"),
        (HostHeader::Own, true, None, "vm.example"),                              // HTTP/1.0 without Host
        (HostHeader::Viewer, false, Some("www.shop.example"), "www.shop.example"),
        (HostHeader::Viewer, false, None, "vm.example"),
        (named.clone(), false, Some("www.shop.example"), "other.example:81"),
        (named, true, Some("www.shop.example"), "other.example:81"),
    ];
    for (host, viewer_host, sent, expected) in rows {
        let server = Server {
            host: host.clone(),
            ..server("vm")
        };
        let plan = OriginRequest {
            viewer_host,
            headers: HeaderSelection::All,
            ..policy_request()
        };
        let edge = small_edge(
            server,
            Behavior {
                origin_request: plan,
                ..behavior("*", 0)
            },
        );
        let visitor = Visitor {
            host: sent.map(HeaderValue::from_static),
            ..Visitor::new()
        };
        let lines: Vec<String> = sent.iter().map(|host| format!("Host: {host}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let head = head(&edge, &visitor, "GET", "/", &headers(&lines));
        assert_eq!(
            seen(&head.headers, "host"),
            expected,
            "{host:?} {viewer_host} {sent:?}"
        );
    }
}

#[test]
fn an_origins_own_headers_replace_all_others() {
    let own = |name: &'static str, value: &'static str| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let server = Server {
        headers: vec![
            own("x-edge", "tideover"),
            own("x-forwarded-proto", "https"),
            own("user-agent", "edge"),
            own("empty", ""),
        ],
        ..server("vm")
    };
    let edge = small_edge(
        server,
        Behavior {
            origin_request: resilient_request(),
            ..behavior("*", 0)
        },
    );
    let sent = headers(&["X-Edge: forged", "X-Edge: twice", "User-Agent: curl/8"]);
    let visitor = Visitor {
        scheme: ViewerScheme::Http,
        ..Visitor::new()
    };
    let head = head(&edge, &visitor, "GET", "/", &sent);
    assert_eq!(seen(&head.headers, "x-edge"), "tideover");
    assert_eq!(seen(&head.headers, "x-forwarded-proto"), "https");
    assert_eq!(seen(&head.headers, "user-agent"), "edge");
    assert_eq!(seen(&head.headers, "empty"), "");
}

/// Source: Developer Guide, "Add CloudFront request headers".
#[test]
fn what_is_said_about_the_viewer() {
    let plan = OriginRequest {
        cloudfront_headers: vec![
            CloudFrontHeader::ForwardedProto,
            CloudFrontHeader::ViewerAddress,
            CloudFrontHeader::ViewerHttpVersion,
        ],
        ..policy_request()
    };
    let edge = small_edge(
        server("vm"),
        Behavior {
            origin_request: plan,
            ..behavior("*", 0)
        },
    );
    #[rustfmt::skip]
    let rows = [
        (ViewerScheme::Https, Version::HTTP_11, "https", "1.1"),
        (ViewerScheme::Http, Version::HTTP_10, "http", "1.0"),
        (ViewerScheme::Https, Version::HTTP_2, "https", "2.0"),
        (ViewerScheme::Https, Version::HTTP_3, "https", "3.0"),
    ];
    let forged = headers(&[
        "CloudFront-Forwarded-Proto: gopher",
        "CloudFront-Viewer-Address: 1.2.3.4:5",
        "CloudFront-Viewer-Http-Version: 9",
    ]);
    for (scheme, version, proto, number) in rows {
        let visitor = Visitor {
            scheme,
            version,
            ..Visitor::new()
        };
        let head = head(&edge, &visitor, "GET", "/", &forged).headers;
        assert_eq!(seen(&head, "cloudfront-forwarded-proto"), proto);
        assert_eq!(
            seen(&head, "cloudfront-viewer-address"),
            "203.0.113.7:50123"
        );
        assert_eq!(seen(&head, "cloudfront-viewer-http-version"), number);
        let via = format!("{number} 0123abcd.cloudfront.net (CloudFront)");
        assert_eq!(seen(&head, "via"), via);
    }
}
