//! Every field that CloudFront has, taken in turn: set to something that matters, it changes the edge if the table says
//! that it is honoured, else it is named in what the operator is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tideover_config::{Fate, Loaded, Overrides, Severity, fields, load_text, to_toml};

/// One field and what to set it to.
struct Case {
    path: String,
    value: Value,
    /// Set before and after.
    given: Vec<(String, Value)>,
    /// Set together with the field.
    with: Vec<(String, Value)>,
}

fn case(path: &str, value: Value) -> Case {
    Case {
        path: path.to_owned(),
        value,
        given: Vec::new(),
        with: Vec::new(),
    }
}

impl Case {
    fn given(mut self, path: &str, value: Value) -> Self {
        self.given.push((path.to_owned(), value));
        self
    }

    fn with(mut self, path: &str, value: Value) -> Self {
        self.with.push((path.to_owned(), value));
        self
    }
}

/// A config, and own policies of all kinds that it uses.
struct Documents {
    config: Value,
    policies: [(&'static str, Value); 3],
}

impl Documents {
    fn minimal() -> Self {
        let policy = |kind: &str, id: &str, config: Value| json!({kind: {"Id": id, format!("{kind}Config"): config}});
        Self {
            config: json!({
                "Origins": {"Items": [origin("app")]},
                "DefaultCacheBehavior": behavior(),
                "Enabled": true
            }),
            policies: [
                (
                    "CachePolicy",
                    policy(
                        "CachePolicy",
                        "own-cache",
                        json!({
                            "Name": "own-cache-name", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0,
                            "ParametersInCacheKeyAndForwardedToOrigin": {
                                "EnableAcceptEncodingGzip": false,
                                "HeadersConfig": {"HeaderBehavior": "none"},
                                "CookiesConfig": {"CookieBehavior": "none"},
                                "QueryStringsConfig": {"QueryStringBehavior": "none"}
                            }
                        }),
                    ),
                ),
                (
                    "OriginRequestPolicy",
                    policy(
                        "OriginRequestPolicy",
                        "own-request",
                        json!({
                            "Name": "own-request-name",
                            "HeadersConfig": {"HeaderBehavior": "none"},
                            "CookiesConfig": {"CookieBehavior": "none"},
                            "QueryStringsConfig": {"QueryStringBehavior": "none"}
                        }),
                    ),
                ),
                (
                    "ResponseHeadersPolicy",
                    policy(
                        "ResponseHeadersPolicy",
                        "own-headers",
                        json!({"Name": "own-headers-name"}),
                    ),
                ),
            ],
        }
    }

    /// Puts `value` to `path` of the document that the path belongs to.
    fn put(&mut self, path: &str, value: &Value) {
        for (kind, document) in &mut self.policies {
            if path.starts_with(&format!("{kind}Config")) {
                return put(&mut document[*kind], path, value);
            }
        }
        put(&mut self.config, path, value);
    }

    fn load(mut self, name: &str) -> Loaded {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let policies: Vec<PathBuf> = self
            .policies
            .iter_mut()
            .map(|(kind, document)| {
                count(document);
                let file = folder.join(format!("{kind}-{name}.json"));
                std::fs::write(&file, document.to_string()).expect("the policy can be written");
                file
            })
            .collect();
        count(&mut self.config);
        let overrides = Overrides {
            policies,
            ..Overrides::default()
        };
        load_text(
            Path::new("config.json"),
            &self.config.to_string(),
            &overrides,
        )
        .unwrap_or_else(|problems| panic!("{name} does not load:\n{problems}"))
    }
}

fn origin(id: &str) -> Value {
    json!({
        "Id": id, "DomainName": format!("{id}.example.net"),
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    })
}

fn behavior() -> Value {
    json!({
        "TargetOriginId": "app", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "own-cache",
        "OriginRequestPolicyId": "own-request", "ResponseHeadersPolicyId": "own-headers"
    })
}

/// `A.Items[].B`: the B of the first item.
fn put(document: &mut Value, path: &str, value: &Value) {
    let mut at = document;
    for part in path.split('.') {
        at = match part.strip_suffix("[]") {
            None => &mut at[part],
            Some(list) => {
                let list = &mut at[list];
                if list.as_array().is_none_or(Vec::is_empty) {
                    *list = json!([{}]);
                }
                &mut list[0]
            }
        };
    }
    *at = value.clone();
}

/// Writes every `Quantity`.
fn count(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(items)) = members.get("Items") {
                let quantity = items.len().into();
                members.insert("Quantity".to_owned(), quantity);
            }
            members.values_mut().for_each(count);
        }
        Value::Array(items) => items.iter_mut().for_each(count),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn items(items: Value) -> Value {
    json!({ "Items": items })
}

/// Source: API shape DistributionConfig.
fn general() -> Vec<Case> {
    let certificate =
        |field: &str, value: &str| case(&format!("ViewerCertificate.{field}"), json!(value));
    let schema = "TenantConfig.ParameterDefinitions[].Definition.StringSchema";
    vec![
        case("CallerReference", json!("once")),
        case("Aliases", items(json!(["www.example.com"]))),
        case("DefaultRootObject", json!("index.html")),
        case("Comment", json!("ours")),
        case("Enabled", json!(false)),
        case("Logging", json!({"IncludeCookies": true})),
        case("Logging.Enabled", json!(true)),
        case("Logging.IncludeCookies", json!(true)),
        case("Logging.Bucket", json!("logs.s3.amazonaws.com")),
        case("Logging.Prefix", json!("cdn/")),
        case("PriceClass", json!("PriceClass_100")),
        case(
            "ViewerCertificate",
            json!({"ACMCertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"}),
        ),
        case(
            "ViewerCertificate.CloudFrontDefaultCertificate",
            json!(true),
        ),
        certificate("ACMCertificateArn", "arn:aws:acm:us-east-1:1:certificate/1"),
        certificate("IAMCertificateId", "ASCA1"),
        certificate("SSLSupportMethod", "sni-only"),
        certificate("MinimumProtocolVersion", "TLSv1.2_2021"),
        certificate("Certificate", "ASCA1"),
        certificate("CertificateSource", "acm"),
        case("HttpVersion", json!("http3")),
        case("IsIPV6Enabled", json!(true)),
        case("ContinuousDeploymentPolicyId", json!("1")),
        case("Staging", json!(true)),
        case("AnycastIpListId", json!("aip_1")),
        case(
            "TenantConfig",
            json!({"ParameterDefinitions": [{"Name": "tenant"}]}),
        ),
        case(
            "TenantConfig.ParameterDefinitions",
            json!([{"Name": "tenant"}]),
        ),
        case("TenantConfig.ParameterDefinitions[].Name", json!("tenant")),
        case(
            "TenantConfig.ParameterDefinitions[].Definition",
            json!({"StringSchema": {"Required": true}}),
        ),
        case(schema, json!({"Required": true})),
        case(&format!("{schema}.Comment"), json!("ours")),
        case(&format!("{schema}.DefaultValue"), json!("a")),
        case(&format!("{schema}.Required"), json!(true)),
        case("ConnectionMode", json!("tenant-only")),
        case("CacheTagConfig", json!({"HeaderName": "Cache-Tag"})),
        case("CacheTagConfig.HeaderName", json!("Cache-Tag")),
    ]
}

/// Source: API shapes Origin, CustomOriginConfig, S3OriginConfig, VpcOriginConfig.
fn origins() -> Vec<Case> {
    let of = |field: &str, value: Value| case(&format!("Origins.Items[].{field}"), value);
    let custom = |field: &str, value: Value| of(&format!("CustomOriginConfig.{field}"), value);
    let policy = "Origins.Items[].CustomOriginConfig.OriginProtocolPolicy";
    let header = json!({"HeaderName": "X-Tier", "HeaderValue": "one"});
    let in_place_of_custom = |case: Case, config: &str, value: Value| {
        case.given("Origins.Items[].CustomOriginConfig", Value::Null)
            .given(&format!("Origins.Items[].{config}"), value)
    };
    let s3 = |field: &str, value: Value| {
        in_place_of_custom(
            of(&format!("S3OriginConfig.{field}"), value),
            "S3OriginConfig",
            json!({"OriginAccessIdentity": ""}),
        )
    };
    let vpc = |field: &str, value: Value| {
        in_place_of_custom(
            of(&format!("VpcOriginConfig.{field}"), value),
            "VpcOriginConfig",
            json!({"VpcOriginId": "vo_1"}),
        )
    };
    vec![
        case("Origins", items(json!([origin("app"), origin("b")]))),
        of("Id", json!("other")).with("DefaultCacheBehavior.TargetOriginId", json!("other")),
        of("DomainName", json!("other.example.net")),
        of("OriginPath", json!("/base")),
        of("CustomHeaders", items(json!([header]))),
        of("CustomHeaders.Items[].HeaderName", json!("X-Other"))
            .given("Origins.Items[].CustomHeaders", items(json!([header]))),
        of("CustomHeaders.Items[].HeaderValue", json!("two"))
            .given("Origins.Items[].CustomHeaders", items(json!([header]))),
        of("S3OriginConfig", json!({"OriginAccessIdentity": ""}))
            .with("Origins.Items[].CustomOriginConfig", Value::Null),
        s3(
            "OriginAccessIdentity",
            json!("origin-access-identity/cloudfront/E1"),
        ),
        s3("OriginReadTimeout", json!(7)),
        of(
            "CustomOriginConfig",
            json!({"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}),
        ),
        custom("HTTPPort", json!(8080)).given(policy, json!("http-only")),
        custom("HTTPSPort", json!(8443)),
        custom("OriginProtocolPolicy", json!("match-viewer")),
        custom("OriginSslProtocols", items(json!(["TLSv1.1"]))),
        custom("OriginReadTimeout", json!(7)),
        custom("OriginKeepaliveTimeout", json!(7)),
        custom("IpAddressType", json!("dualstack")),
        custom("OriginMtlsConfig", json!({"ClientCertificateArn": "arn:1"})),
        custom("OriginMtlsConfig.ClientCertificateArn", json!("arn:1")),
        of("VpcOriginConfig", json!({"VpcOriginId": "vo_1"}))
            .with("Origins.Items[].CustomOriginConfig", Value::Null),
        vpc("VpcOriginId", json!("vo_2")),
        vpc("OwnerAccountId", json!("111122223333")),
        vpc("OriginReadTimeout", json!(7)),
        vpc("OriginKeepaliveTimeout", json!(7)),
        of("ConnectionAttempts", json!(1)),
        of("ConnectionTimeout", json!(1)),
        of("ResponseCompletionTimeout", json!(60)),
        of(
            "OriginShield",
            json!({"Enabled": true, "OriginShieldRegion": "eu-central-1"}),
        ),
        of("OriginShield.Enabled", json!(true)),
        of("OriginShield.OriginShieldRegion", json!("eu-central-1")),
        of("OriginAccessControlId", json!("E1")),
    ]
}

/// Source: API shapes OriginGroup, OriginGroupFailoverCriteria, OriginGroupMember.
fn groups() -> Vec<Case> {
    let group = |first: &str| {
        json!({
            "Id": "pair", "FailoverCriteria": {"StatusCodes": {"Items": [503, 504]}},
            "Members": {"Items": [{"OriginId": first}, {"OriginId": "b"}]}
        })
    };
    let of = |field: &str, value: Value| {
        case(&format!("OriginGroups.Items[].{field}"), value)
            .given(
                "Origins",
                items(json!([origin("app"), origin("b"), origin("c")])),
            )
            .given("OriginGroups", items(json!([group("app")])))
            .given("DefaultCacheBehavior.TargetOriginId", json!("pair"))
    };
    vec![
        case("OriginGroups", items(json!([group("app")])))
            .given("Origins", items(json!([origin("app"), origin("b")]))),
        of("Id", json!("both")).with("DefaultCacheBehavior.TargetOriginId", json!("both")),
        of(
            "FailoverCriteria",
            json!({"StatusCodes": {"Items": [500, 503, 504]}}),
        ),
        of(
            "FailoverCriteria.StatusCodes",
            items(json!([500, 503, 504])),
        ),
        of(
            "Members",
            items(json!([{"OriginId": "b"}, {"OriginId": "app"}])),
        ),
        of("Members.Items[].OriginId", json!("c")),
        of("SelectionCriteria", json!("media-quality-based")),
    ]
}

/// Source: API shapes DefaultCacheBehavior, CacheBehavior, ForwardedValues.
fn behaviors(at: &str) -> Vec<Case> {
    let given = |case: Case| {
        if at == "DefaultCacheBehavior" {
            return case;
        }
        let mut first = behavior();
        first["PathPattern"] = json!("/api/*");
        case.given("CacheBehaviors", items(json!([first])))
    };
    let of = |field: &str, value: Value| given(case(&format!("{at}.{field}"), value));
    let reads_and_options =
        json!({"Items": ["GET", "HEAD", "OPTIONS"], "CachedMethods": {"Items": ["GET", "HEAD"]}});
    let forwarded = json!({"QueryString": false, "Cookies": {"Forward": "none"}});
    let without_policies = |mut case: Case| {
        for policy in ["CachePolicyId", "OriginRequestPolicyId"] {
            case = case.given(&format!("{at}.{policy}"), Value::Null);
        }
        case
    };
    let legacy = |field: &str, value: Value| {
        without_policies(of(&format!("ForwardedValues.{field}"), value))
            .given(&format!("{at}.ForwardedValues"), forwarded.clone())
    };
    let function = "arn:aws:cloudfront::1:function/auth";
    let lambda = "arn:aws:lambda:us-east-1:1:function:auth:7";
    vec![
        of("TargetOriginId", json!("b"))
            .given("Origins", items(json!([origin("app"), origin("b")]))),
        of(
            "TrustedSigners",
            json!({"Enabled": true, "Items": ["self"]}),
        ),
        of("TrustedSigners.Enabled", json!(true))
            .given(&format!("{at}.TrustedSigners"), json!({"Quantity": 0})),
        of("TrustedKeyGroups", json!({"Enabled": true, "Items": ["1"]})),
        of("TrustedKeyGroups.Enabled", json!(true))
            .given(&format!("{at}.TrustedKeyGroups"), json!({"Quantity": 0})),
        of("ViewerProtocolPolicy", json!("redirect-to-https")),
        of("AllowedMethods", reads_and_options.clone()),
        of(
            "AllowedMethods.CachedMethods",
            items(json!(["GET", "HEAD", "OPTIONS"])),
        )
        .given(&format!("{at}.AllowedMethods"), reads_and_options),
        of("SmoothStreaming", json!(true)),
        of("Compress", json!(true)),
        of(
            "LambdaFunctionAssociations",
            items(json!([{"LambdaFunctionARN": lambda, "EventType": "viewer-request"}])),
        ),
        of(
            "LambdaFunctionAssociations.Items[].LambdaFunctionARN",
            json!(lambda),
        ),
        of(
            "LambdaFunctionAssociations.Items[].EventType",
            json!("viewer-request"),
        ),
        of(
            "LambdaFunctionAssociations.Items[].IncludeBody",
            json!(true),
        ),
        of(
            "FunctionAssociations",
            items(json!([{"FunctionARN": function, "EventType": "viewer-request"}])),
        ),
        of("FunctionAssociations.Items[].FunctionARN", json!(function)),
        of(
            "FunctionAssociations.Items[].EventType",
            json!("viewer-request"),
        ),
        of("FieldLevelEncryptionId", json!("C1")),
        of("RealtimeLogConfigArn", json!("arn:1")),
        of(
            "CachePolicyId",
            json!("658327ea-f89d-4fab-a63d-7e88639e58f6"),
        ),
        of(
            "OriginRequestPolicyId",
            json!("216adef6-5c7f-47e4-b989-5492eafa07d3"),
        ),
        of(
            "ResponseHeadersPolicyId",
            json!("67f7725c-6f97-4210-82d7-5512b31e9d03"),
        ),
        of("GrpcConfig", json!({"Enabled": true})),
        of("GrpcConfig.Enabled", json!(true)),
        without_policies(of("ForwardedValues", forwarded.clone())),
        legacy("QueryString", json!(true)),
        legacy("QueryStringCacheKeys", items(json!(["page"])))
            .given(&format!("{at}.ForwardedValues.QueryString"), json!(true)),
        legacy("Cookies", json!({"Forward": "all"})),
        legacy("Cookies.Forward", json!("all")),
        legacy("Cookies.WhitelistedNames", items(json!(["session*"]))).given(
            &format!("{at}.ForwardedValues.Cookies.Forward"),
            json!("whitelist"),
        ),
        legacy("Headers", items(json!(["X-Tenant"]))),
        without_policies(of("MinTTL", json!(5))),
        without_policies(of("DefaultTTL", json!(5))),
        without_policies(of("MaxTTL", json!(5))),
    ]
}

/// Source: API shapes CacheBehaviors, CustomErrorResponse, Restrictions, ViewerMtlsConfig.
fn lists_and_protection() -> Vec<Case> {
    let mut listed = behavior();
    listed["PathPattern"] = json!("/api/*");
    let error = json!({"ErrorCode": 404, "ResponsePagePath": "/404.html", "ResponseCode": "404"});
    let of_error = |field: &str, value: Value| {
        case(&format!("CustomErrorResponses.Items[].{field}"), value)
            .given("CustomErrorResponses", items(json!([error])))
    };
    let mut https_only = behavior();
    https_only["ViewerProtocolPolicy"] = json!("https-only");
    let mtls = "ViewerMtlsConfig.TrustStoreConfig";
    vec![
        case("DefaultCacheBehavior", https_only),
        case("CacheBehaviors", items(json!([listed]))),
        case("CacheBehaviors.Items[].PathPattern", json!("*.jpg"))
            .given("CacheBehaviors", items(json!([listed]))),
        case("CustomErrorResponses", items(json!([error]))),
        of_error("ErrorCode", json!(403)),
        of_error("ResponsePagePath", json!("/gone.html")),
        of_error("ResponseCode", json!("200")),
        of_error("ErrorCachingMinTTL", json!(60)),
        case(
            "Restrictions",
            json!({"GeoRestriction": {"RestrictionType": "whitelist", "Items": ["DE"]}}),
        ),
        case(
            "Restrictions.GeoRestriction",
            json!({"RestrictionType": "blacklist", "Items": ["DE"]}),
        ),
        case(
            "Restrictions.GeoRestriction.RestrictionType",
            json!("whitelist"),
        )
        .given("Restrictions.GeoRestriction", json!({"Quantity": 0})),
        case("WebACLId", json!("arn:1")),
        case("ViewerMtlsConfig", json!({"Mode": "required"})),
        case("ViewerMtlsConfig.Mode", json!("required")),
        case(mtls, json!({"TrustStoreId": "ts_1"})),
        case(&format!("{mtls}.TrustStoreId"), json!("ts_1")),
        case(&format!("{mtls}.AdvertiseTrustStoreCaNames"), json!(true)),
        case(&format!("{mtls}.IgnoreCertificateExpiry"), json!(true)),
        case("ConnectionFunctionAssociation", json!({"Id": "cf_1"})),
        case("ConnectionFunctionAssociation.Id", json!("cf_1")),
    ]
}

/// Source: API shapes CachePolicyConfig, OriginRequestPolicyConfig.
fn request_policies() -> Vec<Case> {
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
        case("CachePolicyConfig.DefaultTTL", json!(5)).given("CachePolicyConfig.MaxTTL", json!(5)),
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

/// Source: API shape ResponseHeadersPolicyConfig.
fn response_headers_policy() -> Vec<Case> {
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
    let timing = format!("{AT}.ServerTimingHeadersConfig");
    let custom = format!("{AT}.CustomHeadersConfig");
    let header = json!({"Header": "X-Tier", "Value": "one", "Override": false});
    cases.extend([
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
    ]);
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

fn cases() -> Vec<Case> {
    let mut cases = general();
    cases.extend(origins());
    cases.extend(groups());
    cases.extend(behaviors("DefaultCacheBehavior"));
    cases.extend(behaviors("CacheBehaviors.Items[]"));
    cases.extend(lists_and_protection());
    cases.extend(request_policies());
    cases.extend(response_headers_policy());
    cases
}

fn fate(path: &str) -> Option<Fate> {
    let mut rows = fields().iter();
    rows.find(|row| row.path == path).map(|row| row.fate)
}

/// What the operator reads about the field itself or about what it is part of, as far as that is not honoured either.
fn names(remark: &str, path: &str) -> bool {
    let mut rest = Some(path);
    while let Some(path) = rest {
        let name = path.rsplit('.').next().unwrap_or(path);
        if remark
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == name)
        {
            return true;
        }
        rest = path
            .rsplit_once('.')
            .map(|(around, _)| around.trim_end_matches("[]").trim_end_matches(".Items"))
            .filter(|around| fate(around).is_some_and(|fate| fate != Fate::Honoured));
    }
    false
}

#[test]
fn every_field_is_honoured_or_named() {
    let mut wrong = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        let load = |with_it: bool| {
            let mut documents = Documents::minimal();
            for (path, value) in &case.given {
                documents.put(path, value);
            }
            if with_it {
                for (path, value) in &case.with {
                    documents.put(path, value);
                }
                documents.put(&case.path, &case.value);
            }
            documents.load(&format!("{number}-{with_it}"))
        };
        let (before, after) = (load(false), load(true));
        let told: BTreeSet<String> = before
            .remarks
            .iter()
            .map(|said| said.found.clone())
            .collect();
        let new: Vec<_> = after
            .remarks
            .iter()
            .filter(|said| !told.contains(&said.found) && names(&said.to_string(), &case.path))
            .collect();
        let Some(fate) = fate(&case.path) else {
            wrong.push(format!("{} is not in the table", case.path));
            continue;
        };
        let good = match fate {
            Fate::Honoured => to_toml(&before.edge) != to_toml(&after.edge),
            Fate::Meaningless | Fate::NotYet => !new.is_empty(),
            Fate::NotEnforced => new
                .iter()
                .any(|said| said.severity == Severity::NotEnforced),
        };
        if !good {
            let said: Vec<String> = after.remarks.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{} is {}, and is not:\n{}",
                case.path,
                fate.as_str(),
                said.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_table_and_these_cases_are_about_the_same_fields() {
    let rows: Vec<&str> = fields().iter().map(|row| row.path).collect();
    let table: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(table.len(), rows.len(), "a field stands in the table twice");
    let cases = cases();
    let taken: BTreeSet<&str> = cases.iter().map(|case| case.path.as_str()).collect();
    let untaken: Vec<_> = table.difference(&taken).collect();
    assert!(untaken.is_empty(), "no case takes {untaken:#?}");
    assert_eq!(taken.len(), cases.len(), "a field is taken twice");
}

#[test]
fn every_field_says_what_becomes_of_it() {
    for row in fields() {
        assert!(!row.says.is_empty(), "{}", row.path);
        assert!(!row.says.ends_with('.'), "{}", row.path);
    }
}
