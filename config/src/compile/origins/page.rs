//! A page that the edge answers by itself.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{number, span};
use crate::origin::Page;
use crate::problem::Problem;
use crate::written::{At, Origin, PageSource, Written};

/// What a page without a file says.
const BUILT_IN: &str = include_str!("page.html");

/// Held in memory for good, and sent whole.
const MOST_BYTES: usize = 1_048_576;

pub(super) fn page(
    origin: &Origin,
    said: &At<PageSource>,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Page {
    const WEEK: Duration = Duration::from_hours(168);
    const SECOND: Duration = Duration::from_secs(1);
    let (html, file) = match &said.value {
        PageSource::BuiltIn => (Bytes::from_static(BUILT_IN.as_bytes()), None),
        PageSource::File(name) => {
            let file = written.folder.join(name);
            (read(said, name, &file, problems), Some(file))
        }
    };
    Page {
        status: origin
            .status
            .as_ref()
            .and_then(|said| status(said, problems))
            .unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        retry_after: origin
            .retry_after
            .as_ref()
            .and_then(|said| span(said, &(SECOND..=WEEK), problems)),
        html,
        file,
    }
}

fn read(
    said: &At<PageSource>,
    name: &str,
    file: &std::path::Path,
    problems: &mut Vec<Problem>,
) -> Bytes {
    let shown = At {
        value: name.to_owned(),
        place: said.place.clone(),
    }
    .shown();
    match crate::files::read(file) {
        Ok(html) if html.len() <= MOST_BYTES => html.into(),
        Ok(html) => {
            problems.push(said.place.error(
                format!("is {shown}, which has {} bytes", html.len()),
                format!("name a file of {MOST_BYTES} bytes at most"),
            ));
            Bytes::new()
        }
        Err(why) => {
            problems.push(said.place.error(
                format!("is {shown}, which {}", why.in_short()),
                "name an HTML file, relative to this one; or write page = true for the built-in page",
            ));
            Bytes::new()
        }
    }
}

/// Any final status that may have a body.
fn status(said: &At<i64>, problems: &mut Vec<Problem>) -> Option<StatusCode> {
    let code = number(said, 200..=599, problems)?;
    if matches!(code, 204 | 205 | 304) {
        problems.push(said.place.error(
            format!("is {code}, which has no body"),
            "write the status that the page is delivered with, such as 503",
        ));
        return None;
    }
    u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
}
