//! What is left of an origin's head for the viewer. Source: Developer Guide, "Request and response behavior for custom
//! origins", HTTP response headers that CloudFront removes or updates; "Understand response headers policies".

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::{
    Behavior, Cors, Edge, Endpoint, HostHeader, OriginScheme, ResponseHeadersPolicy, Server,
    ViewerResponse, ViewerScheme,
};
use tideover_rules::fields::{Fields, Survey};
use tideover_rules::headers::{Conditions, Request, for_viewer};
use tideover_rules::route::within;

use crate::cast::{
    Visitor, all_hold, behavior, distribution, edge, group, headers, kind, lines, member, origin,
    own_timers, page, page_member, plain_response, resilient, server, small_edge,
};

const VIA: &str = "via: 1.1 0123abcd.cloudfront.net (CloudFront)";

/// One origin, one behavior, this for its answers.
pub(super) fn with(viewer_response: ViewerResponse) -> Edge {
    let behavior = Behavior {
        viewer_response,
        ..behavior("*", 0)
    };
    small_edge(server("vm"), behavior)
}

/// `answer` as the viewer gets it that asked `method` with the headers `asked`.
fn passed_on(
    edge: &Edge,
    visitor: &Visitor,
    (method, asked): (&Method, &[&str]),
    status: u16,
    answer: &[&str],
) -> HeaderMap {
    let status = StatusCode::from_u16(status).expect("a status");
    head_passed_on(
        edge,
        visitor,
        (method, &headers(asked)),
        status,
        headers(answer),
    )
}

/// The same, of heads that need not be text.
pub(super) fn head_passed_on(
    edge: &Edge,
    visitor: &Visitor,
    (method, asked): (&Method, &HeaderMap),
    status: StatusCode,
    mut answer: HeaderMap,
) -> HeaderMap {
    let target = PathAndQuery::from_static("/");
    let route = within(edge, &edge.distributions[0], method, target.path());
    let request = Request {
        method,
        target: &target,
        fields: Fields::of(asked),
        to_websocket: false,
        conditions: Conditions::Viewers,
    };
    for_viewer(
        edge,
        &route,
        &visitor.viewer(),
        request,
        status,
        Survey::of(&answer),
        &mut answer,
    );
    answer
}

fn simply(edge: &Edge, answer: &[&str]) -> Vec<String> {
    lines(&passed_on(
        edge,
        &Visitor::new(),
        (&Method::GET, &[]),
        200,
        answer,
    ))
}

#[test]
fn what_is_removed_and_what_stays() {
    #[rustfmt::skip]
    let rows: &[(&[&str], &[&str])] = &[
        (&[], &[]),
        (&["Server: nginx", "Date: x", "ETag: \"x\"", "Cache-Control: max-age=1", "Age: 3"],
            &["age: 3", "cache-control: max-age=1", "date: x", "etag: \"x\"", "server: nginx"]),
        (&["Content-Length: 5", "Content-Type: text/html"], &["content-length: 5", "content-type: text/html"]),
        (&["Set-Cookie: a=1", "Set-Cookie: b=2"], &["set-cookie: a=1", "set-cookie: b=2"]),
        (&["Connection: close"], &[]),
        (&["Keep-Alive: timeout=5", "Proxy-Connection: close"], &[]),
        (&["Proxy-Authenticate: Basic", "Upgrade: h2c", "Transfer-Encoding: chunked", "TE: x"], &[]),
        (&["Trailer: X-Sum"], &[]),
        (&["Connection: X-Hop, close", "X-Hop: 1", "X-Hop: 2", "X-Stays: 1"], &["x-stays: 1"]),
        (&["Connection: x-a", "Connection: X-B", "X-A: 1", "X-B: 1"], &[]),
        (&["Connection: ,;, (", "X-A: 1"], &["x-a: 1"]),
        // The edge's own to say.
        (&["X-Cache: Hit from elsewhere", "Tideover-Attempts: forged;status=200"], &[]),
        (&["X-Amz-Cf-Id: forged", "X-Amz-Cf-Pop: FORGED"], &[]),
        (&["X-Request-Id: mine"], &["x-request-id: mine"]),      // not this edge's name for it
        // Each hop adds to it: RFC 9209, section 2.
        (&["Proxy-Status: app;error=dns_error"], &["proxy-status: app;error=dns_error"]),
        (&["WWW-Authenticate: Basic"], &["www-authenticate: Basic"]),
        (&["Location: http://vm.example/"], &["location: http://vm.example/"]),
        (&["Vary: X-Any"], &["vary: X-Any"]),
    ];
    let edge = with(plain_response());
    let mut failures = Vec::new();
    for (answer, expected) in rows {
        let seen = simply(&edge, answer);
        let mut expected = expected.to_vec();
        expected.push(VIA);
        expected.sort_unstable();
        if seen != expected {
            failures.push(format!("{answer:?}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn trailers_are_announced_where_they_are_passed_on() {
    let edge = with(ViewerResponse {
        trailers: true,
        ..plain_response()
    });
    assert_eq!(simply(&edge, &["Trailer: X-Sum"]), ["trailer: X-Sum", VIA]);
}

#[test]
fn via_is_added_to() {
    let edge = with(plain_response());
    let seen = simply(&edge, &["Via: 1.0 a, 2.0 b", "Via: 1.1 c"]);
    assert_eq!(
        seen,
        ["via: 1.0 a, 2.0 b, 1.1 c, 1.1 0123abcd.cloudfront.net (CloudFront)"]
    );
}

/// What is kept, what the origin says, what the viewer sees.
type Reduced = (
    Option<Vec<HeaderName>>,
    &'static [&'static str],
    Option<&'static str>,
);

#[test]
fn vary_is_reduced_to_what_is_forwarded() {
    let names = |names: &[&str]| -> Vec<HeaderName> {
        names
            .iter()
            .map(|name| name.parse().expect("a name"))
            .collect()
    };
    let kept = || Some(names(&["origin", "accept-language"]));
    #[rustfmt::skip]
    let rows: &[Reduced] = &[
        (None, &["Vary: X-Any, User-Agent"], Some("X-Any, User-Agent")),
        (kept(), &["Vary: Accept-Encoding"], Some("Accept-Encoding")),
        (kept(), &["Vary: Accept-Encoding, User-Agent"], Some("Accept-Encoding")),
        (kept(), &["Vary: cookie, ORIGIN, x-any"], Some("cookie, ORIGIN")),
        (kept(), &["Vary: User-Agent"], None),
        (kept(), &["Vary: X-A", "Vary: Accept-Language, X-B"], Some("Accept-Language")),
        (kept(), &["Vary: *"], Some("*")),
        (kept(), &["Vary:"], None),
        (kept(), &[], None),
    ];
    let mut failures = Vec::new();
    for (vary_kept, answer, expected) in rows {
        let edge = with(ViewerResponse {
            vary_kept: vary_kept.clone(),
            ..plain_response()
        });
        let seen = passed_on(&edge, &Visitor::new(), (&Method::GET, &[]), 200, answer);
        let seen: Vec<&HeaderValue> = seen.get_all("vary").iter().collect();
        if seen != expected.iter().collect::<Vec<_>>() {
            failures.push(format!(
                "{vary_kept:?} {answer:?}: {seen:?}, not {expected:?}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn cookies_come_back_where_they_are_forwarded() {
    let edge = with(ViewerResponse {
        set_cookie: false,
        ..plain_response()
    });
    assert_eq!(
        simply(&edge, &["Set-Cookie: a=1", "Set-Cookie: b=2"]),
        [VIA]
    );
}

/// Mode resilient: the VM at `10.0.0.4:8080` under `/app`, the maintenance site over HTTPS, a page.
fn three() -> Edge {
    let vm = Server {
        http: Endpoint {
            host: "10.0.0.4".into(),
            port: 8080,
        },
        host: HostHeader::Named(HeaderValue::from_static("inner.example:81")),
        path: "/app".into(),
        ..server("vm")
    };
    let swa = Server {
        scheme: OriginScheme::Https,
        ..server("swa")
    };
    let criteria = kind(&[503]);
    let target = group(
        vec![
            member(0, criteria, own_timers()),
            member(1, criteria, own_timers()),
            page_member(2),
        ],
        None,
    );
    let behavior = Behavior {
        viewer_response: ViewerResponse {
            rewrite_location: true,
            ..plain_response()
        },
        ..behavior("*", 0)
    };
    edge(
        vec![origin("vm", vm), origin("swa", swa), page("last")],
        vec![target],
        vec![resilient(distribution(vec![behavior]))],
    )
}

#[test]
fn a_location_that_names_an_origin_is_turned_to_the_viewers_host() {
    let edge = three();
    #[rustfmt::skip]
    let rows = [
        // Every name that a server goes by.
        (302, "http://vm.example/app/x", "https://www.shop.example/x"),
        (302, "http://vm.example:80/app/x", "https://www.shop.example/x"),
        (302, "http://10.0.0.4:8080/app/x", "https://www.shop.example/x"),
        (302, "http://inner.example:81/app/x", "https://www.shop.example/x"),
        (302, "http://inner.example/app/x", "https://www.shop.example/x"),
        (302, "HTTP://VM.Example/app/x", "https://www.shop.example/x"),
        (302, "//vm.example/app/x", "https://www.shop.example/x"),
        (302, "https://swa.example/x", "https://www.shop.example/x"),
        (302, "http://swa.example/x", "https://www.shop.example/x"),
        (302, "https://vm.example/app/x", "https://www.shop.example/x"),
        (302, "https://vm.example:443/app/x", "https://www.shop.example/x"),
        // Which statuses.
        (201, "http://vm.example/app/x", "https://www.shop.example/x"),
        (301, "http://vm.example/app/x", "https://www.shop.example/x"),
        (308, "http://vm.example/app/x", "https://www.shop.example/x"),
        (200, "http://vm.example/app/x", "http://vm.example/app/x"),
        (503, "http://vm.example/app/x", "http://vm.example/app/x"),
        // What follows the host.
        (302, "http://vm.example", "https://www.shop.example/"),
        (302, "http://vm.example/app", "https://www.shop.example/"),
        (302, "http://vm.example/app/", "https://www.shop.example/"),
        (302, "http://vm.example/app?x#y", "https://www.shop.example/?x#y"),
        (302, "http://vm.example?x", "https://www.shop.example/?x"),
        (302, "http://vm.example#y", "https://www.shop.example/#y"),
        (302, "http://vm.example/apple", "https://www.shop.example/apple"),       // not below the origin path
        (302, "http://vm.example/other", "https://www.shop.example/other"),
        (302, "http://vm.example\\x", "https://www.shop.example/\\x"),
        // What is left alone.
        (302, "/x", "/x"),
        (302, "x", "x"),
        (302, "?x", "?x"),
        (302, "", ""),
        (302, "http://other.example/x", "http://other.example/x"),
        (302, "http://vm.example.evil/x", "http://vm.example.evil/x"),
        (302, "http://xvm.example/x", "http://xvm.example/x"),
        (302, "http://vm.example:9999/x", "http://vm.example:9999/x"),
        (302, "http://vm.example:x/x", "http://vm.example:x/x"),
        (302, "http://vm.example@evil.example/x", "http://vm.example@evil.example/x"),
        (302, "http://evil.example\\@vm.example/x", "http://evil.example\\@vm.example/x"),
        (302, "ftp://vm.example/x", "ftp://vm.example/x"),
        (302, "mailto:a@vm.example", "mailto:a@vm.example"),
        (302, "http://www.shop.example/app/x", "http://www.shop.example/app/x"),
        (302, "https://last/x", "https://last/x"),                               // a page has no address
    ];
    let mut failures = Vec::new();
    for (status, location, expected) in rows {
        let line = format!("Location: {location}");
        let seen = passed_on(
            &edge,
            &Visitor::new(),
            (&Method::GET, &[]),
            status,
            &[&line],
        );
        if seen["location"] != expected {
            failures.push(format!(
                "{status} {location}: {:?}, not {expected}",
                seen["location"]
            ));
        }
    }
    // A viewer over plain HTTP: https stays where the server asks for it on its own account.
    let plain = Visitor {
        scheme: ViewerScheme::Http,
        ..Visitor::new()
    };
    #[rustfmt::skip]
    let rows = [
        ("http://vm.example/app/x", "http://www.shop.example/x"),
        ("https://vm.example/app/x", "https://www.shop.example/x"),
        ("https://swa.example/x", "http://www.shop.example/x"),
    ];
    for (location, expected) in rows {
        let line = format!("Location: {location}");
        let seen = passed_on(&edge, &plain, (&Method::GET, &[]), 302, &[&line]);
        if seen["location"] != expected {
            failures.push(format!(
                "plain {location}: {:?}, not {expected}",
                seen["location"]
            ));
        }
    }
    // Nowhere to turn it to.
    let nobody = Visitor {
        host: None,
        ..Visitor::new()
    };
    let seen = passed_on(
        &edge,
        &nobody,
        (&Method::GET, &[]),
        302,
        &["Location: http://vm.example/app"],
    );
    if seen["location"] != "http://vm.example/app" {
        failures.push(format!("no host: {:?}", seen["location"]));
    }
    all_hold(&failures);
}

fn with_policy(policy: ResponseHeadersPolicy) -> Edge {
    with(ViewerResponse {
        policy: Some(Arc::new(policy)),
        ..plain_response()
    })
}

#[test]
fn a_policy_removes_first_and_then_adds() {
    let name = HeaderName::from_static;
    let set = |header: &'static str, value: &'static str, replaces: bool| {
        (name(header), HeaderValue::from_static(value), replaces)
    };
    let edge = with_policy(ResponseHeadersPolicy {
        removed: vec![name("x-powered-by"), name("x-both")],
        set: vec![
            set("x-frame-options", "DENY", false),
            set("x-content-type-options", "nosniff", true),
            set("x-both", "new", false),
            set("x-empty", "", true),
        ],
        cors: None,
    });
    #[rustfmt::skip]
    let rows: &[(&[&str], &[&str])] = &[
        (&[], &["x-both: new", "x-content-type-options: nosniff", "x-empty: ", "x-frame-options: DENY"]),
        (&["X-Powered-By: PHP", "X-Powered-By: more"],
            &["x-both: new", "x-content-type-options: nosniff", "x-empty: ", "x-frame-options: DENY"]),
        (&["X-Both: old"],
            &["x-both: new", "x-content-type-options: nosniff", "x-empty: ", "x-frame-options: DENY"]),
        (&["X-Frame-Options: SAMEORIGIN", "X-Content-Type-Options: a", "X-Content-Type-Options: b"],
            &["x-both: new", "x-content-type-options: nosniff", "x-empty: ", "x-frame-options: SAMEORIGIN"]),
    ];
    let mut failures = Vec::new();
    for (answer, expected) in rows {
        let mut seen = simply(&edge, answer);
        seen.retain(|line| line != VIA);
        if seen != *expected {
            failures.push(format!("{answer:?}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
    // The edge speaks for itself where the origin must not.
    let edge = with_policy(ResponseHeadersPolicy {
        removed: vec![name("server")],
        ..ResponseHeadersPolicy::default()
    });
    assert_eq!(
        simply(&edge, &["Server: nginx"]),
        ["server: CloudFront", VIA]
    );
}

fn cors(allow_origins: &[&str]) -> Cors {
    Cors {
        allow_origins: allow_origins
            .iter()
            .map(|origin| (*origin).to_owned())
            .collect(),
        allow_headers: Some(HeaderValue::from_static("x-one, x-amz-*")),
        allow_methods: Some(HeaderValue::from_static("GET, PUT")),
        allow_credentials: false,
        expose_headers: Some(HeaderValue::from_static("x-shown")),
        max_age: Some(HeaderValue::from_static("600")),
        origin_override: false,
    }
}

fn cors_edge(cors: Cors) -> Edge {
    with_policy(ResponseHeadersPolicy {
        cors: Some(cors),
        ..ResponseHeadersPolicy::default()
    })
}

#[test]
fn which_origins_are_allowed() {
    #[rustfmt::skip]
    let rows: &[(&[&str], &str, bool)] = &[
        (&["https://a.example"], "https://a.example", true),
        (&["https://a.example"], "https://A.EXAMPLE", true),
        (&["https://a.example"], "http://a.example", false),
        (&["https://a.example"], "https://a.example:8443", false),
        (&["https://a.example:8443"], "https://a.example:8443", true),
        (&["https://a.example:8443"], "https://a.example", false),
        (&["a.example"], "http://a.example", true),                  // no scheme: both
        (&["a.example"], "https://a.example", true),
        (&["a.example"], "ftp://a.example", false),
        (&["a.example"], "https://xa.example", false),
        (&["a.example"], "https://a.example.evil", false),
        (&["*.a.example"], "https://x.a.example", true),
        (&["*.a.example"], "https://x.y.a.example", true),           // deeper too
        (&["*.a.example"], "https://a.example", false),
        (&["*.a.example"], "https://xa.example", false),
        (&["https://*.a.example"], "http://x.a.example", false),
        (&["a.example:*"], "https://a.example:1", true),
        (&["a.example:*"], "https://a.example", true),
        (&["b.example", "a.example"], "https://a.example", true),
        (&["a.example"], "null", false),
        (&["a.example"], "a.example", false),
        (&["[::1]:*"], "http://[::1]:80", true),
    ];
    let mut failures = Vec::new();
    for (allowed, asked, expected) in rows {
        let edge = cors_edge(cors(allowed));
        let line = format!("Origin: {asked}");
        let seen = passed_on(&edge, &Visitor::new(), (&Method::GET, &[&line]), 200, &[]);
        let named = seen
            .get("access-control-allow-origin")
            .map(HeaderValue::as_bytes);
        let varies = seen.get("vary").map(HeaderValue::as_bytes);
        let wanted = expected.then_some(asked.as_bytes());
        if named != wanted || varies != expected.then_some(b"Origin") {
            failures.push(format!("{allowed:?} {asked}: {named:?} {varies:?}"));
        }
    }
    all_hold(&failures);
}

/// A name, the policy, the request, the origin's answer, and the CORS headers that the viewer sees.
type Answered<'a> = (
    &'a str,
    &'a Cors,
    (&'a Method, &'a [&'a str]),
    &'a [&'a str],
    &'a [&'a str],
);

#[test]
fn what_a_cors_request_is_answered() {
    const FROM_A: &str = "Origin: https://a.example";
    let preflight: &[&str] = &[
        FROM_A,
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: X-AMZ-Date, authorization, x-other",
    ];
    let list = cors(&["a.example"]);
    let any = cors(&["*"]);
    let with_credentials = Cors {
        allow_credentials: true,
        ..list.clone()
    };
    let broad = Cors {
        allow_headers: Some(HeaderValue::from_static("a*")),
        ..list.clone()
    };
    let overriding = Cors {
        origin_override: true,
        ..list.clone()
    };
    #[rustfmt::skip]
    let rows: &[Answered<'_>] = &[
        ("no Origin, no answer", &list, (&Method::GET, &[]), &[], &[]),
        ("a simple one", &list, (&Method::GET, &[FROM_A]), &[],
            &["allow-origin: https://a.example", "expose-headers: x-shown"]),
        ("anybody", &any, (&Method::GET, &[FROM_A]), &[],
            &["allow-origin: *", "expose-headers: x-shown"]),
        ("credentials", &with_credentials, (&Method::GET, &[FROM_A]), &[],
            &["allow-credentials: true", "allow-origin: https://a.example", "expose-headers: x-shown"]),
        ("a preflight; a wildcard means what was asked for", &list, (&Method::OPTIONS, preflight), &[],
            &["allow-headers: x-one, X-AMZ-Date", "allow-methods: GET, PUT", "allow-origin: https://a.example", "max-age: 600"]),
        ("a wildcard never means Authorization, though it fits", &broad, (&Method::OPTIONS, preflight), &[],
            &["allow-methods: GET, PUT", "allow-origin: https://a.example", "max-age: 600"]),
        ("OPTIONS alone is no preflight", &list, (&Method::OPTIONS, &[FROM_A]), &[],
            &["allow-origin: https://a.example", "expose-headers: x-shown"]),
        ("not allowed", &list, (&Method::GET, &["Origin: https://b.example"]), &[], &[]),
        ("any header of the server silences the policy", &list, (&Method::GET, &[FROM_A]), &["Access-Control-Max-Age: 1"],
            &["max-age: 1"]),
        ("unless it overrides", &overriding, (&Method::GET, &[FROM_A]),
            &["Access-Control-Allow-Origin: *", "Access-Control-Max-Age: 1"],
            &["allow-origin: https://a.example", "expose-headers: x-shown", "max-age: 1"]),
        ("overridden, and not allowed", &overriding, (&Method::GET, &["Origin: https://b.example"]),
            &["Access-Control-Allow-Origin: *"], &[]),
    ];
    let mut failures = Vec::new();
    for (name, cors, request, answer, expected) in rows {
        let edge = cors_edge((*cors).clone());
        let seen = passed_on(&edge, &Visitor::new(), *request, 200, answer);
        let seen: Vec<String> = lines(&seen)
            .iter()
            .filter_map(|line| line.strip_prefix("access-control-"))
            .map(str::to_owned)
            .collect();
        if seen != *expected {
            failures.push(format!("{name}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn an_answer_that_is_for_one_origin_says_so() {
    #[rustfmt::skip]
    let rows: &[(&[&str], &[&str], &[&str])] = &[
        (&["a.example"], &[], &["Origin"]),
        (&["a.example"], &["Vary: Cookie"], &["Cookie", "Origin"]),
        (&["a.example"], &["Vary: Cookie, ORIGIN"], &["Cookie, ORIGIN"]),
        (&["a.example"], &["Vary: *"], &["*"]),
        (&["*"], &[], &[]),
    ];
    for (allowed, answer, expected) in rows {
        let edge = cors_edge(cors(allowed));
        let request: (&Method, &[&str]) = (&Method::GET, &["Origin: https://a.example"]);
        let seen = passed_on(&edge, &Visitor::new(), request, 200, answer);
        let seen: Vec<&HeaderValue> = seen.get_all("vary").iter().collect();
        assert_eq!(seen, *expected, "{allowed:?} {answer:?}");
    }
}
