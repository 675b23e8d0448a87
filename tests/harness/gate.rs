//! Order between the cast, without sleeping.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long anything in a scenario may be waited for before the scenario is called broken.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A gate that starts closed; whoever waits at it goes on once it is open, and it stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

/// A closed gate.
pub fn gate() -> Gate {
    Gate(Arc::new(watch::Sender::new(false)))
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Returns when the gate is open.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub async fn wait(&self) {
        let mut state = self.0.subscribe();
        let opened = tokio::time::timeout(PATIENCE, state.wait_for(|open| *open)).await;
        assert!(opened.is_ok(), "nobody opened the gate");
    }
}

/// The value of `future`.
///
/// # Panics
/// When it takes longer than [`PATIENCE`]; `what` says what was waited for.
pub async fn patiently<F: Future>(what: &str, future: F) -> F::Output {
    let in_time = tokio::time::timeout(PATIENCE, future).await;
    in_time.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// The value once it has not changed for 300 ms: for bytes that flow until nobody takes them, which ends with no event.
pub async fn settles(value: impl Fn() -> u64) -> u64 {
    let mut before = value();
    loop {
        tokio::time::sleep(ms(300)).await;
        let now = value();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// `count` milliseconds.
pub const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Whether this machine has IPv6 on its loopback. Where it has not, that is said: what needs it is not tried.
pub fn has_ipv6() -> bool {
    let bound = std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0));
    if let Err(error) = &bound {
        eprintln!("NOT TRIED: this machine has no IPv6 loopback, [::1] ({error})");
    }
    bound.is_ok()
}
