//! Connections to one endpoint: idle ones, how many are open, and who waits for one. One pool per endpoint and worker.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::wire::Meter;
use crate::clock::Moment;
use crate::message::ViewerBody;
use crate::vitals::Connections;

/// An open connection to an origin. It has one owner at a time: the pool while idle, an attempt or an answer's body
/// while in use. Its bytes are moved by a task of their own, which ends when this is dropped: in order if it was idle, at
/// once if it was in use.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<ViewerBody>,
    pub(crate) meter: Arc<Meter>,
    /// The TLS server name it was opened for; `None` without TLS.
    pub(crate) server_name: Option<Rc<str>>,
    /// How long the origin says that it keeps idle connections (`Keep-Alive: timeout=`), if it says so.
    pub(crate) granted: Cell<Option<Duration>>,
    /// It has carried a request before.
    pub(crate) reused: bool,
    mover: Mover,
    slot: Slot,
}

/// The task that moves a connection's bytes. Left to itself it first flushes what there is to send, however long the
/// origin does not take it.
#[derive(Debug)]
struct Mover {
    task: AbortHandle,
    in_use: Cell<bool>,
}

impl Drop for Mover {
    fn drop(&mut self) {
        if self.in_use.get() {
            self.task.abort();
        }
    }
}

impl Connection {
    pub(crate) fn new(
        sender: SendRequest<ViewerBody>,
        meter: Arc<Meter>,
        server_name: Option<Rc<str>>,
        mover: AbortHandle,
        slot: Slot,
    ) -> Self {
        let mover = Mover {
            task: mover,
            in_use: Cell::new(true),
        };
        Self {
            sender,
            meter,
            server_name,
            granted: Cell::new(None),
            reused: false,
            mover,
            slot,
        }
    }
}

/// The right to have one connection open; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    pool: Weak<Pool>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.open.set(pool.open.get() - 1);
            pool.invite();
        }
    }
}

/// Which connections will do for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Any that is alive: the request can be sent again if the origin was just closing it.
    Any,
    /// An idle one only if the origin is surely not closing it: the request is sent once.
    Sure,
    /// No idle one while one may be opened.
    New,
}

/// What a request that asked the pool gets.
#[derive(Debug)]
pub(crate) enum Turn {
    /// An idle connection.
    Reuse(Lease),
    /// The right to open one.
    Open(Slot),
}

/// A connection in use. Dropping it closes the connection; [`Lease::give_back`] is the one way to keep it.
#[derive(Debug)]
pub(crate) struct Lease {
    // Boxed once: a lease is moved with every answer.
    pub(crate) connection: Box<Connection>,
}

impl Lease {
    /// Of a connection that was opened for this.
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection: Box::new(connection),
        }
    }

    fn again(mut connection: Box<Connection>) -> Self {
        connection.mover.in_use.set(true);
        connection.reused = true;
        Self { connection }
    }

    /// The answer on it was read to its end: the next request may have it.
    pub(crate) fn give_back(self) {
        self.connection.mover.in_use.set(false);
        let Some(pool) = self.connection.slot.pool.upgrade() else {
            return;
        };
        pool.take_back(self.connection);
    }
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Moment,
}

/// Connections to one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    /// Real time.
    keepalive: Duration,
    open: Cell<usize>,
    /// The youngest at the end, which is also where they are taken.
    idle: RefCell<Vec<Idle>>,
    waiting: RefCell<VecDeque<Waiter>>,
    this: Weak<Pool>,
}

#[derive(Debug)]
struct Waiter {
    server_name: Option<Rc<str>>,
    turn: oneshot::Sender<Turn>,
}

impl Pool {
    /// At most `most` connections are open at once; idle ones are kept for `keepalive` (real time).
    pub(crate) fn new(most: usize, keepalive: Duration) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            most,
            keepalive,
            open: Cell::new(0),
            idle: RefCell::default(),
            waiting: RefCell::default(),
            this: this.clone(),
        })
    }

    /// An idle connection that can be sent a request at once, if there is one and any will do.
    pub(crate) fn at_hand(&self, server_name: Option<&str>, wish: Wish) -> Option<Lease> {
        if wish != Wish::Any {
            return None;
        }
        let idle = self.take_idle(server_name, wish)?;
        if idle.connection.sender.is_ready() {
            return Some(Lease::again(idle.connection));
        }
        // It needs one more turn of its task.
        self.idle.borrow_mut().push(idle);
        None
    }

    /// An idle connection, or the right to open one, or a place in line until one of both is free. The caller bounds the wait.
    pub(crate) async fn turn(&self, server_name: Option<&str>, wish: Wish) -> Turn {
        while let Some(Idle { connection, .. }) = self.take_idle(server_name, wish) {
            if wish == Wish::Sure {
                // Lets the reactor and the connection's task see an end of stream that has already arrived.
                tokio::task::yield_now().await;
                if connection.sender.is_closed() {
                    continue;
                }
            }
            return Turn::Reuse(Lease::again(connection));
        }
        self.open_or_wait(server_name).await
    }

    async fn open_or_wait(&self, server_name: Option<&str>) -> Turn {
        if self.open.get() >= self.most {
            // An idle connection that does not fit may be in the way.
            self.idle.borrow_mut().pop();
        }
        if let Some(slot) = self.take_slot() {
            return Turn::Open(slot);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push_back(Waiter {
            server_name: server_name.map(Rc::from),
            turn: sender,
        });
        match receiver.await {
            Ok(turn) => turn,
            // The pool is gone (a reload): its bound is too.
            Err(_) => Turn::Open(Slot { pool: Weak::new() }),
        }
    }

    fn take_slot(&self) -> Option<Slot> {
        (self.open.get() < self.most).then(|| {
            self.open.set(self.open.get() + 1);
            Slot {
                pool: self.this.clone(),
            }
        })
    }

    /// The youngest idle connection for `server_name` that is alive and will do.
    fn take_idle(&self, server_name: Option<&str>, wish: Wish) -> Option<Idle> {
        if wish == Wish::New {
            return None;
        }
        let now = Moment::now();
        let mut idle = self.idle.borrow_mut();
        let mut index = idle.len();
        while index > 0 {
            index -= 1;
            let candidate = &idle[index];
            let age = now.since(candidate.since);
            if candidate.connection.sender.is_closed() || age >= self.keepalive {
                idle.remove(index);
                continue;
            }
            let known = candidate
                .connection
                .granted
                .get()
                .unwrap_or(self.keepalive)
                .min(self.keepalive);
            // The origin's clock began when its answer left, and the request has to get there: half is far from the end.
            let will_do = wish == Wish::Any || age < known / 2;
            if candidate.connection.server_name.as_deref() == server_name && will_do {
                return Some(idle.remove(index));
            }
        }
        None
    }

    fn take_back(&self, connection: Box<Connection>) {
        if connection.sender.is_closed() || self.keepalive.is_zero() {
            return;
        }
        let mut connection = connection;
        while let Some(waiter) = self.next_waiter() {
            if waiter.server_name != connection.server_name {
                // It cannot use this connection: let it open one in its place.
                self.waiting.borrow_mut().push_front(waiter);
                drop(connection);
                return;
            }
            match waiter.turn.send(Turn::Reuse(Lease::again(connection))) {
                Err(Turn::Reuse(lease)) => {
                    connection = lease.connection;
                    connection.mover.in_use.set(false);
                }
                Ok(()) | Err(Turn::Open(_)) => return,
            }
        }
        self.idle.borrow_mut().push(Idle {
            connection,
            since: Moment::now(),
        });
    }

    /// A slot became free: the first in line that still waits may open a connection.
    fn invite(&self) {
        while self.open.get() < self.most {
            let Some(waiter) = self.next_waiter() else {
                return;
            };
            let Some(slot) = self.take_slot() else { return };
            match waiter.turn.send(Turn::Open(slot)) {
                // It gave up; giving the slot back by drop would come here again, so the count is mended in place.
                Err(Turn::Open(mut slot)) => {
                    slot.pool = Weak::new();
                    self.open.set(self.open.get() - 1);
                }
                Ok(()) | Err(Turn::Reuse(_)) => return,
            }
        }
    }

    fn next_waiter(&self) -> Option<Waiter> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(waiter) = waiting.pop_front() {
            if !waiter.turn.is_closed() {
                return Some(waiter);
            }
        }
        None
    }

    /// How many connections there are, and who waits for one.
    pub(crate) fn connections(&self) -> Connections {
        let waiting = self.waiting.borrow();
        let waiting = waiting.iter().filter(|waiter| !waiter.turn.is_closed());
        Connections {
            open: self.open.get() as u64,
            idle: self.idle.borrow().len() as u64,
            waiting: waiting.count() as u64,
        }
    }

    /// Closes idle connections that are too old or that the origin has closed.
    pub(crate) fn sweep(&self) {
        let now = Moment::now();
        let dead: Vec<Idle> = {
            let mut idle = self.idle.borrow_mut();
            idle.extract_if(.., |idle| {
                idle.connection.sender.is_closed() || now.since(idle.since) >= self.keepalive
            })
            .collect()
        };
        drop(dead);
    }
}
