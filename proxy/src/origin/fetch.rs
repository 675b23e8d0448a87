//! The loop that obeys [`rules::failover`](tideover_rules::failover): ask for the next step, take it, note what came of it.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use tideover_config::{
    Breaker, Failure, FaultKind, Folder, Member, OriginId, OriginKind, OriginScheme, Page, Server,
    Target, ViewerScheme,
};
use tideover_rules::alarm::found_elsewhere;
use tideover_rules::failover::{self, Ask, Attempt, Limits, Outcome, Sent, Step};
use tideover_rules::headers::{self, Request, Viewer};
use tideover_rules::route::Route;
use tideover_rules::server_name::{is_viewers_choice, server_name};
use tideover_rules::standing::{self, Behind, Standing, Why};

use super::Reach;
use super::answer::OriginAnswer;
use super::attempt::{Errand, attempt};
use super::faulty::faulty_attempt;
use super::folder::{self, Inquiry};
use crate::clock::Moment;
use crate::error::{Fault, OriginError};
use crate::faults;
use crate::live::Routed;
use crate::message::{BodyWatch, Once};
use crate::vitals::Vitals;
use crate::worker::View;

/// What became of asking the origins. The attempts are told on success and on failure.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) answer: Result<Answer, OriginError>,
    pub(crate) trail: Trail,
}

/// The attempts of one request.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// In order; empty only if the viewer's own body ended the first one, or nobody was asked.
    pub(crate) attempts: Vec<Attempt>,
    /// Which of `attempts` the answer is the outcome of.
    pub(crate) delivered: usize,
    pub(crate) struck: Struck,
}

impl Trail {
    /// How long the attempt took whose outcome it came to; nominal.
    pub(crate) fn took(&self) -> Duration {
        let delivered = self.attempts.get(self.delivered);
        delivered.map_or(Duration::ZERO, |attempt| attempt.took)
    }
}

/// Which of the attempts came up against a fault on command. Nothing at all in the usual case.
#[derive(Debug, Default)]
pub(crate) struct Struck(Option<Box<ByAttempt>>);

/// Positions among the attempts, and what it was.
#[derive(Debug, Default)]
struct ByAttempt(Vec<(usize, FaultKind)>);

impl Struck {
    fn note(&mut self, attempt: usize, fault: FaultKind) {
        let all = self.0.get_or_insert_with(Box::default);
        all.0.push((attempt, fault));
    }

    /// Of that attempt.
    pub(crate) fn at(&self, attempt: usize) -> Option<FaultKind> {
        let mut all = self.0.iter().flat_map(|all| &all.0);
        all.find_map(|(at, fault)| (*at == attempt).then_some(*fault))
    }
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
    pub(crate) fn set_aside(self) {
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
        OriginKind::Server(_) | OriginKind::Folder(_) => None,
    }
}

/// What is asked of the origins.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) route: &'a Route<'a, 'a>,
    /// What `route`'s target is by name, and how its records stood.
    pub(crate) routed: Routed,
    pub(crate) request: Request<'a>,
    pub(crate) viewer: &'a Viewer<'a>,
    /// `None` for a request without a body.
    pub(crate) watch: Option<&'a Rc<BodyWatch>>,
}

/// Asks the members of the route's target until the rule says which outcome to deliver.
pub(crate) async fn fetch(view: &View, wanted: &Wanted<'_>, body: &mut Once) -> Fetched {
    let (route, method) = (wanted.route, wanted.request.method);
    let clock = view.live.clock;
    let started = Moment::now();
    let mut course = Course {
        view,
        target: route.target,
        ask: Ask::of(route.behavior, method, route.path, !body.is_empty()),
        standings: standings(view, route.target),
        attempts: Vec::with_capacity(1),
        struck: Struck::default(),
    };
    // The soft answer that is held, its body unread. Boxed: rare, and large.
    let mut held: Option<(usize, Box<Answer>)> = None;
    let mut onward = course.onward(Duration::ZERO);
    loop {
        let (member, ref within) = match onward {
            Onward::Try { member, within } => (member, within),
            Onward::NobodyIsLeft(why) => {
                let delivered = course.attempts.len().saturating_sub(1);
                return course.fetched(Err(OriginError::LeftOut(why)), delivered);
            }
            Onward::Deliver(_) => unreachable!("the rule delivers only what an attempt brought"),
        };
        // Not by the turn: what the edge did in it before is no time of the origin's.
        let began = Moment::read();
        let origin = course.target.members[member].origin;
        let outcome = match &view.live.edge.origin(origin).kind {
            OriginKind::Page(_) => Ok(Answer::Page(origin)),
            // Large: boxed, so that it is not part of every request.
            OriginKind::Folder(folder) => {
                Box::pin(course.ask_folder(member, folder, wanted, within)).await
            }
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
                    turn: course.tries_at(member),
                    gap: course.target.members[member].timers.response_timeout,
                };
                let (way, pool) = (&reach.way, &reach.pool);
                let answer = match course.fault(origin) {
                    None => attempt(way, pool, clock, within, &mut errand).await,
                    // Rare and large: boxed, so that it is not part of every request.
                    Some(fault) => {
                        Box::pin(faulty_attempt(fault, way, pool, clock, within, &mut errand)).await
                    }
                };
                answer.map(Answer::Origin)
            }
        };
        let (told, sent) = match &outcome {
            Ok(answer) => (Outcome::Status(answer.status(view)), Sent::Something),
            Err(error) => match error.fault() {
                Fault::Origin(failure, sent) => (Outcome::Failed(failure), sent),
                Fault::LeftOut(why) => (Outcome::Skipped(why), Sent::Nothing),
                Fault::Viewer(_) => {
                    let delivered = course.attempts.len();
                    return course.fetched(outcome, delivered);
                }
            },
        };
        if let Err(error) = &outcome {
            tell_failure(view, course.target, member, error);
        }
        let this = course.attempts.len();
        course.note(member, told, sent, began);
        let is_about_it = !is_viewers_doing(view, wanted, origin, told);
        let of_it = is_about_it.then_some(told);
        onward = course.onward_from(member, of_it, began, clock.since(started));
        if let Onward::Deliver(delivered) = onward {
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
            return course.fetched(answer, delivered);
        }
        // The answer makes room for the next attempt: it is kept if it is the first soft one.
        let is_soft = failover::is_soft(course.target, &course.attempts[this]);
        match outcome {
            Ok(answer) if is_soft && held.is_none() => held = Some((this, Box::new(answer))),
            unwanted => set_aside(unwanted),
        }
    }
}

/// What the rule is asked about, and what came of it so far.
struct Course<'c> {
    view: &'c View,
    target: &'c Target,
    ask: Ask,
    standings: Vec<Standing>,
    attempts: Vec<Attempt>,
    struck: Struck,
}

/// Where a request goes on to.
enum Onward {
    Try {
        member: usize,
        within: Limits,
    },
    /// The latest attempt's outcome, or a held one's.
    Deliver(usize),
    /// Nobody was asked, and nobody may be.
    NobodyIsLeft(Why),
}

impl Course<'_> {
    /// [`Course::onward`] after `member`'s outcome. Where the request is done with it, however many tries it had, the outcome says
    /// something about the origin; `None`: this one does not.
    fn onward_from(
        &mut self,
        member: usize,
        outcome: Option<Outcome>,
        began: Moment,
        elapsed: Duration,
    ) -> Onward {
        let onward = self.onward(elapsed);
        let goes_on = matches!(onward, Onward::Try { member: again, .. } if again == member);
        if let Some(outcome) = outcome.filter(|_| !goes_on) {
            self.judge(member, outcome, began);
        }
        onward
    }

    /// Who is asked next, or whose answer is delivered. Whoever is left out on the way is noted.
    fn onward(&mut self, elapsed: Duration) -> Onward {
        loop {
            let step = failover::next_step(
                self.target,
                self.ask,
                &self.standings,
                &self.attempts,
                elapsed,
            );
            match step {
                Step::Try { member, within } => return Onward::Try { member, within },
                Step::Skip { member, why } => {
                    if why == Why::Breaker && self.may_try(member) {
                        self.standings[member] = Standing::Alive;
                    } else {
                        let outcome = Outcome::Skipped(why);
                        self.note(member, outcome, Sent::Nothing, Moment::now());
                    }
                }
                Step::Deliver(delivered) => {
                    let attempt = self.attempts[delivered];
                    if let Some(vitals) = vitals(self.view, self.target, attempt.member) {
                        vitals.delivered(self.view.worker);
                    }
                    if delivered > 0 {
                        self.note_found_elsewhere(delivered);
                    }
                    return match attempt.outcome {
                        Outcome::Skipped(why) => Onward::NobodyIsLeft(why),
                        Outcome::Status(_) | Outcome::Failed(_) => Onward::Deliver(delivered),
                    };
                }
            }
        }
    }

    /// All that came of it, `delivered` being what `answer` is the outcome of.
    fn fetched(self, answer: Result<Answer, OriginError>, delivered: usize) -> Fetched {
        Fetched {
            answer,
            trail: Trail {
                attempts: self.attempts,
                delivered,
                struck: self.struck,
            },
        }
    }

    /// What is wrong with `origin` for the attempt that is made now, which notes it.
    fn fault(&mut self, origin: OriginId) -> Option<FaultKind> {
        // Where nothing is known of anybody, nobody has a fault either.
        if self.standings.is_empty() {
            return None;
        }
        let fault = faults::strikes(&self.view.live, origin)?;
        self.struck.note(self.attempts.len(), fault);
        Some(fault)
    }

    /// One try at `member`, which is `folder`.
    async fn ask_folder(
        &mut self,
        member: usize,
        folder: &Folder,
        wanted: &Wanted<'_>,
        within: &Limits,
    ) -> Result<Answer, OriginError> {
        let Member { origin, timers, .. } = &self.target.members[member];
        let headers = headers::conditioned(wanted.request);
        let inquiry = Inquiry {
            method: wanted.request.method,
            path: wanted.route.path,
            query: wanted.request.target.query(),
            headers: &headers,
            gap: timers.response_timeout,
        };
        let fault = self.fault(*origin);
        let clock = self.view.live.clock;
        let answer = folder::ask(folder, inquiry, fault, clock, within).await;
        answer.map(Answer::Origin)
    }

    fn note_found_elsewhere(&self, delivered: usize) {
        for member in found_elsewhere(&self.attempts, delivered) {
            if let Some(vitals) = vitals(self.view, self.target, member) {
                vitals.found_elsewhere(self.view.worker);
            }
        }
    }

    /// Whether this request is the one that sees whether `member`, whose breaker is open, is back.
    fn may_try(&self, member: usize) -> bool {
        let behind = standing::behind(self.target, &self.standings, member);
        let another_answers = behind == Some(Behind::Server);
        let both =
            vitals(self.view, self.target, member).zip(breaker(self.view, self.target, member));
        let timers = self.target.members[member].timers;
        let patience = timers
            .connection_timeout
            .saturating_add(timers.response_timeout);
        both.is_some_and(|(vitals, breaker)| {
            let now = self.view.live.clock.elapsed();
            vitals.may_try(breaker, another_answers, now, patience)
        })
    }

    /// Attempts at `member` so far.
    fn tries_at(&self, member: usize) -> usize {
        let attempts = self.attempts.iter();
        attempts.filter(|attempt| attempt.member == member).count()
    }

    /// The last try at `member` began at `began` and came to this.
    fn judge(&self, member: usize, outcome: Outcome, began: Moment) {
        let vitals = vitals(self.view, self.target, member);
        if let (Some(vitals), Some(breaker)) = (vitals, breaker(self.view, self.target, member)) {
            let clock = self.view.live.clock;
            vitals.judge(
                self.view.worker,
                outcome,
                breaker,
                || clock.nominal_at(began),
                || clock.elapsed(),
            );
        }
    }

    /// One more attempt, which began at `began`.
    fn note(&mut self, member: usize, outcome: Outcome, sent: Sent, began: Moment) {
        let clock = self.view.live.clock;
        if let Some(vitals) = vitals(self.view, self.target, member) {
            vitals.count(self.view.worker, outcome);
        }
        let took = match outcome {
            Outcome::Skipped(_) => Duration::ZERO,
            Outcome::Status(_) | Outcome::Failed(_) => clock.since(began),
        };
        self.attempts.push(Attempt {
            member,
            outcome,
            sent,
            took,
        });
    }
}

/// Whether it is known that no origin of `target` answers.
pub(crate) fn is_known_dead(view: &View, target: &Target) -> bool {
    standing::nobody_answers(target, &standings(view, target))
}

/// How each member of `target` stands; nothing at all in the usual case, that all of them stand well.
fn standings(view: &View, target: &Target) -> Vec<Standing> {
    let origins = &view.live.origins;
    let is_plain = |member: &Member| {
        let alive = &origins[usize::from(member.origin.0)];
        alive.vitals.is_plain()
    };
    if target.members.iter().all(is_plain) {
        return Vec::new();
    }
    let nth = view.looked_closer.get();
    view.looked_closer.set(nth.wrapping_add(1));
    view.live.standings(target, nth)
}

/// What is known of a member; of a page nothing is counted.
fn vitals<'v>(view: &'v View, target: &Target, member: usize) -> Option<&'v Vitals> {
    let member = &target.members[member];
    let alive = &view.live.origins[usize::from(member.origin.0)];
    (!member.is_page).then_some(&*alive.vitals)
}

fn breaker<'v>(view: &'v View, target: &Target, member: usize) -> Option<&'v Breaker> {
    match &view.live.edge.origin(target.members[member].origin).kind {
        OriginKind::Server(server) => server.breaker.as_ref(),
        OriginKind::Page(_) | OriginKind::Folder(_) => None,
    }
}

/// Whether `outcome` came of what the viewer chose or was late with: whoever may ask could open a breaker otherwise.
fn is_viewers_doing(view: &View, wanted: &Wanted<'_>, origin: OriginId, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Failed(Failure::CompletionTimeout) => {
            wanted.watch.is_some_and(|watch| !watch.done.get())
        }
        Outcome::Failed(Failure::Tls) => match &view.live.edge.origin(origin).kind {
            OriginKind::Server(server) => {
                let plan = &wanted.route.behavior.origin_request;
                is_viewers_choice(plan, server, wanted.viewer.host)
            }
            OriginKind::Page(_) | OriginKind::Folder(_) => false,
        },
        Outcome::Failed(_) | Outcome::Status(_) | Outcome::Skipped(_) => false,
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
