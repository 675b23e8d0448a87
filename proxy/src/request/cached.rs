//! A request whose answer may be kept: looked up, read along, or fetched for all who ask.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::{AcceptEncoding, CachePolicy, Distribution, MethodSet, VaryRule};
use tideover_rules::cache::conditional;
use tideover_rules::cache::freshness::{self, Answered, Asked, Keep, Lifetime, Reuse, WhyNot};
use tideover_rules::cache::key;
use tideover_rules::cache::range;
use tideover_rules::cache::vary::{self, Varies};
use tideover_rules::cache::verdict::{Fetched as Came, Forward, Verdict, WhyStale};
use tideover_rules::error_page::error_ttl;
use tideover_rules::fields::Known;
use tideover_rules::headers::Conditions;

use crate::access_log::Line;
use crate::cache::{
    Answer as KeptAnswer, Cache, ChosenBy, Failed, FillReader, Found, Head, Kept, Lead, Part,
    Settled, Stage, What, pour,
};
use crate::clock::Moment;
use crate::error::OriginError;
use crate::message::{Once, ViewerBody};
use crate::origin::{self, Answer, Fetched, Wanted};
use crate::respond::{self, Reply, Speaker};
use crate::worker::{View, Worker};

/// What a request may be answered with before anybody is asked.
pub(super) enum Sight {
    /// What is kept is the answer.
    Answers(Reply),
    /// It takes more.
    Goes(Search),
}

/// What is looked for, and what was found of it.
pub(super) struct Search {
    key: Vec<u8>,
    found: Found,
}

/// Looks up what is kept for `wanted`: the whole way of a hit.
pub(super) fn look(speaker: Speaker<'_>, wanted: Wanted<'_>, policy: &CachePolicy) -> Sight {
    let worker = speaker.worker();
    let cache = &worker.shared.cache;
    let mut key = worker.key.borrow_mut();
    write_key(policy, &wanted, &mut key);
    let now = cache.now(speaker.clock());
    let found = cache.look_up(&mut key, wanted.request.fields, now);
    if let Found::Answer(kept) = &found
        && let What::Answer(answer) = &kept.what
        && let Reuse::Fresh(left) = freshness::reuse(&answer.lifetime, kept.resident(now))
        && serves(&wanted, policy, answer)
    {
        let reply = respond::kept(speaker, wanted, policy, kept, Verdict::Hit(left), None);
        return Sight::Answers(reply);
    }
    Sight::Goes(Search {
        key: key.clone(),
        found,
    })
}

/// Everything that is more than a hit.
pub(super) async fn go_on(
    worker: &Rc<Worker>,
    view: &Rc<View>,
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    search: Search,
) -> Reply {
    let cache = &worker.shared.cache;
    let Search { mut key, mut found } = search;
    loop {
        let now = cache.now(view.live.clock);
        let why = match &found {
            Found::Answer(kept) => match stale(kept, now) {
                None => Forward::Partial,
                Some(stale) => {
                    if !serves(&wanted, policy, stale.answer) {
                        Forward::Partial
                    } else {
                        match stale.reuse {
                            Reuse::Gone => Forward::Nothing,
                            Reuse::Fresh(left) => {
                                let verdict = Verdict::Hit(left);
                                return respond::kept(speaker, wanted, policy, kept, verdict, None);
                            }
                            Reuse::WhileRevalidating(over) => {
                                refresh_beside(worker, view, speaker.line(), &wanted, &key, kept);
                                let verdict = Verdict::Stale(over, WhyStale::Revalidating);
                                return respond::kept(speaker, wanted, policy, kept, verdict, None);
                            }
                            Reuse::Ask(over) => {
                                let why = unasked(view, &wanted, policy, kept, stale.answer, now);
                                if let Some(why) = why {
                                    let verdict = Verdict::Stale(over, why);
                                    return respond::kept(
                                        speaker, wanted, policy, kept, verdict, None,
                                    );
                                }
                                Forward::Stale
                            }
                        }
                    }
                }
            },
            Found::Nothing => Forward::Nothing,
            Found::OtherVariants => Forward::OtherVariants,
            Found::Pass => {
                return straight(view, speaker, wanted, policy, Forward::Known).await;
            }
        };
        let kept = match (&found, why) {
            (Found::Answer(kept), Forward::Stale) => Some(Arc::clone(kept)),
            _ => None,
        };
        let asks_alone = is_particular(&wanted) && kept.is_none();
        let part = if asks_alone || !policy.collapse {
            Part::Leads(cache.lead_alone(&key))
        } else {
            cache.join(&key)
        };
        let mut reader = match part {
            Part::Leads(lead) => {
                // Whoever had the lead before may have ended in between.
                let mut again = key.clone();
                if !asks_alone
                    && let Found::Answer(kept) = cache.look_up_again(&mut again)
                    && stale(&kept, now).is_some_and(|it| matches!(it.reuse, Reuse::Fresh(_)))
                {
                    drop(lead);
                    found = Found::Answer(kept);
                    continue;
                }
                let asks = Asks {
                    worker,
                    view,
                    wanted,
                    policy,
                    key,
                    kept,
                    why,
                };
                let brought = asks.ask(lead).await;
                return respond_with(speaker, wanted, policy, brought);
            }
            Part::Follows(reader) => reader,
            Part::Alone => return straight(view, speaker, wanted, policy, why).await,
        };
        match reader.stage().await {
            Stage::Waiting | Stage::Abandoned => {}
            Stage::NotShared => return straight(view, speaker, wanted, policy, why).await,
            Stage::Settled(kept, settled) => {
                let now = cache.now(view.live.clock);
                let verdict = settled_verdict(&kept, settled, now);
                return respond::kept(speaker, wanted, policy, &kept, verdict, None);
            }
            Stage::Failed(failed) => {
                let fetched = Fetched::failed_for_all(&failed);
                let verdict = Verdict::Fetched(Came {
                    why,
                    kept: Err(WhyNot::Status),
                    along: true,
                });
                return respond::fetched(speaker, wanted, fetched, Some(verdict));
            }
            Stage::Flowing(flowing) => {
                let is_chosen = flowing.chosen_by.as_ref().is_none_or(|chosen| {
                    let mut suffix = Vec::new();
                    vary::write(&chosen.names, wanted.request.fields, &mut suffix);
                    suffix == chosen.suffix
                });
                if is_chosen {
                    let verdict = Verdict::Fetched(Came {
                        why,
                        kept: Ok(left(&flowing.head.lifetime)),
                        along: true,
                    });
                    reader.flows(flowing);
                    return respond::fill(speaker, wanted, reader, verdict, None);
                }
            }
        }
        drop(reader);
        write_key(policy, &wanted, &mut key);
        let now = cache.now(view.live.clock);
        found = cache.look_up(&mut key, wanted.request.fields, now);
    }
}

/// Asks the origins what the viewer asks, for this viewer only.
async fn straight(
    view: &View,
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    why: Forward,
) -> Reply {
    let fetched = origin::fetch(view, &wanted, &mut Once::Here(ViewerBody::Empty)).await;
    let verdict = Verdict::Fetched(Came {
        why,
        kept: Err(WhyNot::NoTime),
        along: false,
    });
    let _ = policy;
    respond::fetched(speaker, wanted, fetched, Some(verdict))
}

/// What is kept, and what may be done with it.
struct Stale<'k> {
    answer: &'k KeptAnswer,
    reuse: Reuse,
}

fn stale(kept: &Kept, now: Duration) -> Option<Stale<'_>> {
    let What::Answer(answer) = &kept.what else {
        return None;
    };
    let reuse = freshness::reuse(&answer.lifetime, kept.resident(now));
    Some(Stale { answer, reuse })
}

/// Whether what is kept can be the answer as far as its extent goes.
fn serves(wanted: &Wanted<'_>, policy: &CachePolicy, answer: &KeptAnswer) -> bool {
    let fields = wanted.request.fields;
    if !policy.answers_conditions
        && (fields.has(Known::IfNoneMatch) || fields.has(Known::IfModifiedSince))
    {
        return false;
    }
    match answer.part.as_deref() {
        None => true,
        Some((kept, total)) => range::covered(kept, *total, fields).is_some(),
    }
}

/// The request asks for a part, or under conditions that only the origin can judge: its answer is not everybody's.
fn is_particular(wanted: &Wanted<'_>) -> bool {
    let fields = wanted.request.fields;
    *wanted.request.method == Method::HEAD
        || fields.has(Known::Range)
        || fields.map().contains_key(http::header::IF_MATCH)
        || fields.map().contains_key(http::header::IF_UNMODIFIED_SINCE)
}

/// Why what is too old is served without asking the origins first; `None`: they are asked.
fn unasked(
    view: &View,
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    kept: &Kept,
    answer: &KeptAnswer,
    now: Duration,
) -> Option<WhyStale> {
    if !freshness::stands_in(&answer.lifetime, kept.resident(now), None) {
        return None;
    }
    if answer.is_left_alone(now) {
        return Some(WhyStale::LeftAlone);
    }
    (policy.stale.at_once && origin::is_known_dead(view, wanted.route.target))
        .then_some(WhyStale::NobodyAnswers)
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

fn left(lifetime: &Lifetime) -> u32 {
    lifetime.fresh.saturating_sub(lifetime.age)
}

fn write_key(policy: &CachePolicy, wanted: &Wanted<'_>, key: &mut Vec<u8>) {
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
enum Brought {
    /// What was kept before, freshened or in place of failed origins.
    Kept(Arc<Kept>, Verdict, Fetched),
    /// A new answer, which this viewer reads along with others.
    Flows(FillReader, Verdict, Fetched),
    /// An answer for this viewer only.
    Passes(Verdict, Fetched),
}

fn respond_with(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    brought: Brought,
) -> Reply {
    match brought {
        Brought::Kept(kept, verdict, fetched) => {
            respond::kept(speaker, wanted, policy, &kept, verdict, Some(fetched))
        }
        Brought::Flows(reader, verdict, fetched) => {
            respond::fill(speaker, wanted, reader, verdict, Some(fetched))
        }
        Brought::Passes(verdict, fetched) => {
            respond::fetched(speaker, wanted, fetched, Some(verdict))
        }
    }
}

/// One who asks the origins for all.
struct Asks<'a> {
    worker: &'a Rc<Worker>,
    view: &'a View,
    wanted: Wanted<'a>,
    policy: &'a CachePolicy,
    key: Vec<u8>,
    /// What is asked about whether it is still good.
    kept: Option<Arc<Kept>>,
    why: Forward,
}

impl Asks<'_> {
    async fn ask(mut self, lead: Lead) -> Brought {
        let cache = &self.worker.shared.cache;
        let generation = cache.invalidations.latest();
        let own = self.own_conditions();
        let mut wanted = self.wanted;
        if !is_particular(&wanted) || self.kept.is_some() {
            wanted.request.conditions = Conditions::Own(&own);
        }
        let mut fetched =
            origin::fetch(self.view, &wanted, &mut Once::Here(ViewerBody::Empty)).await;
        let now = cache.now(self.view.live.clock);
        if let Some(why) = self.failure(&fetched, now)
            && let Some(kept) = self.kept.take()
            && let What::Answer(answer) = &kept.what
        {
            answer.leave_alone(now, self.policy.stale.ask_again_after);
            fetched.drop_answer();
            let settled = Settled::Stale(why);
            let verdict = settled_verdict(&kept, settled, now);
            lead.settles(Stage::Settled(Arc::clone(&kept), settled));
            return Brought::Kept(kept, verdict, fetched);
        }
        let Ok(Answer::Origin(answer)) = &fetched.answer else {
            return self.failed(lead, fetched);
        };
        let status = answer.response.status();
        let took = fetched
            .attempts
            .get(fetched.delivered)
            .map_or(Duration::ZERO, |attempt| attempt.took);
        if status == StatusCode::NOT_MODIFIED
            && let Some(kept) = self.kept.take()
        {
            return self.freshened(&kept, lead, fetched, generation, now, took);
        }
        let part = range::content_range(answer.response.headers())
            .filter(|_| status == StatusCode::PARTIAL_CONTENT);
        let headers = answer.response.headers();
        let keep = self.keep(part.as_ref().map_or(status, |_| StatusCode::OK), headers, took);
        let lifetime = match keep {
            Keep::For(lifetime) if !headers.contains_key(http::header::TRAILER) => lifetime,
            Keep::For(_) => return self.passes(lead, fetched, WhyNot::NotWhole, generation, now),
            Keep::Not(why) => return self.passes(lead, fetched, why, generation, now),
        };
        let length = http_body::Body::size_hint(answer.response.body()).exact();
        if !cache.has_room_for(length.unwrap_or(0)) || *wanted.request.method == Method::HEAD {
            return self.passes(lead, fetched, WhyNot::NotWhole, generation, now);
        }
        let chosen_by = match self.choice(headers) {
            Ok(chosen_by) => chosen_by,
            Err(why) => return self.passes(lead, fetched, why, generation, now),
        };
        if let Some(chosen) = &chosen_by {
            let fields = self.wanted.request.fields;
            write_key(self.policy, &self.wanted, &mut self.key);
            cache.fork(&mut self.key, chosen.names.clone(), fields, generation, now);
        }
        let Some(answer) = fetched.take_origin_answer() else {
            return self.failed(lead, fetched);
        };
        let (head, body) = answer.response.into_parts();
        let head = Head {
            status: head.status,
            fields: head.headers,
            lifetime,
            part,
        };
        let verdict = Verdict::Fetched(Came {
            why: self.why,
            kept: Ok(left(&lifetime)),
            along: false,
        });
        let (pouring, reader) = lead.pours(&self.key, generation, now, head, length, chosen_by);
        let Some(reader) = reader else {
            // Nobody took it away: it was made a moment ago.
            return self.failed_to_read(fetched, verdict);
        };
        let worker = Rc::clone(self.worker);
        let shared = Arc::clone(&worker.shared);
        worker.pours(async move { pour(&shared.cache, pouring, body).await });
        Brought::Flows(reader, verdict, fetched)
    }

    /// The conditions that ask whether what is kept is still good.
    fn own_conditions(&self) -> Vec<(HeaderName, HeaderValue)> {
        let Some(kept) = &self.kept else {
            return Vec::new();
        };
        let What::Answer(answer) = &kept.what else {
            return Vec::new();
        };
        let validators = conditional::validators(&answer.fields(kept, 0));
        let set = validators
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        set.collect()
    }

    fn keep(&self, status: StatusCode, fields: &http::HeaderMap, took: Duration) -> Keep {
        let request = self.wanted.request;
        let asked = Asked {
            method: request.method,
            authorization: request.fields.has(Known::Authorization),
            no_store: false,
        };
        let answered = Answered {
            status,
            fields,
            at: Moment::now().on_the_wall(),
            took,
        };
        let error_ttl = error_ttl(self.wanted.route.distribution, status);
        freshness::keep(self.policy, asked, answered, error_ttl)
    }

    /// What chose an answer with these `fields`, beside the key.
    fn choice(&self, fields: &http::HeaderMap) -> Result<Option<ChosenBy>, WhyNot> {
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

    /// Why what is kept stands in for what the origins came to, if it does.
    fn failure(&self, fetched: &Fetched, now: Duration) -> Option<WhyStale> {
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
        freshness::stands_in(&answer.lifetime, kept.resident(now), status).then_some(why)
    }

    fn freshened(
        &self,
        kept: &Arc<Kept>,
        lead: Lead,
        mut fetched: Fetched,
        generation: u64,
        now: Duration,
        took: Duration,
    ) -> Brought {
        let cache = &self.worker.shared.cache;
        let fresh = fetched.take_origin_answer().and_then(|answer| {
            let What::Answer(before) = &kept.what else {
                return None;
            };
            let (head, body) = answer.response.into_parts();
            body.drain();
            let fields = conditional::freshened(before.fields(kept, 8), &head.headers);
            let lifetime = match self.keep(before.status, &fields, took) {
                Keep::For(lifetime) => lifetime,
                // It was good enough to be kept once, and is not any more: it serves this once.
                Keep::Not(_) => {
                    cache.remove(kept.key());
                    Lifetime::default()
                }
            };
            let head = Head {
                status: before.status,
                fields,
                lifetime,
                part: before.part.as_deref().cloned(),
            };
            let is_kept = lifetime != Lifetime::default();
            let fresh = kept.freshened(generation, now, &head)?;
            Some(if is_kept {
                cache.put(fresh)
            } else {
                Arc::new(fresh)
            })
        });
        let kept = fresh.unwrap_or_else(|| Arc::clone(kept));
        let verdict = match settled_verdict(&kept, Settled::Fresh, now) {
            Verdict::Hit(left) => Verdict::Revalidated(left),
            other => other,
        };
        lead.settles(Stage::Settled(Arc::clone(&kept), Settled::Fresh));
        Brought::Kept(kept, verdict, fetched)
    }

    /// An answer that nobody else may have.
    fn passes(
        &self,
        lead: Lead,
        fetched: Fetched,
        why: WhyNot,
        generation: u64,
        now: Duration,
    ) -> Brought {
        let cache: &Cache = &self.worker.shared.cache;
        if !is_particular(&self.wanted) {
            cache.remember_to_pass(&self.key, generation, now);
        }
        lead.settles(Stage::NotShared);
        let verdict = Verdict::Fetched(Came {
            why: self.why,
            kept: Err(why),
            along: false,
        });
        Brought::Passes(verdict, fetched)
    }

    fn failed(&self, lead: Lead, fetched: Fetched) -> Brought {
        match &fetched.answer {
            Err(error) => lead.settles(Stage::Failed(Arc::new(Failed {
                fault: error.fault(),
                attempts: fetched.attempts.clone(),
                delivered: fetched.delivered,
            }))),
            Ok(_) => lead.settles(Stage::NotShared),
        }
        self.failed_to_read(
            fetched,
            Verdict::Fetched(Came {
                why: self.why,
                kept: Err(WhyNot::Status),
                along: false,
            }),
        )
    }

    fn failed_to_read(&self, fetched: Fetched, verdict: Verdict) -> Brought {
        Brought::Passes(verdict, fetched)
    }
}

/// Asks for what is `kept` anew while it is served, if nobody does so already.
fn refresh_beside(
    worker: &Rc<Worker>,
    view: &Rc<View>,
    line: &Line,
    wanted: &Wanted<'_>,
    key: &[u8],
    kept: &Arc<Kept>,
) {
    let _ = (worker, view, line, wanted, key, kept);
}

/// A write to the URI of `wanted` went well: what is kept of it is not used any more.
pub(super) fn was_written(speaker: Speaker<'_>, mut wanted: Wanted<'_>, policy: &CachePolicy) {
    if !policy.writes_invalidate || MethodSet::READS_AND_OPTIONS.contains(wanted.request.method) {
        return;
    }
    let mut key = Vec::new();
    wanted.request.method = &Method::GET;
    write_key(policy, &wanted, &mut key);
    speaker.worker().shared.cache.remove(&key);
}

impl Fetched {
    /// What became of somebody else's fetch that brought nothing.
    fn failed_for_all(failed: &Failed) -> Self {
        Self::failed(
            OriginError::ForAll(failed.fault),
            failed.attempts.clone(),
            failed.delivered,
        )
    }
}
