//! `[distribution.ID]` with its behaviors and error responses.

use ::toml::de::DeValue;

use super::kind::{Kind, wrong_kind};
use super::rehearsal;
use super::table::{self, Table};
use super::{cache, forwarding};
use crate::problem::Problem;
use crate::written::{At, Behavior, Distribution, ErrorResponse, Place, Span};

pub(super) fn distribution(
    id: At<String>,
    mut table: Table<'_>,
    problems: &mut Vec<Problem>,
) -> Distribution {
    let write_error = write_error(&mut table, problems);
    let behaviors = table
        .tables("behavior", problems)
        .into_iter()
        .enumerate()
        .map(|(index, mut behavior)| {
            behavior.place.field = match behavior.peek("path") {
                Some(path) => format!("behavior[{path:?}]"),
                None => format!("behavior[{index}]"),
            };
            self::behavior(behavior, problems)
        })
        .collect();
    let default_behavior = table
        .table("default_behavior", problems)
        .map(|mut behavior| {
            "default_behavior".clone_into(&mut behavior.place.field);
            self::behavior(behavior, problems)
        });
    let error_responses = table
        .tables("error_response", problems)
        .into_iter()
        .filter_map(|response| error_response(response, problems))
        .collect();
    let distribution = Distribution {
        id,
        place: table.place.clone(),
        domain_name: table.string("domain_name", problems),
        aliases: table.string_or_strings("aliases", problems),
        enabled: table.boolean("enabled", problems),
        default_root_object: table.string("default_root_object", problems),
        behaviors,
        default_behavior,
        caching: cache::caching(&mut table, problems),
        error_responses,
        name: table.string("name", problems),
        attempts: table.string("attempts", problems),
        attempts_token: table.string("attempts_token", problems),
        server_timing: server_timing(&mut table, problems),
        write_error_nothing_sent: write_error.nothing_sent,
        write_error_outcome_unknown: write_error.outcome_unknown,
        write_error_retry_after: write_error.retry_after,
        log_cookies: None,
        minimum_protocol_version: None,
        http_version: None,
    };
    table.finish(problems);
    distribution
}

/// `true`, `false` or `"token"`.
fn server_timing(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<At<String>> {
    let (place, value) = table.value("server_timing")?;
    match value.get_ref() {
        DeValue::Boolean(value) => Some(At {
            value: value.to_string(),
            place,
        }),
        DeValue::String(_) => table::string(place, value, problems),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let what = Kind::Other("true, false or \"token\"");
            problems.push(wrong_kind(&place, value, what));
            None
        }
    }
}

#[derive(Default)]
struct WriteError {
    nothing_sent: Option<At<String>>,
    outcome_unknown: Option<At<String>>,
    retry_after: Option<At<Span>>,
}

fn write_error(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> WriteError {
    let Some(mut table) = table.table("write_error", problems) else {
        return WriteError::default();
    };
    let write_error = WriteError {
        nothing_sent: table.string("nothing_sent", problems),
        outcome_unknown: table.string("outcome_unknown", problems),
        retry_after: table.span("retry_after", problems),
    };
    table.finish(problems);
    write_error
}

fn behavior(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Behavior {
    let (allowed_methods_place, allowed_methods) = list(&mut table, "allowed_methods", problems);
    let (_, for_methods) = list(&mut table, "for_methods", problems);
    let (_, cached_methods) = list(&mut table, "cached_methods", problems);
    let behavior = Behavior {
        place: table.place.clone(),
        path: table.string("path", problems),
        for_methods,
        target: table.string("target", problems),
        allowed_methods,
        allowed_methods_place,
        cached_methods,
        viewer_protocol_policy: table.string("viewer_protocol", problems),
        cache_policy: table.string("cache_policy", problems),
        origin_request_policy: table.string("origin_request_policy", problems),
        response_headers_policy: table.string("response_headers_policy", problems),
        forwarded_values: None,
        caching: cache::caching(&mut table, problems),
        rewrite_location: table.boolean("rewrite_location", problems),
        origin_request: table
            .table("origin_request", problems)
            .map(|table| forwarding::origin_request(table, problems)),
        viewer_response: table
            .table("viewer_response", problems)
            .map(|table| forwarding::viewer_response(table, problems)),
        expect: rehearsal::expect(&mut table, problems),
    };
    table.finish(problems);
    behavior
}

fn list(
    table: &mut Table<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> (Option<Place>, Option<Vec<At<String>>>) {
    table.strings(name, problems).unzip()
}

fn error_response(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<ErrorResponse> {
    let error_code = table.integer("error_code", problems);
    if error_code.is_none() && table.place_of("error_code").is_none() {
        problems.push(table.place.inner("error_code").error(
            "is missing",
            "write the status that this response replaces, such as 503",
        ));
    }
    let page_path = table.string("page", problems);
    let response_code = response_code(&mut table, problems);
    let min_ttl = table.integer("min_ttl", problems);
    table.finish(problems);
    Some(ErrorResponse {
        error_code: error_code?,
        page_path,
        response_code,
        min_ttl,
    })
}

/// A number here, a string in CloudFront's model.
fn response_code(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<At<String>> {
    let (place, value) = table.value("response_code")?;
    if let DeValue::Integer(digits) = value.get_ref() {
        return Some(At {
            value: digits.to_string(),
            place,
        });
    }
    table::string(place, value, problems)
}
