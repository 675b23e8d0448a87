//! Details of an origin's answer on its way to the viewer that a careless reading gets wrong.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::{Cors, Edge, ResponseHeadersPolicy, ViewerResponse};

use super::viewer_head::{head_passed_on, with};
use crate::cast::{Visitor, headers, plain_response};

/// What a GET with the headers `asked` gets, of an origin that redirects with these headers.
fn redirected(edge: &Edge, asked: &HeaderMap, answer: HeaderMap) -> HeaderMap {
    let visitor = Visitor::new();
    head_passed_on(
        edge,
        &visitor,
        (&Method::GET, asked),
        StatusCode::FOUND,
        answer,
    )
}

/// Many applications write a path as it is into `Location`; the origin's name must not leak for that.
#[test]
fn a_location_with_letters_beyond_ascii_is_turned_too() {
    let edge = with(ViewerResponse {
        rewrite_location: true,
        ..plain_response()
    });
    #[rustfmt::skip]
    let rows: [(&[u8], &[u8]); 6] = [
        ("http://vm.example/caf\u{e9}".as_bytes(), "https://www.shop.example/caf\u{e9}".as_bytes()),
        (b"http://vm.example/caf\xe9", b"https://www.shop.example/caf\xe9"),      // Latin-1
        (b"http://vm.example/?q=\xff", b"https://www.shop.example/?q=\xff"),
        (b"//vm.example/\xc3", b"https://www.shop.example/\xc3"),
        (b"http://vm.example\xe9/x", b"http://vm.example\xe9/x"),                 // another host
        (b"\xc3\xa9", b"\xc3\xa9"),
    ];
    for (location, expected) in rows {
        let mut answer = HeaderMap::new();
        let location = HeaderValue::from_bytes(location).expect("a header can hold it");
        answer.insert("location", location);
        let seen = redirected(&edge, &HeaderMap::new(), answer);
        assert_eq!(
            String::from_utf8_lossy(seen["location"].as_bytes()),
            String::from_utf8_lossy(expected)
        );
    }
}

/// "The origin sent any CORS header" is about the origin: what the policy itself sets is none of its doing.
/// Source: Developer Guide, "Understand response headers policies".
#[test]
fn a_policys_own_headers_do_not_silence_its_cors() {
    let cors = Cors {
        allow_origins: vec!["*".to_owned()],
        allow_headers: None,
        allow_methods: None,
        allow_credentials: false,
        expose_headers: None,
        max_age: None,
        origin_override: false,
    };
    let own = "access-control-allow-private-network";
    let edge = with(ViewerResponse {
        policy: Some(Arc::new(ResponseHeadersPolicy {
            removed: Vec::new(),
            set: vec![(
                HeaderName::from_static(own),
                HeaderValue::from_static("true"),
                true,
            )],
            cors: Some(cors),
        })),
        ..plain_response()
    });
    let asked = headers(&["Origin: https://a.example"]);
    let seen = redirected(&edge, &asked, HeaderMap::new());
    assert_eq!(seen[own], "true");
    assert_eq!(
        seen.get("access-control-allow-origin"),
        Some(&HeaderValue::from_static("*"))
    );
    // An origin that has its own word on it still does.
    let seen = redirected(&edge, &asked, headers(&["Access-Control-Max-Age: 1"]));
    assert_eq!(seen.get("access-control-allow-origin"), None);
}
