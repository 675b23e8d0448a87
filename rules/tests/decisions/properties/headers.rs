//! Heads made of whatever headers there may be.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use proptest::prelude::*;
use tideover_config::{
    AcceptEncoding, Behavior, Edge, HeaderSelection, NameSelection, OriginKind, OriginRequest,
    Server, ViewerResponse, ViewerScheme,
};
use tideover_rules::admit::admit;
use tideover_rules::fields::{Fields, Survey};
use tideover_rules::headers::{Conditions, Frame, Request, for_origin, for_viewer};
use tideover_rules::route::within;

use crate::cast::{
    Visitor, behavior, distribution, edge, legacy_request, origin, plain_response, policy_request,
    resilient, resilient_request, server, single,
};

/// Names that some rule knows, and some that none does.
const NAMES: [&str; 40] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authorization",
    "proxy-authenticate",
    "http2-settings",
    "content-length",
    "expect",
    "host",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "cdn-loop",
    "cookie",
    "authorization",
    "accept-encoding",
    "user-agent",
    "x-amz-cf-id",
    "x-request-id",
    "x-cache",
    "tideover-attempts",
    "tideover-token",
    "content-type",
    "range",
    "x-one",
    "x-two",
    "vary",
    "set-cookie",
    "location",
    "server",
    "origin",
    "access-control-allow-origin",
    "x-amz-cf-pop",
    "x-real-ip",
    "x-edge-x",
];

fn value() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        // What a Connection header may name.
        proptest::collection::vec(proptest::sample::select(NAMES.to_vec()), 0..4)
            .prop_map(|names| names.join(", ")),
        "[a-zA-Z0-9,;=* /:.\"-]{0,24}".prop_map(String::from),
        Just("trailers".to_owned()),
        Just("http://vm.example/app/x".to_owned()),
    ]
    .prop_map(|text| HeaderValue::try_from(text).expect("visible characters"))
    .boxed()
    .prop_union(
        // Anything that a header can hold.
        proptest::collection::vec(prop_oneof![Just(9_u8), 32..=126_u8, 128..=255_u8], 0..16)
            .prop_map(|bytes| HeaderValue::try_from(bytes).expect("no control characters"))
            .boxed(),
    )
}

fn header_map() -> impl Strategy<Value = HeaderMap> {
    proptest::collection::vec((proptest::sample::select(NAMES.to_vec()), value()), 0..12).prop_map(
        |lines| {
            lines
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value))
                .fold(HeaderMap::new(), |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                })
        },
    )
}

fn names() -> impl Strategy<Value = Vec<HeaderName>> {
    proptest::sample::subsequence(NAMES.to_vec(), 0..4)
        .prop_map(|names| names.into_iter().map(HeaderName::from_static).collect())
}

fn name_selection() -> impl Strategy<Value = NameSelection> {
    let names = || proptest::collection::vec("[ab*?]{1,2}", 0..3);
    prop_oneof![
        Just(NameSelection::All),
        Just(NameSelection::None),
        names().prop_map(NameSelection::Only),
        names().prop_map(NameSelection::Except),
    ]
}

fn plan() -> impl Strategy<Value = OriginRequest> {
    let base = proptest::sample::select(vec![0_u8, 1, 2]).prop_map(|which| match which {
        0 => legacy_request(),
        1 => policy_request(),
        _ => resilient_request(),
    });
    let selection = prop_oneof![
        Just(HeaderSelection::All),
        names().prop_map(HeaderSelection::AllExcept),
        names().prop_map(HeaderSelection::Only),
        names().prop_map(HeaderSelection::LegacyWith),
    ];
    let encoding = prop_oneof![
        Just(AcceptEncoding::Viewer),
        Just(AcceptEncoding::Removed),
        (any::<bool>(), any::<bool>())
            .prop_map(|(gzip, brotli)| AcceptEncoding::Normalised { gzip, brotli }),
    ];
    (
        base,
        selection,
        encoding,
        name_selection(),
        name_selection(),
        any::<bool>(),
    )
        .prop_map(
            |(base, headers, accept_encoding, cookies, query, trailers)| OriginRequest {
                headers,
                accept_encoding,
                cookies,
                query,
                trailers,
                ..base
            },
        )
}

fn edge_with(plan: OriginRequest, is_resilient: bool, path: &str) -> Edge {
    let server = Server {
        path: path.into(),
        ..server("vm")
    };
    let behavior = Behavior {
        viewer_response: ViewerResponse {
            rewrite_location: true,
            trailers: plan.trailers,
            vary_kept: Some(vec![HeaderName::from_static("x-one")]),
            ..plain_response()
        },
        origin_request: plan,
        ..behavior("*", 0)
    };
    let distribution = distribution(vec![behavior]);
    let distribution = if is_resilient {
        resilient(distribution)
    } else {
        distribution
    };
    edge(
        vec![origin("vm", server)],
        vec![single(0)],
        vec![distribution],
    )
}

fn the_server(edge: &Edge) -> &Server {
    match &edge.origins[0].kind {
        OriginKind::Server(server) => server,
        OriginKind::Page(_) | OriginKind::Folder(_) => unreachable!("it is a server"),
    }
}

/// Every byte may stand in a header: RFC 9110, section 5.5.
fn is_valid(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .iter()
        .all(|byte| *byte == 9 || (*byte >= 32 && *byte != 127))
}

/// Whether a header belongs to one connection only. Source: RFC 9110, section 7.6.1; RFC 7540, section 3.2.1.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The names that `Connection` lists.
fn named(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all("connection")
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .collect()
}

proptest! {
    /// Nothing of the viewer's that is for one connection only gets to an origin.
    #[test]
    fn nothing_hop_by_hop_reaches_an_origin(
        sent in header_map(), plan in plan(), is_resilient in any::<bool>(),
        method in proptest::sample::select(vec![Method::GET, Method::OPTIONS, Method::POST]),
    ) {
        let edge = edge_with(plan, is_resilient, "/app");
        let visitor = Visitor::new();
        let target = PathAndQuery::from_static("/x?a=1&b");
        let route = within(&edge, &edge.distributions[0], &method, "/x");
        let request = Request { method: &method, target: &target, fields: Fields::of(&sent), to_websocket: false, conditions: Conditions::Viewers };
        let head = for_origin(&route, &Frame::of(route.distribution, route.behavior), the_server(&edge), request, &visitor.viewer());

        let trailers = route.behavior.origin_request.trailers;
        let made = ["host", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "cdn-loop",
            "user-agent", "accept-encoding", "te", "connection", "x-amz-cf-id", "x-request-id"];
        let named = named(&sent);
        for (name, value) in &head.headers {
            prop_assert!(is_valid(value), "{name}: {value:?}");
            if is_hop_by_hop(name) {
                let kept = trailers && match name.as_str() {
                    "te" => value == "trailers",
                    "connection" => value == "te",
                    "trailer" => true,
                    _ => false,
                };
                prop_assert!(kept, "{name}: {value:?}");
            }
            if named.iter().any(|named| named == name.as_str()) {
                prop_assert!(made.contains(&name.as_str()), "{name}: {value:?}");
            }
        }
        for gone in ["content-length", "expect", "tideover-token", "x-real-ip"] {
            prop_assert!(!head.headers.contains_key(gone), "{gone}");
        }
        // One of each that the edge says.
        for name in ["host", "via", "x-forwarded-for", "user-agent"] {
            let count = head.headers.get_all(name).iter().count();
            let most = if name == "user-agent" && route.behavior.origin_request.viewer_user_agent { usize::MAX } else { 1 };
            prop_assert!(count <= most, "{name} {count}");
        }
        prop_assert_eq!(head.headers.get("host"), Some(&HeaderValue::from_static("vm.example")));
        let via = head.headers.get("via").expect("it is always there");
        prop_assert!(via.as_bytes().ends_with(edge.distributions[0].voice.via.received_by()));
        let forwarded = head.headers.get("x-forwarded-for").expect("it is always there");
        prop_assert!(forwarded.as_bytes().ends_with(b"203.0.113.7"));
    }

    /// Nothing of the origin's that is for one connection only gets to a viewer, nor what is the edge's to say.
    #[test]
    fn nothing_hop_by_hop_reaches_a_viewer(
        answer in header_map(), plan in plan(), is_resilient in any::<bool>(), status in 200..600_u16,
    ) {
        let edge = edge_with(plan, is_resilient, "/app");
        let visitor = Visitor::new();
        let target = PathAndQuery::from_static("/");
        let route = within(&edge, &edge.distributions[0], &Method::GET, "/");
        let nothing = HeaderMap::new();
        let request = Request { method: &Method::GET, target: &target, fields: Fields::of(&nothing), to_websocket: false, conditions: Conditions::Viewers };
        let named = named(&answer);
        let mut headers = answer.clone();
        let status = StatusCode::from_u16(status).expect("a status");
        for_viewer(&edge, &route, &visitor.viewer(), request, status, Survey::of(&answer), &mut headers);

        let voice = &edge.distributions[0].voice;
        for (name, value) in &headers {
            prop_assert!(is_valid(value), "{name}: {value:?}");
            let is_trailer = route.behavior.viewer_response.trailers && name == "trailer";
            prop_assert!(!is_hop_by_hop(name) || is_trailer, "{name}");
            prop_assert!(name != "x-cache" && name != "tideover-attempts" && *name != voice.request_id, "{name}");
            if name != "via" {
                prop_assert!(!named.iter().any(|named| named == name.as_str()), "{name}");
            }
        }
        let via = headers.get("via").expect("it is always there");
        prop_assert!(via.as_bytes().ends_with(voice.via.received_by()));
        // What no rule is about is left as it was.
        for name in ["x-one", "content-type", "range"] {
            if !named.iter().any(|named| named == name) {
                let (before, after) = (answer.get_all(name).iter(), headers.get_all(name).iter());
                prop_assert!(before.eq(after), "{name}");
            }
        }
    }

    /// Whatever is asked for, an origin is asked for a good target below its path, and for no more than was asked.
    #[test]
    fn targets_are_good(
        target in "/[a-c/.%~?&=+;:@!$'()*,-]{0,24}", query in name_selection(), path in "(/[a-c]{1,3}){0,2}",
    ) {
        let Ok(sent) = target.parse::<PathAndQuery>() else { return Ok(()) };
        let plan = OriginRequest { query, ..policy_request() };
        let edge = edge_with(plan, false, &path);
        let route = within(&edge, &edge.distributions[0], &Method::GET, sent.path());
        let nothing = HeaderMap::new();
        let request = Request { method: &Method::GET, target: &sent, fields: Fields::of(&nothing), to_websocket: false, conditions: Conditions::Viewers };
        let head = for_origin(&route, &Frame::of(route.distribution, route.behavior), the_server(&edge), request, &Visitor::new().viewer());
        prop_assert_eq!(head.path_and_query.path(), format!("{path}{}", sent.path()));
        let before: Vec<&str> = sent.query().map_or_else(Vec::new, |query| query.split('&').collect());
        let after: Vec<&str> = head.path_and_query.query().map_or_else(Vec::new, |query| query.split('&').collect());
        // What is left is in the order it came in.
        let mut rest = before.iter();
        prop_assert!(after.iter().all(|kept| rest.any(|sent| sent == kept)), "{before:?} {after:?}");
    }

    /// Whatever the head, it is admitted or refused; who is admitted names one host, framed in one way.
    #[test]
    fn heads_are_admitted_or_refused(
        mut sent in header_map(),
        hosts in proptest::collection::vec("[a-z.:0-9\\[\\]%@ ,/]{0,12}", 0..3),
        target in "(/|http://|https://|\\*|ftp://)?[a-z.:@/]{0,12}",
        version in proptest::sample::select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2]),
    ) {
        for host in &hosts {
            sent.append("host", HeaderValue::try_from(host.as_str()).expect("visible"));
        }
        let Ok(target) = target.parse::<Uri>() else { return Ok(()) };
        if let Ok(host) = admit(&Method::GET, &target, version, Fields::of(&sent)) {
            prop_assert!(sent.get_all("host").iter().count() <= 1);
            prop_assert!(sent.get_all("content-length").iter().count() <= 1);
            prop_assert!(!(sent.contains_key("content-length") && sent.contains_key("transfer-encoding")));
            prop_assert!(target.path().starts_with('/'));
            prop_assert!(host.sent.starts_with(host.name));
            let bytes = host.name.bytes();
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]:".contains(&byte);
            prop_assert!(bytes.into_iter().all(is_good), "{host:?}");
            prop_assert!(!host.name.is_empty() || version == Version::HTTP_10);
        }
    }

    /// Whoever the viewer is and whatever `Location` says, the answer names the viewer's host or what it named before.
    #[test]
    fn locations_lead_to_the_viewers_host_or_nowhere_new(
        location in "(http://|https://|//|HTTP://|)(vm\\.example|10\\.0\\.0\\.4|evil|www\\.shop\\.example)?(:[0-9]{0,5})?[/?#@\\\\a-z.]{0,10}",
        scheme in proptest::sample::select(vec![ViewerScheme::Http, ViewerScheme::Https]),
    ) {
        let edge = edge_with(resilient_request(), true, "/app");
        let visitor = Visitor { scheme, ..Visitor::new() };
        let target = PathAndQuery::from_static("/");
        let route = within(&edge, &edge.distributions[0], &Method::GET, "/");
        let nothing = HeaderMap::new();
        let request = Request { method: &Method::GET, target: &target, fields: Fields::of(&nothing), to_websocket: false, conditions: Conditions::Viewers };
        let before = HeaderValue::try_from(location.as_str()).expect("visible");
        let mut headers = HeaderMap::new();
        headers.insert("location", before.clone());
        for_viewer(&edge, &route, &visitor.viewer(), request, StatusCode::FOUND, Survey::of(&headers.clone()), &mut headers);
        let after = &headers["location"];
        if *after != before {
            let after = after.to_str().expect("text");
            let is_own = after.starts_with("http://www.shop.example/") || after.starts_with("https://www.shop.example/");
            prop_assert!(is_own, "{location} {after}");
        }
    }
}
