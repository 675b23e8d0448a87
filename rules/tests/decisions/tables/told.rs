//! What is told: exact strings.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Failure, Origin, Target};
use tideover_rules::cache::verdict::Role;
use tideover_rules::failover::{Attempt, Outcome, Sent};
use tideover_rules::route::Refusal;
use tideover_rules::standing::Why;
use tideover_rules::told::{
    AnsweredBy, ResultType, attempts, detailed_refusal, detailed_result, proxy_status,
    server_timing, x_cache,
};

use crate::cast::{all_hold, group, kind, member, origin, own_timers, page, page_member, server};

/// The VM, the maintenance site, the page.
fn tiers() -> (Target, Vec<Origin>) {
    let criteria = kind(&[503, 404]);
    let target = group(
        vec![
            member(0, criteria, own_timers()),
            member(1, criteria, own_timers()),
            page_member(2),
        ],
        None,
    );
    let origins = vec![
        origin("azure-vm", server("vm")),
        origin("azure-swa", server("swa")),
        page("last-page"),
    ];
    (target, origins)
}

fn answered(member: usize, status: u16, ms: u64) -> Attempt {
    Attempt {
        member,
        outcome: Outcome::Status(StatusCode::from_u16(status).expect("a status")),
        sent: Sent::Something,
        took: Duration::from_millis(ms),
    }
}

fn failed(member: usize, failure: Failure, ms: u64) -> Attempt {
    Attempt {
        member,
        outcome: Outcome::Failed(failure),
        sent: Sent::Nothing,
        took: Duration::from_millis(ms),
    }
}

#[test]
fn x_cache_has_the_exact_spellings() {
    #[rustfmt::skip]
    let cases = [
        ("cloudfront", ResultType::Miss, "Miss from cloudfront"),
        ("cloudfront", ResultType::Error, "Error from cloudfront"),
        ("cloudfront", ResultType::Redirect, "Redirect from cloudfront"),
        ("cloudfront", ResultType::LimitExceeded, "LimitExceeded from cloudfront"),
        ("tideover", ResultType::Miss, "Miss from tideover"),
        ("tideover", ResultType::Error, "Error from tideover"),
        ("tideover", ResultType::Redirect, "Redirect from tideover"),
        ("tideover", ResultType::LimitExceeded, "LimitExceeded from tideover"),
        ("my edge", ResultType::Miss, "Miss from my edge"),
        ("bad\nname", ResultType::Miss, "Miss"),
    ];
    for (name, result, expected) in cases {
        assert_eq!(x_cache(name, result), expected);
    }
}

#[test]
fn attempts_are_a_structured_list() {
    let (target, mut origins) = tiers();
    #[rustfmt::skip]
    let cases: Vec<(Vec<Attempt>, &str)> = vec![
        (vec![], ""),
        (vec![answered(0, 200, 0)], "azure-vm;status=200;ms=0"),
        (vec![answered(0, 404, 12), answered(1, 200, 31)], "azure-vm;status=404;ms=12, azure-swa;status=200;ms=31"),
        (vec![failed(0, Failure::Refused, 1), failed(0, Failure::Refused, 2), answered(2, 503, 0)],
            "azure-vm;error=refused;ms=1, azure-vm;error=refused;ms=2, last-page;status=503;ms=0"),
        (vec![failed(0, Failure::ConnectTimeout, 1000)], "azure-vm;error=connect-timeout;ms=1000"),
        (vec![failed(0, Failure::Dns, u64::MAX)], "azure-vm;error=dns;ms=999999999999999"),
    ];
    let mut failures = Vec::new();
    for (past, expected) in cases {
        let seen = attempts(&target, &origins, &past);
        if seen != expected {
            failures.push(format!("{seen:?}, not {expected}"));
        }
    }
    // Ids that are no tokens.
    #[rustfmt::skip]
    let names = [
        ("a/b:c*", "a/b:c*"), ("*", "*"),
        ("1vm", "\"1vm\""), ("my vm", "\"my vm\""), ("", "\"\""), ("a;b", "\"a;b\""), ("a,b", "\"a,b\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""), ("caf\u{e9}", "\"caf%c3%a9\""), ("a\nb", "\"a%0ab\""),
    ];
    for (id, expected) in names {
        origins[0].id = id.into();
        let seen = attempts(&target, &origins, &[answered(0, 200, 5)]);
        let expected = format!("{expected};status=200;ms=5");
        if seen != expected {
            failures.push(format!("{id:?}: {seen:?}, not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn server_timing_has_the_edge_and_every_attempt() {
    let (target, mut origins) = tiers();
    origins[1].id = "my \"vm\"".into();
    let skipped = Attempt {
        outcome: Outcome::Skipped(Why::Breaker),
        ..failed(0, Failure::Refused, 0)
    };
    let edge = Duration::from_micros(340);
    #[rustfmt::skip]
    let cases: Vec<(Option<&Target>, Vec<Attempt>, &str)> = vec![
        (None, vec![], "edge;dur=0.3"),
        (Some(&target), vec![answered(0, 200, 12)], "edge;dur=0.3, azure-vm;dur=12.0"),
        (Some(&target), vec![failed(0, Failure::Refused, 1), answered(1, 200, 31)],
            "edge;dur=0.3, azure-vm;dur=1.0, origin;desc=\"my \\\"vm\\\"\";dur=31.0"),
        (Some(&target), vec![skipped, answered(2, 503, 0)], "edge;dur=0.3, last-page;dur=0.0"),
    ];
    for (target, past, expected) in cases {
        assert_eq!(server_timing(target, &origins, &past, edge, None), expected);
    }
    let hit = server_timing(Some(&target), &origins, &[], edge, Some(Role::Hit));
    assert_eq!(hit, "edge;dur=0.3, cache;desc=hit");
    let past = [answered(0, 200, 12)];
    let miss = server_timing(Some(&target), &origins, &past, edge, Some(Role::Miss));
    assert_eq!(miss, "edge;dur=0.3, cache;desc=miss, azure-vm;dur=12.0");
}

#[test]
fn proxy_status_says_who_answered() {
    use AnsweredBy::{Attempt, Edge, FailedAttempt, Limit};
    let (target, origins) = tiers();
    let past = [
        answered(0, 404, 5),
        failed(1, Failure::Refused, 1),
        answered(2, 503, 0),
    ];
    let redirect = Refusal::RedirectToHttps(StatusCode::MOVED_PERMANENTLY);
    let circle = Refusal::Loop(StatusCode::LOOP_DETECTED);
    #[rustfmt::skip]
    let cases = [
        (Attempt(0), None, "tideover;next-hop=azure-vm;received-status=404"),
        (FailedAttempt(1), None, "tideover;next-hop=azure-swa;error=connection_refused"),
        (Attempt(2), None, "tideover;error=destination_unavailable;details=\"page last-page\""),
        (Edge, None, "tideover;error=http_request_error"),
        (Edge, Some(&Refusal::UnknownHost), "tideover;error=http_request_denied"),
        (Edge, Some(&Refusal::Disabled), "tideover;error=http_request_denied"),
        (Edge, Some(&Refusal::MethodNotAllowed), "tideover;error=http_request_denied"),
        (Edge, Some(&Refusal::GetWithBody), "tideover;error=http_request_denied"),
        (Edge, Some(&Refusal::HttpsRequired), "tideover;error=http_request_denied"),
        (Edge, Some(&Refusal::UrlTooLong), "tideover;error=http_request_error"),
        (Edge, Some(&Refusal::BodyTooLarge), "tideover;error=http_request_error"),
        (Edge, Some(&Refusal::HeadTooLarge), "tideover;error=http_request_error"),
        (Edge, Some(&Refusal::FieldsTooLarge), "tideover;error=http_request_error"),
        (Edge, Some(&circle), "tideover;error=proxy_loop_detected"),
        (Edge, Some(&redirect), "tideover;error=proxy_internal_response"),
        (Limit, None, "tideover;error=http_request_denied"),
        (Attempt(9), None, "tideover"),
    ];
    let mut failures = Vec::new();
    for (by, refusal, expected) in cases {
        let seen = proxy_status("tideover", Some(&target), &origins, &past, by, refusal);
        if seen != expected {
            failures.push(format!("{by:?} {refusal:?}: {seen:?}, not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn every_failure_has_its_words() {
    let (target, origins) = tiers();
    #[rustfmt::skip]
    let cases = [
        (Failure::Dns, "dns_error", "OriginDnsError"),
        (Failure::Refused, "connection_refused", "OriginConnectError"),
        (Failure::ConnectTimeout, "connection_timeout", "OriginConnectError"),
        (Failure::Tls, "tls_certificate_error", "OriginConnectError"),
        (Failure::Reset, "connection_terminated", "OriginReadError"),
        (Failure::WriteStalled, "connection_write_timeout", "OriginWriteError"),
        (Failure::ResponseTimeout, "http_response_timeout", "OriginCommError"),
        (Failure::CompletionTimeout, "http_response_timeout", "OriginCommError"),
        (Failure::Malformed, "http_protocol_error", "OriginInvalidResponseError"),
        (Failure::HeaderTooBig, "http_response_header_section_size", "OriginHeaderTooBigError"),
    ];
    assert_eq!(cases.map(|(failure, _, _)| failure), Failure::ALL);
    let mut failures = Vec::new();
    for (failure, error, detailed) in cases {
        let past = [failed(0, failure, 1)];
        let by = AnsweredBy::FailedAttempt(0);
        let seen = proxy_status("tideover", Some(&target), &origins, &past, by, None);
        let expected = format!("tideover;next-hop=azure-vm;error={error}");
        if seen != expected || detailed_result(failure) != detailed {
            failures.push(format!("{failure}: {seen:?} {}", detailed_result(failure)));
        }
    }
    all_hold(&failures);
}

#[test]
fn every_refusal_has_its_status_and_log_word() {
    let circle = Refusal::Loop(StatusCode::FORBIDDEN);
    let redirect = Refusal::RedirectToHttps(StatusCode::TEMPORARY_REDIRECT);
    #[rustfmt::skip]
    let cases = [
        (Refusal::UnknownHost, 403, "InvalidRequest"),
        (Refusal::Disabled, 403, "InvalidRequest"),
        (Refusal::UrlTooLong, 413, "InvalidRequest"),
        (Refusal::HeadTooLarge, 413, "InvalidRequest"),
        (Refusal::FieldsTooLarge, 431, "InvalidRequest"),
        (Refusal::BodyTooLarge, 413, "LimitExceeded"),
        (circle, 403, "Error"),
        (Refusal::MethodNotAllowed, 403, "InvalidRequestMethod"),
        (Refusal::GetWithBody, 403, "Error"),
        (Refusal::HttpsRequired, 403, "Error"),
        (redirect, 307, "Redirect"),
    ];
    for (refusal, status, word) in cases {
        assert_eq!(
            (refusal.status().as_u16(), detailed_refusal(&refusal)),
            (status, word),
            "{refusal:?}"
        );
    }
}
