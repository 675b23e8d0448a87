//! A page that the edge answers by itself.

use std::time::Duration;

use std::path::PathBuf;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::{not_an_url, number, span};
use crate::compile::url::{Scheme, Url};
use crate::compile::values;
use crate::origin::{Endpoint, Page, PageUrl, Trust};
use crate::problem::Problem;
use crate::written::{At, Origin, PageSource, Written};

/// What a page without a file says.
const BUILT_IN: &str = include_str!("page.html");

/// Held in memory for good, and sent whole.
const MOST_BYTES: usize = 1_048_576;

/// Where a page is fetched again after so long.
const EVERY: Duration = Duration::from_mins(1);

/// What the page is; `None` for what is a server. A page with a URL need not say what it is until that was fetched.
pub(super) fn said(origin: &Origin) -> Option<At<PageSource>> {
    origin.page.clone().or_else(|| {
        let url = origin.page_url.as_ref()?;
        Some(At {
            value: PageSource::BuiltIn,
            place: url.place.clone(),
        })
    })
}

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
        ahead: ahead(origin, written, problems),
    }
}

fn ahead(origin: &Origin, written: &Written, problems: &mut Vec<Problem>) -> Option<Box<PageUrl>> {
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_hours(24);
    let interval = origin
        .page_interval
        .as_ref()
        .and_then(|said| span(said, &(SECOND..=DAY), problems))
        .unwrap_or(EVERY);
    let Some(said) = &origin.page_url else {
        let places = [
            origin.page_interval.as_ref().map(|at| &at.place),
            origin.page_cache.as_ref().map(|at| &at.place),
        ];
        for place in places.into_iter().flatten() {
            problems.push(place.error(
                "belongs to a page with page_url",
                "leave it out, or write page_url = \"https://…\"",
            ));
        }
        return None;
    };
    let url = match Url::parse(&said.value) {
        Ok(url) => url,
        Err(why) => {
            problems.push(not_an_url(said, why));
            return None;
        }
    };
    let (_, rest) = said.value.split_once("://").unwrap_or_default();
    let (authority, target) = match rest.find('/') {
        // As written: a slash at its end may make a difference.
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let host = HeaderValue::from_str(authority).ok();
    let (Some(host), Ok(_)) = (host, target.parse::<PathAndQuery>()) else {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write the path with visible ASCII characters, others as %XX",
        ));
        return None;
    };
    Some(Box::new(PageUrl {
        url: said.value.as_str().into(),
        endpoint: Endpoint {
            host: url.host.as_str().into(),
            port: url.port_or_default(),
        },
        secure: url.scheme != Scheme::Http,
        target: target.into(),
        host,
        trust: match url.scheme {
            Scheme::HttpsInsecure => Trust::Anyone,
            Scheme::Http | Scheme::Https => Trust::Platform,
        },
        interval,
        cache: cache(origin, written, problems),
        mapped_to: None,
    }))
}

/// As written, `off` for nowhere; else beside the file of switches, or the config, under the names of both. A config that is no
/// file has nothing beside it.
fn cache(origin: &Origin, written: &Written, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    if let Some(said) = &origin.page_cache {
        return values::file_or_off(said, written, "/var/lib/tideover/page.html", problems);
    }
    let config = written.file()?;
    let state = written.admin.state.as_ref();
    let beside = match state.filter(|said| said.value != "off") {
        Some(said) => written.folder.join(&said.value),
        None => config.to_owned(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let id: String = origin
        .id
        .value
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let mut name = config.file_stem()?.to_owned();
    name.push(format!(".page-{id}.html"));
    Some(beside.with_file_name(name))
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
