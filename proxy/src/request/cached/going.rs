//! The way of a request that is more than a hit: it reads what another fetches, or fetches for all.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tideover_config::CachePolicy;
use tideover_rules::cache::freshness::{self, WhyNot};
use tideover_rules::cache::plan::{Ask, Plan};
use tideover_rules::cache::vary;
use tideover_rules::cache::verdict::{Fetched as Came, Verdict};
use tokio::time::timeout;

use super::{
    Asks, FIND_OUT_EVERY, Search, about, at_once, covers, left, plan_for, respond_with,
    settled_verdict, write_key,
};
use crate::cache::{Cache, FillReader, Flowing, Found, Kept, Lead, Part, Since, Stage, What};
use crate::clock::Moment;
use crate::origin::{self, Fetched, Wanted};
use crate::request::sliced::served;
use crate::respond::{self, Reply, Speaker};
use crate::worker::View;

/// So long a request waits for the head of what others fetch; then it asks for itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that is more than a hit.
pub(in crate::request) async fn go_on(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    search: Box<Search<'_>>,
) -> Reply {
    let line = speaker.line();
    let Search { policy, key, found } = *search;
    let mut going = Going {
        speaker,
        wanted,
        policy,
        view: &line.view,
        cache: &line.worker.shared.cache,
        key,
        found,
        patience: None,
        may_join: true,
    };
    loop {
        if let Some(reply) = going.one_step().await {
            return reply;
        }
    }
}

/// A request on its way.
struct Going<'a> {
    speaker: Speaker<'a>,
    wanted: Wanted<'a>,
    policy: &'a CachePolicy,
    view: &'a View,
    cache: &'a Cache,
    key: Vec<u8>,
    found: Found,
    /// Until then it waits for others: not anew for each of them that goes away.
    patience: Option<Moment>,
    /// It may still wait for another's fetch.
    may_join: bool,
}

impl Going<'_> {
    /// The reply; `None`: things have changed, and it looks again.
    async fn one_step(&mut self) -> Option<Reply> {
        let since = self.cache.since(&self.key);
        if let Found::Answer(kept) = &self.found
            && !self.cache.still_has(kept)
        {
            // It must not be asked about: freshened, it would be kept as of now.
            self.looks_again();
            return None;
        }
        let now = self.cache.now(self.view.live.clock);
        let (speaker, wanted) = (self.speaker, self.wanted);
        let ask = match at_once(speaker, &wanted, self.policy, &self.key, &self.found, now) {
            Ok((kept, verdict)) => {
                return Some(served(speaker, wanted, self.policy, kept, verdict, None).await);
            }
            Err(ask) => ask,
        };
        let part = if ask.together && self.may_join {
            self.cache.join(&self.key, since)
        } else {
            Part::Alone
        };
        match part {
            Part::Leads(lead) => {
                // Whoever had the lead before may have ended in between.
                if let Some(found) = self.found_meanwhile(now) {
                    self.found = found;
                    return None;
                }
                self.asks(ask, since, Some(lead)).await
            }
            Part::Alone => self.asks(ask, since, None).await,
            Part::Follows(reader) => self.follows(ask, since, reader).await,
        }
    }

    fn looks_again(&mut self) {
        write_key(self.policy, &self.wanted, &mut self.key);
        let now = self.cache.now(self.view.live.clock);
        let fields = self.wanted.request.fields;
        self.found = self.cache.look_up(&mut self.key, fields, now);
    }

    /// What is found now, if it is something else to do than to lead for this key.
    fn found_meanwhile(&mut self, now: Duration) -> Option<Found> {
        let length = self.key.len();
        let fields = self.wanted.request.fields;
        let found = self.cache.look_up(&mut self.key, fields, now);
        let is_otherwise = match &found {
            // The lead is for a shorter key, or for nobody but this request.
            _ if self.key.len() > length => true,
            Found::Pass => true,
            Found::Answer(_) => {
                let (plan, _) = plan_for(self.view, &self.wanted, self.policy, &found, now);
                matches!(plan, Plan::Serve(_))
            }
            Found::Nothing | Found::OtherVariants => false,
        };
        is_otherwise.then_some(found)
    }

    /// Asks the origins, for all if it has the `lead`. What may stand in for them does so as soon as it is known that none
    /// answers.
    async fn asks(&mut self, ask: Ask, since: Since, lead: Option<Lead>) -> Option<Reply> {
        let now = self.cache.now(self.view.live.clock);
        let found = std::mem::replace(&mut self.found, Found::Nothing);
        let kept = about(found, ask);
        let may_stand_in = self.policy.stale.at_once && kept.as_ref().is_some_and(stands_in(now));
        let asks = Asks {
            worker: &self.speaker.line().worker,
            view: self.view,
            wanted: self.wanted,
            policy: self.policy,
            key: std::mem::take(&mut self.key),
            kept,
            since,
            ask,
        };
        let brought = if may_stand_in {
            unless_nobody_answers(self.view, &self.wanted, asks.ask(lead)).await
        } else {
            Some(asks.ask(lead).await)
        };
        let Some(brought) = brought else {
            self.looks_again();
            return None;
        };
        let (speaker, wanted) = (self.speaker, self.wanted);
        Some(respond_with(speaker, wanted, self.policy, brought).await)
    }

    /// Reads what another fetches, as far as that is this request's answer.
    async fn follows(&mut self, ask: Ask, since: Since, mut reader: FillReader) -> Option<Reply> {
        let (speaker, wanted) = (self.speaker, self.wanted);
        let along = |kept| {
            Verdict::Fetched(Came {
                why: ask.why,
                kept,
                along: true,
            })
        };
        let until = *self
            .patience
            .get_or_insert_with(|| Moment::now() + self.view.live.clock.real(PATIENCE));
        let mut is_anothers = false;
        match timeout(until.since(Moment::now()), reader.stage()).await {
            Err(_) => self.may_join = false,
            Ok(Stage::NotShared) => {
                drop(reader);
                let alone = Ask {
                    together: false,
                    ..ask
                };
                return self.asks(alone, since, None).await;
            }
            Ok(Stage::Waiting | Stage::Abandoned) => {}
            Ok(Stage::Settled(kept, settled)) if self.is_covered_by(&kept) => {
                let now = self.cache.now(self.view.live.clock);
                let verdict = settled_verdict(&kept, settled, now);
                let reply = served(speaker, wanted, self.policy, &kept, verdict, None).await;
                return Some(reply);
            }
            // It was about another part.
            Ok(Stage::Settled(..)) => self.may_join = false,
            Ok(Stage::Failed(failed)) => {
                let fetched = Fetched::failed_for_all(&failed);
                let verdict = along(Err(WhyNot::Status));
                return Some(respond::fetched(speaker, wanted, fetched, Some(verdict)));
            }
            Ok(Stage::Flowing(flowing)) if self.chooses(&flowing) => {
                let verdict = along(Ok(left(&flowing.head.lifetime)));
                reader.flows(flowing);
                let reply = respond::fill(speaker, wanted, self.policy, reader, verdict, None);
                return Some(reply);
            }
            Ok(Stage::Flowing(_)) => is_anothers = true,
        }
        drop(reader);
        let length = self.key.len();
        self.looks_again();
        // What chooses among the answers of this key may not have been kept: the same fetch would be found for ever.
        self.may_join &= !is_anothers || self.key.len() > length;
        None
    }

    fn is_covered_by(&self, kept: &Kept) -> bool {
        match &kept.what {
            What::Answer(answer) => covers(&self.wanted, self.policy, kept, answer),
            What::Fork { .. } | What::Pass { .. } => false,
        }
    }

    /// Whether this request chooses what flows.
    fn chooses(&self, flowing: &Flowing) -> bool {
        flowing.chosen_by.as_ref().is_none_or(|chosen| {
            let mut suffix = Vec::new();
            vary::write(&chosen.names, self.wanted.request.fields, &mut suffix);
            suffix == chosen.suffix
        })
    }
}

/// What `asking` brings; `None`: meanwhile it became known that nobody answers, and it was given up.
async fn unless_nobody_answers<T>(
    view: &View,
    wanted: &Wanted<'_>,
    asking: impl Future<Output = T>,
) -> Option<T> {
    let nobody_answers = async {
        loop {
            tokio::time::sleep(view.live.clock.real(FIND_OUT_EVERY)).await;
            if origin::is_known_dead(view, wanted.route.target) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        brought = asking => Some(brought),
        () = nobody_answers => None,
    }
}

/// Whether what is kept serves at `now` in place of origins of which none answers.
fn stands_in(now: Duration) -> impl Fn(&Arc<Kept>) -> bool {
    move |kept| match &kept.what {
        What::Answer(answer) => freshness::stands_in(&answer.lifetime, kept.resident(now), None),
        What::Fork { .. } | What::Pass { .. } => false,
    }
}
