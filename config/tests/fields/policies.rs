//! The fields of policies.

use serde_json::{Value, json};

use crate::{Case, case, items};

/// Source: API shapes `CachePolicyConfig`, `OriginRequestPolicyConfig`.
pub(crate) fn request_policies() -> Vec<Case> {
    let mut cases = Vec::new();
    for (document, at, named) in [
        (
            "CachePolicyConfig",
            "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin",
            "CachePolicyId",
        ),
        (
            "OriginRequestPolicyConfig",
            "OriginRequestPolicyConfig",
            "OriginRequestPolicyId",
        ),
    ] {
        cases.extend([
            case(&format!("{document}.Name"), json!("mine"))
                .given(&format!("DefaultCacheBehavior.{named}"), json!("mine"))
                // What stands in for an unknown policy must differ from it.
                .given(
                    &format!("{at}.CookiesConfig"),
                    json!({"CookieBehavior": "whitelist", "Cookies": {"Items": ["a"]}}),
                ),
            case(&format!("{document}.Comment"), json!("ours")),
        ]);
        for (object, word, list) in [
            ("HeadersConfig", "HeaderBehavior", "Headers"),
            ("CookiesConfig", "CookieBehavior", "Cookies"),
            ("QueryStringsConfig", "QueryStringBehavior", "QueryStrings"),
        ] {
            let some = json!({word: "whitelist", list: {"Items": ["a"]}});
            cases.extend([
                case(&format!("{at}.{object}"), some.clone()),
                case(&format!("{at}.{object}.{word}"), json!("whitelist"))
                    .with(&format!("{at}.{object}.{list}"), items(json!(["a"]))),
                case(&format!("{at}.{object}.{list}"), items(json!(["b"])))
                    .given(&format!("{at}.{object}"), some),
            ]);
        }
    }
    let parameters = "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin";
    cases.extend([
        case("CachePolicyConfig.MinTTL", json!(5))
            .given("CachePolicyConfig.DefaultTTL", json!(5))
            .given("CachePolicyConfig.MaxTTL", json!(5)),
        case("CachePolicyConfig.DefaultTTL", json!(4)).given("CachePolicyConfig.MaxTTL", json!(5)),
        case("CachePolicyConfig.MaxTTL", json!(5)),
        case(
            parameters,
            json!({
                "EnableAcceptEncodingGzip": true,
                "HeadersConfig": {"HeaderBehavior": "none"},
                "CookiesConfig": {"CookieBehavior": "all"},
                "QueryStringsConfig": {"QueryStringBehavior": "none"}
            }),
        ),
        case(
            &format!("{parameters}.EnableAcceptEncodingGzip"),
            json!(true),
        ),
        case(
            &format!("{parameters}.EnableAcceptEncodingBrotli"),
            json!(true),
        ),
    ]);
    cases
}

/// Source: API shape `ResponseHeadersPolicyConfig`.
pub(crate) fn response_headers_policy() -> Vec<Case> {
    const AT: &str = "ResponseHeadersPolicyConfig";
    let cors = json!({
        "AccessControlAllowOrigins": {"Items": ["*"]}, "AccessControlAllowHeaders": {"Items": ["X-A"]},
        "AccessControlAllowMethods": {"Items": ["GET"]}, "AccessControlAllowCredentials": false,
        "OriginOverride": false
    });
    let of_cors = |field: &str, value: Value| {
        case(&format!("{AT}.CorsConfig.{field}"), value)
            .given(&format!("{AT}.CorsConfig"), cors.clone())
    };
    let security = format!("{AT}.SecurityHeadersConfig");
    let mut cases = vec![
        case(&format!("{AT}.Name"), json!("mine"))
            .given(
                "DefaultCacheBehavior.ResponseHeadersPolicyId",
                json!("mine"),
            )
            .given(&format!("{AT}.CorsConfig"), cors.clone()),
        case(&format!("{AT}.Comment"), json!("ours")),
        case(&format!("{AT}.CorsConfig"), cors.clone()),
        of_cors(
            "AccessControlAllowOrigins",
            items(json!(["https://a.example"])),
        ),
        of_cors("AccessControlAllowHeaders", items(json!(["*"]))),
        of_cors("AccessControlAllowMethods", items(json!(["ALL"]))),
        of_cors("AccessControlAllowCredentials", json!(true)),
        of_cors("AccessControlExposeHeaders", items(json!(["X-B"]))),
        of_cors("AccessControlMaxAgeSec", json!(600)),
        of_cors("OriginOverride", json!(true)),
        case(&security, json!({"ContentTypeOptions": {"Override": true}})),
    ];
    for (object, given, fields) in [
        (
            "XSSProtection",
            json!({"Override": false, "Protection": true}),
            vec![
                ("Protection", json!(false)),
                ("ModeBlock", json!(true)),
                ("ReportUri", json!("https://a.example/report")),
            ],
        ),
        (
            "FrameOptions",
            json!({"Override": false, "FrameOption": "DENY"}),
            vec![("FrameOption", json!("SAMEORIGIN"))],
        ),
        (
            "ReferrerPolicy",
            json!({"Override": false, "ReferrerPolicy": "origin"}),
            vec![("ReferrerPolicy", json!("no-referrer"))],
        ),
        (
            "ContentSecurityPolicy",
            json!({"Override": false, "ContentSecurityPolicy": "default-src 'self'"}),
            vec![("ContentSecurityPolicy", json!("default-src 'none'"))],
        ),
        ("ContentTypeOptions", json!({"Override": false}), vec![]),
        (
            "StrictTransportSecurity",
            json!({"Override": false, "AccessControlMaxAgeSec": 60}),
            vec![
                ("IncludeSubdomains", json!(true)),
                ("Preload", json!(true)),
                ("AccessControlMaxAgeSec", json!(61)),
            ],
        ),
    ] {
        let at = format!("{security}.{object}");
        cases.push(case(&at, given.clone()));
        for (field, value) in fields.into_iter().chain([("Override", json!(true))]) {
            cases.push(case(&format!("{at}.{field}"), value).given(&at, given.clone()));
        }
    }
    cases.extend(other_headers());
    cases
}

/// Source: API shapes `ResponseHeadersPolicyServerTimingHeadersConfig`, `ResponseHeadersPolicyCustomHeader`,
/// `ResponseHeadersPolicyRemoveHeader`.
fn other_headers() -> Vec<Case> {
    const AT: &str = "ResponseHeadersPolicyConfig";
    let timing = format!("{AT}.ServerTimingHeadersConfig");
    let custom = format!("{AT}.CustomHeadersConfig");
    let header = json!({"Header": "X-Tier", "Value": "one", "Override": false});
    let mut cases = vec![
        case(&timing, json!({"Enabled": true, "SamplingRate": 50})),
        case(&format!("{timing}.Enabled"), json!(true)),
        case(&format!("{timing}.SamplingRate"), json!(12.5)),
        case(&custom, items(json!([header]))),
        case(
            &format!("{AT}.RemoveHeadersConfig"),
            items(json!([{"Header": "Server"}])),
        ),
        case(
            &format!("{AT}.RemoveHeadersConfig.Items[].Header"),
            json!("X-Powered-By"),
        )
        .given(
            &format!("{AT}.RemoveHeadersConfig"),
            items(json!([{"Header": "Server"}])),
        ),
    ];
    for (field, value) in [
        ("Header", json!("X-Other")),
        ("Value", json!("")),
        ("Override", json!(true)),
    ] {
        cases.push(
            case(&format!("{custom}.Items[].{field}"), value)
                .given(&custom, items(json!([header]))),
        );
    }
    cases
}
