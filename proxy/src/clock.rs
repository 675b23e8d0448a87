//! Time: what it is, when a task has to be polled again, and a scale by which a test may run faster than the wall's clock.
//!
//! A worker reads the system's clock once per turn of its loop, after the sockets were asked what they have
//! ([`begin_turn`]); [`Moment::now`] is that reading, so it may be late by the time that a turn takes. It costs a load, and
//! so may be asked as often as is convenient.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Turns the config's timers into real ones and real spans back into the config's: with a scale of 0.01 a timer of
/// 10 s ends after 100 ms, and what took 100 ms is told as 10 s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: f64,
}

impl Clock {
    /// `scale` is above 0: `config` checked it.
    pub(crate) fn new(scale: f64) -> Self {
        Self { scale }
    }

    /// How long a timer of `nominal` really runs.
    pub(crate) fn real(self, nominal: Duration) -> Duration {
        if self.is_the_walls() {
            nominal
        } else {
            nominal.mul_f64(self.scale)
        }
    }

    /// What a `real` span is told as.
    pub(crate) fn nominal(self, real: Duration) -> Duration {
        if self.is_the_walls() {
            real
        } else {
            real.div_f64(self.scale)
        }
    }

    /// Nominal time since the process first asked for it.
    pub(crate) fn elapsed(self) -> Duration {
        self.nominal_at(Moment::now())
    }

    /// `moment` as nominal time since then.
    pub(crate) fn nominal_at(self, moment: Moment) -> Duration {
        self.nominal(moment.since(Moment(0)))
    }

    /// Nominal time since `start`.
    pub(crate) fn since(self, start: Moment) -> Duration {
        self.nominal(Moment::now().since(start))
    }

    fn is_the_walls(self) -> bool {
        (self.scale - 1.0).abs() < f64::EPSILON
    }
}

/// A point in time: nanoseconds since the process first asked. Real, not nominal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// What moments are counted from, by both clocks.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static TURN: Cell<Option<Moment>> = const { Cell::new(None) };
    /// When the task that is being polled has to be polled again at the latest.
    static DUE: Cell<Moment> = const { Cell::new(Moment::NEVER) };
    /// The wall's clock at [`EPOCH`], in nanoseconds since 1970, as it was when it was last looked at.
    static WALL_AT_EPOCH: Cell<u64> = const { Cell::new(0) };
}

/// The sockets were asked; a new turn of this thread's loop begins.
pub(crate) fn begin_turn() {
    TURN.set(Some(Moment::read()));
}

/// Looks at the wall's clock, which may have been set. To be called now and then.
pub(crate) fn look_at_the_wall() {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WALL_AT_EPOCH.set(nanos(wall).saturating_sub(Moment::read().0));
}

/// 584 years fit.
fn nanos(span: Duration) -> u64 {
    span.as_secs()
        .wrapping_mul(1_000_000_000)
        .wrapping_add(u64::from(span.subsec_nanos()))
}

impl Moment {
    /// Later than any.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The beginning of this turn; on a thread without turns, now.
    pub(crate) fn now() -> Self {
        TURN.get().unwrap_or_else(Self::read)
    }

    /// By the system's clock, this instant: for what is to be told of this turn itself.
    pub(crate) fn read() -> Self {
        Self(nanos(EPOCH.elapsed()))
    }

    pub(crate) fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) fn as_nanos(self) -> u64 {
        self.0
    }

    /// Nothing if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Time since 1970, UTC.
    pub(crate) fn on_the_wall(self) -> Duration {
        if WALL_AT_EPOCH.get() == 0 {
            look_at_the_wall();
        }
        Duration::from_nanos(self.0.saturating_add(WALL_AT_EPOCH.get()))
    }

    /// Of what speaks the system's own time.
    pub(crate) fn of(instant: Instant) -> Self {
        Self(nanos(instant.saturating_duration_since(*EPOCH)))
    }

    /// For what speaks the system's own time.
    pub(crate) fn instant(self) -> Instant {
        *EPOCH + Duration::from_nanos(self.0)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

/// The task that is being polled is to be polled again by `due`. Holds until it is polled, for whatever reason: a future that
/// still waits says it again. Only where [`with_alarm`] runs the task.
pub(crate) fn wake_by(due: Moment) {
    DUE.set(DUE.get().min(due));
}

/// Runs `task` with one timer for all the futures in it, which say by [`wake_by`] until when they wait. Setting a timer for
/// each request would cost more than all decisions about it, and next to none of them ever goes off. One that goes off too
/// early for what is waited for now is let go off, and set anew then.
pub(crate) async fn with_alarm<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    let mut timer = pin!(tokio::time::sleep_until(Instant::now().into()));
    let mut set_to = Moment::NEVER;
    poll_fn(|context| {
        DUE.set(Moment::NEVER);
        if let Poll::Ready(output) = task.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        let due = DUE.get();
        let has_gone_off = set_to <= Moment::now();
        if due < set_to || (has_gone_off && due != Moment::NEVER) {
            timer.as_mut().reset(due.instant().into());
            set_to = due;
            if timer.as_mut().poll(context).is_ready() {
                // Due already: the task has not seen that yet.
                context.waker().wake_by_ref();
            }
        } else if has_gone_off {
            set_to = Moment::NEVER;
        }
        Poll::Pending
    })
    .await
}

/// Returns when all tasks of this worker have seen what its sockets hold now. To be awaited between the end of a limit and
/// the verdict: a worker that was kept busy finds the limit passed and the answer there at the same time.
pub(crate) async fn sockets_first() {
    tokio::task::yield_now().await;
}

/// [`sockets_first`] for what is polled: taken once at the end of a limit, and given back when the limit begins anew.
#[derive(Debug, Default)]
pub(crate) struct LastLook {
    is_taken: bool,
}

impl LastLook {
    /// Pending the first time, and woken again when the sockets were looked at; ready from then on.
    pub(crate) fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.is_taken, true) {
            return Poll::Ready(());
        }
        pin!(sockets_first()).poll(context)
    }

    /// What was waited for came, or may still come in time.
    pub(crate) fn give_back(&mut self) {
        self.is_taken = false;
    }
}
