//! A request whose answer may be kept: looked up, read along, or fetched for all who ask.

mod going;
mod revalidated;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::{CachePolicy, Distribution};
use tideover_rules::cache::compression::{self, Coding};
use tideover_rules::cache::freshness::{self, Answered, Asked, Keep, Lifetime, Reuse, WhyNot};
use tideover_rules::cache::key;
use tideover_rules::cache::plan::{self, Ask, Candidate, Plan, Terms};
use tideover_rules::cache::range;
use tideover_rules::cache::steered;
use tideover_rules::cache::vary::{self, Varies};
use tideover_rules::cache::verdict::{Fetched as Came, Forward, Verdict, WhyStale};
use tideover_rules::error_page::error_ttl;
use tideover_rules::failover::{Attempt, Sent};
use tideover_rules::fields::{Known, Survey};
use tideover_rules::headers::Conditions;

use super::beside;
use super::sliced::served;
use crate::cache::{
    Answer as KeptAnswer, ChosenBy, Compressor, Failed, FillReader, Found, Head, Kept, Lead,
    Settled, Since, Stage, What, pour,
};
use crate::clock::Moment;
use crate::error::OriginError;
use crate::message::{Once, ViewerBody};
use crate::origin::{self, Answer, Fetched, OriginAnswer, Trail, Wanted};
use crate::respond::{self, Reply, Speaker};
use crate::worker::{View, Worker};
pub(super) use going::go_on;

/// Where it is known that no origin answers, what is kept is asked for anew so often, beside its being served.
pub(super) const FIND_OUT_EVERY: Duration = Duration::from_secs(1);

/// What a request may be answered with before anybody is asked.
#[expect(
    clippy::large_enum_variant,
    reason = "a hit is the large one, and a box would cost each of them an allocation"
)]
pub(super) enum Sight<'a> {
    /// What is kept is the answer.
    Answers(Reply),
    /// It takes more.
    Goes(Box<Search<'a>>),
    /// Nothing is ever kept for such a request: it goes to an origin; what is told of the cache, if there is one.
    None(Option<Verdict>),
}

/// What is looked for, and what was found of it.
pub(super) struct Search<'a> {
    policy: &'a CachePolicy,
    key: Vec<u8>,
    found: Found,
}

/// Looks up what is kept for `wanted`: the whole way of a hit.
pub(super) fn look<'a>(speaker: Speaker<'_>, wanted: Wanted<'a>, is_bodyless: bool) -> Sight<'a> {
    let request = wanted.request;
    let Some(policy) = &wanted.route.behavior.cache else {
        return Sight::None(None);
    };
    if !policy.methods.contains(request.method) || !is_bodyless || request.to_websocket {
        return Sight::None(Some(Verdict::Fetched(Came {
            why: Forward::Method,
            kept: Err(WhyNot::Method),
            along: false,
        })));
    }
    let worker = speaker.worker();
    let cache = &worker.shared.cache;
    let mut key = worker.key.borrow_mut();
    write_key(policy, &wanted, &mut key);
    let now = cache.now(speaker.clock());
    let found = cache.look_up(&mut key, wanted.request.fields, now);
    if let Found::Answer(kept) = &found
        && let What::Answer(answer) = &kept.what
        && let Reuse::Fresh(left) = freshness::reuse(&answer.lifetime, kept.resident(now))
        && answer.in_slices().is_none()
        && covers(&wanted, policy, kept, answer)
    {
        let reply = respond::kept(speaker, wanted, policy, kept, Verdict::Hit(left), None);
        return Sight::Answers(reply);
    }
    // What is served stale costs no more than that: it is all there is when nobody answers.
    if let Found::Answer(kept) = &found
        && let What::Answer(answer) = &kept.what
        && answer.in_slices().is_none()
        && let Ok((kept, verdict)) = at_once(speaker, &wanted, policy, &key, &found, now)
    {
        let reply = respond::kept(speaker, wanted, policy, kept, verdict, None);
        return Sight::Answers(reply);
    }
    Sight::Goes(Box::new(Search {
        policy,
        key: key.clone(),
        found,
    }))
}

/// What was `found` under `key`, if nobody has to be asked before it is served; else how they are asked.
fn at_once<'f>(
    speaker: Speaker<'_>,
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    key: &[u8],
    found: &'f Found,
    now: Duration,
) -> Result<(&'f Arc<Kept>, Verdict), Ask> {
    let (plan, kept) = plan_for(&speaker.line().view, wanted, policy, found, now);
    let (verdict, is_asked_for, kept) = match (plan, kept) {
        (Plan::Ask(ask), _) => return Err(ask),
        (Plan::Serve(verdict), Some(kept)) => (verdict, false, kept),
        (Plan::ServeAndRefresh(verdict), Some(kept)) => (verdict, true, kept),
        (Plan::Serve(_) | Plan::ServeAndRefresh(_), None) => {
            unreachable!("only what was found is served")
        }
    };
    if is_asked_for
        && let What::Answer(answer) = &kept.what
        && answer.is_its_turn(now, FIND_OUT_EVERY)
    {
        beside::refresh(speaker.line(), wanted, key, kept);
    }
    Ok((kept, verdict))
}

/// What is done for `wanted` by what was `found`, and what of that is an answer.
fn plan_for<'f>(
    view: &View,
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    found: &'f Found,
    now: Duration,
) -> (Plan, Option<&'f Arc<Kept>>) {
    let terms = Terms {
        is_particular: is_particular(wanted, policy),
        collapse: policy.collapse,
        stale_at_once: policy.stale.at_once,
    };
    let (found, kept) = match found {
        Found::Nothing => (plan::Found::Nothing, None),
        Found::OtherVariants => (plan::Found::OtherVariants, None),
        Found::Pass => (plan::Found::Pass, None),
        Found::Answer(kept) => match candidate(wanted, policy, kept, now) {
            Some(candidate) => (plan::Found::Answer(candidate), Some(kept)),
            None => (plan::Found::Nothing, None),
        },
    };
    let nobody_answers = || origin::is_known_dead(view, wanted.route.target);
    (plan::plan(found, terms, nobody_answers), kept)
}

fn candidate(
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    kept: &Kept,
    now: Duration,
) -> Option<Candidate> {
    let What::Answer(answer) = &kept.what else {
        return None;
    };
    let resident = kept.resident(now);
    Some(Candidate {
        reuse: freshness::reuse(&answer.lifetime, resident),
        covers: covers(wanted, policy, kept, answer),
        stands_in: freshness::stands_in(&answer.lifetime, resident, None),
        is_left_alone: answer.is_left_alone(now),
    })
}

/// What of what was `found` the origins are asked about.
fn about(found: Found, ask: Ask) -> Option<Arc<Kept>> {
    match found {
        Found::Answer(kept) if ask.about_what_was_found => Some(kept),
        Found::Answer(_) | Found::Nothing | Found::OtherVariants | Found::Pass => None,
    }
}

/// Whether what is kept has what is asked for.
fn covers(wanted: &Wanted<'_>, policy: &CachePolicy, kept: &Kept, answer: &KeptAnswer) -> bool {
    let fields = wanted.request.fields;
    match answer.part.as_deref() {
        _ if is_conditional_on_the_origin(wanted, policy) => false,
        None => true,
        // HEAD knows no ranges.
        Some((part, _)) if !part.is_empty() && *wanted.request.method != Method::GET => false,
        // Several parts are the origin's business.
        Some((none, total)) if none.is_empty() => {
            let asked = range::part(fields, &answer.fields(kept, 0), *total);
            !matches!(asked, range::Part::Several(_))
        }
        Some((part, total)) => {
            range::covered(fields, &answer.fields(kept, 0), part, *total).is_some()
        }
    }
}

/// The viewer has conditions that the cache does not judge.
fn is_conditional_on_the_origin(wanted: &Wanted<'_>, policy: &CachePolicy) -> bool {
    let fields = wanted.request.fields;
    !policy.answers_conditions
        && (fields.has(Known::IfNoneMatch) || fields.has(Known::IfModifiedSince))
}

/// The request asks for a part, or under conditions that only the origin can judge: its answer is not everybody's.
fn is_particular(wanted: &Wanted<'_>, policy: &CachePolicy) -> bool {
    let fields = wanted.request.fields;
    *wanted.request.method == Method::HEAD
        || fields.has(Known::Range)
        || is_conditional_on_the_origin(wanted, policy)
        || fields.map().contains_key(http::header::IF_MATCH)
        || fields.map().contains_key(http::header::IF_UNMODIFIED_SINCE)
}

fn settled_verdict(kept: &Kept, settled: Settled, now: Duration) -> Verdict {
    let lifetime = match &kept.what {
        What::Answer(answer) => answer.lifetime,
        What::Fork { .. } | What::Pass { .. } => Lifetime::default(),
    };
    let age = freshness::age(&lifetime, kept.resident(now));
    match settled {
        Settled::Fresh => Verdict::Hit(lifetime.fresh.saturating_sub(age)),
        Settled::Stale(why) => Verdict::Stale(age.saturating_sub(lifetime.fresh), why),
    }
}

pub(super) fn left(lifetime: &Lifetime) -> u32 {
    lifetime.fresh.saturating_sub(lifetime.age)
}

pub(super) fn write_key(policy: &CachePolicy, wanted: &Wanted<'_>, key: &mut Vec<u8>) {
    let route = wanted.route;
    let distribution: &Distribution = route.distribution;
    key::write(
        policy,
        &distribution.id,
        route.path,
        wanted.request,
        wanted.viewer,
        key,
    );
}

/// What came of asking.
pub(super) enum Brought {
    /// What was kept before, freshened or in place of failed origins.
    Kept(Arc<Kept>, Verdict, Trail),
    /// A new answer, which this viewer reads along with others.
    Flows(FillReader, Verdict, Trail),
    /// An answer for this viewer only.
    Passes(Verdict, Fetched),
}

async fn respond_with(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    brought: Brought,
) -> Reply {
    match brought {
        Brought::Kept(kept, verdict, trail) => {
            served(speaker, wanted, policy, &kept, verdict, Some(trail)).await
        }
        Brought::Flows(reader, verdict, trail) => {
            respond::fill(speaker, wanted, policy, reader, verdict, Some(trail))
        }
        Brought::Passes(verdict, fetched) => {
            respond::fetched(speaker, wanted, fetched, Some(verdict))
        }
    }
}

/// One who asks the origins for all.
pub(super) struct Asks<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) view: &'a View,
    pub(super) wanted: Wanted<'a>,
    pub(super) policy: &'a CachePolicy,
    pub(super) key: Vec<u8>,
    /// What is asked about whether it is still good.
    pub(super) kept: Option<Arc<Kept>>,
    /// Before `kept` was seen.
    pub(super) since: Since,
    pub(super) ask: Ask,
}

impl Asks<'_> {
    pub(super) async fn ask(mut self, lead: Option<Lead>) -> Brought {
        let cache = &self.worker.shared.cache;
        let since = self.since;
        let mut fetched = self.fetch(&self.own_conditions()).await;
        if self.is_about_something_else(&fetched) {
            self.kept = None;
            fetched = self.fetch(&[]).await;
        }
        let now = cache.now(self.view.live.clock);
        if let Some((kept, why)) = self.stand_in(&fetched, now) {
            if let Ok(answer) = fetched.answer {
                answer.set_aside();
            }
            let settled = Settled::Stale(why);
            let verdict = settled_verdict(&kept, settled, now);
            settles(lead, Stage::Settled(Arc::clone(&kept), settled));
            return Brought::Kept(kept, verdict, fetched.trail);
        }
        let trail = fetched.trail;
        let mut answer = match fetched.answer {
            Ok(Answer::Origin(answer)) => answer,
            Ok(Answer::Page(page)) => {
                settles(lead, Stage::NotShared);
                return self.passed(Ok(Answer::Page(page)), trail, WhyNot::Status);
            }
            Err(error) => {
                settles(lead, stage_after(&error, &trail));
                return self.passed(Err(error), trail, WhyNot::Status);
            }
        };
        let took = trail.took();
        if answer.response.status() == StatusCode::NOT_MODIFIED
            && let Some(kept) = self.kept.take()
        {
            let (kept, verdict, is_for_all) = self.freshened(&kept, answer, now, took);
            let stage = if is_for_all {
                Stage::Settled(Arc::clone(&kept), Settled::Fresh)
            } else {
                Stage::NotShared
            };
            settles(lead, stage);
            return Brought::Kept(kept, verdict, trail);
        }
        if let Some(kept) = self.updated_by_head(&answer, now, took) {
            settles(lead, Stage::NotShared);
            let answer = Ok(Answer::Origin(answer));
            return Brought::Passes(self.came(kept), Fetched { answer, trail });
        }
        if let Some((large, verdict)) = self.large(&answer, now, took) {
            // Those who wait find it.
            drop(lead);
            if self.ask.for_all && self.wanted.request.fields.has(Known::Range) {
                // The viewer asked for less.
                answer.response.into_body().drain();
                return Brought::Kept(large, verdict, trail);
            }
            return self.passed(Ok(Answer::Origin(answer)), trail, WhyNot::NotWhole);
        }
        match self.storable(&answer, took) {
            Ok((storable, chosen_by)) => {
                self.flows(lead, answer, storable, chosen_by, (now, trail))
            }
            Err(why) => {
                if why == WhyNot::NotWhole && *self.wanted.request.method == Method::HEAD {
                    self.tells_what_a_get_would(&mut answer);
                }
                if self.ask.together && !self.is_its_own_doing(why, &answer) {
                    cache.remember_to_pass(&self.key, since, now);
                }
                settles(lead, Stage::NotShared);
                self.passed(Ok(Answer::Origin(answer)), trail, why)
            }
        }
    }

    /// `answer`, which came at `now`, is kept and read by all who ask.
    fn flows(
        mut self,
        lead: Option<Lead>,
        answer: OriginAnswer,
        storable: Storable,
        chosen_by: Option<ChosenBy>,
        (now, trail): (Duration, Trail),
    ) -> Brought {
        let cache = &self.worker.shared.cache;
        let since = self.since;
        self.forks(chosen_by.as_ref(), now);
        let length = http_body::Body::size_hint(answer.response.body()).exact();
        let (head, body) = answer.response.into_parts();
        let mut fields = head.headers;
        self.drops_what_is_withheld(&mut fields);
        let compressor = length.and_then(|_| self.compressor(head.status, &fields));
        let compressed =
            (compressor.as_ref()).map(|it| compression::describe(&mut fields, it.coding()));
        let length = length.filter(|_| compressed.is_none());
        let head = Head {
            status: head.status,
            fields,
            lifetime: storable.lifetime,
            compressed,
            part: storable.part,
        };
        let verdict = self.came(Ok(left(&head.lifetime)));
        let lead = lead.unwrap_or_else(|| cache.lead_alone(&self.key, since));
        let (pouring, reader) = lead.pours(cache, &self.key, now, head, length, chosen_by);
        let shared = Arc::clone(&self.worker.shared);
        let worker = Rc::clone(self.worker);
        match compressor {
            Some(compressor) => worker.pours(async move {
                pour(&shared.cache, pouring, compressor.compresses(body)).await;
            }),
            None => worker.pours(async move { pour(&shared.cache, pouring, body).await }),
        }
        Brought::Flows(reader, verdict, trail)
    }

    /// The key becomes the longer one of an answer that was `chosen_by` something beside it.
    pub(super) fn forks(&mut self, chosen_by: Option<&ChosenBy>, now: Duration) {
        let Some(chosen) = chosen_by else {
            return;
        };
        write_key(self.policy, &self.wanted, &mut self.key);
        let (cache, fields) = (&self.worker.shared.cache, self.wanted.request.fields);
        cache.fork(&mut self.key, &chosen.names, fields, self.since, now);
    }

    /// What an answer withholds from others is not kept with it.
    pub(super) fn drops_what_is_withheld(&self, fields: &mut http::HeaderMap) {
        for name in freshness::withheld(self.policy, fields) {
            fields.remove(name);
        }
    }

    /// What the origins come to, under the `own` conditions if it is for all.
    async fn fetch(&self, own: &[(HeaderName, HeaderValue)]) -> Fetched {
        let mut wanted = self.wanted;
        if self.ask.for_all {
            wanted.request.conditions = Conditions::Own(own);
        }
        origin::fetch(self.view, &wanted, &mut Once::Here(ViewerBody::Empty)).await
    }

    /// What of `answer` is kept, and what chose it; or why nothing is.
    fn storable(
        &self,
        answer: &OriginAnswer,
        took: Duration,
    ) -> Result<(Storable, Option<ChosenBy>), WhyNot> {
        let status = answer.response.status();
        let fields = answer.response.headers();
        if steered::is(self.wanted.request.fields, &self.policy.key.headers) {
            return Err(WhyNot::Steered);
        }
        // What is wrong with its conditions is nobody else's.
        if *self.wanted.request.method != Method::HEAD
            && status.is_client_error()
            && is_particular(&self.wanted, self.policy)
        {
            return Err(WhyNot::Status);
        }
        let part = range::content_range(fields).filter(|_| status == StatusCode::PARTIAL_CONTENT);
        let status = part.as_ref().map_or(status, |_| StatusCode::OK);
        let lifetime = match self.keep(status, fields, took) {
            Keep::For(lifetime) => lifetime,
            Keep::Not(why) => return Err(why),
        };
        let length = http_body::Body::size_hint(answer.response.body()).exact();
        let cache = &self.worker.shared.cache;
        if *self.wanted.request.method == Method::HEAD
            || fields.contains_key(http::header::TRAILER)
            || is_without_end(fields)
            || part.as_ref().is_some_and(|(part, _)| {
                // Nobody can say which bytes these are.
                length.is_some_and(|length| length != part.end.saturating_sub(part.start))
            })
        {
            return Err(WhyNot::NotWhole);
        }
        if !cache.has_room_for(length.unwrap_or(0)) {
            cache.tally.refused();
            return Err(WhyNot::NotWhole);
        }
        let chosen_by = self.choice(fields)?;
        Ok((Storable { lifetime, part }, chosen_by))
    }

    /// What compresses an answer with these `fields`, which is kept; `None`: nothing does, or those who could are too busy. It is
    /// kept as it is then, as CloudFront does: the next fetch of it may meet idle ones.
    fn compressor(&self, status: StatusCode, fields: &http::HeaderMap) -> Option<Compressor> {
        let coding = self.coding(status, fields)?;
        let length = compression::length(fields)?;
        self.worker.shared.cache.compressors.begin(coding, length)
    }

    /// A HEAD's answer, which is not kept, as that of a GET would be, which is.
    fn tells_what_a_get_would(&self, answer: &mut OriginAnswer) {
        let (status, fields) = (answer.response.status(), answer.response.headers());
        if let Some(coding) = self.coding(status, fields) {
            compression::describe(answer.response.headers_mut(), coding);
            answer.survey = Survey::of(answer.response.headers());
        }
    }

    fn coding(&self, status: StatusCode, fields: &http::HeaderMap) -> Option<Coding> {
        let (request, version) = (self.wanted.request, self.wanted.viewer.version);
        compression::coding(self.policy, request.fields, version, status, fields)
    }

    /// Whether nothing is kept only because of this request or of this moment: the next one's answer may be everybody's, and
    /// what was kept before is not to be lost over it.
    fn is_its_own_doing(&self, why: WhyNot, answer: &OriginAnswer) -> bool {
        if why == WhyNot::NotWhole {
            let length = http_body::Body::size_hint(answer.response.body()).exact();
            let limits = &self.worker.shared.cache.limits;
            return *self.wanted.request.method == Method::HEAD
                || length.is_some_and(|it| it <= limits.object);
        }
        if why == WhyNot::Authorization {
            return self.kept.is_some();
        }
        self.is_of_this_request(why)
    }

    /// Whether an answer is not kept because of what this request says.
    fn is_of_this_request(&self, why: WhyNot) -> bool {
        let request = self.wanted.request;
        let asked = Asked::of(request.method, request.fields);
        match why {
            WhyNot::NoStore => asked.no_store,
            WhyNot::Authorization | WhyNot::Steered => true,
            WhyNot::NoTime => asked.cookie,
            WhyNot::Method
            | WhyNot::Status
            | WhyNot::Private
            | WhyNot::TooOld
            | WhyNot::VariesUnknowably
            | WhyNot::NotWhole => false,
        }
    }

    pub(super) fn came(&self, kept: Result<u32, WhyNot>) -> Verdict {
        Verdict::Fetched(Came {
            why: self.ask.why,
            kept,
            along: false,
        })
    }

    /// An answer that nobody else gets.
    fn passed(&self, answer: Result<Answer, OriginError>, trail: Trail, why: WhyNot) -> Brought {
        Brought::Passes(self.came(Err(why)), Fetched { answer, trail })
    }

    pub(super) fn keep(
        &self,
        status: StatusCode,
        fields: &http::HeaderMap,
        took: Duration,
    ) -> Keep {
        keep(self.policy, &self.wanted, status, fields, took)
    }

    /// What chose an answer with these `fields`, beside the key.
    pub(super) fn choice(&self, fields: &http::HeaderMap) -> Result<Option<ChosenBy>, WhyNot> {
        let plan = &self.wanted.route.behavior.origin_request;
        let names = match vary::beside_the_key(self.policy, plan, fields) {
            Varies::Not => return Ok(None),
            Varies::Unknowably => return Err(WhyNot::VariesUnknowably),
            Varies::By(names) => names,
        };
        let mut suffix = Vec::new();
        vary::write(&names, self.wanted.request.fields, &mut suffix);
        Ok(Some(ChosenBy { names, suffix }))
    }

    /// What is kept, if it stands in for what the origins came to; and why. They are left alone for a while then.
    fn stand_in(&self, fetched: &Fetched, now: Duration) -> Option<(Arc<Kept>, WhyStale)> {
        let kept = self.kept.as_ref()?;
        let What::Answer(answer) = &kept.what else {
            return None;
        };
        let (status, why) = match &fetched.answer {
            Ok(Answer::Origin(answer)) => {
                let status = answer.response.status();
                (Some(status), WhyStale::Status(status))
            }
            // The last page says that nobody answers.
            Ok(Answer::Page(_)) | Err(_) => (None, WhyStale::NoAnswer),
        };
        if !freshness::stands_in(&answer.lifetime, kept.resident(now), status) {
            return None;
        }
        answer.leave_alone(now, self.policy.stale.ask_again_after);
        Some((Arc::clone(kept), why))
    }
}

/// What followers are told where no origin brought an answer.
pub(super) fn stage_after(error: &OriginError, trail: &Trail) -> Stage {
    let nothing_left = |attempt: &Attempt| attempt.sent == Sent::Nothing;
    if !trail.attempts.iter().all(nothing_left) {
        // It may have been something about this request that an origin broke down over.
        return Stage::NotShared;
    }
    Stage::Failed(Arc::new(Failed {
        fault: error.fault(),
        attempts: trail.attempts.clone(),
        delivered: trail.delivered,
    }))
}

/// Whether, and for how long, what came for `wanted` is kept.
pub(super) fn keep(
    policy: &CachePolicy,
    wanted: &Wanted<'_>,
    status: StatusCode,
    fields: &http::HeaderMap,
    took: Duration,
) -> Keep {
    let request = wanted.request;
    let asked = Asked::of(request.method, request.fields);
    let answered = Answered {
        status,
        fields,
        at: Moment::now().on_the_wall(),
        took,
    };
    let error_ttl = error_ttl(wanted.route.distribution, status);
    freshness::keep(policy, asked, answered, error_ttl)
}

/// A stream of events is for whoever listens, and as long as he does. Source: HTML Living Standard, "Server-sent events".
fn is_without_end(fields: &http::HeaderMap) -> bool {
    let kind = fields.get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/event-stream")
    })
}

/// Tells those who wait for `lead`, if it is one.
fn settles(lead: Option<Lead>, stage: Stage) {
    if let Some(lead) = lead {
        lead.settles(stage);
    }
}

/// What of an answer is kept.
struct Storable {
    lifetime: Lifetime,
    part: Option<(std::ops::Range<u64>, u64)>,
}

impl Fetched {
    /// What became of somebody else's fetch that brought nothing.
    pub(super) fn failed_for_all(failed: &Failed) -> Self {
        Self {
            answer: Err(OriginError::ForAll(failed.fault)),
            trail: Trail {
                attempts: failed.attempts.clone(),
                delivered: failed.delivered,
                ..Trail::default()
            },
        }
    }
}
