//! Who owns what: [`Shared`] is seen by all threads, a [`Worker`] and all it holds by one thread only.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::access_log::{LogBuffer, LogWriter};
use crate::admin::{Onlookers, Token};
use crate::cache::Cache;
use crate::clock::{self, Moment, with_alarm};
use crate::falls::{self, Falls};
use crate::journal::Journal;
use crate::live::Live;
use crate::metrics::{Counters, EdgeCounters};
use crate::origin::Origins;
use crate::recovery::{Events, Lately, Seconds};
use crate::request_id::RequestIds;
use crate::respond::ToldBefore;
use crate::switches::Switches;
use crate::viewer::{Accepting, Arrival, Crowd, HandedOn, Shortage, Staff};

/// How often idle connections are looked over and log lines are handed on.
const TICK: Duration = Duration::from_millis(100);

/// What all threads see.
#[derive(Debug)]
pub(crate) struct Shared {
    live: ArcSwap<Live>,
    /// How often `live` was replaced: to see that it was not costs less than to look at it.
    replaced: AtomicU64,
    /// One block per worker, written by that worker only.
    pub(crate) counters: EdgeCounters,
    pub(crate) log: LogWriter,
    pub(crate) cache: Cache,
    /// Of writes that secondaries took.
    pub(crate) journal: Journal,
    pub(crate) events: Events,
    pub(crate) lately: Lately,
    pub(crate) falls: Falls,
    pub(crate) seconds: Seconds,
    /// Who is told by the admin listener what goes on.
    pub(crate) onlookers: Onlookers,
    /// When the edge began.
    pub(crate) began: Instant,
    /// What operators have switched.
    pub(crate) switches: Switches,
    /// Of the admin listener.
    pub(crate) token: Token,
    pub(crate) shortage: Shortage,
    staff: Staff,
    /// Load balancers are to look elsewhere.
    pub(crate) looks_away: AtomicBool,
    pub(crate) crowd: Arc<Crowd>,
    /// Turns true when no new request is wanted.
    pub(crate) draining: watch::Sender<bool>,
    /// When tunnels have to be over once the edge drains.
    pub(crate) tunnels_until: OnceLock<Instant>,
}

impl Shared {
    pub(crate) fn new(
        live: Live,
        counters: EdgeCounters,
        log: LogWriter,
        journal: Journal,
        staff: Staff,
        switches: Switches,
    ) -> Self {
        Self {
            events: Events::new(&live),
            cache: Cache::new(live.edge.cache),
            live: ArcSwap::from_pointee(live),
            replaced: AtomicU64::new(0),
            counters,
            log,
            journal,
            lately: Lately::default(),
            falls: Falls::default(),
            seconds: Seconds::default(),
            onlookers: Onlookers::default(),
            began: Instant::now(),
            switches,
            token: Token::default(),
            shortage: Shortage::default(),
            staff,
            looks_away: AtomicBool::new(false),
            crowd: Arc::default(),
            draining: watch::channel(false).0,
            tunnels_until: OnceLock::new(),
        }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// `/readyz` says so.
    pub(crate) fn is_ready(&self) -> bool {
        !self.looks_away.load(Relaxed)
    }

    /// From the return on every worker's next request sees it.
    pub(crate) fn replace(&self, live: Live) {
        self.events.follow(&live);
        self.live.store(Arc::new(live));
        self.replaced.fetch_add(1, Release);
    }
}

/// What a worker can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Accept viewers here.
    Listen(Accepting),
    /// Serve a viewer who came to another worker.
    Serve(HandedOn),
    /// The config changed: let go of what it no longer names.
    Refresh,
}

/// What one thread owns.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// Its position among all workers.
    index: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: RefCell<LogBuffer>,
    pub(crate) ids: RefCell<RequestIds>,
    pub(crate) drain: Drain,
    /// Fetches for the cache that go on whoever is still there to read them.
    pours: Cell<usize>,
    /// What the latest key was written into.
    pub(crate) key: RefCell<Vec<u8>>,
    /// So many requests that fell through are told until the next tick.
    pub(crate) falls_left: Cell<u8>,
    view: RefCell<Rc<View>>,
    /// Of which replacement `view` is.
    seen: Cell<u64>,
}

/// Tells the connections of one worker that no new request is wanted.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    begun: Cell<bool>,
    begins: Notify,
}

impl Drain {
    fn begin(&self) {
        self.begun.set(true);
        self.begins.notify_waiters();
    }

    /// Cheap enough to be asked at every turn.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Returns when it begins, unless it has begun before.
    pub(crate) fn begins(&self) -> Notified<'_> {
        self.begins.notified()
    }

    /// What `poll` comes to; it is polled, too, when the drain begins, to ask whether it [has](Self::has_begun).
    pub(crate) async fn wakes<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let mut begins = pin!(self.begins());
        let mut is_heard_of = false;
        poll_fn(|context| {
            if !is_heard_of {
                // Polled once, it wakes this task.
                is_heard_of = true;
                let _ = begins.as_mut().poll(context);
            }
            poll(context)
        })
        .await
    }
}

/// One worker's sight of the config: a request keeps the one it began with.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) live: Arc<Live>,
    pub(crate) origins: Origins,
    pub(crate) told_before: ToldBefore,
    /// Whose.
    pub(crate) worker: usize,
    /// Requests so far that came to an origin of which something is known.
    pub(crate) looked_closer: Cell<u64>,
}

impl View {
    fn new(live: Arc<Live>, origins: Origins, worker: usize) -> Self {
        Self {
            live,
            origins,
            told_before: ToldBefore::default(),
            worker,
            looked_closer: Cell::new(0),
        }
    }
}

impl Worker {
    fn new(shared: Arc<Shared>, index: usize) -> Self {
        let counters = shared.counters.of(index);
        counters.begin();
        let seen = Cell::new(shared.replaced.load(Acquire));
        let live = shared.live();
        let origins = Origins::new(&live, &Origins::default());
        let log = RefCell::new(LogBuffer::new(&shared.log));
        Self {
            shared,
            index,
            counters,
            log,
            ids: RefCell::new(RequestIds::new()),
            drain: Drain::default(),
            pours: Cell::new(0),
            key: RefCell::default(),
            falls_left: Cell::new(falls::AT_A_TIME),
            seen,
            view: RefCell::new(Rc::new(View::new(live, origins, index))),
        }
    }

    /// The present config. Rebuilt only after a reload; connections to endpoints that stay are taken over.
    pub(crate) fn view(&self) -> Rc<View> {
        let replaced = self.shared.replaced.load(Acquire);
        if replaced != self.seen.get() {
            self.seen.set(replaced);
            let live = self.shared.live();
            let origins = Origins::new(&live, &self.view.borrow().origins);
            self.view
                .replace(Rc::new(View::new(live, origins, self.index)));
        }
        Rc::clone(&self.view.borrow())
    }

    /// Runs `fetch` to its end, whoever is still there to read it: a drain waits for it.
    pub(crate) fn pours(self: Rc<Self>, fetch: impl Future<Output = ()> + 'static) {
        struct One(Rc<Worker>);
        impl Drop for One {
            fn drop(&mut self) {
                self.0.pours.set(self.0.pours.get() - 1);
            }
        }
        self.pours.set(self.pours.get() + 1);
        let one = One(self);
        tokio::task::spawn_local(async move {
            // Boxed: what is moved from one future into another is there twice.
            with_alarm(Box::pin(fetch)).await;
            drop(one);
        });
    }

    /// When tunnels have to be over; [`Moment::NEVER`] unless the edge drains.
    pub(crate) fn tunnels_until(&self) -> Moment {
        if !self.drain.has_begun() {
            return Moment::NEVER;
        }
        let until = self.shared.tunnels_until.get();
        until.map_or(Moment::NEVER, |until| Moment::of(*until))
    }

    fn tick(&self) {
        // A loop that never rests would not begin a turn.
        clock::begin_turn();
        self.counters.pulse();
        self.falls_left.set(falls::AT_A_TIME);
        clock::look_at_the_wall();
        let view = self.view();
        view.origins.sweep(&view.live, self.index);
        self.log.borrow_mut().flush(&self.counters);
    }
}

/// The connections of one worker, each a task.
struct Viewers {
    worker: Rc<Worker>,
    tasks: JoinSet<()>,
}

impl Viewers {
    /// Serves the viewer who came to this worker, or hands it to one that has fewer.
    fn came(&mut self, arrival: Arrival) {
        let Worker { shared, index, .. } = &*self.worker;
        if let Some(arrival) = shared.staff.assign(*index, arrival) {
            self.serve(arrival);
        }
    }

    /// One who came to another worker.
    fn was_handed(&mut self, handed: HandedOn) {
        match handed.arrive() {
            Ok(arrival) => self.serve(arrival),
            Err(error) => {
                tracing::debug!(%error, "a connection from another worker cannot be used");
                self.left();
            }
        }
    }

    fn serve(&mut self, arrival: Arrival) {
        if !crate::viewer::welcome(&self.worker, &mut self.tasks, arrival) {
            self.left();
        }
    }

    fn left(&self) {
        self.worker.shared.staff.viewer_left(self.worker.index);
    }

    /// Waits until one is over; never returns if there is none.
    async fn see_one_out(&mut self) {
        match self.tasks.join_next().await {
            Some(ended) => {
                self.left();
                self.worker.counters.viewer_ended(&ended);
            }
            None => std::future::pending().await,
        }
    }
}

/// One worker's life: takes commands and viewers until it is drained.
pub(crate) async fn run(
    shared: Arc<Shared>,
    index: usize,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut draining = shared.draining.subscribe();
    let worker = Rc::new(Worker::new(shared, index));
    let mut viewers = Viewers {
        worker: Rc::clone(&worker),
        tasks: JoinSet::new(),
    };
    let mut listeners: JoinSet<()> = JoinSet::new();
    let (arrivals, mut arrived) = mpsc::channel(64);
    let listen = |listeners: &mut JoinSet<()>, accepting| {
        let shared = Arc::clone(&worker.shared);
        listeners.spawn_local(crate::viewer::accept(accepting, arrivals.clone(), shared));
    };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(arrival) = arrived.recv() => viewers.came(arrival),
            () = viewers.see_one_out() => {}
            Some(_) = listeners.join_next(), if !listeners.is_empty() => {}
            command = commands.recv() => match command {
                Some(Command::Listen(accepting)) => listen(&mut listeners, accepting),
                Some(Command::Serve(handed)) => viewers.was_handed(handed),
                Some(Command::Refresh) => drop(worker.view()),
                None => break,
            },
            _ = tick.tick() => worker.tick(),
            _ = draining.wait_for(|draining| *draining) => break,
        }
    }
    worker.drain.begin();
    // From now on nobody is handed to this worker; who was is served. A listener that it was given and has not begun with has
    // a queue, too.
    commands.close();
    while let Ok(command) = commands.try_recv() {
        match command {
            Command::Listen(accepting) => listen(&mut listeners, accepting),
            Command::Serve(handed) => viewers.was_handed(handed),
            Command::Refresh => {}
        }
    }
    // Each listener ends by itself, when it has taken its queue.
    while !(listeners.is_empty()
        && arrived.is_empty()
        && viewers.tasks.is_empty()
        && worker.pours.get() == 0)
    {
        tokio::select! {
            Some(arrival) = arrived.recv() => viewers.came(arrival),
            () = viewers.see_one_out() => {}
            Some(_) = listeners.join_next(), if !listeners.is_empty() => {}
            _ = tick.tick() => worker.tick(),
        }
    }
    worker.log.borrow_mut().flush(&worker.counters);
}
