//! `[tls.acme]`.

use super::table::Table;
use crate::problem::Problem;
use crate::written::Acme;

pub(super) fn acme(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Acme {
    let acme = Acme {
        place: table.place.clone(),
        directory: table.string("directory", problems),
        contact: table.string_or_strings("contact", problems),
        domains: table.strings("domains", problems),
        folder: table.string("folder", problems),
        agree_to_terms: table.boolean("agree_to_terms", problems),
        ca: table.string("ca", problems),
    };
    table.finish(problems);
    acme
}
