//! How the cache took part: one word for one thing, wherever it is told. Source: RFC 9211; Developer Guide, "Standard logging
//! reference", x-edge-result-type.

use http::StatusCode;
use tideover_rules::cache::freshness::WhyNot;
use tideover_rules::cache::verdict::{Fetched, Forward, Role, Verdict, WhyStale, cache_status};
use tideover_rules::told::ResultType;

use crate::cast::all_hold;

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

fn fetched(why: Forward, kept: Result<u32, WhyNot>, along: bool) -> Verdict {
    Verdict::Fetched(Fetched { why, kept, along })
}

#[test]
fn each_verdict_has_its_words() {
    use ResultType::{Hit, Miss, RefreshHit};
    // Verdict, Cache-Status, word, why, seconds, why not kept; X-Cache and the log with a status of 200.
    #[rustfmt::skip]
    let rows = vec![
        (Verdict::Hit(30), "t; hit; ttl=30", "hit", None, Some(30), None, Hit, Hit),
        (Verdict::Revalidated(60), "t; fwd=stale; fwd-status=304; stored; ttl=60", "refreshed", Some("stale"), Some(60), None, RefreshHit, RefreshHit),
        (Verdict::Stale(5, WhyStale::Revalidating), "t; hit; ttl=-5; detail=stale-while-revalidate", "stale", Some("stale-while-revalidate"), Some(-5), None, Hit, RefreshHit),
        (Verdict::Stale(5, WhyStale::Status(UNAVAILABLE)), "t; hit; ttl=-5; fwd-status=503; detail=stale-if-error", "stale", Some("stale-if-error"), Some(-5), None, Hit, RefreshHit),
        (Verdict::Stale(5, WhyStale::NoAnswer), "t; hit; ttl=-5; detail=stale-if-error", "stale", Some("stale-if-error"), Some(-5), None, Hit, RefreshHit),
        (Verdict::Stale(5, WhyStale::LeftAlone), "t; hit; ttl=-5; detail=origins-left-alone", "stale", Some("origins-left-alone"), Some(-5), None, Hit, RefreshHit),
        (Verdict::Stale(0, WhyStale::NobodyAnswers), "t; hit; ttl=0; detail=no-origin-answers", "stale", Some("no-origin-answers"), Some(0), None, Hit, RefreshHit),
        (fetched(Forward::Nothing, Ok(60), false), "t; fwd=uri-miss; stored; ttl=60", "miss", Some("uri-miss"), Some(60), None, Miss, Miss),
        (fetched(Forward::OtherVariants, Ok(60), true), "t; fwd=vary-miss; collapsed; stored; ttl=60", "collapsed", Some("vary-miss"), Some(60), None, Hit, Hit),
        (fetched(Forward::Known, Err(WhyNot::Private), false), "t; fwd=bypass; detail=private", "passed", Some("bypass"), None, Some("private"), Miss, Miss),
    ];
    let mut failures = Vec::new();
    for (verdict, status, word, why, ttl, why_not, x_cache, logged) in rows {
        let seen = cache_status("t", verdict);
        if seen != status {
            failures.push(format!("{verdict:?}: {seen:?}, not {status}"));
        }
        let seen = (
            verdict.role().word(),
            verdict.why(),
            verdict.ttl(),
            verdict.why_not_kept(),
            verdict.result(StatusCode::OK),
            verdict.logged(StatusCode::OK),
        );
        let expected = (word, why, ttl, why_not, x_cache, logged);
        if seen != expected {
            failures.push(format!("{verdict:?}: {seen:?}, not {expected:?}"));
        }
        // An error is one, wherever it comes from.
        if verdict.logged(StatusCode::NOT_FOUND) != ResultType::Error {
            failures.push(format!("{verdict:?}: 404 is no error"));
        }
    }
    all_hold(&failures);
}

#[test]
fn roles_are_counted_by_their_place_and_stale_ones_have_a_reason() {
    for (place, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(role as usize, place, "{role:?}");
        assert_eq!(
            role.why_stale().is_some(),
            role.word() == "stale",
            "{role:?}"
        );
        assert!(role.is_from_the_cache() || !role.is_hit(), "{role:?}");
    }
}
