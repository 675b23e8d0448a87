//! Host, path, method and protocol -> behavior, or a refusal.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tideover_config::{
    Behavior, Distribution, Edge, GetBody, LoopCheck, MethodSet, PathPattern, ViewerProtocol,
    ViewerScheme,
};
use tideover_rules::fields::Fields;
use tideover_rules::route::{Arrival, Refusal, distribution, normalised, route};

use crate::cast::{self, all_hold, behavior, headers, origin, server, single};

fn edge_of(distributions: Vec<Distribution>) -> Edge {
    cast::edge(
        vec![origin("vm", server("vm"))],
        vec![single(0)],
        distributions,
    )
}

fn named(id: &str, aliases: &[&str]) -> Distribution {
    Distribution {
        id: id.into(),
        aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
        ..cast::distribution(vec![behavior("*", 0)])
    }
}

fn arrival<'r>(method: &'r Method, path: &'r str, headers: &'r HeaderMap) -> Arrival<'r> {
    Arrival {
        method,
        host: "a.example",
        path,
        query: None,
        scheme: ViewerScheme::Https,
        version: Version::HTTP_11,
        has_body: false,
        fields: Fields::of(headers),
    }
}

#[test]
fn hosts_pick_distributions() {
    let several = edge_of(vec![
        named("shop", &["www.shop.example", "shop.example"]),
        named("wild", &["*.shop.example"]),
        named("deep", &["*.deep.shop.example"]),
    ]);
    let alone = edge_of(vec![named("only", &["www.shop.example"])]);
    let open = edge_of(vec![
        named("shop", &["www.shop.example"]),
        named("any", &[]),
    ]);
    #[rustfmt::skip]
    let cases: &[(&Edge, &str, Option<&str>)] = &[
        (&several, "www.shop.example", Some("shop")),
        (&several, "WWW.shop.EXAMPLE", Some("shop")),
        (&several, "shop.example", Some("shop")),           // the bare name is not the wildcard's
        (&several, "img.shop.example", Some("wild")),
        (&several, "a.b.shop.example", Some("wild")),       // any depth
        (&several, "IMG.SHOP.example", Some("wild")),
        (&several, "x.deep.shop.example", Some("deep")),    // the longer wildcard
        (&several, "deep.shop.example", Some("wild")),
        (&several, ".shop.example", None),
        (&several, "xshop.example", None),
        (&several, "other.example", None),
        (&several, "localhost", None),
        (&several, "127.0.0.1", None),
        (&several, "", None),
        (&alone, "localhost", Some("only")),
        (&alone, "LocalHost", Some("only")),
        (&alone, "x.localhost", Some("only")),
        (&alone, "xlocalhost", None),
        (&alone, "localhost.example", None),
        (&alone, "127.0.0.1", Some("only")),
        (&alone, "127.9.9.9", Some("only")),
        (&alone, "[::1]", Some("only")),
        (&alone, "[::ffff:127.0.0.1]", Some("only")),
        (&alone, "10.0.0.1", None),
        (&alone, "", None),
        (&open, "www.shop.example", Some("shop")),
        (&open, "whatever.example", Some("any")),
        (&open, "10.0.0.1", Some("any")),
        (&open, "", Some("any")),
    ];
    let long = "a".repeat(300) + ".shop.example";
    let mut failures = Vec::new();
    for (edge, host, expected) in
        cases
            .iter()
            .copied()
            .chain([(&several, long.as_str(), Some("wild"))])
    {
        let seen = distribution(edge, host).map(|distribution| &*distribution.id);
        if seen != expected {
            failures.push(format!("{host}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn paths_pick_behaviors_in_order() {
    let for_writes = Behavior {
        for_methods: Some(MethodSet::WRITES),
        allowed_methods: MethodSet::WRITES,
        ..behavior("/owners/*", 0)
    };
    let edge = edge_of(vec![Distribution {
        default_root_object: Some("/index.html".into()),
        ..cast::distribution(vec![
            for_writes,
            behavior("images/*", 0),
            behavior("*.jpg", 0),
            behavior("/a?c", 0),
            behavior("/images/late/*", 0),
            behavior("/index.html", 0),
            behavior("/Case", 0),
            behavior("*", 0),
        ])
    }]);
    #[rustfmt::skip]
    let cases: &[(&str, &str, usize, &str)] = &[
        ("GET", "/images/x.gif", 1, "/images/x.gif"),
        ("GET", "/images/late/x", 1, "/images/late/x"),         // the first one takes it, not the closest
        ("GET", "/images/", 1, "/images/"),
        ("GET", "/images", 7, "/images"),
        ("GET", "/x/images/y", 7, "/x/images/y"),               // anchored at both ends
        ("GET", "/deep/er/x.jpg", 2, "/deep/er/x.jpg"),         // a star crosses slashes
        ("GET", "/x.jpgg", 7, "/x.jpgg"),
        ("GET", "/x.JPG", 7, "/x.JPG"),
        ("GET", "/abc", 3, "/abc"),
        ("GET", "/a/c", 3, "/a/c"),                             // a question mark takes a slash too
        ("GET", "/ac", 7, "/ac"),
        ("GET", "/Case", 6, "/Case"),
        ("GET", "/case", 7, "/case"),
        ("POST", "/owners/1", 0, "/owners/1"),
        ("GET", "/owners/1", 7, "/owners/1"),                   // reads of the same path go elsewhere
        ("GET", "/", 5, "/index.html"),                         // the root object, and its behavior
        ("GET", "//", 7, "//"),                                 // only exactly the root
        ("GET", "/sub/", 7, "/sub/"),
        // Compared as RFC 3986 would have it, passed on as it came.
        ("GET", "//images//x", 1, "//images//x"),
        ("GET", "/images/../abc", 3, "/images/../abc"),
        ("GET", "/x/../images/y", 1, "/x/../images/y"),
        ("GET", "/./images/./y", 1, "/./images/./y"),
        ("GET", "/images/..", 7, "/images/.."),
        ("GET", "/../../images/y", 1, "/../../images/y"),
        ("GET", "/%69mages/y", 7, "/%69mages/y"),               // escapes are left alone
        ("GET", "/x/%2e%2e/images/y", 7, "/x/%2e%2e/images/y"),
        ("OPTIONS", "*", 7, "*"),
    ];
    let headers = HeaderMap::new();
    let mut failures = Vec::new();
    for (method, path, index, asked) in cases {
        let method = method.parse().expect("a method");
        match route(&edge, &arrival(&method, path, &headers)) {
            Ok(route) if (route.behavior_index, route.path) == (*index, *asked) => {}
            Ok(route) => failures.push(format!(
                "{method} {path}: behavior {} asks for {}, not {index} for {asked}",
                route.behavior_index, route.path
            )),
            Err((refusal, _)) => failures.push(format!("{method} {path}: {refusal:?}")),
        }
    }
    all_hold(&failures);
}

#[test]
fn paths_are_normalised_for_comparison_only() {
    #[rustfmt::skip]
    let cases = [
        ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("/a/.b", "/a/.b"), ("/a/..b/...", "/a/..b/..."), ("*", "*"),
        ("//", "/"), ("///a", "/a"), ("/a//b", "/a/b"), ("/a/b//", "/a/b/"),
        ("/.", "/"), ("/..", "/"), ("/./", "/"), ("/../", "/"), ("/a/.", "/a/"), ("/a/..", "/"), ("/a/./b", "/a/b"),
        ("/a/b/..", "/a/"), ("/a/b/../", "/a/"), ("/a/b/../c", "/a/c"), ("/a/b/../../../c", "/c"),
        ("/a//../b", "/b"), ("/a/%2e%2e/b", "/a/%2e%2e/b"),
    ];
    let mut failures = Vec::new();
    for (path, expected) in cases {
        let seen = normalised(path);
        if seen != expected {
            failures.push(format!("{path}: {seen}, not {expected}"));
        }
        if path == expected && matches!(seen, std::borrow::Cow::Owned(_)) {
            failures.push(format!("{path}: allocated for nothing"));
        }
    }
    all_hold(&failures);
}

#[test]
fn protocols_and_methods_are_refused_as_cloudfront_does() {
    use Refusal::{HttpsRequired, MethodNotAllowed};
    use ViewerProtocol::{HttpAndHttps, HttpsOnly, RedirectToHttps};
    let moved = Refusal::RedirectToHttps(StatusCode::MOVED_PERMANENTLY);
    let temporary = Refusal::RedirectToHttps(StatusCode::TEMPORARY_REDIRECT);
    let (reads, all) = (MethodSet::READS, MethodSet::ALL);
    let (http, https) = (ViewerScheme::Http, ViewerScheme::Https);
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    #[rustfmt::skip]
    let cases = [
        (HttpAndHttps, all, "GET", http, v11, None),
        (HttpsOnly, all, "GET", https, v11, None),
        (HttpsOnly, all, "GET", http, v11, Some(HttpsRequired)),
        (HttpsOnly, all, "POST", http, v11, Some(HttpsRequired)),
        (RedirectToHttps, all, "GET", https, v11, None),
        (RedirectToHttps, all, "GET", http, v11, Some(moved.clone())),
        (RedirectToHttps, all, "HEAD", http, v11, Some(moved.clone())),
        (RedirectToHttps, all, "GET", http, v10, Some(moved)),
        (RedirectToHttps, all, "POST", http, v11, Some(temporary.clone())),
        (RedirectToHttps, all, "PUT", http, v11, Some(temporary.clone())),
        (RedirectToHttps, all, "PATCH", http, v11, Some(temporary.clone())),
        (RedirectToHttps, all, "DELETE", http, v11, Some(temporary.clone())),
        (RedirectToHttps, all, "OPTIONS", http, Version::HTTP_2, Some(temporary.clone())),
        (RedirectToHttps, reads, "POST", http, v11, Some(temporary)),    // the redirect comes first
        (RedirectToHttps, all, "POST", http, v10, Some(HttpsRequired)),
        (RedirectToHttps, all, "TRACE", http, v11, Some(MethodNotAllowed)),
        (HttpAndHttps, reads, "OPTIONS", https, v11, Some(MethodNotAllowed)),
        (HttpAndHttps, reads, "POST", https, v11, Some(MethodNotAllowed)),
        (HttpAndHttps, all, "TRACE", https, v11, Some(MethodNotAllowed)),
        (HttpAndHttps, all, "PROPFIND", https, v11, Some(MethodNotAllowed)),
        (HttpAndHttps, all, "get", https, v11, Some(MethodNotAllowed)),              // methods are case-sensitive
        (HttpAndHttps, all, "DELETE", https, v11, None),
    ];
    let headers = HeaderMap::new();
    let mut failures = Vec::new();
    for (protocol, allowed, method, scheme, version, expected) in cases {
        let edge = edge_of(vec![cast::distribution(vec![Behavior {
            viewer_protocol: protocol,
            allowed_methods: allowed,
            ..behavior("*", 0)
        }])]);
        let method = method.parse().expect("a method");
        let asked = Arrival {
            scheme,
            version,
            ..arrival(&method, "/", &headers)
        };
        let seen = route(&edge, &asked).err().map(|(refusal, _)| refusal);
        if seen != expected {
            failures.push(format!(
                "{protocol:?} {allowed:?} {method} {scheme:?} {version:?}: {seen:?}, not {expected:?}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_body_where_none_belongs_is_refused_or_sent_once() {
    #[rustfmt::skip]
    let cases = [
        (GetBody::Refused, "GET", Some(Refusal::GetWithBody)),
        (GetBody::Refused, "HEAD", Some(Refusal::GetWithBody)),
        (GetBody::Refused, "OPTIONS", None),
        (GetBody::Refused, "POST", None),
        (GetBody::SentOnce, "GET", None),
        (GetBody::SentOnce, "HEAD", None),
    ];
    let headers = HeaderMap::new();
    let mut failures = Vec::new();
    for (get_body, method, expected) in cases {
        let edge = edge_of(vec![cast::distribution(vec![Behavior {
            get_body,
            allowed_methods: MethodSet::ALL,
            ..behavior("*", 0)
        }])]);
        let method = method.parse().expect("a method");
        let asked = Arrival {
            has_body: true,
            ..arrival(&method, "/", &headers)
        };
        let seen = route(&edge, &asked).err().map(|(refusal, _)| refusal);
        if seen != expected {
            failures.push(format!("{get_body:?} {method}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

const OWN: &str = "Via: 1.1 0123abcd.cloudfront.net (CloudFront)";
const ONE: &str = "Via: 2.0 a.cloudfront.net (CloudFront)";
const TWO: &str = "Via: 2.0 a.cloudfront.net (CloudFront), 1.1 b.cloudfront.net (CloudFront)";

#[test]
fn circles_are_seen() {
    let via = |lines: &'static [&'static str]| (LoopCheck::Via, lines, StatusCode::FORBIDDEN);
    let cdn = |lines: &'static [&'static str]| {
        let cdn_id = HeaderValue::from_static("tideover-1");
        (
            LoopCheck::CdnLoop { cdn_id },
            lines,
            StatusCode::LOOP_DETECTED,
        )
    };
    #[rustfmt::skip]
    let cases = vec![
        (via(&[]), false),
        (via(&["Via: 1.1 varnish"]), false),
        (via(&[OWN]), true),
        (via(&["Via: 2.0 varnish, 1.1 0123abcd.cloudfront.net (CloudFront)"]), true),
        (via(&["Via: 2.0 varnish", OWN]), true),
        (via(&["Via: 1.1 x0123abcd.cloudfront.net (CloudFront)"]), false),
        (via(&["Via: 1.1 0123abcd.cloudfront.net"]), true),                  // comments may be taken out on the way
        (via(&["Via: 1.1 0123ABCD.cloudfront.net (CloudFront)"]), true),     // hosts have no letter case
        (via(&["Via: 1.1 other.example (0123abcd.cloudfront.net)"]), false), // a comment is no name
        (via(&[ONE]), false),
        (via(&[TWO]), false),
        (via(&[TWO, ONE]), true),
        (via(&["CDN-Loop: tideover-1"]), false),
        (cdn(&[OWN]), false),
        (cdn(&["CDN-Loop: other"]), false),
        (cdn(&["CDN-Loop: tideover-1"]), true),
        (cdn(&["CDN-Loop: other, Tideover-1; v=2"]), true),
        (cdn(&["CDN-Loop: other", "CDN-Loop: tideover-1"]), true),
        (cdn(&["CDN-Loop: tideover-12"]), false),
    ];
    let mut failures = Vec::new();
    for ((loops, lines, status), is_circle) in cases {
        let edge = edge_of(vec![Distribution {
            loops: loops.clone(),
            ..cast::distribution(vec![behavior("*", 0)])
        }]);
        let headers = headers(lines);
        let seen = route(&edge, &arrival(&Method::GET, "/", &headers))
            .err()
            .map(|(refusal, _)| refusal);
        let expected = is_circle.then_some(Refusal::Loop(status));
        if seen != expected {
            failures.push(format!("{loops:?} {lines:?}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn lengths_are_bounded() {
    let edge = edge_of(vec![cast::distribution(vec![behavior("*", 0)])]);
    let huge_header = format!("X-Long: {}", "x".repeat(65_536 - 100 - 10));
    let long_header = format!("X-Long: {}", "x".repeat(32_768 - 100 - 10));
    #[rustfmt::skip]
    let cases = [
        (8_192, None, "", None),
        (8_193, None, "", Some(Refusal::UrlTooLong)),
        (8_000, Some(191), "", None),
        (8_000, Some(192), "", Some(Refusal::UrlTooLong)),       // the question mark counts
        (100, None, long_header.as_str(), None),
        (101, None, long_header.as_str(), Some(Refusal::HeadTooLarge)),
        (100, None, huge_header.as_str(), Some(Refusal::HeadTooLarge)),
        (101, None, huge_header.as_str(), Some(Refusal::FieldsTooLarge)),    // not meant well
    ];
    let mut failures = Vec::new();
    for (path_bytes, query_bytes, header, expected) in cases {
        let path = format!("/{}", "p".repeat(path_bytes - 1));
        let query = query_bytes.map(|bytes| "q".repeat(bytes));
        let headers = if header.is_empty() {
            HeaderMap::new()
        } else {
            headers(&[header])
        };
        let asked = Arrival {
            query: query.as_deref(),
            ..arrival(&Method::GET, &path, &headers)
        };
        let seen = route(&edge, &asked).err().map(|(refusal, _)| refusal);
        if seen != expected {
            failures.push(format!(
                "{path_bytes} {query_bytes:?} {}: {seen:?}, not {expected:?}",
                header.len()
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_body_is_refused_by_what_its_length_says() {
    let mut edge = edge_of(vec![cast::distribution(vec![behavior("*", 0)])]);
    edge.listen.limits.body_bytes = 1_000;
    let mut failures = Vec::new();
    for (length, has_body, expected) in [
        ("1000", true, None),
        ("1001", true, Some(Refusal::BodyTooLarge)),
        ("99999999999999999999999", true, Some(Refusal::BodyTooLarge)),
        // Nothing comes of it.
        ("1001", false, None),
    ] {
        let headers = headers(&[&format!("Content-Length: {length}")]);
        let asked = Arrival {
            has_body,
            ..arrival(&Method::OPTIONS, "/", &headers)
        };
        let seen = route(&edge, &asked).err().map(|(refusal, _)| refusal);
        if seen != expected {
            failures.push(format!("{length}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

/// What is wrong first is said first; a refusal speaks in the voice of the distribution if there is one.
#[test]
fn refusals_come_in_order() {
    let strict = Behavior {
        viewer_protocol: ViewerProtocol::HttpsOnly,
        allowed_methods: MethodSet::READS,
        ..behavior("*", 0)
    };
    let distribution = Distribution {
        enabled: false,
        aliases: vec!["a.example".into()],
        ..cast::distribution(vec![strict])
    };
    let path = format!("/{}", "p".repeat(9_000));
    let mut headers = headers(&["Via: 1.1 0123abcd.cloudfront.net (CloudFront)"]);
    headers.insert("x-long", "x".repeat(33_000).parse().expect("a value"));

    // Everything is wrong; then one thing after the other is put right.
    let mut edge = edge_of(vec![distribution]);
    let mut asked = Arrival {
        host: "b.example",
        scheme: ViewerScheme::Http,
        has_body: true,
        ..arrival(&Method::POST, &path, &headers)
    };
    let said =
        |edge: &Edge, asked: &Arrival<'_>| route(edge, asked).expect_err("something is wrong").0;
    assert_eq!(said(&edge, &asked), Refusal::UnknownHost);
    asked.host = "a.example";
    assert_eq!(said(&edge, &asked), Refusal::Disabled);
    edge.distributions[0].enabled = true;
    assert_eq!(said(&edge, &asked), Refusal::UrlTooLong);
    asked.path = "/";
    assert_eq!(said(&edge, &asked), Refusal::HeadTooLarge);
    let mut short = headers.clone();
    short.remove("x-long");
    let mut with_length = short.clone();
    with_length.insert("content-length", "99999999999".parse().expect("a value"));
    asked.fields = Fields::of(&with_length);
    assert_eq!(said(&edge, &asked), Refusal::BodyTooLarge);
    asked.fields = Fields::of(&short);
    assert_eq!(said(&edge, &asked), Refusal::Loop(StatusCode::FORBIDDEN));
    let empty = HeaderMap::new();
    asked.fields = Fields::of(&empty);
    assert_eq!(said(&edge, &asked), Refusal::HttpsRequired);
    asked.scheme = ViewerScheme::Https;
    assert_eq!(said(&edge, &asked), Refusal::MethodNotAllowed);
    asked.method = &Method::GET;
    assert_eq!(said(&edge, &asked), Refusal::GetWithBody);
    asked.has_body = false;
    assert!(route(&edge, &asked).is_ok());
    let (_, voice) = route(
        &edge,
        &Arrival {
            host: "b.example",
            ..asked
        },
    )
    .expect_err("unknown");
    assert!(voice.is_none());
}

#[test]
fn the_default_behavior_takes_what_is_left_whatever_its_pattern() {
    let edge = edge_of(vec![cast::distribution(vec![Behavior {
        path: PathPattern::everything(),
        ..behavior("*", 0)
    }])]);
    let headers = HeaderMap::new();
    let route = route(&edge, &arrival(&Method::GET, "/x", &headers)).expect("it is taken");
    assert_eq!(route.behavior_index, 0);
    assert_eq!(&*route.target.name, "single");
}
