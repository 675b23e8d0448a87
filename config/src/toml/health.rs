//! `health_check` and `breaker` of an origin, and `[failover_record.ID]`.

use ::toml::de::DeValue;

use super::kind::{self, Kind, wrong_kind};
use super::table::{self, Table, Value};
use crate::problem::Problem;
use crate::written::{At, Breaker, BreakerTable, HealthCheck, Place, Record};

pub(super) fn health_check(
    table: &mut Table<'_>,
    problems: &mut Vec<Problem>,
) -> Option<HealthCheck> {
    let mut table = table.table("health_check", problems)?;
    let check = HealthCheck {
        place: table.place.clone(),
        kind: table.string("type", problems),
        port: table.integer("port", problems),
        host: table.string("host", problems),
        path: table.string("path", problems),
        expected_statuses: statuses(&mut table, problems),
        search_string: table.string("search_string", problems),
        enable_sni: table.boolean("enable_sni", problems),
        verify_certificate: table.boolean("verify_certificate", problems),
        interval: table.span("interval", problems),
        failure_threshold: table.integer("failure_threshold", problems),
        recovery_threshold: table.integer("recovery_threshold", problems),
        inverted: table.boolean("inverted", problems),
        disabled: table.boolean("disabled", problems),
    };
    table.finish(problems);
    Some(check)
}

/// `[200, "300-399"]`.
fn statuses(
    table: &mut Table<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(Place, Vec<At<String>>)> {
    const WHAT: Kind = Kind::List("statuses and ranges of them: [200, \"300-399\"]");
    let (place, items) = table.list("expected_statuses", WHAT, problems)?;
    let statuses = items
        .into_iter()
        .filter_map(|(place, item)| status(place, item, problems));
    Some((place, statuses.collect()))
}

fn status(place: Place, item: &Value<'_>, problems: &mut Vec<Problem>) -> Option<At<String>> {
    match item.get_ref() {
        DeValue::Integer(_) => {
            let status = kind::integer(item.get_ref());
            if status.is_none() {
                problems.push(wrong_kind(&place, item, Kind::Integer));
            }
            Some(At {
                value: status?.to_string(),
                place,
            })
        }
        DeValue::String(_) => table::string(place, item, problems),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let what = Kind::Other("a status such as 200, or a range such as \"300-399\"");
            problems.push(wrong_kind(&place, item, what));
            None
        }
    }
}

pub(super) fn breaker(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Breaker> {
    let (place, value) = table.value("breaker")?;
    match value.get_ref() {
        DeValue::Boolean(value) => Some(Breaker::Flag(At {
            value: *value,
            place,
        })),
        DeValue::Table(_) => {
            let mut table = table.table_in(place, value, problems)?;
            let breaker = BreakerTable {
                place: table.place.clone(),
                in_a_row: table.integer("in_a_row", problems),
                statuses: table.integers("statuses", problems).map(|(_, items)| items),
                probe_interval: table.span("probe_interval", problems),
                slow_start: table.span("slow_start", problems),
            };
            table.finish(problems);
            Some(Breaker::Table(Box::new(breaker)))
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::String(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => {
            let what = Kind::Other("true, false, or a table such as { in_a_row = 5 }");
            problems.push(wrong_kind(&place, value, what));
            None
        }
    }
}

pub(super) fn record(id: At<String>, mut table: Table<'_>, problems: &mut Vec<Problem>) -> Record {
    let record = Record {
        id,
        primary: table.string("primary", problems),
        secondary: table.string("secondary", problems),
        fail_over: table.string("fail_over", problems),
        fail_back: table.string("fail_back", problems),
        hold_down: table.span("hold_down", problems),
    };
    table.finish(problems);
    record
}
