//! What a config says of the cache, and what that comes to.

#[path = "print/facts.rs"]
mod facts;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use proptest::prelude::*;
use tideover_config::{
    AcceptEncoding, CacheLimits, CachePolicy, CloudFrontHeader, Compression, DefaultTtl, Edge,
    KeyParts, MethodSet, Mode, NameSelection, Overrides, StaleRule, StatusRule, Ttls, VaryRule,
    from_origins, load_text,
};

const OPTIMIZED: &str = "658327ea-f89d-4fab-a63d-7e88639e58f6";
const BOTH: Compression = Compression {
    gzip: true,
    brotli: true,
};
const GZIP: Compression = Compression {
    gzip: true,
    brotli: false,
};

fn loaded(name: &str, text: &str, overrides: &Overrides) -> (Edge, Vec<String>) {
    let loaded = load_text(Path::new(name), text, overrides)
        .unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"));
    let remarks = loaded.remarks.iter().map(ToString::to_string).collect();
    (loaded.edge, remarks)
}

/// The cache of the default behavior, which says `fields`.
fn of_json(fields: &str) -> Option<CachePolicy> {
    of_json_with(fields, &Overrides::default())
}

fn of_json_with(fields: &str, overrides: &Overrides) -> Option<CachePolicy> {
    let (edge, _) = loaded("config.json", &json(fields), overrides);
    facts::prints_as_itself(&edge);
    let behavior = edge.distributions[0].behaviors.last();
    behavior.expect("there is one").cache.clone()
}

fn json(fields: &str) -> String {
    format!(
        r#"{{"Enabled": true, "Origins": {{"Quantity": 1, "Items": [{{"Id": "a", "DomainName": "a.example",
            "CustomOriginConfig": {{"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}}}]}},
            "DefaultCacheBehavior": {{"TargetOriginId": "a", "ViewerProtocolPolicy": "allow-all", {fields}}}}}"#
    )
}

/// The same, of a `tideover.toml`; with what the origin is sent of `Accept-Encoding`.
fn of_toml(mode: &str, fields: &str) -> (Option<CachePolicy>, AcceptEncoding) {
    let text = format!(
        "mode = \"{mode}\"\norigin.a.url = \"http://a.example\"\n[distribution.d.default_behavior]\ntarget = \"a\"\n{fields}\n"
    );
    let (edge, _) = loaded("x.toml", &text, &Overrides::default());
    facts::prints_as_itself(&edge);
    let behavior = edge.distributions[0].behaviors.last();
    let behavior = behavior.expect("there is one").clone();
    (behavior.cache, behavior.origin_request.accept_encoding)
}

fn seconds(min: u64, default: u64, max: u64) -> Ttls {
    Ttls {
        min: Duration::from_secs(min),
        default: DefaultTtl::Fixed(Duration::from_secs(default)),
        max: Duration::from_secs(max),
    }
}

fn headers(names: &[&'static str]) -> Vec<HeaderName> {
    let names = names.iter();
    names.map(|name| HeaderName::from_static(name)).collect()
}

fn only(names: &[&str]) -> NameSelection {
    NameSelection::Only(names.iter().map(ToString::to_string).collect())
}

fn normalised(Compression { gzip, brotli }: Compression) -> AcceptEncoding {
    AcceptEncoding::Normalised { gzip, brotli }
}

/// Source: Developer Guide, "Use managed cache policies".
#[test]
fn managed_policies_come_to_what_is_documented() {
    const A_DAY: u64 = 86_400;
    const A_YEAR: u64 = 31_536_000;
    let five = headers(&[
        "host",
        "origin",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ]);
    let all = NameSelection::All;
    let none = NameSelection::None;
    let key =
        |headers: &[HeaderName], cookies: &NameSelection, query: &NameSelection, encodings| {
            KeyParts {
                headers: headers.to_vec(),
                cookies: cookies.clone(),
                query: query.clone(),
                accept_encoding: encodings,
                made: Vec::new(),
            }
        };
    let media = only(&["aws.manifestfilter", "start", "end", "m"]);
    let amplify = headers(&["authorization", "host"]);
    #[rustfmt::skip]
    let rows = [
        ("CachingOptimized", seconds(1, A_DAY, A_YEAR), key(&[], &none, &none, normalised(BOTH))),
        (OPTIMIZED, seconds(1, A_DAY, A_YEAR), key(&[], &none, &none, normalised(BOTH))),
        ("CachingOptimizedForUncompressedObjects", seconds(1, A_DAY, A_YEAR), key(&[], &none, &none, AcceptEncoding::Removed)),
        ("UseOriginCacheControlHeaders", seconds(0, 0, A_YEAR), key(&five, &all, &none, normalised(BOTH))),
        ("UseOriginCacheControlHeaders-QueryStrings", seconds(0, 0, A_YEAR), key(&five, &all, &all, normalised(BOTH))),
        ("Elemental-MediaPackage", seconds(0, A_DAY, A_YEAR), key(&headers(&["origin"]), &none, &media, normalised(GZIP))),
        // The country of a viewer is not known here, and no viewer is asked for it.
        ("Amplify", seconds(2, 2, 600), key(&amplify, &all, &all, normalised(BOTH))),
    ];
    for (named, ttl, key) in rows {
        for compress in [false, true] {
            let text = format!(r#""CachePolicyId": "{named}", "Compress": {compress}"#);
            let sends_cookies = key.cookies != NameSelection::None;
            let expected = CachePolicy {
                methods: MethodSet::READS,
                key: key.clone(),
                ttl,
                vary: VaryRule::KeySaysAll,
                statuses: StatusRule::CloudFront {
                    errors: Duration::from_secs(10),
                },
                authorization_needs_permission: false,
                minimum_beats_refusal: true,
                targeted: None,
                stale: StaleRule {
                    if_error: ttl.max,
                    at_once: false,
                    ask_again_after: Duration::from_secs(10),
                },
                writes_invalidate: false,
                collapse: !sends_cookies,
                answers_conditions: !sends_cookies,
                compression: match key.accept_encoding {
                    AcceptEncoding::Normalised { gzip, brotli } if compress => {
                        Compression { gzip, brotli }
                    }
                    AcceptEncoding::Normalised { .. }
                    | AcceptEncoding::Viewer
                    | AcceptEncoding::Removed => Compression::default(),
                },
                heeds_no_transform: false,
            };
            assert_eq!(of_json(&text), Some(expected.clone()), "{named}");
            let in_toml = format!("cache_policy = \"{named}\"\ncompress = {compress}");
            assert_eq!(of_toml("faithful", &in_toml).0, Some(expected), "{named}");
        }
    }
    for none in ["CachingDisabled", "no-such-policy"] {
        assert_eq!(of_json(&format!(r#""CachePolicyId": "{none}""#)), None);
        let in_toml = format!("cache_policy = \"{none}\"");
        assert_eq!(of_toml("resilient", &in_toml).0, None, "{none}");
    }
}

#[test]
fn cookies_that_only_the_origin_is_sent_keep_requests_apart_too() {
    let all_viewer = "216adef6-5c7f-47e4-b989-5492eafa07d3";
    for (origin_request, expected) in [
        (all_viewer, false),
        ("bf0718e1-ba1e-49d1-88b1-f726733018ae", true),
    ] {
        let text = format!(
            r#""CachePolicyId": "{OPTIMIZED}", "OriginRequestPolicyId": "{origin_request}""#
        );
        let policy = of_json(&text).expect("it caches");
        assert_eq!(policy.key.cookies, NameSelection::None);
        assert_eq!(
            (policy.collapse, policy.answers_conditions),
            (expected, expected)
        );
    }
}

#[test]
fn an_own_policy_comes_to_what_its_file_says() {
    let own = Overrides {
        policies: vec![
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/policies/cache.json"),
        ],
        ..Overrides::default()
    };
    let text = r#""CachePolicyId": "11111111-2222-3333-4444-555555555555", "Compress": true,
        "AllowedMethods": {"Quantity": 3, "Items": ["GET", "HEAD", "OPTIONS"],
            "CachedMethods": {"Quantity": 3, "Items": ["GET", "HEAD", "OPTIONS"]}}"#;
    let policy = of_json_with(text, &own).expect("it caches");
    assert_eq!(policy.ttl, seconds(1, 60, 600));
    assert_eq!(policy.key.headers, headers(&["x-tenant", "host"]));
    assert_eq!(policy.key.query, NameSelection::All);
    assert_eq!(policy.methods, MethodSet::READS_AND_OPTIONS);
    assert_eq!(policy.compression, BOTH);
    assert!(policy.collapse);
}

/// Source: API shapes `ForwardedValues`, `CacheBehavior`.
#[test]
fn legacy_fields_are_the_key_and_the_times() {
    let forwarded = |rest: &str| {
        format!(
            r#""ForwardedValues": {{"QueryString": false, "Cookies": {{"Forward": "none"}}{rest}}}"#
        )
    };
    #[rustfmt::skip]
    let times = [
        ("", Some(seconds(0, 86_400, 31_536_000))),
        (r#", "MinTTL": 0"#, Some(seconds(0, 86_400, 31_536_000))),
        (r#", "MinTTL": 100000"#, Some(seconds(100_000, 100_000, 31_536_000))),
        (r#", "MinTTL": 40000000"#, Some(seconds(40_000_000, 40_000_000, 40_000_000))),
        (r#", "MaxTTL": 60"#, Some(seconds(0, 60, 60))),
        (r#", "MinTTL": 1, "DefaultTTL": 2, "MaxTTL": 3"#, Some(seconds(1, 2, 3))),
        (r#", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 3"#, Some(seconds(0, 0, 3))),
        (r#", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0"#, None),
        (r#", "MaxTTL": 0"#, None),
    ];
    for (said, expected) in times {
        let policy = of_json(&format!("{}{said}", forwarded("")));
        assert_eq!(policy.map(|policy| policy.ttl), expected, "{said}");
    }

    let names = |names: &str| format!(r#", "Headers": {{"Quantity": 2, "Items": [{names}]}}"#);
    let policy = of_json(&format!(
        "{}, \"Compress\": true",
        forwarded(&names(r#""X-Tenant", "CloudFront-Forwarded-Proto""#))
    ));
    let policy = policy.expect("it caches");
    assert_eq!(policy.key.headers, headers(&["x-tenant"]));
    assert_eq!(policy.key.made, [CloudFrontHeader::ForwardedProto]);
    assert_eq!(policy.key.accept_encoding, normalised(GZIP));
    assert_eq!(policy.compression, GZIP);
    assert!(policy.collapse && policy.answers_conditions);

    // The header itself tells: what the edge would make of it does not.
    let policy = of_json(&format!(
        "{}, \"Compress\": true",
        forwarded(&names(r#""Accept-Encoding", "Host""#))
    ));
    let policy = policy.expect("it caches");
    assert_eq!(policy.key.headers, headers(&["accept-encoding", "host"]));
    assert_eq!(policy.key.accept_encoding, AcceptEncoding::Viewer);
    assert_eq!(policy.compression, GZIP);

    // What goes by all headers is not cached.
    let all = r#", "Headers": {"Quantity": 1, "Items": ["*"]}"#;
    assert_eq!(of_json(&forwarded(all)), None);
}

#[test]
fn legacy_query_and_cookies_are_the_key_by_name() {
    #[rustfmt::skip]
    let rows = [
        (r#""QueryString": false, "Cookies": {"Forward": "none"}"#, NameSelection::None, NameSelection::None),
        (r#""QueryString": true, "Cookies": {"Forward": "all"}"#, NameSelection::All, NameSelection::All),
        (r#""QueryString": true, "QueryStringCacheKeys": {"Quantity": 1, "Items": ["page"]},
            "Cookies": {"Forward": "whitelist", "WhitelistedNames": {"Quantity": 1, "Items": ["s*"]}}"#, only(&["page"]), only(&["s*"])),
        (r#""QueryString": true, "QueryStringCacheKeys": {"Quantity": 0}, "Cookies": {"Forward": "none"}"#, NameSelection::All, NameSelection::None),
    ];
    for (said, query, cookies) in rows {
        let policy = of_json(&format!(r#""ForwardedValues": {{{said}}}"#)).expect("it caches");
        assert_eq!(policy.collapse, cookies == NameSelection::None, "{said}");
        assert_eq!((policy.key.query, policy.key.cookies), (query, cookies));
    }
}

#[test]
fn a_mode_picks_whose_rules_hold_and_nothing_else() {
    let by_origin = CachePolicy::by_the_origins_word;
    assert_eq!(of_toml("resilient", "").0, Some(by_origin()));
    assert_eq!(of_toml("faithful", "").0, None);
    for mode in ["resilient", "faithful"] {
        assert_eq!(of_toml(mode, "cache = \"off\"").0, None);
        assert_eq!(of_toml(mode, "cache = \"off\"\nmax_ttl = \"1h\"").0, None);
        // Without policies, CloudFront's origins are not told what a viewer takes.
        let (policy, accept_encoding) = of_toml(mode, "cache = \"origin\"");
        let mut expected = by_origin();
        expected.key.accept_encoding = accept_encoding;
        assert_eq!(policy, Some(expected), "{mode}");
        let (policy, _) = of_toml(
            mode,
            "cache = \"cloudfront\"\ncache_policy = \"CachingOptimized\"",
        );
        let policy = policy.expect("it caches");
        assert!(policy.minimum_beats_refusal, "{mode}");
        assert_eq!(policy.vary, VaryRule::KeySaysAll, "{mode}");
    }

    let (policy, _) = of_toml("resilient", "cache_policy = \"CachingOptimized\"");
    let expected = CachePolicy {
        ttl: seconds(1, 86_400, 31_536_000),
        key: KeyParts {
            // Origins are sent X-Forwarded-Host and X-Forwarded-Proto in this mode, so answers may hang on them.
            headers: headers(&["host"]),
            cookies: NameSelection::None,
            query: NameSelection::None,
            accept_encoding: normalised(BOTH),
            made: vec![CloudFrontHeader::ForwardedProto],
        },
        ..by_origin()
    };
    assert_eq!(policy, Some(expected));

    let resilient = Overrides {
        mode: Some(Mode::Resilient),
        ..Overrides::default()
    };
    let legacy = r#""ForwardedValues": {"QueryString": true, "Cookies": {"Forward": "all"},
        "Headers": {"Quantity": 1, "Items": ["X-Tenant"]}}, "MinTTL": 5"#;
    let expected = CachePolicy {
        ttl: seconds(5, 86_400, 31_536_000),
        key: KeyParts {
            headers: headers(&["x-tenant", "host"]),
            cookies: NameSelection::All,
            query: NameSelection::All,
            accept_encoding: normalised(GZIP),
            made: vec![CloudFrontHeader::ForwardedProto],
        },
        ..by_origin()
    };
    assert_eq!(of_json_with(legacy, &resilient), Some(expected));

    let urls = ["http://127.0.0.1:8081".to_owned()];
    let edge = from_origins(&urls, &Overrides::default())
        .expect("a URL is a config")
        .edge;
    for behavior in &edge.distributions[0].behaviors {
        // Writes have one, too: those that went well make what is kept unusable. OPTIONS is not kept.
        assert_eq!(behavior.cache, Some(by_origin()));
    }
}

#[test]
fn words_of_the_operators_own_change_what_they_name() {
    let by_origin = CachePolicy::by_the_origins_word;
    let with = |change: fn(&mut CachePolicy)| {
        let mut policy = by_origin();
        change(&mut policy);
        policy
    };
    #[rustfmt::skip]
    let rows = [
        ("min_ttl = \"5s\"", with(|policy| policy.ttl.min = Duration::from_secs(5))),
        ("max_ttl = \"1h\"", with(|policy| policy.ttl.max = Duration::from_hours(1))),
        ("default_ttl = \"10s\"", with(|policy| policy.ttl.default = DefaultTtl::Fixed(Duration::from_secs(10)))),
        ("default_ttl = \"heuristic\"", by_origin()),
        ("stale_if_error = \"0s\"", with(|policy| policy.stale.if_error = Duration::ZERO)),
        ("collapse = false", with(|policy| policy.collapse = false)),
        ("cached_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]", with(|policy| policy.methods = MethodSet::READS_AND_OPTIONS)),
        ("cache_key = {}", by_origin()),
        ("cache_key = { headers = [], cloudfront_headers = [] }", with(|policy| {
            policy.key.headers.clear();
            policy.key.made.clear();
        })),
        ("cache_key.query = { except = [\"utm_*\"] }", with(|policy| policy.key.query = NameSelection::Except(vec!["utm_*".to_owned()]))),
        ("cache_key.cookies = \"all\"", with(|policy| policy.key.cookies = NameSelection::All)),
    ];
    for (said, expected) in rows {
        let (policy, sent) = of_toml("resilient", said);
        assert_eq!(policy, Some(expected), "{said}");
        assert_eq!(sent, AcceptEncoding::Viewer, "{said}");
    }
    assert_eq!(of_toml("resilient", "max_ttl = \"0s\"").0, None);
}

#[test]
fn what_is_compressed_is_asked_for_and_told_apart_in_few_variants() {
    let removed = AcceptEncoding::Removed;
    let viewer = AcceptEncoding::Viewer;
    #[rustfmt::skip]
    let rows = [
        // What is said; what is compressed with, told apart, and sent to the origin.
        ("", Compression::default(), viewer, viewer),
        ("compress = false", Compression::default(), viewer, viewer),
        ("compress = true", BOTH, normalised(BOTH), normalised(BOTH)),
        ("compress = [\"gzip\"]", GZIP, normalised(BOTH), normalised(BOTH)),
        ("compress = true\norigin_request.accept_encoding = [\"gzip\"]", BOTH, normalised(BOTH), normalised(GZIP)),
        ("compress = [\"gzip\"]\norigin_request.accept_encoding = \"none\"", GZIP, normalised(GZIP), removed),
        // What the key does not tell apart is not asked for.
        ("compress = true\ncache_key.accept_encoding = [\"gzip\"]", GZIP, normalised(GZIP), normalised(GZIP)),
        ("compress = true\ncache_key.headers = [\"accept-encoding\"]", BOTH, viewer, viewer),
        // Nothing is left to Vary: the key says all.
        ("cache = \"cloudfront\"\ncache_key = {}", Compression::default(), normalised(BOTH), normalised(BOTH)),
        ("cache = \"cloudfront\"\ncache_key = { headers = [\"accept-encoding\"] }", Compression::default(), viewer, viewer),
    ];
    for (said, compression, told_apart, sent) in rows {
        let (policy, seen) = of_toml("resilient", said);
        let policy = policy.expect("it caches");
        assert_eq!(policy.compression, compression, "{said}");
        assert_eq!(policy.key.accept_encoding, told_apart, "{said}");
        assert_eq!(seen, sent, "{said}");
    }
}

#[test]
fn a_behavior_says_what_its_distribution_says_unless_it_says_something_else() {
    let text = r#"
        origin.a.url = "http://a.example"
        [distribution.d]
        cache = "origin"
        min_ttl = "5s"
        max_ttl = "1h"
        cache_key = { query = "none" }
        stale_if_error = "1m"
        collapse = false
        compress = true
        [[distribution.d.behavior]]
        path = "/own"
        target = "a"
        max_ttl = "2h"
        cache_key = { query = ["page"] }
        compress = false
        collapse = true
        [[distribution.d.behavior]]
        path = "/policy"
        target = "a"
        cache_policy = "CachingOptimized"
        [[distribution.d.behavior]]
        path = "/off"
        target = "a"
        cache = "off"
        [distribution.d.default_behavior]
        target = "a"
    "#;
    let (edge, _) = loaded("x.toml", text, &Overrides::default());
    facts::prints_as_itself(&edge);
    let [own, policy, off, default] = &edge.distributions[0].behaviors[..] else {
        panic!("there are four behaviors");
    };
    let [own, policy, default] = [own, policy, default].map(|behavior| {
        let cache = behavior.cache.as_ref();
        cache.expect("it caches")
    });
    assert_eq!(off.cache, None);
    assert_eq!(own.ttl.min, Duration::from_secs(5));
    assert_eq!(own.ttl.max, Duration::from_hours(2));
    assert_eq!(own.key.query, only(&["page"]));
    assert_eq!(
        (own.collapse, own.compression),
        (true, Compression::default())
    );
    assert_eq!(policy.ttl, seconds(1, 86_400, 31_536_000));
    assert_eq!((policy.collapse, policy.compression), (false, BOTH));
    assert_eq!(default.ttl.max, Duration::from_hours(1));
    assert_eq!(default.key.query, NameSelection::None);
    for cache in [own, policy, default] {
        assert_eq!(cache.stale.if_error, Duration::from_mins(1));
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn limits(table: &str, overrides: &Overrides) -> Result<(CacheLimits, bool), String> {
    let text = format!(
        "origin.a.url = \"http://a.example\"\ndistribution.d.default_behavior.target = \"a\"\n[cache]\n{table}"
    );
    let edge = match load_text(Path::new("x.toml"), &text, overrides) {
        Ok(loaded) => loaded.edge,
        Err(problems) => return Err(problems.to_string()),
    };
    facts::prints_as_itself(&edge);
    let keeps = edge.distributions[0].behaviors[0].cache.is_some();
    Ok((edge.cache, keeps))
}

#[test]
fn sizes_fit_into_each_other() {
    #[rustfmt::skip]
    let rows = [
        ("", Ok((256 * MIB, 32 * MIB, MIB))),
        ("memory = \"2GiB\"", Ok((2048 * MIB, 32 * MIB, MIB))),
        ("memory = 67108864", Ok((64 * MIB, 16 * MIB, MIB))),
        ("memory = \"1MiB\"", Ok((MIB, 256 * KIB, 256 * KIB))),
        ("memory = \"1024KiB\"\nslice = \"64KiB\"", Ok((MIB, 256 * KIB, 64 * KIB))),
        ("object = \"64MiB\"", Ok((256 * MIB, 64 * MIB, MIB))),
        ("object = \"100KiB\"", Ok((256 * MIB, 100 * KIB, 100 * KIB))),
        ("slice = \"16MiB\"", Ok((256 * MIB, 32 * MIB, 16 * MIB))),
        ("memory = \"20GiB\"\nobject = \"4095MiB\"", Ok((20 * 1024 * MIB, 4095 * MIB, MIB))),
        ("memory = 0", Ok((0, 32 * MIB, MIB))),
        ("memory = \"0B\"\nobject = \"4MiB\"", Ok((0, 4 * MIB, MIB))),
        ("memory = -1", Err("cache.memory is -1; write a whole number and a unit")),
        ("memory = \"\"", Err("cache.memory is \"\"; write")),
        ("memory = \"MiB\"", Err("cache.memory is \"MiB\"; write")),
        ("memory = \"1.5GiB\"", Err("cache.memory is \"1.5GiB\"; write")),
        ("memory = \"+5MiB\"", Err("cache.memory is \"+5MiB\"; write")),
        ("memory = \"99999999999GiB\"", Err("cache.memory is \"99999999999GiB\"; write")),
        ("memory = \"512KiB\"", Err("cache.memory is 512KiB; write 1MiB to 16384GiB")),
        ("object = \"65MiB\"", Err("cache.object is 65MiB, more than a quarter of the memory; write 64MiB at most, or 260MiB of memory")),
        ("memory = \"20GiB\"\nobject = \"4GiB\"", Err("cache.object is 4GiB; write 64KiB to 4095MiB")),
        ("object = \"1MiB\"\nslice = \"2MiB\"", Err("cache.object is 1MiB, less than a slice; write 2MiB at least, or a smaller slice")),
        ("object = 1000", Err("cache.object is 1000B; write 64KiB to 4095MiB")),
        ("slice = \"17MiB\"", Err("cache.slice is 17MiB; write 64KiB to 16MiB")),
        ("memory = \"1MiB\"\nslice = \"1MiB\"", Err("cache.slice is 1MiB, more than a quarter of the memory; write 256KiB at most")),
    ];
    for (table, expected) in rows {
        let seen = limits(table, &Overrides::default());
        match (expected, seen) {
            (Ok((memory, object, slice)), Ok((limits, keeps))) => {
                let expected = CacheLimits {
                    memory,
                    object,
                    slice,
                };
                assert_eq!((limits, keeps), (expected, memory > 0), "{table}");
            }
            (Err(words), Err(problems)) => {
                assert!(problems.contains(words), "{table}: {problems}");
            }
            (_, seen) => panic!("{table}: {seen:?}"),
        }
    }
}

#[test]
fn flags_say_whether_and_how_much() {
    let flags = |cache: Option<&str>, memory: Option<&str>| Overrides {
        cache: cache.map(ToOwned::to_owned),
        cache_memory: memory.map(ToOwned::to_owned),
        ..Overrides::default()
    };
    #[rustfmt::skip]
    let rows = [
        ("memory = \"64MiB\"", flags(None, None), Ok(64 * MIB)),
        ("memory = \"64MiB\"", flags(Some("on"), None), Ok(64 * MIB)),
        ("memory = \"64MiB\"", flags(Some("off"), None), Ok(0)),
        ("memory = 0", flags(Some("on"), None), Ok(256 * MIB)),
        ("memory = 0", flags(None, Some("512MiB")), Ok(512 * MIB)),
        ("", flags(None, Some("4194304")), Ok(4 * MIB)),
        ("", flags(None, Some("0")), Ok(0)),
        ("", flags(Some("off"), Some("1GiB")), Ok(0)),
        ("", flags(Some("maybe"), None), Err("command line: --cache is \"maybe\"; write one of \"on\", \"off\"")),
        ("", flags(None, Some("much")), Err("command line: --cache-memory is \"much\"; write a whole number and a unit")),
        ("", flags(None, Some("1KiB")), Err("command line: --cache-memory is 1KiB; write 1MiB to 16384GiB")),
        ("object = \"8MiB\"", flags(None, Some("8MiB")), Err("cache.object is 8MiB, more than a quarter of the memory; write 2MiB at most, or 32MiB of memory")),
    ];
    for (table, overrides, expected) in rows {
        match (expected, limits(table, &overrides)) {
            (Ok(memory), Ok((limits, keeps))) => {
                assert_eq!((limits.memory, keeps), (memory, memory > 0), "{table}");
            }
            (Err(words), Err(problems)) => {
                assert!(problems.contains(words), "{table}: {problems}");
            }
            (_, seen) => panic!("{table} {overrides:?}: {seen:?}"),
        }
    }
}

#[test]
fn what_keeps_little_is_noted() {
    let forwarded = r#""ForwardedValues": {"QueryString": false, "Cookies": {"Forward": "none"}}"#;
    for (fields, expected) in [
        (
            r#""CachePolicyId": "83da9c7e-98b4-4e11-a168-04f0df8e2c65""#.to_owned(),
            "note: DefaultCacheBehavior.CachePolicyId has every cookie in the cache key",
        ),
        (
            format!(r#"{forwarded}, "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0"#),
            "note: DefaultCacheBehavior.MaxTTL is 0: nothing is kept",
        ),
        (
            r#""CachePolicyId": "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "Compress": true"#
                .to_owned(),
            "note: DefaultCacheBehavior.Compress asks for what the cache key does not tell apart",
        ),
    ] {
        let (_, remarks) = loaded("x.json", &json(&fields), &Overrides::default());
        assert!(
            remarks.iter().any(|remark| remark.contains(expected)),
            "{expected} is not in {remarks:#?}"
        );
    }
    // What nearly every distribution has is nothing to speak of.
    let (_, remarks) = loaded(
        "x.json",
        &json(&format!(
            r#""CachePolicyId": "{OPTIMIZED}", "Compress": true"#
        )),
        &Overrides::default(),
    );
    assert!(
        !remarks.iter().any(|remark| remark.contains("cache key")),
        "{remarks:#?}"
    );
}

/// One of each field, or none of it.
fn any_fields() -> impl Strategy<Value = String> {
    let field = |values: &'static [&'static str]| prop::sample::select(values);
    let fields = [
        field(&["", "cache = \"origin\"", "cache = \"cloudfront\""]),
        field(&["", "min_ttl = \"0s\"", "min_ttl = \"9s\""]),
        field(&["", "default_ttl = \"9s\"", "default_ttl = \"heuristic\""]),
        field(&["", "max_ttl = \"9s\"", "max_ttl = \"300000h\""]),
        field(&["", "stale_if_error = \"0s\"", "stale_if_error = \"48h\""]),
        field(&["", "collapse = true", "collapse = false"]),
        field(&[
            "",
            "compress = true",
            "compress = [\"gzip\"]",
            "compress = []",
        ]),
        field(&[
            "cache_key = {}",
            "cache_key = { headers = [\"accept-encoding\"] }",
            "cache_key = { headers = [\"x-a\", \"host\"], cookies = [\"a\"], query = \"none\" }",
            "cache_key = { cookies = { except = [\"a\"] }, accept_encoding = \"none\" }",
            "cache_key = { accept_encoding = [\"br\"], cloudfront_headers = [\"CloudFront-Viewer-Address\"] }",
        ]),
        field(&[
            "",
            "origin_request = {}",
            "origin_request = { accept_encoding = \"none\" }",
            "origin_request = { accept_encoding = [\"gzip\"], cookies = \"none\" }",
        ]),
        field(&["", "cached_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]"]),
    ];
    fields.to_vec().prop_map(|fields| fields.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Printed, read again, and the same; compressed only with what the key tells apart; times in order.
    #[test]
    fn whatever_is_said_of_caching_prints_as_itself(fields in any_fields(), faithful in any::<bool>()) {
        let mode = if faithful { "faithful" } else { "resilient" };
        let allowed = "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]";
        let (policy, _) = of_toml(mode, &format!("{allowed}\n{fields}"));
        let policy = policy.expect("there is a key, so there is a cache");
        let Compression { gzip, brotli } = policy.compression;
        match policy.key.accept_encoding {
            AcceptEncoding::Normalised { gzip: by_gzip, brotli: by_brotli } => {
                prop_assert!((!gzip || by_gzip) && (!brotli || by_brotli));
            }
            AcceptEncoding::Viewer | AcceptEncoding::Removed => {
                let by_header = policy.key.headers.contains(&http::header::ACCEPT_ENCODING);
                prop_assert!(by_header || policy.compression.is_off());
            }
        }
        if let DefaultTtl::Fixed(default) = policy.ttl.default {
            prop_assert!(policy.ttl.min <= default && default <= policy.ttl.max);
        }
        prop_assert!(policy.ttl.min <= policy.ttl.max);
    }

    /// Whatever sizes are taken fit into each other.
    #[test]
    fn sizes_that_are_taken_fit(memory in 0..3_000_u64, object in prop::option::of(0..700_u64), slice in prop::option::of(0..20_u64)) {
        let size = |name: &str, mib: Option<u64>| mib.map_or_else(String::new, |mib| format!("{name} = \"{mib}MiB\"\n"));
        let table = [size("memory", Some(memory)), size("object", object), size("slice", slice)].concat();
        if let Ok((limits, _)) = limits(&table, &Overrides::default()) {
            prop_assert!(limits.slice <= limits.object, "{limits:?}");
            prop_assert!(limits.memory == 0 || limits.object <= limits.memory / 4, "{limits:?}");
            prop_assert!(limits.slice >= 64 * KIB && limits.slice <= 16 * MIB, "{limits:?}");
        }
    }
}
