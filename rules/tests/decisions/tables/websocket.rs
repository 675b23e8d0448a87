//! Which requests switch to WebSocket, and what both hops are told of it. Source: RFC 6455, section 4; RFC 9110,
//! section 7.8.

use http::{HeaderMap, Method, StatusCode, Version};
use tideover_config::{Behavior, HeaderSelection, OriginRequest};
use tideover_rules::fields::Fields;
use tideover_rules::websocket::{is_agreed_to, is_asked_for};

use super::origin_head::{head, seen};
use super::viewer_head::head_passed_on;
use crate::cast::{
    Visitor, all_hold, behavior, headers, legacy_request, policy_request, resilient_request,
    server, small_edge,
};

#[test]
fn a_get_of_http_1_1_without_a_body_that_names_websocket_asks_for_it() {
    const USUAL: &str = "connection: Upgrade; upgrade: websocket";
    #[rustfmt::skip]
    let rows = [
        ("GET", Version::HTTP_11, USUAL, true),
        ("GET", Version::HTTP_11, "connection: keep-alive, Upgrade; upgrade: websocket", true),    // Firefox
        ("GET", Version::HTTP_11, "connection: keep-alive; connection: UPGRADE; upgrade: WebSocket", true),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: h2c, websocket", true),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: h2c; upgrade: websocket", true),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websocket; content-length: 0", true),
        // Whether the key is there and the version is good, the origin says.
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websocket; sec-websocket-version: 7", true),
        ("GET", Version::HTTP_11, "", false),
        ("GET", Version::HTTP_11, "upgrade: websocket", false),
        ("GET", Version::HTTP_11, "connection: upgrade", false),
        ("GET", Version::HTTP_11, "connection: keep-alive; upgrade: websocket", false),
        ("GET", Version::HTTP_11, "connection: upgrade, http2-settings; upgrade: h2c; http2-settings: AA", false),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: TLS/1.0", false),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websocket/13", false),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websockets", false),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websocket; content-length: 1", false),
        ("GET", Version::HTTP_11, "connection: upgrade; upgrade: websocket; transfer-encoding: chunked", false),
        ("GET", Version::HTTP_10, USUAL, false),
        ("GET", Version::HTTP_2, USUAL, false),
        ("HEAD", Version::HTTP_11, USUAL, false),
        ("OPTIONS", Version::HTTP_11, USUAL, false),
        ("POST", Version::HTTP_11, USUAL, false),
        ("CONNECT", Version::HTTP_11, USUAL, false),
    ];
    let mut failures = Vec::new();
    for (method, version, sent, expected) in rows {
        let fields = listed(sent);
        let method: Method = method.parse().expect("a method");
        if is_asked_for(&method, version, Fields::of(&fields)) != expected {
            failures.push(format!("{method} {version:?} {sent:?}: not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_101_has_to_name_what_was_asked_for() {
    #[rustfmt::skip]
    let rows = [
        ("upgrade: websocket; connection: Upgrade", true),
        ("upgrade: WebSocket", true),
        ("upgrade: h2c; connection: upgrade", false),
        ("connection: upgrade", false),
        ("", false),
    ];
    for (answer, expected) in rows {
        assert_eq!(
            is_agreed_to(Fields::of(&listed(answer))),
            expected,
            "{answer}"
        );
    }
}

const ASKED: &str = "host: www.shop.example; connection: keep-alive, Upgrade, X-Hop; upgrade: h2c, WebSocket; \
    sec-websocket-key: k; sec-websocket-version: 13; sec-websocket-extensions: a; sec-websocket-extensions: b; \
    sec-websocket-protocol: chat; te: trailers; x-hop: 1; x-own: 1";

#[test]
fn an_origin_is_asked_with_all_that_the_handshake_needs_whatever_the_behavior_selects() {
    let columns = [
        ("legacy", legacy_request(), "a | b", "1"),
        ("policy", policy_request(), "a | b", "-"),
        ("resilient", resilient_request(), "a | b", "1"),
        (
            "dropped by name",
            OriginRequest {
                headers: HeaderSelection::AllExcept(vec![
                    "sec-websocket-extensions".parse().expect("a name"),
                ]),
                ..resilient_request()
            },
            "-",
            "1",
        ),
    ];
    for (column, origin_request, extensions, own) in columns {
        let edge = small_edge(
            server("vm"),
            Behavior {
                origin_request,
                ..behavior("*", 0)
            },
        );
        let asks = head(&edge, &Visitor::new(), "GET", "/", &listed(ASKED)).headers;
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat"),
            ("sec-websocket-extensions", extensions),
            ("te", "-"),
            ("x-hop", "-"),
            ("x-own", own),
        ] {
            assert_eq!(seen(&asks, name), value, "{column}: {name}");
        }

        let posts = head(&edge, &Visitor::new(), "POST", "/", &listed(ASKED)).headers;
        assert_eq!(seen(&posts, "upgrade"), "-", "{column}");
        assert!(
            !seen(&posts, "connection")
                .to_lowercase()
                .contains("upgrade"),
            "{column}"
        );
    }
}

#[test]
fn a_viewer_is_told_of_the_switch_and_of_no_body() {
    let edge = small_edge(server("vm"), behavior("*", 0));
    let passed_on = |status| {
        let answer = listed(
            "connection: Upgrade, X-Hop; upgrade: WebSocket; x-hop: 1; content-length: 0; sec-websocket-accept: a",
        );
        let asked = listed(ASKED);
        let visitor = Visitor::new();
        head_passed_on(&edge, &visitor, (&Method::GET, &asked), status, answer)
    };

    let head = passed_on(StatusCode::SWITCHING_PROTOCOLS);
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", "a"),
        ("x-hop", "-"),
        ("content-length", "-"),
    ] {
        assert_eq!(seen(&head, name), value, "{name}");
    }
    assert_ne!(seen(&head, "via"), "-");

    let head = passed_on(StatusCode::UPGRADE_REQUIRED);
    assert_eq!(seen(&head, "connection"), "-");
    assert_eq!(seen(&head, "upgrade"), "-");
}

fn listed(text: &str) -> HeaderMap {
    let lines: Vec<&str> = text.split("; ").filter(|line| !line.is_empty()).collect();
    headers(&lines)
}
