//! When a connection is told that no further request is wanted.

use std::task::Context;
use std::time::Duration;

use super::Peer;
use crate::clock::{LastLook, Moment, wake_by};
use crate::worker::Worker;

/// A viewer that was accepted or answered so short a time ago may be sending its next request, which would be lost if the
/// connection were closed. It gets this long to do so, and is told with the answer; whoever has been quiet for longer is
/// closed at once.
const MAY_BE_SENDING: Duration = Duration::from_millis(500);

/// Ready once the edge drains and a viewer that has just connected would have said something.
pub(super) async fn is_past_waiting(worker: &Worker) {
    let begins = worker.drain.begins();
    if !worker.drain.has_begun() {
        begins.await;
    }
    tokio::time::sleep(MAY_BE_SENDING).await;
}

/// One connection's part in a drain.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    is_said: bool,
    look: LastLook,
}

impl Farewell {
    /// True once: now is the time. To be asked after the connection has read what there is; the task is polled again when
    /// the answer may be another.
    pub(super) fn is_due(
        &mut self,
        worker: &Worker,
        peer: &Peer,
        context: &mut Context<'_>,
    ) -> bool {
        if self.is_said || !worker.drain.has_begun() {
            return false;
        }
        let quiet_since = peer.waits_since.get();
        if quiet_since == Moment::NEVER {
            // The answer says it, unless its head is on its way already: then there may be one more request.
            return false;
        }
        let until = quiet_since + MAY_BE_SENDING;
        if until > Moment::now() {
            self.look.give_back();
            wake_by(until);
            return false;
        }
        // A worker that was kept busy has not seen yet what came meanwhile.
        if self.look.poll_taken(context).is_pending() {
            return false;
        }
        self.is_said = true;
        true
    }
}
