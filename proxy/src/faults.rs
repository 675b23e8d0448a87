//! Faults on command: which origin has one now, and until when. What a fault does to a request stands in
//! `origin/faulty.rs`: behind the failover rule and before the network, so that everything else is as with the real thing.
//!
//! The rule of the hot path: a request that finds no [`Mark`] at any of its origins has looked at all there is. A fault
//! sets [`Mark::Fault`]; what exactly it is lies behind a lock that only such requests take, for a moment.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tideover_config::{Fault, FaultKind, Origin, OriginId, OriginKind};

use crate::live::{Live, LiveOrigin};
use crate::recovery::Event;
use crate::vitals::Mark;
use crate::worker::Shared;

/// Where the fault of one origin is, if it has one. Belongs to one [`Live`]: a reload leaves behind what was ordered.
#[derive(Debug, Default)]
pub(crate) struct FaultSlot(Mutex<Option<Arc<InForce>>>);

/// A fault and how far it got.
#[derive(Debug)]
struct InForce {
    fault: Fault,
    /// Nominal time since the edge began; `None`: without an end.
    until: Option<Duration>,
    /// It stands in the file.
    is_of_file: bool,
    /// Requests that came by.
    nth: AtomicU64,
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultRefused {
    /// The config does not allow it.
    #[error(
        "faults are not enabled; write [faults] with enabled = true into the config and reload it"
    )]
    NotEnabled,
    /// There is no such origin.
    #[error("there is no origin {named:?}; there are {}", known.join(", "))]
    Unknown {
        /// As ordered.
        named: String,
        /// All that may have one.
        known: Vec<String>,
    },
    /// It is a page, which cannot fail.
    #[error("{0:?} is a page of the edge itself, which cannot fail")]
    Page(String),
    /// It would last for too long.
    #[error("a fault lasts {} hours at most", Fault::LONGEST.as_secs() / 3_600)]
    TooLong,
}

impl FaultSlot {
    /// Of an origin that begins with the fault of its file, which goes on if it is the one that `before` had from there.
    pub(crate) fn new(origin: &Origin, before: Option<&LiveOrigin>, now: Duration) -> Self {
        let fault = match &origin.kind {
            OriginKind::Server(server) => server.fault,
            OriginKind::Folder(folder) => folder.fault,
            OriginKind::Page(_) => None,
        };
        let Some(fault) = fault else {
            return Self::default();
        };
        let same = before
            .and_then(|before| before.fault.present())
            .filter(|before| before.is_of_file && before.fault == fault);
        Self(Mutex::new(Some(same.unwrap_or_else(|| {
            Arc::new(InForce {
                fault,
                until: fault.lasts.map(|lasts| now.saturating_add(lasts)),
                is_of_file: true,
                nth: AtomicU64::new(0),
            })
        }))))
    }

    fn present(&self) -> Option<Arc<InForce>> {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.clone()
    }

    fn set(&self, to: Option<InForce>) -> Option<Arc<InForce>> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *present, to.map(Arc::new))
    }

    /// The fault in force `now`, and how long it still is.
    pub(crate) fn now(&self, now: Duration) -> Option<(Fault, Option<Duration>)> {
        let present = self.present().filter(|present| present.holds(now))?;
        let left = present.until.map(|until| until.saturating_sub(now));
        Some((present.fault, left))
    }

    /// What is wrong with the origin for the request that asks.
    pub(crate) fn strikes(&self, now: Duration) -> Option<FaultKind> {
        let present = self.present().filter(|present| present.holds(now))?;
        let nth = present.nth.fetch_add(1, Relaxed);
        present.fault.strikes(nth).then_some(present.fault.kind)
    }

    /// What is wrong with the origin for a connection that is tried for no request. Nobody could rehearse how a failure is
    /// found out if that got through.
    pub(crate) fn lets_nobody_in(&self, now: Duration) -> bool {
        let is_unreachable = |kind| matches!(kind, FaultKind::Refuse | FaultKind::BlackHole);
        self.now(now)
            .is_some_and(|(fault, _)| is_unreachable(fault.kind))
    }
}

impl InForce {
    fn holds(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What is wrong with `origin` for the request that asks. To be asked only where its [`Mark::Fault`] may be set.
pub(crate) fn strikes(live: &Live, origin: OriginId) -> Option<FaultKind> {
    let alive = live.origins.get(usize::from(origin.0))?;
    if !alive.vitals.has(Mark::Fault) {
        return None;
    }
    alive.fault.strikes(live.clock.elapsed())
}

/// A config came: its faults begin, and those that were ordered before are over.
pub(crate) fn begin(shared: &Shared) {
    let live = shared.live();
    let now = live.clock.elapsed();
    for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
        let present = alive.fault.now(now);
        let is_news = alive.vitals.set(Mark::Fault, present.is_some());
        match present {
            Some((fault, _)) if is_news => shared.events.tell(Event::FaultBegan {
                origin: Arc::clone(&origin.id),
                fault,
            }),
            None if is_news => shared.events.tell(Event::FaultOver {
                origin: Arc::clone(&origin.id),
            }),
            Some(_) | None => {}
        }
    }
}

/// Ends what has lasted long enough.
pub(crate) fn look(shared: &Shared, live: &Live, now: Duration) {
    for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
        if alive.vitals.has(Mark::Fault)
            && alive.fault.now(now).is_none()
            && alive.vitals.set(Mark::Fault, false)
        {
            shared.events.tell(Event::FaultOver {
                origin: Arc::clone(&origin.id),
            });
        }
    }
}

/// All that are in force: the origin's name, the fault, and how long it still is.
pub(crate) fn in_force(live: &Live) -> Vec<(Arc<str>, Fault, Option<Duration>)> {
    let now = live.clock.elapsed();
    live.edge
        .origins
        .iter()
        .zip(&live.origins)
        .filter_map(|(origin, alive)| {
            let (fault, left) = alive.fault.now(now)?;
            Some((Arc::clone(&origin.id), fault, left))
        })
        .collect()
}

/// Gives `origin` this fault in place of the one that it has, or none. Holds from the next request on.
pub(crate) fn order(
    shared: &Shared,
    origin: &str,
    fault: Option<Fault>,
) -> Result<(), FaultRefused> {
    let live = shared.live();
    if !live.edge.takes_faults {
        return Err(FaultRefused::NotEnabled);
    }
    let Some((found, alive)) = live.origin_named(origin) else {
        let may_fail = |origin: &&Origin| !matches!(origin.kind, OriginKind::Page(_));
        let servers = live.edge.origins.iter().filter(may_fail);
        return Err(FaultRefused::Unknown {
            named: origin.to_owned(),
            known: servers.map(|origin| origin.id.to_string()).collect(),
        });
    };
    if matches!(found.kind, OriginKind::Page(_)) {
        return Err(FaultRefused::Page(origin.to_owned()));
    }
    if fault.is_some_and(|fault| fault.lasts > Some(Fault::LONGEST)) {
        return Err(FaultRefused::TooLong);
    }
    let now = live.clock.elapsed();
    let had = alive.fault.set(fault.map(|fault| InForce {
        fault,
        until: fault.lasts.map(|lasts| now.saturating_add(lasts)),
        is_of_file: false,
        nth: AtomicU64::new(0),
    }));
    alive.vitals.set(Mark::Fault, fault.is_some());
    let origin = Arc::clone(&found.id);
    match fault {
        Some(fault) => shared.events.tell(Event::FaultBegan { origin, fault }),
        None if had.is_some_and(|had| had.holds(now)) => {
            shared.events.tell(Event::FaultOver { origin });
        }
        None => {}
    }
    Ok(())
}
