//! Whom a record stands for. Source: Developer Guide of Route 53, "How Amazon Route 53 chooses records when health checking is
//! configured" and "Failover routing".

use std::time::Duration;

use tideover_config::{FailoverRecord, Moves, OriginId, Side};
use tideover_rules::health::Health::{self, Healthy, Unhealthy};
use tideover_rules::record::{Cause, Decision, Position, Sight, decide};

const AUTO: Moves = Moves::Auto;
const MANUAL: Moves = Moves::Manual;
const BY_HEALTH: Decision = Decision::Moves(Cause::Health);
const ORDERED: Decision = Decision::Moves(Cause::Ordered);
const STAYS: Decision = Decision::Stays;
const WAITS: Decision = Decision::WaitsForOrder;

fn record(fail_over: Moves, fail_back: Moves) -> FailoverRecord {
    FailoverRecord {
        id: "app".into(),
        primary: OriginId(0),
        secondary: OriginId(1),
        fail_over,
        fail_back,
        hold_down: Duration::from_secs(30),
    }
}

fn decided(
    record: &FailoverRecord,
    side: Side,
    health: (Health, Health),
    ordered: Option<Side>,
) -> Decision {
    let position = Position { side, moved: None };
    let sight = Sight {
        primary: health.0,
        primary_is_certain: true,
        secondary: health.1,
        ordered,
        now: Duration::from_secs(1_000),
    };
    decide(record, position, sight)
}

#[test]
fn by_health_and_by_order() {
    const PRIMARY: Side = Side::Primary;
    const SECONDARY: Side = Side::Secondary;
    #[rustfmt::skip]
    let rows = [
        // side, health of both       fail over, back   nothing ordered
        (PRIMARY,   Healthy, Healthy,     AUTO,   AUTO,   STAYS),
        (PRIMARY,   Healthy, Unhealthy,   AUTO,   AUTO,   STAYS),
        (PRIMARY,   Unhealthy, Healthy,   AUTO,   AUTO,   BY_HEALTH),
        (PRIMARY,   Unhealthy, Healthy,   AUTO,   MANUAL, BY_HEALTH),
        (PRIMARY,   Unhealthy, Healthy,   MANUAL, AUTO,   WAITS),
        // Neither is well: the primary, as Route 53 answers.
        (PRIMARY,   Unhealthy, Unhealthy, AUTO,   AUTO,   STAYS),
        (SECONDARY, Unhealthy, Unhealthy, AUTO,   AUTO,   BY_HEALTH),
        (SECONDARY, Unhealthy, Unhealthy, AUTO,   MANUAL, WAITS),
        (SECONDARY, Unhealthy, Healthy,   AUTO,   AUTO,   STAYS),
        (SECONDARY, Healthy, Healthy,     AUTO,   AUTO,   BY_HEALTH),
        (SECONDARY, Healthy, Healthy,     AUTO,   MANUAL, WAITS),
        (SECONDARY, Healthy, Unhealthy,   MANUAL, AUTO,   BY_HEALTH),
    ];
    for (side, primary, secondary, fail_over, fail_back, expected) in rows {
        let record = record(fail_over, fail_back);
        let case = format!("{side:?} {primary:?} {secondary:?} {fail_over:?} {fail_back:?}");
        let health = (primary, secondary);
        assert_eq!(decided(&record, side, health, None), expected, "{case}");
        // An order holds whatever else is the case.
        for ordered in [PRIMARY, SECONDARY] {
            let expected = if ordered == side { STAYS } else { ORDERED };
            let decision = decided(&record, side, health, Some(ordered));
            assert_eq!(decision, expected, "{case}, ordered to {ordered:?}");
        }
    }
}

#[test]
fn after_a_move_by_health_it_is_held_down() {
    let record = record(AUTO, AUTO);
    let moved = Some(Duration::from_secs(100));
    let until = Duration::from_secs(130);
    for (now, expected) in [
        (100, Decision::HeldDown(until)),
        (129, Decision::HeldDown(until)),
        (130, BY_HEALTH),
        (500, BY_HEALTH),
    ] {
        let position = Position {
            side: Side::Secondary,
            moved,
        };
        let sight = Sight {
            primary: Healthy,
            primary_is_certain: true,
            secondary: Healthy,
            ordered: None,
            now: Duration::from_secs(now),
        };
        assert_eq!(decide(&record, position, sight), expected, "at {now}");
        // An operator does not wait.
        let sight = Sight {
            ordered: Some(Side::Primary),
            ..sight
        };
        assert_eq!(decide(&record, position, sight), ORDERED, "at {now}");
    }
}

#[test]
fn it_does_not_go_back_on_a_guess() {
    for (side, primary, ordered, expected) in [
        (Side::Secondary, Healthy, None, STAYS),
        (Side::Secondary, Unhealthy, None, BY_HEALTH),
        (Side::Secondary, Healthy, Some(Side::Primary), ORDERED),
        (Side::Primary, Healthy, None, STAYS),
    ] {
        let position = Position { side, moved: None };
        let sight = Sight {
            primary,
            primary_is_certain: false,
            secondary: Unhealthy,
            ordered,
            now: Duration::from_secs(1_000),
        };
        let decision = decide(&record(AUTO, AUTO), position, sight);
        assert_eq!(decision, expected, "{side:?} {primary:?} {ordered:?}");
    }
}
