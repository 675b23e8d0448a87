//! The listeners of an edge: which are open, and what a new config changes about them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};

use tideover_config::Listen;

use crate::StartError;
use crate::control::Control;
use crate::status::Desk;
use crate::takeover::Given;
use crate::viewer::{Accepting, Close, Closing, Families, ListeningSocket, Protocol, bind};
use crate::worker::{Command, Shared};
use tokio::sync::mpsc::UnboundedSender;

/// Whom a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// Viewers, who speak this. Every worker accepts there.
    Viewers(Protocol),
    /// Health and metrics, for the operator.
    Admin,
    /// Health and metrics, for whoever can reach it.
    Status,
}

impl ListenerKind {
    /// As in `listening http 127.0.0.1:8000`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewers(protocol) => protocol.as_str(),
            Self::Admin => "admin",
            Self::Status => "status",
        }
    }
}

/// A listener that a config asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    kind: ListenerKind,
    /// As configured: the port may be 0.
    configured: SocketAddr,
    families: Families,
}

/// The listeners that `listen` asks for, in the order in which they are told.
fn wanted(listen: &Listen) -> Vec<Wanted> {
    let viewers = |protocol| move |&address| (ListenerKind::Viewers(protocol), address);
    listen
        .http
        .iter()
        .map(viewers(Protocol::Http))
        .chain(listen.https.iter().map(viewers(Protocol::Https)))
        .chain(listen.admin.map(|address| (ListenerKind::Admin, address)))
        .chain(listen.status.map(|address| (ListenerKind::Status, address)))
        .map(|(kind, configured)| Wanted {
            kind,
            configured,
            families: if listen.takes_both_families(configured) {
                Families::Both
            } else {
                Families::Own
            },
        })
        .collect()
}

/// A listener that is open.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) kind: ListenerKind,
    /// As configured: the port may be 0.
    pub(crate) configured: SocketAddr,
    families: Families,
    /// Where it really is.
    pub(crate) address: SocketAddr,
    /// Whoever accepts from them keeps them.
    sockets: Vec<Weak<ListeningSocket>>,
    close: Close,
}

impl Listener {
    /// Those that somebody accepts from.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = Arc<ListeningSocket>> {
        self.sockets.iter().filter_map(Weak::upgrade)
    }

    fn is(&self, wanted: Wanted) -> bool {
        let Wanted {
            kind,
            configured,
            families,
        } = wanted;
        self.kind == kind && self.configured == configured && self.families == families
    }
}

/// All that are open, in the order of the config.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<Listener>);

/// A listener whose sockets are there, and from which nobody accepts yet.
#[derive(Debug)]
struct Opened {
    listener: Listener,
    /// They were given, so they listen.
    listens: bool,
    /// Each with a descriptor to accept by: whoever is to accept must not find that there is none left.
    sockets: Vec<(Arc<ListeningSocket>, TcpListener)>,
    closing: Closing,
}

/// What a config makes of the listeners, with everything done that can fail but [`Change::listen`]. Dropped before that, it
/// has changed nothing, and nobody has come yet whom that would lose.
#[derive(Debug)]
pub(crate) struct Change {
    /// In the order of the new config; `Err` is the position of one that stays.
    next: Vec<Result<Opened, usize>>,
}

impl Change {
    /// Lets viewers into the queues. To be done last of all that can fail: where an address goes from one listener to
    /// another, a part of those who come is the new one's from now on.
    pub(crate) fn listen(&self) -> Result<(), StartError> {
        let opened = self.next.iter().filter_map(|next| next.as_ref().ok());
        for opened in opened.filter(|opened| !opened.listens) {
            for socket in opened.listener.sockets() {
                let failed =
                    |source| refused(opened.listener.kind, opened.listener.configured, source);
                socket.listen().map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// What became of the listeners: kind and address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerChanges {
    /// Accepts from now on.
    pub opened: Vec<(ListenerKind, SocketAddr)>,
    /// Accepts no more, once its queue is taken.
    pub closed: Vec<(ListenerKind, SocketAddr)>,
}

impl Listeners {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.0.iter()
    }

    /// Opens what `listen` asks for and is not open yet: with sockets that were `given`, else with new ones.
    pub(crate) fn prepare(
        &self,
        listen: &Listen,
        workers: usize,
        given: &mut Given,
    ) -> Result<Change, StartError> {
        let wanted = wanted(listen);
        let mut stays: Vec<Option<usize>> = Vec::new();
        for &want in &wanted {
            // Two with port 0 are the same in words, and two all the same.
            let same = |(position, listener): &(usize, &Listener)| {
                listener.is(want) && !stays.contains(&Some(*position))
            };
            let position = self.0.iter().enumerate().find(same);
            stays.push(position.map(|(position, _)| position));
        }
        let goes = |address: SocketAddr| {
            let mut listeners = self.0.iter().enumerate();
            listeners.any(|(position, listener)| {
                listener.address.port() == address.port() && !stays.contains(&Some(position))
            })
        };
        let next = wanted.iter().zip(&stays).map(|(&wanted, stays)| {
            if let Some(position) = stays {
                return Ok(Err(*position));
            }
            let Wanted {
                kind, configured, ..
            } = wanted;
            let sockets = given.take(kind, configured);
            let listens = !sockets.is_empty();
            let sockets = if sockets.is_empty() {
                let count = match kind {
                    ListenerKind::Viewers(_) => workers,
                    ListenerKind::Admin | ListenerKind::Status => 1,
                };
                let bound = open(wanted, count, goes(configured))?;
                bound
                    .into_iter()
                    .map(|listener| Arc::new(ListeningSocket::new(listener, 0)))
                    .collect()
            } else {
                sockets
            };
            Opened::new(wanted, &sockets, listens, workers).map(Ok)
        });
        Ok(Change {
            next: next.collect::<Result<_, _>>()?,
        })
    }

    /// Where those of `kind` will be once `change` has happened.
    pub(crate) fn addresses(&self, change: &Change, kind: ListenerKind) -> Vec<SocketAddr> {
        let next = change.next.iter().filter_map(|next| match next {
            Ok(opened) => Some(&opened.listener),
            Err(position) => self.0.get(*position),
        });
        next.filter(|listener| listener.kind == kind)
            .map(|listener| listener.address)
            .collect()
    }

    /// Lets `change` happen: whatever is new is accepted from, whatever is not wanted any more closes. Nothing of it is
    /// rebound, so nobody who connects notices.
    pub(crate) fn make(
        &mut self,
        change: Change,
        workers: &[UnboundedSender<Command>],
        control: &Control,
        shared: &Arc<Shared>,
    ) -> ListenerChanges {
        let mut before: Vec<Option<Listener>> =
            std::mem::take(&mut self.0).into_iter().map(Some).collect();
        let mut changes = ListenerChanges::default();
        for next in change.next {
            let listener = match next {
                Ok(opened) => {
                    let listener = opened.begin(workers, control, shared);
                    changes.opened.push((listener.kind, listener.address));
                    Some(listener)
                }
                Err(position) => before.get_mut(position).and_then(Option::take),
            };
            self.0.extend(listener);
        }
        for listener in before.into_iter().flatten() {
            changes.closed.push((listener.kind, listener.address));
            listener.close.say();
        }
        changes
    }

    /// No viewer is accepted any more, once the queues are taken. Health goes on being told, except on sockets that
    /// somebody else accepts from too: who asks there is to hear of that one.
    pub(crate) fn close(&mut self) {
        self.0.retain(|listener| {
            let closes = match listener.kind {
                ListenerKind::Viewers(_) => true,
                ListenerKind::Admin | ListenerKind::Status => {
                    listener.sockets().any(|socket| socket.lives_on())
                }
            };
            if closes {
                listener.close.say();
            }
            !closes
        });
    }
}

fn open(wanted: Wanted, count: usize, besides_ours: bool) -> Result<Vec<TcpListener>, StartError> {
    bind(wanted.configured, wanted.families, count, besides_ours)
        .map_err(|source| refused(wanted.kind, wanted.configured, source))
}

fn refused(kind: ListenerKind, address: SocketAddr, source: io::Error) -> StartError {
    let what = kind.as_str();
    if source.kind() == io::ErrorKind::AddrInUse {
        StartError::PortTaken { what, address }
    } else {
        StartError::Listen {
            what,
            address,
            source,
        }
    }
}

impl Opened {
    fn new(
        wanted: Wanted,
        sockets: &[Arc<ListeningSocket>],
        listens: bool,
        workers: usize,
    ) -> Result<Self, StartError> {
        let Wanted {
            kind,
            configured,
            families,
        } = wanted;
        // Each worker needs a socket and each socket a worker: where there are more of the ones than of the others, they
        // share.
        let count = match kind {
            ListenerKind::Viewers(_) => workers.max(sockets.len()),
            ListenerKind::Admin | ListenerKind::Status => sockets.len(),
        };
        let failed = |source| StartError::Listen {
            what: kind.as_str(),
            address: configured,
            source,
        };
        let first = sockets.first().map(|socket| socket.address());
        let address = first.transpose().map_err(failed)?;
        let shared = sockets
            .iter()
            .cycle()
            .take(count)
            .map(|socket| Ok((Arc::clone(socket), socket.listener().try_clone()?)))
            .collect::<io::Result<_>>()
            .map_err(failed)?;
        let (close, closing) = Close::new();
        let listener = Listener {
            kind,
            configured,
            families,
            address: address.unwrap_or(configured),
            sockets: sockets.iter().map(Arc::downgrade).collect(),
            close,
        };
        Ok(Self {
            listener,
            listens,
            sockets: shared,
            closing,
        })
    }

    /// Has everybody accept.
    fn begin(
        self,
        workers: &[UnboundedSender<Command>],
        control: &Control,
        shared: &Arc<Shared>,
    ) -> Listener {
        let desk = match self.listener.kind {
            ListenerKind::Viewers(protocol) => {
                for (worker, (socket, listener)) in workers.iter().cycle().zip(self.sockets) {
                    let _ = worker.send(Command::Listen(Accepting {
                        protocol,
                        socket,
                        listener,
                        closing: self.closing.clone(),
                    }));
                }
                return self.listener;
            }
            ListenerKind::Admin => Desk::Admin,
            ListenerKind::Status => Desk::Status,
        };
        for (socket, listener) in self.sockets {
            let shared = Arc::clone(shared);
            let closing = self.closing.clone();
            control.run(crate::status::accept(
                desk, shared, socket, listener, closing,
            ));
        }
        self.listener
    }
}
