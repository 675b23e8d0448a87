//! What is amiss now, and who was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tideover_config::{AlarmKind, OriginKind};
use tideover_rules::alarm::{Alarm, Word};

use super::post::{Counts, Notice, Post};
use crate::access_log::rfc3339;
use crate::live::Live;
use crate::metrics::Exposition;

/// How something stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand<'e> {
    pub(super) kind: AlarmKind,
    pub(super) subject: &'e Arc<str>,
    /// 0: well.
    pub(super) level: u8,
}

/// One alarm for each kind and subject.
#[derive(Debug, Default)]
pub(super) struct Board {
    entries: BTreeMap<(AlarmKind, Arc<str>), Entry>,
    posts: Vec<Arc<Post>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Entry {
    alarm: Alarm,
    /// How it stands, in words.
    text: String,
    began: Option<SystemTime>,
}

impl Board {
    /// Notes how something stands, and sends who is to be told a notice if that is news.
    pub(super) fn stands(&mut self, stand: Stand<'_>, text: &str, now: Duration, at: SystemTime) {
        let key = (stand.kind, Arc::clone(stand.subject));
        let entry = self.entries.entry(key).or_default();
        if entry.alarm.level() == 0 {
            entry.began = Some(at);
        }
        text.clone_into(&mut entry.text);
        if let Some(word) = entry.alarm.stands(stand.level, now) {
            let notice = notice(stand.kind, stand.subject, entry, word, now, at);
            self.send(notice);
        }
    }

    /// Tells what is to be told because time has gone by.
    pub(super) fn look(&mut self, now: Duration, at: SystemTime) {
        let mut notices = Vec::new();
        for ((kind, subject), entry) in &mut self.entries {
            if let Some(word) = entry.alarm.look(*kind, now) {
                notices.push(notice(*kind, subject, entry, word, now, at));
            }
        }
        self.entries
            .retain(|_, entry| !entry.alarm.is_forgotten(now));
        for notice in notices {
            tracing::warn!("{}", notice.text);
            self.send(notice);
        }
    }

    fn send(&self, notice: Notice) {
        if notice.word == Word::Flaps {
            tracing::warn!("{}", notice.text);
        }
        let notice = Arc::new(notice);
        for post in self.posts.iter().filter(|post| post.wants(notice.kind)) {
            post.take(Arc::clone(&notice));
        }
    }

    /// Alarms go to whom `live` names. What it does not know any more cannot be amiss.
    pub(super) fn follow(&mut self, live: &Live) {
        self.posts.clone_from(&live.posts);
        for post in &self.posts {
            post.counts_to(&self.counts);
        }
        let (now, at) = (live.clock.elapsed(), SystemTime::now());
        let gone: Vec<(AlarmKind, Arc<str>)> = self
            .entries
            .iter()
            .filter(|((kind, subject), entry)| {
                entry.alarm.level() > 0 && !is_there(live, *kind, subject)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for (kind, subject) in gone {
            let text = format!(
                "{subject}: the config says nothing any more that could be amiss ({})",
                kind.word()
            );
            let stand = Stand {
                kind,
                subject: &subject,
                level: 0,
            };
            self.stands(stand, &text, now, at);
        }
    }

    /// How something stands, in words, if it is amiss.
    pub(super) fn text(&self, kind: AlarmKind, subject: &Arc<str>) -> Option<&str> {
        let entry = self.entries.get(&(kind, Arc::clone(subject)))?;
        (entry.alarm.level() > 0).then_some(&entry.text)
    }

    fn amiss(&self) -> impl Iterator<Item = (&(AlarmKind, Arc<str>), &Entry)> {
        let entries = self.entries.iter();
        entries.filter(|(_, entry)| entry.alarm.level() > 0)
    }

    /// A list of objects: `kind`, `subject`, `level`, `since`, `text`.
    pub(super) fn json(&self) -> Value {
        self.amiss()
            .map(|((kind, subject), entry)| {
                json!({
                    "kind": kind.word(),
                    "subject": **subject,
                    "level": entry.alarm.level(),
                    "since": entry.began.map(rfc3339),
                    "text": entry.text,
                })
            })
            .collect()
    }

    /// Tells how many alarms last, and what became of notices.
    pub(super) fn expose(&self, text: &mut Exposition) {
        text.gauge("tideover_alarms_active", "Alarms that last, by kind.");
        for kind in AlarmKind::ALL {
            let count = self.amiss().filter(|((own, _), _)| *own == kind).count();
            text.sample(&[("kind", kind.word())], count);
        }
        self.counts.expose(text);
    }
}

/// Whether `live` has something that this can be said of.
fn is_there(live: &Live, kind: AlarmKind, subject: &str) -> bool {
    let server = || {
        let (origin, _) = live.origin_named(subject)?;
        match &origin.kind {
            OriginKind::Server(server) => Some(server),
            OriginKind::Page(_) | OriginKind::Folder(_) => None,
        }
    };
    match kind {
        AlarmKind::Unhealthy => server().is_some_and(|server| server.health_check.is_some()),
        AlarmKind::Breaker => server().is_some_and(|server| server.breaker.is_some()),
        AlarmKind::Record | AlarmKind::RecordWaits => {
            let mut records = live.edge.records.iter();
            records.any(|record| *record.id == *subject)
        }
        // Who tells of these looks at the config each time.
        AlarmKind::Contradiction
        | AlarmKind::Group
        | AlarmKind::NotFound
        | AlarmKind::Certificate
        | AlarmKind::Switch
        | AlarmKind::Fault
        | AlarmKind::Storage
        | AlarmKind::Page => true,
    }
}

fn notice(
    kind: AlarmKind,
    subject: &Arc<str>,
    entry: &Entry,
    word: Word,
    now: Duration,
    at: SystemTime,
) -> Notice {
    let own = &entry.text;
    let text = match word {
        Word::Begins | Word::Worsens | Word::Eases | Word::Ends => own.clone(),
        Word::Lasts => {
            let since = entry.alarm.since().unwrap_or(now);
            format!("still, for {}: {own}", span(now.saturating_sub(since)))
        }
        Word::Flaps => format!(
            "{subject} comes and goes ({}): told again once it has kept still for {}; just now: {own}",
            kind.word(),
            span(Alarm::STILL)
        ),
    };
    Notice {
        at,
        kind,
        subject: Arc::clone(subject),
        word,
        level: entry.alarm.level(),
        since: entry.began.unwrap_or(at),
        text,
    }
}

/// `5 minutes`, `3 hours`: as exact as anybody wants it.
fn span(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match minutes {
        0..120 => tideover_config::counted(minutes, "minute"),
        _ => tideover_config::counted(minutes / 60, "hour"),
    }
}
