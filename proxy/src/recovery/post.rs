//! Alarms on their way to a webhook: one after the other, each until it is taken or hope is lost.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tideover_config::{AlarmFormat, AlarmKind, OriginTls, Webhook};
use tideover_rules::alarm::{Delivery, Word, delivery, pause};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::access_log::rfc3339;
use crate::client::{self, Way};
use crate::clock::Clock;
use crate::metrics::Exposition;

/// Most that wait for one webhook; beyond that the oldest is dropped.
const MOST: usize = 256;
/// For one try, from the look-up of the name to the head of the answer; nominal.
const WITHIN: Duration = Duration::from_secs(10);

/// Something that somebody is told.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) at: SystemTime,
    pub(super) kind: AlarmKind,
    pub(super) subject: Arc<str>,
    pub(super) word: Word,
    /// 0: well.
    pub(super) level: u8,
    /// Since when it is amiss, or was.
    pub(super) since: SystemTime,
    pub(super) text: String,
}

impl Notice {
    /// What is posted. `dropped`: how many notices there was no place for since the last one.
    fn body(&self, format: AlarmFormat, dropped: u64) -> Value {
        match format {
            AlarmFormat::Json => json!({
                "time": rfc3339(self.at),
                "edge": edge_name(),
                "kind": self.kind.word(),
                "subject": *self.subject,
                "state": self.word.word(),
                "level": self.level,
                "since": rfc3339(self.since),
                "text": self.text,
                "dropped": dropped,
            }),
            AlarmFormat::Slack => {
                let word = match self.word {
                    Word::Begins => "ALARM",
                    Word::Worsens => "WORSE",
                    Word::Eases => "BETTER",
                    Word::Lasts => "STILL",
                    Word::Ends => "OVER",
                    Word::Flaps => "FLAPPING",
                };
                let mut text = format!("{word} at {}: {}", edge_name(), self.text);
                if dropped > 0 {
                    let _ = write!(text, " ({dropped} before this one were dropped)");
                }
                json!({ "text": as_slack_has_it(&text) })
            }
        }
    }
}

/// Source: Slack's documentation, "Formatting text for app surfaces": these three characters are escaped. So nobody is called
/// by a name that stands in a config.
fn as_slack_has_it(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The name of this machine: several edges may tell the same people.
fn edge_name() -> String {
    let names = rustix::system::uname();
    let name: &CStr = names.nodename();
    name.to_string_lossy().into_owned()
}

/// What became of notices, over all webhooks.
#[derive(Debug, Default)]
pub(super) struct Counts {
    taken: AtomicU64,
    retried: AtomicU64,
    refused: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(super) fn expose(&self, text: &mut Exposition) {
        let help =
            "Notices of alarms to webhooks by outcome; retried: tries that were not the last.";
        text.counter("tideover_alarm_deliveries_total", help);
        for (outcome, count) in [
            ("delivered", &self.taken),
            ("retried", &self.retried),
            ("refused", &self.refused),
            ("given_up", &self.given_up),
            ("dropped", &self.dropped),
        ] {
            text.sample(&[("outcome", outcome)], count.load(Relaxed));
        }
    }
}

/// One webhook, and what waits for it. What is on its way ends with this value.
#[derive(Debug)]
pub(crate) struct Post {
    line: Arc<Line>,
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Line {
    said: Webhook,
    way: Way,
    waiting: Mutex<Waiting>,
    comes: Notify,
    counts: OnceLock<Arc<Counts>>,
}

#[derive(Debug, Default)]
struct Waiting {
    notices: VecDeque<Arc<Notice>>,
    /// Since one was last taken from the line.
    dropped: u64,
}

impl Post {
    /// An error says that its certificate authority cannot be used.
    pub(crate) fn new(said: &Webhook) -> io::Result<Self> {
        let trust = OriginTls {
            server_name: None,
            trust: said.trust.clone(),
            tls12: true,
        };
        let host = &said.endpoint.host;
        let tls = said
            .secure
            .then(|| crate::origin::client_config(&trust, host))
            .transpose()?;
        let way = Way::new(host, said.endpoint.port, tls);
        Ok(Self {
            line: Arc::new(Line {
                said: said.clone(),
                way,
                waiting: Mutex::default(),
                comes: Notify::new(),
                counts: OnceLock::new(),
            }),
            task: OnceLock::new(),
        })
    }

    /// Whether it is the post to this one.
    pub(crate) fn is_to(&self, said: &Webhook) -> bool {
        self.line.said == *said
    }

    pub(super) fn wants(&self, kind: AlarmKind) -> bool {
        self.line.said.wants(kind)
    }

    pub(super) fn counts_to(&self, counts: &Arc<Counts>) {
        let _ = self.line.counts.set(Arc::clone(counts));
    }

    /// Puts it at the end of the line. Never waits.
    pub(super) fn take(&self, notice: Arc<Notice>) {
        let mut waiting = self.line.waiting();
        if waiting.notices.len() == MOST {
            waiting.notices.pop_front();
            waiting.dropped += 1;
            self.line.count(|counts| &counts.dropped);
        }
        waiting.notices.push_back(notice);
        drop(waiting);
        self.line.comes.notify_one();
    }

    /// Delivers from now on, on the runtime that this is called on, unless it does already.
    pub(super) fn begin(&self, clock: Clock) {
        self.task.get_or_init(|| {
            let line = Arc::clone(&self.line);
            tokio::spawn(async move { line.deliver(clock).await }).abort_handle()
        });
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        let left = self.line.waiting().notices.len();
        if left > 0 {
            tracing::warn!(webhook = %self.line.said.endpoint, left, "a webhook is gone from the config, and what waited for it is not sent");
        }
    }
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, which: impl Fn(&Counts) -> &AtomicU64) {
        if let Some(counts) = self.counts.get() {
            which(counts).fetch_add(1, Relaxed);
        }
    }

    /// The first one that waits, and how many were dropped before it.
    async fn next(&self) -> (Arc<Notice>, u64) {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(notice) = waiting.notices.pop_front() {
                    return (notice, std::mem::take(&mut waiting.dropped));
                }
            }
            self.comes.notified().await;
        }
    }

    async fn deliver(&self, clock: Clock) {
        let webhook = &self.said.endpoint;
        let mut is_well = true;
        loop {
            let (notice, dropped) = self.next().await;
            let body = Bytes::from(notice.body(self.said.format, dropped).to_string());
            let mut tries = 0;
            loop {
                tries += 1;
                let tried = tokio::time::timeout(clock.real(WITHIN), self.post(body.clone()));
                let (status, asked, why) = match tried.await {
                    Ok(Ok((status, asked))) => {
                        (Some(status), asked, format!("it answered {status}"))
                    }
                    Ok(Err(error)) => (None, None, error.to_string()),
                    Err(_) => (None, None, format!("no answer came within {WITHIN:?}")),
                };
                match delivery(status) {
                    Delivery::Taken => {
                        self.count(|counts| &counts.taken);
                        if !is_well {
                            is_well = true;
                            tracing::info!(%webhook, "the webhook takes alarms again");
                        }
                        break;
                    }
                    Delivery::Refused => {
                        self.count(|counts| &counts.refused);
                        tracing::warn!(%webhook, %why, "the webhook refused an alarm: see whether its URL is still right");
                        break;
                    }
                    Delivery::Later => {}
                }
                if is_well {
                    is_well = false;
                    tracing::warn!(%webhook, %why, "the webhook takes no alarms: tried again until five minutes are over, others wait");
                }
                let Some(pause) = pause(tries, asked) else {
                    self.count(|counts| &counts.given_up);
                    tracing::warn!(%webhook, %why, tries, "an alarm was not delivered");
                    break;
                };
                self.count(|counts| &counts.retried);
                tokio::time::sleep(clock.real(pause)).await;
            }
        }
    }

    /// The answer's status, and the pause that it asks for.
    async fn post(&self, body: Bytes) -> Result<(u16, Option<Duration>), client::Failure> {
        let mut request = Request::post(self.said.target.reveal()).body(Full::new(body))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.said.host.clone());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for (name, value) in &self.said.headers {
            headers.append(name, value.clone());
        }
        let (response, _connection) = client::send(&self.way, request).await?;
        let asked = response.headers().get(header::RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok((response.status().as_u16(), asked.map(Duration::from_secs)))
    }
}

#[cfg(test)]
mod tests {
    use tideover_config::{Endpoint, Secret, Trust};

    use super::*;

    fn notice(number: usize) -> Notice {
        let at = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        Notice {
            at,
            kind: AlarmKind::Record,
            subject: "app".into(),
            word: Word::Begins,
            level: 1,
            since: at,
            text: format!("app moved aws -> <vm> & so on, {number}"),
        }
    }

    fn post() -> Post {
        let said = Webhook {
            endpoint: Endpoint {
                host: "127.0.0.1".into(),
                port: 1,
            },
            secure: false,
            host: HeaderValue::from_static("127.0.0.1:1"),
            target: Secret::new("/SECRET"),
            trust: Trust::Platform,
            format: AlarmFormat::Json,
            headers: Vec::new(),
            only: None,
        };
        Post::new(&said).expect("there is nothing to prepare")
    }

    #[test]
    fn beyond_the_most_the_oldest_is_dropped_and_counted() {
        let post = post();
        let counts = Arc::default();
        post.counts_to(&counts);
        for number in 0..MOST + 3 {
            post.take(Arc::new(notice(number)));
        }
        let waiting = post.line.waiting();
        let numbers = waiting.notices.iter().map(|notice| notice.text.as_str());
        let expected: Vec<String> = (3..MOST + 3).map(|number| notice(number).text).collect();
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
        assert_eq!(waiting.dropped, 3);
        assert_eq!(counts.dropped.load(Relaxed), 3);
    }

    #[test]
    fn what_is_shown_of_it_tells_no_secret() {
        let shown = format!("{:?}", post());
        assert!(shown.contains("127.0.0.1"), "{shown}");
        assert!(!shown.contains("SECRET"), "{shown}");
    }

    #[test]
    fn both_formats_say_what_was_dropped() {
        let body = notice(1).body(AlarmFormat::Json, 3);
        assert_eq!(body["time"], "1970-01-01T01:00:00.000Z");
        assert_eq!(body["state"], "begins");
        assert_eq!(body["text"], "app moved aws -> <vm> & so on, 1");
        assert_eq!(body["dropped"], 3);
        let body = notice(1).body(AlarmFormat::Slack, 3);
        let expected = format!(
            "ALARM at {}: app moved aws -&gt; &lt;vm&gt; &amp; so on, 1 (3 before this one were dropped)",
            edge_name()
        );
        assert_eq!(body["text"], expected);
    }
}
