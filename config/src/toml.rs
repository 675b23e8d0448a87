//! `tideover.toml`, walked as a tree with positions into the written model. Field names are CloudFront's, in TOML's
//! spelling; what CloudFront cannot say has plain words of our own.

mod acme;
mod admin;
mod alarm;
mod cache;
mod distribution;
mod forwarding;
mod health;
mod journal;
mod kind;
mod lifecycle;
mod origin;
mod rehearsal;
mod syntax;
mod table;
pub(crate) mod variables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::toml::de::DeTable;

use crate::problem::Problem;
use crate::written::{AccessLog, Certificate, Listen, Notation, Place, Policies, Tls, Written};
use table::{Source, Table};

/// Walks `text`. `None` if it is not TOML; other problems leave out the value that has them.
pub(crate) fn walk(text: &str, file: &Path, problems: &mut Vec<Problem>) -> Option<Written> {
    let source = Source::new(Arc::new(file.to_owned()), text);
    let whole = Place::new(&source.file, 0, "");
    let (document, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        problems.extend(syntax::problems(&source, text, &broken));
        return None;
    }

    let mut top = Table::new(&source, document.get_ref(), whole.clone());
    let mode = top.string("mode", problems);
    let listen = top
        .table("listen", problems)
        .map(|table| listen(table, problems));
    let admin = top
        .table("admin", problems)
        .map(|table| admin::admin(table, problems));
    let tls = top.table("tls", problems).map(|table| tls(table, problems));
    let cache = top
        .table("cache", problems)
        .map(|table| cache::limits(table, problems));
    let access_log = top
        .table("access_log", problems)
        .map(|table| access_log(table, problems));
    let journal = top
        .table("journal", problems)
        .map(|table| journal::journal(table, problems));
    let faults = top
        .table("faults", problems)
        .map(|table| rehearsal::faults(table, problems));
    let alarms = top
        .tables("alarm", problems)
        .into_iter()
        .map(|table| alarm::alarm(table, problems))
        .collect();
    let origins = top
        .named_tables("origin", problems)
        .into_iter()
        .map(|(id, table)| origin::origin(id, table, problems))
        .collect();
    let groups = top
        .named_tables("origin_group", problems)
        .into_iter()
        .map(|(id, table)| origin::group(id, table, problems))
        .collect();
    let records = top
        .named_tables("failover_record", problems)
        .into_iter()
        .map(|(id, table)| health::record(id, table, problems))
        .collect();
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
        admin: admin.unwrap_or_default(),
        tls: tls.unwrap_or_default(),
        cache: cache.unwrap_or_default(),
        access_log: access_log.unwrap_or_default(),
        journal,
        faults: faults.unwrap_or_default(),
        alarms,
        origins,
        groups,
        records,
        distributions,
        policies: Policies::default(),
    })
}

/// Where relative paths in `file` start from.
pub(crate) fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

fn listen(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Listen {
    let listen = Listen {
        http: table.string_or_strings("http", problems),
        https: table.string_or_strings("https", problems),
        h2c: table.boolean("h2c", problems),
        admin: table.string("admin", problems),
        status: table.string("status", problems),
        health_path: table.string("health_path", problems),
        viewer_scheme: table.string("viewer_scheme", problems),
        workers: table.integer("workers", problems),
        max_url_bytes: table.integer("max_url_bytes", problems),
        max_head_bytes: table.integer("max_head_bytes", problems),
        max_body_bytes: table.integer("max_body_bytes", problems),
        head_timeout: table.span("head_timeout", problems),
        idle_timeout: table.span("idle_timeout", problems),
        body_timeout: table.span("body_timeout", problems),
        websocket_idle_timeout: table.span("websocket_idle_timeout", problems),
        max_connections: table.integer("max_connections", problems),
        max_connections_per_address: table.integer("max_connections_per_address", problems),
        max_requests: table.integer("max_requests", problems),
        max_requests_per_connection: table.integer("max_requests_per_connection", problems),
        proxy_protocol_from: table.string_or_strings("proxy_protocol_from", problems),
        lifecycle: lifecycle::lifecycle(&mut table, problems),
    };
    table.finish(problems);
    listen
}

fn tls(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Tls {
    let certificates = table.tables("certificates", problems);
    let tls = Tls {
        place: Some(table.place.clone()),
        certificates: certificates
            .into_iter()
            .filter_map(|table| certificate(table, problems))
            .collect(),
        self_signed: table.boolean("self_signed", problems),
        minimum_protocol_version: table.string("minimum_protocol_version", problems),
        handshake_timeout: table.span("handshake_timeout", problems),
        http2: table.boolean("http2", problems),
        acme: table
            .table("acme", problems)
            .map(|table| acme::acme(table, problems)),
    };
    table.finish(problems);
    tls
}

fn certificate(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Certificate> {
    let certificate = table.string("certificate", problems);
    let key = table.string("key", problems);
    if certificate.is_none() && table.place_of("certificate").is_none() {
        problems.push(table.place.error(
            "names no certificate",
            "write { certificate = \"site.pem\", key = \"site.key\" }",
        ));
    }
    table.finish(problems);
    Some(Certificate {
        certificate: certificate?,
        key,
    })
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
