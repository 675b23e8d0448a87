//! A WebSocket after its handshake: a viewer's connection and an origin's, spliced both ways until both are over, or until
//! one breaks, both are silent for too long, or the edge has drained for as long as it may.
//!
//! The request's [`Line`] rides in here: the request ends with the tunnel. What goes through is not looked at, but for
//! where a frame ends ([`frames`]): there, and only there, the edge can say that it goes away. [`pipe`] is one direction.

mod frames;
mod pipe;

use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::access_log::{Ending, Line};
use crate::clock::{LastLook, Moment, wake_by};
use crate::metrics::Counters;
use crate::origin::Switched;
use crate::worker::Worker;
use frames::GOING_AWAY;
use pipe::{Over, Pipe};

/// How long both sides may take to hang up once they were told that the edge goes away.
const FAREWELL: Duration = Duration::from_millis(200);

/// A request that was answered by a switch to WebSocket.
#[derive(Debug)]
pub(crate) struct Tunnel {
    line: Box<Line>,
    origin: Switched,
}

impl Tunnel {
    pub(crate) fn new(line: Box<Line>, origin: Switched) -> Self {
        Self { line, origin }
    }

    /// Moves bytes until the tunnel is over. `early` is what the viewer has sent of them so far. To be awaited under an
    /// [alarm](crate::clock::with_alarm).
    pub(crate) async fn run<V>(mut self, worker: Rc<Worker>, viewer: V, early: Vec<u8>)
    where
        V: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(origin) = self.origin.io().await else {
            return self.line.end(Ending::CutByOrigin);
        };
        let _counted = Counted::new(&worker.counters);
        let mut splice = Splice {
            viewer,
            origin,
            up: Pipe::beginning_with(early),
            down: Pipe::default(),
        };
        let ending = splice.until_it_ends(&worker, &self.line).await;
        if ending == Ending::Drained {
            splice.part().await;
        }
        self.line.add_received(splice.up.bytes());
        self.line.add_sent(splice.down.bytes());
        self.line.end(ending);
    }
}

/// Counts as open while it lives.
struct Counted<'c>(&'c Counters);

impl<'c> Counted<'c> {
    fn new(counters: &'c Counters) -> Self {
        counters.tunnel_opened();
        Self(counters)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.tunnel_ended();
    }
}

struct Splice<V, O> {
    viewer: V,
    origin: O,
    /// From the viewer to the origin.
    up: Pipe,
    /// From the origin to the viewer.
    down: Pipe,
}

impl<V, O> Splice<V, O>
where
    V: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    async fn until_it_ends(&mut self, worker: &Worker, line: &Line) -> Ending {
        let live = &line.view.live;
        let limits = live.edge.listen.limits;
        let idle = live.clock.real(limits.websocket_idle_timeout);
        // Whoever has heard the end has little left to say.
        let half_open = idle.min(live.clock.real(limits.body_timeout));
        let mut last_look = LastLook::default();
        let mut silent_since = Moment::now();
        let mut steps = 0;
        let splices = |context: &mut Context<'_>| {
            let up = self.up.poll(context, &mut self.viewer, &mut self.origin);
            let down = self.down.poll(context, &mut self.origin, &mut self.viewer);
            if let Some(ending) = ending(up, down) {
                return Poll::Ready(ending);
            }
            let now = Moment::now();
            let so_far = self.up.steps() + self.down.steps();
            if so_far != steps {
                steps = so_far;
                silent_since = now;
                last_look.give_back();
            }
            let until = worker.tunnels_until();
            if until <= now {
                return Poll::Ready(Ending::Drained);
            }
            let is_half_open = up.is_ready() || down.is_ready();
            let due = silent_since + if is_half_open { half_open } else { idle };
            if due <= now {
                ready!(last_look.poll_taken(context));
                return Poll::Ready(Ending::Idle);
            }
            wake_by(due.min(until));
            Poll::Pending
        };
        worker.drain.wakes(splices).await
    }

    /// Tells both sides that the edge goes away, where a frame may begin, and hangs up.
    async fn part(&mut self) {
        let to_viewer = self.down.is_between_frames().then_some(&GOING_AWAY.0[..]);
        let masked = frames::masked(GOING_AWAY, fastrand::u32(..));
        let to_origin = self.up.is_between_frames().then_some(&masked[..]);
        let both = async {
            tokio::join!(
                hang_up(&mut self.viewer, to_viewer),
                hang_up(&mut self.origin, to_origin)
            )
        };
        let _ = timeout(FAREWELL, both).await;
    }
}

/// How the tunnel ended, if it has.
fn ending(up: Poll<Over>, down: Poll<Over>) -> Option<Ending> {
    match (up, down) {
        // Who cannot be read from any more has reset the connection: it does not read either.
        (Poll::Ready(Over::Unreadable), _) => Some(Ending::Unfinished),
        (_, Poll::Ready(Over::Unreadable)) => Some(Ending::CutByOrigin),
        (Poll::Ready(Over::AtItsEnd | Over::Unwritable), Poll::Ready(Over::AtItsEnd)) => {
            Some(Ending::Whole)
        }
        (Poll::Ready(Over::AtItsEnd | Over::Unwritable), Poll::Ready(Over::Unwritable)) => {
            Some(Ending::Unfinished)
        }
        (Poll::Pending, _) | (_, Poll::Pending) => None,
    }
}

async fn hang_up<T: AsyncRead + AsyncWrite + Unpin>(io: &mut T, frame: Option<&[u8]>) {
    if let Some(frame) = frame
        && (io.write_all(frame).await.is_err() || io.flush().await.is_err())
    {
        return;
    }
    let _ = io.shutdown().await;
    // Bytes that nobody has read would make this a reset, which can overtake the frame.
    while matches!(io.read(&mut [0; 1024]).await, Ok(1..)) {}
}
