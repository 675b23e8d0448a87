//! What a service manager is told, in systemd's words (`sd_notify(3)`); nothing where none asked to be told.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tideover::RunningEdge;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Whether this process is what the service manager takes for the service: not any more once another one has taken over.
static IS_THE_SERVICE: AtomicBool = AtomicBool::new(true);

/// It serves, as `status` says.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The same of one that has taken over: it is the service from now on.
pub(super) fn took_over(status: &str) {
    tell(&[
        NotifyState::MainPid(std::process::id()),
        NotifyState::Ready,
        NotifyState::Status(status),
    ]);
}

/// The service is another process from now on, which has this number; `None`: it is this one again. A manager that only
/// listens to the process that it knows hears of the other one from here. While there is another, it is told nothing else:
/// an end of this process is not the end of the service.
pub(super) fn is_succeeded(by: Option<u32>) {
    let main = by.unwrap_or_else(std::process::id);
    IS_THE_SERVICE.store(true, Relaxed);
    // 0 is one that this process could not see.
    if main != 0 {
        tell(&[NotifyState::MainPid(main)]);
    }
    IS_THE_SERVICE.store(by.is_none(), Relaxed);
}

/// A new config is being read; [`ready`] says when that is over, whatever came of it.
pub(super) fn reloading() {
    // Without the time systemd does not know to which reload the end belongs.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// It serves until its requests are done.
pub(super) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if !IS_THE_SERVICE.load(Relaxed) {
        return;
    }
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// The sockets that came with the process (`sd_listen_fds(3)`); those of another kind than TCP are an error.
pub(super) fn sockets() -> io::Result<Vec<TcpListener>> {
    let mut given = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..given.len() {
        sockets.extend(given.take_tcp_listener(index)?);
    }
    Ok(sockets)
}

/// Tells the service manager that all is well as long as every worker answers; when one hangs it is told nothing any more,
/// and restarts the service (`WatchdogSec=`).
#[derive(Debug)]
pub(super) struct Watchdog {
    /// None where nobody watches.
    looks: Option<Interval>,
    pulses: Vec<u64>,
}

impl Watchdog {
    pub(super) fn from_environment() -> Self {
        // At half the time, as systemd recommends.
        let looks = sd_notify::watchdog_enabled().map(|limit| {
            let mut looks = interval((limit / 2).max(Duration::from_millis(1)));
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            looks
        });
        Self {
            looks,
            pulses: Vec::new(),
        }
    }

    /// Returns when it is time to [look](Self::look); never where nobody watches.
    pub(super) async fn is_due(&mut self) {
        match &mut self.looks {
            Some(looks) => {
                looks.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    pub(super) fn look(&mut self, edge: &RunningEdge) {
        let pulses = edge.pulses();
        if all_answer(&self.pulses, &pulses) {
            Self::feed();
        } else {
            tracing::error!("a worker hangs: the service manager's watchdog is not fed");
        }
        self.pulses = pulses;
    }

    /// All is well.
    pub(super) fn feed() {
        tell(&[NotifyState::Watchdog]);
    }
}

/// True if each worker has moved since the last look, or there was none.
fn all_answer(before: &[u64], now: &[u64]) -> bool {
    before.iter().zip(now).all(|(before, now)| before != now)
}

#[cfg(test)]
mod tests {
    use super::all_answer;

    #[test]
    fn one_worker_that_hangs_is_enough_to_be_silent() {
        for (before, now, answer) in [
            (&[][..], &[0, 0][..], true),
            (&[1, 1], &[2, 9], true),
            (&[1, 1], &[2, 1], false),
            (&[1, 1], &[1, 2], false),
            (&[7], &[7], false),
        ] {
            assert_eq!(all_answer(before, now), answer, "{before:?} {now:?}");
        }
    }
}
