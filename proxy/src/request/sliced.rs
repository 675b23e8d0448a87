//! What is too large to be kept whole: looked up, read along or fetched slice by slice. Each slice is fetched by a task of the
//! worker, whoever is still there to read it, and kept like any other answer.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tideover_config::{CachePolicy, StatusRule};
use tideover_rules::cache::freshness::{Asked, Keep, WhyNot};
use tideover_rules::cache::plan::Ask;
use tideover_rules::cache::slices;
use tideover_rules::cache::steered;
use tideover_rules::cache::verdict::{Fetched as Came, Forward, Verdict};
use tideover_rules::fields::Known;
use tideover_rules::headers::Conditions;

use super::beside::Asking;
use super::cached::{Asks, Brought, keep, left, stage_after};
use crate::cache::{Failed, Head, Kept, Lead, Part, Slice, Slices, Stage, What, pour};
use crate::message::{Once, ViewerBody};
use crate::origin::{self, Answer, Fetched, OriginAnswer, Trail, Wanted};
use crate::respond::{self, Reply, Speaker};

/// What is `kept`, as it is asked for.
pub(super) async fn served(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    policy: &CachePolicy,
    kept: &Arc<Kept>,
    verdict: Verdict,
    trail: Option<Trail>,
) -> Reply {
    let is_in_slices = match &kept.what {
        What::Answer(answer) => answer.in_slices().is_some(),
        What::Fork { .. } | What::Pass { .. } => false,
    };
    if !is_in_slices {
        return respond::kept(speaker, wanted, policy, kept, verdict, trail);
    }
    // Boxed: rare, and large.
    match Box::pin(begin(speaker, &wanted, policy, kept, verdict)).await {
        Ok((slices, verdict)) => {
            respond::sliced(speaker, wanted, policy, kept, verdict, trail, slices)
        }
        Err(NotSliced::Failed(failed)) => {
            let verdict = Verdict::Fetched(Came {
                why: Forward::Partial,
                kept: Err(WhyNot::Status),
                along: true,
            });
            let fetched = Fetched::failed_for_all(&failed);
            respond::fetched(speaker, wanted, fetched, Some(verdict))
        }
        Err(NotSliced::AskOtherwise) => {
            let line = speaker.line();
            let asks = Asks {
                worker: &line.worker,
                view: &line.view,
                wanted,
                policy,
                key: kept.key().to_vec(),
                kept: None,
                since: line.worker.shared.cache.since(kept.key()),
                ask: Ask {
                    why: Forward::Partial,
                    about_what_was_found: false,
                    for_all: false,
                    together: false,
                },
            };
            match asks.ask(None).await {
                Brought::Flows(reader, verdict, trail) => {
                    respond::fill(speaker, wanted, policy, reader, verdict, Some(trail))
                }
                Brought::Passes(verdict, fetched) => {
                    respond::fetched(speaker, wanted, fetched, Some(verdict))
                }
                Brought::Kept(..) => unreachable!("nothing was asked about"),
            }
        }
    }
}

impl Asks<'_> {
    /// Keeps the head of `answer` if it is too large to be kept whole, and what it is an answer to can be kept in slices.
    pub(super) fn large(
        &mut self,
        answer: &OriginAnswer,
        now: Duration,
        took: Duration,
    ) -> Option<(Arc<Kept>, Verdict)> {
        let since = self.since;
        let cache = &self.worker.shared.cache;
        let request = self.wanted.request;
        let has = |known| !self.ask.for_all && request.fields.has(known);
        let asked = match (has(Known::Range), has(Known::IfRange)) {
            (false, _) => slices::Asked::Whole,
            (true, false) => slices::Asked::Part,
            (true, true) => slices::Asked::PartIfUnchanged,
        };
        let (status, fields) = (answer.response.status(), answer.response.headers());
        let length = http_body::Body::size_hint(answer.response.body()).exact();
        let total = slices::in_slices(asked, status, fields, length, cache.limits.object)?;
        if *request.method != Method::GET || fields.contains_key(http::header::TRAILER) {
            return None;
        }
        let Keep::For(lifetime) = self.keep(StatusCode::OK, fields, took) else {
            return None;
        };
        let chosen_by = self.choice(fields).ok()?;
        let mut fields = fields.clone();
        self.drops_what_is_withheld(&mut fields);
        fields.remove(http::header::CONTENT_RANGE);
        fields.insert(http::header::CONTENT_LENGTH, total.into());
        self.forks(chosen_by.as_ref(), now);
        // Its origin does not know parts.
        if cache.passes(&self.key, now) {
            return None;
        }
        let head = Head {
            status: StatusCode::OK,
            fields,
            lifetime,
            compressed: None,
            part: Some((0..0, total)),
        };
        let verdict = self.came(Ok(left(&lifetime)));
        let kept = Kept::answer(&self.key, since.generation(), now, &head, &[]);
        Some((cache.keep(kept, since), verdict))
    }
}

/// Why an answer is not served in slices. Nothing of it was sent.
enum NotSliced {
    /// No origin brought the first slice.
    Failed(Arc<Failed>),
    /// The origins have another answer now, do not know parts, or failed with an answer of their own: they are asked as the
    /// viewer asks.
    AskOtherwise,
}

/// The slices of what is `kept` that `wanted` asks for, once there is a first byte; `None` if it is answered without any. The
/// verdict says if that byte had to be fetched.
async fn begin(
    speaker: Speaker<'_>,
    wanted: &Wanted<'_>,
    policy: &CachePolicy,
    kept: &Arc<Kept>,
    verdict: Verdict,
) -> Result<(Option<Box<Slices>>, Verdict), NotSliced> {
    // What such a request fetches is not for those who read along.
    let asked = Asked::of(wanted.request.method, wanted.request.fields);
    let is_withheld = policy.authorization_needs_permission && asked.authorization;
    let is_steered = steered::is(wanted.request.fields, &policy.key.headers);
    if policy.statuses == StatusRule::Rfc9111 && asked.no_store || is_withheld || is_steered {
        return Err(NotSliced::AskOtherwise);
    }
    let line = speaker.line();
    let Some(large) = Large::of(kept) else {
        return Err(NotSliced::AskOtherwise);
    };
    let Some(asked) = respond::asked_for(wanted, policy, kept, large.total) else {
        return Ok((None, verdict));
    };
    let size = line.worker().shared.cache.limits.slice.max(1);
    let first = asked.start / size;
    let lifetime = large.lifetime_left;
    let looks = Rc::new(Looks {
        asking: Asking::of(line, wanted),
        large,
        size,
        collapses: policy.collapse,
    });
    if *wanted.request.method == Method::HEAD {
        let look_for = Box::new(move |index| looks.look_for(index).0);
        return Ok((Some(Box::new(Slices::new(asked, size, look_for))), verdict));
    }
    let (slice, along) = looks.look_for(first);
    let verdict = match (&slice, verdict) {
        (Slice::Comes(_), Verdict::Hit(_)) => Verdict::Fetched(Came {
            why: Forward::Partial,
            kept: Ok(lifetime),
            along,
        }),
        (Slice::Comes(_) | Slice::Kept(_), verdict) => verdict,
    };
    let look_for = Box::new(move |index| looks.look_for(index).0);
    let mut slices = Box::new(Slices::new(asked, size, look_for).begun(first, slice));
    match slices.begin().await {
        Ok(()) => Ok((Some(slices), verdict)),
        Err(Stage::Failed(failed)) => Err(NotSliced::Failed(failed)),
        Err(
            Stage::Waiting
            | Stage::Abandoned
            | Stage::NotShared
            | Stage::Settled(..)
            | Stage::Flowing(_),
        ) => Err(NotSliced::AskOtherwise),
    }
}

/// What is known of the answer that the slices are of.
struct Large {
    kept: Arc<Kept>,
    fields: HeaderMap,
    validator: HeaderValue,
    total: u64,
    /// Seconds.
    lifetime_left: u32,
}

impl Large {
    fn of(kept: &Arc<Kept>) -> Option<Self> {
        let What::Answer(answer) = &kept.what else {
            return None;
        };
        let fields = answer.fields(kept, 0);
        Some(Self {
            kept: Arc::clone(kept),
            validator: slices::validator(&fields)?.clone(),
            fields,
            total: answer.in_slices()?,
            lifetime_left: left(&answer.lifetime),
        })
    }
}

/// One who looks for slices as a viewer's request needs them.
struct Looks {
    asking: Asking,
    large: Large,
    size: u64,
    collapses: bool,
}

impl Looks {
    /// Slice `index`, and whether somebody else fetches it. If nobody does, a task does from now on.
    fn look_for(self: &Rc<Self>, index: u64) -> (Slice, bool) {
        let worker = &self.asking.worker;
        let cache = &worker.shared.cache;
        let key = slices::key(self.large.kept.key(), &self.large.validator, index);
        let since = cache.since(&key);
        if let Some(kept) = cache.look_up_again(&key) {
            return (Slice::Kept(kept), false);
        }
        let part = if self.collapses {
            cache.join(&key, since)
        } else {
            Part::Alone
        };
        let lead = match part {
            Part::Follows(reader) => return (Slice::Comes(reader), true),
            Part::Leads(lead) => {
                // Whoever had the lead before may have ended in between.
                if let Some(kept) = cache.look_up_again(&key) {
                    return (Slice::Kept(kept), false);
                }
                lead
            }
            Part::Alone => cache.lead_alone(&key, since),
        };
        let reader = lead.reader();
        let begin = index * self.size;
        let bytes = begin..self.large.total.min(begin.saturating_add(self.size));
        Rc::clone(worker).pours(Rc::clone(self).fetches(lead, key, bytes));
        (Slice::Comes(reader), false)
    }

    /// Fetches the slice that has these `bytes`, for all who wait for `lead`.
    async fn fetches(self: Rc<Self>, lead: Lead, key: Vec<u8>, bytes: Range<u64>) {
        let this = &*self;
        let fetched = this.asking.ask(async |wanted, policy| {
            this.fetch(wanted, policy, lead, key, bytes).await;
        });
        fetched.await;
    }

    async fn fetch(
        &self,
        mut wanted: Wanted<'_>,
        policy: &CachePolicy,
        lead: Lead,
        key: Vec<u8>,
        bytes: Range<u64>,
    ) {
        let Asking { worker, view, .. } = &self.asking;
        let cache = &worker.shared.cache;
        let conditions = slices::conditions(&bytes, &self.large.validator);
        wanted.request.conditions = Conditions::Own(&conditions);
        let fetched = origin::fetch(view, &wanted, &mut Once::Here(ViewerBody::Empty)).await;
        let now = cache.now(view.live.clock);
        let trail = &fetched.trail;
        let answer = match fetched.answer {
            Ok(Answer::Origin(answer)) => answer,
            Ok(Answer::Page(_)) => return lead.settles(Stage::NotShared),
            Err(error) => return lead.settles(stage_after(&error, trail)),
        };
        let length = http_body::Body::size_hint(answer.response.body()).exact();
        let (head, body) = answer.response.into_parts();
        let Large { fields, total, .. } = &self.large;
        let came = slices::came(fields, &bytes, *total, head.status, &head.headers, length);
        let keep = keep(policy, &wanted, StatusCode::OK, &head.headers, trail.took());
        let lifetime = match (came, slices::kept_with_the_whole(keep)) {
            (slices::Came::Slice, Ok(lifetime)) => lifetime,
            (came, _) => {
                tracing::debug!(?came, status = %head.status, "an answer is not the slice that was asked for");
                body.drain();
                // First: who is told asks anew, and is not to find it.
                self.forget(came, now);
                return lead.settles(Stage::NotShared);
            }
        };
        let head = Head {
            status: StatusCode::PARTIAL_CONTENT,
            // Those of the whole say it all.
            fields: HeaderMap::new(),
            lifetime,
            compressed: None,
            part: Some((bytes, *total)),
        };
        let (pouring, reader) = lead.pours(cache, &key, now, head, length, None);
        drop(reader);
        pour(cache, pouring, body).await;
    }

    /// What came of a slice says that the whole is not to be used any more.
    fn forget(&self, came: slices::Came, now: Duration) {
        let cache = &self.asking.worker.shared.cache;
        let key = self.large.kept.key();
        let since = cache.since(key);
        let is_the_same = cache
            .look_up_again(key)
            .as_ref()
            .and_then(Large::of)
            .is_some_and(|large| large.validator == self.large.validator);
        if !is_the_same {
            return;
        }
        match came {
            slices::Came::Changed => cache.remove(key),
            slices::Came::NotInParts => cache.remember_to_pass(key, since, now),
            // A slice that is not for all.
            slices::Came::Slice => cache.remove(key),
            slices::Came::Failed => {}
        }
    }
}
