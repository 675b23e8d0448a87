//! When somebody is told that something is amiss, and when that it is over.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tideover_config::{AlarmKind, CheckKind, Endpoint, Failure, HealthCheck};
use tideover_rules::alarm::{
    Alarm, Delivery, NotFound,
    Word::{self, Begins, Eases, Ends, Flaps, Lasts, Worsens},
    contradicts, delivery, found_elsewhere, of_certificate, of_group, pause,
};
use tideover_rules::failover::{Attempt, Outcome, Sent};
use tideover_rules::standing::Why;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One that stands like this at these seconds, and is looked at in between every ten: what was told, and when.
fn told(kind: AlarmKind, levels: &[(u64, u8)], until: u64) -> Vec<(u64, Word)> {
    let mut alarm = Alarm::default();
    let mut told = Vec::new();
    for second in 0..=until {
        let now = seconds(second);
        let changes = levels.iter().filter(|(at, _)| *at == second);
        for (_, level) in changes {
            told.extend(alarm.stands(*level, now).map(|word| (second, word)));
        }
        if second % 10 == 0 {
            told.extend(alarm.look(kind, now).map(|word| (second, word)));
        }
    }
    told
}

#[test]
fn an_alarm_is_told_once_and_when_it_is_over() {
    let hour = 3_600;
    for (what, levels, until, expected) in [
        ("nothing is amiss", &[(5, 0)][..], 100, &[][..]),
        (
            "it is amiss, and over",
            &[(5, 1), (60, 0)],
            2 * hour,
            &[(5, Begins), (60, Ends)],
        ),
        (
            "it is said again that it is amiss",
            &[(5, 1), (6, 1), (7, 1)],
            100,
            &[(5, Begins)],
        ),
        (
            "it gets worse and better",
            &[(5, 1), (6, 2), (7, 1), (8, 0)],
            100,
            &[(5, Begins), (6, Worsens), (7, Eases), (8, Ends)],
        ),
        (
            "it begins badly",
            &[(5, 2), (8, 0)],
            100,
            &[(5, Begins), (8, Ends)],
        ),
        (
            "it lasts: after an hour, two more, four more, …",
            &[(0, 1)],
            16 * hour,
            &[
                (0, Begins),
                (hour, Lasts),
                (3 * hour, Lasts),
                (7 * hour, Lasts),
                (15 * hour, Lasts),
            ],
        ),
        (
            "that it got worse is as good as a repetition",
            &[(0, 1), (1_800, 2)],
            2 * hour,
            &[(0, Begins), (1_800, Worsens), (1_800 + hour, Lasts)],
        ),
    ] {
        assert_eq!(told(AlarmKind::Group, levels, until), expected, "{what}");
    }
}

#[test]
fn what_comes_and_goes_is_told_of_three_times() {
    let hour = 3_600;
    for (what, levels, until, expected) in [
        (
            "the fourth time within ten minutes it flaps, and is told of when it keeps still",
            &[
                (0, 1),
                (10, 0),
                (20, 1),
                (30, 0),
                (40, 1),
                (50, 0),
                (60, 1),
                (70, 0),
                (80, 1),
                (90, 0),
            ][..],
            hour,
            &[
                (0, Begins),
                (10, Ends),
                (20, Begins),
                (30, Ends),
                (40, Begins),
                (50, Ends),
                (60, Flaps),
                (390, Ends),
            ][..],
        ),
        (
            "it flaps, and stays amiss",
            &[(0, 1), (10, 0), (20, 1), (30, 0), (40, 1), (50, 0), (60, 1)],
            hour,
            &[
                (0, Begins),
                (10, Ends),
                (20, Begins),
                (30, Ends),
                (40, Begins),
                (50, Ends),
                (60, Flaps),
                (360, Lasts),
            ],
        ),
        (
            "four times within more than ten minutes are four times",
            &[
                (0, 1),
                (10, 0),
                (200, 1),
                (210, 0),
                (400, 1),
                (410, 0),
                (600, 1),
            ],
            700,
            &[
                (0, Begins),
                (10, Ends),
                (200, Begins),
                (210, Ends),
                (400, Begins),
                (410, Ends),
                (600, Begins),
            ],
        ),
    ] {
        assert_eq!(told(AlarmKind::Group, levels, until), expected, "{what}");
    }
}

#[test]
fn a_certificate_is_spoken_of_on_its_days_alone() {
    let told = told(AlarmKind::Certificate, &[(0, 1), (200_000, 2)], 300_000);
    assert_eq!(told, [(0, Begins), (200_000, Worsens)]);
}

#[test]
fn what_flaps_without_an_end_is_told_of_a_few_times() {
    // Two seconds amiss, two seconds well, for an hour.
    let levels: Vec<(u64, u8)> = (0..3_600)
        .step_by(2)
        .map(|second| (second, u8::from(second % 4 == 0)))
        .collect();
    let told = told(AlarmKind::Breaker, &levels, 3_600);
    assert_eq!(told.len(), 7, "{told:?}");
    assert_eq!(told.last(), Some(&(12, Flaps)));
}

#[test]
fn a_certificate_gets_worse_by_its_days() {
    let day = |days: f64| Duration::from_secs_f64(days * 86_400.0);
    let end = day(20_000.0);
    for (days_left, expected) in [
        (90.0, 0),
        (30.1, 0),
        (30.0, 1),
        (14.1, 1),
        (14.0, 2),
        (7.0, 3),
        (3.0, 4),
        (1.0, 5),
        (0.1, 5),
        (0.0, 6),
        (-5.0, 6),
    ] {
        let now = day(20_000.0 - days_left);
        assert_eq!(of_certificate(end, now), expected, "{days_left} days left");
    }
}

#[test]
fn a_group_is_as_bad_as_few_are_left() {
    for (left, servers, expected) in [
        (0, 0, 0),
        (1, 1, 0),
        (0, 1, 2),
        (2, 2, 0),
        (1, 2, 1),
        (0, 2, 2),
        (2, 5, 0),
        (1, 5, 1),
    ] {
        assert_eq!(of_group(left, servers), expected, "{left} of {servers}");
    }
}

/// An attempt at each member in turn: a status, `0` a failure, `1` left out.
fn attempts(outcomes: &[u16]) -> Vec<Attempt> {
    let outcome = |code: u16| match code {
        0 => Outcome::Failed(Failure::Reset),
        1 => Outcome::Skipped(Why::Breaker),
        code => Outcome::Status(StatusCode::from_u16(code).expect("a status")),
    };
    let attempts = outcomes.iter().enumerate();
    attempts
        .map(|(member, code)| Attempt {
            member,
            outcome: outcome(*code),
            sent: Sent::Something,
            took: Duration::ZERO,
        })
        .collect()
}

#[test]
fn what_one_origin_does_not_have_and_a_later_one_has_is_found_elsewhere() {
    let none: &[usize] = &[];
    for (outcomes, delivered, expected) in [
        (&[404, 200][..], 1, &[0][..]),
        (&[403, 404, 301], 2, &[0, 1]),
        (&[404, 1, 200], 2, &[0]),
        // That it was dead or busy does not say that it has no such page.
        (&[503, 200], 1, none),
        (&[0, 404, 200], 2, &[1]),
        (&[1, 200], 1, none),
        // Nobody had it.
        (&[404, 404], 0, none),
        (&[404, 503], 1, none),
        (&[404, 0], 1, none),
        (&[404, 410], 1, none),
        (&[200], 0, none),
        (&[], 0, none),
    ] {
        let found: Vec<usize> = found_elsewhere(&attempts(outcomes), delivered).collect();
        assert_eq!(found, expected, "{outcomes:?}, of which {delivered}");
    }
}

#[test]
fn pages_that_another_origin_has_are_too_many_from_one_in_ten_on() {
    for (answers, found_elsewhere, was, expected) in [
        (0, 0, 0, 0),
        (0, 0, 1, 0),
        // Too few to say anything.
        (49, 49, 0, 0),
        (49, 49, 1, 1),
        (50, 5, 0, 1),
        (50, 4, 0, 0),
        (1_000, 99, 0, 0),
        (1_000, 100, 0, 1),
        // What was too many is so for longer.
        (1_000, 50, 1, 1),
        (1_000, 49, 1, 0),
    ] {
        let seen = NotFound {
            answers,
            found_elsewhere,
        };
        assert_eq!(seen.level(was), expected, "{seen:?}, before {was}");
    }
}

#[test]
fn a_check_is_given_the_time_to_find_out() {
    let check = |disabled, inverted| HealthCheck {
        kind: CheckKind::Tcp,
        endpoint: Endpoint {
            host: Arc::from("a.example"),
            port: 80,
        },
        interval: seconds(1),
        failure_threshold: 3,
        recovery_threshold: 3,
        inverted,
        disabled,
    };
    for (open_for, disabled, inverted, expected) in [
        (seconds(4), false, false, false),
        // Four intervals, and the time that a probe may take.
        (seconds(5), false, false, true),
        (seconds(500), true, false, false),
        (seconds(500), false, true, false),
    ] {
        let contradicted = contradicts(open_for, &check(disabled, inverted));
        assert_eq!(contradicted, expected, "{open_for:?} {disabled} {inverted}");
    }
}

#[test]
fn a_delivery_is_tried_again_where_that_can_help() {
    for (status, expected) in [
        (None, Delivery::Later),
        (Some(200), Delivery::Taken),
        (Some(204), Delivery::Taken),
        (Some(301), Delivery::Refused),
        (Some(400), Delivery::Refused),
        (Some(404), Delivery::Refused),
        (Some(408), Delivery::Later),
        (Some(410), Delivery::Refused),
        (Some(429), Delivery::Later),
        (Some(500), Delivery::Later),
        (Some(503), Delivery::Later),
    ] {
        assert_eq!(delivery(status), expected, "{status:?}");
    }
}

#[test]
fn five_tries_take_five_minutes() {
    let pauses: Vec<Duration> = (1..).map_while(|tries| pause(tries, None)).collect();
    assert_eq!(pauses.len(), 4);
    assert_eq!(pauses.iter().sum::<Duration>(), seconds(300));
    for (tries, asked, expected) in [
        (1, seconds(1), Some(10)),
        (1, seconds(60), Some(60)),
        (1, seconds(86_400), Some(300)),
        (4, seconds(60), Some(180)),
        (5, seconds(60), None),
        (u32::MAX, seconds(60), None),
    ] {
        let pause = pause(tries, Some(asked));
        assert_eq!(pause, expected.map(seconds), "{tries} {asked:?}");
    }
}
