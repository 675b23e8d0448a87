//! The loop that obeys [`rules::failover`](tideover_rules::failover): ask for the next step, take it, note what came of it.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use tideover_config::{OriginId, OriginKind, OriginScheme, Page, Server, Target, ViewerScheme};
use tideover_rules::failover::{self, Ask, Attempt, Outcome, Sent, Step};
use tideover_rules::headers::{self, Request, Viewer};
use tideover_rules::route::Route;
use tideover_rules::server_name::server_name;

use super::Reach;
use super::answer::OriginAnswer;
use super::attempt::{Errand, attempt};
use crate::clock::Moment;
use crate::error::{Fault, OriginError};
use crate::message::{BodyWatch, Once};
use crate::worker::View;

/// What became of asking the origins. The attempts are told on success and on failure.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) answer: Result<Answer, OriginError>,
    /// In order; empty only if the viewer's own body ended the first one.
    pub(crate) attempts: Vec<Attempt>,
    /// Which of `attempts` the answer is the outcome of.
    pub(crate) delivered: usize,
}

/// An answer to deliver.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every answer is the large one; a box would cost each of them an allocation"
)]
pub(crate) enum Answer {
    /// An origin's.
    Origin(OriginAnswer),
    /// A page of the edge's own, by the origin that it is.
    Page(OriginId),
}

impl Answer {
    fn status(&self, view: &View) -> StatusCode {
        match self {
            Self::Origin(answer) => answer.response.status(),
            Self::Page(id) => {
                page_of(view, *id).map_or(StatusCode::SERVICE_UNAVAILABLE, |page| page.status)
            }
        }
    }

    /// Nobody wants it any more; its connection may still be good.
    fn set_aside(self) {
        match self {
            Self::Origin(answer) => answer.response.into_body().drain(),
            Self::Page(_) => {}
        }
    }
}

/// The page that origin `id` is, if it is one.
pub(crate) fn page_of(view: &View, id: OriginId) -> Option<&Page> {
    match &view.live.edge.origin(id).kind {
        OriginKind::Page(page) => Some(page),
        OriginKind::Server(_) => None,
    }
}

/// What is asked of the origins.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) route: &'a Route<'a, 'a>,
    pub(crate) request: Request<'a>,
    pub(crate) viewer: &'a Viewer<'a>,
    /// `None` for a request without a body.
    pub(crate) watch: Option<&'a Rc<BodyWatch>>,
}

/// Asks the members of the route's target until the rule says which outcome to deliver.
pub(crate) async fn fetch(view: &View, wanted: &Wanted<'_>, body: &mut Once) -> Fetched {
    let (route, method) = (wanted.route, wanted.request.method);
    let target = route.target;
    let ask = Ask::of(route.behavior, method, route.path, !body.is_empty());
    let clock = view.live.clock;
    let started = Moment::now();
    let mut attempts: Vec<Attempt> = Vec::with_capacity(1);
    // The soft answer that is held, its body unread. Boxed: rare, and large.
    let mut held: Option<(usize, Box<Answer>)> = None;
    let mut step = failover::next_step(target, ask, &attempts, Duration::ZERO);
    loop {
        let Step::Try { member, ref within } = step else {
            unreachable!("the rule delivers only what an attempt brought");
        };
        // Not by the turn: what the edge did in it before is no time of the origin's.
        let began = Moment::read();
        let origin = target.members[member].origin;
        let outcome = match &view.live.edge.origin(origin).kind {
            OriginKind::Page(_) => Ok(Answer::Page(origin)),
            OriginKind::Server(server) => {
                let reach = reach(view, origin, server, wanted.viewer.scheme);
                let mut errand = Errand {
                    method: wanted.request.method,
                    to_websocket: wanted.request.to_websocket,
                    head: &|| {
                        let frame = view.live.frame(wanted.route);
                        let (request, viewer) = (wanted.request, wanted.viewer);
                        headers::for_origin(wanted.route, frame, server, request, viewer)
                    },
                    body,
                    watch: wanted.watch,
                    server_name: reach.way.tls.as_ref().map(|_| {
                        let plan = &wanted.route.behavior.origin_request;
                        server_name(plan, server, wanted.viewer.host)
                    }),
                    turn: attempts
                        .iter()
                        .filter(|attempt| attempt.member == member)
                        .count(),
                    gap: target.members[member].timers.response_timeout,
                };
                attempt(&reach.way, &reach.pool, clock, within, &mut errand)
                    .await
                    .map(Answer::Origin)
            }
        };
        let (told, sent) = match &outcome {
            Ok(answer) => (Outcome::Status(answer.status(view)), Sent::Something),
            Err(error) => match error.fault() {
                Fault::Origin(failure, sent) => (Outcome::Failed(failure), sent),
                Fault::Viewer(_) => {
                    return Fetched {
                        answer: outcome,
                        delivered: attempts.len(),
                        attempts,
                    };
                }
            },
        };
        if let Err(error) = &outcome {
            tell_failure(view, target, member, error);
        }
        attempts.push(Attempt {
            member,
            outcome: told,
            sent,
            took: clock.since(began),
        });
        step = failover::next_step(target, ask, &attempts, clock.since(started));
        if let Step::Deliver(delivered) = step {
            let answer = match held {
                Some((index, answer)) if index == delivered => {
                    set_aside(outcome);
                    Ok(*answer)
                }
                unwanted => {
                    if let Some((_, answer)) = unwanted {
                        answer.set_aside();
                    }
                    outcome
                }
            };
            return Fetched {
                answer,
                attempts,
                delivered,
            };
        }
        // The answer makes room for the next attempt: it is kept if it is the first soft one.
        let is_soft = attempts
            .last()
            .is_some_and(|attempt| failover::is_soft(target, attempt));
        match outcome {
            Ok(answer) if is_soft && held.is_none() => {
                held = Some((attempts.len() - 1, Box::new(answer)));
            }
            unwanted => set_aside(unwanted),
        }
    }
}

fn set_aside(outcome: Result<Answer, OriginError>) {
    if let Ok(answer) = outcome {
        answer.set_aside();
    }
}

/// The way to `origin`, which is `server`, for a viewer that came by `scheme`.
fn reach<'v>(view: &'v View, origin: OriginId, server: &Server, scheme: ViewerScheme) -> &'v Reach {
    let scheme = match server.scheme {
        OriginScheme::Http => ViewerScheme::Http,
        OriginScheme::Https => ViewerScheme::Https,
        OriginScheme::MatchViewer => scheme,
    };
    view.origins
        .reach(origin, scheme)
        .expect("every server has a way for each of its schemes")
}

fn tell_failure(view: &View, target: &Target, member: usize, error: &OriginError) {
    let origin = &view.live.edge.origin(target.members[member].origin).id;
    tracing::debug!(%origin, error = error as &dyn std::error::Error, "an attempt brought no answer");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::DnsName;
    use tideover_rules::server_name::is_dns_name;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is no name for TLS must not be asked for: the attempt would fail.
        #[test]
        fn the_rules_and_tls_agree_on_what_a_name_is(
            name in prop_oneof!["[a-z0-9xX_.-]{0,12}", "([a-z0-9-]{1,64}\\.){1,5}[a-z0-9]{0,64}", "\\PC{0,8}"],
        ) {
            prop_assert_eq!(is_dns_name(&name), DnsName::try_from(name.as_str()).is_ok());
        }
    }
}
