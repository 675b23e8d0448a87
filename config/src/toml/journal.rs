//! The table `[journal]`.

use super::table::Table;
use crate::problem::Problem;
use crate::written::Journal;

pub(super) fn journal(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Journal {
    let journal = Journal {
        place: table.place.clone(),
        file: table.string("file", problems),
        max_bytes: table.integer("max_bytes", problems),
    };
    table.finish(problems);
    journal
}
