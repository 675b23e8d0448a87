//! How an edge changes and ends while it serves.

use std::path::PathBuf;
use std::time::Duration;

/// How a running edge takes a new config, lets a successor in, and ends. The defaults are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// For the requests that run when the edge is told to end; what is not done by then is cut off.
    pub drain_timeout: Duration,
    /// Between not being ready any more and draining: so long everything is served as before, while load balancers look
    /// away.
    pub drain_delay: Duration,
    /// The Unix socket at which a successor is handed the listening sockets; `None`: nowhere.
    pub takeover: Option<PathBuf>,
    /// A config whose file changes is read again.
    pub watch: bool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            drain_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            takeover: None,
            watch: true,
        }
    }
}
