//! A request whose answer may be kept: looked up, read along, or fetched for all who ask.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::{AcceptEncoding, CachePolicy, Distribution, VaryRule};
use tideover_rules::cache::compression::{self, Coding};
use tideover_rules::cache::conditional;
use tideover_rules::cache::freshness::{self, Answered, Asked, Keep, Lifetime, Reuse, WhyNot};
use tideover_rules::cache::key;
use tideover_rules::cache::plan::{self, Ask, Candidate, Plan, Terms};
use tideover_rules::cache::range;
use tideover_rules::cache::vary::{self, Varies};
use tideover_rules::cache::verdict::{Fetched as Came, Forward, Verdict, WhyStale};
use tideover_rules::error_page::error_ttl;
use tideover_rules::failover::{Attempt, Sent};
use tideover_rules::fields::{Known, Survey};
use tideover_rules::headers::Conditions;
use tokio::time::timeout;

use super::beside;
use super::sliced::served;
use crate::cache::{
    Answer as KeptAnswer, ChosenBy, Compressor, Failed, FillReader, Found, Head, Kept, Lead, Part,
    Settled, Since, Stage, What, pour,
};
use crate::clock::Moment;
use crate::error::OriginError;
use crate::message::{Once, ViewerBody};
use crate::origin::{self, Answer, Fetched, OriginAnswer, Trail, Wanted};
use crate::respond::{self, Reply, Speaker};
use crate::worker::{View, Worker};

/// So long a request waits for the head of what another fetches; then it asks for itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where it is known that no origin answers, what is kept is asked for anew so often, beside its being served.
const FIND_OUT_EVERY: Duration = Duration::from_secs(1);

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
        let since = speaker.worker().shared.cache.since(key);
        beside::refresh(speaker.line(), wanted, key, kept, since);
    }
    Ok((kept, verdict))
}

/// Everything that is more than a hit.
pub(super) async fn go_on(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    search: Box<Search<'_>>,
) -> Reply {
    let line = speaker.line();
    let (worker, view) = (&line.worker, &line.view);
    let cache = &worker.shared.cache;
    let Search {
        policy,
        mut key,
        mut found,
    } = *search;
    let mut patience = None;
    loop {
        let since = cache.since(&key);
        if let Found::Answer(kept) = &found
            && !cache.still_has(kept)
        {
            // It must not be asked about: freshened, it would be kept as of now.
            write_key(policy, &wanted, &mut key);
            let now = cache.now(view.live.clock);
            found = cache.look_up(&mut key, wanted.request.fields, now);
            continue;
        }
        let now = cache.now(view.live.clock);
        let ask = match at_once(speaker, &wanted, policy, &key, &found, now) {
            Ok((kept, verdict)) => {
                return served(speaker, wanted, policy, kept, verdict, None).await;
            }
            Err(ask) => ask,
        };
        let asks = |key, kept| Asks {
            worker,
            view,
            wanted,
            policy,
            key,
            kept,
            since,
            ask,
        };
        let part = if ask.together {
            cache.join(&key, since)
        } else {
            Part::Alone
        };
        let mut reader = match part {
            Part::Leads(lead) => {
                // Whoever had the lead before may have ended in between.
                let length = key.len();
                let again = cache.look_up(&mut key, wanted.request.fields, now);
                let is_otherwise = match &again {
                    // The lead is for a shorter key, or for nobody but this request.
                    _ if key.len() > length => true,
                    Found::Pass => true,
                    Found::Answer(_) => {
                        let (plan, _) = plan_for(view, &wanted, policy, &again, now);
                        matches!(plan, Plan::Serve(_))
                    }
                    Found::Nothing | Found::OtherVariants => false,
                };
                if is_otherwise {
                    drop(lead);
                    found = again;
                    continue;
                }
                let kept = about(found, ask);
                let brought = asks(key, kept).ask(Some(lead)).await;
                return respond_with(speaker, wanted, policy, brought).await;
            }
            Part::Alone => {
                let kept = about(found, ask);
                let brought = asks(key, kept).ask(None).await;
                return respond_with(speaker, wanted, policy, brought).await;
            }
            Part::Follows(reader) => reader,
        };
        // Not anew for each leader that goes away.
        let patience =
            *patience.get_or_insert_with(|| Moment::now() + view.live.clock.real(PATIENCE));
        let alone = Ask {
            together: false,
            ..ask
        };
        match timeout(patience.since(Moment::now()), reader.stage()).await {
            Err(_) | Ok(Stage::NotShared) => {
                drop(reader);
                let asks = Asks {
                    ask: alone,
                    ..asks(key, about(found, ask))
                };
                let brought = asks.ask(None).await;
                return respond_with(speaker, wanted, policy, brought).await;
            }
            Ok(Stage::Waiting | Stage::Abandoned) => {}
            Ok(Stage::Settled(kept, settled)) => {
                let now = cache.now(view.live.clock);
                let verdict = settled_verdict(&kept, settled, now);
                return served(speaker, wanted, policy, &kept, verdict, None).await;
            }
            Ok(Stage::Failed(failed)) => {
                let verdict = Verdict::Fetched(Came {
                    why: ask.why,
                    kept: Err(WhyNot::Status),
                    along: true,
                });
                let fetched = Fetched::failed_for_all(&failed);
                return respond::fetched(speaker, wanted, fetched, Some(verdict));
            }
            Ok(Stage::Flowing(flowing)) => {
                let is_chosen = flowing.chosen_by.as_ref().is_none_or(|chosen| {
                    let mut suffix = Vec::new();
                    vary::write(&chosen.names, wanted.request.fields, &mut suffix);
                    suffix == chosen.suffix
                });
                if is_chosen {
                    let verdict = Verdict::Fetched(Came {
                        why: ask.why,
                        kept: Ok(left(&flowing.head.lifetime)),
                        along: true,
                    });
                    reader.flows(flowing);
                    return respond::fill(speaker, wanted, policy, reader, verdict, None);
                }
            }
        }
        drop(reader);
        write_key(policy, &wanted, &mut key);
        let now = cache.now(view.live.clock);
        found = cache.look_up(&mut key, wanted.request.fields, now);
    }
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
                let nothing_left = |attempt: &Attempt| attempt.sent == Sent::Nothing;
                let stage = if trail.attempts.iter().all(nothing_left) {
                    Stage::Failed(Arc::new(Failed {
                        fault: error.fault(),
                        attempts: trail.attempts.clone(),
                        delivered: trail.delivered,
                    }))
                } else {
                    // It may have been something about this request that an origin broke down over.
                    Stage::NotShared
                };
                settles(lead, stage);
                return self.passed(Err(error), trail, WhyNot::Status);
            }
        };
        let took = trail.attempts.get(trail.delivered);
        let took = took.map_or(Duration::ZERO, |attempt| attempt.took);
        if answer.response.status() == StatusCode::NOT_MODIFIED
            && let Some(kept) = self.kept.take()
        {
            let (kept, verdict) = self.freshened(&kept, answer, now, took);
            settles(lead, Stage::Settled(Arc::clone(&kept), Settled::Fresh));
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
                if let Some(chosen) = &chosen_by {
                    let fields = self.wanted.request.fields;
                    write_key(self.policy, &self.wanted, &mut self.key);
                    cache.fork(&mut self.key, &chosen.names, fields, since, now);
                }
                let length = http_body::Body::size_hint(answer.response.body()).exact();
                let (head, body) = answer.response.into_parts();
                let mut fields = head.headers;
                for name in freshness::withheld(self.policy, &fields) {
                    fields.remove(name);
                }
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
                let (pouring, reader) = lead.pours(&self.key, since, now, head, length, chosen_by);
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
            Err(why) => {
                let (status, fields) = (answer.response.status(), answer.response.headers());
                if why == WhyNot::NotWhole
                    && *self.wanted.request.method == Method::HEAD
                    && let Some(coding) = self.coding(status, fields)
                {
                    // As a GET would be answered.
                    compression::describe(answer.response.headers_mut(), coding);
                    answer.survey = Survey::of(answer.response.headers());
                }
                if self.ask.together && !self.is_its_own_doing(why, &answer) {
                    cache.remember_to_pass(&self.key, since, now);
                }
                settles(lead, Stage::NotShared);
                self.passed(Ok(Answer::Origin(answer)), trail, why)
            }
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

    /// A 304 came, and not about what is kept.
    fn is_about_something_else(&self, fetched: &Fetched) -> bool {
        let (Some(kept), Ok(Answer::Origin(answer))) = (&self.kept, &fetched.answer) else {
            return false;
        };
        let fresh = answer.response.headers();
        answer.response.status() == StatusCode::NOT_MODIFIED
            && match &kept.what {
                What::Answer(answer) => !conditional::confirms(&answer.fields(kept, 0), fresh),
                What::Fork { .. } | What::Pass { .. } => false,
            }
    }

    /// What of `answer` is kept, and what chose it; or why nothing is.
    fn storable(
        &self,
        answer: &OriginAnswer,
        took: Duration,
    ) -> Result<(Storable, Option<ChosenBy>), WhyNot> {
        let status = answer.response.status();
        let fields = answer.response.headers();
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
            || !cache.has_room_for(length.unwrap_or(0))
            || part.as_ref().is_some_and(|(part, _)| {
                // Nobody can say which bytes these are.
                length.is_some_and(|length| length != part.end.saturating_sub(part.start))
            })
        {
            return Err(WhyNot::NotWhole);
        }
        let chosen_by = self.choice(fields)?;
        Ok((Storable { lifetime, part }, chosen_by))
    }

    /// Whether nothing is kept only because of this request or of this moment: the next one's answer may be everybody's, and
    /// what was kept before is not to be lost over it.
    fn is_its_own_doing(&self, why: WhyNot, answer: &OriginAnswer) -> bool {
        let request = self.wanted.request;
        let asked = Asked::of(request.method, request.fields);
        match why {
            WhyNot::NoStore => asked.no_store,
            WhyNot::Authorization => self.kept.is_some(),
            WhyNot::NotWhole => {
                let length = http_body::Body::size_hint(answer.response.body()).exact();
                let limits = &self.worker.shared.cache.limits;
                *request.method == Method::HEAD || length.is_some_and(|it| it <= limits.object)
            }
            WhyNot::Method
            | WhyNot::Status
            | WhyNot::Private
            | WhyNot::NoTime
            | WhyNot::TooOld
            | WhyNot::VariesUnknowably => false,
        }
    }

    /// What compresses an answer with these `fields`, which is kept; `None`: nothing does, or those who could are too busy. It is
    /// kept as it is then, as CloudFront does: the next fetch of it may meet idle ones.
    fn compressor(&self, status: StatusCode, fields: &http::HeaderMap) -> Option<Compressor> {
        let coding = self.coding(status, fields)?;
        let length = compression::length(fields)?;
        self.worker.shared.cache.compressors.begin(coding, length)
    }

    fn coding(&self, status: StatusCode, fields: &http::HeaderMap) -> Option<Coding> {
        let (request, version) = (self.wanted.request, self.wanted.viewer.version);
        compression::coding(self.policy, request.fields, version, status, fields)
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

    /// The conditions that ask whether what is kept is still good.
    fn own_conditions(&self) -> Vec<(HeaderName, HeaderValue)> {
        let Some(kept) = &self.kept else {
            return Vec::new();
        };
        let What::Answer(answer) = &kept.what else {
            return Vec::new();
        };
        let validators = conditional::validators(&answer.fields_of_the_origin(kept, 0));
        let set = validators
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        set.collect()
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
        if self.policy.vary == VaryRule::KeySaysAll {
            return Ok(None);
        }
        let names = match vary::varies(fields) {
            Varies::Not => return Ok(None),
            Varies::Unknowably => return Err(WhyNot::VariesUnknowably),
            Varies::By(names) => names,
        };
        let key = &self.policy.key;
        let is_in_the_key = |name: &HeaderName| {
            key.headers.contains(name)
                || (*name == http::header::ACCEPT_ENCODING
                    && matches!(key.accept_encoding, AcceptEncoding::Normalised { .. }))
        };
        let names: Vec<HeaderName> = names.into_iter().filter(|it| !is_in_the_key(it)).collect();
        if names.is_empty() {
            return Ok(None);
        }
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

    /// What is `kept`, freshened by a 304.
    fn freshened(
        &self,
        kept: &Arc<Kept>,
        answer: OriginAnswer,
        now: Duration,
        took: Duration,
    ) -> (Arc<Kept>, Verdict) {
        let (head, body) = answer.response.into_parts();
        body.drain();
        let What::Answer(before) = &kept.what else {
            return (Arc::clone(kept), self.came(Err(WhyNot::NotWhole)));
        };
        let (fresh, kept) = self.freshened_with(kept, before, &head.headers, now, took);
        (fresh, Verdict::Revalidated(kept.unwrap_or(0)))
    }

    /// The same by the fields `said`, and for how many seconds it is kept fresh, or why it is not kept any more.
    fn freshened_with(
        &self,
        kept: &Arc<Kept>,
        before: &KeptAnswer,
        said: &http::HeaderMap,
        now: Duration,
        took: Duration,
    ) -> (Arc<Kept>, Result<u32, WhyNot>) {
        let cache = &self.worker.shared.cache;
        let as_it_came = before.fields_of_the_origin(kept, 8);
        let mut fields = conditional::freshened(as_it_came, said);
        let keep = self.keep(before.status, &fields, took);
        let lifetime = match keep {
            Keep::For(lifetime) => lifetime,
            // It was good enough to be kept once, and is not any more: it serves this once.
            Keep::Not(_) => Lifetime::default(),
        };
        // What a 304 says is about what the origin has.
        let compressed =
            (before.compressed).map(|it| compression::describe(&mut fields, it.coding));
        let head = Head {
            status: before.status,
            fields,
            lifetime,
            compressed,
            part: before.part.as_deref().cloned(),
        };
        let fresh = kept.freshened(before, self.since.generation(), now, &head);
        let fresh = match keep {
            Keep::For(_) => cache.keep(fresh, self.since),
            Keep::Not(_) => {
                cache.remove(kept.key());
                Arc::new(fresh)
            }
        };
        let kept = match keep {
            Keep::For(lifetime) => Ok(left(&lifetime)),
            Keep::Not(why) => Err(why),
        };
        (fresh, kept)
    }

    /// What is kept is freshened by an answer to HEAD that is about it; for how many seconds it is good then.
    /// Source: RFC 9111, section 4.3.5.
    fn updated_by_head(
        &self,
        answer: &OriginAnswer,
        now: Duration,
        took: Duration,
    ) -> Option<Result<u32, WhyNot>> {
        let said = answer.response.headers();
        let is_an_update = *self.wanted.request.method == Method::HEAD
            && answer.response.status() == StatusCode::OK;
        let kept = self.kept.as_ref().filter(|_| is_an_update)?;
        let What::Answer(before) = &kept.what else {
            return None;
        };
        let is_about_it = before.status == StatusCode::OK
            && before.part.is_none()
            && before.compressed.is_none()
            && conditional::head_confirms(&before.fields(kept, 0), before.length(), said);
        let updated = is_about_it.then(|| self.freshened_with(kept, before, said, now, took));
        updated.map(|(_, kept)| kept)
    }
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
