//! `origin_request` and `viewer_response` of a behavior, spelled out: what policies come to, for configs that were
//! printed, and for operators who would rather say it than look a policy up. What is left out passes everything on.

use ::toml::de::DeValue;
use http::{HeaderName, HeaderValue};

use super::table::{Table, Value};
use crate::behavior::{
    AcceptEncoding, CloudFrontHeader, Cors, HeaderSelection, NameSelection, OriginRequest,
    ResponseHeadersPolicy, ViewerResponse,
};
use crate::problem::Problem;
use crate::spelling::nearest;
use crate::written::{At, Place};

pub(super) fn origin_request(mut table: Table<'_>, problems: &mut Vec<Problem>) -> OriginRequest {
    let request = OriginRequest {
        headers: headers(&mut table, problems),
        cookies: names(&mut table, "cookies", problems),
        query: names(&mut table, "query", problems),
        accept_encoding: accept_encoding(&mut table, problems),
        authorization: flag(&mut table, "authorization", true, problems),
        viewer_user_agent: flag(&mut table, "viewer_user_agent", true, problems),
        viewer_host: flag(&mut table, "viewer_host", false, problems),
        forwarded_host_and_proto: flag(&mut table, "forwarded_host_and_proto", true, problems),
        trailers: flag(&mut table, "trailers", true, problems),
        cloudfront_headers: cloudfront_headers(&mut table, problems).unwrap_or_default(),
    };
    table.finish(problems);
    request
}

pub(super) fn viewer_response(mut table: Table<'_>, problems: &mut Vec<Problem>) -> ViewerResponse {
    let removed = header_list(&mut table, "remove_headers", problems).unwrap_or_default();
    let set = table
        .tables("set_headers", problems)
        .into_iter()
        .filter_map(|header| set_header(header, problems))
        .collect();
    let cors = table
        .table("cors", problems)
        .map(|cors| self::cors(cors, problems));
    let policy = ResponseHeadersPolicy { removed, set, cors };
    let response = ViewerResponse {
        vary_kept: header_list(&mut table, "vary", problems),
        set_cookie: flag(&mut table, "set_cookie", true, problems),
        // The behavior's own field decides.
        rewrite_location: false,
        trailers: flag(&mut table, "trailers", true, problems),
        policy: (policy != ResponseHeadersPolicy::default()).then(|| policy.into()),
    };
    table.finish(problems);
    response
}

fn flag(
    table: &mut Table<'_>,
    name: &'static str,
    default: bool,
    problems: &mut Vec<Problem>,
) -> bool {
    table
        .boolean(name, problems)
        .map_or(default, |said| said.value)
}

/// `"all"`, `"none"`, a list, or a table of one list that says how it is meant.
enum Selection {
    All,
    None,
    Only(Vec<At<String>>),
    Table(&'static str, Vec<At<String>>),
}

fn selection(
    table: &mut Table<'_>,
    name: &'static str,
    ways: &[&'static str],
    problems: &mut Vec<Problem>,
) -> Selection {
    let Some((place, value)) = table.value(name) else {
        return Selection::All;
    };
    match value.get_ref() {
        DeValue::String(word) if word == "all" => Selection::All,
        DeValue::String(word) if word == "none" => Selection::None,
        DeValue::Array(_) => Selection::Only(table.strings_in(&place, value, problems)),
        DeValue::Table(_) => in_a_way(table, &place, value, ways, problems),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {
            let ways: Vec<String> = ways
                .iter()
                .map(|way| format!("{{ {way} = [...] }}"))
                .collect();
            problems.push(place.error(
                "is no choice of names",
                format!(
                    "write \"all\", \"none\", a list of names, or {}",
                    ways.join(" or ")
                ),
            ));
            Selection::All
        }
    }
}

fn in_a_way<'t>(
    table: &Table<'t>,
    place: &Place,
    value: &'t Value<'t>,
    ways: &[&'static str],
    problems: &mut Vec<Problem>,
) -> Selection {
    let Some(mut inner) = table.table_in(place.clone(), value, problems) else {
        return Selection::All;
    };
    let mut found: Vec<_> = ways
        .iter()
        .filter_map(|way| Some((*way, inner.strings(way, problems)?.1)))
        .collect();
    if found.len() > 1 {
        let place = &inner.place;
        problems.push(place.error(format!("has {}", ways.join(" and ")), "write one of them"));
    }
    inner.finish(problems);
    found
        .pop()
        .map_or(Selection::All, |(way, names)| Selection::Table(way, names))
}

fn headers(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> HeaderSelection {
    match selection(table, "headers", &["except", "legacy_with"], problems) {
        Selection::All => HeaderSelection::All,
        Selection::None => HeaderSelection::Only(Vec::new()),
        Selection::Only(names) => HeaderSelection::Only(header_names(&names, problems)),
        Selection::Table("except", names) => {
            HeaderSelection::AllExcept(header_names(&names, problems))
        }
        Selection::Table(_, names) => HeaderSelection::LegacyWith(header_names(&names, problems)),
    }
}

pub(super) fn names(
    table: &mut Table<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> NameSelection {
    let values = |names: Vec<At<String>>| names.into_iter().map(|name| name.value).collect();
    match selection(table, name, &["except"], problems) {
        Selection::All => NameSelection::All,
        Selection::None => NameSelection::None,
        Selection::Only(names) => NameSelection::Only(values(names)),
        Selection::Table(_, names) => NameSelection::Except(values(names)),
    }
}

/// `"viewer"`, `"none"`, or the encodings that are kept.
pub(super) fn accept_encoding(
    table: &mut Table<'_>,
    problems: &mut Vec<Problem>,
) -> AcceptEncoding {
    let Some((place, value)) = table.value("accept_encoding") else {
        return AcceptEncoding::Viewer;
    };
    match value.get_ref() {
        DeValue::String(word) if word == "viewer" => return AcceptEncoding::Viewer,
        DeValue::String(word) if word == "none" => return AcceptEncoding::Removed,
        DeValue::Array(_) => {
            let kept = table.strings_in(&place, value, problems);
            let has = |name: &str| kept.iter().any(|kept| kept.value == name);
            if kept
                .iter()
                .all(|kept| matches!(kept.value.as_str(), "gzip" | "br"))
            {
                return AcceptEncoding::Normalised {
                    gzip: has("gzip"),
                    brotli: has("br"),
                };
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {}
    }
    problems.push(place.error(
        "is no choice of encodings",
        "write \"viewer\", \"none\" or a list of \"gzip\" and \"br\"",
    ));
    AcceptEncoding::Viewer
}

pub(super) fn cloudfront_headers(
    table: &mut Table<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<CloudFrontHeader>> {
    let (_, names) = table.strings("cloudfront_headers", problems)?;
    let made = names
        .iter()
        .filter_map(|said| {
            let known = CloudFrontHeader::named(&said.value);
            if known.is_none() {
                let names = CloudFrontHeader::ALL.map(CloudFrontHeader::name);
                let perhaps = nearest(&said.value, names)
                    .map_or_else(String::new, |meant| format!(", perhaps {meant}"));
                problems.push(said.place.error(
                    format!("has {}", said.shown()),
                    format!("write one or more of {}{perhaps}", names.join(", ")),
                ));
            }
            known
        })
        .collect();
    Some(made)
}

pub(super) fn header_list(
    table: &mut Table<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<Vec<HeaderName>> {
    let (_, names) = table.strings(name, problems)?;
    Some(header_names(&names, problems))
}

fn header_names(said: &[At<String>], problems: &mut Vec<Problem>) -> Vec<HeaderName> {
    said.iter()
        .filter_map(|name| header_name(name, problems))
        .collect()
}

fn header_name(said: &At<String>, problems: &mut Vec<Problem>) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(said.value.as_bytes()).ok();
    if name.is_none() {
        problems.push(said.place.error(
            format!("has {}", said.shown()),
            "write header names: letters, digits and -",
        ));
    }
    name
}

/// `{ name = "X-Frame-Options", value = "DENY", replace = true }`.
fn set_header(
    mut table: Table<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(HeaderName, HeaderValue, bool)> {
    let name = required(&mut table, "name", problems);
    let value = required(&mut table, "value", problems);
    let replace = flag(&mut table, "replace", false, problems);
    table.finish(problems);
    let name = header_name(&name?, problems);
    let value = value?.header_value(problems);
    Some((name?, value?, replace))
}

fn required(
    table: &mut Table<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<At<String>> {
    if table.place_of(name).is_none() {
        problems.push(
            table
                .place
                .inner(name)
                .error("is missing", "write name and value of the header"),
        );
    }
    table.string(name, problems)
}

fn cors(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Cors {
    let allow_origins = table
        .strings("allow_origins", problems)
        .map_or_else(Vec::new, |(_, names)| {
            names.into_iter().map(|name| name.value).collect()
        });
    let mut value = |name| {
        let said = table.string(name, problems)?;
        said.header_value(problems)
    };
    let cors = Cors {
        allow_origins,
        allow_headers: value("allow_headers"),
        allow_methods: value("allow_methods"),
        expose_headers: value("expose_headers"),
        max_age: value("max_age"),
        allow_credentials: flag(&mut table, "allow_credentials", false, problems),
        origin_override: flag(&mut table, "origin_override", false, problems),
    };
    table.finish(problems);
    cors
}
