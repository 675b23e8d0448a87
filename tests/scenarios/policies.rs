//! CloudFront's policies and its legacy `ForwardedValues`, from a distribution's JSON to the heads that origin and viewer see.

use harness::{EdgeBuilder, Origin, Response, Seen, answer, edge_json, origin, viewer};
use serde_json::{Value, json};

const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/// A distribution in front of `origin.test`, whose only behavior says this too.
fn distribution(said: Value) -> String {
    let mut behavior = json!({
        "TargetOriginId": "origin",
        "ViewerProtocolPolicy": "allow-all",
        "AllowedMethods": {
            "Quantity": 7,
            "Items": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
            "CachedMethods": { "Quantity": 2, "Items": ["GET", "HEAD"] }
        },
        "Compress": false
    });
    let fields = behavior.as_object_mut().expect("an object");
    let Value::Object(said) = said else {
        panic!("fields of a behavior")
    };
    fields.extend(said);
    json!({
        "CallerReference": "scenario",
        "Comment": "",
        "Enabled": true,
        "Origins": { "Quantity": 1, "Items": [{
            "Id": "origin",
            "DomainName": "origin.test",
            "CustomOriginConfig": {
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "http-only"
            }
        }] },
        "DefaultCacheBehavior": behavior
    })
    .to_string()
}

fn in_front(origin: &Origin, said: Value) -> EdgeBuilder {
    edge_json(&distribution(said)).map("origin", &origin.url())
}

const SAID: [(&str, &str); 10] = [
    ("Accept", "text/html"),
    ("Accept-Encoding", "zstd, br;q=0.5, gzip"),
    ("Accept-Language", "ko"),
    ("Authorization", "Basic eDp5"),
    ("Cookie", "JSESSIONID=1; theme=dark; tracker=x"),
    ("Origin", "https://www.example.com"),
    ("Referer", "https://www.example.com/"),
    ("User-Agent", "curl/8"),
    ("X-Anything", "1"),
    ("CloudFront-Viewer-Address", "forged"),
];

/// What the origin sees of a GET with all of [`SAID`] and a query.
async fn seen(said: Value) -> Seen {
    let origin = origin("origin").start().await;
    let edge = in_front(&origin, said).start().await;
    let mut request = viewer(&edge)
        .host("www.example.com")
        .get("/x?a=1&b=2&utm=3");
    for (name, value) in SAID {
        request = request.header(name, value);
    }
    request.await.expect(200);
    origin.request()
}

/// Which of [`SAID`] arrived as they were sent.
fn arrived(request: &Seen) -> Vec<&'static str> {
    SAID.into_iter()
        .filter(|(name, value)| request.value(name) == *value)
        .map(|(name, _)| name)
        .collect()
}

mod origin_request_policies {
    use super::*;

    async fn with(policy: &str) -> Seen {
        seen(json!({ "CachePolicyId": CACHING_DISABLED, "OriginRequestPolicyId": policy })).await
    }

    #[tokio::test]
    async fn none() {
        let request = seen(json!({ "CachePolicyId": CACHING_DISABLED })).await;

        assert_eq!(arrived(&request), [""; 0]);
        assert_eq!(request.target, "/x");
        assert_eq!(request.value("host"), "origin.test");
        assert_eq!(request.value("user-agent"), "Amazon CloudFront");
    }

    #[tokio::test]
    async fn all_viewer_sends_the_viewers_host() {
        let request = with("216adef6-5c7f-47e4-b989-5492eafa07d3").await;

        assert_eq!(arrived(&request).len(), 9, "{request:?}");
        assert_ne!(request.value("cloudfront-viewer-address"), "forged");
        assert_eq!(request.target, "/x?a=1&b=2&utm=3");
        assert_eq!(request.value("host"), "www.example.com");
    }

    #[tokio::test]
    async fn all_viewer_except_host_header() {
        let request = with("b689b0a8-53d0-40ab-baf2-68738e2966ac").await;

        assert_eq!(arrived(&request).len(), 9, "{request:?}");
        assert_eq!(request.value("host"), "origin.test");
    }

    #[tokio::test]
    async fn all_viewer_and_cloudfront_headers() {
        let request = with("33f36d7e-f396-46d9-90e0-52428a34d9dc").await;

        assert_eq!(request.value("host"), "www.example.com");
        assert_eq!(request.value("cloudfront-forwarded-proto"), "https");
        assert_eq!(request.value("cloudfront-viewer-http-version"), "1.1");
        let address = request.value("cloudfront-viewer-address");
        assert!(address.starts_with("127.0.0.1:"), "{request:?}");
    }

    #[tokio::test]
    async fn host_header_only() {
        let request = with("bf0718e1-ba1e-49d1-88b1-f726733018ae").await;

        assert_eq!(arrived(&request), [""; 0]);
        assert_eq!(request.value("host"), "www.example.com");
        assert_eq!(request.target, "/x");
    }

    #[tokio::test]
    async fn user_agent_and_referer() {
        let request = with("acba4595-bd28-49b8-b9fe-13317c0390fa").await;

        assert_eq!(arrived(&request), ["Referer", "User-Agent"]);
    }

    #[tokio::test]
    async fn cors_custom_origin() {
        let request = with("59781a5b-3903-41f3-afcb-af62929ccde1").await;

        assert_eq!(arrived(&request), ["Origin"]);
    }

    #[tokio::test]
    async fn of_ones_own() {
        let policy = json!({ "OriginRequestPolicy": { "Id": "own-1", "OriginRequestPolicyConfig": {
            "Name": "own",
            "HeadersConfig": { "HeaderBehavior": "whitelist",
                "Headers": { "Quantity": 1, "Items": ["X-Anything"] } },
            "CookiesConfig": { "CookieBehavior": "whitelist",
                "Cookies": { "Quantity": 2, "Items": ["JSESSIONID", "th*"] } },
            "QueryStringsConfig": { "QueryStringBehavior": "allExcept",
                "QueryStrings": { "Quantity": 1, "Items": ["utm"] } }
        } } });
        let folder = harness::Folder::new();
        let file = folder.write("policy.json", policy.to_string());
        let origin = origin("origin").start().await;
        let said = json!({ "CachePolicyId": CACHING_DISABLED, "OriginRequestPolicyId": "own-1" });
        let edge = in_front(&origin, said)
            .flags(|flags| flags.policies.push(file))
            .start()
            .await;

        viewer(&edge)
            .get("/x?a=1&utm=2&b=3")
            .header("X-Anything", "1")
            .header("X-Other", "1")
            .header("Cookie", "tracker=x; JSESSIONID=1; theme=dark")
            .await
            .expect(200);

        let request = origin.request();
        assert_eq!(request.target, "/x?a=1&b=3");
        assert_eq!(request.value("x-anything"), "1");
        assert!(!request.has("x-other"), "{request:?}");
        assert_eq!(request.value("cookie"), "JSESSIONID=1; theme=dark");
    }
}

mod cache_policies {
    use super::*;

    #[tokio::test]
    async fn what_is_in_the_key_is_sent() {
        // UseOriginCacheControlHeaders-QueryStrings: Host, Origin, …; all cookies, all queries; gzip and brotli.
        let request =
            seen(json!({ "CachePolicyId": "4cc15a8a-d715-48a4-82b8-cc0b614638fe" })).await;

        assert_eq!(arrived(&request), ["Cookie", "Origin"]);
        assert_eq!(request.value("host"), "www.example.com");
        assert_eq!(request.value("accept-encoding"), "br,gzip");
        assert_eq!(request.target, "/x?a=1&b=2&utm=3");
    }

    #[tokio::test]
    async fn accept_encoding_is_normalised_by_its_flags() {
        // CachingOptimized, and CachingOptimizedForUncompressedObjects.
        let request =
            seen(json!({ "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6" })).await;
        assert_eq!(request.value("accept-encoding"), "br,gzip");

        let request =
            seen(json!({ "CachePolicyId": "b2884449-e4de-46a7-ac36-70bc7f1ddd6d" })).await;
        assert!(!request.has("accept-encoding"), "{request:?}");
    }
}

mod forwarded_values {
    use super::*;

    fn legacy(headers: &[&str], cookies: &Value, query: bool) -> Value {
        json!({
            "MinTTL": 0,
            "ForwardedValues": {
                "QueryString": query,
                "Cookies": cookies,
                "Headers": { "Quantity": headers.len(), "Items": headers }
            }
        })
    }

    #[tokio::test]
    async fn without_a_list_most_headers_go_on() {
        let request = seen(legacy(&[], &json!({ "Forward": "none" }), false)).await;

        assert_eq!(arrived(&request), ["Origin", "X-Anything"]);
        assert_eq!(request.target, "/x");
        assert_eq!(request.value("host"), "origin.test");
        assert_eq!(request.value("user-agent"), "Amazon CloudFront");
    }

    #[tokio::test]
    async fn listed_headers_cookies_and_the_query_go_on() {
        let cookies = json!({ "Forward": "whitelist",
            "WhitelistedNames": { "Quantity": 1, "Items": ["theme"] } });
        let request = seen(legacy(
            &["Accept-Language", "User-Agent", "Host"],
            &cookies,
            true,
        ))
        .await;

        assert_eq!(
            arrived(&request),
            ["Accept-Language", "Origin", "User-Agent", "X-Anything"]
        );
        assert_eq!(request.value("cookie"), "theme=dark");
        assert_eq!(request.target, "/x?a=1&b=2&utm=3");
        assert_eq!(request.value("host"), "www.example.com");
    }

    #[tokio::test]
    async fn a_star_is_all_headers() {
        let request = seen(legacy(&["*"], &json!({ "Forward": "all" }), true)).await;

        assert_eq!(arrived(&request).len(), 9, "{request:?}");
        assert_eq!(request.value("host"), "www.example.com");
    }

    #[tokio::test]
    async fn without_cookies_to_the_origin_none_come_back() {
        for (forward, expected) in [("none", 0), ("all", 1)] {
            let origin = origin("origin")
                .plays(answer(200).header("Set-Cookie", "a=1"))
                .start()
                .await;
            let edge = in_front(&origin, legacy(&[], &json!({ "Forward": forward }), false))
                .start()
                .await;

            let response = viewer(&edge).get("/").await;

            assert_eq!(
                response.head.all("set-cookie").count(),
                expected,
                "{forward}"
            );
        }
    }
}

mod response_headers_policies {
    use super::*;

    /// What the viewer sees of an answer with these headers to a request with those.
    async fn told(policy: &str, answered: &[(&str, &str)], asked: &[(&str, &str)]) -> Response {
        let mut script = answer(200).body("x");
        for (name, value) in answered {
            script = script.header(name, value);
        }
        let origin = origin("origin").plays(script).start().await;
        let said = json!({ "CachePolicyId": CACHING_DISABLED, "ResponseHeadersPolicyId": policy });
        let edge = in_front(&origin, said).start().await;
        let mut request = viewer(&edge).get("/");
        for (name, value) in asked {
            request = request.header(name, value);
        }
        request.await
    }

    const SECURITY: &str = "67f7725c-6f97-4210-82d7-5512b31e9d03";
    const SIMPLE_CORS: &str = "60669652-455b-4ae9-85a4-c4c02393f86c";

    #[tokio::test]
    async fn security_headers_are_added_and_override_only_where_they_say_so() {
        told(SECURITY, &[], &[])
            .await
            .header("referrer-policy", "strict-origin-when-cross-origin")
            .header("strict-transport-security", "max-age=31536000")
            .header("x-content-type-options", "nosniff")
            .header("x-frame-options", "SAMEORIGIN")
            .header("x-xss-protection", "1; mode=block");
        let own = [
            ("X-Frame-Options", "DENY"),
            ("X-Content-Type-Options", "sniff"),
        ];
        told(SECURITY, &own, &[])
            .await
            .header("x-frame-options", "DENY")
            .header("x-content-type-options", "nosniff");
    }

    #[tokio::test]
    async fn cors_answers_those_who_ask_and_leaves_the_origins_own() {
        let asks = [("Origin", "https://www.example.com")];

        told(SIMPLE_CORS, &[], &asks)
            .await
            .header("access-control-allow-origin", "*");
        told(SIMPLE_CORS, &[], &[])
            .await
            .no_header("access-control-allow-origin");
        let own = [("Access-Control-Allow-Origin", "https://other.example")];
        told(SIMPLE_CORS, &own, &asks)
            .await
            .header("access-control-allow-origin", "https://other.example");
    }
}
