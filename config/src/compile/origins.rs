//! Origins: servers and pages.

mod page;
mod server;

pub(super) use server::{named_host, not_an_url, trust};

use super::defaults::Defaults;
use super::values::{missing, number, perhaps, size, span, word};
use crate::origin::{Origin, OriginKind};
use crate::problem::Problem;
use crate::written::{self, Notation, Written};

/// More than anybody needs, and every index fits.
const MOST_ORIGINS: usize = 10_000;
/// Source: Developer Guide, "Quotas", origins per distribution.
const MOST_ORIGINS_FAITHFUL: usize = 100;

pub(super) fn origins(
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Vec<Origin> {
    if written.origins.is_empty() {
        problems.push(
            written
                .place
                .error("this config has no origin", "write at least one"),
        );
    }
    // What stands in CloudFront's own file was within the quota of its account.
    let most = if defaults.is_faithful() && written.notation != Notation::CloudFront {
        MOST_ORIGINS_FAITHFUL
    } else {
        MOST_ORIGINS
    };
    if let Some(origin) = written.origins.get(most) {
        problems.push(origin.id.place.error(
            format!("is origin number {}", most + 1),
            format!("write {most} at most"),
        ));
    }
    written
        .origins
        .iter()
        .take(most)
        .map(|origin| Origin {
            id: origin.id.value.as_str().into(),
            kind: kind(origin, written, defaults, problems),
        })
        .collect()
}

fn kind(
    origin: &written::Origin,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> OriginKind {
    let Some(said) = &origin.page else {
        for (name, place) in [
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
        return OriginKind::Server(Box::new(server::server(
            origin, written, defaults, problems,
        )));
    };
    if let Some(place) = server::places(origin).into_iter().next() {
        problems.push(place.error(
            "belongs to a server, and this origin is a page",
            "write url or page, not both; a page takes status and retry_after only",
        ));
    }
    OriginKind::Page(page::page(origin, said, written, problems))
}

/// The stand-in for whatever cannot be told.
fn nowhere() -> std::sync::Arc<str> {
    "invalid".into()
}
