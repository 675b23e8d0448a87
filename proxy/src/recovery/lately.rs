//! The last ten minutes in numbers, and since when things are as they are. For whoever asks how the edge does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tideover_config::{Failure, MethodSet, OriginKind};
use tideover_rules::breaker::State;
use tideover_rules::standing::{Why, first_asked};
use tideover_rules::switch::reached_by;

use crate::live::Live;
use crate::metrics::{Hits, Totals};
use crate::vitals::{Mark, Tallied};
use crate::worker::Shared;

/// So long after an origin takes connections again a request would have come, if any comes.
const NOBODY_COMES: Duration = Duration::from_secs(2);

/// How far back the numbers go, and how often they are taken. Nominal.
const SPAN: Duration = Duration::from_mins(10);
const EVERY: Duration = Duration::from_secs(10);
/// So far back goes how often the cache was hit. Nominal.
const HITS_SPAN: Duration = Duration::from_mins(1);
/// How often it is seen who answers and how origins stand.
const LOOKS: Duration = Duration::from_secs(1);

/// Written by one thread, read by who asks.
#[derive(Debug, Default)]
pub(crate) struct Lately(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    looked: Option<Duration>,
    samples: VecDeque<Sample>,
    /// By the origin's name: its state, and since when.
    states: HashMap<Arc<str>, (&'static str, SystemTime)>,
    answering: HashMap<Asking, (Option<Arc<str>>, SystemTime)>,
}

#[derive(Debug)]
struct Sample {
    at: Duration,
    totals: Totals,
    origins: HashMap<Arc<str>, Tallied>,
    /// By the distribution's name.
    hits: HashMap<Arc<str>, Hits>,
}

/// Who asks what: the name of a distribution, the name of a target, reads or writes.
type Asking = (Arc<str>, Arc<str>, bool);

/// What some behaviors of a distribution have in common: target, and whether they write.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) target: Arc<str>,
    pub(crate) writes: bool,
    /// Path patterns, in order.
    pub(crate) paths: Vec<Arc<str>>,
    /// Who would be asked first now; `None`: nobody may be.
    pub(crate) answers: Option<Arc<str>>,
    /// `None`: since nobody knows when.
    pub(crate) since: Option<SystemTime>,
}

/// Numbers of a while.
#[derive(Debug)]
pub(crate) struct While {
    /// Nominal.
    pub(crate) span: Duration,
    pub(crate) totals: Totals,
    /// By position.
    pub(crate) origins: Vec<Tallied>,
}

impl Lately {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called at every look of the recovery loop.
    pub(super) fn look(&self, shared: &Shared, live: &Live) {
        let now = live.clock.elapsed();
        let mut seen = self.lock();
        if seen.looked.is_some_and(|at| now.saturating_sub(at) < LOOKS) {
            return;
        }
        seen.looked = Some(now);
        let is_due = seen
            .samples
            .back()
            .is_none_or(|last| now.saturating_sub(last.at) >= EVERY);
        if is_due {
            seen.samples.push_back(Sample {
                at: now,
                totals: shared.counters.totals(),
                origins: tallied(live),
                hits: hits(live),
            });
            while seen
                .samples
                .get(1)
                .is_some_and(|next| now.saturating_sub(next.at) >= SPAN)
            {
                seen.samples.pop_front();
            }
        }
        let wall = SystemTime::now();
        let known = |id: &Arc<str>| live.edge.origins.iter().any(|origin| origin.id == *id);
        seen.states.retain(|id, _| known(id));
        for (position, origin) in live.edge.origins.iter().enumerate() {
            let state = state(live, position);
            match seen.states.get_mut(&origin.id) {
                Some((before, _)) if *before == state => {}
                Some(before) => *before = (state, wall),
                None => {
                    seen.states.insert(Arc::clone(&origin.id), (state, wall));
                }
            }
        }
        let mut answering = HashMap::new();
        for distribution in &live.edge.distributions {
            for lane in lanes_of(live, distribution.position) {
                let asking = (Arc::clone(&distribution.id), lane.target, lane.writes);
                let since = match seen.answering.get(&asking) {
                    Some((before, since)) if *before == lane.answers => *since,
                    Some(_) | None => wall,
                };
                answering.insert(asking, (lane.answers, since));
            }
        }
        seen.answering = answering;
    }

    /// Since when the origin is in its state.
    pub(crate) fn since(&self, origin: &str) -> Option<SystemTime> {
        self.lock().states.get(origin).map(|(_, since)| *since)
    }

    /// Who answers the distribution at `position`.
    pub(crate) fn lanes(&self, live: &Live, position: usize) -> Vec<Lane> {
        let mut lanes = lanes_of(live, position);
        let Some(distribution) = live.edge.distributions.get(position) else {
            return lanes;
        };
        let seen = self.lock();
        for lane in &mut lanes {
            let asking = (
                Arc::clone(&distribution.id),
                Arc::clone(&lane.target),
                lane.writes,
            );
            lane.since = seen
                .answering
                .get(&asking)
                .filter(|(answers, _)| *answers == lane.answers)
                .map(|(_, since)| *since);
        }
        lanes
    }

    /// How often the cache was hit in the last minute, or since the edge began, and how long that is; by the positions of
    /// distributions.
    pub(crate) fn hits(&self, live: &Live) -> (Duration, Vec<Hits>) {
        let seen = self.lock();
        let now = live.clock.elapsed();
        let is_long_ago = |sample: &&Sample| now.saturating_sub(sample.at) >= HITS_SPAN;
        let since = seen.samples.iter().rev().find(is_long_ago);
        let since = since.or(seen.samples.front());
        let present = hits(live);
        let hits = live.edge.distributions.iter().map(|distribution| {
            let now = present.get(&distribution.id).copied().unwrap_or_default();
            match since.and_then(|since| since.hits.get(&distribution.id)) {
                Some(before) => now.since(*before),
                None => now,
            }
        });
        let span = since.map_or(Duration::ZERO, |since| now.saturating_sub(since.at));
        (span, hits.collect())
    }

    /// What came of the last ten minutes, or since the edge began.
    pub(crate) fn numbers(&self, shared: &Shared, live: &Live) -> While {
        let seen = self.lock();
        let first = seen.samples.front();
        let now = live.clock.elapsed();
        let present = tallied(live);
        let origins = live.edge.origins.iter().map(|origin| {
            let now = present.get(&origin.id).cloned().unwrap_or_default();
            match first.and_then(|first| first.origins.get(&origin.id)) {
                Some(before) => now.since(before),
                None => now,
            }
        });
        let totals = shared.counters.totals();
        While {
            span: first.map_or(Duration::ZERO, |first| now.saturating_sub(first.at)),
            totals: first.map_or(totals, |first| totals.since(first.totals)),
            origins: origins.collect(),
        }
    }
}

fn tallied(live: &Live) -> HashMap<Arc<str>, Tallied> {
    let both = live.edge.origins.iter().zip(&live.origins);
    both.map(|(origin, alive)| (Arc::clone(&origin.id), alive.vitals.tallied()))
        .collect()
}

fn hits(live: &Live) -> HashMap<Arc<str>, Hits> {
    let mut hits: HashMap<Arc<str>, Hits> = HashMap::new();
    for (distribution, _, used) in live.cache_use() {
        let sum = hits.entry(distribution.into()).or_default();
        *sum = sum.and(used.hits());
    }
    hits
}

/// One word for how the origin at `position` stands; an operator's word comes first.
///
/// Untried is whose breaker is open, who takes connections again, and to whom no request came that could try: nothing
/// speaks against it but what was before.
pub(crate) fn state(live: &Live, position: usize) -> &'static str {
    let (Some(origin), Some(alive)) = (live.edge.origins.get(position), live.origins.get(position))
    else {
        return "unknown";
    };
    let vitals = &alive.vitals;
    for (mark, word) in [
        (Mark::Down, "down"),
        (Mark::Drained, "drained"),
        (Mark::Unhealthy, "unhealthy"),
    ] {
        if vitals.has(mark) {
            return word;
        }
    }
    let has_check = match &origin.kind {
        OriginKind::Page(_) => return "page",
        OriginKind::Server(server) => server.health_check.is_some(),
        OriginKind::Folder(_) => false,
    };
    match vitals.breaker() {
        State::Open {
            admits_from: Some(from),
        } if live.clock.elapsed() >= from.saturating_add(NOBODY_COMES) => "untried",
        State::Open { .. } => "broken",
        State::Recovering { .. } => "recovering",
        State::Closed if has_check => "healthy",
        // Nothing speaks against it.
        State::Closed => "ready",
    }
}

fn lanes_of(live: &Live, position: usize) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    let Some(distribution) = live.edge.distributions.get(position) else {
        return lanes;
    };
    for behavior in &distribution.behaviors {
        let methods = reached_by(behavior);
        let routed = live.routed(behavior.target);
        let name = &live.edge.target(behavior.target).name;
        let target = live.target(routed);
        for (writes, of_kind) in [
            (false, MethodSet::READS_AND_OPTIONS),
            (true, MethodSet::WRITES),
        ] {
            if methods.and(of_kind).is_empty() {
                continue;
            }
            let path: Arc<str> = behavior.path.as_str().into();
            let same = lanes
                .iter_mut()
                .find(|lane| lane.target == *name && lane.writes == writes);
            if let Some(lane) = same {
                lane.paths.push(path);
                continue;
            }
            let falls_through = !methods.and(of_kind).and(behavior.falls_through).is_empty();
            let first = first_asked(target, &live.standings(target, 0), falls_through);
            let first = first.and_then(|member| target.members.get(member));
            lanes.push(Lane {
                target: Arc::clone(name),
                writes,
                paths: vec![path],
                answers: first.map(|member| Arc::clone(&live.edge.origin(member.origin).id)),
                since: None,
            });
        }
    }
    lanes
}

/// What speaks against an origin by its counts, with how often; only what did so at all.
pub(crate) fn reasons(tallied: &Tallied) -> Vec<(String, u64)> {
    let failed = Failure::ALL.iter().zip(tallied.failed);
    let failed = failed.map(|(failure, count)| (failure.to_string(), count));
    let skipped = Why::ALL.iter().zip(tallied.skipped);
    let skipped = skipped.map(|(why, count)| (format!("left out: {why}"), count));
    let answered: u64 = tallied.answered.iter().sum();
    // Nearly everything that is delivered is an answer; the rest of the answers fell through.
    let by_status = answered.saturating_sub(tallied.delivered);
    failed
        .chain(skipped)
        .chain([("status".to_owned(), by_status)])
        .filter(|(_, count)| *count > 0)
        .collect()
}
