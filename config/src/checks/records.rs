//! Failover records: who moves them, and by what.

use crate::behavior::MethodSet;
use crate::edge::Edge;
use crate::origin::{OriginId, OriginKind, Server};
use crate::problem::Problem;
use crate::record::{FailoverRecord, Moves, RecordId};
use crate::written::{self, Written};

/// The records beside what was written of them.
pub(super) fn each<'e>(
    edge: &'e Edge,
    written: &'e Written,
) -> impl Iterator<Item = (&'e FailoverRecord, &'e written::Record)> {
    edge.records.iter().filter_map(|record| {
        let mut records = written.records.iter();
        let said = records.find(|said| *said.id.value == *record.id)?;
        Some((record, said))
    })
}

/// Two databases that took writes each for itself do not become one again by themselves: who moves writes is chosen, not
/// had by default.
pub(super) fn moves_of_writes_that_nobody_chose(
    edge: &Edge,
    record: &FailoverRecord,
    said: &written::Record,
    problems: &mut Vec<Problem>,
) {
    if !takes_writes(edge, record) {
        return;
    }
    let (primary, secondary) = (
        &edge.origin(record.primary).id,
        &edge.origin(record.secondary).id,
    );
    if said.fail_over.is_none() {
        problems.push(said.id.place.inner("fail_over").error(
            "is missing, and this record takes writes",
            format!(
                "write \"auto\": {secondary:?} takes them when the check of {primary:?} fails, also where only this edge cannot reach it, and both may hold writes then that the other lacks; or \"manual\": they fail until somebody switches"
            ),
        ));
    }
    if said.fail_back.is_none() {
        problems.push(said.id.place.inner("fail_back").error(
            "is missing, and this record takes writes",
            format!(
                "write \"manual\": they stay at {secondary:?} until somebody has brought what it took to {primary:?}, and switches; or \"auto\": they return when {primary:?} is healthy again, which lacks them unless the two are kept alike"
            ),
        ));
    }
}

/// What a secondary took while the primary was away is known by nobody unless it was noted.
pub(super) fn writes_that_nobody_notes(
    edge: &Edge,
    record: &FailoverRecord,
    said: &written::Record,
    problems: &mut Vec<Problem>,
) {
    if edge.journal.is_some() || record.fail_over != Moves::Auto || !takes_writes(edge, record) {
        return;
    }
    let secondary = &edge.origin(record.secondary).id;
    let place = said
        .fail_over
        .as_ref()
        .map_or(&said.id.place, |said| &said.place);
    problems.push(place.warning(
        format!("moves writes to {secondary:?} by itself, and nothing notes which ones it takes"),
        "write [journal] file = \"tideover.journal.jsonl\", which lists them for who has to bring them back",
    ));
}

/// Whether a behavior sends writes there: a group sends them to its first member.
fn takes_writes(edge: &Edge, record: &FailoverRecord) -> bool {
    let behaviors = edge
        .distributions
        .iter()
        .flat_map(|distribution| distribution.behaviors.iter());
    behaviors
        .filter(|behavior| !behavior.allowed_methods.and(MethodSet::WRITES).is_empty())
        .filter_map(|behavior| edge.targets.get(usize::from(behavior.target.0)))
        .filter_map(|target| target.members.first()?.record.as_ref())
        .any(|first| is(edge, first.id, record))
}

fn is(edge: &Edge, id: RecordId, record: &FailoverRecord) -> bool {
    edge.records
        .get(usize::from(id.0))
        .is_some_and(|other| other.id == record.id)
}

/// Source: Developer Guide of Route 53, "Values specific for failover records", health check: it refuses a primary that is
/// not an alias and has none.
pub(super) fn primaries_that_nobody_checks(
    edge: &Edge,
    record: &FailoverRecord,
    said: &written::Record,
    problems: &mut Vec<Problem>,
) {
    let Some((place, server)) = said
        .primary
        .as_ref()
        .map(|said| &said.place)
        .zip(server(edge, record.primary))
    else {
        return;
    };
    let primary = &edge.origin(record.primary).id;
    match &server.health_check {
        None if record.fail_over == Moves::Auto => problems.push(place.error(
            format!(
                "is {primary:?}, which has no health_check: it always counts as healthy, and the record never leaves it by itself"
            ),
            format!(
                "write health_check = {{ path = \"/\" }} in [origin.{primary}], or fail_over = \"manual\""
            ),
        )),
        Some(check) if check.disabled && !check.inverted => problems.push(place.warning(
            format!(
                "is {primary:?}, whose health_check is disabled: a disabled check counts as healthy, so the record stays there, or returns there"
            ),
            "write inverted = true beside disabled = true to move the record away, or leave disabled out",
        )),
        None | Some(_) => {}
    }
}

/// A standby that has died is found out by whoever needs it.
pub(super) fn standbys_that_nobody_checks(
    edge: &Edge,
    record: &FailoverRecord,
    said: &written::Record,
    problems: &mut Vec<Problem>,
) {
    let Some(place) = said.secondary.as_ref().map(|said| &said.place) else {
        return;
    };
    let is_checked =
        server(edge, record.secondary).is_none_or(|server| server.health_check.is_some());
    if !is_checked && record.primary != record.secondary {
        let secondary = &edge.origin(record.secondary).id;
        problems.push(place.warning(
            format!(
                "is {secondary:?}, which has no health_check: it always counts as healthy, and nobody knows if it has died before it is needed"
            ),
            format!("write health_check = {{ path = \"/\" }} in [origin.{secondary}]"),
        ));
    }
}

fn server(edge: &Edge, origin: OriginId) -> Option<&Server> {
    match &edge.origin(origin).kind {
        OriginKind::Server(server) => Some(server),
        OriginKind::Page(_) | OriginKind::Folder(_) => None,
    }
}
