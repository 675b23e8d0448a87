//! Failover records: each stands for one of two origins.

use std::time::Duration;

use super::{MOST_OF_A_KIND, beyond_the_most, values};
use crate::origin::{Origin, OriginId, OriginKind};
use crate::problem::Problem;
use crate::record::{FailoverRecord, Moves};
use crate::written::{At, Record, Written};

/// A record that moved stays for so long: an origin that comes and goes moves writes to and fro twice a minute at most, and
/// who really is back waits for less than a restarted application needs to get warm.
const HOLD_DOWN: Duration = Duration::from_secs(30);

/// Every record, in the order they are written, up to the most there may be; `None` for one that cannot stand for anybody.
pub(super) fn records(
    written: &Written,
    origins: &[Origin],
    problems: &mut Vec<Problem>,
) -> Vec<Option<FailoverRecord>> {
    problems.extend(beyond_the_most(
        &written.records,
        "failover record",
        |record| &record.id.place,
    ));
    written
        .records
        .iter()
        .take(MOST_OF_A_KIND)
        .map(|said| record(said, written, origins, problems))
        .collect()
}

fn record(
    said: &Record,
    written: &Written,
    origins: &[Origin],
    problems: &mut Vec<Problem>,
) -> Option<FailoverRecord> {
    const MOVES: [(&str, Moves); 2] = [("auto", Moves::Auto), ("manual", Moves::Manual)];
    const AN_HOUR: Duration = Duration::from_hours(1);
    let mut side = |name: &'static str, side: &Option<At<String>>| {
        if let Some(side) = side {
            return origin(side, written, origins, problems);
        }
        problems.push(values::missing(
            &said.id.place,
            name,
            "write the id of an origin",
        ));
        None
    };
    let primary = side("primary", &said.primary);
    let secondary = side("secondary", &said.secondary);
    if let Some(place) = said.secondary.as_ref().map(|said| &said.place)
        && primary.is_some()
        && primary == secondary
    {
        problems.push(place.error(
            "is the primary too",
            "write another origin, which stands in when the primary is unhealthy",
        ));
    }
    let mut moves = |said: &Option<At<String>>| {
        said.as_ref()
            .and_then(|said| values::word(said, &MOVES, problems))
            .unwrap_or(Moves::Auto)
    };
    Some(FailoverRecord {
        id: said.id.value.as_str().into(),
        fail_over: moves(&said.fail_over),
        fail_back: moves(&said.fail_back),
        hold_down: said
            .hold_down
            .as_ref()
            .and_then(|said| values::span(said, &(Duration::ZERO..=AN_HOUR), problems))
            .unwrap_or(HOLD_DOWN),
        primary: primary?,
        secondary: secondary?,
    })
}

/// The server of this name.
fn origin(
    said: &At<String>,
    written: &Written,
    origins: &[Origin],
    problems: &mut Vec<Problem>,
) -> Option<OriginId> {
    const INSTEAD: &str = "write the id of an origin";
    let name = said.value.as_str();
    if let Some(position) = origins.iter().position(|origin| *origin.id == *name) {
        return match origins[position].kind {
            OriginKind::Server(_) | OriginKind::Folder(_) => {
                u16::try_from(position).ok().map(OriginId)
            }
            OriginKind::Page(_) => {
                problems.push(said.place.error(
                    format!("is {}, which is a page", said.shown()),
                    "write the id of a server; a page is a member of a group, after the record",
                ));
                None
            }
        };
    }
    let is = |what| format!("is {}, which is {what}", said.shown());
    problems.push(
        if written.groups.iter().any(|group| group.id.value == name) {
            said.place.error(is("a group"), INSTEAD)
        } else if written.records.iter().any(|other| other.id.value == name) {
            said.place.error(
                is("a record"),
                format!("{INSTEAD}: records do not stand for records"),
            )
        } else {
            let known = origins.iter().map(|origin| &*origin.id);
            let meant = values::perhaps_or_any(name, known);
            said.place
                .error(format!("is {}", said.shown()), format!("{INSTEAD}{meant}"))
        },
    );
    None
}
