//! One look at everything: what changed since the last one, and what follows.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tideover_config::{AlarmKind, Breaker, FailoverRecord, Failure, OriginKind, Side};
use tideover_rules::breaker::{State, is_too_much};
use tideover_rules::record::{Cause, Decision, Position, Sight, decide};

use super::events::Event;
use crate::faults;
use crate::live::{Live, LiveEndpoint};
use crate::vitals::{RecordState, Tallied, Vitals};
use crate::worker::Shared;

/// What was seen at the last look, by name.
#[derive(Debug, Default)]
pub(super) struct Looks {
    origins: HashMap<Arc<str>, Seen>,
    /// Records that were told to wait.
    waiting: HashMap<Arc<str>, bool>,
}

#[derive(Debug, Default)]
struct Seen {
    was_open: bool,
    /// What came of attempts so far, and when that was so.
    counts: VecDeque<(Duration, Tallied)>,
    /// When somebody last knocked.
    knocked: Option<Duration>,
}

impl Looks {
    pub(super) fn look(&mut self, shared: &Arc<Shared>) {
        let live = shared.live();
        let now = live.clock.elapsed();
        shared.switches.expire(&live, &shared.events);
        self.origins
            .retain(|id, _| live.edge.origins.iter().any(|origin| origin.id == *id));
        faults::look(shared, &live, now);
        for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
            let OriginKind::Server(server) = &origin.kind else {
                continue;
            };
            let Some(breaker) = &server.breaker else {
                continue;
            };
            let seen = self.origins.entry(Arc::clone(&origin.id)).or_default();
            seen.look(
                shared,
                &live,
                &origin.id,
                &alive.vitals,
                breaker,
                now,
                || {
                    if alive.fault.lets_nobody_in(now) {
                        return None;
                    }
                    let endpoint = alive.http.as_ref().or(alive.https.as_ref())?;
                    Some((endpoint, server.timers.connection_timeout))
                },
            );
        }
        for (record, state) in live.edge.records.iter().zip(&live.records) {
            let checked = live.origins[usize::from(record.primary.0)].checked.as_ref();
            let sight = Sight {
                primary: live.known(record.primary).counts_as(),
                primary_is_certain: checked.is_none_or(|checked| checked.is_certain()),
                secondary: live.known(record.secondary).counts_as(),
                ordered: state.ordered(),
                now,
            };
            let position = state.position();
            let decision = decide(record, position, sight);
            let waits = self.waiting.entry(Arc::clone(&record.id)).or_default();
            let waited = std::mem::replace(waits, decision == Decision::WaitsForOrder);
            let other = position.side.other();
            let name = |side| Arc::clone(&live.edge.origin(record.origin(side)).id);
            match decision {
                Decision::Moves(cause) => moves(shared, &live, record, state, cause),
                Decision::WaitsForOrder if !waited => shared.events.tell(Event::RecordWaits {
                    record: Arc::clone(&record.id),
                    to: name(other),
                    side: other,
                }),
                Decision::WaitsForOrder | Decision::HeldDown(_) | Decision::Stays => {}
            }
            if waited && decision != Decision::WaitsForOrder {
                let record = Arc::clone(&record.id);
                shared.events.tell(Event::RecordContent { record });
            }
        }
        shared.switches.keep_records(&live);
        shared.journal.look(&shared.events);
    }
}

/// Every record that was ordered to the other side goes there now.
pub(super) fn obey(shared: &Shared) {
    let live = shared.live();
    for (record, state) in live.edge.records.iter().zip(&live.records) {
        if state.ordered().is_some_and(|side| side != state.side()) {
            moves(shared, &live, record, state, Cause::Ordered);
        }
    }
    shared.switches.keep_records(&live);
}

fn moves(shared: &Shared, live: &Live, record: &FailoverRecord, state: &RecordState, cause: Cause) {
    let position = state.position();
    let to = position.side.other();
    // Whatever it takes from now on is counted and noted behind this.
    if to == Side::Secondary {
        state.has_taken(0);
        shared.journal.moves(live, record, to, 0);
    }
    state.take(Position {
        side: to,
        moved: match cause {
            Cause::Health => Some(live.clock.elapsed()),
            Cause::Ordered => position.moved,
        },
    });
    let taken = state.taken();
    if to == Side::Primary {
        shared.journal.moves(live, record, to, taken);
    }
    let name = |side| Arc::clone(&live.edge.origin(record.origin(side)).id);
    shared.events.tell(Event::RecordMoved {
        record: Arc::clone(&record.id),
        to,
        from_origin: name(position.side),
        to_origin: name(to),
        was_ordered: cause == Cause::Ordered,
        why: shared
            .events
            .why(AlarmKind::Unhealthy, &name(position.side)),
        taken,
        next: record.moves_to(to.other()),
    });
}

/// How most attempts failed between `before` and `after`; `None` if it was by their statuses, or nobody knows.
fn mostly(before: &Tallied, after: &Tallied, failed: u64) -> Option<Failure> {
    let counts = before.failed.iter().zip(&after.failed);
    let counts = counts.map(|(before, after)| after.saturating_sub(*before));
    let (failure, count) = Failure::ALL
        .into_iter()
        .zip(counts)
        .max_by_key(|(_, count)| *count)?;
    (count > 0 && count * 2 >= failed).then_some(failure)
}

impl Seen {
    #[expect(
        clippy::too_many_arguments,
        reason = "all of what there is of one origin; it is called in one place"
    )]
    fn look<'l>(
        &mut self,
        shared: &Arc<Shared>,
        live: &'l Live,
        origin: &Arc<str>,
        vitals: &Arc<Vitals>,
        breaker: &Breaker,
        now: Duration,
        way: impl Fn() -> Option<(&'l LiveEndpoint, Duration)>,
    ) {
        let tallied = vitals.tallied();
        let since = now.saturating_sub(Breaker::SHARE_WITHIN);
        while self.counts.get(1).is_some_and(|(at, _)| *at <= since) {
            self.counts.pop_front();
        }
        let before = self
            .counts
            .front()
            .map_or_else(|| tallied.clone(), |(_, before)| before.clone());
        let clock = live.clock;
        let failed = tallied.bad.saturating_sub(before.bad);
        let all = failed + tallied.good.saturating_sub(before.good);
        let how = mostly(&before, &tallied, failed);
        self.counts.push_back((now, tallied));
        if vitals.breaker() == State::Closed && is_too_much(failed, all) {
            vitals.open(|| clock.elapsed());
        }
        let state = vitals.breaker();
        let is_open = matches!(state, State::Open { .. });
        if is_open {
            // What was counted before it opened does not count against it when it has closed.
            self.counts.clear();
        }
        if is_open != self.was_open {
            self.was_open = is_open;
            let origin = Arc::clone(origin);
            shared.events.tell(if is_open {
                Event::BreakerOpened {
                    origin,
                    failed,
                    all,
                    how,
                }
            } else {
                Event::BreakerClosed { origin }
            });
        }
        let is_due = self
            .knocked
            .is_none_or(|knocked| now.saturating_sub(knocked) >= breaker.probe_interval);
        if matches!(state, State::Open { admits_from: None })
            && is_due
            && let Some((endpoint, within)) = way()
        {
            self.knocked = Some(now);
            let addresses = Arc::clone(&endpoint.addresses);
            let vitals = Arc::clone(vitals);
            tokio::spawn(async move {
                let within = clock.real(within);
                if crate::origin::takes_connections(&addresses, within).await {
                    vitals.knocked(|| clock.elapsed());
                }
            });
        }
    }
}
