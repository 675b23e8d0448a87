//! Requests for the proof that a name is served here.

use std::time::Duration;

use http::Method;
use tideover_config::{Failure, MethodSet};
use tideover_rules::challenge::{is_challenge, token};
use tideover_rules::failover::{Ask, Attempt, Outcome, Sent, Step, next_step};

use crate::cast;

#[test]
fn which_paths_ask_for_a_proof() {
    for (path, asks, found) in [
        (
            "/.well-known/acme-challenge/abc_DEF-123",
            true,
            Some("abc_DEF-123"),
        ),
        ("/.well-known/acme-challenge/", true, None),
        ("/.well-known/acme-challenge/a/b", true, None),
        ("/.well-known/acme-challenge/..", true, None),
        ("/.well-known/acme-challenge/a%41", true, None),
        ("/.well-known/acme-challenge", false, None),
        ("/.well-known/acme-challenges/abc", false, None),
        ("/.well-known/security.txt", false, None),
        ("/.WELL-KNOWN/acme-challenge/abc", false, None),
        ("/x/.well-known/acme-challenge/abc", false, None),
        ("/", false, None),
        ("*", false, None),
        ("", false, None),
    ] {
        assert_eq!((is_challenge(path), token(path)), (asks, found), "{path}");
    }
}

/// Whatever the group, the method and the failure.
#[test]
fn such_a_request_goes_to_one_origin_once() {
    let (challenge, other) = ("/.well-known/acme-challenge/abc", "/abc");
    let behavior = tideover_config::Behavior {
        falls_through: MethodSet::READS,
        ..cast::behavior("*", 0)
    };
    let members = (0..3).map(|origin| cast::member(origin, cast::kind(&[503]), cast::own_timers()));
    let target = cast::group(members.collect(), None);
    for (path, method, outcome, sent, is_over) in [
        (
            challenge,
            "GET",
            Outcome::Failed(Failure::Refused),
            Sent::Nothing,
            true,
        ),
        (
            challenge,
            "HEAD",
            Outcome::Failed(Failure::Refused),
            Sent::Nothing,
            true,
        ),
        (
            challenge,
            "GET",
            Outcome::Failed(Failure::ResponseTimeout),
            Sent::Something,
            true,
        ),
        (
            challenge,
            "GET",
            Outcome::Status(http::StatusCode::SERVICE_UNAVAILABLE),
            Sent::Something,
            true,
        ),
        (
            other,
            "GET",
            Outcome::Failed(Failure::Refused),
            Sent::Nothing,
            false,
        ),
        (
            other,
            "GET",
            Outcome::Status(http::StatusCode::SERVICE_UNAVAILABLE),
            Sent::Something,
            false,
        ),
    ] {
        let method: Method = method.parse().expect("a method");
        let ask = Ask::of(&behavior, &method, path, false);
        let past = [Attempt {
            member: 0,
            outcome,
            sent,
            took: Duration::ZERO,
        }];
        let step = next_step(&target, ask, &[], &past, Duration::ZERO);
        assert_eq!(
            step == Step::Deliver(0),
            is_over,
            "{method} {path} {outcome:?}: {step:?}"
        );
    }
}
