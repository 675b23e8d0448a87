//! What a running edge knows at this moment, in words.

use std::sync::Arc;

use tideover_config::{
    AlarmKind, CachePolicy, Distribution, FailoverRecord, OriginId, RecordId, Side, Target,
};
use tideover_rules::breaker::State;
use tideover_rules::cache::freshness::{self, Reuse};
use tideover_rules::cache::key;
use tideover_rules::headers::{Request, Viewer};
use tideover_rules::route::Route;
use tideover_rules::standing::Standing;

use super::cached::Found as Kept;
use crate::cache::{Found, What};
use crate::live::Live;
use crate::recovery::lately::state;
use crate::switches::{Kind, Switch};
use crate::vitals::Mark;
use crate::worker::Shared;

/// The present of one edge.
pub(crate) struct Now<'s> {
    shared: &'s Shared,
    live: Arc<Live>,
    switches: Vec<Switch>,
}

impl<'s> Now<'s> {
    pub(crate) fn of(shared: &'s Shared) -> Self {
        Self {
            shared,
            live: shared.live(),
            switches: shared.switches.in_force(),
        }
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn side(&self, record: RecordId) -> Side {
        self.live.side(record)
    }

    /// Why a distribution answers everything with a page, if it does.
    pub(super) fn maintenance(&self, distribution: &Distribution) -> Option<String> {
        let is_closed = self.live.is_closed(distribution.position);
        is_closed.then(|| {
            let by = self.switched(Kind::Distribution, &distribution.id);
            format!(
                "The distribution {} is in maintenance{}.",
                distribution.id,
                by.map_or_else(String::new, |by| format!(": {by}"))
            )
        })
    }

    /// How each member stands, as a request that comes now finds it; that it may be one of few that see whether somebody is
    /// back is left to chance, and not told.
    pub(super) fn standings(&self, target: &Target) -> Vec<Standing> {
        self.live.standings(target, 0)
    }

    /// `app stands for azure-vm, its secondary; 17 writes …`.
    pub(super) fn record(&self, record: &FailoverRecord) -> String {
        let edge = &self.live.edge;
        let state = edge
            .records
            .iter()
            .zip(&self.live.records)
            .find(|(known, _)| known.id == record.id)
            .map(|(_, state)| state);
        let side = state.map_or(Side::Primary, |state| state.side());
        let origin = &edge.origin(record.origin(side)).id;
        let mut words = match side {
            Side::Primary => format!("{} stands for {origin}, its primary", record.id),
            Side::Secondary => format!("{} stands for {origin}, its secondary", record.id),
        };
        let taken = state.map_or(0, |state| state.taken());
        if side == Side::Secondary && taken > 0 {
            words += &format!(", which took {}", tideover_config::counted(taken, "write"));
        }
        let told = [AlarmKind::Record, AlarmKind::RecordWaits];
        let told = told
            .into_iter()
            .filter_map(|kind| self.shared.events.why(kind, &record.id));
        let switched = self.switched(Kind::Record, &record.id);
        for more in told.chain(switched) {
            words += &format!("; {more}");
        }
        words
    }

    /// What the cache has for a request; nothing is asked for, and nothing changes.
    pub(super) fn kept(
        &self,
        policy: &CachePolicy,
        route: &Route<'_, '_>,
        request: Request<'_>,
        viewer: &Viewer<'_>,
    ) -> Kept {
        let cache = &self.shared.cache;
        let mut key = Vec::new();
        let distribution = &route.distribution.id;
        key::write(policy, distribution, route.path, request, viewer, &mut key);
        let now = cache.now(self.live.clock);
        let kept = match cache.look_up(&mut key, request.fields, now) {
            Found::Nothing => return Kept::NOTHING,
            Found::OtherVariants => return Kept::OTHER_VARIANTS,
            Found::Pass => return Kept::PASSED,
            Found::Answer(kept) => kept,
        };
        let What::Answer(answer) = &kept.what else {
            return Kept::NOTHING;
        };
        let resident = kept.resident(now);
        let (word, ttl) = match freshness::reuse(&answer.lifetime, resident) {
            Reuse::Fresh(left) => ("fresh", i64::from(left)),
            Reuse::WhileRevalidating(over) | Reuse::Ask(over) => ("stale", -i64::from(over)),
            Reuse::Gone => return Kept::NOTHING,
        };
        Kept {
            word,
            ttl: Some(ttl),
            age: Some(freshness::age(&answer.lifetime, resident)),
            bytes: Some(answer.in_slices().unwrap_or(answer.length())),
            status: Some(answer.status.as_u16()),
        }
    }

    /// How an origin stands, and why, a line for each thing that is known of it.
    pub(super) fn origin(&self, id: OriginId) -> Vec<String> {
        let origin = &self.live.edge.origin(id).id;
        let position = usize::from(id.0);
        let vitals = &self.live.origins[position].vitals;
        let mut lines = vec![state(&self.live, position).to_owned()];
        for (kind, holds) in [
            (AlarmKind::Unhealthy, vitals.has(Mark::Unhealthy)),
            (AlarmKind::Breaker, vitals.breaker() != State::Closed),
            (AlarmKind::Contradiction, true),
        ] {
            let why = self.shared.events.why(kind, origin);
            lines.extend(why.filter(|_| holds));
        }
        lines.extend(self.switched(Kind::Origin, origin));
        lines
    }

    fn switched(&self, kind: Kind, name: &str) -> Option<String> {
        let mut switches = self.switches.iter();
        let found = switches.find(|switch| switch.is_of(kind, name))?;
        let mut words = format!("switched to {}", found.to.word());
        if let Some(owner) = &found.owner {
            words += &format!(" by {owner}");
        }
        if let Some(reason) = &found.reason {
            words += &format!(": {reason}");
        }
        Some(words)
    }
}
