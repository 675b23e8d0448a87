//! The answer of a distribution that an operator has taken out of service.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Distribution, Edge, OriginId, OriginKind, Page as OperatorsPage};
use tideover_rules::route::Route;
use tideover_rules::told::{self, AnsweredBy, ResultType};

use super::page::{Cause, Page};
use super::{Reply, Speaker};

/// Where the page does not say when to come back.
const COME_BACK_AFTER: Duration = Duration::from_mins(2);

/// 503 with the page of the route's target, else with any page that the distribution has, else with the built-in one. No
/// origin is asked.
pub(crate) fn maintenance(speaker: Speaker<'_>, route: &Route<'_, '_>) -> Reply {
    let mut facts = speaker.facts(ResultType::Error, told::IN_MAINTENANCE);
    facts.behavior = Some(route.behavior_index);
    let found = page_of(&speaker.view.live.edge, route);
    let html = found.and_then(|(id, _)| speaker.view.live.html(id));
    let page = Page {
        status: StatusCode::SERVICE_UNAVAILABLE,
        cause: match &html {
            Some(html) => Cause::LastPage(html),
            None => Cause::Maintenance,
        },
        retry_after: Some(
            found
                .and_then(|(_, page)| page.retry_after)
                .unwrap_or(COME_BACK_AFTER),
        ),
    };
    let mut response = speaker.page(&page, ResultType::Error);
    let headers = response.headers_mut();
    page.forbid_storing(headers);
    speaker.tell(headers, None, &facts, AnsweredBy::Edge, None);
    Reply {
        response,
        facts,
        may_be_replaced: false,
    }
}

fn page_of<'e>(edge: &'e Edge, route: &Route<'e, '_>) -> Option<(OriginId, &'e OperatorsPage)> {
    let distribution: &Distribution = route.distribution;
    let others = distribution.behaviors.iter().rev();
    let others = others.map(|behavior| edge.target(behavior.target));
    std::iter::once(route.target)
        .chain(others)
        .flat_map(|target| &target.members)
        .find_map(|member| Some((member.origin, page(edge, member.origin)?)))
}

fn page(edge: &Edge, origin: OriginId) -> Option<&OperatorsPage> {
    match &edge.origin(origin).kind {
        OriginKind::Page(page) => Some(page),
        OriginKind::Server(_) | OriginKind::Folder(_) => None,
    }
}
