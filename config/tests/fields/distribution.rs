//! The fields of a `DistributionConfig`.

use serde_json::{Value, json};

use crate::{Case, behavior, case, items, origin};

/// Source: API shape `DistributionConfig`.
pub(crate) fn general() -> Vec<Case> {
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
            json!({"MinimumProtocolVersion": "TLSv1.3_2025"}),
        ),
        case(
            "ViewerCertificate.CloudFrontDefaultCertificate",
            json!(true),
        ),
        certificate("ACMCertificateArn", "arn:aws:acm:us-east-1:1:certificate/1"),
        certificate("IAMCertificateId", "ASCA1"),
        certificate("SSLSupportMethod", "sni-only"),
        certificate("MinimumProtocolVersion", "TLSv1.3_2025"),
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

/// Source: API shapes Origin, `CustomOriginConfig`, `S3OriginConfig`, `VpcOriginConfig`.
pub(crate) fn origins() -> Vec<Case> {
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

/// Source: API shapes `OriginGroup`, `OriginGroupFailoverCriteria`, `OriginGroupMember`.
pub(crate) fn groups() -> Vec<Case> {
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

/// Source: API shapes `DefaultCacheBehavior`, `CacheBehavior`, `ForwardedValues`.
pub(crate) fn behaviors(at: &str) -> Vec<Case> {
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
    let timed = |field: &str| {
        without_policies(of(field, json!(5)))
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
        without_policies(of("Compress", json!(true)))
            .given(&format!("{at}.ForwardedValues"), forwarded.clone()),
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
        legacy("Cookies.WhitelistedNames", items(json!(["session*"])))
            .given(
                &format!("{at}.ForwardedValues.Cookies.Forward"),
                json!("whitelist"),
            )
            .given(
                &format!("{at}.ForwardedValues.Cookies.WhitelistedNames"),
                items(json!(["a"])),
            ),
        legacy("Headers", items(json!(["X-Tenant"]))),
        timed("MinTTL"),
        timed("DefaultTTL"),
        timed("MaxTTL"),
    ]
}

/// Source: API shapes `CacheBehaviors`, `CustomErrorResponse`, Restrictions, `ViewerMtlsConfig`.
pub(crate) fn lists_and_protection() -> Vec<Case> {
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
