//! Health checks: one task for each origin that has one sends its probes and keeps what they found.
//!
//! [`Checked`] is what is known of one check; it lives in `Live` beside its origin and is carried over a reload as long as the
//! check stays as it is. [`probe`] sends one probe, over a connection of its own.

#[cfg(test)]
mod plays;
mod probe;
mod search;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use http::Uri;
use rustls::ClientConfig;
use tideover_config::{AddressFamily, CheckKind, FaultKind, HealthCheck, OriginTls, Server, Trust};
use tideover_rules::health::{Finding, Health};

use super::events::Event;
use crate::clock::Clock;
use crate::live::LiveEndpoint;
use crate::origin::{Addresses, client_config};
use crate::vitals::{Mark, Vitals};
use crate::worker::Shared;
use probe::Fell;
pub(crate) use probe::Stage;

/// So many probes are remembered.
const REMEMBERED: usize = 64;
/// Probes are sent by so much earlier or later than they are due, by chance, so that many edges that began together do not
/// knock together for ever.
const JITTER: f64 = 0.05;
/// The first one comes after a part of the interval, by chance, and of this at most.
const FIRST_WITHIN: Duration = Duration::from_secs(30);

/// One origin's check: how it is made, and what it found.
#[derive(Debug)]
pub(crate) struct Checked {
    check: HealthCheck,
    family: AddressFamily,
    tls: OriginTls,
    way: Way,
    has_begun: AtomicBool,
    found: Mutex<Found>,
}

/// How a probe gets there.
#[derive(Debug)]
struct Way {
    addresses: Arc<Addresses>,
    /// `https+insecure://`: towards loopback and private addresses only.
    only_nearby: bool,
    /// `None` where nothing is asked by TLS.
    tls: Option<Tls>,
    /// `None` where nothing is asked but for a connection.
    uri: Option<Uri>,
}

#[derive(Debug)]
struct Tls {
    config: Arc<ClientConfig>,
    /// Where certificates are not judged: for a second try, if the first one showed the certificate of somebody else.
    without_name: Option<Arc<ClientConfig>>,
}

#[derive(Debug, Default)]
struct Found {
    finding: Finding,
    lately: VecDeque<Probe>,
    counted: Counted,
}

/// Probes so far, by what came of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) passed: u64,
    /// By [`Stage`], in order of declaration.
    pub(crate) failed: [u64; Stage::ALL.len()],
}

/// One probe that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// When it began.
    pub(crate) at: SystemTime,
    /// Nominal.
    pub(crate) took: Duration,
    /// Where it failed; `None`: it passed.
    pub(crate) fell: Option<Fell>,
    /// As Route 53 puts it: `Success: HTTP Status Code 200, OK`.
    pub(crate) words: String,
}

impl Checked {
    /// The check of `server`, by the endpoints it has; `before` is taken over if it is the same one.
    pub(crate) fn new(
        server: &Server,
        endpoints: [Option<&LiveEndpoint>; 2],
        before: Option<&Arc<Self>>,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(check) = &server.health_check else {
            return Ok(None);
        };
        let is_same = |before: &&Arc<Self>| {
            before.check == *check && before.family == server.addresses && before.tls == server.tls
        };
        if let Some(same) = before.filter(is_same) {
            return Ok(Some(Arc::clone(same)));
        }
        Ok(Some(Arc::new(Self {
            check: check.clone(),
            family: server.addresses,
            tls: server.tls.clone(),
            way: Way::new(check, server, endpoints)?,
            has_begun: AtomicBool::new(false),
            found: Mutex::default(),
        })))
    }

    /// What the origin counts as.
    pub(crate) fn health(&self) -> Health {
        self.with_found(|found| found.finding.counts_as(&self.check))
    }

    /// Whether its probes have said so, and not only none as yet the opposite.
    pub(crate) fn is_certain(&self) -> bool {
        self.with_found(|found| found.finding.is_certain(&self.check))
    }

    /// The latest probes, the oldest first.
    pub(crate) fn lately(&self) -> Vec<Probe> {
        self.with_found(|found| found.lately.iter().cloned().collect())
    }

    /// Its probes so far.
    pub(crate) fn counted(&self) -> Counted {
        self.with_found(|found| found.counted)
    }

    /// One more probe. What the origin counts as from now on, if that is something else than before.
    fn note(&self, probe: Probe) -> Option<Health> {
        self.with_found(|found| {
            let passed = probe.fell.is_none();
            let count = match &probe.fell {
                None => Some(&mut found.counted.passed),
                Some(fell) => found.counted.failed.get_mut(fell.stage() as usize),
            };
            if let Some(count) = count {
                *count += 1;
            }
            if found.lately.len() == REMEMBERED {
                found.lately.pop_front();
            }
            found.lately.push_back(probe);
            found.finding.record(passed, &self.check)
        })
    }

    fn with_found<T>(&self, look: impl FnOnce(&mut Found) -> T) -> T {
        look(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is told when the origin has become unhealthy.
    fn became_unhealthy(&self, origin: &Arc<str>) -> Event {
        let of = if self.check.inverted {
            self.check.recovery_threshold
        } else {
            self.check.failure_threshold
        };
        self.with_found(|found| {
            let latest = found.lately.iter().rev().take(usize::from(of));
            let failed = latest.filter(|probe| probe.fell.is_some()).count();
            let last = found.lately.back().and_then(|probe| probe.fell.as_ref());
            let reason = match last {
                Some(fell) => fell.to_string(),
                None => "and its check is inverted".to_owned(),
            };
            Event::OriginUnhealthy {
                origin: Arc::clone(origin),
                reason,
                failed: u8::try_from(failed).unwrap_or(u8::MAX),
                of,
            }
        })
    }
}

impl Way {
    fn new(
        check: &HealthCheck,
        server: &Server,
        endpoints: [Option<&LiveEndpoint>; 2],
    ) -> io::Result<Self> {
        let [_, secure] = endpoints;
        // Where requests go there too, the same look-ups serve both.
        let addresses = endpoints
            .into_iter()
            .flatten()
            .map(|endpoint| &endpoint.addresses)
            .find(|addresses| *addresses.endpoint() == check.endpoint)
            .map_or_else(
                || Arc::new(Addresses::new(check.endpoint.clone(), server.addresses)),
                Arc::clone,
            );
        let way = |tls, uri| Self {
            addresses,
            only_nearby: server.tls.trust == Trust::Anyone,
            tls,
            uri,
        };
        let CheckKind::Http(http) = &check.kind else {
            return Ok(way(None, None));
        };
        let uri = Uri::try_from(&*http.path).map_err(io::Error::other)?;
        if !http.secure {
            return Ok(way(None, Some(uri)));
        }
        let name = http.server_name.as_ref().unwrap_or(&server.domain_name);
        let tls = if http.judges_certificate {
            let known = secure.and_then(|endpoint| endpoint.tls.as_ref());
            Tls {
                config: match known {
                    Some(config) => Arc::clone(config),
                    None => client_config(&server.tls, name)?,
                },
                without_name: None,
            }
        } else {
            let unjudged = OriginTls {
                trust: Trust::Anyone,
                ..server.tls.clone()
            };
            let config = client_config(&unjudged, name)?;
            let mut without_name = ClientConfig::clone(&config);
            without_name.enable_sni = false;
            let without_name = Arc::new(without_name);
            match http.server_name {
                Some(_) => Tls {
                    config,
                    without_name: Some(without_name),
                },
                None => Tls {
                    config: without_name,
                    without_name: None,
                },
            }
        };
        Ok(way(Some(tls), Some(uri)))
    }
}

/// Begins to send the probes of every check that has not begun yet.
pub(super) fn begin(shared: &Arc<Shared>) {
    let live = shared.live();
    for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
        let Some(checked) = &alive.checked else {
            continue;
        };
        if !checked.check.disabled && !checked.has_begun.swap(true, AcqRel) {
            tokio::spawn(go_on(
                Arc::downgrade(shared),
                Arc::clone(&origin.id),
                Arc::clone(checked),
            ));
        }
    }
}

/// Sends probes until the config has another check for `origin`, or none, or there is no edge any more.
async fn go_on(shared: Weak<Shared>, origin: Arc<str>, checked: Arc<Checked>) {
    let Some(clock) = clock(&shared) else { return };
    let check = &checked.check;
    let first = check.interval.min(FIRST_WITHIN).mul_f64(fastrand::f64());
    tokio::time::sleep(clock.real(first)).await;
    let agent = probe::user_agent(&origin);
    loop {
        // Whoever is gone, or has been replaced, is not knocked at.
        let Some((clock, fault)) = still_wanted(&shared, &origin, &checked) else {
            return;
        };
        let begun = tokio::time::Instant::now();
        let at = SystemTime::now();
        let (fell, words) = probe::send(check, &checked.way, &agent, clock, fault).await;
        let probe = Probe {
            at,
            took: clock.nominal(begun.elapsed()),
            fell,
            words,
        };
        if !take(&shared, &origin, &checked, probe) {
            return;
        }
        let pause = check
            .interval
            .mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
        let from = if check.keeps_pace() {
            begun
        } else {
            tokio::time::Instant::now()
        };
        tokio::time::sleep_until(from + clock.real(pause)).await;
    }
}

fn clock(shared: &Weak<Shared>) -> Option<Clock> {
    shared.upgrade().map(|shared| shared.live().clock)
}

/// The clock to go by, and what is wrong with the origin on purpose.
fn still_wanted(
    shared: &Weak<Shared>,
    origin: &str,
    checked: &Arc<Checked>,
) -> Option<(Clock, Option<FaultKind>)> {
    let live = shared.upgrade()?.live();
    let (_, alive) = live.origin_named(origin)?;
    let current = alive.checked.as_ref()?;
    let fault = || alive.fault.strikes(live.clock.elapsed());
    Arc::ptr_eq(current, checked).then(|| (live.clock, fault()))
}

/// False if nobody wants to know any more.
fn take(shared: &Weak<Shared>, origin: &Arc<str>, checked: &Arc<Checked>, probe: Probe) -> bool {
    let Some(shared) = shared.upgrade() else {
        return false;
    };
    let live = shared.live();
    let Some((_, alive)) = live.origin_named(origin) else {
        return false;
    };
    let is_current = |current| Arc::ptr_eq(current, checked);
    if !alive.checked.as_ref().is_some_and(is_current) {
        return false;
    }
    tracing::debug!(origin = %origin, took = ?probe.took, "{}", probe.words);
    let news = checked.note(probe);
    mark(&alive.vitals, checked.health());
    match news {
        Some(Health::Unhealthy) => shared.events.tell(checked.became_unhealthy(origin)),
        Some(Health::Healthy) => shared.events.tell(Event::OriginHealthy {
            origin: Arc::clone(origin),
        }),
        None => {}
    }
    true
}

/// Requests and records go by that.
pub(crate) fn mark(vitals: &Vitals, health: Health) {
    vitals.set(Mark::Unhealthy, health == Health::Unhealthy);
}
