//! Custom error responses. Source: API shape `CustomErrorResponse`; Developer Guide, "Generate custom error responses".

use http::StatusCode;

use super::is_cloudfronts;
use crate::compile::values;
use crate::distribution::{CustomErrorResponse, ErrorPage};
use crate::problem::Problem;
use crate::written::{self, At, Written};

/// Statuses that may have a page.
const PAGED: [u16; 11] = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];
/// Statuses that may only be given a caching time.
const TIMED: [u16; 2] = [412, 415];

pub(super) fn error_responses(
    said: &written::Distribution,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Vec<CustomErrorResponse> {
    let mut responses: Vec<CustomErrorResponse> = Vec::new();
    for said in &said.error_responses {
        let Some(response) = response(said, written, problems) else {
            continue;
        };
        if responses
            .iter()
            .any(|known| known.error_code == response.error_code)
        {
            problems.push(said.error_code.place.error(
                format!("has {} twice", said.error_code.value),
                "write one error response for each status",
            ));
            continue;
        }
        responses.push(response);
    }
    responses
}

fn response(
    said: &written::ErrorResponse,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<CustomErrorResponse> {
    let page_path = filled(said.page_path.as_ref());
    let response_code = filled(said.response_code.as_ref());
    let mut allowed = PAGED.to_vec();
    if page_path.is_none() && response_code.is_none() {
        allowed.extend(TIMED);
        allowed.sort_unstable();
    }
    let only_timed = TIMED
        .iter()
        .any(|code| i64::from(*code) == said.error_code.value);
    let error_code = if only_timed && (page_path.is_some() || response_code.is_some()) {
        problems.push(said.error_code.place.error(
            format!("is {}, which can have no page", said.error_code.value),
            "leave its page and its response code out, or the whole entry",
        ));
        None
    } else {
        values::one_status(&said.error_code, &allowed, problems)
    };
    let page = page_path.and_then(|path| page(path, response_code, error_code, written, problems));
    if let (None, Some(code)) = (page_path, response_code) {
        problems.push(code.place.error(
            format!("is {}, and no page is given", code.shown()),
            "write both or neither",
        ));
    }
    let min_ttl_seconds = said
        .min_ttl
        .as_ref()
        .and_then(|said| values::number(said, 0..=i64::from(u32::MAX), problems))
        .and_then(|seconds| u32::try_from(seconds).ok());
    Some(CustomErrorResponse {
        error_code: error_code?,
        page,
        min_ttl_seconds,
    })
}

/// CloudFront's tools write `""` for what is not set.
fn filled(said: Option<&At<String>>) -> Option<&At<String>> {
    said.filter(|said| !said.value.is_empty())
}

fn page(
    path: &At<String>,
    code: Option<&At<String>>,
    error_code: Option<StatusCode>,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<ErrorPage> {
    let good = path.value.starts_with('/')
        && path.value.len() <= 4_000
        && path.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        problems.push(path.place.error(
            format!("is {}", path.shown()),
            "write the path of the page, beginning with /, in 4000 characters at most",
        ));
    }
    let status = match code {
        Some(code) => status(code, problems),
        None if is_cloudfronts(written) => {
            problems.push(path.place.error(
                format!("is {}, and ResponseCode is not set", path.shown()),
                "write both or neither",
            ));
            None
        }
        // Without another word the page keeps the status that it stands for.
        None => error_code,
    };
    Some(ErrorPage {
        path: path.value.as_str().into(),
        status: status?,
    })
}

fn status(said: &At<String>, problems: &mut Vec<Problem>) -> Option<StatusCode> {
    let status = said
        .value
        .parse()
        .ok()
        .filter(|code| *code == 200 || PAGED.contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok());
    if status.is_none() {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            format!("write 200 or one of {}", values::list(&PAGED)),
        ));
    }
    status
}
