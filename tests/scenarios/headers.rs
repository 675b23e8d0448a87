//! What of a request's head an origin sees, and what of its answer's head the viewer sees, in both modes.

use harness::{EdgeBuilder, Origin, Response, Seen, answer, edge, in_front_of, origin, viewer};

/// The managed policy `AllViewerExceptHostHeader`.
const ALL_VIEWER_EXCEPT_HOST: &str =
    r#"origin_request_policy = "b689b0a8-53d0-40ab-baf2-68738e2966ac""#;
/// The managed policy `CachingDisabled`: an origin request policy stands only beside a cache policy.
const CACHING_DISABLED: &str = r#"cache_policy = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad""#;

/// What the origin saw of a request with these headers.
async fn seen(
    builder: EdgeBuilder,
    origin: &Origin,
    method: &str,
    headers: &[(&str, &str)],
) -> Seen {
    let edge = builder.start().await;
    let mut request = viewer(&edge)
        .host("www.example.com")
        .request(method, "/x?a=1&b=2");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if method == "POST" {
        request = request.body("x");
    }
    request.await.expect(200);
    origin.request()
}

/// What a viewer sees of an answer with these headers.
async fn told(make: impl FnOnce(&Origin) -> EdgeBuilder, headers: &[(&str, &str)]) -> Response {
    let mut script = answer(200).body("x");
    for (name, value) in headers {
        script = script.header(name, value);
    }
    let primary = origin("primary").plays(script).start().await;
    let edge = make(&primary).start().await;
    viewer(&edge).host("www.example.com").get("/").await
}

fn faithful(origin: &Origin) -> EdgeBuilder {
    in_front_of(origin).faithful()
}

mod to_the_origin_in_resilient_mode {
    use super::*;

    #[tokio::test]
    async fn everything_that_the_viewer_says_goes_on() {
        let primary = origin("primary").start().await;
        let said = [
            ("Accept", "text/html;q=0.9"),
            ("Accept-Encoding", "br;q=1, zstd"),
            ("Accept-Language", "ko"),
            ("Authorization", "Basic eDp5"),
            ("Cache-Control", "no-cache"),
            ("Cookie", "JSESSIONID=1; theme=dark"),
            ("If-None-Match", "\"1\""),
            ("Origin", "https://www.example.com"),
            ("Range", "bytes=0-1"),
            ("Referer", "https://www.example.com/"),
            ("User-Agent", "curl/8"),
            ("X-Anything", "\u{e9}"),
            ("X-Empty", ""),
        ];

        let request = seen(in_front_of(&primary), &primary, "GET", &said).await;

        for (name, value) in said {
            assert_eq!(request.value(name), value, "{name}");
            assert!(request.has(name), "{name}");
        }
        assert_eq!(request.target, "/x?a=1&b=2");
    }

    #[tokio::test]
    async fn the_origin_is_told_about_the_viewer() {
        let primary = origin("primary").start().await;

        let request = seen(in_front_of(&primary), &primary, "GET", &[]).await;

        assert_eq!(request.value("host"), "primary.test");
        assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
        assert_eq!(request.value("x-forwarded-host"), "www.example.com");
        assert_eq!(request.value("x-forwarded-proto"), "https");
        assert_eq!(request.value("via"), "1.1 tideover");
        assert!(!request.value("cdn-loop").is_empty());
        assert!(!request.value("x-request-id").is_empty());
        for absent in [
            "user-agent",
            "accept",
            "accept-encoding",
            "connection",
            "te",
        ] {
            assert!(!request.has(absent), "{absent}: {request:?}");
        }
    }

    #[tokio::test]
    async fn what_others_said_before_is_added_to_or_overruled() {
        let primary = origin("primary").start().await;
        let said = [
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-For", "192.0.2.2"),
            ("X-Forwarded-Proto", "gopher"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Real-IP", "192.0.2.3"),
            ("Via", "1.0 before"),
            ("CDN-Loop", "another; x=1"),
            ("X-Request-Id", "mine"),
            ("Tideover-Token", "secret"),
        ];

        let request = seen(in_front_of(&primary), &primary, "GET", &said).await;

        assert_eq!(
            request.value("x-forwarded-for"),
            "192.0.2.1, 192.0.2.2, 127.0.0.1"
        );
        assert_eq!(request.head.all("x-forwarded-for").count(), 1);
        assert_eq!(request.value("x-forwarded-proto"), "https");
        assert_eq!(request.value("x-forwarded-host"), "www.example.com");
        assert_eq!(request.value("via"), "1.0 before, 1.1 tideover");
        assert!(
            request
                .value("cdn-loop")
                .starts_with("another; x=1, tideover-")
        );
        assert_ne!(request.value("x-request-id"), "mine");
        assert_eq!(request.head.all("x-request-id").count(), 1);
        assert!(!request.has("x-real-ip"));
        assert!(!request.has("tideover-token"));
    }

    #[tokio::test]
    async fn via_tells_the_viewers_version() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;

        viewer(&edge)
            .sends("GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            .await
            .expect(200);

        assert_eq!(primary.request().value("via"), "1.0 tideover");
    }

    #[tokio::test]
    async fn what_belongs_to_one_connection_stays_on_it() {
        let primary = origin("primary").start().await;
        let said = [
            ("Connection", "x-hop, keep-alive, x-forwarded-for"),
            ("X-Hop", "1"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Proxy-Authorization", "Basic eDp5"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ("TE", "gzip"),
            ("Expect", "100-continue"),
        ];

        let request = seen(in_front_of(&primary), &primary, "GET", &said).await;

        for (name, _) in said {
            if name != "X-Forwarded-For" {
                assert!(!request.has(name), "{name}: {request:?}");
            }
        }
        assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
    }

    #[tokio::test]
    async fn connection_cannot_take_away_what_the_edge_owns() {
        let primary = origin("primary").start().await;
        let said = [(
            "Connection",
            "close, host, via, cdn-loop, x-forwarded-proto, content-length, x-request-id",
        )];

        let request = seen(in_front_of(&primary), &primary, "POST", &said).await;

        for name in [
            "host",
            "via",
            "cdn-loop",
            "x-forwarded-proto",
            "content-length",
            "x-request-id",
        ] {
            assert!(request.has(name), "{name}: {request:?}");
        }
        assert_eq!(request.text(), "x");
    }

    #[tokio::test]
    async fn the_origins_own_headers_replace_the_viewers() {
        let primary = origin("primary").start().await;
        let builder = in_front_of(&primary).and(
            "[origin.primary]\nurl = \"http://primary.test\"\nheaders = { X-Edge = \"tideover\" }",
        );

        let request = seen(
            builder,
            &primary,
            "GET",
            &[("X-Edge", "mine"), ("x-edge", "too")],
        )
        .await;

        let values: Vec<&str> = request.head.all("x-edge").collect();
        assert_eq!(values, ["tideover"]);
    }

    #[tokio::test]
    async fn host_is_the_origins_own_the_viewers_or_a_name() {
        for (said, expected) in [
            ("origin", "primary.test:81"),
            ("viewer", "www.example.com"),
            ("other.example", "other.example"),
        ] {
            let primary = origin("primary").start().await;
            let builder = in_front_of(&primary).and(&format!(
                "[origin.primary]\nurl = \"http://primary.test:81\"\nhost = \"{said}\""
            ));
            let request = seen(builder, &primary, "GET", &[]).await;
            assert_eq!(request.value("host"), expected);
        }
    }

    #[tokio::test]
    async fn cookies_arrive_in_one_line() {
        let primary = origin("primary").start().await;
        let said = [("Cookie", "a=1"), ("Cookie", "b=2")];

        let request = seen(in_front_of(&primary), &primary, "GET", &said).await;

        let lines: Vec<&str> = request.head.all("cookie").collect();
        assert_eq!(lines, ["a=1; b=2"]);
    }
}

mod to_the_origin_in_faithful_mode {
    use super::*;

    #[tokio::test]
    async fn without_policies_nearly_nothing_goes_on() {
        let primary = origin("primary").start().await;
        let said = [
            ("Accept", "text/html"),
            ("Accept-Encoding", "gzip"),
            ("Accept-Language", "ko"),
            ("Authorization", "Basic eDp5"),
            ("Cache-Control", "no-cache"),
            ("Cookie", "JSESSIONID=1"),
            ("Origin", "https://www.example.com"),
            ("Referer", "https://www.example.com/"),
            ("X-Anything", "1"),
            ("X-Forwarded-Proto", "http"),
            ("X-Real-IP", "192.0.2.3"),
            ("X-Edge-Anything", "1"),
            ("X-Amz-Anything", "1"),
            ("CloudFront-Viewer-Country", "KR"),
        ];

        let request = seen(faithful(&primary), &primary, "GET", &said).await;

        for (name, _) in said {
            assert!(!request.has(name), "{name}: {request:?}");
        }
        assert_eq!(request.target, "/x");
        assert_eq!(request.value("host"), "primary.test");
        assert_eq!(request.value("user-agent"), "Amazon CloudFront");
        assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
        assert!(request.value("x-amz-cf-id").ends_with("=="));
        let via = request.value("via");
        assert!(
            via.starts_with("1.1 ") && via.ends_with(".cloudfront.net (CloudFront)"),
            "{via}"
        );
        for absent in [
            "x-forwarded-proto",
            "x-forwarded-host",
            "cdn-loop",
            "x-request-id",
        ] {
            assert!(!request.has(absent), "{absent}: {request:?}");
        }
    }

    #[tokio::test]
    async fn the_user_agent_is_replaced() {
        let primary = origin("primary").start().await;

        let request = seen(
            faithful(&primary),
            &primary,
            "GET",
            &[("User-Agent", "curl/8")],
        )
        .await;

        assert_eq!(request.value("user-agent"), "Amazon CloudFront");
    }

    #[tokio::test]
    async fn writes_bring_what_describes_their_body_and_authorization() {
        let primary = origin("primary").start().await;
        let said = [
            ("Content-Type", "application/json"),
            ("Content-Encoding", "identity"),
            ("Authorization", "Basic eDp5"),
        ];

        let request = seen(faithful(&primary), &primary, "POST", &said).await;

        for (name, value) in said {
            assert_eq!(request.value(name), value, "{name}");
        }
    }

    #[tokio::test]
    async fn all_viewer_except_host_is_what_it_says() {
        let primary = origin("primary").start().await;
        let builder = faithful(&primary)
            .and(CACHING_DISABLED)
            .and(ALL_VIEWER_EXCEPT_HOST);
        let said = [
            ("Accept", "text/html"),
            ("Accept-Language", "ko"),
            ("Authorization", "Basic eDp5"),
            ("Cookie", "JSESSIONID=1"),
            ("Referer", "https://www.example.com/"),
            ("User-Agent", "curl/8"),
            ("X-Anything", "1"),
        ];

        let request = seen(builder, &primary, "GET", &said).await;

        for (name, value) in said {
            assert_eq!(request.value(name), value, "{name}");
        }
        assert_eq!(request.target, "/x?a=1&b=2");
        assert_eq!(request.value("host"), "primary.test");
        assert!(!request.has("x-forwarded-proto"), "{request:?}");
    }

    #[tokio::test]
    async fn each_member_of_a_pair_is_asked_by_its_own_name() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = origin("secondary").start().await;
        let edge = harness::pair([&primary, &secondary], [503])
            .and("[origin.secondary]\nurl = \"http://secondary.test/standby\"\nheaders = { X-Leg = \"2\" }")
            .start()
            .await;

        viewer(&edge).get("/page").await.expect(200);

        assert_eq!(primary.request().value("host"), "primary.test");
        assert!(!primary.request().has("x-leg"));
        assert_eq!(secondary.request().value("host"), "secondary.test");
        assert_eq!(secondary.request().value("x-leg"), "2");
        secondary.saw(["GET /standby/page"]);
        assert_eq!(
            primary.request().value("x-amz-cf-id"),
            secondary.request().value("x-amz-cf-id")
        );
    }
}

mod to_the_viewer {
    use super::*;

    #[tokio::test]
    async fn an_answer_keeps_what_the_origin_said() {
        let said = [
            ("Server", "nginx/1.18.0 (Ubuntu)"),
            ("Date", "Tue, 06 Jan 2026 00:00:00 GMT"),
            ("Cache-Control", "max-age=60"),
            ("Content-Type", "text/html;charset=UTF-8"),
            ("ETag", "\"1\""),
            ("Last-Modified", "Mon, 05 Jan 2026 00:00:00 GMT"),
            ("Content-Language", "ko"),
            ("X-Anything", "\u{e9}"),
            ("X-Empty", ""),
        ];
        for response in [told(in_front_of, &said).await, told(faithful, &said).await] {
            for (name, value) in said {
                response.header(name, value);
            }
        }
    }

    #[tokio::test]
    async fn several_cookies_stay_several() {
        let said = [
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2; HttpOnly"),
        ];
        for response in [told(in_front_of, &said).await, told(faithful, &said).await] {
            let lines: Vec<&str> = response.head.all("set-cookie").collect();
            assert_eq!(lines, ["a=1; Path=/", "b=2; HttpOnly"]);
        }
    }

    #[tokio::test]
    async fn what_belongs_to_the_origins_connection_stays_there() {
        let said = [
            ("Connection", "x-hop, keep-alive"),
            ("X-Hop", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Proxy-Connection", "keep-alive"),
            ("Upgrade", "h2c"),
        ];
        for response in [told(in_front_of, &said).await, told(faithful, &said).await] {
            for (name, _) in said {
                response.no_header(name);
            }
        }
    }

    #[tokio::test]
    async fn an_origin_cannot_speak_for_the_edge() {
        let said = [
            ("X-Cache", "Hit from origin"),
            ("X-Request-Id", "origin"),
            ("X-Amz-Cf-Id", "origin"),
            ("X-Amz-Cf-Pop", "origin"),
            ("Tideover-Attempts", "forged"),
            ("Via", "1.1 varnish"),
        ];

        let response = told(in_front_of, &said).await;
        response
            .header("x-cache", "Miss from tideover")
            .header("via", "1.1 varnish, 1.1 tideover")
            .header_has("tideover-attempts", "primary;status=200");
        assert_ne!(response.value("x-request-id"), "origin");

        let response = told(faithful, &said).await;
        response
            .header("x-cache", "Miss from cloudfront")
            .no_header("tideover-attempts");
        assert_ne!(response.value("x-amz-cf-id"), "origin");
        assert_ne!(response.value("x-amz-cf-pop"), "origin");
        assert!(response.value("via").starts_with("1.1 varnish, 1.1 "));
    }

    #[tokio::test]
    async fn vary_is_reduced_in_faithful_mode() {
        let said = [("Vary", "Accept-Encoding, Origin, Cookie, User-Agent")];

        told(in_front_of, &said).await.header("vary", said[0].1);
        told(faithful, &said)
            .await
            .header("vary", "Accept-Encoding, Cookie");
        told(faithful, &[("Vary", "Origin")])
            .await
            .no_header("vary");
    }
}

mod location {
    use super::*;

    /// What becomes of a `Location` of the origin `http://primary.test/base`, seen by a viewer of www.example.com.
    async fn becomes(location: &str, settings: &str) -> String {
        let primary = origin("primary")
            .plays(answer(302).header("Location", location))
            .start()
            .await;
        let config = format!(
            r#"
            [origin.primary]
            url = "http://primary.test/base"

            [distribution.site.default_behavior]
            target = "primary"
            {settings}
            "#
        );
        let edge = edge(&config).origins([&primary]).start().await;
        let response = viewer(&edge).host("www.example.com").get("/").await;
        response.expect(302).value("location").to_owned()
    }

    #[tokio::test]
    async fn one_that_names_an_origin_is_turned_to_the_viewers_host() {
        for (location, expected) in [
            (
                "http://primary.test/base/owners/1?x#y",
                "https://www.example.com/owners/1?x#y",
            ),
            (
                "http://PRIMARY.test:80/base/owners",
                "https://www.example.com/owners",
            ),
            (
                "//primary.test/base/owners",
                "https://www.example.com/owners",
            ),
            ("/base/owners", "/base/owners"),
            ("owners", "owners"),
            ("https://elsewhere.example/x", "https://elsewhere.example/x"),
            (
                "http://primary.test.evil.example/x",
                "http://primary.test.evil.example/x",
            ),
            ("https://www.example.com/x", "https://www.example.com/x"),
        ] {
            assert_eq!(becomes(location, "").await, expected, "{location}");
        }
    }

    #[tokio::test]
    async fn it_can_be_left_alone() {
        let location = "http://primary.test/base/owners";
        assert_eq!(
            becomes(location, "rewrite_location = false").await,
            location
        );
    }

    #[tokio::test]
    async fn it_is_left_alone_in_faithful_mode() {
        let location = "http://primary.test/owners";
        let primary = origin("primary")
            .plays(answer(302).header("Location", location))
            .start()
            .await;
        let edge = faithful(&primary).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(302)
            .header("location", location);
    }
}

mod loops {
    use super::*;

    #[tokio::test]
    async fn an_edge_that_leads_back_to_itself_says_508() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;
        viewer(&edge).get("/").await.expect(200);
        let own = primary.request().value("cdn-loop").to_owned();

        let response = viewer(&edge)
            .get("/")
            .header("CDN-Loop", &format!("other, {own}"))
            .await;

        response
            .expect(508)
            .header_has("proxy-status", "error=proxy_loop_detected");
        assert_eq!(primary.requests().len(), 1);
    }

    #[tokio::test]
    async fn in_faithful_mode_via_says_it_and_the_answer_is_403() {
        let primary = origin("primary").start().await;
        let edge = faithful(&primary).start().await;
        viewer(&edge).get("/").await.expect(200);
        let own = primary.request().value("via").to_owned();

        viewer(&edge).get("/").header("Via", &own).await.expect(403);
        let two = "1.1 1.cloudfront.net (CloudFront), 1.1 2.cloudfront.net (CloudFront)";
        viewer(&edge).get("/").header("Via", two).await.expect(200);
        let three = format!("{two}, 1.1 3.cloudfront.net (CloudFront)");
        viewer(&edge)
            .get("/")
            .header("Via", &three)
            .await
            .expect(403);
    }
}
