//! Looks after the certificate: shows what is in the folder, and orders a new one when it is time.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tideover_config::Acme;
use tideover_rules::renewal::{self, Validity};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::Ordered;
use super::http::Asked;
use super::order::{Desk, OrderError};
use super::store::{Found, Store};
use crate::clock::Clock;

/// How often the folder is looked at: another process may have put a new certificate there.
const LOOKS: Duration = Duration::from_mins(1);
/// How often it is tried to get the right to order.
const LOCKED: Duration = Duration::from_secs(5);
/// Bounds for how often the authority is asked when it would like a renewal.
const ASKS: (Duration, Duration) = (Duration::from_mins(10), Duration::from_hours(24));
/// Until it is asked again, if it did not answer.
const ASKS_AGAIN: Duration = Duration::from_hours(1);

/// Whatever is needed to do so; nobody notices it yet, nor that it is dropped.
pub(super) struct Prepared {
    keeping: Keeping,
    /// To the thread, which waits.
    to_thread: oneshot::Sender<Keeping>,
    end: oneshot::Sender<()>,
}

/// Opens the folder, and has a thread.
pub(super) fn prepare(said: &Acme, ordered: Arc<Ordered>, clock: Clock) -> io::Result<Prepared> {
    let store = Store::open(said)?;
    let keeping = Keeping {
        said: said.clone(),
        store,
        ordered,
        asked: Asked::default(),
        clock,
        present: None,
        window: None,
        asks_at: Duration::ZERO,
        share: fastrand::f64(),
        failures: 0,
        told: None,
        told_of_file: None,
        rests_until: Instant::now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (end, ends) = oneshot::channel();
    let (to_thread, handed) = oneshot::channel::<Keeping>();
    std::thread::Builder::new()
        .name("acme".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let Ok(mut keeping) = handed.await else {
                    return;
                };
                tokio::select! {
                    _ = ends => {}
                    () = keeping.keep() => {}
                }
            });
            // A name that is being looked up is nobody's business any more.
            runtime.shutdown_background();
        })?;
    Ok(Prepared {
        keeping,
        to_thread,
        end,
    })
}

impl Prepared {
    /// Looks after the certificate until what this returns is dropped. What is in the folder is shown when it returns.
    pub(super) fn begin(mut self) -> oneshot::Sender<()> {
        self.keeping.look();
        if self.keeping.present.is_none() {
            tracing::warn!(domains = %self.keeping.domains(), "there is no certificate yet: a self-signed one is shown until it is ordered");
        }
        // The thread is there, and waits for nothing else.
        let _ = self.to_thread.send(self.keeping);
        self.end
    }
}

struct Keeping {
    said: Acme,
    store: Store,
    ordered: Arc<Ordered>,
    asked: Asked,
    clock: Clock,
    /// What is shown.
    present: Option<Found>,
    /// When the authority would like it to be renewed, if it said so.
    window: Option<Validity>,
    /// When it is asked for that, since 1970.
    asks_at: Duration,
    /// Of what is left to chance, for this certificate.
    share: f64,
    /// Orders in a row that failed.
    failures: u32,
    /// The kind of failure of an order that was said last.
    told: Option<String>,
    /// What was said last of the certificate in the folder.
    told_of_file: Option<String>,
    /// No order before that.
    rests_until: Instant,
}

impl Keeping {
    async fn keep(&mut self) {
        loop {
            self.look();
            self.ask_for_window().await;
            let wait = self.wait();
            if !wait.is_zero() {
                sleep(wait.min(self.clock.real(LOOKS))).await;
                continue;
            }
            // Nothing is ordered in haste: neither after a failure, nor if a server wants everything renewed at once.
            sleep_until(self.rests_until).await;
            match self.order_alone().await {
                Ok(true) => {}
                Ok(false) => sleep(self.clock.real(LOCKED)).await,
                Err(error) => self.failed(&error),
            }
        }
    }

    /// How long there is nothing to order.
    fn wait(&self) -> Duration {
        let present = self.present.as_ref();
        let Some(present) = present.filter(|present| present.is_for(&self.said.domains)) else {
            return Duration::ZERO;
        };
        let due = renewal::due(present.facts.validity, self.window, self.share);
        due.saturating_sub(now())
    }

    /// Shows what is in the folder, if it is other than what is shown.
    fn look(&mut self) {
        let found = match self.store.certificate() {
            Ok(Some(pem)) => Found::of(&pem),
            Ok(None) => return,
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(found) => {
                let present = self.present.as_ref();
                if present.is_none_or(|present| present.key.cert != found.key.cert) {
                    self.show(found);
                }
            }
            Err(what) => {
                let file = self.store.certificate_file();
                say_once(&mut self.told_of_file, &what, || {
                    tracing::warn!(file = %file.display(), %what, "the certificate in the folder is not used");
                });
            }
        }
    }

    fn show(&mut self, found: Found) {
        let Validity { not_after, .. } = found.facts.validity;
        tracing::info!(domains = %self.domains(), not_after = not_after.as_secs(), "a certificate is shown");
        self.ordered.certificate.store(Some(Arc::clone(&found.key)));
        self.ordered.not_after.store(not_after.as_secs(), Relaxed);
        self.present = Some(found);
        self.window = None;
        self.asks_at = Duration::ZERO;
        self.share = fastrand::f64();
    }

    /// True if there is a new certificate, or nothing to order any more; false while another process orders.
    async fn order_alone(&mut self) -> Result<bool, OrderError> {
        let Some(_lock) = self.store.lock()? else {
            return Ok(false);
        };
        // Whoever had the lock may have left what is wanted.
        self.look();
        if !self.wait().is_zero() {
            return Ok(true);
        }
        // A server may refuse to have something replaced. Only where it keeps such things in mind, and only once.
        let before = self.present.as_ref().map(|present| &present.facts);
        let before = before.filter(|_| self.window.is_some() && self.failures == 0);
        let found = self.desk().order(before).await?;
        self.ordered.issued.fetch_add(1, Relaxed);
        self.show(found);
        self.failures = 0;
        self.told = None;
        let pause = renewal::pause(1, None, self.share);
        self.rests_until = Instant::now() + self.clock.real(pause);
        Ok(true)
    }

    fn failed(&mut self, error: &OrderError) {
        self.ordered.failed.fetch_add(1, Relaxed);
        self.failures = self.failures.saturating_add(1);
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = renewal::pause(self.failures, asked, fastrand::f64());
        self.rests_until = Instant::now() + self.clock.real(pause);
        let (domains, is_there) = (self.domains(), self.present.is_some());
        say_once(&mut self.told, &error.kind(), || {
            let goes_on = if is_there {
                "the old one is shown on"
            } else {
                "a self-signed one is shown"
            };
            tracing::warn!(%domains, %error, next_try = ?pause, "no certificate was ordered: {goes_on}");
        });
    }

    /// When the authority would like a renewal, if it is time to ask.
    async fn ask_for_window(&mut self) {
        let Some(present) = &self.present else {
            return;
        };
        if now() < self.asks_at {
            return;
        }
        let told = self.desk().window(&present.facts).await;
        let again = match told {
            Ok(Some((window, again))) => {
                self.window = Some(window);
                self.clock.real(again.clamp(ASKS.0, ASKS.1))
            }
            Ok(None) => Duration::MAX,
            Err(error) => {
                tracing::debug!(%error, "the authority does not say when it would like a renewal");
                self.clock.real(ASKS_AGAIN)
            }
        };
        self.asks_at = now().saturating_add(again);
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            said: &self.said,
            store: &self.store,
            ordered: &self.ordered,
            asked: &self.asked,
        }
    }

    /// For messages.
    fn domains(&self) -> String {
        self.said.domains.join(", ")
    }
}

/// Unless it was what was `told` last.
fn say_once(told: &mut Option<String>, what: &str, say: impl FnOnce()) {
    if told.as_deref() == Some(what) {
        tracing::debug!(what, "the same again");
    } else {
        say();
        *told = Some(what.to_owned());
    }
}

/// Since 1970.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
