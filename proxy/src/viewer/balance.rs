//! Which worker serves a viewer. The kernel spreads connections over the listeners by their addresses: many come out even, a few
//! that stay for long do not, and an HTTP/2 connection or a WebSocket is one that stays.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::mpsc::UnboundedSender;

use super::{Arrival, HandedOn};
use crate::worker::Command;

/// All workers, as far as they have to know of each other.
#[derive(Debug)]
pub(crate) struct Staff(Vec<Colleague>);

#[derive(Debug)]
struct Colleague {
    commands: UnboundedSender<Command>,
    /// Connections that it serves, or was handed.
    viewers: AtomicUsize,
}

impl Staff {
    /// Of the workers that take these commands.
    pub(crate) fn new(commands: &[UnboundedSender<Command>]) -> Self {
        let colleagues = commands.iter().map(|commands| Colleague {
            commands: commands.clone(),
            viewers: AtomicUsize::new(0),
        });
        Self(colleagues.collect())
    }

    /// The viewer who came to worker `own`, if that one is to serve it; else it was handed on. Either way it is counted,
    /// until [`Staff::viewer_left`].
    pub(crate) fn assign(&self, own: usize, arrival: Arrival) -> Option<Arrival> {
        let counts = self.0.iter().map(|one| one.viewers.load(Relaxed));
        let chosen = who_serves(own, counts);
        self.0[chosen].viewers.fetch_add(1, Relaxed);
        if chosen == own {
            return Some(arrival);
        }
        match arrival.hand_on() {
            Ok(handed) => self.hand(own, chosen, handed),
            Err(error) => {
                // It is as gone as if its viewer had left.
                tracing::debug!(%error, "a connection cannot be handed to another worker");
                self.viewer_left(chosen);
                None
            }
        }
    }

    fn hand(&self, own: usize, chosen: usize, handed: HandedOn) -> Option<Arrival> {
        let command = Command::Serve(handed);
        let Err(refused) = self.0[chosen].commands.send(command) else {
            return None;
        };
        // That worker has drained, which this one will hear of soon.
        self.viewer_left(chosen);
        let Command::Serve(handed) = refused.0 else {
            return None;
        };
        self.0[own].viewers.fetch_add(1, Relaxed);
        handed.arrive().ok()
    }

    /// A connection of worker `own` has ended, or was not served.
    pub(crate) fn viewer_left(&self, own: usize) {
        self.0[own].viewers.fetch_sub(1, Relaxed);
    }
}

/// The worker, by its position in `viewers`, that is to serve a viewer who came to `own`: that one, unless it would have notably
/// more than the one with the fewest. Handing over wakes another thread, so an eighth more is borne.
fn who_serves(own: usize, viewers: impl Iterator<Item = usize> + Clone) -> usize {
    let mine = viewers.clone().nth(own).unwrap_or(0);
    let (least, fewest) = viewers
        .enumerate()
        .min_by_key(|(_, count)| *count)
        .unwrap_or((own, mine));
    if mine > fewest + fewest / 8 {
        least
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::who_serves;

    #[test]
    fn a_viewer_is_served_where_there_are_not_notably_more() {
        for (own, viewers, chosen) in [
            (0, &[0][..], 0),
            (0, &[9], 0),
            (0, &[0, 0], 0),
            (1, &[0, 0], 1),
            (0, &[1, 0], 1),
            (1, &[1, 0], 1),
            (1, &[0, 1, 0], 0),
            (0, &[7, 7], 0),
            (0, &[8, 7], 1),
            (0, &[8, 8], 0),
            (0, &[9, 8], 0),
            (0, &[10, 8], 1),
            (0, &[72, 64], 0),
            (0, &[73, 64], 1),
            (2, &[5, 3, 9], 1),
        ] {
            assert_eq!(
                who_serves(own, viewers.iter().copied()),
                chosen,
                "{own} of {viewers:?}"
            );
        }
    }

    /// Wherever they come: nobody has two more than another while there are few.
    #[test]
    fn few_connections_are_even() {
        for seed in 0..64_u32 {
            let mut viewers = [0_usize; 4];
            for viewer in 0..8 {
                let own = usize::try_from(seed.rotate_left(viewer * 3) % 4).unwrap_or(0);
                viewers[who_serves(own, viewers.iter().copied())] += 1;
            }
            let (least, most) = (viewers.iter().min(), viewers.iter().max());
            assert!(
                most <= least.map(|least| least + 1).as_ref(),
                "{seed}: {viewers:?}"
            );
        }
    }
}
