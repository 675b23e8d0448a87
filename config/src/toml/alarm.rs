//! `[[alarm]]`.

use super::origin;
use super::table::Table;
use crate::problem::Problem;
use crate::written::Alarm;

pub(super) fn alarm(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Alarm {
    let alarm = Alarm {
        place: table.place.clone(),
        webhook: table.string("webhook", problems),
        format: table.string("format", problems),
        headers: origin::headers(&mut table, problems),
        only: table.strings("only", problems),
        ca: table.string("ca", problems),
    };
    table.finish(problems);
    alarm
}
