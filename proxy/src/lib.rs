//! The edge that falls through, as a library: [`start`] it, [`RunningEdge::reload`] it, [`RunningEdge::shut_down`] it.
//!
//! What a request means is decided in `tideover-rules`; this crate does it: it moves bytes, keeps connections and time.
//! It does not read config files and never asks in which mode it runs.
//!
//! Read `request` first: one request from head to tail. Then, in the order a request walks: `viewer` (accepts, reads
//! heads), `origin` (connections, attempts, the loop that obeys the failover rule), `respond` (every outcome -> an answer),
//! `body` (where a request ends), `access_log`.
//! `worker` says who owns what, `live` what is alive beside the config.

mod access_log;
mod acme;
mod body;
mod clock;
mod error;
mod limit;
mod live;
mod message;
mod metrics;
mod origin;
mod request;
mod request_id;
mod respond;
mod status;
mod tcp;
mod tunnel;
mod viewer;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tideover_config::{Edge, LogTo};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

pub use metrics::Summary;
pub use viewer::CertificateError;

use access_log::LogWriter;
use live::Live;
use metrics::EdgeCounters;
use viewer::Kind;
use worker::{Command, Shared};

/// Why an edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error(
        "{address} ({what}) is taken by another process; stop that one, or choose another address (port 0 picks a free one)"
    )]
    PortTaken {
        /// `http`, `https`, `admin` or `status`.
        what: &'static str,
        /// As configured.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({what})")]
    Listen {
        /// `http`, `https`, `admin` or `status`.
        what: &'static str,
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("cannot open the access log {}", path.display())]
    AccessLog {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An origin's certificate authority cannot be used.
    #[error("cannot prepare the origins")]
    Origins(#[source] io::Error),
    /// A certificate cannot be shown to viewers.
    #[error("cannot speak TLS")]
    Certificate(#[from] CertificateError),
    /// Certificates cannot be ordered, nor what was ordered before be read.
    #[error("cannot order certificates")]
    Acme(#[source] io::Error),
    /// A thread cannot be started.
    #[error("cannot start a worker")]
    Worker(#[source] io::Error),
}

/// An edge that serves. Dropping it ends it at once.
#[derive(Debug)]
pub struct RunningEdge {
    shared: Arc<Shared>,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    status: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    commands: Vec<mpsc::UnboundedSender<Command>>,
    workers: Vec<JoinHandle<()>>,
    /// Dropped to end the status listeners.
    status_end: Option<mpsc::Sender<()>>,
    /// Reloads queue here, so that each takes over from its true predecessor.
    reloading: Mutex<()>,
    keeper: acme::Keeper,
}

/// Binds the listeners, opens the log and starts the workers. Returns when all of them accept viewers.
pub fn start(mut edge: Edge) -> Result<RunningEdge, StartError> {
    let workers = edge.listen.workers.unwrap_or_else(cores).max(1);
    let mut listeners: Vec<(Kind, Vec<TcpListener>)> = Vec::new();
    let mut bind_all = |kind, what, addresses: &[SocketAddr]| {
        let mut chosen = Vec::new();
        for &address in addresses {
            let bound = bind(what, address, workers)?;
            chosen.extend(bound.first().and_then(|one| one.local_addr().ok()));
            listeners.push((kind, bound));
        }
        Ok::<_, StartError>(chosen)
    };
    let http = bind_all(Kind::Http, "http", &edge.listen.http)?;
    let https = bind_all(Kind::Https, "https", &edge.listen.https)?;
    // Who is told of a listener has to be told the port that was chosen.
    edge.listen.https.clone_from(&https);
    let one = |what, address: Option<SocketAddr>| {
        address
            .map(|address| bind(what, address, 1).map(|mut bound| bound.remove(0)))
            .transpose()
    };
    let (admin, status) = (
        one("admin", edge.listen.admin)?,
        one("status", edge.listen.status)?,
    );
    let local = |listener: &Option<TcpListener>| {
        listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
    };
    let (admin_address, status_address) = (local(&admin), local(&status));

    let counters = EdgeCounters::new(workers);
    let log = LogWriter::start(&edge.access_log, counters.unwritten_lines()).map_err(|source| {
        StartError::AccessLog {
            path: match &edge.access_log.to {
                LogTo::File(path) => path.clone(),
                LogTo::Off | LogTo::Stdout => PathBuf::from("-"),
            },
            source,
        }
    })?;
    let live = Live::new(edge, None, workers)?;
    let keeper = acme::Keeper::default();
    keeper.follow(&live)?;
    let shared = Arc::new(Shared::new(live, counters, log));

    let mut edge = RunningEdge {
        shared: Arc::clone(&shared),
        http,
        https,
        status: status_address,
        admin: admin_address,
        commands: Vec::new(),
        workers: Vec::new(),
        status_end: None,
        reloading: Mutex::new(()),
        keeper,
    };
    for index in 0..workers {
        let (sender, receiver) = mpsc::unbounded_channel();
        for (kind, listeners) in &mut listeners {
            if let Some(listener) = listeners.pop() {
                let _ = sender.send(Command::Listen(listener, *kind));
            }
        }
        edge.commands.push(sender);
        edge.workers
            .push(spawn_worker(index, Arc::clone(&shared), receiver).map_err(StartError::Worker)?);
    }
    let status_listeners: Vec<TcpListener> = [admin, status].into_iter().flatten().collect();
    if !status_listeners.is_empty() {
        edge.status_end =
            Some(status::start(&shared, status_listeners).map_err(StartError::Worker)?);
    }
    Ok(edge)
}

/// So long before the deadline of a drain tunnels end: time to say so to both sides, and to write their log lines.
const TUNNELS_END_BEFORE: Duration = Duration::from_millis(500);

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn bind(
    what: &'static str,
    address: SocketAddr,
    workers: usize,
) -> Result<Vec<TcpListener>, StartError> {
    viewer::bind(address, workers).map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            StartError::PortTaken { what, address }
        } else {
            StartError::Listen {
                what,
                address,
                source,
            }
        }
    })
}

fn spawn_worker(
    index: usize,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<JoinHandle<()>> {
    let counters = shared.counters.of(index);
    let (started, starts) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(format!("worker {index}"))
        .spawn(move || {
            // The runtime belongs to the thread that makes it, so whether it could be made is told from there.
            clock::begin_turn();
            let runtime = Builder::new_current_thread()
                .enable_all()
                .on_thread_unpark(clock::begin_turn)
                .build_local(LocalOptions::default());
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(error);
                    return;
                }
            };
            drop(started);
            runtime.block_on(worker::run(shared, counters, commands));
            // A look-up that hangs in the system's resolver is nobody's any more: it is not waited for.
            runtime.shutdown_background();
        })?;
    match starts.recv() {
        Ok(error) => Err(error),
        // It hung up without a complaint.
        Err(std::sync::mpsc::RecvError) => Ok(thread),
    }
}

impl RunningEdge {
    /// Where plain HTTP is served, in the order of the config; ports that were 0 are the ones that were chosen.
    pub fn http(&self) -> &[SocketAddr] {
        &self.http
    }

    /// The same for HTTP over TLS.
    pub fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are answered.
    pub fn status(&self) -> Option<SocketAddr> {
        self.status
    }

    /// Where the same is answered for the operator.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves by `edge` from the next request on; requests that run keep the config that they began with. Listeners,
    /// the number of workers and the access log's file stay as they were started.
    pub fn reload(&self, mut edge: Edge) -> Result<(), StartError> {
        edge.listen.https.clone_from(&self.https);
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.shared.live();
        let live = Live::new(edge, Some(&before), self.workers.len())?;
        self.keeper.follow(&live)?;
        self.shared.replace(live);
        for commands in &self.commands {
            let _ = commands.send(Command::Refresh);
        }
        Ok(())
    }

    /// The access log's file was moved away: a new one is begun.
    pub fn reopen_log(&self) {
        self.shared.log.reopen();
    }

    /// What it came to so far.
    pub fn summary(&self) -> Summary {
        self.shared.counters.summary()
    }

    /// Takes no new request, finishes those that run, and returns when they are done or `within` is over.
    ///
    /// A WebSocket may go on until shortly before that; then both its sides are told that the edge goes away.
    pub fn shut_down(mut self, within: Duration) -> Summary {
        let now = Instant::now();
        let deadline = now + within;
        let for_tunnels = within.saturating_sub(TUNNELS_END_BEFORE.min(within / 2));
        let _ = self.shared.tunnels_until.set(now + for_tunnels);
        self.shared.draining.send_replace(true);
        for worker in self.workers.drain(..) {
            while !worker.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if worker.is_finished() {
                let _ = worker.join();
            }
        }
        // The log gets a moment of its own even if the requests used up the time.
        self.shared
            .log
            .end(deadline.max(Instant::now() + Duration::from_secs(1)));
        self.shared.counters.summary()
    }
}

impl Drop for RunningEdge {
    fn drop(&mut self) {
        let _ = self.shared.tunnels_until.set(Instant::now());
        self.shared.draining.send_replace(true);
    }
}
