//! The edge that falls through, as a library: [`start`] it, [`RunningEdge::reload`] it, [`RunningEdge::shut_down`] it.
//!
//! What a request means is decided in `tideover-rules`; this crate does it: it moves bytes, keeps connections and time.
//! It does not read config files and never asks in which mode it runs.
//!
//! Read `request` first: one request from head to tail. Then, in the order a request walks: `viewer` (accepts, reads
//! heads), `origin` (connections, attempts, the loop that obeys the failover rule), `respond` (every outcome -> an answer),
//! `body` (where a request ends), `access_log`.
//! `recovery` looks after the origins beside all that, `vitals` is what requests read of it.
//! `worker` says who owns what, `live` what is alive beside the config, `listeners` which sockets are open, `takeover` how
//! another process gets them.

mod access_log;
mod acme;
mod admin;
mod body;
mod cache;
mod client;
mod clock;
mod control;
mod error;
mod explain;
mod falls;
mod faults;
mod journal;
mod limit;
mod listeners;
mod live;
mod message;
mod metrics;
mod origin;
mod private_file;
mod recovery;
mod request;
mod request_id;
mod respond;
mod seeing_out;
mod status;
mod switches;
mod takeover;
mod tcp;
mod tunnel;
mod viewer;
mod vitals;
mod worker;
mod x509;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tideover_config::{Edge, Fault, Lifecycle, LogTo};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

pub use admin::token_left_for;
pub use explain::{Explanation, Question, explain, folder_place, place};
pub use faults::FaultRefused;
pub use journal::{Listed, Since, list};
pub use listeners::{ListenerChanges, ListenerKind};
pub use metrics::Summary;
pub use takeover::Given;
pub use viewer::CertificateError;
pub use viewer::Protocol;

use access_log::LogWriter;
use control::Control;
use journal::Journal;
use listeners::{Change, Listeners};
use live::Live;
use metrics::EdgeCounters;
use switches::Switches;
use takeover::{Doorway, Successor};
use viewer::Staff;
use worker::{Command, Shared};

/// What a reload came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Opened and closed.
    pub listeners: ListenerChanges,
    /// Fields of the new config that say something else than what the edge was started with, and wait for a restart.
    pub stays: Vec<&'static str>,
}

/// Why an edge did not start, or a reload was refused.
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
    /// A successor cannot be let in.
    #[error("cannot listen for a successor at {}", path.display())]
    Takeover {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever gave the listening sockets was gone before it could be told that they are accepted from.
    #[error("cannot take over: the other edge has ended or is stuck")]
    Predecessor(#[source] io::Error),
    /// A certificate cannot be shown to viewers.
    #[error("cannot speak TLS")]
    Certificate(#[from] CertificateError),
    /// Certificates cannot be ordered, nor what was ordered before be read.
    #[error("cannot order certificates")]
    Acme(#[source] io::Error),
    /// Nobody can be told of alarms.
    #[error("cannot prepare the webhooks of alarms")]
    Alarms(#[source] io::Error),
    /// A thread cannot be started.
    #[error("cannot start a worker")]
    Worker(#[source] io::Error),
}

/// An edge that serves. Dropping it ends it at once.
#[derive(Debug)]
pub struct RunningEdge {
    shared: Arc<Shared>,
    /// Reloads queue here, so that each takes over from its true predecessor.
    listeners: Arc<Mutex<Listeners>>,
    commands: Vec<mpsc::UnboundedSender<Command>>,
    workers: Vec<JoinHandle<()>>,
    keeper: acme::Keeper,
    control: Control,
    /// Where a successor may ask for the sockets.
    _doorway: Option<Doorway>,
    successor: Successor,
}

/// Binds the listeners, opens the log and starts the workers. Returns when all of them accept viewers.
pub fn start(edge: Edge) -> Result<RunningEdge, StartError> {
    start_with(edge, Given::default())
}

/// Like [`start`], with sockets that were `given` in place of ones that would be bound: those whose listener the config has.
pub fn start_with(mut edge: Edge, mut given: Given) -> Result<RunningEdge, StartError> {
    let workers = edge.listen.workers.unwrap_or_else(cores).max(1);
    let mut listeners = Listeners::default();
    let change = listeners.prepare(&edge.listen, workers, &mut given)?;
    // At once: another edge that starts at the same time is to find the port taken.
    change.listen()?;
    tell_ports(&mut edge, &listeners, &change);
    let admin = listeners.addresses(&change, ListenerKind::Admin);
    let doorway = edge.listen.lifecycle.takeover.as_deref().map(|path| {
        takeover::open(path, given.has_predecessor()).map_err(|source| StartError::Takeover {
            path: path.to_owned(),
            source,
        })
    });
    let doorway = doorway.transpose()?;

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
    let journal = Journal::start(live.edge.journal.clone()).map_err(StartError::Worker)?;
    journal.count_in(&live);
    let keeper = acme::Keeper::default();
    keeper.follow(keeper.prepare(&live)?);
    let (commands, receivers): (Vec<_>, Vec<_>) =
        (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
    let has_admin = live.edge.listen.admin.is_some();
    let switches = Switches::open(live.edge.admin.state.clone(), has_admin);
    switches.place_records(&live);
    switches.put_in_force(&live);
    let staff = Staff::new(&commands);
    let shared = Arc::new(Shared::new(live, counters, log, journal, staff, switches));
    recovery::obey(&shared);
    let live = shared.live();
    shared
        .token
        .settle(&live.edge.admin, admin.first().copied());
    faults::begin(&shared);
    let control = Control::start().map_err(StartError::Worker)?;
    let mut threads = Vec::new();
    for (index, receiver) in receivers.into_iter().enumerate() {
        threads
            .push(spawn_worker(index, Arc::clone(&shared), receiver).map_err(StartError::Worker)?);
    }
    recovery::begin(&control, &shared);
    listeners.make(change, &commands, &control, &shared);
    for address in given.left_over() {
        tracing::warn!(%address, "a socket that was handed over is for no listener of this config");
    }
    let taken_over = given.accepted().map_err(StartError::Predecessor)?;
    if let Some(until_it_is_gone) = taken_over {
        control.run(until_it_is_gone);
    }
    let listeners = Arc::new(Mutex::new(listeners));
    let successor = Successor::default();
    let doorway = doorway.map(|(socket, doorway)| {
        let told = successor.clone();
        control.run(takeover::serve(socket, Arc::clone(&listeners), told));
        doorway
    });
    Ok(RunningEdge {
        shared,
        keeper,
        listeners,
        commands,
        workers: threads,
        control,
        _doorway: doorway,
        successor,
    })
}

/// Who is sent to a listener has to be told the port that was chosen.
fn tell_ports(edge: &mut Edge, listeners: &Listeners, change: &Change) {
    edge.listen.https = listeners.addresses(change, ListenerKind::Viewers(Protocol::Https));
}

/// So long before the deadline of a drain tunnels end: time to say so to both sides, and to write their log lines.
const TUNNELS_END_BEFORE: Duration = Duration::from_millis(500);

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn spawn_worker(
    index: usize,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<JoinHandle<()>> {
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
            runtime.block_on(worker::run(shared, index, commands));
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
    /// Everything that the cache keeps is older by `span`, nominal, from now on: for tests, which must not sleep through a TTL.
    pub fn let_the_cache_age(&self, span: Duration) {
        self.shared.cache.moves_on(span);
    }

    /// Where it listens, and for whom, in the order of the config: viewers first. Ports that were 0 are the ones that were
    /// chosen.
    pub fn listeners(&self) -> Vec<(ListenerKind, SocketAddr)> {
        let listeners = self.lock_listeners();
        listeners
            .iter()
            .map(|listener| (listener.kind, listener.address))
            .collect()
    }

    /// Where plain HTTP is served, in the order of the config; ports that were 0 are the ones that were chosen.
    pub fn http(&self) -> Vec<SocketAddr> {
        self.all(ListenerKind::Viewers(Protocol::Http)).collect()
    }

    /// The same for HTTP over TLS.
    pub fn https(&self) -> Vec<SocketAddr> {
        self.all(ListenerKind::Viewers(Protocol::Https)).collect()
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are answered.
    pub fn status(&self) -> Option<SocketAddr> {
        self.all(ListenerKind::Status).next()
    }

    /// Where the same is answered for the operator.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.all(ListenerKind::Admin).next()
    }

    fn all(&self, wanted: ListenerKind) -> impl Iterator<Item = SocketAddr> + use<> {
        let listeners = self.listeners().into_iter();
        listeners.filter_map(move |(kind, address)| (kind == wanted).then_some(address))
    }

    fn lock_listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves by `edge` from the next request on; requests that run keep the config that they began with. Listeners that
    /// both configs name stay as they are, new ones are opened, others closed once their queue is taken; connections go
    /// on. An address that cannot be had, or anything else that is an error, leaves everything as it was. What
    /// [`Reloaded::stays`] names is as it was started.
    pub fn reload(&self, mut edge: Edge) -> Result<Reloaded, StartError> {
        // Held to the end: reloads queue here.
        let mut listeners = self.lock_listeners();
        let before = self.shared.live();
        let workers = self.workers.len();
        let change = listeners.prepare(&edge.listen, workers, &mut Given::default())?;
        tell_ports(&mut edge, &listeners, &change);
        let admin = listeners.addresses(&change, ListenerKind::Admin);
        let live = Live::new(edge, Some(&before), workers)?;
        let stays = self.shared.log.stays(&live.edge.access_log);
        let journal_stays = self.shared.journal.stays(live.edge.journal.as_ref());
        let takes_over = &before.edge.listen.lifecycle.takeover;
        let stays = [
            (
                "workers",
                live.edge.listen.workers.unwrap_or_else(cores) != workers,
            ),
            ("access_log", stays),
            ("journal", journal_stays),
            (
                "takeover",
                *takes_over != live.edge.listen.lifecycle.takeover,
            ),
        ];
        let following = self.keeper.prepare(&live)?;
        change.listen()?;
        // From here on nothing fails.
        self.keeper.follow(following);
        let said = &live.edge.admin;
        self.shared.token.settle(said, admin.first().copied());
        let switches = &self.shared.switches;
        switches.keep_in(live.edge.admin.state.clone());
        switches.put_in_force(&live);
        self.shared.replace(live);
        // What was switched meanwhile was put in force on the one before.
        switches.put_in_force(&self.shared.live());
        faults::begin(&self.shared);
        let changes = listeners.make(change, &self.commands, &self.control, &self.shared);
        for commands in &self.commands {
            let _ = commands.send(Command::Refresh);
        }
        Ok(Reloaded {
            listeners: changes,
            stays: stays
                .into_iter()
                .filter_map(|(field, stays)| stays.then_some(field))
                .collect(),
        })
    }

    /// The number of the process that accepts from the same sockets since it took over, as soon as that is another than the
    /// one that is `known`; `None`: there is none, 0: the system does not tell it.
    pub async fn successor(&self, known: Option<u32>) -> Option<u32> {
        let mut successor = self.successor.subscribe();
        match successor.wait_for(|present| *present != known).await {
            Ok(present) => *present,
            Err(_) => unreachable!("this value holds the other end"),
        }
    }

    /// How often each worker has looked after itself so far, which it does several times a second: one whose number stands
    /// still hangs.
    pub fn pulses(&self) -> Vec<u64> {
        self.shared.counters.pulses()
    }

    /// How the present config wants this to change and to end, with its spans as they really are (`--time-scale`).
    pub fn lifecycle(&self) -> Lifecycle {
        let live = self.shared.live();
        let said = &live.edge.listen.lifecycle;
        Lifecycle {
            drain_timeout: live.clock.real(said.drain_timeout),
            drain_delay: live.clock.real(said.drain_delay),
            ..said.clone()
        }
    }

    /// Is not ready from now on, and serves as before: load balancers are to look elsewhere.
    pub fn look_away(&self) {
        self.shared.looks_away.store(true, Relaxed);
    }

    /// Gives the origin of this name a fault in place of the one that it has, or none; from the next request on, until it is
    /// over, or the config is reloaded. Refused unless [`Edge::takes_faults`].
    pub fn strike(&self, origin: &str, fault: Option<Fault>) -> Result<(), FaultRefused> {
        faults::order(&self.shared, origin, fault)
    }

    /// The access log's file was moved away: a new one is begun.
    pub fn reopen_log(&self) {
        self.shared.log.reopen();
    }

    /// What it came to so far.
    pub fn summary(&self) -> Summary {
        self.shared.counters.summary()
    }

    /// Accepts who is in the queues and nobody else, finishes the requests that run, says so on their connections, closes
    /// those that are idle, and returns when all is done or `within` is over.
    ///
    /// A WebSocket may go on until shortly before that; then both its sides are told that the edge goes away.
    pub fn shut_down(mut self, within: Duration) -> Summary {
        let now = Instant::now();
        let deadline = now + within;
        let for_tunnels = within.saturating_sub(TUNNELS_END_BEFORE.min(within / 2));
        let _ = self.shared.tunnels_until.set(now + for_tunnels);
        self.look_away();
        self.lock_listeners().close();
        self.shared.draining.send_replace(true);
        for worker in self.workers.drain(..) {
            while !worker.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if worker.is_finished() {
                let _ = worker.join();
            }
        }
        // The log and the journal get a moment of their own even if the requests used up the time.
        self.shared
            .journal
            .end(deadline.max(Instant::now() + Duration::from_secs(1)));
        self.shared
            .log
            .end(deadline.max(Instant::now() + Duration::from_secs(1)));
        self.shared.counters.summary()
    }
}

impl Drop for RunningEdge {
    fn drop(&mut self) {
        self.shared.token.forget();
        self.lock_listeners().close();
        let _ = self.shared.tunnels_until.set(Instant::now());
        self.shared.draining.send_replace(true);
    }
}
