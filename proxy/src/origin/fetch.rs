//! The loop that obeys [`rules::failover`](tideover_rules::failover): ask for the next step, take it, note what came of it.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use tideover_config::{OriginId, OriginKind, OriginScheme, Page, Server, Target, ViewerScheme};
use tideover_rules::failover::{self, Ask, Attempt, Limits, Outcome, Sent, Step};
use tideover_rules::headers::{self, Request, Viewer};
use tideover_rules::route::Route;

use super::answer::OriginAnswer;
use super::attempt::{Errand, attempt};
use crate::clock::{Alarm, Moment};
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
    /// Of the task that asks.
    pub(crate) alarm: &'a Rc<Alarm>,
}

/// Asks the members of the route's target until the rule says which outcome to deliver.
pub(crate) async fn fetch(view: &View, wanted: Wanted<'_>, body: &mut Once) -> Fetched {
    let target = wanted.route.target;
    let ask = Ask::of(
        wanted.route.behavior,
        wanted.request.method,
        !body.is_empty(),
    );
    let started = Moment::now();
    let mut attempts: Vec<Attempt> = Vec::with_capacity(1);
    // The soft answer that is held, its body unread, and the latest outcome.
    let mut held: Option<(usize, Answer)> = None;
    let mut latest: Option<Result<Answer, OriginError>> = None;
    loop {
        let elapsed = if attempts.is_empty() {
            Duration::ZERO
        } else {
            view.live.clock.since(started)
        };
        match failover::next_step(target, ask, &attempts, elapsed) {
            Step::Try { member, within } => {
                set_aside_or_hold(target, &attempts, latest.take(), &mut held);
                let began = Moment::now();
                let outcome = ask_member(view, wanted, body, &attempts, member, within).await;
                let (outcome_told, sent) = match &outcome {
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
                let took = view.live.clock.since(began);
                if let Err(error) = &outcome {
                    tell_failure(view, target, member, error);
                }
                attempts.push(Attempt {
                    member,
                    outcome: outcome_told,
                    sent,
                    took,
                });
                latest = Some(outcome);
            }
            Step::Deliver(delivered) => {
                let answer = match held.take() {
                    Some((index, answer)) if index == delivered => {
                        if let Some(Ok(unwanted)) = latest.take() {
                            unwanted.set_aside();
                        }
                        Ok(answer)
                    }
                    unwanted => {
                        if let Some((_, answer)) = unwanted {
                            answer.set_aside();
                        }
                        latest
                            .take()
                            .expect("the rule delivers only after an attempt")
                    }
                };
                return Fetched {
                    answer,
                    attempts,
                    delivered,
                };
            }
        }
    }
}

/// The latest answer makes room for the next attempt: kept if it is the first soft one, else drained.
fn set_aside_or_hold(
    target: &Target,
    attempts: &[Attempt],
    latest: Option<Result<Answer, OriginError>>,
    held: &mut Option<(usize, Answer)>,
) {
    let (Some(Ok(answer)), Some(attempt)) = (latest, attempts.last()) else {
        return;
    };
    if held.is_none() && failover::is_soft(target, attempt) {
        *held = Some((attempts.len() - 1, answer));
    } else {
        answer.set_aside();
    }
}

async fn ask_member(
    view: &View,
    wanted: Wanted<'_>,
    body: &mut Once,
    past: &[Attempt],
    member: usize,
    within: Limits,
) -> Result<Answer, OriginError> {
    let origin = wanted.route.target.members[member].origin;
    let server = match &view.live.edge.origin(origin).kind {
        OriginKind::Page(_) => return Ok(Answer::Page(origin)),
        OriginKind::Server(server) => server,
    };
    let scheme = match server.scheme {
        OriginScheme::Http => ViewerScheme::Http,
        OriginScheme::Https => ViewerScheme::Https,
        OriginScheme::MatchViewer => wanted.viewer.scheme,
    };
    let reach = view
        .origins
        .reach(origin, scheme)
        .expect("every server has a way for each of its schemes");
    let errand = Errand {
        method: wanted.request.method,
        head: &|| {
            let frame = view.live.frame(wanted.route);
            headers::for_origin(wanted.route, frame, server, wanted.request, wanted.viewer)
        },
        body,
        watch: wanted.watch,
        alarm: wanted.alarm,
        server_name: reach.way.tls.as_ref().map(|_| server_name(wanted, server)),
        turn: past
            .iter()
            .filter(|attempt| attempt.member == member)
            .count(),
        gap: wanted.route.target.members[member].timers.response_timeout,
    };
    attempt(&reach.way, &reach.pool, view.live.clock, within, errand)
        .await
        .map(Answer::Origin)
}

/// The name for SNI: as configured, else the host that is sent if it is a DNS name, else the origin's own.
/// Source: Developer Guide, "Requirements for using SSL/TLS certificates with CloudFront".
fn server_name<'a>(wanted: Wanted<'a>, server: &'a Server) -> &'a str {
    if let Some(name) = &server.tls.server_name {
        return name;
    }
    let host = headers::host_for(
        &wanted.route.behavior.origin_request,
        server,
        wanted.viewer.host,
    );
    let name = host.to_str().unwrap_or_default();
    let name = name.rsplit_once(':').map_or(name, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host.to_str().unwrap_or_default()
        }
    });
    let is_dns_name = rustls::pki_types::DnsName::try_from(name).is_ok();
    if is_dns_name {
        name
    } else {
        &server.domain_name
    }
}

fn tell_failure(view: &View, target: &Target, member: usize, error: &OriginError) {
    let origin = &view.live.edge.origin(target.members[member].origin).id;
    tracing::debug!(%origin, error = error as &dyn std::error::Error, "an attempt brought no answer");
}
