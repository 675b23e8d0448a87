//! What goes on beside the requests, so that they need not find everything out by themselves: who is dead, who is back, whom
//! records stand for. One thread does it (`control`), and requests read what it found from [`Vitals`](crate::vitals::Vitals)
//! and [`RecordState`](crate::vitals::RecordState) without a lock.
//!
//! What changes is told as an [`Event`]; `watch` tells of what no single change shows. `board` knows what is amiss, as
//! `rules::alarm` decides it, and `post` brings that to webhooks.

mod board;
mod checks;
mod events;
pub(crate) mod lately;
mod look;
mod pages;
mod post;
mod seconds;
mod watch;

use std::sync::{Arc, Weak};
use std::time::Duration;

pub(crate) use checks::{Checked, Probe, Stage, mark};
pub(crate) use events::{Event, Events, taken_words};
pub(crate) use lately::Lately;
pub(crate) use pages::Ahead;
pub(crate) use post::Post;
pub(crate) use seconds::{Second, Seconds};

use crate::worker::Shared;
use look::Looks;
use watch::Watch;

/// How often everything is looked at; nominal, and really no shorter than [`SHORTEST`].
const EVERY: Duration = Duration::from_millis(50);
const SHORTEST: Duration = Duration::from_millis(5);

/// Looks after the origins of `shared`'s config, whichever it is, until there is no edge any more.
pub(crate) async fn look_after(shared: Weak<Shared>) {
    let mut looks = Looks::default();
    let mut watch = Watch::default();
    let mut seconds = seconds::Count::default();
    loop {
        let Some(present) = shared.upgrade() else {
            return;
        };
        let live = present.live();
        let clock = live.clock;
        for post in &live.posts {
            post.begin(clock);
        }
        checks::begin(&present);
        pages::begin(&present);
        watch.begin(&present, &live);
        looks.look(&present);
        watch.look(&present, &live, clock.elapsed());
        present.lately.look(&present, &live);
        seconds.look(&present, &live);
        present.falls.gather();
        drop((present, live));
        tokio::time::sleep(clock.real(EVERY).max(SHORTEST)).await;
    }
}

/// Has every record go where an operator has ordered it, without waiting for the next look. On the thread of `control`.
pub(crate) fn obey(shared: &Shared) {
    look::obey(shared);
}

/// Begins to look after the origins, on the thread of `control`.
pub(crate) fn begin(control: &crate::control::Control, shared: &Arc<Shared>) {
    control.run(look_after(Arc::downgrade(shared)));
}
