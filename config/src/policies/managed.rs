//! The policies that AWS keeps for everybody, as its documents list them.

use http::header::{self, HeaderName, HeaderValue};

use crate::behavior::{self, Cors};
use crate::written::{CachePolicy, OriginRequestPolicy, ResponseHeadersPolicy};

const A_DAY: i64 = 86_400;
const A_YEAR: i64 = 31_536_000;

/// What the origin is sent to tell a request for one method from another, in the policies that obey the origin.
const HOST_ORIGIN_METHOD: &[&str] = &[
    "Host",
    "Origin",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
];

/// A row of the table of managed cache policies.
struct Cache {
    name: &'static str,
    id: &'static str,
    /// `MinTTL`, `DefaultTTL`, `MaxTTL`, in seconds.
    ttl: (i64, i64, i64),
    headers: &'static [&'static str],
    cookies: &'static str,
    query: (&'static str, &'static [&'static str]),
    gzip: bool,
    brotli: bool,
}

const CACHING_DISABLED: Cache = Cache {
    name: "CachingDisabled",
    id: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    ttl: (0, 0, 0),
    headers: &[],
    cookies: "none",
    query: ("none", &[]),
    gzip: false,
    brotli: false,
};

const CACHE: [Cache; 7] = [
    Cache {
        name: "CachingOptimized",
        id: "658327ea-f89d-4fab-a63d-7e88639e58f6",
        ttl: (1, A_DAY, A_YEAR),
        gzip: true,
        brotli: true,
        ..CACHING_DISABLED
    },
    Cache {
        name: "CachingOptimizedForUncompressedObjects",
        id: "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
        ttl: (1, A_DAY, A_YEAR),
        ..CACHING_DISABLED
    },
    CACHING_DISABLED,
    Cache {
        name: "UseOriginCacheControlHeaders",
        id: "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
        ttl: (0, 0, A_YEAR),
        headers: HOST_ORIGIN_METHOD,
        cookies: "all",
        gzip: true,
        brotli: true,
        ..CACHING_DISABLED
    },
    Cache {
        name: "UseOriginCacheControlHeaders-QueryStrings",
        id: "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
        ttl: (0, 0, A_YEAR),
        headers: HOST_ORIGIN_METHOD,
        cookies: "all",
        query: ("all", &[]),
        gzip: true,
        brotli: true,
    },
    Cache {
        name: "Elemental-MediaPackage",
        id: "08627262-05a9-4f76-9ded-b50ca2e3a84f",
        ttl: (0, A_DAY, A_YEAR),
        headers: &["Origin"],
        query: ("whitelist", &["aws.manifestfilter", "start", "end", "m"]),
        gzip: true,
        ..CACHING_DISABLED
    },
    Cache {
        name: "Amplify",
        id: "2e54312d-136d-493c-8eb9-b001f22f67d2",
        ttl: (2, 2, 600),
        headers: &["Authorization", "CloudFront-Viewer-Country", "Host"],
        cookies: "all",
        query: ("all", &[]),
        gzip: true,
        brotli: true,
    },
];

/// All of them, in the order of the documents.
pub(super) fn cache_policies() -> impl Iterator<Item = CachePolicy> {
    CACHE.iter().map(cache)
}

/// What stands in for a cache policy that nobody knows.
pub(crate) fn caching_disabled() -> CachePolicy {
    cache(&CACHING_DISABLED)
}

fn cache(row: &Cache) -> CachePolicy {
    let (min_ttl, default_ttl, max_ttl) = row.ttl;
    let headers = if row.headers.is_empty() {
        "none"
    } else {
        "whitelist"
    };
    CachePolicy {
        id: row.id.to_owned(),
        name: row.name.to_owned(),
        min_ttl,
        default_ttl,
        max_ttl,
        gzip: row.gzip,
        brotli: row.brotli,
        headers: choice(headers, row.headers),
        cookies: choice(row.cookies, &[]),
        query: choice(row.query.0, row.query.1),
    }
}

fn choice(which: &str, names: &[&str]) -> (String, Vec<String>) {
    (
        which.to_owned(),
        names.iter().map(ToString::to_string).collect(),
    )
}

/// A row of the table of managed origin request policies.
struct OriginRequest {
    name: &'static str,
    id: &'static str,
    headers: (&'static str, &'static [&'static str]),
    cookies: &'static str,
    query: &'static str,
}

const ALL_VIEWER_EXCEPT_HOST_HEADER: OriginRequest = OriginRequest {
    name: "AllViewerExceptHostHeader",
    id: "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    headers: ("allExcept", &["Host"]),
    cookies: "all",
    query: "all",
};

/// CloudFront's own headers of June 2022.
const CLOUDFRONT_HEADERS: &[&str] = &[
    "CloudFront-Forwarded-Proto",
    "CloudFront-Is-Android-Viewer",
    "CloudFront-Is-Desktop-Viewer",
    "CloudFront-Is-IOS-Viewer",
    "CloudFront-Is-Mobile-Viewer",
    "CloudFront-Is-SmartTV-Viewer",
    "CloudFront-Is-Tablet-Viewer",
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-ASN",
    "CloudFront-Viewer-City",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Country-Name",
    "CloudFront-Viewer-Country-Region",
    "CloudFront-Viewer-Country-Region-Name",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
    "CloudFront-Viewer-Metro-Code",
    "CloudFront-Viewer-Postal-Code",
    "CloudFront-Viewer-Time-Zone",
    "CloudFront-Viewer-Http-Version",
    "CloudFront-Viewer-TLS",
];

const ORIGIN_REQUEST: [OriginRequest; 8] = [
    OriginRequest {
        name: "AllViewer",
        id: "216adef6-5c7f-47e4-b989-5492eafa07d3",
        headers: ("allViewer", &[]),
        cookies: "all",
        query: "all",
    },
    ALL_VIEWER_EXCEPT_HOST_HEADER,
    OriginRequest {
        name: "AllViewerAndCloudFrontHeaders-2022-06",
        id: "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        headers: ("allViewerAndWhitelistCloudFront", CLOUDFRONT_HEADERS),
        cookies: "all",
        query: "all",
    },
    OriginRequest {
        name: "CORS-CustomOrigin",
        id: "59781a5b-3903-41f3-afcb-af62929ccde1",
        headers: ("whitelist", &["Origin"]),
        cookies: "none",
        query: "none",
    },
    OriginRequest {
        name: "CORS-S3Origin",
        id: "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
        headers: (
            "whitelist",
            &[
                "Origin",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Method",
            ],
        ),
        cookies: "none",
        query: "none",
    },
    OriginRequest {
        name: "HostHeaderOnly",
        id: "bf0718e1-ba1e-49d1-88b1-f726733018ae",
        headers: ("whitelist", &["Host"]),
        cookies: "none",
        query: "none",
    },
    OriginRequest {
        name: "UserAgentRefererHeaders",
        id: "acba4595-bd28-49b8-b9fe-13317c0390fa",
        headers: ("whitelist", &["User-Agent", "Referer"]),
        cookies: "none",
        query: "none",
    },
    OriginRequest {
        name: "Elemental-MediaTailor-PersonalizedManifests",
        id: "775133bc-15f2-49f9-abea-afb2e0bf67d2",
        headers: (
            "whitelist",
            &[
                "Origin",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Method",
                "User-Agent",
                "X-Forwarded-For",
            ],
        ),
        cookies: "none",
        query: "all",
    },
];

/// All of them, in the order of the documents.
pub(super) fn origin_request_policies() -> impl Iterator<Item = OriginRequestPolicy> {
    ORIGIN_REQUEST.iter().map(origin_request)
}

/// What stands in for an origin request policy that nobody knows: nothing of the request is lost by it.
pub(crate) fn all_viewer_except_host_header() -> OriginRequestPolicy {
    origin_request(&ALL_VIEWER_EXCEPT_HOST_HEADER)
}

fn origin_request(row: &OriginRequest) -> OriginRequestPolicy {
    OriginRequestPolicy {
        id: row.id.to_owned(),
        name: row.name.to_owned(),
        headers: choice(row.headers.0, row.headers.1),
        cookies: choice(row.cookies, &[]),
        query: choice(row.query, &[]),
    }
}

/// All of them, in the order of the documents.
pub(super) fn response_headers_policies() -> impl Iterator<Item = ResponseHeadersPolicy> {
    [
        (
            "SimpleCORS",
            "60669652-455b-4ae9-85a4-c4c02393f86c",
            Some(any_origin()),
            Vec::new(),
        ),
        (
            "CORS-With-Preflight",
            "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
            Some(any_origin_with_preflight()),
            Vec::new(),
        ),
        (
            "SecurityHeadersPolicy",
            "67f7725c-6f97-4210-82d7-5512b31e9d03",
            None,
            security_headers(),
        ),
        (
            "CORS-and-SecurityHeadersPolicy",
            "e61eb60c-9c35-4d20-a928-2b84e02af89c",
            Some(any_origin()),
            security_headers(),
        ),
        (
            "CORS-with-preflight-and-SecurityHeadersPolicy",
            "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
            Some(any_origin_with_preflight()),
            security_headers(),
        ),
    ]
    .into_iter()
    .map(|(name, id, cors, set)| ResponseHeadersPolicy {
        id: id.to_owned(),
        name: name.to_owned(),
        compiled: behavior::ResponseHeadersPolicy {
            removed: Vec::new(),
            set,
            cors,
        },
    })
}

fn any_origin() -> Cors {
    Cors {
        allow_origins: vec!["*".to_owned()],
        allow_headers: None,
        allow_methods: None,
        allow_credentials: false,
        expose_headers: None,
        max_age: None,
        origin_override: false,
    }
}

fn any_origin_with_preflight() -> Cors {
    Cors {
        allow_methods: Some(HeaderValue::from_static(
            "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        )),
        expose_headers: Some(HeaderValue::from_static("*")),
        ..any_origin()
    }
}

/// Name, value, and whether it replaces the origin's.
fn security_headers() -> Vec<(HeaderName, HeaderValue, bool)> {
    [
        (
            header::REFERRER_POLICY,
            "strict-origin-when-cross-origin",
            false,
        ),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000", false),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff", true),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN", false),
        (header::X_XSS_PROTECTION, "1; mode=block", false),
    ]
    .map(|(name, value, replaces)| (name, HeaderValue::from_static(value), replaces))
    .to_vec()
}
