//! What nobody is told of by a single event: groups that thin out, checks that requests contradict, pages that only another
//! origin has, certificates that end, a file that cannot be written.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tideover_config::{AlarmKind, OriginId, OriginKind, Side};
use tideover_rules::alarm::{NotFound, contradicts, of_certificate, of_group};
use tideover_rules::breaker::State;
use tideover_rules::standing::servers_left;

use super::events::Event;
use crate::live::Live;
use crate::vitals::{Mark, Vitals};
use crate::worker::Shared;

/// How often all of it is looked at; nominal.
const EVERY: Duration = Duration::from_millis(250);
/// How often answers are counted.
const COUNTS_EVERY: Duration = Duration::from_secs(5);
/// How often certificates are looked at.
const CERTIFICATES_EVERY: Duration = Duration::from_mins(1);

/// What was seen the last time, by name.
#[derive(Debug, Default)]
pub(super) struct Watch {
    has_begun: bool,
    looked: Option<Duration>,
    counted: Option<Duration>,
    certified: Option<Duration>,
    /// Which of a group's servers may be asked.
    groups: HashMap<Arc<str>, Vec<OriginId>>,
    /// Whose checks are contradicted.
    contradicted: HashMap<Arc<str>, Checked>,
    not_found: HashMap<Arc<str>, Answers>,
    certificates: HashMap<Arc<str>, u8>,
    /// What is switched could not be written.
    is_unkept: bool,
}

/// Of one origin.
#[derive(Debug, Default)]
struct Checked {
    is_contradicted: bool,
    /// When its check last failed, and how many requests had failed by then.
    failed: Option<(Duration, u64)>,
}

/// Of one origin.
#[derive(Debug, Default)]
struct Answers {
    /// All so far, and those that were found elsewhere, and when that was so.
    counts: VecDeque<(Duration, NotFound)>,
    level: u8,
}

impl Watch {
    pub(super) fn look(&mut self, shared: &Arc<Shared>, live: &Live, now: Duration) {
        let is_due = |last: &mut Option<Duration>, every| {
            let is_due = last.is_none_or(|last| now.saturating_sub(last) >= every);
            if is_due {
                *last = Some(now);
            }
            is_due
        };
        if !is_due(&mut self.looked, EVERY) {
            return;
        }
        self.groups(shared, live);
        self.contradictions(shared, live, now);
        if is_due(&mut self.counted, COUNTS_EVERY) {
            self.not_found(shared, live, now);
        }
        if is_due(&mut self.certified, CERTIFICATES_EVERY) {
            self.certificates(shared, live);
        }
        self.storage(shared);
        shared.events.look();
    }

    /// Tells once what the process before this one has left: nobody has told it here.
    pub(super) fn begin(&mut self, shared: &Shared, live: &Live) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let events = &shared.events;
        for switch in shared.switches.in_force() {
            if events.why(AlarmKind::Switch, &switch.name).is_none() {
                events.tell(Event::Switched(switch));
            }
        }
        for (record, state) in live.edge.records.iter().zip(&live.records) {
            let is_told = events.why(AlarmKind::Record, &record.id).is_some();
            if state.side() == Side::Secondary && !is_told {
                events.tell(Event::RecordFound {
                    record: Arc::clone(&record.id),
                    origin: Arc::clone(&live.edge.origin(record.secondary).id),
                    next: record.fail_back,
                });
            }
        }
    }

    fn storage(&mut self, shared: &Shared) {
        let not_kept = shared.switches.not_kept();
        let was_kept = !std::mem::replace(&mut self.is_unkept, not_kept.is_some());
        let what = || Arc::from("switches");
        match not_kept {
            Some(error) if was_kept => shared.events.tell(Event::NotWritten {
                what: what(),
                error,
                costs: "what is switched holds until this process ends",
            }),
            None if !was_kept => shared.events.tell(Event::Written { what: what() }),
            Some(_) | None => {}
        }
    }

    fn groups(&mut self, shared: &Shared, live: &Live) {
        let mut before = std::mem::take(&mut self.groups);
        for (index, target) in live.edge.targets.iter().enumerate() {
            if !target.is_group {
                continue;
            }
            let id = tideover_config::TargetId(u16::try_from(index).unwrap_or(u16::MAX));
            let target = live.target(live.routed(id));
            let left = servers_left(target, |id| live.known(id));
            let servers = target
                .members
                .iter()
                .filter(|member| !member.is_page)
                .count();
            let was = before.remove(&target.name);
            let had = was.as_ref().map_or(servers, Vec::len);
            // Among several it does not matter which of them are left.
            let is_news = of_group(had, servers) != of_group(left.len(), servers)
                || of_group(left.len(), servers) > 0 && was.is_some_and(|was| was != left);
            if is_news {
                let name = |id: &OriginId| Arc::clone(&live.edge.origin(*id).id);
                shared.events.tell(Event::GroupStands {
                    group: Arc::clone(&target.name),
                    left: left.iter().map(name).collect(),
                    servers,
                    has_page: target.members.iter().any(|member| member.is_page),
                });
            }
            self.groups.insert(Arc::clone(&target.name), left);
        }
    }

    fn contradictions(&mut self, shared: &Shared, live: &Live, now: Duration) {
        let mut before = std::mem::take(&mut self.contradicted);
        for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
            let OriginKind::Server(server) = &origin.kind else {
                continue;
            };
            let vitals = &alive.vitals;
            let is_open = matches!(vitals.breaker(), State::Open { .. });
            let mut checked = before.remove(&origin.id).unwrap_or_default();
            if vitals.has(Mark::Unhealthy) {
                checked.failed = Some((now, vitals.tallied().bad));
            }
            // A check that had failed, too, and passes again, is contradicted by requests that have failed since.
            let opened = vitals.opened_at();
            let since = match checked.failed {
                Some((at, bad)) if at >= opened => (vitals.tallied().bad > bad).then_some(at),
                _ => Some(opened),
            };
            let check = server.health_check.as_ref();
            let is = is_open
                && !vitals.has(Mark::Unhealthy)
                && since.is_some_and(|since| {
                    check.is_some_and(|check| contradicts(now.saturating_sub(since), check))
                });
            if is != checked.is_contradicted {
                checked.is_contradicted = is;
                let origin = Arc::clone(&origin.id);
                shared.events.tell(if is {
                    Event::CheckContradicted { origin }
                } else {
                    Event::CheckAgrees { origin }
                });
            }
            self.contradicted.insert(Arc::clone(&origin.id), checked);
        }
    }

    fn not_found(&mut self, shared: &Shared, live: &Live, now: Duration) {
        let mut before = std::mem::take(&mut self.not_found);
        for (origin, alive) in live.edge.origins.iter().zip(&live.origins) {
            let mut answers = before.remove(&origin.id).unwrap_or_default();
            let seen = answers.count(count(&alive.vitals), now);
            let level = seen.level(answers.level);
            if std::mem::replace(&mut answers.level, level) != level {
                let origin = Arc::clone(&origin.id);
                shared.events.tell(if level > 0 {
                    Event::NotFound { origin, seen }
                } else {
                    Event::FoundAgain { origin }
                });
            }
            self.not_found.insert(Arc::clone(&origin.id), answers);
        }
    }

    fn certificates(&mut self, shared: &Shared, live: &Live) {
        let mut before = std::mem::take(&mut self.certificates);
        let today = SystemTime::now();
        let today = today.duration_since(UNIX_EPOCH).unwrap_or_default();
        let shown = live.tls.iter().flat_map(crate::viewer::Tls::shown);
        for certificate in shown {
            let level = of_certificate(certificate.not_after, today);
            let name: Arc<str> = certificate.name.into();
            let was = before.remove(&name).unwrap_or(0);
            if level > 0 && level != was {
                shared.events.tell(Event::CertificateEnds {
                    name: Arc::clone(&name),
                    level,
                    is_ordered: certificate.is_ordered,
                });
            } else if level == 0 && was > 0 {
                let name = Arc::clone(&name);
                shared.events.tell(Event::CertificateGood { name });
            }
            self.certificates.insert(name, level);
        }
        // Nobody is shown these any more.
        for (name, _) in before.into_iter().filter(|(_, level)| *level > 0) {
            shared.events.tell(Event::CertificateGood { name });
        }
    }
}

/// Since the edge began.
fn count(vitals: &Vitals) -> NotFound {
    let tallied = vitals.tallied();
    NotFound {
        answers: tallied.answered.iter().sum(),
        found_elsewhere: tallied.found_elsewhere,
    }
}

impl Answers {
    /// Takes note of all so far, and returns those of late.
    fn count(&mut self, all: NotFound, now: Duration) -> NotFound {
        let since = now.saturating_sub(NotFound::WITHIN);
        while self.counts.get(1).is_some_and(|(at, _)| *at <= since) {
            self.counts.pop_front();
        }
        let first = self.counts.front().map_or(all, |(_, first)| *first);
        self.counts.push_back((now, all));
        NotFound {
            answers: all.answers.saturating_sub(first.answers),
            found_elsewhere: all.found_elsewhere.saturating_sub(first.found_elsewhere),
        }
    }
}
