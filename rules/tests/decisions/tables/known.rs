//! What is known of the origins -> how each member of a target stands for one request, and who is left.

use std::time::Duration;

use tideover_config::{Breaker, OriginId, Target};
use tideover_rules::breaker::State;
use tideover_rules::health::Health;
use tideover_rules::standing::{Known, Standing, servers_left, standings};
use tideover_rules::switch::Order;

use crate::cast::*;

const NOW: Duration = Duration::from_secs(100);

/// Words joined by `+`: what the check found, what is ordered, how the breaker stands. `well` is nothing of that.
fn known<'b>(words: &str, breaker: &'b Breaker) -> Known<'b> {
    let mut known = Known {
        health: Health::Healthy,
        order: Order::Ready,
        breaker: Some((State::Closed, breaker)),
    };
    let stands = |state| Some((state, breaker));
    for word in words.split('+') {
        match word {
            "well" => {}
            "unhealthy" => known.health = Health::Unhealthy,
            "drain" => known.order = Order::Drain,
            "down" => known.order = Order::Down,
            "only" => known.order = Order::Only,
            "open" => known.breaker = stands(State::OPENED),
            "admits" => {
                known.breaker = stands(State::Open {
                    admits_from: Some(NOW),
                });
            }
            "back" => known.breaker = stands(State::Recovering { since: NOW }),
            "unguarded" => known.breaker = None,
            other => panic!("nothing is called {other}"),
        }
    }
    known
}

fn told(standing: Standing) -> String {
    match standing {
        Standing::Alive => "alive".to_owned(),
        Standing::Suspect(why) => format!("{why}?"),
        Standing::Off(why) => format!("{why}!"),
    }
}

/// Two servers before a page.
fn tiers() -> Target {
    let server = |origin| member(origin, kind(&[503]), own_timers());
    group(vec![server(0), server(1), page_member(2)], None)
}

#[test]
fn how_members_stand_and_which_servers_are_left() {
    let breaker = Breaker::default();
    let target = tiers();
    #[rustfmt::skip]
    let rows = [
        ("well well well",                 0, "alive alive alive",                       "0 1"),
        ("unguarded well well",            0, "alive alive alive",                       "0 1"),
        ("unhealthy well well",            0, "unhealthy? alive alive",                  "1"),
        ("open well well",                 0, "breaker? alive alive",                    "1"),
        // That one may try makes it nobody's choice.
        ("admits well well",               0, "breaker? alive alive",                    "1"),
        // One of sixteen goes there at once.
        ("back well well",                 0, "alive alive alive",                       "0 1"),
        ("back well well",                 1, "slow-start? alive alive",                 "0 1"),
        ("drain well well",                0, "drained? alive alive",                    "1"),
        ("down well well",                 0, "down! alive alive",                       "1"),
        ("well only well",                 0, "not-the-only! alive alive",               "1"),
        // An operator's word weighs more than what was found.
        ("down+unhealthy+open well well",  0, "down! alive alive",                       "1"),
        ("drain+unhealthy well well",      0, "drained? alive alive",                    "1"),
        ("drain+open well well",           0, "breaker? alive alive",                    "1"),
        // Who is the only one is as well as it is.
        ("only+unhealthy well well",       0, "unhealthy? not-the-only! alive",          ""),
        ("only only well",                 0, "alive alive alive",                       "0 1"),
        ("drain only down",                0, "not-the-only! alive down!",               "1"),
        // A page is switched as any origin, and is no server.
        ("well well down",                 0, "alive alive down!",                       "0 1"),
        ("well well drain",                0, "alive alive drained?",                    "0 1"),
        ("well well only",                 0, "not-the-only! not-the-only! alive",       ""),
        ("unhealthy open well",            0, "unhealthy? breaker? alive",               ""),
    ];
    let mut failures = Vec::new();
    for (words, nth, expected, left) in rows {
        let all: Vec<Known<'_>> = words.split(' ').map(|word| known(word, &breaker)).collect();
        let of = |id: OriginId| all[usize::from(id.0)];
        let stands: Vec<String> = standings(&target, of, nth, NOW)
            .into_iter()
            .map(told)
            .collect();
        let servers: Vec<String> = servers_left(&target, of)
            .into_iter()
            .map(|id| id.0.to_string())
            .collect();
        let found = (stands.join(" "), servers.join(" "));
        if found != (expected.to_owned(), left.to_owned()) {
            failures.push(format!("{words}: {found:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn what_an_origin_counts_as_for_records_and_whether_a_request_tries_it() {
    let breaker = Breaker::default();
    #[rustfmt::skip]
    let rows = [
        ("well",             Health::Healthy,   false),
        ("unhealthy",        Health::Unhealthy, false),
        ("drain",            Health::Unhealthy, false),
        ("down",             Health::Unhealthy, false),
        ("only",             Health::Healthy,   false),
        // Records go by checks and orders.
        ("open",             Health::Healthy,   false),
        ("admits",           Health::Healthy,   true),
        ("back",             Health::Healthy,   false),
        // Where another one answers, nobody goes and looks at one that would not be asked if it were back.
        ("admits+unhealthy", Health::Unhealthy, false),
        ("admits+drain",     Health::Unhealthy, false),
        ("admits+only",      Health::Healthy,   true),
        ("unguarded",        Health::Healthy,   false),
    ];
    for (words, counts_as, tries) in rows {
        let known = known(words, &breaker);
        assert_eq!(known.counts_as(), counts_as, "{words}");
        let patience = Duration::from_secs(30);
        let until = NOW + patience.max(breaker.probe_interval);
        let then = State::Open {
            admits_from: Some(until),
        };
        let tried = |another_answers| known.tries(another_answers, NOW, patience);
        assert_eq!(tried(true), tries.then_some(then), "{words}");
        let admits = words.starts_with("admits");
        assert_eq!(tried(false), admits.then_some(then), "{words}, the last");
    }
}
