//! What an origin counts as after so many probes. Source: Developer Guide of Route 53, "How Amazon Route 53 determines whether a
//! health check is healthy"; API shape `HealthCheckConfig`, `Inverted` and `Disabled`.

use std::time::Duration;

use tideover_config::{CheckKind, Endpoint, HealthCheck};
use tideover_rules::health::Finding;
use tideover_rules::health::Health::{self, Healthy, Unhealthy};

pub(crate) fn check(failure_threshold: u8, recovery_threshold: u8) -> HealthCheck {
    HealthCheck {
        kind: CheckKind::Tcp,
        endpoint: Endpoint {
            host: "origin.test".into(),
            port: 80,
        },
        interval: Duration::from_secs(10),
        failure_threshold,
        recovery_threshold,
        inverted: false,
        disabled: false,
    }
}

/// What was told after each of these probes: `+` passes, `-` fails.
fn told(check: &HealthCheck, probes: &str) -> Vec<Option<Health>> {
    let mut finding = Finding::default();
    probes
        .chars()
        .map(|probe| finding.record(probe == '+', check))
        .collect()
}

#[test]
fn a_threshold_has_to_be_reached_in_a_row_both_ways() {
    const NO: Option<Health> = None;
    const DOWN: Option<Health> = Some(Unhealthy);
    const UP: Option<Health> = Some(Healthy);
    #[rustfmt::skip]
    let rows: [(u8, u8, &str, &[Option<Health>]); 9] = [
        (3, 3, "++++",      &[NO, NO, NO, NO]),
        (3, 3, "--",        &[NO, NO]),
        (3, 3, "---",       &[NO, NO, DOWN]),
        // One that passes in between begins the count anew.
        (3, 3, "--+--",     &[NO, NO, NO, NO, NO]),
        (3, 3, "--+---",    &[NO, NO, NO, NO, NO, DOWN]),
        (1, 1, "-+-",       &[DOWN, UP, DOWN]),
        // Recovery has a threshold of its own.
        (2, 3, "--++-+++",  &[NO, DOWN, NO, NO, NO, NO, NO, UP]),
        (2, 1, "--+",       &[NO, DOWN, UP]),
        (10, 2, "----------++", &[NO, NO, NO, NO, NO, NO, NO, NO, NO, DOWN, NO, UP]),
    ];
    for (failure, recovery, probes, expected) in rows {
        let seen = told(&check(failure, recovery), probes);
        assert_eq!(seen, expected, "{failure}, {recovery}: {probes}");
    }
}

#[test]
fn inverted_the_opposite_is_told_and_nothing_else() {
    let inverted = HealthCheck {
        inverted: true,
        ..check(2, 1)
    };
    assert_eq!(
        told(&inverted, "+--+"),
        [None, None, Some(Healthy), Some(Unhealthy)]
    );
}

#[test]
fn disabled_counts_as_healthy_and_inverted_as_the_opposite() {
    #[rustfmt::skip]
    let rows = [
        // disabled, inverted, found,   counts as
        (false, false, Healthy,   Healthy),
        (false, false, Unhealthy, Unhealthy),
        (false, true,  Healthy,   Unhealthy),
        (false, true,  Unhealthy, Healthy),
        (true,  false, Healthy,   Healthy),
        (true,  false, Unhealthy, Healthy),
        (true,  true,  Healthy,   Unhealthy),
        (true,  true,  Unhealthy, Unhealthy),
    ];
    for (disabled, inverted, found, expected) in rows {
        let mut finding = Finding::default();
        if found == Unhealthy {
            finding.record(false, &check(1, 1));
        }
        let check = HealthCheck {
            disabled,
            inverted,
            ..check(1, 1)
        };
        let counts_as = finding.counts_as(&check);
        assert_eq!(
            counts_as, expected,
            "disabled {disabled}, inverted {inverted}, {found:?}"
        );
    }
}

#[test]
fn a_probe_takes_no_longer_than_route_53_lets_it_or_than_the_interval() {
    let millis = Duration::from_millis;
    let http = |search: Option<&str>| {
        CheckKind::Http(Box::new(tideover_config::HttpCheck {
            secure: false,
            host: http::HeaderValue::from_static("origin.test"),
            path: "/".into(),
            expected: tideover_config::StatusSet::default(),
            search: search.map(Into::into),
            server_name: None,
            judges_certificate: false,
        }))
    };
    let (tcp, plain, searching) = (CheckKind::Tcp, http(None), http(Some("well")));
    #[rustfmt::skip]
    let rows = [
        // kind, interval, connects within, ends within, from start to start
        (&tcp,       30_000, 10_000, 10_000, false),
        (&tcp,        5_000,  5_000,  5_000, true),
        (&plain,     30_000,  4_000,  6_000, false),
        (&plain,     10_000,  4_000,  6_000, false),
        (&plain,      9_999,  4_000,  6_000, true),
        (&plain,      5_000,  4_000,  5_000, true),
        (&plain,      1_000,  1_000,  1_000, true),
        (&searching, 30_000,  4_000,  8_000, false),
        (&searching,    100,    100,    100, true),
    ];
    for (kind, interval, connects, ends, keeps_pace) in rows {
        let check = HealthCheck {
            kind: kind.clone(),
            interval: millis(interval),
            ..check(3, 3)
        };
        assert_eq!(
            (
                check.connect_within(),
                check.whole_within(),
                check.keeps_pace()
            ),
            (millis(connects), millis(ends), keeps_pace),
            "{kind:?} each {interval} ms"
        );
    }
}

#[test]
fn it_is_certain_when_enough_probes_in_a_row_have_said_so() {
    #[rustfmt::skip]
    let rows = [
        (2, 3, "",      false),
        (2, 3, "++",    false),
        (2, 3, "++-++", false),
        (2, 3, "+++",   true),
        (2, 3, "-",     false),
        (2, 3, "--",    true),
        // What was found out is no guess because of one that says otherwise.
        (2, 3, "+++-",  true),
        (2, 3, "--+",   true),
    ];
    for (failure, recovery, probes, expected) in rows {
        let check = check(failure, recovery);
        let mut finding = Finding::default();
        for probe in probes.chars() {
            finding.record(probe == '+', &check);
        }
        let is_certain = finding.is_certain(&check);
        assert_eq!(is_certain, expected, "{failure}, {recovery}: {probes}");
    }
}
