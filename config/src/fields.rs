//! What becomes of every field of a CloudFront config: one table, which `check`, `tideover fields`, the reader of
//! CloudFront JSON and the tests all read.
//!
//! Source of names, types and required fields: the API model of CloudFront, version 2020-05-31, shapes `DistributionConfig`,
//! `CachePolicyConfig`, `OriginRequestPolicyConfig`, `ResponseHeadersPolicyConfig` and what they hold.

use std::sync::LazyLock;

/// One field of a CloudFront config, and what becomes of it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// From the root of a `DistributionConfig`: `Origins.Items[].CustomOriginConfig.HTTPPort`; fields of policies begin
    /// with the name of their document: `CachePolicyConfig.MinTTL`. `Quantity` and `Items` have no rows of their own.
    pub path: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// Honoured: what it does. Otherwise what happens instead, or why it says nothing to this program.
    pub says: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// Values that mean the same as leaving it out, apart from `""`, `false`, null, the empty list and the empty object.
    pub(crate) unset: &'static [&'static str],
    /// The words it may hold; empty: any text.
    pub(crate) words: &'static [&'static str],
    /// Characters of a text, items of a list, or the number that CloudFront takes at most (these quotas can be raised).
    pub(crate) most: Option<usize>,
    pub(crate) remark: Remark,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// It does what it does in CloudFront.
    Honoured,
    /// It says nothing to an edge that stands alone (prices, regions, accounts); leaving it in is harmless.
    Meaningless,
    /// It has no effect in this version; `check` warns when it is set.
    NotYet,
    /// It protects content and has no effect in this version; `run` refuses to serve beyond loopback when it is set,
    /// unless told `--allow-unenforced`.
    NotEnforced,
}

impl Fate {
    /// `honoured`, `meaningless here`, `not yet`, `NOT ENFORCED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Meaningless => "meaningless here",
            Self::NotYet => "not yet",
            Self::NotEnforced => "NOT ENFORCED",
        }
    }
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Number,
    Decimal,
    Object,
    /// `{"Quantity": n, "Items": [..]}` of texts; may have further members, which then have rows.
    Texts,
    /// The same of whole numbers.
    Numbers,
    /// The same of objects, whose fields are at `path.Items[]`.
    Objects,
    /// A list of objects without the wrapping.
    BareObjects,
}

/// What is said when a field that is not honoured is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// What its fate asks for: a warning if not yet, NOT ENFORCED if not enforced; what is meaningless joins one note.
    ByFate,
    /// A note, because it might surprise.
    Note,
    /// A note for these values, which are a default of AWS, and what the fate asks for with any other.
    NoteFor(&'static [&'static str]),
    /// What the fate asks for if something runs when a request comes in, where it may refuse one; else a warning.
    ByEvent,
}

/// Every field that CloudFront has, in the order of its documents. Source: the API model's shapes.
pub fn fields() -> &'static [Field] {
    &FIELDS
}

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    [
        GENERAL,
        ORIGINS,
        GROUPS,
        DEFAULT_BEHAVIOR,
        &[BEHAVIORS],
        BEHAVIOR,
        ERROR_RESPONSES,
        PROTECTION,
        CACHE_POLICY,
        ORIGIN_REQUEST_POLICY,
        RESPONSE_HEADERS_POLICY,
    ]
    .concat()
});

impl Field {
    const fn new(fate: Fate, path: &'static str, kind: Kind, says: &'static str) -> Self {
        Self {
            path,
            fate,
            says,
            kind,
            required: false,
            unset: &[],
            words: &[],
            most: None,
            remark: Remark::ByFate,
        }
    }

    const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    const fn unset(self, unset: &'static [&'static str]) -> Self {
        Self { unset, ..self }
    }

    const fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    const fn most(self, most: usize) -> Self {
        Self {
            most: Some(most),
            ..self
        }
    }

    const fn remark(self, remark: Remark) -> Self {
        Self { remark, ..self }
    }
}

const fn honoured(path: &'static str, kind: Kind, says: &'static str) -> Field {
    Field::new(Fate::Honoured, path, kind, says)
}

const fn meaningless(path: &'static str, kind: Kind, says: &'static str) -> Field {
    Field::new(Fate::Meaningless, path, kind, says)
}

const fn not_yet(path: &'static str, kind: Kind, says: &'static str) -> Field {
    Field::new(Fate::NotYet, path, kind, says)
}

const fn not_enforced(path: &'static str, kind: Kind, says: &'static str) -> Field {
    Field::new(Fate::NotEnforced, path, kind, says)
}

use Kind::{BareObjects, Decimal, Flag, Number, Numbers, Object, Objects, Text, Texts};

const OWN_CERTIFICATE: &str =
    "a certificate of AWS stays there: name yours with --listen-tls, --cert and --key";
const NO_STAGING: &str =
    "every viewer gets this distribution; no share of them is sent to a staging one";
const NO_TENANTS: &str = "distribution tenants are not built: the distribution serves by itself";
const NO_FLE: &str = "form fields go to the origin as the viewer sent them, unencrypted";
const NO_CLIENT_CERTIFICATES: &str =
    "no viewer is asked for a client certificate: everybody is served";
const NO_SIGNATURES: &str = "signed URLs and cookies are not checked: everybody is served";
const NO_GEO: &str = "viewers' countries are not known: every country is served";
const NO_FUNCTIONS: &str = "functions are not run: a check or rewrite that one makes is missing here (many of them check credentials)";
const NO_LAMBDA: &str = "Lambda@Edge is not run: a check or rewrite that one makes is missing here (many of them check credentials)";
const NO_SIGNING: &str = "requests to the origin are not signed: a bucket answers 403 unless it is public, or --map leads elsewhere";
const NO_GRPC: &str = "gRPC needs HTTP/2, which this version does not speak";
const NO_ORIGIN_MTLS: &str = "no client certificate is shown to the origin";
const ONE_SITE: &str = "a further cache layer inside AWS; here the edge asks the origin itself";
const LOG_FILES: &str = "log lines go where --access-log says, never to a bucket";

const GENERAL: &[Field] = &[
    meaningless(
        "CallerReference",
        Text,
        "tells apart repeated create calls at AWS",
    ),
    honoured(
        "Aliases",
        Texts,
        "hosts that lead to this distribution, beside its own DomainName",
    )
    .most(100),
    honoured(
        "DefaultRootObject",
        Text,
        "what a request for exactly / asks for",
    ),
    meaningless("Comment", Text, "a remark of yours").most(128),
    honoured("Enabled", Flag, "false: every request is answered 403").required(),
    honoured("Logging", Object, "the access log"),
    meaningless("Logging.Enabled", Flag, LOG_FILES).remark(Remark::Note),
    honoured(
        "Logging.IncludeCookies",
        Flag,
        "true: cs(Cookie) of the access log holds the cookies",
    ),
    meaningless("Logging.Bucket", Text, LOG_FILES),
    meaningless("Logging.Prefix", Text, LOG_FILES),
    meaningless("PriceClass", Text, "chooses among edge locations of AWS")
        .unset(&["PriceClass_All", "None"])
        .words(&["PriceClass_100", "PriceClass_200", "PriceClass_All", "None"]),
    honoured("ViewerCertificate", Object, "what TLS listeners speak"),
    meaningless(
        "ViewerCertificate.CloudFrontDefaultCertificate",
        Flag,
        "the certificate of *.cloudfront.net is for AWS only",
    ),
    meaningless("ViewerCertificate.ACMCertificateArn", Text, OWN_CERTIFICATE).remark(Remark::Note),
    meaningless("ViewerCertificate.IAMCertificateId", Text, OWN_CERTIFICATE).remark(Remark::Note),
    // "vip" is what AWS prints beside its default certificate.
    meaningless(
        "ViewerCertificate.SSLSupportMethod",
        Text,
        "certificates are chosen by server name; who names none gets the first one",
    )
        .words(&["sni-only", "vip", "static-ip"])
        .unset(&["vip"]),
    honoured(
        "ViewerCertificate.MinimumProtocolVersion",
        Text,
        "what viewers have to speak at least on TLS listeners; older than TLSv1.2_2021 is raised to that",
    )
        .unset(&["TLSv1"]),
    meaningless(
        "ViewerCertificate.Certificate",
        Text,
        "an outdated echo of the certificate's id",
    ),
    meaningless(
        "ViewerCertificate.CertificateSource",
        Text,
        "an outdated echo of the certificate's source",
    )
    .words(&["cloudfront", "iam", "acm"]),
    not_yet(
        "HttpVersion",
        Text,
        "HTTP/2 is offered on TLS listeners where it says so; HTTP/3 is not built",
    )
    .words(&[
        "http1.1",
        "http2",
        "http3",
        "http2and3",
        "HTTP1.1",
        "HTTP2",
        "HTTP3",
        "HTTP2and3",
    ])
    .unset(&["http1.1", "HTTP1.1", "http2", "HTTP2"])
    .remark(Remark::NoteFor(&["http2and3", "HTTP2and3"])),
    meaningless(
        "IsIPV6Enabled",
        Flag,
        "the edge listens on the addresses that --listen names",
    ),
    not_yet("ContinuousDeploymentPolicyId", Text, NO_STAGING),
    not_yet(
        "Staging",
        Flag,
        "a staging distribution is served to everybody, not to its share of viewers",
    ),
    meaningless(
        "AnycastIpListId",
        Text,
        "static addresses of AWS; the edge has those of its machine",
    ),
    not_yet("TenantConfig", Object, NO_TENANTS),
    not_yet("TenantConfig.ParameterDefinitions", BareObjects, NO_TENANTS),
    not_yet("TenantConfig.ParameterDefinitions[].Name", Text, NO_TENANTS),
    not_yet(
        "TenantConfig.ParameterDefinitions[].Definition",
        Object,
        NO_TENANTS,
    ),
    not_yet(
        "TenantConfig.ParameterDefinitions[].Definition.StringSchema",
        Object,
        NO_TENANTS,
    ),
    not_yet(
        "TenantConfig.ParameterDefinitions[].Definition.StringSchema.Comment",
        Text,
        NO_TENANTS,
    ),
    not_yet(
        "TenantConfig.ParameterDefinitions[].Definition.StringSchema.DefaultValue",
        Text,
        NO_TENANTS,
    ),
    not_yet(
        "TenantConfig.ParameterDefinitions[].Definition.StringSchema.Required",
        Flag,
        NO_TENANTS,
    ),
    not_yet("ConnectionMode", Text, NO_TENANTS)
        .words(&["direct", "tenant-only"])
        .unset(&["direct"]),
    not_yet(
        "CacheTagConfig",
        Object,
        "objects are invalidated by path, not by tag",
    ),
    not_yet(
        "CacheTagConfig.HeaderName",
        Text,
        "objects are invalidated by path, not by tag",
    ),
];

const ORIGINS: &[Field] = &[
    honoured("Origins", Objects, "where answers come from").most(100).required(),
    honoured("Origins.Items[].Id", Text, "what behaviors and groups call it").required(),
    honoured(
        "Origins.Items[].DomainName",
        Text,
        "where to connect, and the Host and certificate name unless the viewer's Host is forwarded",
    )
    .required(),
    honoured("Origins.Items[].OriginPath", Text, "put in front of every request path"),
    honoured("Origins.Items[].CustomHeaders", Objects, "sent with every request to this origin").most(10),
    honoured("Origins.Items[].CustomHeaders.Items[].HeaderName", Text, "the header's name").most(256).required(),
    honoured(
        "Origins.Items[].CustomHeaders.Items[].HeaderValue",
        Text,
        "its value, in place of a viewer's header of that name",
    ).most(1_783)
    .required(),
    honoured(
        "Origins.Items[].S3OriginConfig",
        Object,
        "an S3 bucket: reached by the viewer's scheme, always by its own Host",
    ),
    not_yet("Origins.Items[].S3OriginConfig.OriginAccessIdentity", Text, NO_SIGNING),
    honoured(
        "Origins.Items[].S3OriginConfig.OriginReadTimeout",
        Number,
        "seconds to the first byte and between any two, 30 unless given",
    )
    .most(120),
    honoured("Origins.Items[].CustomOriginConfig", Object, "any HTTP server"),
    honoured("Origins.Items[].CustomOriginConfig.HTTPPort", Number, "the port for http").required(),
    honoured("Origins.Items[].CustomOriginConfig.HTTPSPort", Number, "the port for https").required(),
    honoured(
        "Origins.Items[].CustomOriginConfig.OriginProtocolPolicy",
        Text,
        "http-only, https-only or match-viewer",
    )
    .required(),
    honoured(
        "Origins.Items[].CustomOriginConfig.OriginSslProtocols",
        Texts,
        "TLS 1.2 and 1.3 are offered, whatever older version is listed",
    ),
    honoured(
        "Origins.Items[].CustomOriginConfig.OriginReadTimeout",
        Number,
        "seconds to the first byte and between any two, 30 unless given",
    )
    .most(120),
    honoured(
        "Origins.Items[].CustomOriginConfig.OriginKeepaliveTimeout",
        Number,
        "seconds that an idle connection is kept, 5 unless given",
    )
    .most(120),
    honoured("Origins.Items[].CustomOriginConfig.IpAddressType", Text, "ipv4, ipv6 or dualstack"),
    not_yet("Origins.Items[].CustomOriginConfig.OriginMtlsConfig", Object, NO_ORIGIN_MTLS),
    not_yet(
        "Origins.Items[].CustomOriginConfig.OriginMtlsConfig.ClientCertificateArn",
        Text,
        NO_ORIGIN_MTLS,
    ),
    honoured("Origins.Items[].VpcOriginConfig", Object, "a private server: treated like any HTTP server"),
    not_yet(
        "Origins.Items[].VpcOriginConfig.VpcOriginId",
        Text,
        "ports and protocol of a VPC origin stand outside of the distribution: the viewer's scheme on port 80 or 443 is \
         used, at its DomainName; --map leads elsewhere",
    )
    .required(),
    meaningless("Origins.Items[].VpcOriginConfig.OwnerAccountId", Text, "an account of AWS"),
    honoured(
        "Origins.Items[].VpcOriginConfig.OriginReadTimeout",
        Number,
        "seconds to the first byte and between any two, 30 unless given",
    )
    .most(120),
    honoured(
        "Origins.Items[].VpcOriginConfig.OriginKeepaliveTimeout",
        Number,
        "seconds that an idle connection is kept, 5 unless given",
    )
    .most(120),
    honoured("Origins.Items[].ConnectionAttempts", Number, "tries to connect, the first included, 3 unless given"),
    honoured("Origins.Items[].ConnectionTimeout", Number, "seconds for each try to connect, 10 unless given"),
    honoured(
        "Origins.Items[].ResponseCompletionTimeout",
        Number,
        "seconds for the whole exchange with this origin, no limit unless given",
    ),
    meaningless("Origins.Items[].OriginShield", Object, ONE_SITE),
    meaningless("Origins.Items[].OriginShield.Enabled", Flag, ONE_SITE),
    meaningless("Origins.Items[].OriginShield.OriginShieldRegion", Text, ONE_SITE),
    not_yet("Origins.Items[].OriginAccessControlId", Text, NO_SIGNING),
];

const GROUPS: &[Field] = &[
    honoured("OriginGroups", Objects, "pairs of origins, the second of which is asked when the first fails").most(10),
    honoured("OriginGroups.Items[].Id", Text, "what behaviors call it").required(),
    honoured("OriginGroups.Items[].FailoverCriteria", Object, "when the second is asked").required(),
    honoured(
        "OriginGroups.Items[].FailoverCriteria.StatusCodes",
        Numbers,
        "statuses of the first that send a request to the second; 503 also stands for connection failures, 504 for timeouts",
    )
    .required(),
    honoured("OriginGroups.Items[].Members", Objects, "in the order they are asked").required(),
    honoured("OriginGroups.Items[].Members.Items[].OriginId", Text, "the Id of an origin").required(),
    not_yet(
        "OriginGroups.Items[].SelectionCriteria",
        Text,
        "the first member is always asked first, as with \"default\"",
    ).words(&["default", "media-quality-based"])
    .unset(&["default"]),
];

/// The rows that `DefaultCacheBehavior` and the items of `CacheBehaviors` share.
macro_rules! behavior_fields {
    ($at:literal $(, $first:expr)*) => {
        &[
            $($first,)*
            honoured(concat!($at, ".TargetOriginId"), Text, "the origin or group that answers").required(),
            not_enforced(concat!($at, ".TrustedSigners"), Texts, NO_SIGNATURES),
            not_enforced(concat!($at, ".TrustedSigners.Enabled"), Flag, NO_SIGNATURES),
            not_enforced(concat!($at, ".TrustedKeyGroups"), Texts, NO_SIGNATURES).most(4),
            not_enforced(concat!($at, ".TrustedKeyGroups.Enabled"), Flag, NO_SIGNATURES),
            honoured(
                concat!($at, ".ViewerProtocolPolicy"),
                Text,
                "what a viewer over plain HTTP gets; --viewer-scheme says what a plain listener counts as",
            )
            .required(),
            honoured(concat!($at, ".AllowedMethods"), Texts, "other methods are answered 403; GET and HEAD unless given"),
            honoured(
                concat!($at, ".AllowedMethods.CachedMethods"),
                Texts,
                "whose answers are cached; OPTIONS falls through to the next member only if it is among them",
            ),
            meaningless(concat!($at, ".SmoothStreaming"), Flag, "a media format; files of it are passed on like any other"),
            honoured(
                concat!($at, ".Compress"),
                Flag,
                "answers that are cached are compressed for viewers who take it, by what the cache policy enables (without one: gzip)",
            ),
            not_enforced(concat!($at, ".LambdaFunctionAssociations"), Objects, NO_LAMBDA).most(4).remark(Remark::ByEvent),
            not_enforced(concat!($at, ".LambdaFunctionAssociations.Items[].LambdaFunctionARN"), Text, NO_LAMBDA),
            not_enforced(concat!($at, ".LambdaFunctionAssociations.Items[].EventType"), Text, NO_LAMBDA).words(&["viewer-request", "viewer-response", "origin-request", "origin-response"]),
            not_enforced(concat!($at, ".LambdaFunctionAssociations.Items[].IncludeBody"), Flag, NO_LAMBDA),
            not_enforced(concat!($at, ".FunctionAssociations"), Objects, NO_FUNCTIONS).most(2).remark(Remark::ByEvent),
            not_enforced(concat!($at, ".FunctionAssociations.Items[].FunctionARN"), Text, NO_FUNCTIONS),
            not_enforced(concat!($at, ".FunctionAssociations.Items[].EventType"), Text, NO_FUNCTIONS).words(&["viewer-request", "viewer-response"]),
            not_enforced(concat!($at, ".FieldLevelEncryptionId"), Text, NO_FLE),
            not_yet(
                concat!($at, ".RealtimeLogConfigArn"),
                Text,
                "no real-time log is written; the access log has what happened",
            ),
            honoured(
                concat!($at, ".CachePolicyId"),
                Text,
                "what the policy selects is sent to the origin and tells cached answers apart; how long they are fresh",
            ),
            honoured(concat!($at, ".OriginRequestPolicyId"), Text, "what the policy selects is sent to the origin"),
            honoured(concat!($at, ".ResponseHeadersPolicyId"), Text, "headers that the policy sets or removes"),
            not_yet(concat!($at, ".GrpcConfig"), Object, NO_GRPC),
            not_yet(concat!($at, ".GrpcConfig.Enabled"), Flag, NO_GRPC),
            honoured(concat!($at, ".ForwardedValues"), Object, "what is sent to the origin, in the old style"),
            honoured(
                concat!($at, ".ForwardedValues.QueryString"),
                Flag,
                "whether the query string is sent to the origin",
            )
            .required(),
            honoured(
                concat!($at, ".ForwardedValues.QueryStringCacheKeys"),
                Texts,
                "the query parameters that tell cached answers apart, by name; all unless given",
            )
            .most(10),
            honoured(concat!($at, ".ForwardedValues.Cookies"), Object, "which cookies are sent to the origin").required(),
            honoured(concat!($at, ".ForwardedValues.Cookies.Forward"), Text, "none, whitelist or all").words(&["none", "whitelist", "all"]).required(),
            honoured(
                concat!($at, ".ForwardedValues.Cookies.WhitelistedNames"),
                Texts,
                "the cookies that are sent, by name; may hold * and ?",
            ).most(10),
            honoured(concat!($at, ".ForwardedValues.Headers"), Texts, "headers that are sent to the origin as well; * is all").most(10),
            honoured(concat!($at, ".MinTTL"), Number, "seconds that an answer is fresh at least, in the old style; 0 unless given"),
            honoured(concat!($at, ".DefaultTTL"), Number, "seconds that an answer is fresh that does not say so, in the old style; a day unless given"),
            honoured(concat!($at, ".MaxTTL"), Number, "seconds that an answer is fresh at most, in the old style; a year unless given"),
        ]
    };
}

const DEFAULT_BEHAVIOR: &[Field] = behavior_fields!(
    "DefaultCacheBehavior",
    honoured(
        "DefaultCacheBehavior",
        Object,
        "takes every request that no other behavior takes"
    )
    .required()
);

const BEHAVIORS: Field = honoured(
    "CacheBehaviors",
    Objects,
    "in order: the first whose pattern matches takes the request",
)
// With the default behavior these are 75.
.most(74);

const BEHAVIOR: &[Field] = behavior_fields!(
    "CacheBehaviors.Items[]",
    honoured(
        "CacheBehaviors.Items[].PathPattern",
        Text,
        "the paths it takes: * any run of characters, ? any one"
    )
    .required()
);

const ERROR_RESPONSES: &[Field] = &[
    honoured(
        "CustomErrorResponses",
        Objects,
        "pages in place of error answers",
    ),
    honoured(
        "CustomErrorResponses.Items[].ErrorCode",
        Number,
        "the final status that is replaced",
    )
    .required(),
    honoured(
        "CustomErrorResponses.Items[].ResponsePagePath",
        Text,
        "the page, fetched from this distribution",
    ),
    honoured(
        "CustomErrorResponses.Items[].ResponseCode",
        Text,
        "the status that the viewer sees",
    ),
    honoured(
        "CustomErrorResponses.Items[].ErrorCachingMinTTL",
        Number,
        "seconds that an answer with this status is kept at least; 10 unless given",
    ),
];

const PROTECTION: &[Field] = &[
    not_enforced("Restrictions", Object, NO_GEO),
    not_enforced("Restrictions.GeoRestriction", Texts, NO_GEO),
    not_enforced("Restrictions.GeoRestriction.RestrictionType", Text, NO_GEO)
        .words(&["none", "blacklist", "whitelist"])
        .unset(&["none"]),
    not_enforced(
        "WebACLId",
        Text,
        "WAF rules are not applied: every request is served",
    ),
    not_enforced("ViewerMtlsConfig", Object, NO_CLIENT_CERTIFICATES),
    not_enforced("ViewerMtlsConfig.Mode", Text, NO_CLIENT_CERTIFICATES)
        .words(&["required", "optional", "passthrough", "off"])
        .unset(&["off"]),
    not_enforced(
        "ViewerMtlsConfig.TrustStoreConfig",
        Object,
        NO_CLIENT_CERTIFICATES,
    ),
    not_enforced(
        "ViewerMtlsConfig.TrustStoreConfig.TrustStoreId",
        Text,
        NO_CLIENT_CERTIFICATES,
    ),
    not_enforced(
        "ViewerMtlsConfig.TrustStoreConfig.AdvertiseTrustStoreCaNames",
        Flag,
        NO_CLIENT_CERTIFICATES,
    ),
    not_enforced(
        "ViewerMtlsConfig.TrustStoreConfig.IgnoreCertificateExpiry",
        Flag,
        NO_CLIENT_CERTIFICATES,
    ),
    not_enforced(
        "ConnectionFunctionAssociation",
        Object,
        "the function that judges TLS connections is not run: every connection is accepted",
    ),
    not_enforced(
        "ConnectionFunctionAssociation.Id",
        Text,
        "the function that judges TLS connections is not run: every connection is accepted",
    ),
];

const CACHE_POLICY: &[Field] = &[
    honoured("CachePolicyConfig.Name", Text, "behaviors of tideover.toml may name it by this").required(),
    meaningless("CachePolicyConfig.Comment", Text, "a remark of yours").most(128),
    honoured("CachePolicyConfig.MinTTL", Number, "seconds that an answer is fresh at least").required(),
    honoured(
        "CachePolicyConfig.DefaultTTL",
        Number,
        "seconds that an answer is fresh that does not say so; a day unless given",
    ),
    honoured(
        "CachePolicyConfig.MaxTTL",
        Number,
        "seconds that an answer is fresh at most; a year unless given. All three 0: nothing is cached",
    ),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin",
        Object,
        "what is sent to the origin and tells cached answers apart",
    ),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.EnableAcceptEncodingGzip",
        Flag,
        "gzip may stand in the Accept-Encoding that is sent to the origin, and is what answers may be compressed with",
    )
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.EnableAcceptEncodingBrotli",
        Flag,
        "br may stand in the Accept-Encoding that is sent to the origin, and is what answers may be compressed with",
    ),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig",
        Object,
        "headers that are sent to the origin and tell cached answers apart",
    )
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig.HeaderBehavior",
        Text,
        "none or whitelist",
    ).words(&["none", "whitelist"])
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig.Headers",
        Texts,
        "their names",
    ).most(10),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.CookiesConfig",
        Object,
        "cookies that are sent to the origin and tell cached answers apart",
    )
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.CookiesConfig.CookieBehavior",
        Text,
        "none, whitelist, allExcept or all",
    ).words(&["none", "whitelist", "allExcept", "all"])
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.CookiesConfig.Cookies",
        Texts,
        "their names",
    ).most(10),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig",
        Object,
        "query parameters that are sent to the origin and tell cached answers apart",
    )
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig.QueryStringBehavior",
        Text,
        "none, whitelist, allExcept or all",
    ).words(&["none", "whitelist", "allExcept", "all"])
    .required(),
    honoured(
        "CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig.QueryStrings",
        Texts,
        "their names",
    ).most(10),
];

const ORIGIN_REQUEST_POLICY: &[Field] = &[
    honoured(
        "OriginRequestPolicyConfig.Name",
        Text,
        "behaviors of tideover.toml may name it by this",
    )
    .required(),
    meaningless(
        "OriginRequestPolicyConfig.Comment",
        Text,
        "a remark of yours",
    )
    .most(128),
    honoured(
        "OriginRequestPolicyConfig.HeadersConfig",
        Object,
        "headers that are sent to the origin",
    )
    .required(),
    honoured(
        "OriginRequestPolicyConfig.HeadersConfig.HeaderBehavior",
        Text,
        "none, whitelist, allViewer, allViewerAndWhitelistCloudFront or allExcept",
    )
    .words(&[
        "none",
        "whitelist",
        "allViewer",
        "allViewerAndWhitelistCloudFront",
        "allExcept",
    ])
    .required(),
    honoured(
        "OriginRequestPolicyConfig.HeadersConfig.Headers",
        Texts,
        "their names",
    )
    .most(10),
    honoured(
        "OriginRequestPolicyConfig.CookiesConfig",
        Object,
        "cookies that are sent to the origin",
    )
    .required(),
    honoured(
        "OriginRequestPolicyConfig.CookiesConfig.CookieBehavior",
        Text,
        "none, whitelist, allExcept or all",
    )
    .words(&["none", "whitelist", "allExcept", "all"])
    .required(),
    honoured(
        "OriginRequestPolicyConfig.CookiesConfig.Cookies",
        Texts,
        "their names",
    )
    .most(10),
    honoured(
        "OriginRequestPolicyConfig.QueryStringsConfig",
        Object,
        "query parameters that are sent to the origin",
    )
    .required(),
    honoured(
        "OriginRequestPolicyConfig.QueryStringsConfig.QueryStringBehavior",
        Text,
        "none, whitelist, allExcept or all",
    )
    .words(&["none", "whitelist", "allExcept", "all"])
    .required(),
    honoured(
        "OriginRequestPolicyConfig.QueryStringsConfig.QueryStrings",
        Texts,
        "their names",
    )
    .most(10),
];

const NO_SERVER_TIMING: &str = "no Server-Timing header is added";

const RESPONSE_HEADERS_POLICY: &[Field] = &[
    honoured("ResponseHeadersPolicyConfig.Name", Text, "behaviors of tideover.toml may name it by this").required(),
    meaningless("ResponseHeadersPolicyConfig.Comment", Text, "a remark of yours").most(128),
    honoured("ResponseHeadersPolicyConfig.CorsConfig", Object, "how CORS requests are answered"),
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlAllowOrigins",
        Texts,
        "origins that may ask; * in the leftmost label or the port",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlAllowHeaders",
        Texts,
        "Access-Control-Allow-Headers of preflights",
    )
    ,
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlAllowMethods",
        Texts,
        "Access-Control-Allow-Methods of preflights; ALL is the seven",
    ).words(&["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "ALL"])
    ,
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlAllowCredentials",
        Flag,
        "Access-Control-Allow-Credentials",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlExposeHeaders",
        Texts,
        "Access-Control-Expose-Headers",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.AccessControlMaxAgeSec",
        Number,
        "Access-Control-Max-Age of preflights",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.CorsConfig.OriginOverride",
        Flag,
        "true: in place of the origin's CORS headers; false: none of these if the origin sent any",
    )
    .required(),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig", Object, "headers that browsers protect by"),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig.XSSProtection", Object, "X-XSS-Protection"),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.XSSProtection.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.XSSProtection.Protection",
        Flag,
        "1 or 0",
    )
    .required(),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig.XSSProtection.ModeBlock", Flag, "mode=block"),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig.XSSProtection.ReportUri", Text, "report="),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig.FrameOptions", Object, "X-Frame-Options"),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.FrameOptions.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.FrameOptions.FrameOption",
        Text,
        "DENY or SAMEORIGIN",
    ).words(&["DENY", "SAMEORIGIN"])
    .required(),
    honoured("ResponseHeadersPolicyConfig.SecurityHeadersConfig.ReferrerPolicy", Object, "Referrer-Policy"),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ReferrerPolicy.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ReferrerPolicy.ReferrerPolicy",
        Text,
        "one of the eight values",
    ).words(&["no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url"])
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy",
        Object,
        "Content-Security-Policy",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy.ContentSecurityPolicy",
        Text,
        "the header's value",
    ).most(1_783)
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentTypeOptions",
        Object,
        "X-Content-Type-Options: nosniff",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentTypeOptions.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.StrictTransportSecurity",
        Object,
        "Strict-Transport-Security",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.StrictTransportSecurity.Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.StrictTransportSecurity.IncludeSubdomains",
        Flag,
        "includeSubDomains",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.StrictTransportSecurity.Preload",
        Flag,
        "preload",
    ),
    honoured(
        "ResponseHeadersPolicyConfig.SecurityHeadersConfig.StrictTransportSecurity.AccessControlMaxAgeSec",
        Number,
        "max-age",
    )
    .required(),
    not_yet("ResponseHeadersPolicyConfig.ServerTimingHeadersConfig", Object, NO_SERVER_TIMING),
    not_yet(
        "ResponseHeadersPolicyConfig.ServerTimingHeadersConfig.Enabled",
        Flag,
        NO_SERVER_TIMING,
    ),
    not_yet(
        "ResponseHeadersPolicyConfig.ServerTimingHeadersConfig.SamplingRate",
        Decimal,
        NO_SERVER_TIMING,
    ),
    honoured("ResponseHeadersPolicyConfig.CustomHeadersConfig", Objects, "headers that are set").most(10),
    honoured("ResponseHeadersPolicyConfig.CustomHeadersConfig.Items[].Header", Text, "the name").required(),
    honoured("ResponseHeadersPolicyConfig.CustomHeadersConfig.Items[].Value", Text, "the value, may be empty").required(),
    honoured(
        "ResponseHeadersPolicyConfig.CustomHeadersConfig.Items[].Override",
        Flag,
        "true: in place of the origin's",
    )
    .required(),
    honoured("ResponseHeadersPolicyConfig.RemoveHeadersConfig", Objects, "headers of the origin that are removed").most(10),
    honoured("ResponseHeadersPolicyConfig.RemoveHeadersConfig.Items[].Header", Text, "the name").required(),
];
