//! What is kept, and what the origins say of it: whether it is still good, and what has changed of its head.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tideover_rules::cache::freshness::{Keep, Lifetime, WhyNot};
use tideover_rules::cache::verdict::Verdict;
use tideover_rules::cache::{compression, conditional};

use super::{Asks, left};
use crate::cache::{Answer as KeptAnswer, Head, Kept, What};
use crate::origin::{Answer, Fetched, OriginAnswer};

impl Asks<'_> {
    /// The conditions that ask whether what is kept is still good.
    pub(super) fn own_conditions(&self) -> Vec<(HeaderName, HeaderValue)> {
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

    /// A 304 came, and not about what is kept.
    pub(super) fn is_about_something_else(&self, fetched: &Fetched) -> bool {
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

    /// What is `kept`, freshened by a 304; and whether that is for all who wait for it.
    pub(super) fn freshened(
        &self,
        kept: &Arc<Kept>,
        answer: OriginAnswer,
        now: Duration,
        took: Duration,
    ) -> (Arc<Kept>, Verdict, bool) {
        let (head, body) = answer.response.into_parts();
        body.drain();
        self.worker.shared.cache.tally.revalidated();
        let What::Answer(before) = &kept.what else {
            return (Arc::clone(kept), self.came(Err(WhyNot::NotWhole)), false);
        };
        let (fresh, kept) = self.freshened_with(kept, before, &head.headers, now, took);
        let is_for_all = kept.is_ok();
        (fresh, Verdict::Revalidated(kept.unwrap_or(0)), is_for_all)
    }

    /// The same by the fields `said`, and for how many seconds it is kept fresh, or why it is not kept any more.
    fn freshened_with(
        &self,
        kept: &Arc<Kept>,
        before: &KeptAnswer,
        said: &HeaderMap,
        now: Duration,
        took: Duration,
    ) -> (Arc<Kept>, Result<u32, WhyNot>) {
        let cache = &self.worker.shared.cache;
        let as_it_came = before.fields_of_the_origin(kept, 8);
        let names = |fields: &HeaderMap| Ok::<_, WhyNot>(self.choice(fields)?.map(|it| it.names));
        let chose = names(&as_it_came);
        let mut fields = conditional::freshened(as_it_came, said);
        let keep = if names(&fields) == chose {
            let status = (before.part.as_ref()).map_or(before.status, |_| StatusCode::OK);
            self.keep(status, &fields, took)
        } else {
            // It is kept under the choice of then.
            Keep::Not(WhyNot::VariesUnknowably)
        };
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
            Keep::Not(why) => {
                // Nobody else loses it because of this request.
                if !self.is_of_this_request(why) {
                    cache.remove(kept.key());
                }
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
    pub(super) fn updated_by_head(
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
