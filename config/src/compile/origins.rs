//! Origins: servers, folders and pages.

mod folder;
mod page;
mod server;

pub(super) use folder::{FOLDER, at as folder_at, usual_missing};
pub(super) use server::{named_host, not_an_url, trust};

use super::defaults::Defaults;
use super::values::{check_mask, missing, number, perhaps, size, span, word};
use super::{MOST_OF_A_KIND, beyond_the_most, over_quota};
use crate::origin::{Origin, OriginKind};
use crate::problem::Problem;
use crate::written::{self, Notation, Written};

/// Source: Developer Guide, "Quotas", origins per distribution.
const QUOTA: usize = 100;

pub(super) fn origins(
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Vec<Origin> {
    if written.origins.is_empty() {
        problems.push(
            written
                .place
                .error("this config has no origin", no_origin(written)),
        );
    }
    let beyond = beyond_the_most(&written.origins, "origin", |origin| &origin.id.place);
    problems.extend(beyond);
    if defaults.has_quotas(written)
        && let Some(origin) = written.origins.get(QUOTA)
    {
        let count = written.origins.len();
        problems.extend(over_quota(&origin.id.place, count, QUOTA, "origins"));
    }
    written
        .origins
        .iter()
        .take(MOST_OF_A_KIND)
        .map(|origin| Origin {
            id: origin.id.value.as_str().into(),
            kind: kind(origin, written, defaults, problems),
        })
        .collect()
}

fn no_origin(written: &Written) -> &'static str {
    match written.notation {
        Notation::Toml => "write [origin.NAME] with url = \"https://app.example.com\"",
        Notation::CloudFront => "write at least one in Origins",
        Notation::CommandLine => "give at least one --origin URL",
    }
}

fn kind(
    origin: &written::Origin,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> OriginKind {
    if let Some(said) = &origin.dir {
        return OriginKind::Folder(Box::new(folder::folder(origin, said, written, problems)));
    }
    folder::without_a_folder(origin, problems);
    if let Some(said) = page::said(origin) {
        if let Some(place) = server::places(origin).into_iter().next() {
            problems.push(place.error(
                "belongs to a server, and this origin is a page",
                "write url or page, not both; a page takes page_url, page_interval, page_cache, status and retry_after only",
            ));
        }
        return OriginKind::Page(page::page(origin, &said, written, problems));
    }
    for (name, place) in [
        (
            "page_interval",
            origin.page_interval.as_ref().map(|at| &at.place),
        ),
        ("page_cache", origin.page_cache.as_ref().map(|at| &at.place)),
        ("status", origin.status.as_ref().map(|at| &at.place)),
        (
            "retry_after",
            origin.retry_after.as_ref().map(|at| &at.place),
        ),
    ] {
        if let Some(place) = place {
            problems.push(place.error(
                "belongs to an origin with page",
                format!("leave {name} out, or write page = true"),
            ));
        }
    }
    OriginKind::Server(Box::new(server::server(
        origin, written, defaults, problems,
    )))
}

/// The stand-in for whatever cannot be told.
fn nowhere() -> std::sync::Arc<str> {
    "invalid".into()
}
