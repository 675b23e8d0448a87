//! `[origin.ID]` and `[origin_group.ID]`.

use ::toml::de::DeValue;

use super::health;
use super::kind::{Kind, wrong_kind};
use super::rehearsal;
use super::table::{self, Table, Value};
use crate::compile::USUAL_STATUSES;
use crate::problem::Problem;
use crate::written::{At, Member, Origin, OriginGroup, PageSource, Place, Website};

pub(super) fn origin(id: At<String>, mut table: Table<'_>, problems: &mut Vec<Problem>) -> Origin {
    let (tls_server_name, tls_ca, ssl_protocols) = tls(&mut table, problems);
    let origin = Origin {
        id,
        url: table.string("url", problems),
        connect_to: table.string("connect_to", problems),
        domain_name: table.string("domain_name", problems),
        http_port: table.integer("http_port", problems),
        https_port: table.integer("https_port", problems),
        protocol_policy: table.string("protocol_policy", problems),
        is_s3: false,
        path: table.string("path", problems),
        host: table.string("host", problems),
        headers: headers(&mut table, problems),
        connection_attempts: table.integer("connection_attempts", problems),
        connection_timeout: table.span("connection_timeout", problems),
        response_timeout: table.span("response_timeout", problems),
        response_completion_timeout: table.span("response_completion_timeout", problems),
        keepalive_timeout: table.span("keepalive_timeout", problems),
        max_connections: table.integer("max_connections", problems),
        address_family: table.string("address_family", problems),
        ssl_protocols,
        tls_server_name,
        tls_ca,
        page: page(&mut table, problems),
        page_url: table.string("page_url", problems),
        page_interval: table.span("page_interval", problems),
        page_cache: table.string("page_cache", problems),
        status: table.integer("status", problems),
        retry_after: table.span("retry_after", problems),
        dir: table.string("dir", problems),
        missing: table.string("missing", problems),
        website: website(&mut table, problems),
        health_check: health::health_check(&mut table, problems),
        breaker: health::breaker(&mut table, problems),
        fault: rehearsal::fault(&mut table, problems),
    };
    table.finish(problems);
    origin
}

fn website(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Website> {
    let mut website = table.table("website", problems)?;
    let said = Website {
        place: website.place.clone(),
        index: website.string("index", problems),
        error: website.string("error", problems),
    };
    website.finish(problems);
    Some(said)
}

type Tls = (
    Option<At<String>>,
    Option<At<String>>,
    Option<Vec<At<String>>>,
);

fn tls(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Tls {
    let Some(mut tls) = table.table("tls", problems) else {
        return (None, None, None);
    };
    let server_name = tls.string("server_name", problems);
    let ca = tls.string("ca", problems);
    let protocols = tls.strings("protocols", problems).map(|(_, items)| items);
    tls.finish(problems);
    (server_name, ca, protocols)
}

pub(super) fn headers(
    table: &mut Table<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<(At<String>, At<String>)> {
    let Some(mut headers) = table.table("headers", problems) else {
        return Vec::new();
    };
    headers
        .rest()
        .into_iter()
        .filter_map(|(name, value)| {
            let value = table::string(name.place.clone(), value, problems)?;
            Some((name, value))
        })
        .collect()
}

/// `page = "file.html"`, or `page = true` for the built-in one.
fn page(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<At<PageSource>> {
    let (place, value) = table.value("page")?;
    match value.get_ref() {
        DeValue::Boolean(true) => Some(At {
            value: PageSource::BuiltIn,
            place,
        }),
        DeValue::String(_) => {
            let At { value, place } = table::string(place, value, problems)?;
            Some(At {
                value: PageSource::File(value),
                place,
            })
        }
        DeValue::Boolean(false)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            problems.push(wrong_kind(
                &place,
                value,
                Kind::Other("the name of an HTML file, or true for the built-in page"),
            ));
            None
        }
    }
}

pub(super) fn group(
    id: At<String>,
    mut table: Table<'_>,
    problems: &mut Vec<Problem>,
) -> OriginGroup {
    let (members_place, members) =
        match table.list("members", Kind::List("ids of origins"), problems) {
            Some((place, items)) => {
                let members = items
                    .into_iter()
                    .filter_map(|(place, item)| member(&table, place, item, problems))
                    .collect();
                (place, members)
            }
            None => (table.place.inner("members"), Vec::new()),
        };
    let (fail_over_on_place, fail_over_on) =
        table.integers("fail_over_on", problems).unwrap_or_else(|| {
            let place = table.place.inner("fail_over_on");
            let usual = USUAL_STATUSES.map(|status| At {
                value: i64::from(status),
                place: place.clone(),
            });
            (place, usual.into())
        });
    let group = OriginGroup {
        id,
        members,
        members_place,
        fail_over_on,
        fail_over_on_place,
        on_failure: table.string("on_failure", problems),
        soft: table.integers("soft", problems).map(|(_, items)| items),
        deadline: table.span("deadline", problems),
        selection_criteria: None,
    };
    table.finish(problems);
    group
}

/// `"azure-vm"`, or `{ origin = "azure-vm", fail_over_on = [503] }`.
fn member<'t>(
    group: &Table<'t>,
    place: Place,
    value: &'t Value<'t>,
    problems: &mut Vec<Problem>,
) -> Option<Member> {
    match value.get_ref() {
        DeValue::String(_) => Some(Member {
            origin: table::string(place, value, problems)?,
            fail_over_on: None,
        }),
        DeValue::Table(_) => {
            let mut table = group.table_in(place, value, problems)?;
            let origin = table.string("origin", problems);
            let fail_over_on = table
                .integers("fail_over_on", problems)
                .map(|(_, items)| items);
            if origin.is_none() && table.place_of("origin").is_none() {
                problems.push(
                    table
                        .place
                        .error("has a member without origin", "write { origin = \"...\" }"),
                );
            }
            table.finish(problems);
            Some(Member {
                origin: origin?,
                fail_over_on,
            })
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => {
            problems.push(wrong_kind(
                &place,
                value,
                Kind::Other("the id of an origin, or { origin = \"...\", fail_over_on = [...] }"),
            ));
            None
        }
    }
}
