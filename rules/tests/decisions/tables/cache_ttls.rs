//! Minimum, default and maximum TTL against what the origin says, as CloudFront does it.
//! Source: Developer Guide, "Manage how long content stays in the cache (expiration)" and "How CloudFront processes HTTP 4xx and
//! 5xx status codes from your origin".

use std::time::Duration;

use http::{HeaderName, Method};
use tideover_config::{CachePolicy, DefaultTtl, MethodSet, Ttls};
use tideover_rules::cache::freshness::{Asked, Keep, Lifetime, Reuse, WhyNot, reuse, withheld};

use super::cache_freshness::{GET, fields, kept};

const A_DAY: u32 = 86_400;
const A_YEAR: u32 = 31_536_000;

/// A policy with these TTLs, in seconds.
pub(crate) fn policy(min: u32, default: u32, max: u32) -> CachePolicy {
    let span = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let ttl = Ttls {
        min: span(min),
        default: DefaultTtl::Fixed(span(default)),
        max: span(max),
    };
    let key = CachePolicy::by_the_origins_word().key;
    CachePolicy::as_cloudfront_does(MethodSet::READS, key, ttl, false)
}

/// What is expected of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ttl {
    /// It is used without asking for so many seconds.
    Of(u32),
    /// It is kept, and asked for each time.
    Asks,
    Not(WhyNot),
}

use Ttl::{Asks, Not, Of};

fn ttl(keep: Keep) -> Ttl {
    match keep {
        Keep::Not(why) => Not(why),
        Keep::For(lifetime) => match reuse(&lifetime, Duration::ZERO) {
            Reuse::Fresh(left) => Of(left),
            Reuse::Ask(_) | Reuse::WhileRevalidating(_) | Reuse::Gone => Asks,
        },
    }
}

#[test]
fn the_ttls_bound_what_the_origin_says() {
    let no_minimum = policy(0, A_DAY, A_YEAR);
    let short_default = policy(0, 60, 600);
    let bounded = policy(100, 200, 600);
    let long_minimum = policy(300, 200, 600);
    for (policy, lines, expected) in [
        // Neither Cache-Control nor Expires: the default; with a minimum, the larger of the two.
        (&no_minimum, "", Of(A_DAY)),
        (&short_default, "", Of(60)),
        (&bounded, "", Of(200)),
        (&long_minimum, "", Of(300)),
        (&no_minimum, "set-cookie: a=b", Of(A_DAY)),
        (&no_minimum, "last-modified: {-100}", Of(A_DAY)),
        // max-age without s-maxage.
        (&short_default, "cache-control: max-age=50", Of(50)),
        (&short_default, "cache-control: max-age=5000", Of(600)),
        (&short_default, "cache-control: max-age=0", Asks),
        (&bounded, "cache-control: max-age=50", Of(100)),
        (&bounded, "cache-control: max-age=0", Of(100)),
        (&bounded, "cache-control: max-age=500", Of(500)),
        (&bounded, "cache-control: max-age=5000", Of(600)),
        // s-maxage, with and without max-age.
        (&short_default, "cache-control: s-maxage=50", Of(50)),
        (
            &short_default,
            "cache-control: s-maxage=50, max-age=5",
            Of(50),
        ),
        (
            &short_default,
            "cache-control: s-maxage=5000, max-age=5",
            Of(600),
        ),
        (&bounded, "cache-control: s-maxage=50, max-age=500", Of(100)),
        (&bounded, "cache-control: s-maxage=500, max-age=5", Of(500)),
        (&bounded, "cache-control: s-maxage=5000", Of(600)),
        // Expires alone: from now, whatever Date says.
        (&short_default, "expires: {50}", Of(50)),
        (&short_default, "expires: {50}\ndate: {-100}", Of(50)),
        (&short_default, "expires: {5000}", Of(600)),
        (&short_default, "expires: {-5}", Asks),
        (&short_default, "expires: 0", Asks),
        (&bounded, "expires: {50}", Of(100)),
        (&bounded, "expires: {500}", Of(500)),
        (&bounded, "expires: {5000}", Of(600)),
        (&bounded, "expires: {-5}", Of(100)),
        // Both: max-age wins.
        (
            &short_default,
            "cache-control: max-age=50\nexpires: {5}",
            Of(50),
        ),
        (
            &short_default,
            "cache-control: max-age=5\nexpires: {50}",
            Of(5),
        ),
        (
            &bounded,
            "cache-control: max-age=150\nexpires: {500}",
            Of(150),
        ),
    ] {
        let keep = kept(policy, GET, 200, &fields(lines), None);
        assert_eq!(ttl(keep), expected, "{:?}: {lines}", policy.ttl);
    }
}

#[test]
fn a_refusal_is_nothing_against_a_minimum() {
    let short_default = policy(0, 60, 600);
    let bounded = policy(100, 200, 600);
    for (policy, lines, expected) in [
        // A refusal is heeded without a minimum, and is nothing against one.
        (
            &short_default,
            "cache-control: no-store",
            Not(WhyNot::NoStore),
        ),
        (
            &short_default,
            "cache-control: no-store, max-age=50",
            Not(WhyNot::NoStore),
        ),
        (
            &short_default,
            "cache-control: private",
            Not(WhyNot::Private),
        ),
        (
            &short_default,
            "cache-control: private, max-age=50",
            Not(WhyNot::Private),
        ),
        (&short_default, "cache-control: no-cache", Asks),
        (&short_default, "cache-control: no-cache, max-age=50", Asks),
        (&bounded, "cache-control: no-store", Of(100)),
        (&bounded, "cache-control: no-store, max-age=500", Of(100)),
        (&bounded, "cache-control: private, max-age=500", Of(100)),
        (&bounded, "cache-control: no-cache", Of(100)),
        (&bounded, "cache-control: no-cache, max-age=500", Of(100)),
        // Cache-Control without any age is as none.
        (&short_default, "cache-control: public", Of(60)),
        (&bounded, "cache-control: public", Of(200)),
        (&short_default, "cache-control: must-revalidate", Of(60)),
        (
            &short_default,
            "cache-control: public\nexpires: {50}",
            Of(50),
        ),
        // What CloudFront does not look at.
        (
            &short_default,
            "cache-control: max-age=50\nage: 40\ndate: {-40}",
            Of(50),
        ),
        (
            &short_default,
            "cdn-cache-control: max-age=5\ncache-control: max-age=50",
            Of(50),
        ),
        (&short_default, "vary: accept", Of(60)),
        // A `*` asks each time, and counts for nothing beside a minimum.
        (&short_default, "vary: *", Not(WhyNot::VariesUnknowably)),
        (&bounded, "vary: *", Of(200)),
    ] {
        let keep = kept(policy, GET, 200, &fields(lines), None);
        assert_eq!(ttl(keep), expected, "{:?}: {lines}", policy.ttl);
    }
}

#[test]
fn a_default_by_heuristics_is_for_the_statuses_that_have_any() {
    let mut policy = policy(0, 60, 600);
    policy.ttl.default = DefaultTtl::Heuristic;
    for (status, lines, expected) in [
        (200, "last-modified: {-100}", Of(10)),
        (200, "last-modified: {-100000}", Of(600)),
        (200, "", Not(WhyNot::NoTime)),
        (302, "last-modified: {-100}", Not(WhyNot::NoTime)),
        (
            302,
            "last-modified: {-100}\ncache-control: max-age=50",
            Of(50),
        ),
        (404, "last-modified: {-1000}", Of(10)),
    ] {
        let keep = kept(&policy, GET, status, &fields(lines), None);
        assert_eq!(ttl(keep), expected, "{status} {lines}");
    }
}

#[test]
fn with_all_ttls_0_nothing_is_kept() {
    for status in [200, 301, 404, 503] {
        for lines in ["", "cache-control: max-age=60", "etag: \"a\""] {
            let keep = kept(&policy(0, 0, 0), GET, status, &fields(lines), None);
            assert_eq!(keep, Keep::Not(WhyNot::TooOld), "{status} {lines}");
        }
    }
}

#[test]
fn what_the_viewer_says_is_not_looked_at() {
    let asked = Asked {
        authorization: true,
        no_store: true,
        ..GET
    };
    let keep = kept(&policy(0, 60, 600), asked, 200, &fields(""), None);
    assert_eq!(ttl(keep), Of(60));
    let method = &Method::OPTIONS;
    let keep = kept(
        &policy(0, 60, 600),
        Asked { method, ..GET },
        200,
        &fields(""),
        None,
    );
    assert_eq!(ttl(keep), Not(WhyNot::Method));
}

#[test]
fn each_status_has_its_rule() {
    let said = "cache-control: max-age=50";
    let expires = "expires: {50}";
    for (status, silent, with_max_age, with_expires) in [
        (200, Of(60), Of(50), Of(50)),
        (203, Of(60), Of(50), Of(50)),
        (204, Of(60), Of(50), Of(50)),
        (301, Of(60), Of(50), Of(50)),
        (302, Of(60), Of(50), Of(50)),
        (303, Of(60), Of(50), Of(50)),
        (307, Not(WhyNot::NoTime), Of(50), Of(50)),
        (308, Not(WhyNot::NoTime), Of(50), Of(50)),
        (404, Of(10), Of(50), Of(50)),
        (414, Of(10), Of(50), Of(50)),
        (500, Of(10), Of(50), Of(50)),
        (501, Of(10), Of(50), Of(50)),
        (502, Of(10), Of(50), Of(50)),
        (503, Of(10), Of(50), Of(50)),
        (504, Of(10), Of(50), Of(50)),
        (400, Not(WhyNot::Status), Of(50), Not(WhyNot::Status)),
        (403, Not(WhyNot::Status), Of(50), Not(WhyNot::Status)),
        (405, Not(WhyNot::Status), Of(50), Not(WhyNot::Status)),
        (412, Not(WhyNot::Status), Of(50), Not(WhyNot::Status)),
        (415, Not(WhyNot::Status), Of(50), Not(WhyNot::Status)),
        (
            401,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            409,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            410,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            416,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            429,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            505,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            206,
            Not(WhyNot::NotWhole),
            Not(WhyNot::NotWhole),
            Not(WhyNot::NotWhole),
        ),
        (
            304,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
        (
            201,
            Not(WhyNot::Status),
            Not(WhyNot::Status),
            Not(WhyNot::Status),
        ),
    ] {
        for (lines, expected) in [("", silent), (said, with_max_age), (expires, with_expires)] {
            let keep = kept(&policy(0, 60, 600), GET, status, &fields(lines), None);
            assert_eq!(ttl(keep), expected, "{status} {lines}");
        }
    }
}

#[test]
fn an_error_is_kept_for_its_own_minimum() {
    for (status, lines, error_ttl, expected) in [
        (404, "", None, Of(10)),
        (404, "", Some(300), Of(300)),
        (404, "", Some(3_000), Of(600)),
        (404, "", Some(0), Not(WhyNot::NoTime)),
        (404, "cache-control: max-age=50", Some(0), Of(50)),
        (404, "cache-control: max-age=50", Some(20), Of(50)),
        (404, "cache-control: max-age=5", Some(20), Of(20)),
        (404, "cache-control: max-age=5000", Some(20), Of(600)),
        (404, "expires: {50}", Some(20), Of(50)),
        (404, "cache-control: no-store", Some(20), Of(20)),
        (
            404,
            "cache-control: no-store",
            Some(0),
            Not(WhyNot::NoStore),
        ),
        (404, "cache-control: private, max-age=50", Some(20), Of(20)),
        (503, "cache-control: no-cache, max-age=50", Some(20), Of(20)),
        (403, "cache-control: max-age=5", Some(20), Of(20)),
        (403, "", Some(20), Not(WhyNot::Status)),
    ] {
        let error_ttl = error_ttl.map(Duration::from_secs);
        let keep = kept(&policy(0, 60, 600), GET, status, &fields(lines), error_ttl);
        assert_eq!(ttl(keep), expected, "{status} {lines} {error_ttl:?}");
        if let Keep::For(lifetime) = keep {
            assert_eq!(lifetime.if_error, 0, "an error stands in for nothing");
            assert_eq!(lifetime.kept, lifetime.fresh, "nor is it asked by");
        }
    }
    // MinTTL is about what went well.
    let keep = kept(&policy(100, 100, 600), GET, 404, &fields(""), None);
    assert_eq!(ttl(keep), Of(10));
}

#[test]
fn a_stale_answer_serves_until_the_maximum_has_passed() {
    for (lines, while_revalidate, if_error) in [
        ("cache-control: max-age=50", 0, 550),
        ("cache-control: max-age=5000", 0, 0),
        ("cache-control: s-maxage=50", 0, 550),
        ("cache-control: max-age=50, stale-if-error=70", 0, 70),
        ("cache-control: max-age=50, stale-if-error=7000", 0, 550),
        ("cache-control: max-age=50, stale-if-error=0", 0, 0),
        (
            "cache-control: max-age=50, stale-while-revalidate=70",
            70,
            550,
        ),
        (
            "cache-control: max-age=50, stale-while-revalidate=7000",
            550,
            550,
        ),
        ("cache-control: max-age=50, must-revalidate", 0, 0),
        ("cache-control: no-cache", 0, 600),
        ("cache-control: max-age=0", 0, 600),
    ] {
        match kept(&policy(0, 60, 600), GET, 200, &fields(lines), None) {
            Keep::For(lifetime) => {
                let found = (lifetime.while_revalidate, lifetime.if_error);
                assert_eq!(found, (while_revalidate, if_error), "{lines}");
                assert!(lifetime.kept <= 600, "{lines}");
            }
            Keep::Not(why) => panic!("{lines}: {why:?}"),
        }
    }
    // What only a minimum keeps is given to nobody beyond it.
    let keep = kept(
        &policy(100, 200, 600),
        GET,
        200,
        &fields("cache-control: private"),
        None,
    );
    let expected = Lifetime {
        fresh: 100,
        kept: 100,
        ..Lifetime::default()
    };
    assert_eq!(keep, Keep::For(expected));
}

#[test]
fn a_field_that_is_withheld_by_name_is_not_kept() {
    let policy = policy(0, 60, 600);
    for (value, expected, names) in [
        ("no-cache=\"Set-Cookie\"", Of(60), vec!["set-cookie"]),
        (
            "max-age=50, no-cache=\"set-cookie, X-One\"",
            Of(50),
            vec!["set-cookie", "x-one"],
        ),
        ("private=\"set-cookie\"", Of(60), vec!["set-cookie"]),
        ("private=\"a\", no-cache=\"b\"", Of(60), vec!["a", "b"]),
        // What names nothing is about all of it.
        ("no-cache=\"\"", Asks, vec![]),
        ("no-cache=set-cookie", Asks, vec![]),
        ("private=\"set cookie\"", Not(WhyNot::Private), vec![]),
        ("max-age=50", Of(50), vec![]),
    ] {
        let fields = fields(&format!("cache-control: {value}\nset-cookie: a=b"));
        let keep = kept(&policy, GET, 200, &fields, None);
        assert_eq!(ttl(keep), expected, "{value}");
        let found = withheld(&policy, &fields);
        let found: Vec<_> = found.iter().map(HeaderName::as_str).collect();
        assert_eq!(found, names, "{value}");
        let by_the_rfc = CachePolicy::by_the_origins_word();
        assert_eq!(withheld(&by_the_rfc, &fields), Vec::<HeaderName>::new());
    }
}
