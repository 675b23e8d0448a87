//! Many viewers who ask without a pause, and count what was lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::gate::{ms, patiently};
use crate::viewer::{Line, viewer_of};

/// Viewers at work; ask them for the outcome by [`Load::ends`].
#[derive(Debug)]
#[must_use = "what was lost is seen at its end"]
pub struct Load {
    state: Arc<State>,
    viewers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    ends: AtomicBool,
    /// Whoever is told that its connection ends goes.
    goes_when_told: AtomicBool,
    answered: AtomicU64,
}

/// So many viewers begin to ask for `/` at `address`, one request each at a time. Every other one keeps its connection for as
/// long as it may, the rest come anew for each request. A connection that is refused, reset or closed without the word
/// `Connection: close` in the answer before, and any answer but 200, is a loss.
pub fn load(address: SocketAddr, viewers: usize) -> Load {
    Load::of(address, (0..viewers).map(|index| index % 2 == 0))
}

async fn asks(address: SocketAddr, keeps: bool, state: Arc<State>) {
    let mut line: Option<Line> = None;
    let close = if keeps { "" } else { "Connection: close\r\n" };
    while !state.ends.load(Ordering::SeqCst) {
        let mut own = match line.take() {
            Some(line) => line,
            None => viewer_of(address).connects().await,
        };
        own.sends(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{close}\r\n"))
            .await;
        let response = own.receives("GET").await;
        response.expect(200).whole();
        state.answered.fetch_add(1, Ordering::SeqCst);
        let is_last = response.value("connection").eq_ignore_ascii_case("close");
        if !is_last {
            line = Some(own);
        } else if keeps && state.goes_when_told.load(Ordering::SeqCst) {
            return;
        }
    }
}

impl Load {
    /// Like [`load`], with viewers who all keep their connections.
    pub fn kept(address: SocketAddr, viewers: usize) -> Self {
        Self::of(address, (0..viewers).map(|_| true))
    }

    fn of(address: SocketAddr, who_keeps: impl Iterator<Item = bool>) -> Self {
        let state = Arc::new(State::default());
        let mut viewers = JoinSet::new();
        for keeps in who_keeps {
            viewers.spawn(asks(address, keeps, Arc::clone(&state)));
        }
        Self { state, viewers }
    }

    /// Returns when so many more requests were answered.
    ///
    /// # Panics
    /// When that takes too long, as it does when all of the viewers have lost something.
    pub async fn answered(&self, more: u64) {
        let until = self.state.answered.load(Ordering::SeqCst) + more;
        patiently("the viewers are answered", async {
            while self.state.answered.load(Ordering::SeqCst) < until {
                tokio::time::sleep(ms(2)).await;
            }
        })
        .await;
    }

    /// From now on whoever is told that its connection ends goes, and does not come again.
    pub fn goes_when_told(&self) {
        self.state.goes_when_told.store(true, Ordering::SeqCst);
    }

    /// Returns when every viewer has gone by itself; how many requests were answered.
    ///
    /// # Panics
    /// When one of them has lost something, or they do not go.
    pub async fn goes(mut self) -> u64 {
        patiently("the viewers go", async {
            while let Some(ended) = self.viewers.join_next().await {
                ended.expect("nothing is lost");
            }
        })
        .await;
        self.state.answered.load(Ordering::SeqCst)
    }

    /// Ends the asking; how many requests were answered.
    ///
    /// # Panics
    /// When a viewer has lost something.
    pub async fn ends(self) -> u64 {
        self.state.ends.store(true, Ordering::SeqCst);
        self.goes().await
    }
}
