//! `tideover.toml`, walked as a tree with positions into the written model. Field names are CloudFront's, in TOML's
//! spelling; what CloudFront cannot say has plain words of our own.

mod distribution;
mod forwarding;
mod origin;
mod table;
pub(crate) mod variables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::toml::de::DeTable;

use crate::problem::Problem;
use crate::written::{AccessLog, Listen, Notation, Place, Policies, Written};
use table::{Source, Table};

/// Walks `text`. `None` if it is not TOML at all; other problems leave out the value that has them.
pub(crate) fn walk(text: &str, file: &Path, problems: &mut Vec<Problem>) -> Option<Written> {
    let source = Source::new(Arc::new(file.to_owned()), text);
    let whole = Place::new(&source.file, 0, "");
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            problems.push(syntax(&source, &error));
            return None;
        }
    };

    let mut top = Table::new(&source, document.get_ref(), whole.clone());
    let mode = top.string("mode", problems);
    let listen = top
        .table("listen", problems)
        .map(|table| listen(table, problems));
    let access_log = top
        .table("access_log", problems)
        .map(|table| access_log(table, problems));
    let mut origins: Vec<_> = top
        .named_tables("origin", problems)
        .into_iter()
        .map(|(id, table)| origin::origin(id, table, problems))
        .collect();
    let groups = top
        .named_tables("origin_group", problems)
        .into_iter()
        .map(|(id, table)| origin::group(id, table, problems))
        .collect();
    for (id, table) in top.named_tables("failover_record", problems) {
        problems.push(not_built_yet(&id.place, "choose a target by health"));
        // Whoever names the record is not to blame.
        origins.push(origin::stand_in(id));
        // Everything in it stays unread and unreported.
        drop(table);
    }
    let distributions = top
        .named_tables("distribution", problems)
        .into_iter()
        .map(|(id, table)| distribution::distribution(id, table, problems))
        .collect();
    top.finish(problems);

    Some(Written {
        notation: Notation::Toml,
        place: whole,
        folder: folder(file),
        mode,
        listen: listen.unwrap_or_default(),
        access_log: access_log.unwrap_or_default(),
        origins,
        groups,
        distributions,
        policies: Policies::default(),
    })
}

/// Where relative paths in `file` start from.
pub(crate) fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

fn syntax(source: &Source, error: &::toml::de::Error) -> Problem {
    let line = error.span().map_or(0, |span| source.line(span.start));
    let said = error.message().replace('\n', ", ");
    Place::new(&source.file, line, "this").error(format!("is not TOML: {said}"), "")
}

/// The problem of a field whose meaning is settled, but that nothing obeys yet.
fn not_built_yet(place: &Place, what: &str) -> Problem {
    place.error(
        format!("is not built yet: this version cannot {what}"),
        "leave it out",
    )
}

fn listen(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Listen {
    let listen = Listen {
        http: table.string_or_strings("http", problems),
        admin: table.string("admin", problems),
        status: table.string("status", problems),
        health_path: table.string("health_path", problems),
        viewer_scheme: table.string("viewer_scheme", problems),
        workers: table.integer("workers", problems),
        max_url_bytes: table.integer("max_url_bytes", problems),
        max_head_bytes: table.integer("max_head_bytes", problems),
        head_timeout: table.span("head_timeout", problems),
        body_timeout: table.span("body_timeout", problems),
    };
    table.finish(problems);
    listen
}

fn access_log(mut table: Table<'_>, problems: &mut Vec<Problem>) -> AccessLog {
    let access_log = AccessLog {
        to: table.string("to", problems),
        format: table.string("format", problems),
        cookies: table.boolean("cookies", problems),
    };
    table.finish(problems);
    access_log
}
